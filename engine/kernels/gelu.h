/* GELU, z * Phi(z), with Phi the distribution function of the normal distribution, exact up to a few units of the last
 * digit for every z. (torch computes Phi as (1 + erf) / 2, which for z below zero cancels most digits.)
 *
 * What lies above t = |z| is exp(-t^2/2) * R(t), where R falls slowly from 1/2. R is a polynomial of
 * s = (t - 3)/(t + 3), fitted with a relative error below 7e-9 for t up to 13.
 */

#ifndef GELU_H
#define GELU_H

#include "vectors.h"

/* With `density` = 0 what lies above t; with 1 / sqrt(2 pi) that minus t times the density. */
INLINE Vector upper_tail(Vector t, float density) {
    static const float ratio[] = {5.415085979620926e-05f,   0.00011603737948462367f, -0.00033991134841926396f,
                                  -0.0009841828141361475f,  0.002904702676460147f,   0.006132183130830526f,
                                  -0.046213313937187195f,   0.12322501838207245f,    -0.20640261471271515f,
                                  0.12151394784450531f};
    static const float powers[] = {1.f / 720, 1.f / 120, 1.f / 24, 1.f / 6, 0.5f, 1, 1}; /* of exp */
    const Vector s = 1 - 6 / (t + 3);
    Vector tail = same(ratio[0]), power = same(powers[0]);
    UNROLLED for (int i = 1; i < 10; i++) tail = fused(tail, s, same(ratio[i]));
    tail = add_product(tail, -density, t);
    /* exp(-square/2) is 2^n * exp(rest). `small` is what rounding the square lost. */
    const Vector square = t * t, small = fused(t, t, -square);
    const Vector shifted = add_product(same(12582912), -0.72134752f, square); /* 1.5 * 2^23: n is in the last bits */
    const Vector n = shifted - 12582912;
    Vector rest = add_product(-0.5f * square, -0.693147182f, n); /* ln 2, and what rounding it lost */
    rest = add_product(add_product(rest, 1.90465421e-9f, n), -0.5f, small);
    UNROLLED for (int i = 1; i < 7; i++) power = fused(power, rest, same(powers[i]));
    return tail * (Vector)((Mask)power + ((Mask)shifted << 23));
}

/* |z|, at most 13, so that no exponent underflows. NaN stays. */
INLINE Vector size_of(Vector z) {
    const Vector size = (Vector)((Mask)z & 0x7fffffff);
    return chosen(size > 13, same(13), size);
}

INLINE Vector gelu(Vector z) {
    const Vector t = size_of(z);
    return rectified(z) - t * upper_tail(t, 0);
}

/* Its derivative, Phi(z) + z * the density of z. */
INLINE Vector gelu_slope(Vector z) {
    const Vector tail = upper_tail(size_of(z), 0.39894228f);
    return chosen(z < 0, tail, 1 - tail);
}

#endif
