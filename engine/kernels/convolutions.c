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
#define ALONE static __attribute__((noinline)) /* compiled alone, a loop has all registers for its sums */
#define UNROLLED _Pragma("GCC unroll 18") /* what is indexed by the loop stays in registers */

/* Channels that oneDNN's AVX2 kernels compute at once; the order of their sums follows from it. */
enum { BLOCK = 8, TAPS = 9, LAYERS = 3 };

/* 16 floats. Each lane is a sum of its own, so one register of AVX-512 computes the bits of two of AVX2. */
enum { LANES = 16 };
#ifdef __AVX512F__
typedef __m512 Vector, Same; /* `Same` has one float in all lanes */
INLINE Vector load(const float *from) { return _mm512_loadu_ps(from); }
INLINE void store(float *to, Vector vector) { _mm512_storeu_ps(to, vector); }
INLINE Same same(const float *from) { return _mm512_set1_ps(*from); }
INLINE Vector add_product(Vector sum, Same factor, Vector by) { return _mm512_fmadd_ps(factor, by, sum); }
#else
typedef struct {
    __m256 low, high;
} Vector;
typedef __m256 Same;
INLINE Vector load(const float *from) { return (Vector){_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)}; }
INLINE void store(float *to, Vector vector) { _mm256_storeu_ps(to, vector.low), _mm256_storeu_ps(to + 8, vector.high); }
INLINE Same same(const float *from) { return _mm256_broadcast_ss(from); }
INLINE Vector add_product(Vector sum, Same factor, Vector by) {
    return (Vector){_mm256_fmadd_ps(factor, by.low, sum.low), _mm256_fmadd_ps(factor, by.high, sum.high)};
}
#endif

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
static void pack(const float *weights, float *packed, int group, int inputs) {
    const int block = inputs < BLOCK ? inputs : BLOCK;
    packed += group * LANES * inputs * TAPS;
    for (int first = 0; first < inputs; first += block)
        for (int tap = 0; tap < TAPS; tap++)
            for (int i = first; i < first + block; i++)
                for (int o = 0; o < LANES; o++) *packed++ = weights[((group * LANES + o) * inputs + i) * TAPS + tap];
}

/* Pool the four values of a window as torch does: of equal values the first wins, and NaN wins over all. Then ReLU. */
#ifdef __AVX512F__
INLINE void pool(const Vector values[4], float *to, uint8_t *winners) {
    Vector most = values[0];
    __m512i winner = _mm512_setzero_si512();
    for (int code = 1; code < 4; code++) {
        const __mmask16 wins = _mm512_cmp_ps_mask(values[code], most, _CMP_GT_OQ) |
                               _mm512_cmp_ps_mask(values[code], values[code], _CMP_UNORD_Q);
        most = _mm512_mask_blend_ps(wins, most, values[code]);
        winner = _mm512_mask_blend_epi32(wins, winner, _mm512_set1_epi32(code));
    }
    const Vector zero = _mm512_setzero_ps();
    const __mmask16 cut_off = _mm512_cmp_ps_mask(most, zero, _CMP_LE_OQ);
    winner = _mm512_mask_blend_epi32(cut_off, winner, _mm512_set1_epi32(NOBODY));
    store(to, _mm512_max_ps(zero, most)); /* if one operand is NaN, this is the second one */
    _mm_storeu_si128((__m128i *)winners, _mm512_cvtepi32_epi8(winner));
}
#else
INLINE __m256 larger(__m256 most, __m256 value, __m256i *winner, int code) {
    const __m256 wins = _mm256_or_ps(_mm256_cmp_ps(value, most, _CMP_GT_OQ), _mm256_cmp_ps(value, value, _CMP_UNORD_Q));
    *winner = _mm256_blendv_epi8(*winner, _mm256_set1_epi32(code), _mm256_castps_si256(wins));
    return _mm256_blendv_ps(most, value, wins);
}

INLINE __m256 rectified(__m256 most, __m256i *winner) {
    const __m256 zero = _mm256_setzero_ps(), cut_off = _mm256_cmp_ps(most, zero, _CMP_LE_OQ);
    *winner = _mm256_blendv_epi8(*winner, _mm256_set1_epi32(NOBODY), _mm256_castps_si256(cut_off));
    return _mm256_max_ps(zero, most); /* if one operand is NaN, this is the second one */
}

INLINE void pool(const Vector values[4], float *to, uint8_t *winners) {
    Vector most = values[0];
    __m256i low = _mm256_setzero_si256(), high = _mm256_setzero_si256();
    for (int code = 1; code < 4; code++) {
        most.low = larger(most.low, values[code].low, &low, code);
        most.high = larger(most.high, values[code].high, &high, code);
    }
    most = (Vector){rectified(most.low, &low), rectified(most.high, &high)};
    store(to, most);
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
    _mm_storeu_si128((__m128i *)winners,
                     _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
}
#endif

/* What is summed up in registers at once: pooling windows side by side, vectors of outputs. */
#ifdef __AVX512F__
enum { AT_ONCE1 = 4, AT_ONCE2 = 2, AT_ONCE3 = 2, VECTORS1 = 1, VECTORS2 = 2, VECTORS3 = 2 };
#else
enum { AT_ONCE1 = 1, AT_ONCE2 = 1, AT_ONCE3 = 1, VECTORS1 = 1, VECTORS2 = 1, VECTORS3 = 1 };
#endif

/* Compute one layer of one image. The first pooled pixel is written to `next`. */
INLINE void forward_layer(const float *image, const float *packed, const float *bias, float *next, uint8_t *winners,
                          int inputs, int outputs, int pixel, int size, int next_row, int at_once, int vectors) {
    const int block = inputs < BLOCK ? inputs : BLOCK, row = (size + 2) * pixel, group = LANES * inputs * TAPS;
    for (int output = 0; output < outputs; output += vectors * LANES, packed += vectors * group)
        for (int y = 0; y < size / 2; y++)
            for (int x = 0; x < size / 2; x += at_once) {
                const float *corner = image + 2 * y * row + 2 * x * pixel, *weights = packed;
                Vector values[2][4][4]; /* [vector][window][the window's four values] */
                for (int v = 0; v < vectors; v++)
                    for (int w = 0; w < at_once; w++)
                        for (int code = 0; code < 4; code++) values[v][w][code] = load(bias + output + v * LANES);
                for (int first = 0; first < inputs; first += block)
                    for (int tap = 0; tap < TAPS; tap++) {
                        const float *seen = corner + tap / 3 * row + tap % 3 * pixel + first;
                        for (int i = 0; i < block; i++, seen++, weights += LANES) {
                            Vector weight[2];
                            for (int v = 0; v < vectors; v++) weight[v] = load(weights + v * group);
                            for (int w = 0; w < at_once; w++)
                                for (int code = 0; code < 4; code++) {
                                    const Same value = same(seen + code / 2 * row + (2 * w + code % 2) * pixel);
                                    for (int v = 0; v < vectors; v++)
                                        values[v][w][code] = add_product(values[v][w][code], value, weight[v]);
                                }
                        }
                    }
                for (int v = 0; v < vectors; v++)
                    for (int w = 0; w < at_once; w++)
                        pool(values[v][w], next + y * next_row + (x + w) * outputs + output + v * LANES,
                             winners + (y * size / 2 + x + w) * outputs + output + v * LANES);
            }
}

#define FORWARD const float *image, const float *packed, const float *bias, float *next, uint8_t *winners
ALONE void forward_layer1(FORWARD) {
    forward_layer(image, packed, bias, next, winners, IN1, OUT1, PIXEL1, SIZE1, ROW2, AT_ONCE1, VECTORS1);
}
ALONE void forward_layer2(FORWARD) {
    forward_layer(image, packed, bias, next, winners, IN2, OUT2, PIXEL2, SIZE2, ROW3, AT_ONCE2, VECTORS2);
}
ALONE void forward_layer3(FORWARD) {
    forward_layer(image, packed, bias, next, winners, IN3, OUT3, PIXEL3, SIZE3, SIZE3 / 2 * OUT3, AT_ONCE3, VECTORS3);
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

/* Pixels of an image, [channel][y][x]: floats, or bytes with the float of each byte in `shades`. */
typedef struct {
    const float *floats;
    const uint8_t *bytes;
    const float *shades;
} Pixels;

static void forward_image(Pixels pixels, const float *packed, const float *const biases[LAYERS], float *activations,
                          uint8_t *winners, float *features) {
    float *image1 = activations, *image2 = image1 + IMAGE1, *image3 = image2 + IMAGE2, last[FEATURES];
    clear_border(image1, PIXEL1, SIZE1);
    clear_border(image2, PIXEL2, SIZE2);
    clear_border(image3, PIXEL3, SIZE3);
    for (int y = 0; y < SIZE1; y++)
        for (int x = 0; x < SIZE1; x++) {
            float *pixel = image1 + (y + 1) * ROW1 + (x + 1) * PIXEL1;
            for (int channel = 0; channel < IN1; channel++) {
                const int from = (channel * SIZE1 + y) * SIZE1 + x;
                pixel[channel] = pixels.bytes ? pixels.shades[pixels.bytes[from]] : pixels.floats[from];
            }
            pixel[IN1] = 0;
        }
    forward_layer1(image1, packed, biases[0], image2 + ROW2 + PIXEL2, winners);
    packed += WEIGHTS1, winners += WINDOWS1 * OUT1;
    forward_layer2(image2, packed, biases[1], image3 + ROW3 + PIXEL3, winners);
    packed += WEIGHTS2, winners += WINDOWS2 * OUT2;
    forward_layer3(image3, packed, biases[2], last, winners);
    for (int output = 0; output < OUT3; output++)
        for (int window = 0; window < WINDOWS3; window++)
            features[output * WINDOWS3 + window] = last[window * OUT3 + output];
}

/* Compute features (n, 64, 4, 4) from images (n, 3, 32, 32), given as floats or, if `floats` is null, as bytes.
 * `activations` and `winners` receive what the backward pass needs; they are null if there is none. Returns 0, or -1 if
 * memory runs out. */
int forward(int64_t n, const float *floats, const uint8_t *bytes, const float *shades, const float *const weights[LAYERS], const float *const biases[LAYERS],
            float *activations, uint8_t *winners, float *features, int threads) {
    float *packed = aligned_alloc(64, (WEIGHTS1 + WEIGHTS2 + WEIGHTS3) * sizeof(float));
    if (!packed) return -1;
    float *packed2 = packed + WEIGHTS1, *packed3 = packed2 + WEIGHTS2;
#pragma omp parallel num_threads(threads)
    {
        float own_activations[ACTIVATIONS];
        uint8_t own_winners[WINNERS];
#pragma omp for schedule(dynamic)
        for (int group = 0; group < OUT3 / LANES; group++) {
            pack(weights[2], packed3, group, IN3);
            if (group < OUT2 / LANES) pack(weights[1], packed2, group, IN2);
            if (group < OUT1 / LANES) pack(weights[0], packed, group, IN1);
        }
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < n; i++)
            forward_image(floats ? (Pixels){floats + i * PIXELS, NULL, NULL} : (Pixels){NULL, bytes + i * PIXELS, shades},
                          packed, biases,
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

/* For one layer and image: a list of gradients for each output, ordered by rows and columns. The rest of a list is filled
 * with gradients of zero, which change no sum. Gradients without a winner are written behind it, where the room of one more
 * row of windows takes them. */
#define LISTED(windows, size) ((windows) + (size) / 2)
enum { LIST1 = LISTED(WINDOWS1, SIZE1), LIST2 = LISTED(WINDOWS2, SIZE2), LIST3 = LISTED(WINDOWS3, SIZE3) };
enum { PASSED = LIST1 * OUT1 + LIST2 * OUT2 + LIST3 * OUT3, OUTPUTS = OUT1 + OUT2 + OUT3 };

/* Counts are rounded up to a multiple of this: loops that end after nearly the same number of turns are predicted well. */
enum { STEP = 4 };

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
    for (int output = 0; output < outputs; output++) {
        const int count = next[1][output] - output * room;
        memset(passed + next[1][output], 0, (side * side - count) * sizeof(Passed));
        counts[output] = (count + STEP - 1) / STEP * STEP;
    }
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
    for (int first = 0; first < outputs; first += BLOCK) {
        float *sum = sums + first / (outputs / 2) * whole;
        for (int tap = 0; tap < TAPS; tap++)
            for (int output = first; output < first + BLOCK; output++) {
                Vector weights[2];
                for (int v = 0; v < inputs / LANES; v++)
                    weights[v] = load(turned + (output * TAPS + tap) * inputs + v * LANES);
                const Passed *one = passed + output * room, *end = one + counts[output];
                float *here = sum + tap / 3 * row + tap % 3 * inputs;
                for (; one < end; one += STEP)
                    for (int i = 0; i < STEP; i++) {
                        const Same gradient = same(&one[i].gradient);
                        float *to = here + one[i].offset;
                        for (int v = 0; v < inputs / LANES; v++)
                            store(to + v * LANES, add_product(load(to + v * LANES), gradient, weights[v]));
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
    _Alignas(64) float sums[2 * IMAGE2], gradients[SIZE2 * SIZE2 * IN2];
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

/* Vectors in a row of taps, for layers 1, 2 and 3. */
enum { TAPS1 = 1, TAPS2 = 3 * PIXEL2 / LANES, TAPS3 = 3 * PIXEL3 / LANES };
/* Floats in all three rows. */
enum { SUMS1 = 3 * TAPS1 * LANES, SUMS2 = 3 * TAPS2 * LANES, SUMS3 = 3 * TAPS3 * LANES };
/* Rows of taps and outputs that are summed up in registers at once. One sum alone would wait for each addition. */
#ifdef __AVX512F__
enum { ROWS1 = 3, ROWS2 = 3, ROWS3 = 3, SIDE_BY_SIDE1 = 4, SIDE_BY_SIDE2 = 2, SIDE_BY_SIDE3 = 1 };
#else
enum { ROWS1 = 3, ROWS2 = 2, ROWS3 = 1, SIDE_BY_SIDE1 = 2, SIDE_BY_SIDE2 = 1, SIDE_BY_SIDE3 = 1 };
#endif

/* Add the gradients of some outputs in one image, times the pixels under them, to the sums of `rows` of the three rows of
 * taps; and the gradients themselves to the sums of the biases, if they are given. */
INLINE void add_rows(const Passed *lists, int room, int count, const float *image, float *sums, float *biases, int row,
                     int rows, int vectors, int outputs) {
    const int of_output = 3 * vectors * LANES;
    Vector sum[4][18];
    float bias[4] = {0};
    for (int o = 0; o < outputs; o++) {
        UNROLLED for (int v = 0; v < rows * vectors; v++) sum[o][v] = load(sums + o * of_output + v * LANES);
        if (biases) bias[o] = biases[o];
    }
    for (int i = 0; i < count; i += 2)
#pragma GCC unroll 2
        for (int both = 0; both < 2; both++)
            for (int o = 0; o < outputs; o++) {
                const Passed *one = lists + o * room + i + both;
                const Same gradient = same(&one->gradient);
                const float *seen = image + one->offset;
                UNROLLED for (int v = 0; v < rows * vectors; v++)
                    sum[o][v] =
                        add_product(sum[o][v], gradient, load(seen + v / vectors * row + v % vectors * LANES));
                if (biases) bias[o] += one->gradient;
            }
    for (int o = 0; o < outputs; o++) {
        UNROLLED for (int v = 0; v < rows * vectors; v++) store(sums + o * of_output + v * LANES, sum[o][v]);
        if (biases) biases[o] = bias[o];
    }
}

INLINE void add_outputs(const Passed *lists, const int32_t *counts, const float *image, float *sums, float *biases,
                        int room, int row, int rows, int vectors, int outputs) {
    int count = counts[0];
    for (int o = 1; o < outputs; o++)
        if (counts[o] > count) count = counts[o];
    add_rows(lists, room, count, image, sums, biases, row, rows, vectors, outputs);
    for (int y = rows; y < 3; y += rows) {
        const int more = y + rows < 3 ? rows : 3 - y;
        add_rows(lists, room, count, image + y * row, sums + y * vectors * LANES, NULL, row, more, vectors, outputs);
    }
}

/* oneDNN's balance211: `n` images are split into `groups` consecutive parts, the larger ones first. Returns the part of
 * image `i`. */
INLINE int group_of(int64_t i, int64_t n, int groups) {
    const int64_t more = (n + groups - 1) / groups, fewer = more - 1, larger_ones = n - fewer * groups;
    return i < larger_ones * more ? i / more : larger_ones + (i - larger_ones * more) / fewer;
}

typedef struct {
    int inputs, outputs, pixel;
    int sums, room, side_by_side;                    /* floats in the sums of an output, length of its list */
    int first_activation, first_count, first_passed; /* offsets of this layer within an image's data */
} Layer;

static const Layer layers[LAYERS] = {
    {IN1, OUT1, PIXEL1, SUMS1, LIST1, SIDE_BY_SIDE1, 0, 0, 0},
    {IN2, OUT2, PIXEL2, SUMS2, LIST2, SIDE_BY_SIDE2, IMAGE1, OUT1, LIST1 * OUT1},
    {IN3, OUT3, PIXEL3, SUMS3, LIST3, SIDE_BY_SIDE3, IMAGE1 + IMAGE2, OUT1 + OUT2, LIST1 * OUT1 + LIST2 * OUT2},
};

/* Compute the gradients of weights and biases. `weight_groups` and `bias_groups` have for each layer the number of
 * groups in which oneDNN sums over the images. The sums of the groups are added in their order. Returns 0, or -1 if
 * memory runs out. */
int backward(int64_t n, const float *feature_gradients, const float *const weights[LAYERS], const float *activations,
             const uint8_t *winners, float *const weight_gradients[LAYERS], float *const bias_gradients[LAYERS],
             const int32_t weight_groups[LAYERS], const int32_t bias_groups[LAYERS], int threads) {
    enum { TOGETHER = 8, PARTS = 4 }; /* images whose lists are in memory at once; parts of a layer's outputs */
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
#pragma omp for schedule(dynamic, BLOCK)
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
                    for (int output = first; output < first + some; output += layer.side_by_side) {
                        const Passed *list = lists + output * layer.room;
                        float *to = into + output * layer.sums, *bias = bias_into + output;
                        if (l == 0)
                            add_outputs(list, count + output, image, to, bias, LIST1, ROW1, ROWS1, TAPS1, SIDE_BY_SIDE1);
                        else if (l == 1)
                            add_outputs(list, count + output, image, to, bias, LIST2, ROW2, ROWS2, TAPS2, SIDE_BY_SIDE2);
                        else
                            add_outputs(list, count + output, image, to, bias, LIST3, ROW3, ROWS3, TAPS3, SIDE_BY_SIDE3);
                    }
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

/* ---------------------------------------------------------------------------------------------------- the processor */

/* Whether this processor has the instructions that this file was compiled to. */
int runs_here(void) {
#ifdef __AVX512F__
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
#else
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
}
