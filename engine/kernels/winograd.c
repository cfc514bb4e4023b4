/* 3x3 convolutions with padding 1, and 2x2 max-pooling after them where it is wanted, as F(4x4, 3x3) of Winograd (Lavin
 * and Gray, 2015, arXiv 1509.09308).
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
#include "tiles.h"

/* Tiles that are transformed and multiplied together: what they need is in the second cache. The transformed weights
 * are not, if there are many channels: they are read once for these tiles. */
enum { TILES = 24 };

typedef struct {
    int64_t output, input, row, column;
} Strides;

/* Where the weights at a position, of an input and the outputs from `output` on, lie, in the order of their use:
 * [chunk][position][panel][input][output of the panel]; and how far apart positions are. `outputs` are padded. Again
 * there is a line between the positions. */
INLINE int64_t next_position(int64_t output, int64_t inputs, int64_t outputs) {
    return inputs * smaller(CHUNK, outputs - output / CHUNK * CHUNK) + LINE;
}
INLINE int64_t place_of(int64_t position, int64_t input, int64_t output, int64_t inputs, int64_t outputs) {
    const int64_t chunk = output / CHUNK, panel = output / PANEL * PANEL;
    return chunk * POSITIONS * (inputs * CHUNK + LINE) + position * next_position(output, inputs, outputs) +
           inputs * (panel - chunk * CHUNK) + input * smaller(PANEL, outputs - panel) + output - panel;
}

/* The weights of up to 16 inputs and as many outputs as a register has, with those of an input's tap beside each other.
 * In a layer of many channels the weights of a tap are far apart: read one by one for each input they would not be in
 * the first cache. */
typedef struct {
    float taps[TAPS][TAPS][GROUP][LANES];
} WeightBlock;

/* Copy them from where they lie, or, with `back`, there. */
INLINE void copy_weights(const int back, const Strides *strides, int64_t input, int64_t inputs, int64_t output,
                         int64_t outputs, float *weights, WeightBlock *block) {
    for (int r = 0; r < TAPS; r++)
        for (int s = 0; s < TAPS; s++)
            for (int64_t o = 0; o < outputs; o++)
                for (int64_t i = 0; i < inputs; i++) {
                    float *weight = weights + (output + o) * strides->output + (input + i) * strides->input +
                                    r * strides->row + s * strides->column;
                    if (back)
                        *weight = block->taps[r][s][i][o];
                    else
                        block->taps[r][s][i][o] = *weight;
                }
}

/* Transform the weights of `inputs` [first, end). */
static void transform_weights(float *weights, const Strides *strides, int64_t inputs, int64_t outputs, int64_t first,
                              int64_t end, float *to) {
    WeightBlock block = {0};
    for (int64_t o = 0; o < padded(outputs); o += LANES)
        for (int64_t start = first; start < end; start += GROUP) {
            const int64_t lanes = o < outputs ? smaller(LANES, outputs - o) : 0, count = smaller(GROUP, end - start);
            copy_weights(0, strides, start, count, o, lanes, weights, &block);
            for (int64_t i = 0; i < count; i++) {
                Vector taps[IN][IN], transformed[IN][IN];
                UNROLLED for (int r = 0; r < TAPS; r++)
                    UNROLLED for (int s = 0; s < TAPS; s++) taps[r][s] = load_part(block.taps[r][s][i], lanes);
                transform_tile(transform_weight, TAPS, IN, taps, transformed);
                float *at = to + place_of(0, start + i, o, inputs, padded(outputs));
                const int64_t next = next_position(o, inputs, padded(outputs));
                UNROLLED for (int r = 0; r < IN; r++)
                    UNROLLED for (int s = 0; s < IN; s++) store(at + (IN * r + s) * next, transformed[r][s]);
            }
        }
}

/* The transposed transform, for the weights' gradients, which are written as their strides say. */
static void write_weight_gradients(const float *sums, const Strides *strides, int64_t inputs, int64_t outputs,
                                   int64_t first, int64_t end, float *to) {
    WeightBlock block;
    for (int64_t o = 0; o < outputs; o += LANES)
        for (int64_t start = first; start < end; start += GROUP) {
            const int64_t count = smaller(GROUP, end - start);
            for (int64_t i = 0; i < count; i++) {
                Vector values[IN][IN], taps[IN][IN];
                const float *at = sums + place_of(0, start + i, o, inputs, padded(outputs));
                const int64_t next = next_position(o, inputs, padded(outputs));
                UNROLLED for (int r = 0; r < IN; r++)
                    UNROLLED for (int s = 0; s < IN; s++) values[r][s] = load(at + (IN * r + s) * next);
                transform_tile(transform_weight_gradient, IN, TAPS, values, taps);
                UNROLLED for (int r = 0; r < TAPS; r++)
                    UNROLLED for (int s = 0; s < TAPS; s++) store(block.taps[r][s][i], taps[r][s]);
            }
            copy_weights(1, strides, start, count, o, smaller(LANES, outputs - o), to, &block);
        }
}

/* Numbers that the transformed weights take, and those that a thread needs for its tiles. */
int64_t room_of_weights(int64_t inputs, int64_t outputs) {
    return POSITIONS * (inputs * padded(outputs) + (outputs + CHUNK - 1) / CHUNK * LINE);
}
int64_t room_of_a_part(int64_t inputs, int64_t outputs) {
    return TILES * (step_of(inputs) + step_of(outputs > CHUNK ? outputs : CHUNK));
}

/* out = x convolved with the weights. With `x_winners` x are the gradients of pooled maps, with `winners` the outputs
 * are pooled. `room` has the numbers of the transformed weights, and those of all parts. */
void convolve(const Shape *shape, float *x, uint8_t *x_winners, float *weights, const Strides *strides, float *out,
              uint8_t *winners, float *room, int parts) {
    const Maps from = {x, x_winners, shape->inputs}, to = {out, winners, shape->outputs};
    const Grid grid = grid_of(shape, to);
    const int64_t inputs = shape->inputs, outputs = padded(shape->outputs), tiles = tiles_of(shape, grid);
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
                transform_inputs(shape, grid, from, first, count, values);
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
                    write_outputs(shape, grid, products, chunk, smaller(chunk_end, shape->outputs), first, count, to);
                }
            }
            _mm_sfence(); /* what was written past the caches is there for the other threads */
        }
    }
}

/* The gradients of the weights, from those of the outputs, which are pooled if there are `winners`. `room` has the
 * numbers of the transformed weights for each part, and those of all parts. */
void convolve_weight_gradients(const Shape *shape, float *x, float *gradients, uint8_t *winners, float *to,
                               const Strides *strides, float *room, int parts) {
    const Maps in = {x, 0, shape->inputs}, out = {gradients, winners, shape->outputs};
    const Grid grid = grid_of(shape, out);
    const int64_t inputs = shape->inputs, outputs = padded(shape->outputs), tiles = tiles_of(shape, grid);
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
                transform_inputs(shape, grid, in, first, count, values);
                transform_gradients(shape, grid, out, first, count, pulls);
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
