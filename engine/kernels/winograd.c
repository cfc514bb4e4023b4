/* 3x3 convolutions with padding 1, as F(4x4, 3x3) of Winograd (Lavin and Gray, 2015, arXiv 1509.09308).
 *
 * A tile of 6x6 inputs gives 4x4 outputs. Inputs and weights are transformed by sums and differences, multiplied at
 * each of 36 positions, and the products are transformed back: 36 multiplications instead of 144. The product at one
 * position, for all tiles and channels, is a product of matrices. The gradients are the transposes of the same steps.
 *
 * Images are [n][y][x][channel], weights lie as their strides say. What of a tile lies outside the image is zero and is
 * not written. Tiles are shared out to the threads in the same way each time, and the sums of the threads are added in
 * their order, so the same number of threads gives the same bits.
 */

#include <string.h>

#include "products.h"
#include "winograd.h"

/* Tiles that are transformed and multiplied together, and channels of the outputs that are: what they need is in the
 * second cache. The transformed weights are not, if there are many channels: they are read once for these tiles. */
enum { TILES = 24, CHUNK = 64 };

/* Outputs of so many bytes leave the caches before they are used, so they are written past them. */
enum { LARGE = 32 << 20 };

typedef struct {
    int64_t images, height, width, inputs, outputs;
} Shape;

typedef struct {
    int64_t output, input, row, column;
} Strides;

/* Transformed numbers are [tile][position][channel], with channels that fill registers. A line more than the numbers
 * take, or those of all tiles would share a set of the cache. */
INLINE int64_t padded(int64_t channels) { return (channels + GROUP - 1) / GROUP * GROUP; }
INLINE int64_t step_of(int64_t channels) { return POSITIONS * padded(channels) + LINE; }

INLINE int64_t tiles_across(int64_t pixels) { return (pixels + OUT - 1) / OUT; }
INLINE int64_t tiles_of(const Shape *shape) {
    return shape->images * tiles_across(shape->height) * tiles_across(shape->width);
}

/* Find the pixels of a tile that begins `before` its outputs, and `outside` for those that are not in the image. */
INLINE void find_pixels(const Shape *shape, int64_t tile, const int size, const int before, const float *images,
                        int64_t channels, const float *outside, const float *pixels[IN][IN]) {
    const int64_t across = tiles_across(shape->width), of_image = across * tiles_across(shape->height);
    const int64_t top = tile % of_image / across * OUT - before, left = tile % across * OUT - before;
    const float *image = images + tile / of_image * shape->height * shape->width * channels;
    UNROLLED for (int i = 0; i < size; i++) {
        const int64_t y = top + i;
        const float *row = image + y * shape->width * channels;
        const int in_row = y >= 0 && y < shape->height;
        UNROLLED for (int j = 0; j < size; j++) {
            const int64_t x = left + j;
            pixels[i][j] = in_row && x >= 0 && x < shape->width ? row + x * channels : outside;
        }
    }
}

/* Transform `count` tiles, whose pixels are 6x6 inputs or 4x4 gradients of outputs. */
INLINE void transform_pixels(Transform *transform, const int size, const int before, const Shape *shape,
                             const float *images, int64_t channels, int64_t first, int64_t count, float *to) {
    static const float zeros[MOST];
    for (int64_t t = 0; t < count; t++, to += step_of(channels)) {
        const float *pixels[IN][IN];
        find_pixels(shape, first + t, size, before, images, channels, zeros, pixels);
        for (int64_t c = 0; c < channels; c += LANES) {
            const int64_t lanes = smaller(LANES, channels - c);
            Vector values[IN][IN], transformed[IN][IN];
            UNROLLED for (int i = 0; i < size; i++)
                UNROLLED for (int j = 0; j < size; j++) values[i][j] = load_part(pixels[i][j] + c, lanes);
            transform_tile(transform, size, IN, values, transformed);
            UNROLLED for (int i = 0; i < IN; i++)
                UNROLLED for (int j = 0; j < IN; j++) store(to + (IN * i + j) * padded(channels) + c, transformed[i][j]);
        }
    }
}

static void transform_inputs(const Shape *shape, const float *x, int64_t first, int64_t count, float *to) {
    transform_pixels(transform_input, IN, 1, shape, x, shape->inputs, first, count, to);
}

static void transform_gradients(const Shape *shape, const float *gradients, int64_t first, int64_t count, float *to) {
    transform_pixels(transform_gradient, OUT, 0, shape, gradients, shape->outputs, first, count, to);
}

/* Transform the products of the outputs [from, end) back. */
static void write_outputs(const Shape *shape, const float *products, int64_t from, int64_t end, int64_t first,
                          int64_t count, float *out) {
    float scratch[MOST + LINE] __attribute__((aligned(4 * LINE)));
    float *nowhere = scratch + LINE / 2; /* not the beginning of a line, so it stays in the cache */
    const int past_the_caches = 4 * shape->images * shape->height * shape->width * shape->outputs >= LARGE;
    for (int64_t t = 0; t < count; t++, products += step_of(CHUNK)) {
        const float *pixels[IN][IN];
        find_pixels(shape, first + t, OUT, 0, out, shape->outputs, nowhere, pixels);
        for (int64_t c = 0; c < end - from; c += LANES) {
            const int64_t lanes = smaller(LANES, end - from - c);
            Vector values[IN][IN], transformed[IN][IN];
            UNROLLED for (int i = 0; i < IN; i++)
                UNROLLED for (int j = 0; j < IN; j++) values[i][j] = load(products + (IN * i + j) * CHUNK + c);
            transform_tile(transform_product, IN, OUT, values, transformed);
            UNROLLED for (int i = 0; i < OUT; i++)
                UNROLLED for (int j = 0; j < OUT; j++)
                    store_part((float *)pixels[i][j] + from + c, transformed[i][j], lanes, past_the_caches);
        }
    }
}

/* Where the weights at a position, of an input and the outputs from `output` on, lie, in the order of their use:
 * [chunk][position][panel][input][output of the panel]. `outputs` are padded. */
INLINE int64_t place_of(int64_t position, int64_t input, int64_t output, int64_t inputs, int64_t outputs) {
    const int64_t chunk = output / CHUNK * CHUNK, panel = output / PANEL * PANEL;
    return inputs * (POSITIONS * chunk + position * smaller(CHUNK, outputs - chunk) + panel - chunk) +
           input * smaller(PANEL, outputs - panel) + output - panel;
}

/* Transform the weights of `inputs` [first, end). */
static void transform_weights(const float *weights, const Strides *strides, int64_t inputs, int64_t outputs,
                              int64_t first, int64_t end, float *to) {
    for (int64_t i = first; i < end; i++)
        for (int64_t o = 0; o < padded(outputs); o += LANES) {
            Vector taps[IN][IN] = {0}, transformed[IN][IN];
            for (int r = 0; r < TAPS; r++)
                for (int s = 0; s < TAPS; s++)
                    for (int lane = 0; lane < smaller(LANES, outputs - o); lane++)
                        taps[r][s][lane] = weights[(o + lane) * strides->output + i * strides->input +
                                                   r * strides->row + s * strides->column];
            transform_tile(transform_weight, TAPS, IN, taps, transformed);
            UNROLLED for (int r = 0; r < IN; r++)
                UNROLLED for (int s = 0; s < IN; s++)
                    store(to + place_of(IN * r + s, i, o, inputs, padded(outputs)), transformed[r][s]);
        }
}

/* The transposed transform, for the weights' gradients, which are written as their strides say. */
static void write_weight_gradients(const float *sums, const Strides *strides, int64_t inputs, int64_t outputs,
                                   int64_t first, int64_t end, float *to) {
    for (int64_t i = first; i < end; i++)
        for (int64_t o = 0; o < padded(outputs); o += LANES) {
            Vector values[IN][IN], taps[IN][IN];
            UNROLLED for (int r = 0; r < IN; r++)
                UNROLLED for (int s = 0; s < IN; s++)
                    values[r][s] = load(sums + place_of(IN * r + s, i, o, inputs, padded(outputs)));
            transform_tile(transform_weight_gradient, IN, TAPS, values, taps);
            for (int r = 0; r < TAPS; r++)
                for (int s = 0; s < TAPS; s++)
                    for (int lane = 0; lane < smaller(LANES, outputs - o); lane++)
                        to[(o + lane) * strides->output + i * strides->input + r * strides->row + s * strides->column] =
                            taps[r][s][lane];
        }
}

/* Numbers that the transformed weights take, and those that a thread needs for its tiles. */
int64_t room_of_weights(int64_t inputs, int64_t outputs) { return POSITIONS * inputs * padded(outputs); }
int64_t room_of_a_part(int64_t inputs, int64_t outputs) {
    return TILES * (step_of(inputs) + step_of(outputs > CHUNK ? outputs : CHUNK));
}

/* out = x convolved with the weights. `room` has the numbers of the transformed weights, and those of all parts. */
void convolve(const Shape *shape, const float *x, const float *weights, const Strides *strides, float *out, float *room,
              int parts) {
    const int64_t inputs = shape->inputs, outputs = padded(shape->outputs), tiles = tiles_of(shape);
    float *transformed = room;
    room += room_of_weights(inputs, outputs);
#pragma omp parallel num_threads(parts)
    {
#pragma omp for schedule(static, 1)
        for (int part = 0; part < parts; part++)
            transform_weights(weights, strides, inputs, shape->outputs, first_of(part, inputs, parts),
                              first_of(part + 1, inputs, parts), transformed);
#pragma omp for schedule(static, 1)
        for (int part = 0; part < parts; part++) {
            float *values = room + part * room_of_a_part(inputs, outputs), *products = values + TILES * step_of(inputs);
            const int64_t end = first_of(part + 1, tiles, parts);
            for (int64_t first = first_of(part, tiles, parts); first < end; first += TILES) {
                const int64_t count = smaller(TILES, end - first), rows = (count + LOW - 1) / LOW * LOW;
                transform_inputs(shape, x, first, count, values);
                for (int64_t chunk = 0; chunk < outputs; chunk += CHUNK) {
                    const int64_t chunk_end = smaller(chunk + CHUNK, outputs);
                    for (int64_t p = 0; p < POSITIONS; p++)
                        for (int64_t o = chunk; o < chunk_end; o += PANEL) {
                            const int64_t columns = smaller(PANEL, chunk_end - o);
                            const float *panel = transformed + place_of(p, 0, o, inputs, outputs);
                            const Product of = {.depth = inputs,
                                                .left_row = step_of(inputs),
                                                .left_k = 1,
                                                .right_k = columns,
                                                .to_row = step_of(CHUNK),
                                                .next = panel + inputs * columns,
                                                .next_of_row = inputs * columns / TILES};
                            multiply(rows, columns == LANES, of, values + p * padded(inputs), panel,
                                     products + p * CHUNK + o - chunk);
                        }
                    write_outputs(shape, products, chunk, smaller(chunk_end, shape->outputs), first, count, out);
                }
            }
            _mm_sfence(); /* what was written past the caches is there for the other threads */
        }
    }
}

/* The gradients of the weights. `room` has the numbers of the transformed weights for each part, and those of all
 * parts. */
void convolve_weight_gradients(const Shape *shape, const float *x, const float *gradients, float *to,
                               const Strides *strides, float *room, int parts) {
    const int64_t inputs = shape->inputs, outputs = padded(shape->outputs), tiles = tiles_of(shape);
    const int64_t size = room_of_weights(inputs, outputs);
    float *buffers = room + parts * size;
#pragma omp parallel num_threads(parts)
    {
#pragma omp for schedule(static, 1)
        for (int part = 0; part < parts; part++) {
            float *sums = room + part * size, *values = buffers + part * room_of_a_part(inputs, outputs);
            float *pulls = values + TILES * step_of(inputs);
            const int64_t start = first_of(part, tiles, parts), end = first_of(part + 1, tiles, parts);
            if (start == end) memset(sums, 0, size * sizeof *sums);
            for (int64_t first = start; first < end; first += TILES) {
                const int64_t count = smaller(TILES, end - first);
                transform_inputs(shape, x, first, count, values);
                transform_gradients(shape, gradients, first, count, pulls);
                for (int64_t p = 0; p < POSITIONS; p++)
                    for (int64_t o = 0; o < outputs; o += PANEL) {
                        const int64_t columns = smaller(PANEL, outputs - o);
                        float *panel = sums + place_of(p, 0, o, inputs, outputs);
                        const Product of = {.depth = count,
                                            .left_row = 1,
                                            .left_k = step_of(inputs),
                                            .right_k = step_of(outputs),
                                            .to_row = columns,
                                            .add = first > start,
                                            .next = panel + ROWS * columns,
                                            .next_of_row = columns};
                        multiply(inputs, columns == LANES, of, values + p * padded(inputs), pulls + p * outputs + o,
                                 panel);
                    }
            }
        }
#pragma omp for schedule(static, 1)
        for (int part = 0; part < parts; part++) {
            for (int other = 1; other < parts; other++)
                for (int64_t i = first_of(part, size, parts); i < first_of(part + 1, size, parts); i++)
                    room[i] += room[other * size + i];
        }
#pragma omp for schedule(static, 1)
        for (int part = 0; part < parts; part++)
            write_weight_gradients(room, strides, inputs, shape->outputs, first_of(part, inputs, parts),
                                   first_of(part + 1, inputs, parts), to);
    }
}
