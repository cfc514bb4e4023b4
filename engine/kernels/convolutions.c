/* The three convolutions of the notebook's network, each with 2x2 max-pooling and ReLU; forward and backward.
 *
 * Each sum runs in the order of oneDNN's AVX2 kernels (jit_avx2_conv_kernel_f32.cpp), which torch calls. So the results
 * are torch's, bit for bit. The time is saved where it does not change a sum:
 *
 * - Only the largest of the four values in a pooling window gets a gradient, and only if it is above zero (ReLU). The
 *   gradients of the others are zero, and adding zero changes nothing. The backward pass has at most a quarter of the
 *   work.
 * - A window is pooled in the registers where its four values were computed.
 * - An image passes through all layers while it is in the cache.
 *
 * The activations of an image are [y][x][channel] with a border of zeros. Input and output are contiguous tensors of
 * torch: images and features [n][channel][y][x], weights and their gradients [output][input][3][3].
 */

#include <immintrin.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 8, PAIR = 2 * LANES, TAPS = 9, LAYERS = 3 };

/* For layers 1, 2 and 3: channels in and out, floats from one pixel to the next, pixels on each side. */
enum { IN1 = 3, OUT1 = 16, PIXEL1 = 4, SIZE1 = 32 };
enum { IN2 = 16, OUT2 = 32, PIXEL2 = 16, SIZE2 = 16 };
enum { IN3 = 32, OUT3 = 64, PIXEL3 = 32, SIZE3 = 8 };

/* Floats in a row of an image and in a whole image, with their borders. */
enum { ROW1 = (SIZE1 + 2) * PIXEL1, ROW2 = (SIZE2 + 2) * PIXEL2, ROW3 = (SIZE3 + 2) * PIXEL3 };
enum { IMAGE1 = (SIZE1 + 2) * ROW1, IMAGE2 = (SIZE2 + 2) * ROW2, IMAGE3 = (SIZE3 + 2) * ROW3 };
enum { WINDOWS1 = SIZE1 * SIZE1 / 4, WINDOWS2 = SIZE2 * SIZE2 / 4, WINDOWS3 = SIZE3 * SIZE3 / 4 };
enum { WEIGHTS1 = OUT1 * IN1 * TAPS, WEIGHTS2 = OUT2 * IN2 * TAPS, WEIGHTS3 = OUT3 * IN3 * TAPS };
enum { PIXELS = 3 * SIZE1 * SIZE1, FEATURES = OUT3 * WINDOWS3 };

/* What the forward pass keeps of each image for the backward pass. */
enum { ACTIVATIONS = IMAGE1 + IMAGE2 + IMAGE3, WINNERS = WINDOWS1 * OUT1 + WINDOWS2 * OUT2 + WINDOWS3 * OUT3 };

/* The winner of a window is its largest value, 0 to 3 in reading order. NOBODY if ReLU cuts it off. */
enum { NOBODY = 4, WINNER_CODES };

const int ACTIVATIONS_OF_AN_IMAGE = ACTIVATIONS, WINNERS_OF_AN_IMAGE = WINNERS;

/* ------------------------------------------------------------------------------------------------ the forward pass */

/* Copy the weights of 16 outputs into the order of their use: [block of 8 inputs][tap][input][16 outputs]. */
static void pack(const float *weights, float *packed, int pair, int inputs) {
    const int block = inputs < LANES ? inputs : LANES;
    packed += pair * PAIR * inputs * TAPS;
    for (int first = 0; first < inputs; first += block)
        for (int tap = 0; tap < TAPS; tap++)
            for (int i = first; i < first + block; i++)
                for (int o = 0; o < PAIR; o++) *packed++ = weights[((pair * PAIR + o) * inputs + i) * TAPS + tap];
}

/* As torch pools: of equal values the first wins, and NaN wins over all. */
INLINE __m256 larger(__m256 most, __m256 value, __m256i *winner, int code) {
    const __m256 wins = _mm256_or_ps(_mm256_cmp_ps(value, most, _CMP_GT_OQ), _mm256_cmp_ps(value, value, _CMP_UNORD_Q));
    *winner = _mm256_blendv_epi8(*winner, _mm256_set1_epi32(code), _mm256_castps_si256(wins));
    return _mm256_blendv_ps(most, value, wins);
}

INLINE __m256 pooled(const __m256 values[4], __m256i *winner) {
    __m256 most = values[0];
    *winner = _mm256_setzero_si256();
    for (int code = 1; code < 4; code++) most = larger(most, values[code], winner, code);
    const __m256 zero = _mm256_setzero_ps(), cut_off = _mm256_cmp_ps(most, zero, _CMP_LE_OQ);
    *winner = _mm256_blendv_epi8(*winner, _mm256_set1_epi32(NOBODY), _mm256_castps_si256(cut_off));
    return _mm256_max_ps(zero, most); /* if one operand is NaN, this is the second one */
}

/* Compute one layer of one image. The first pooled pixel is written to `next`. */
INLINE void forward_layer(const float *image, const float *packed, const float *bias, float *next, uint8_t *winners,
                          int inputs, int outputs, int pixel, int size, int next_row) {
    const int block = inputs < LANES ? inputs : LANES, row = (size + 2) * pixel;
    for (int pair = 0; pair < outputs / PAIR; pair++, packed += PAIR * inputs * TAPS)
        for (int y = 0; y < size / 2; y++)
            for (int x = 0; x < size / 2; x++) {
                const float *corner = image + 2 * y * row + 2 * x * pixel, *weights = packed;
                __m256 low[4], high[4]; /* the window's four values for the first and the last 8 outputs */
                for (int code = 0; code < 4; code++) {
                    low[code] = _mm256_loadu_ps(bias + pair * PAIR);
                    high[code] = _mm256_loadu_ps(bias + pair * PAIR + LANES);
                }
                for (int first = 0; first < inputs; first += block)
                    for (int tap = 0; tap < TAPS; tap++) {
                        const float *seen = corner + tap / 3 * row + tap % 3 * pixel + first;
                        for (int i = 0; i < block; i++, seen++, weights += PAIR) {
                            const __m256 w_low = _mm256_load_ps(weights), w_high = _mm256_load_ps(weights + LANES);
                            for (int code = 0; code < 4; code++) {
                                const __m256 value = _mm256_broadcast_ss(seen + code / 2 * row + code % 2 * pixel);
                                low[code] = _mm256_fmadd_ps(value, w_low, low[code]);
                                high[code] = _mm256_fmadd_ps(value, w_high, high[code]);
                            }
                        }
                    }
                __m256i winner_low, winner_high;
                float *to = next + y * next_row + x * outputs + pair * PAIR;
                _mm256_storeu_ps(to, pooled(low, &winner_low));
                _mm256_storeu_ps(to + LANES, pooled(high, &winner_high));
                const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(winner_low, winner_high), 0xd8);
                _mm_storeu_si128((__m128i *)(winners + (y * size / 2 + x) * outputs + pair * PAIR),
                                 _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
            }
}

INLINE void clear_border(float *image, int pixel, int size) {
    const int row = (size + 2) * pixel;
    memset(image, 0, row * sizeof(float));
    for (int y = 1; y <= size; y++) {
        memset(image + y * row, 0, pixel * sizeof(float));
        memset(image + y * row + row - pixel, 0, pixel * sizeof(float));
    }
    memset(image + (size + 1) * row, 0, row * sizeof(float));
}

static void forward_image(const float *pixels, const float *packed, const float *const biases[LAYERS],
                          float *activations, uint8_t *winners, float *features) {
    float *image1 = activations, *image2 = image1 + IMAGE1, *image3 = image2 + IMAGE2, last[FEATURES];
    clear_border(image1, PIXEL1, SIZE1);
    clear_border(image2, PIXEL2, SIZE2);
    clear_border(image3, PIXEL3, SIZE3);
    for (int y = 0; y < SIZE1; y++)
        for (int x = 0; x < SIZE1; x++)
            for (int channel = 0; channel < PIXEL1; channel++)
                image1[(y + 1) * ROW1 + (x + 1) * PIXEL1 + channel] =
                    channel < IN1 ? pixels[(channel * SIZE1 + y) * SIZE1 + x] : 0;
    forward_layer(image1, packed, biases[0], image2 + ROW2 + PIXEL2, winners, IN1, OUT1, PIXEL1, SIZE1, ROW2);
    packed += WEIGHTS1, winners += WINDOWS1 * OUT1;
    forward_layer(image2, packed, biases[1], image3 + ROW3 + PIXEL3, winners, IN2, OUT2, PIXEL2, SIZE2, ROW3);
    packed += WEIGHTS2, winners += WINDOWS2 * OUT2;
    forward_layer(image3, packed, biases[2], last, winners, IN3, OUT3, PIXEL3, SIZE3, SIZE3 / 2 * OUT3);
    for (int output = 0; output < OUT3; output++)
        for (int window = 0; window < WINDOWS3; window++)
            features[output * WINDOWS3 + window] = last[window * OUT3 + output];
}

/* Compute features (n, 64, 4, 4) from images (n, 3, 32, 32). `activations` and `winners` receive what the backward pass
 * needs; they are null if there is none. Returns 0, or -1 if memory runs out. */
int forward(int64_t n, const float *images, const float *const weights[LAYERS], const float *const biases[LAYERS],
            float *activations, uint8_t *winners, float *features, int threads) {
    float *packed = aligned_alloc(64, (WEIGHTS1 + WEIGHTS2 + WEIGHTS3) * sizeof(float));
    if (!packed) return -1;
    float *packed2 = packed + WEIGHTS1, *packed3 = packed2 + WEIGHTS2;
#pragma omp parallel num_threads(threads)
    {
        float own_activations[ACTIVATIONS];
        uint8_t own_winners[WINNERS];
#pragma omp for schedule(dynamic)
        for (int pair = 0; pair < OUT3 / PAIR; pair++) {
            pack(weights[2], packed3, pair, IN3);
            if (pair < OUT2 / PAIR) pack(weights[1], packed2, pair, IN2);
            if (pair < OUT1 / PAIR) pack(weights[0], packed, pair, IN1);
        }
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < n; i++)
            forward_image(images + i * PIXELS, packed, biases,
                          activations ? activations + i * ACTIVATIONS : own_activations,
                          winners ? winners + i * WINNERS : own_winners, features + i * FEATURES);
    }
    free(packed);
    return 0;
}

/* ----------------------------------------------------------------------------------------------- the backward pass */

/* A gradient that belongs to the 3x3 pixels of the image that start at `offset`, counted in floats. */
typedef struct {
    int32_t offset;
    float gradient;
} Passed;

/* For one layer and image: a list of gradients for each output, ordered by rows and columns. Gradients without a winner
 * are not used; the room of one more row of windows takes them. */
#define LISTED(windows, size) ((windows) + (size) / 2)
enum { LIST1 = LISTED(WINDOWS1, SIZE1), LIST2 = LISTED(WINDOWS2, SIZE2), LIST3 = LISTED(WINDOWS3, SIZE3) };
enum { PASSED = LIST1 * OUT1 + LIST2 * OUT2 + LIST3 * OUT3, OUTPUTS = OUT1 + OUT2 + OUT3 };

/* For each output, list the gradients that reach its winners. `gradients` are those of the pooled pixels,
 * [window][output]. */
INLINE void list_passed(const float *gradients, const uint8_t *winners, Passed *passed, int32_t *counts, int outputs,
                        int pixel, int size) {
    const int side = size / 2, row = (size + 2) * pixel, room = LISTED(side * side, size);
    int32_t next[3][OUT3]; /* next place in the list: upper row, lower row, no winner; for each output */
    for (int output = 0; output < outputs; output++) next[1][output] = output * room;
    for (int y = 0; y < side; y++) {
        int32_t upper[OUT3] = {0};
        for (int x = 0; x < side; x++)
            for (int output = 0; output < outputs; output++) upper[output] += winners[x * outputs + output] < 2;
        for (int output = 0; output < outputs; output++) {
            next[0][output] = next[1][output];
            next[1][output] += upper[output];
            next[2][output] = output * room + side * side;
        }
        for (int x = 0; x < side; x++, winners += outputs, gradients += outputs) {
            const int32_t corner = 2 * y * row + 2 * x * pixel;
            const int32_t to_winner[WINNER_CODES] = {corner, corner + pixel, corner + row, corner + row + pixel, 0};
            for (int output = 0; output < outputs; output++) {
                const int winner = winners[output];
                passed[next[winner / 2][output]++] = (Passed){to_winner[winner], gradients[output]};
            }
        }
    }
    for (int output = 0; output < outputs; output++) counts[output] = next[1][output] - output * room;
}

/* Transpose the weights of an output from [input][tap] to [tap][input]. */
INLINE void turn(const float *weights, float *turned, int output, int inputs) {
    weights += output * inputs * TAPS, turned += output * inputs * TAPS;
    for (int tap = 0; tap < TAPS; tap++)
        for (int i = 0; i < inputs; i++) turned[tap * inputs + i] = weights[i * TAPS + tap];
}

/* Compute the gradients of a layer's input, [pixel][input]. oneDNN sums over each half of the outputs and adds both
 * sums; `sums` has room for both. */
INLINE void backward_layer(const Passed *passed, const int32_t *counts, const float *turned, float *sums,
                           float *gradients, int inputs, int outputs, int size) {
    const int row = (size + 2) * inputs, whole = (size + 2) * row, room = LISTED(size * size / 4, size);
    memset(sums, 0, 2 * whole * sizeof(float));
    for (int first = 0; first < outputs; first += LANES) {
        float *sum = sums + first / (outputs / 2) * whole;
        for (int tap = 0; tap < TAPS; tap++)
            for (int output = first; output < first + LANES; output++) {
                __m256 weights[4];
                for (int v = 0; v < inputs / LANES; v++)
                    weights[v] = _mm256_loadu_ps(turned + (output * TAPS + tap) * inputs + v * LANES);
                const Passed *one = passed + output * room, *end = one + counts[output];
                float *here = sum + tap / 3 * row + tap % 3 * inputs;
#pragma GCC unroll 4
                for (; one < end; one++) {
                    const __m256 gradient = _mm256_broadcast_ss(&one->gradient);
                    float *to = here + one->offset;
                    for (int v = 0; v < inputs / LANES; v++)
                        _mm256_storeu_ps(to + v * LANES,
                                         _mm256_fmadd_ps(gradient, weights[v], _mm256_loadu_ps(to + v * LANES)));
                }
            }
    }
    for (int y = 0; y < size; y++) {
        const float *from = sums + (y + 1) * row + inputs;
        for (int i = 0; i < size * inputs; i++) gradients[y * size * inputs + i] = from[whole + i] + from[i];
    }
}

static void backward_image(const float *feature_gradients, const uint8_t *winners, const float *turned2,
                           const float *turned3, Passed *passed, int32_t *counts) {
    float sums[2 * IMAGE2], gradients[SIZE2 * SIZE2 * IN2];
    const uint8_t *winners2 = winners + WINDOWS1 * OUT1, *winners3 = winners2 + WINDOWS2 * OUT2;
    Passed *passed2 = passed + LIST1 * OUT1, *passed3 = passed2 + LIST2 * OUT2;
    int32_t *counts2 = counts + OUT1, *counts3 = counts2 + OUT2;
    for (int output = 0; output < OUT3; output++)
        for (int window = 0; window < WINDOWS3; window++)
            gradients[window * OUT3 + output] = feature_gradients[output * WINDOWS3 + window];
    list_passed(gradients, winners3, passed3, counts3, OUT3, PIXEL3, SIZE3);
    backward_layer(passed3, counts3, turned3, sums, gradients, IN3, OUT3, SIZE3);
    list_passed(gradients, winners2, passed2, counts2, OUT2, PIXEL2, SIZE2);
    backward_layer(passed2, counts2, turned2, sums, gradients, IN2, OUT2, SIZE2);
    list_passed(gradients, winners, passed, counts, OUT1, PIXEL1, SIZE1);
}

/* Add the gradients of one output in one image, times the pixels under them, to the sums of `rows` of the three rows of
 * taps. A row of taps has `vectors` vectors of 8 floats. */
INLINE void add_rows(const Passed *one, const Passed *end, const float *image, float *sums, int row, int rows,
                     int vectors) {
    __m256 sum[12];
    for (int v = 0; v < rows * vectors; v++) sum[v] = _mm256_load_ps(sums + v * LANES);
#pragma GCC unroll 2
    for (; one < end; one++) {
        const __m256 gradient = _mm256_broadcast_ss(&one->gradient);
        const float *seen = image + one->offset;
        for (int v = 0; v < rows * vectors; v++)
            sum[v] = _mm256_fmadd_ps(gradient, _mm256_loadu_ps(seen + v / vectors * row + v % vectors * LANES), sum[v]);
    }
    for (int v = 0; v < rows * vectors; v++) _mm256_store_ps(sums + v * LANES, sum[v]);
}

/* For layers 1, 2 and 3: vectors in a row of taps, floats in all three rows. */
enum { VECTORS1 = 2, VECTORS2 = 3 * PIXEL2 / LANES, VECTORS3 = 3 * PIXEL3 / LANES };
enum { SUMS1 = 3 * VECTORS1 * LANES, SUMS2 = 3 * VECTORS2 * LANES, SUMS3 = 3 * VECTORS3 * LANES };

INLINE void add_output(const Passed *one, int count, const float *image, float *sums, float *bias, int layer) {
    const Passed *end = one + count;
    if (layer == 0) {
        add_rows(one, end, image, sums, ROW1, 3, VECTORS1);
    } else if (layer == 1) {
        add_rows(one, end, image, sums, ROW2, 2, VECTORS2);
        add_rows(one, end, image + 2 * ROW2, sums + 2 * VECTORS2 * LANES, ROW2, 1, VECTORS2);
    } else
        for (int y = 0; y < 3; y++)
            add_rows(one, end, image + y * ROW3, sums + y * VECTORS3 * LANES, ROW3, 1, VECTORS3);
    float sum = *bias;
    for (; one < end; one++) sum += one->gradient;
    *bias = sum;
}

/* oneDNN's balance211: `n` images are split into `groups` consecutive parts, the larger ones first. Returns the part of
 * image `i`. */
INLINE int group_of(int64_t i, int64_t n, int groups) {
    const int64_t more = (n + groups - 1) / groups, fewer = more - 1, larger_ones = n - fewer * groups;
    return i < larger_ones * more ? i / more : larger_ones + (i - larger_ones * more) / fewer;
}

typedef struct {
    int inputs, outputs, pixel;
    int sums, room;                                  /* floats in the sums of an output, length of its list */
    int first_activation, first_count, first_passed; /* offsets of this layer within an image's data */
} Layer;

static const Layer layers[LAYERS] = {
    {IN1, OUT1, PIXEL1, SUMS1, LIST1, 0, 0, 0},
    {IN2, OUT2, PIXEL2, SUMS2, LIST2, IMAGE1, OUT1, LIST1 * OUT1},
    {IN3, OUT3, PIXEL3, SUMS3, LIST3, IMAGE1 + IMAGE2, OUT1 + OUT2, LIST1 * OUT1 + LIST2 * OUT2},
};

/* Compute the gradients of weights and biases. `weight_groups` and `bias_groups` have for each layer the number of
 * groups in which oneDNN sums over the images. The sums of the groups are added in their order. Returns 0, or -1 if
 * memory runs out. */
int backward(int64_t n, const float *feature_gradients, const float *const weights[LAYERS], const float *activations,
             const uint8_t *winners, float *const weight_gradients[LAYERS], float *const bias_gradients[LAYERS],
             const int32_t weight_groups[LAYERS], const int32_t bias_groups[LAYERS], int threads) {
    enum { TOGETHER = 32, PARTS = 8 }; /* images whose lists are in memory at once; parts of a layer's outputs */
    size_t floats = WEIGHTS2 + WEIGHTS3;
    for (int l = 0; l < LAYERS; l++)
        floats += (size_t)layers[l].outputs * (layers[l].sums * weight_groups[l] + bias_groups[l]);
    float *memory = aligned_alloc(64, (floats * sizeof(float) + 63) / 64 * 64);
    Passed *passed = malloc(TOGETHER * PASSED * sizeof(Passed));
    int32_t *counts = malloc(TOGETHER * OUTPUTS * sizeof(int32_t));
    if (!memory || !passed || !counts) {
        free(memory), free(passed), free(counts);
        return -1;
    }
    memset(memory, 0, floats * sizeof(float));
    float *turned2 = memory, *turned3 = turned2 + WEIGHTS2, *next = turned3 + WEIGHTS3;
    float *sums[LAYERS], *bias_sums[LAYERS]; /* [group][output] */
    for (int l = 0; l < LAYERS; l++) sums[l] = next, next += layers[l].outputs * layers[l].sums * weight_groups[l];
    for (int l = 0; l < LAYERS; l++) bias_sums[l] = next, next += layers[l].outputs * bias_groups[l];

#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(dynamic, LANES)
        for (int output = 0; output < OUT3; output++) {
            turn(weights[2], turned3, output, IN3);
            if (output < OUT2) turn(weights[1], turned2, output, IN2);
        }
        for (int64_t start = 0; start < n; start += TOGETHER) {
            const int64_t end = start + TOGETHER < n ? start + TOGETHER : n;
#pragma omp for schedule(dynamic)
            for (int64_t i = start; i < end; i++)
                backward_image(feature_gradients + i * FEATURES, winners + i * WINNERS, turned2, turned3,
                               passed + (i - start) * PASSED, counts + (i - start) * OUTPUTS);
            /* Each sum must run over the images in their order, so the threads share the outputs. */
#pragma omp for schedule(dynamic)
            for (int part = 0; part < LAYERS * PARTS; part++) {
                const int l = part / PARTS, some = layers[l].outputs / PARTS, first = part % PARTS * some;
                const Layer layer = layers[l];
                for (int64_t i = start; i < end; i++) {
                    float *into = sums[l] + group_of(i, n, weight_groups[l]) * layer.outputs * layer.sums;
                    float *bias_into = bias_sums[l] + group_of(i, n, bias_groups[l]) * layer.outputs;
                    const Passed *lists = passed + (i - start) * PASSED + layer.first_passed;
                    const int32_t *count = counts + (i - start) * OUTPUTS + layer.first_count;
                    const float *image = activations + i * ACTIVATIONS + layer.first_activation;
                    for (int output = first; output < first + some; output++)
                        add_output(lists + output * layer.room, count[output], image, into + output * layer.sums,
                                   bias_into + output, l);
                }
            }
        }
#pragma omp for schedule(dynamic)
        for (int part = 0; part < LAYERS * PARTS; part++) {
            const int l = part / PARTS, some = layers[l].outputs / PARTS, first = part % PARTS * some;
            const Layer layer = layers[l];
            for (int output = first; output < first + some; output++) {
                float *sum = sums[l] + output * layer.sums, bias = bias_sums[l][output];
                for (int group = 1; group < weight_groups[l]; group++)
                    for (int s = 0; s < layer.sums; s++) sum[s] += sum[group * layer.outputs * layer.sums + s];
                for (int group = 1; group < bias_groups[l]; group++)
                    bias += bias_sums[l][group * layer.outputs + output];
                for (int tap = 0; tap < TAPS; tap++)
                    for (int i = 0; i < layer.inputs; i++)
                        weight_gradients[l][(output * layer.inputs + i) * TAPS + tap] =
                            sum[tap / 3 * (layer.sums / 3) + tap % 3 * layer.pixel + i];
                bias_gradients[l][output] = bias;
            }
        }
    }
    free(memory), free(passed), free(counts);
    return 0;
}
