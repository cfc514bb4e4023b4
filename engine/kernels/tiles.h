/* Tiles of images: where their pixels are, read and transformed, and transformed back and written.
 *
 * Maps that are pooled 2x2 are never there in full: of each window only the largest number is written, and which one it
 * was; and the gradient of a window is that of its winner, the other three get none.
 */

#ifndef TILES_H
#define TILES_H

#include "winograd.h"

/* Channels of the outputs that are multiplied together. */
enum { CHUNK = 64 };

/* Maps of so many bytes leave the caches before they are used, so they are written past them. */
enum { LARGE = 32 << 20 };

/* Pixels of a window on each side; windows of 4x4 outputs, and those that 6x6 pixels reach, on each side. */
enum { WINDOW = 2, WINDOWS = OUT / WINDOW, REACHED = WINDOWS + 2 };

/* Images before and after the convolution. Height and width are what they are without pooling. */
typedef struct {
    int64_t images, height, width, inputs, outputs;
} Shape;

/* Numbers [n][y][x][channel]. Pooled maps are half as high and wide and have `winners`, 0 to 3 in reading order. */
typedef struct {
    float *numbers;
    uint8_t *winners;
    int64_t channels;
} Maps;

/* Transformed numbers are [tile][position][channel], with channels that fill registers. A line more than the numbers
 * take, or those of all tiles would share a set of the cache. */
INLINE int64_t padded(int64_t channels) { return (channels + GROUP - 1) / GROUP * GROUP; }
INLINE int64_t step_of(int64_t channels) { return POSITIONS * padded(channels) + LINE; }

/* Tiles in a column and in a row of an image. Those without outputs are left out: pooling ignores a last odd line. */
typedef struct {
    int64_t down, across;
} Grid;
INLINE Grid grid_of(const Shape *shape, Maps outputs) {
    const int64_t lines = outputs.winners ? WINDOW : 1;
    return (Grid){(shape->height / lines * lines + OUT - 1) / OUT, (shape->width / lines * lines + OUT - 1) / OUT};
}
INLINE int64_t tiles_of(const Shape *shape, Grid grid) { return shape->images * grid.down * grid.across; }

/* Find `size` x `size` neighbours, from `before` the outputs of a tile on; `outside` where there are none. In a pooled
 * map they are windows. */
INLINE void find(const Shape *shape, Grid grid, int64_t tile, Maps maps, const int pooled, const int size,
                 const int before, float *outside, float *found[IN][IN]) {
    const int lines = pooled ? WINDOW : 1;
    const int64_t height = shape->height / lines, width = shape->width / lines, of_image = grid.down * grid.across;
    const int64_t top = tile % of_image / grid.across * OUT / lines - before;
    const int64_t left = tile % grid.across * OUT / lines - before;
    float *image = maps.numbers + tile / of_image * height * width * maps.channels;
    UNROLLED for (int i = 0; i < size; i++) {
        const int64_t y = top + i;
        float *row = image + y * width * maps.channels;
        const int in_row = y >= 0 && y < height;
        UNROLLED for (int j = 0; j < size; j++) {
            const int64_t x = left + j;
            found[i][j] = in_row && x >= 0 && x < width ? row + x * maps.channels : outside;
        }
    }
}

/* Transform `count` tiles, whose pixels are 6x6 inputs or 4x4 gradients of outputs. */
INLINE void transform_tiles(Transform *transform, const int pooled, const int size, const Shape *shape, Grid grid,
                            Maps maps, int64_t first, int64_t count, float *to) {
    static float zeros[MOST];
    const int around = size == IN; /* lines of pixels, or of windows, on each side of the outputs */
    const int found_size = !pooled ? size : around ? REACHED : WINDOWS;
    for (int64_t t = 0; t < count; t++, to += step_of(maps.channels)) {
        float *found[IN][IN];
        find(shape, grid, first + t, maps, pooled, found_size, around, zeros, found);
        for (int64_t c = 0; c < maps.channels; c += LANES) {
            const int64_t lanes = smaller(LANES, maps.channels - c);
            Vector values[IN][IN], transformed[IN][IN];
            UNROLLED for (int i = 0; i < found_size; i++)
                UNROLLED for (int j = 0; j < found_size; j++) {
                    const Vector value = load_part(found[i][j] + c, lanes);
                    if (!pooled) {
                        values[i][j] = value;
                        continue;
                    }
                    /* Outside it does not matter who wins: the value is zero. */
                    const int64_t at = found[i][j] == zeros ? 0 : found[i][j] - maps.numbers;
                    const Mask winner = load_bytes(maps.winners + at + c, lanes);
                    UNROLLED for (int pixel = 0; pixel < WINDOW * WINDOW; pixel++) {
                        const int y = WINDOW * i + pixel / WINDOW - around, x = WINDOW * j + pixel % WINDOW - around;
                        if (y >= 0 && y < size && x >= 0 && x < size)
                            values[y][x] = chosen(winner == pixel, value, (Vector){0});
                    }
                }
            transform_tile(transform, size, IN, values, transformed);
            UNROLLED for (int i = 0; i < IN; i++)
                UNROLLED for (int j = 0; j < IN; j++)
                    store(to + (IN * i + j) * padded(maps.channels) + c, transformed[i][j]);
        }
    }
}

static void transform_inputs(const Shape *shape, Grid grid, Maps x, int64_t first, int64_t count, float *to) {
    if (x.winners)
        transform_tiles(transform_input, 1, IN, shape, grid, x, first, count, to);
    else
        transform_tiles(transform_input, 0, IN, shape, grid, x, first, count, to);
}

static void transform_gradients(const Shape *shape, Grid grid, Maps gradients, int64_t first, int64_t count,
                                float *to) {
    if (gradients.winners)
        transform_tiles(transform_gradient, 1, OUT, shape, grid, gradients, first, count, to);
    else
        transform_tiles(transform_gradient, 0, OUT, shape, grid, gradients, first, count, to);
}

/* As in torch the first of equal numbers wins, and NaN wins over all. */
INLINE Vector pooled_values(const Vector values[WINDOW * WINDOW], Mask *winner) {
    Vector best = values[0];
    *winner = (Mask){0};
    UNROLLED for (int pixel = 1; pixel < WINDOW * WINDOW; pixel++) {
        const Mask wins = (values[pixel] > best) | (values[pixel] != values[pixel]);
        best = chosen(wins, values[pixel], best);
        *winner = (wins & pixel) | (~wins & *winner);
    }
    return best;
}

/* Transform the products of the outputs [from, end) back. */
INLINE void write_tiles(const int pooled, const Shape *shape, Grid grid, const float *products, int64_t from,
                        int64_t end, int64_t first, int64_t count, Maps out) {
    float scratch[MOST + LINE] __attribute__((aligned(4 * LINE)));
    float *nowhere = scratch + LINE / 2; /* not the beginning of a line, so it stays in the cache */
    uint8_t nobody[MOST];
    const int size = pooled ? WINDOWS : OUT, lines = pooled ? WINDOW : 1;
    const int64_t numbers = shape->images * (shape->height / lines) * (shape->width / lines) * out.channels;
    const int past_the_caches = (int64_t)sizeof(float) * numbers >= LARGE;
    for (int64_t t = 0; t < count; t++, products += step_of(CHUNK)) {
        float *found[IN][IN];
        find(shape, grid, first + t, out, pooled, size, 0, nowhere, found);
        for (int64_t c = 0; c < end - from; c += LANES) {
            const int64_t lanes = smaller(LANES, end - from - c);
            Vector values[IN][IN], transformed[IN][IN];
            UNROLLED for (int i = 0; i < IN; i++)
                UNROLLED for (int j = 0; j < IN; j++) values[i][j] = load(products + (IN * i + j) * CHUNK + c);
            transform_tile(transform_product, IN, OUT, values, transformed);
            UNROLLED for (int i = 0; i < size; i++)
                UNROLLED for (int j = 0; j < size; j++) {
                    Vector value = transformed[i][j];
                    if (pooled) {
                        Vector window[WINDOW * WINDOW];
                        Mask winner;
                        UNROLLED for (int pixel = 0; pixel < WINDOW * WINDOW; pixel++)
                            window[pixel] = transformed[WINDOW * i + pixel / WINDOW][WINDOW * j + pixel % WINDOW];
                        value = pooled_values(window, &winner);
                        uint8_t *to = found[i][j] == nowhere ? nobody : out.winners + (found[i][j] - out.numbers);
                        store_bytes(to + from + c, winner, lanes);
                    }
                    store_part(found[i][j] + from + c, value, lanes, past_the_caches);
                }
        }
    }
}

static void write_outputs(const Shape *shape, Grid grid, const float *products, int64_t from, int64_t end,
                          int64_t first, int64_t count, Maps out) {
    if (out.winners)
        write_tiles(1, shape, grid, products, from, end, first, count, out);
    else
        write_tiles(0, shape, grid, products, from, end, first, count, out);
}

#endif
