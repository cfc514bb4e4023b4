/* The transforms of F(4x4, 3x3) of Winograd, at the points 0, sqrt(1/2), -sqrt(1/2), sqrt(2), -sqrt(2) and infinity.
 *
 * With these points the sums round less than with the usual 1, -1, 2, -2: the numbers that are added are closer to each
 * other (measured: half the error). Each transform is one of a column, which is applied to the columns of a tile and
 * then to the rows. The transforms for the gradients of the weights are the transposes.
 */

#ifndef WINOGRAD_H
#define WINOGRAD_H

#include "vectors.h"

enum { IN = 6, OUT = 4, TAPS = 3, POSITIONS = IN * IN }; /* of a tile, on each side */

#define NEAR 0.70710678118654752440f /* the points, and their third powers */
#define FAR 1.41421356237309504880f
#define NEAR3 0.35355339059327376220f
#define FAR3 2.82842712474619009760f

/* Six inputs. */
INLINE void transform_input(const Vector from[IN], Vector to[IN]) {
    const Vector near = add_product(from[4], -2, from[2]), near_odd = add_product(from[3], -2, from[1]);
    const Vector far = add_product(from[4], -0.5f, from[2]), far_odd = add_product(from[3], -0.5f, from[1]);
    to[0] = add_product(from[0] + from[4], -2.5f, from[2]);
    to[1] = add_product(near, NEAR, near_odd), to[2] = add_product(near, -NEAR, near_odd);
    to[3] = add_product(far, FAR, far_odd), to[4] = add_product(far, -FAR, far_odd);
    to[5] = add_product(from[1] + from[5], -2.5f, from[3]);
}

/* Six products to four outputs. */
INLINE void transform_product(const Vector from[IN], Vector to[OUT]) {
    const Vector near = from[1] + from[2], near_odd = from[1] - from[2];
    const Vector far = from[3] + from[4], far_odd = from[3] - from[4];
    to[0] = from[0] + near + far;
    to[1] = add_product(NEAR * near_odd, FAR, far_odd);
    to[2] = add_product(0.5f * near, 2, far);
    to[3] = add_product(add_product(from[5], NEAR3, near_odd), FAR3, far_odd);
}

/* The gradients of four outputs to those of six products. */
INLINE void transform_gradient(const Vector from[OUT], Vector to[IN]) {
    const Vector near = add_product(from[0], 0.5f, from[2]), near_odd = add_product(NEAR * from[1], NEAR3, from[3]);
    const Vector far = add_product(from[0], 2, from[2]), far_odd = add_product(FAR * from[1], FAR3, from[3]);
    to[0] = from[0], to[1] = near + near_odd, to[2] = near - near_odd;
    to[3] = far + far_odd, to[4] = far - far_odd, to[5] = from[3];
}

#define NEAR_SHARE (-2.f / 3) /* what is left over is a factor of the products, which the weights take */
#define FAR_SHARE (1.f / 6)

/* Three weights. */
INLINE void transform_weight(const Vector from[TAPS], Vector to[IN]) {
    const Vector near = NEAR_SHARE * add_product(from[0], 0.5f, from[2]), near_odd = NEAR_SHARE * NEAR * from[1];
    const Vector far = FAR_SHARE * add_product(from[0], 2, from[2]), far_odd = FAR_SHARE * FAR * from[1];
    to[0] = from[0], to[1] = near + near_odd, to[2] = near - near_odd;
    to[3] = far + far_odd, to[4] = far - far_odd, to[5] = from[2];
}

/* The gradients of six transformed weights to those of three weights. */
INLINE void transform_weight_gradient(const Vector from[IN], Vector to[TAPS]) {
    const Vector near = NEAR_SHARE * (from[1] + from[2]), near_odd = NEAR_SHARE * (from[1] - from[2]);
    const Vector far = FAR_SHARE * (from[3] + from[4]), far_odd = FAR_SHARE * (from[3] - from[4]);
    to[0] = from[0] + near + far;
    to[1] = add_product(NEAR * near_odd, FAR, far_odd);
    to[2] = add_product(add_product(from[5], 0.5f, near), 2, far);
}

typedef void Transform(const Vector *from, Vector *to);

/* Transform a tile of `size` rows and columns to `to_size` ones: first each row, then each column. */
INLINE void transform_tile(Transform *transform, const int size, const int to_size, Vector from[IN][IN],
                           Vector to[IN][IN]) {
    Vector half[IN][IN];
    UNROLLED for (int row = 0; row < size; row++) {
        Vector transformed[IN];
        transform(from[row], transformed);
        UNROLLED for (int column = 0; column < to_size; column++) half[column][row] = transformed[column];
    }
    UNROLLED for (int column = 0; column < to_size; column++) {
        Vector transformed[IN];
        transform(half[column], transformed);
        UNROLLED for (int row = 0; row < to_size; row++) to[row][column] = transformed[row];
    }
}

#endif
