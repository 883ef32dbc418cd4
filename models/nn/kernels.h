/* Elementwise and reducing loops over f32 rows, as plain C that the compiler vectorises for several
 * instruction sets (chosen by the loader at start).  They use only add, multiply, divide and square
 * root in a fixed order and no contraction, so every clone gives the same bits.
 *
 * All pointers may be unaligned; outputs may equal inputs elementwise unless said otherwise.
 * They cannot fail. */
#ifndef GGDM_MODELS_NN_KERNELS_H
#define GGDM_MODELS_NN_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

/** y = x * sigmoid(x); the exponential is a polynomial, within 2e-7 relative of the true one. */
void ggdm_k_silu(const float *x, float *y, int64_t n);
/** gx = gy * d silu(x) / dx. */
void ggdm_k_silu_bwd(const float *x, const float *gy, float *gx, int64_t n);
void ggdm_k_relu(const float *x, float *y, int64_t n);
void ggdm_k_relu_bwd(const float *x, const float *gy, float *gx, int64_t n);
void ggdm_k_add(const float *a, const float *b, float *y, int64_t n);
/** y = a x + b z. */
void ggdm_k_lincomb(float a, const float *x, float b, const float *z, float *y, int64_t n);
/** y = a x + b. */
void ggdm_k_affine(float a, const float *x, float b, float *y, int64_t n);
void ggdm_k_scale(float a, const float *x, float *y, int64_t n);

/* Group normalisation of one image [hw, c] in groups of consecutive channels; tmp is [4 * c].
 * stats [groups, 2] = mean, 1 / sqrt(variance + eps). */
void ggdm_k_group_norm(const float *x, const float *gamma, const float *beta, float *y,
                       float *stats, float *tmp, int64_t hw, int64_t w, int64_t c, int groups,
                       double eps, bool silu);
/** Gradient of the above: gx [hw, c]; partial [2, c] = this image's share of the gradients of gamma
 *  and beta. */
void ggdm_k_group_norm_bwd(const float *x, const float *gamma, const float *beta,
                           const float *stats, const float *gy, float *gx, float *partial,
                           float *tmp, int64_t hw, int64_t w, int64_t c, int groups, bool silu);

/** Sum of the rows of x [rows, c] into y [c]; rows of an image line (w) are added first. */
void ggdm_k_sum_rows(const float *x, float *y, float *tmp, int64_t rows, int64_t w, int64_t c);
/** sum of x[i] * y[i] over the rows: y-weighted, [c]. */
void ggdm_k_sum_rows_product(const float *x, const float *z, float *y, float *tmp, int64_t rows,
                             int64_t w, int64_t c);
/** y[r, :] = x[r, :] * (1 + s) + t, or with s NULL: x[r, :] + t. */
void ggdm_k_affine_rows(const float *x, const float *s, const float *t, float *y, int64_t rows,
                        int64_t c);

/** Softmax of each row [c] of x, scaled by scale before. */
void ggdm_k_softmax(const float *x, float *y, int64_t rows, int64_t c, float scale);
/** gx = scale * y * (gy - sum(gy * y)) per row, y the softmax. */
void ggdm_k_softmax_bwd(const float *y, const float *gy, float *gx, int64_t rows, int64_t c,
                        float scale);
/** log softmax of one row; sums in double. */
void ggdm_k_log_softmax(const float *x, float *y, int64_t c);

#endif
