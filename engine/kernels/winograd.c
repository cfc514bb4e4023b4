/* 3x3 convolutions with padding 1, as F(2x2, 3x3) of Winograd (Lavin and Gray, 2015, arXiv 1509.09308).
 *
 * A tile of 4x4 inputs gives 2x2 outputs. Inputs and weights are transformed by sums and differences, multiplied at
 * each of 16 positions, and the products are transformed back: 16 multiplications instead of 36. The product at one
 * position, for all tiles and channels, is a product of matrices. The gradients are the transposes of the same steps.
 *
 * Images are [n][y][x][channel], weights lie as their strides say. Tiles are shared out to the threads in the same way
 * each time, and the sums of the threads are added in their order, so the same number of threads gives the same bits.
 */

#include <string.h>

#include "vectors.h"

/* Rows of a product of matrices whose sums are in registers at the same time: a multiple of the rows of a low block. */
enum { LOW = 4, ROWS = LANES == 16 ? 12 : LOW };

/* Tiles that are transformed and multiplied together: what they need is in the second cache. */
enum { TILES = 24, POSITIONS = 16 };

/* Floats from one position to the next. A line more than the numbers take, or all would share a set of the cache. */
INLINE int64_t step_of(int64_t channels) { return TILES * channels + 16; }

typedef struct {
    int64_t images, height, width, inputs, outputs;
} Shape;

typedef struct {
    int64_t output, input, row, column;
} Strides;

INLINE int64_t tiles_of(const Shape *shape) { return shape->images * (shape->height / 2) * (shape->width / 2); }

/* Where tile number `tile` begins: its image, and the row and column of its first output. */
typedef struct {
    int64_t image, y, x;
} Place;
INLINE Place place_of(int64_t tile, const Shape *shape) {
    const int64_t across = shape->width / 2, of_image = across * (shape->height / 2);
    return (Place){tile / of_image, tile % of_image / across * 2, tile % across * 2};
}

/* Inputs and their transforms: [position][tile][channel]. */
static void transform_inputs(const Shape *shape, const float *x, int64_t channels, int64_t first, int64_t count,
                             float *to) {
    static const float zeros[MOST];
    const int64_t step = step_of(channels);
    for (int64_t t = 0; t < count; t++) {
        const Place at = place_of(first + t, shape);
        const float *pixels[4][4];
        for (int64_t i = 0; i < 4; i++)
            for (int64_t j = 0; j < 4; j++) {
                const int64_t y = at.y + i - 1, column = at.x + j - 1;
                const int inside = y >= 0 && y < shape->height && column >= 0 && column < shape->width;
                pixels[i][j] = inside ? x + ((at.image * shape->height + y) * shape->width + column) * channels : zeros;
            }
        for (int64_t c = 0; c < channels; c += LANES) {
            Vector half[4][4];
            UNROLLED for (int j = 0; j < 4; j++) {
                const Vector a = load(pixels[0][j] + c), b = load(pixels[1][j] + c), d = load(pixels[2][j] + c);
                half[0][j] = a - d, half[1][j] = b + d, half[2][j] = d - b, half[3][j] = b - load(pixels[3][j] + c);
            }
            UNROLLED for (int i = 0; i < 4; i++) {
                float *row = to + 4 * i * step + t * channels + c;
                const Vector a = half[i][0], b = half[i][1], d = half[i][2], e = half[i][3];
                store(row, a - d), store(row + step, b + d), store(row + 2 * step, d - b), store(row + 3 * step, b - e);
            }
        }
    }
}

/* The transposed transform of the outputs, for their gradients: 2x2 to 4x4. */
static void transform_gradients(const Shape *shape, const float *gradients, int64_t first, int64_t count, float *to) {
    const int64_t channels = shape->outputs, row_size = shape->width * channels, step = step_of(channels);
    for (int64_t t = 0; t < count; t++) {
        const Place at = place_of(first + t, shape);
        const float *corner = gradients + (at.image * shape->height + at.y) * row_size + at.x * channels;
        for (int64_t c = 0; c < channels; c += LANES) {
            Vector half[4][2];
            UNROLLED for (int j = 0; j < 2; j++) {
                const Vector a = load(corner + j * channels + c), b = load(corner + row_size + j * channels + c);
                half[0][j] = a, half[1][j] = a + b, half[2][j] = a - b, half[3][j] = -b;
            }
            UNROLLED for (int i = 0; i < 4; i++) {
                float *row = to + 4 * i * step + t * channels + c;
                const Vector a = half[i][0], b = half[i][1];
                store(row, a), store(row + step, a + b), store(row + 2 * step, a - b), store(row + 3 * step, -b);
            }
        }
    }
}

/* Transform the products back and write 2x2 outputs of each tile. */
static void write_outputs(const Shape *shape, const float *products, int64_t channels, int64_t first, int64_t count,
                          float *out) {
    const int64_t row_size = shape->width * channels, step = step_of(channels);
    for (int64_t t = 0; t < count; t++) {
        const Place at = place_of(first + t, shape);
        float *corner = out + (at.image * shape->height + at.y) * row_size + at.x * channels;
        for (int64_t c = 0; c < channels; c += LANES) {
            Vector half[2][4];
            UNROLLED for (int j = 0; j < 4; j++) {
                const float *from = products + j * step + t * channels + c;
                const int64_t below = 4 * step;
                const Vector a = load(from), b = load(from + below);
                const Vector d = load(from + 2 * below), e = load(from + 3 * below);
                half[0][j] = a + b + d, half[1][j] = b - d - e;
            }
            UNROLLED for (int i = 0; i < 2; i++) {
                const Vector a = half[i][0], b = half[i][1], d = half[i][2], e = half[i][3];
                store(corner + i * row_size + c, a + b + d), store(corner + i * row_size + channels + c, b - d - e);
            }
        }
    }
}

/* Transform the weights of `inputs` [first, end): [position][input][output]. */
static void transform_weights(const float *weights, const Strides *strides, int64_t inputs, int64_t outputs,
                              int64_t first, int64_t end, float *to) {
    for (int64_t i = first; i < end; i++)
        for (int64_t o = 0; o < outputs; o += LANES) {
            Vector taps[3][3], half[4][3];
            for (int r = 0; r < 3; r++)
                for (int s = 0; s < 3; s++)
                    for (int lane = 0; lane < LANES; lane++)
                        taps[r][s][lane] = weights[(o + lane) * strides->output + i * strides->input +
                                                   r * strides->row + s * strides->column];
            UNROLLED for (int s = 0; s < 3; s++) {
                const Vector a = taps[0][s], b = taps[1][s], d = taps[2][s];
                half[0][s] = a, half[1][s] = 0.5f * (a + b + d), half[2][s] = 0.5f * (a - b + d), half[3][s] = d;
            }
            UNROLLED for (int r = 0; r < 4; r++) {
                const Vector a = half[r][0], b = half[r][1], d = half[r][2];
                float *row = to + (4 * r * inputs + i) * outputs + o;
                const int64_t next = inputs * outputs;
                store(row, a), store(row + next, 0.5f * (a + b + d));
                store(row + 2 * next, 0.5f * (a - b + d)), store(row + 3 * next, d);
            }
        }
}

/* The transposed transform, for the weights' gradients, which are written as their strides say. */
static void write_weight_gradients(const float *sums, const Strides *strides, int64_t inputs, int64_t outputs,
                                   int64_t first, int64_t end, float *to) {
    for (int64_t i = first; i < end; i++)
        for (int64_t o = 0; o < outputs; o += LANES) {
            Vector half[3][4], taps[3][3];
            UNROLLED for (int s = 0; s < 4; s++) {
                const float *from = sums + (s * inputs + i) * outputs + o;
                const int64_t below = 4 * inputs * outputs;
                const Vector a = load(from), b = load(from + below);
                const Vector d = load(from + 2 * below), e = load(from + 3 * below);
                half[0][s] = a + 0.5f * (b + d), half[1][s] = 0.5f * (b - d), half[2][s] = 0.5f * (b + d) + e;
            }
            UNROLLED for (int r = 0; r < 3; r++) {
                const Vector a = half[r][0], b = half[r][1], d = half[r][2], e = half[r][3];
                taps[r][0] = a + 0.5f * (b + d), taps[r][1] = 0.5f * (b - d), taps[r][2] = 0.5f * (b + d) + e;
            }
            for (int r = 0; r < 3; r++)
                for (int s = 0; s < 3; s++)
                    for (int lane = 0; lane < LANES; lane++)
                        to[(o + lane) * strides->output + i * strides->input + r * strides->row + s * strides->column] =
                            taps[r][s][lane];
        }
}

/* Where the numbers of a product of matrices lie: to[row][column] is the sum over k of left[row][k] * right[k][column],
 * and what was there before if `add`. */
typedef struct {
    int64_t depth, row_stride, k_stride, columns; /* left[row][k] is at row * row_stride + k * k_stride */
    int add;
} Product;

/* `rows` rows and `registers` registers of columns, with all sums in registers. */
INLINE void multiply_block(const int rows, const int registers, const Product *of, const float *left,
                           const float *right, float *to) {
    Vector sums[ROWS][2];
    UNROLLED for (int row = 0; row < rows; row++)
        UNROLLED for (int r = 0; r < registers; r++)
            sums[row][r] = of->add ? load(to + row * of->columns + r * LANES) : (Vector){0};
    for (int64_t k = 0; k < of->depth; k++, left += of->k_stride, right += of->columns) {
        Vector by[2];
        UNROLLED for (int r = 0; r < registers; r++) by[r] = load(right + r * LANES);
        UNROLLED for (int row = 0; row < rows; row++)
            UNROLLED for (int r = 0; r < registers; r++)
                sums[row][r] = add_product(sums[row][r], left[row * of->row_stride], by[r]);
    }
    UNROLLED for (int row = 0; row < rows; row++)
        UNROLLED for (int r = 0; r < registers; r++) store(to + row * of->columns + r * LANES, sums[row][r]);
}

static void multiply(int64_t rows, Product of, const float *left, const float *right, float *to) {
    for (int64_t column = 0; column < of.columns; column += 2 * LANES) {
        const int narrow = of.columns - column == LANES;
        for (int64_t row = 0; row < rows;) {
            const int low = rows - row < ROWS;
            const float *from = left + row * of.row_stride, *by = right + column;
            float *block = to + row * of.columns + column;
            if (narrow && low)
                multiply_block(LOW, 1, &of, from, by, block);
            else if (narrow)
                multiply_block(ROWS, 1, &of, from, by, block);
            else if (low)
                multiply_block(LOW, 2, &of, from, by, block);
            else
                multiply_block(ROWS, 2, &of, from, by, block);
            row += low ? LOW : ROWS;
        }
    }
}

/* Floats that a thread needs for a block of tiles. */
int64_t room_of_a_part(int64_t inputs, int64_t outputs) { return POSITIONS * (step_of(inputs) + step_of(outputs)); }

/* out = x convolved with the weights. `room` has 16 * inputs * outputs numbers, and those of all parts. */
void convolve(const Shape *shape, const float *x, const float *weights, const Strides *strides, float *out, float *room,
              int parts) {
    const int64_t inputs = shape->inputs, outputs = shape->outputs, tiles = tiles_of(shape);
    const int64_t blocks = (tiles + TILES - 1) / TILES;
    float *transformed = room;
    room += POSITIONS * inputs * outputs;
#pragma omp parallel num_threads(parts)
    {
#pragma omp for schedule(static, 1)
        for (int part = 0; part < parts; part++)
            transform_weights(weights, strides, inputs, outputs, first_of(part, inputs, parts),
                              first_of(part + 1, inputs, parts), transformed);
#pragma omp for schedule(static, 1)
        for (int part = 0; part < parts; part++) {
            float *values = room + part * room_of_a_part(inputs, outputs);
            float *products = values + POSITIONS * step_of(inputs);
            for (int64_t block = first_of(part, blocks, parts); block < first_of(part + 1, blocks, parts); block++) {
                const int64_t first = block * TILES, count = smaller(TILES, tiles - first);
                const int64_t padded = (count + LOW - 1) / LOW * LOW;
                transform_inputs(shape, x, inputs, first, count, values);
                for (int64_t p = 0; p < POSITIONS; p++)
                    multiply(padded, (Product){inputs, inputs, 1, outputs, 0}, values + p * step_of(inputs),
                             transformed + p * inputs * outputs, products + p * step_of(outputs));
                write_outputs(shape, products, outputs, first, count, out);
            }
        }
    }
}

/* The gradients of the weights. `room` has 16 * inputs * outputs numbers for each part, and those of all parts. */
void convolve_weight_gradients(const Shape *shape, const float *x, const float *gradients, float *to,
                               const Strides *strides, float *room, int parts) {
    const int64_t inputs = shape->inputs, outputs = shape->outputs, tiles = tiles_of(shape);
    const int64_t blocks = (tiles + TILES - 1) / TILES, size = POSITIONS * inputs * outputs;
    float *buffers = room + parts * size;
#pragma omp parallel num_threads(parts)
    {
#pragma omp for schedule(static, 1)
        for (int part = 0; part < parts; part++) {
            float *sums = room + part * size, *values = buffers + part * room_of_a_part(inputs, outputs);
            float *pulls = values + POSITIONS * step_of(inputs);
            memset(sums, 0, size * sizeof *sums);
            for (int64_t block = first_of(part, blocks, parts); block < first_of(part + 1, blocks, parts); block++) {
                const int64_t first = block * TILES, count = smaller(TILES, tiles - first);
                transform_inputs(shape, x, inputs, first, count, values);
                transform_gradients(shape, gradients, first, count, pulls);
                for (int64_t p = 0; p < POSITIONS; p++)
                    multiply(inputs, (Product){count, 1, inputs, outputs, 1}, values + p * step_of(inputs),
                             pulls + p * step_of(outputs), sums + p * inputs * outputs);
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
            write_weight_gradients(room, strides, inputs, outputs, first_of(part, inputs, parts),
                                   first_of(part + 1, inputs, parts), to);
    }
}
