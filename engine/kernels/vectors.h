/* Registers of floats, and how work is shared out to threads. */

#ifndef VECTORS_H
#define VECTORS_H

#include <immintrin.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLLED _Pragma("GCC unroll 16") /* what is indexed by the loop stays in registers */

/* Lanes of a register: each is a channel of its own, so AVX-512 computes the bits of AVX2. Channels come in groups that
 * fill registers of either. */
#ifdef __AVX512F__
enum { LANES = 16 };
#else
enum { LANES = 8 };
#endif
enum { GROUP = 16, MOST = 1024 }; /* channels of a group, and the most there may be */

typedef float Vector __attribute__((vector_size(4 * LANES)));
typedef int32_t Mask __attribute__((vector_size(4 * LANES)));
typedef Vector AnyVector __attribute__((aligned(4), may_alias));

INLINE Vector load(const float *from) { return *(const AnyVector *)from; }
INLINE void store(float *to, Vector vector) { *(AnyVector *)to = vector; }

/* The first `count` lanes: the others are zero, or stay as they are. In registers of 8 lanes `count` is 8. Whole lines
 * may be written `past_the_caches`. */
INLINE Vector load_part(const float *from, int64_t count) {
#ifdef __AVX512F__
    return (Vector)_mm512_maskz_loadu_ps((__mmask16)((1 << count) - 1), from);
#else
    return (void)count, load(from);
#endif
}
INLINE void store_part(float *to, Vector vector, int64_t count, int past_the_caches) {
#ifdef __AVX512F__
    if (past_the_caches && count == LANES && (uintptr_t)to % sizeof vector == 0)
        _mm512_stream_ps(to, (__m512)vector);
    else
        _mm512_mask_storeu_ps(to, (__mmask16)((1 << count) - 1), (__m512)vector);
#else
    (void)count, (void)past_the_caches, store(to, vector);
#endif
}

/* Small whole numbers, in bytes. */
typedef uint8_t Bytes __attribute__((vector_size(LANES)));
typedef Bytes AnyBytes __attribute__((aligned(1), may_alias));
INLINE Mask load_bytes(const uint8_t *from, int64_t count) {
#ifdef __AVX512F__
    return (Mask)_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8((__mmask16)((1 << count) - 1), from));
#else
    return (void)count, __builtin_convertvector(*(const AnyBytes *)from, Mask);
#endif
}
INLINE void store_bytes(uint8_t *to, Mask numbers, int64_t count) {
#ifdef __AVX512F__
    _mm512_mask_cvtepi32_storeu_epi8(to, (__mmask16)((1 << count) - 1), (__m512i)numbers);
#else
    (void)count, *(AnyBytes *)to = __builtin_convertvector(numbers, Bytes);
#endif
}

/* sum + factor * by, rounded once. */
INLINE Vector add_product(Vector sum, float factor, Vector by) {
#ifdef __AVX512F__
    return (Vector)_mm512_fmadd_ps(_mm512_set1_ps(factor), (__m512)by, (__m512)sum);
#else
    return (Vector)_mm256_fmadd_ps(_mm256_set1_ps(factor), (__m256)by, (__m256)sum);
#endif
}

/* a * b + c, rounded once. */
INLINE Vector fused(Vector a, Vector b, Vector c) {
#ifdef __AVX512F__
    return (Vector)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#else
    return (Vector)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#endif
}

INLINE Vector same(float value) { return (Vector){0} + value; }

/* Where `mask` has all bits, `yes`, else `no`. */
INLINE Vector chosen(Mask mask, Vector yes, Vector no) { return (Vector)((mask & (Mask)yes) | (~mask & (Mask)no)); }
INLINE Vector rectified(Vector z) { return chosen(z < 0, (Vector){0}, z); } /* NaN stays */

INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* `count` things in `parts` parts: part p has those from first_of(p) to before first_of(p + 1). */
INLINE int64_t first_of(int64_t part, int64_t count, int parts) { return count * part / parts; }

#endif
