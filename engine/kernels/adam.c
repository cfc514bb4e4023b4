/* Adam's arithmetic on flat tensors, with the bits of torch: what torch does in six passes over the numbers takes two here.
 *
 * torch multiplies and adds in one rounding in `lerp_` and `addcmul_`, and in two in `addcdiv_`. The square root between
 * the two passes is torch's: it is MKL's there, which does not round every root to the nearest number. */

#include <stdint.h>

/* The moments: exp_avg.lerp_(gradient, lerp), exp_avg_sq.mul_(beta2).addcmul_(gradient, gradient, value=rest2). */
void adam_moments(int64_t n, const float *restrict gradient, float *restrict exp_avg, float *restrict exp_avg_sq,
                  float lerp, float beta2, float rest2, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < n; i++) {
        exp_avg[i] = __builtin_fmaf(lerp, gradient[i] - exp_avg[i], exp_avg[i]);
        exp_avg_sq[i] = __builtin_fmaf(rest2 * gradient[i], gradient[i], exp_avg_sq[i] * beta2);
    }
}

/* The step: values.addcdiv_(exp_avg, root.div_(divisor).add_(epsilon), value=size). */
void adam_step(int64_t n, float *restrict values, const float *restrict exp_avg, const float *restrict root,
               float divisor, float epsilon, float size, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < n; i++) values[i] += size * exp_avg[i] / (root[i] / divisor + epsilon);
}
