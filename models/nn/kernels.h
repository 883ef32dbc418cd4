/* The loops that are not convolutions or matrix products, for activations in f32 and in bf16.
 *
 * They are written once (kernels.inc, kernels_typed.inc) over vectors of 16 lanes and compiled for
 * each instruction set (kernels_ref.c, _avx2.c, _avx512.c), which only say what a lane operation
 * is.  Only IEEE add, multiply, divide, square root and fused multiply-add are used, in a fixed
 * order, so every instruction set gives the same bits.  bf16 is a storage format: arithmetic is in
 * f32, results are rounded to nearest even, NaN stays NaN.
 *
 * Pointers to activations (void) may be unaligned; outputs may equal inputs elementwise unless said
 * otherwise.  Kernels cannot fail. */
#ifndef GGDM_MODELS_NN_KERNELS_H
#define GGDM_MODELS_NN_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "models/nn/graph.h"
#include "models/nn/ops.h"

/* Group normalisation of one image [hw, c]. */
typedef struct ggdm_norm_args {
    const void *x;
    const float *gamma, *beta;
    float *stats;     /* [groups, 2] mean and 1 / sqrt(variance + eps): out, backward: in */
    float *tmp;       /* [4 * c] */
    int64_t hw, w, c; /* pixels, pixels of a line, channels */
    int groups;
    double eps;
    bool silu;
} ggdm_norm_args;

/* Batch normalisation of one image [hw, c] by given statistics. */
typedef struct ggdm_fixed_norm_args {
    const void *x;
    const float *scale, *shift; /* [c] */
    const float *mean;          /* [c], backward only */
    int64_t hw, w, c;           /* pixels, pixels of a line, channels */
    bool relu;
} ggdm_fixed_norm_args;

/* Layer normalisation of one image [rows, c]. */
typedef struct ggdm_layer_norm_args {
    const void *x;
    const float *gamma, *beta;
    float *stats; /* [rows, 2] mean and 1 / sqrt(variance + eps): out, backward: in */
    int64_t rows, c;
    double eps;
} ggdm_layer_norm_args;

/* A pooling of one image. */
typedef struct ggdm_pool_args {
    int64_t h, w;             /* windows */
    int64_t h_large, w_large; /* pixels */
    int64_t c;
    ggdm_window window;
} ggdm_pool_args;

/* Tiles of images [h, w, c], counted through all images, rows x columns of each: the first of them
 * in either direction (fours) have four lines of pixels, the others three, so that they fill the
 * image. */
typedef struct ggdm_tiles_args {
    int64_t h, w, c;
    int64_t rows, columns;
    int64_t fours[2];  /* of the rows, of the columns */
    int64_t part;      /* elements from one of the 36 parts of v or m to the next */
    int64_t line;      /* elements from one tile of a part to the next */
    int64_t top, left; /* tiles_in: padding */
    const void *zeros; /* tiles_in: [c] */
} ggdm_tiles_args;

/* Tiles of three rows or columns lack one of the six places in that direction.  Kinds of parts:
 * those that all tiles have, those of tiles of four columns, of four rows, and of both. */
#define GGDM_TILE_LEFT_OUT 4
#define GGDM_TILE_KINDS 4
#define GGDM_TILE_KIND(i, j) (2 * ((i) == GGDM_TILE_LEFT_OUT) + ((j) == GGDM_TILE_LEFT_OUT))

/* A 3x3 convolution of images [h, w, c] to out_c channels. */
typedef struct ggdm_narrow_args {
    int64_t h, w, c;
    int64_t out_w, out_c;
    int64_t top, left;    /* padding */
    const float *weights; /* [3, out_c, 3, c] */
} ggdm_narrow_args;

#define GGDM_LINEAR_COLUMNS 64

typedef struct ggdm_kernels {
    void (*from_f32)(const float *x, void *y, int64_t n);
    void (*to_f32)(const void *x, float *y, int64_t n);

    /** y = x * sigmoid(x); the exponential is a polynomial, within 2e-7 (bf16: 1.2e-4) relative. */
    void (*silu)(const void *x, void *y, int64_t n);
    /** gx = gy * d silu(x) / dx. */
    void (*silu_bwd)(const void *x, const void *gy, void *gx, int64_t n);
    void (*relu)(const void *x, void *y, int64_t n);
    void (*relu_bwd)(const void *x, const void *gy, void *gx, int64_t n);
    void (*add)(const void *a, const void *b, void *y, int64_t n);
    /** y = a x + b z. */
    void (*lincomb)(float a, const void *x, float b, const void *z, void *y, int64_t n);
    /** y = a x + b. */
    void (*affine)(float a, const void *x, float b, void *y, int64_t n);

    void (*group_norm)(const ggdm_norm_args *a, void *y);
    /** Gradient of the above: gx [hw, c], not x; partial [2, c] = this image's share of the
     *  gradients of gamma and beta. */
    void (*group_norm_bwd)(const ggdm_norm_args *a, const void *gy, void *gx, float *partial);

    /** y = act(x scale + shift). */
    void (*fixed_norm)(const ggdm_fixed_norm_args *a, void *y);
    /** Gradient of the above, gz = gy act': gx = gz scale, and per channel the sums of gz and of gz
     *  (x - mean). */
    void (*fixed_norm_bwd)(const ggdm_fixed_norm_args *a, const void *gy, void *gx, float *sum,
                           float *product);

    /** Sum of the rows of x [rows, c]; rows of an image line (w) are added first. */
    void (*sum_rows)(const void *x, float *y, int64_t rows, int64_t w, int64_t c);
    /** Sum of x[i] * z[i] over the rows. */
    void (*sum_rows_product)(const void *x, const void *z, float *y, int64_t rows, int64_t w,
                             int64_t c);
    /** y[r, :] = x[r, :] * (1 + s) + t; s or t NULL: that part is left out. */
    void (*affine_rows)(const void *x, const float *s, const float *t, void *y, int64_t rows,
                        int64_t c);
    /** y[r, :] = a * row. */
    void (*spread)(float a, const float *row, void *y, int64_t rows, int64_t c);

    /** Softmax of each row [c] of x, scaled by scale before; x is overwritten. */
    void (*softmax)(float *x, void *y, int64_t rows, int64_t c, float scale);
    /** gx = scale * y * (gy - mean of gy with weights y) per row, y the softmax. */
    void (*softmax_bwd)(const void *y, const float *gy, void *gx, int64_t rows, int64_t c,
                        float scale);

    /** Sum over the 2x2 blocks of x [2h, 2w, c]. */
    void (*upsample_bwd)(const void *x, void *y, int64_t h, int64_t w, int64_t c);
    void (*max_pool)(const ggdm_pool_args *a, const void *x, void *y);
    /** The first pixel of a window that has its maximum gets the gradient. */
    void (*max_pool_bwd)(const ggdm_pool_args *a, const void *x, const void *y, const void *gy,
                         void *gx);
    void (*avg_pool)(const ggdm_pool_args *a, const void *x, void *y);
    void (*avg_pool_bwd)(const ggdm_pool_args *a, const void *gy, void *gx);

    /** [hw, c] to f32 [c, hw], and back. */
    void (*flatten)(const void *x, float *y, int64_t hw, int64_t c);
    void (*unflatten)(const float *x, void *y, int64_t hw, int64_t c);

    void (*layer_norm)(const ggdm_layer_norm_args *a, void *y);
    /** Gradient of the above to x, and (partial [2, c]) this image's share of those to gamma and
     *  beta. */
    void (*layer_norm_bwd)(const ggdm_layer_norm_args *a, const void *gy, void *gx);
    void (*layer_norm_bwd_params)(const ggdm_layer_norm_args *a, const void *gy, float *partial);
    /** y = x times (an approximation of) the normal distribution function of x: tails are exact to
     *  a few roundings as SiLU's are. */
    void (*gelu)(const void *x, void *y, int64_t n, ggdm_gelu_form form);
    void (*gelu_bwd)(const void *x, const void *gy, void *gx, int64_t n, ggdm_gelu_form form);
    /** y = a gelu(b) with [a, b] = x, rows of 2 c. */
    void (*geglu)(const void *x, void *y, int64_t rows, int64_t c);
    void (*geglu_bwd)(const void *x, const void *gy, void *gx, int64_t rows, int64_t c);
    /** y = x + p. */
    void (*add_f32)(const void *x, const float *p, void *y, int64_t n);

    /** Winograd's F(4x4, 3x3) (models/nn/winograd.c): v = B' d B of the pixels d of x around each
     * of n tiles from the first on, 36 parts [rows, c] apart by a->part; rows: how many of the
     * tiles each kind of part has. */
    void (*tiles_in)(const ggdm_tiles_args *a, const void *x, int64_t first, int64_t n, float *v,
                     int64_t rows[GGDM_TILE_KINDS]);
    /** y = A' m A + bias (or NULL) for each of these tiles of m, laid out as v; what is beyond an
     *  image is left out. */
    void (*tiles_out)(const ggdm_tiles_args *a, const float *m, const float *bias, int64_t first,
                      int64_t n, void *y);
    /** m [rows, n] = v [rows, k] u, n a multiple of 16: each sum in the order of k.  u is laid out
     *  in panels of tiles_panel columns (the last may have fewer), each [k, columns]. */
    void (*tiles_product)(const float *v, const float *u, float *m, int64_t rows, int64_t k,
                          int64_t n);
    int64_t tiles_panel;
    /** One row of results [out_w, out_c] of an image x; bias or NULL. */
    void (*narrow_row)(const ggdm_narrow_args *a, const void *x, const float *bias, int64_t row,
                       float *y);

    /** One feature of the linear layer over rows, f32: y[r * out] = <x[r, :], w> + bias, x [rows,
     * in], w [in]. */
    void (*linear_feature)(const float *x, const float *w, float bias, float *y, int64_t rows,
                           int64_t in, int64_t out);
    /** Some columns of its gradient to x: gx[r * in + i] = sum over o of gy[r, o] w[o * in + i] for
     *  i < columns, at most GGDM_LINEAR_COLUMNS of them. */
    void (*linear_bwd_columns)(const float *gy, const float *w, float *gx, int64_t rows, int64_t in,
                               int64_t out, int64_t columns);
} ggdm_kernels;

/** The kernels for activations of a dtype (GGDM_F32 or GGDM_BF16), for the instruction set that
 *  $GGDM_ISA or the machine gives. */
const ggdm_kernels *ggdm_kernels_of(ggdm_dtype dtype);

/** log of the sum of exp(x) of one row, in double. */
double ggdm_k_log_sum_exp(const float *x, int64_t c);
/** log softmax of one row; sums in double. */
void ggdm_k_log_softmax(const float *x, float *y, int64_t c);

/* One table per instruction set, indexed by dtype == GGDM_BF16. */
extern const ggdm_kernels ggdm_kernels_ref[2], ggdm_kernels_avx2[2], ggdm_kernels_avx512[2];

#endif
