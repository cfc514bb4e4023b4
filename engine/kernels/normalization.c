/* Batch normalization with what follows it: GELU, or ReLU after the sum with a shortcut or 2x2 max-pooling; forward and
 * backward.
 *
 * torch reads and writes all activations once for each of these operations. Here they are read twice, once for the mean
 * and the variance of each channel and once for all the rest.
 *
 * Tensors are [image][y][x][channel], a "row" is the channels of a pixel. The images are shared out to the threads in
 * the same way each time, and the sums of the threads are added in their order, so the same number of threads gives the
 * same bits.
 */

#include <math.h>

#include "gelu.h"
#include "vectors.h"

enum { BLOCK = 64 }; /* a block of rows is summed in float, blocks in double */
const int GROUP_OF_CHANNELS = GROUP, MOST_CHANNELS = MOST;

typedef struct {
    int64_t images, height, width, channels, pooled, gelu; /* the last two: 1 or 0 */
} Shape;

static void add_block(double *sums, Vector block) {
    for (int lane = 0; lane < LANES; lane++) sums[lane] += block[lane];
}

/* --------------------------------------------------------------------------------------------------------- forward */

/* Sum the differences to `about` (a value of each channel) and their squares. */
static void sum_values(int64_t rows, int64_t channels, const float *x, const float *about, double *sums,
                       double *squares) {
    for (int64_t c = 0; c < channels; c++) sums[c] = squares[c] = 0;
    for (int64_t start = 0; start < rows; start += BLOCK)
        for (int64_t c = 0; c < channels; c += LANES) {
            Vector sum = {0}, square = {0}, center = load(about + c);
            for (int64_t row = start; row < smaller(start + BLOCK, rows); row++) {
                const Vector difference = load(x + row * channels + c) - center;
                sum += difference, square += difference * difference;
            }
            add_block(sums + c, sum), add_block(squares + c, square);
        }
}

/* Add up the two sums of each channel that the parts have in `room`. */
static void add_parts(int64_t channels, const double *room, int parts, double *totals) {
    for (int64_t i = 0; i < 2 * channels; i++) {
        totals[i] = 0;
        for (int part = 0; part < parts; part++) totals[i] += room[2 * part * channels + i];
    }
}

/* The activation of rows x * scale + shift, plus `added` if there is any. */
INLINE void write_rows(const int with_gelu, int64_t rows, int64_t channels, const float *restrict x,
                       const float *restrict added, const float *restrict scale, const float *restrict shift,
                       float *restrict out) {
    for (int64_t row = 0; row < rows; row++)
        for (int64_t c = 0; c < channels; c += LANES) {
            Vector z = load(x + row * channels + c) * load(scale + c) + load(shift + c);
            if (added) z += load(added + row * channels + c);
            store(out + row * channels + c, with_gelu ? gelu(z) : rectified(z));
        }
}

/* The same with ReLU, pooled 2x2. As in torch the first of equal values wins, and NaN wins over all. `winners` are 0 to
 * 3. */
static void write_pooled(const Shape *shape, const float *restrict x, const float *restrict scale,
                         const float *restrict shift, float *restrict out, uint8_t *restrict winners) {
    const int64_t channels = shape->channels, row = shape->width * channels;
    for (int64_t y = 0; y < shape->height; y += 2)
        for (int64_t column = 0; column < shape->width; column += 2, out += channels, winners += channels) {
            const float *corner = x + y * row + column * channels;
            const float *pixels[4] = {corner, corner + channels, corner + row, corner + row + channels};
            for (int64_t c = 0; c < channels; c += LANES) {
                const Vector factor = load(scale + c), summand = load(shift + c);
                Vector best = load(pixels[0] + c) * factor + summand;
                Mask winner = {0};
#pragma GCC unroll 3
                for (int pixel = 1; pixel < 4; pixel++) {
                    const Vector z = load(pixels[pixel] + c) * factor + summand;
                    const Mask wins = (z > best) | (z != z);
                    best = chosen(wins, z, best);
                    winner = (wins & pixel) | (~wins & winner);
                }
                store(out + c, rectified(best));
                store_bytes(winners + c, winner, LANES);
            }
        }
}

/* Where several processes have a part of the batch each, they add up their sums before the rest is computed. */
enum { SUM = 1, REST = 2 };

/* Normalize x with mean and variance of the batch, and let the running ones follow them, or, without `training`, with
 * the running ones. `mean` and `inverse`, which is 1 / sqrt(variance + epsilon), are kept for the backward pass. `room`
 * has 2 * parts * channels numbers.
 *
 * `work` is SUM, REST or both. SUM writes the sums of differences to `about` (a value of each channel) and of their
 * squares to `totals` (2 * channels). REST reads them: those of `rows` rows, here and elsewhere. */
void normalize(const Shape *shape, const float *x, const float *weight, const float *bias, const float *added,
               int training, double epsilon, double momentum, float *running_mean, float *running_variance, float *mean,
               float *inverse, float *out, uint8_t *winners, double *room, int parts, int work, const float *about,
               double *totals, double rows) {
    const int64_t channels = shape->channels, pixels = shape->height * shape->width, image = pixels * channels;
    float scale[MOST], shift[MOST];
#pragma omp parallel num_threads(parts)
    {
#pragma omp for schedule(static, 1)
        for (int part = 0; part < (training && work & SUM ? parts : 0); part++) {
            const int64_t first = first_of(part, shape->images, parts), end = first_of(part + 1, shape->images, parts);
            double *sums = room + 2 * part * channels;
            sum_values((end - first) * pixels, channels, x + first * image, about, sums, sums + channels);
        }
#pragma omp single
        if (training && work & SUM) add_parts(channels, room, parts, totals);
#pragma omp single
        for (int64_t c = 0; c < (work & REST ? channels : 0); c++) {
            if (!training) {
                mean[c] = running_mean[c], inverse[c] = (float)(1 / sqrt(running_variance[c] + epsilon));
                scale[c] = weight[c] * inverse[c], shift[c] = bias[c] - mean[c] * scale[c];
                continue;
            }
            const double difference = totals[c] / rows;
            const double spread = totals[channels + c] / rows - difference * difference;
            const double variance = spread < 0 ? 0 : spread;
            const double unbiased = rows > 1 ? variance * rows / (rows - 1) : variance;
            mean[c] = (float)(about[c] + difference), inverse[c] = (float)(1 / sqrt(variance + epsilon));
            running_mean[c] += (float)(momentum * (mean[c] - running_mean[c]));
            running_variance[c] += (float)(momentum * (unbiased - running_variance[c]));
            scale[c] = weight[c] * inverse[c], shift[c] = bias[c] - mean[c] * scale[c];
        }
#pragma omp for schedule(static, 1)
        for (int part = 0; part < (work & REST ? parts : 0); part++)
            for (int64_t i = first_of(part, shape->images, parts); i < first_of(part + 1, shape->images, parts); i++) {
                const float *own = x + i * image, *own_added = added ? added + i * image : 0;
                if (shape->pooled)
                    write_pooled(shape, own, scale, shift, out + i * image / 4, winners + i * image / 4);
                else if (shape->gelu)
                    write_rows(1, pixels, channels, own, 0, scale, shift, out + i * image);
                else
                    write_rows(0, pixels, channels, own, own_added, scale, shift, out + i * image);
            }
    }
}

/* -------------------------------------------------------------------------------------------------------- backward */

/* What the backward pass needs of each channel. */
typedef struct {
    float mean[MOST], scale[MOST], shift[MOST];
    float gradient[MOST];  /* mean of the gradients of the normalized values */
    float alignment[MOST]; /* mean of their products with x - mean, over the variance */
} Channels;

/* The gradient of x - without the part that reaches it through the activation - times -1 / scale. */
INLINE Vector pull(Vector x, const Channels *of, int64_t c) {
    return load(of->gradient + c) + (x - load(of->mean + c)) * load(of->alignment + c);
}

/* Sum the gradients that the activation let pass, and their products with x - mean, and write them to `passed_to` if
 * there is any: the gradients of a shortcut, where `out` says what passed, or those of GELU, which take long. */
INLINE void sum_rows(const int with_gelu, int64_t rows, int64_t channels, const float *gradients, const float *x,
                     const float *out, float *passed_to, const Channels *of, double *sums, double *products) {
    for (int64_t start = 0; start < rows; start += BLOCK)
        for (int64_t c = 0; c < channels; c += LANES) {
            Vector sum = {0}, product = {0};
            for (int64_t i = start * channels + c; i < smaller(start + BLOCK, rows) * channels; i += channels) {
                const Vector value = load(x + i), gradient = load(gradients + i);
                const int is_known = passed_to && !with_gelu;
                const Vector z = is_known ? load(out + i) : value * load(of->scale + c) + load(of->shift + c);
                const Vector passed = with_gelu ? gradient * gelu_slope(z) : chosen(z > 0, gradient, (Vector){0});
                if (passed_to) store(passed_to + i, passed);
                sum += passed, product += passed * (value - load(of->mean + c));
            }
            add_block(sums + c, sum), add_block(products + c, product);
        }
}

/* `passed` may be `to_x`. */
static void write_row_gradients(int64_t rows, int64_t channels, const float *gradients, const float *restrict x,
                                const float *passed, const Channels *of, float *to_x) {
    for (int64_t row = 0; row < rows; row++)
        for (int64_t c = 0, i = row * channels; c < channels; c += LANES, i += LANES) {
            const Vector value = load(x + i), scale = load(of->scale + c);
            Vector gradient;
            if (passed)
                gradient = load(passed + i);
            else
                gradient = chosen(value * scale + load(of->shift + c) > 0, load(gradients + i), (Vector){0});
            store(to_x + i, scale * (gradient - pull(value, of, c)));
        }
}

/* The winner of each window of one image gets its gradient if ReLU let it pass. First the sums, then, if `to_x`, the
 * gradients of x. */
static void pooled_gradients(const Shape *shape, const float *gradients, const float *x, const float *out,
                             const uint8_t *winners, const Channels *of, double *sums, double *products, float *to_x) {
    const int64_t channels = shape->channels, row = shape->width * channels;
    const int64_t offsets[4] = {0, channels, row, row + channels};
    for (int64_t y = 0; y < shape->height; y += 2)
        for (int64_t c = 0; c < channels; c += LANES) {
            Vector sum = {0}, product = {0};
            const Vector mean = load(of->mean + c), scale = load(of->scale + c);
            for (int64_t column = 0; column < shape->width; column += 2) {
                const int64_t window = (y / 2 * shape->width / 2 + column / 2) * channels + c;
                const int64_t corner = y * row + column * channels + c;
                const Vector passed = chosen(load(out + window) > 0, load(gradients + window), (Vector){0});
                const Mask winner = load_bytes(winners + window, LANES);
                Vector won = {0};
#pragma GCC unroll 4
                for (int pixel = 0; pixel < 4; pixel++) {
                    const Vector value = load(x + corner + offsets[pixel]);
                    const Mask wins = winner == pixel;
                    if (to_x)
                        store(to_x + corner + offsets[pixel],
                              scale * (chosen(wins, passed, (Vector){0}) - pull(value, of, c)));
                    else
                        won = chosen(wins, value, won);
                }
                sum += passed, product += passed * (won - mean);
            }
            if (!to_x) add_block(sums + c, sum), add_block(products + c, product);
        }
}

/* The gradients of x, weight, bias and, if there is a shortcut, of what was added, given those of `out`. `room` is as
 * above, and so are `work`, `totals` and `rows`: SUM writes the gradients of weight and bias, of the images here. */
void normalize_backward(const Shape *shape, const float *gradients, const float *x, const float *weight,
                        const float *bias, const float *mean, const float *inverse, const float *out,
                        const uint8_t *winners, float *to_x, float *to_weight, float *to_bias, float *to_added,
                        double *room, int parts, int work, double *totals, double rows) {
    const int64_t channels = shape->channels, pixels = shape->height * shape->width, image = pixels * channels;
    const int64_t image_out = shape->pooled ? image / 4 : image;
    float *passed = shape->gelu ? to_x : to_added;
    Channels of;
    for (int64_t c = 0; c < channels; c++) {
        of.mean[c] = mean[c], of.scale[c] = weight[c] * inverse[c], of.shift[c] = bias[c] - mean[c] * of.scale[c];
    }
#pragma omp parallel num_threads(parts)
    {
#pragma omp for schedule(static, 1)
        for (int part = 0; part < (work & SUM ? parts : 0); part++) {
            double *sums = room + 2 * part * channels, *products = sums + channels;
            for (int64_t c = 0; c < channels; c++) sums[c] = products[c] = 0;
            for (int64_t i = first_of(part, shape->images, parts); i < first_of(part + 1, shape->images, parts); i++) {
                const float *own = gradients + i * image_out, *own_x = x + i * image, *own_out = out + i * image_out;
                if (shape->pooled)
                    pooled_gradients(shape, own, own_x, own_out, winners + i * image_out, &of, sums, products, 0);
                else if (shape->gelu)
                    sum_rows(1, pixels, channels, own, own_x, 0, passed + i * image, &of, sums, products);
                else
                    sum_rows(0, pixels, channels, own, own_x, own_out, passed ? passed + i * image : 0, &of, sums,
                             products);
            }
        }
#pragma omp single
        {
            if (work & SUM) add_parts(channels, room, parts, totals);
            for (int64_t c = 0; c < channels; c++) {
                const double sum = totals[c], product = totals[channels + c];
                if (work & SUM) to_bias[c] = (float)sum, to_weight[c] = (float)(product * inverse[c]);
                of.gradient[c] = (float)(sum / rows);
                of.alignment[c] = (float)(product / rows * inverse[c] * inverse[c]);
            }
        }
#pragma omp for schedule(static, 1)
        for (int part = 0; part < (work & REST ? parts : 0); part++)
            for (int64_t i = first_of(part, shape->images, parts); i < first_of(part + 1, shape->images, parts); i++) {
                const float *own = gradients + i * image_out;
                if (shape->pooled)
                    pooled_gradients(shape, own, x + i * image, out + i * image_out, winners + i * image_out, &of, 0, 0,
                                     to_x + i * image);
                else
                    write_row_gradients(pixels, channels, own, x + i * image, passed ? passed + i * image : 0, &of,
                                        to_x + i * image);
            }
    }
}
