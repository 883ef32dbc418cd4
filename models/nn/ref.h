/* Plain double-precision references of the ops in models/nn/ops.h: the definitions there, as loops.
 * They are what the f32 and bf16 ops are compared with and what the gradient checks differentiate
 * numerically, so they are written to be read, not to be fast.
 *
 * Each op has a shape rule and a forward function of one signature:
 *
 *   cfg    the op's settings; only the op's own fields are looked at
 *   shape  shapes of the inputs in the order of ops.h; n = 0 for an absent bias
 *   in     their elements; indices as doubles; borrowed
 *   y      result, in the shape that the shape rule gives
 *   mag    per element the magnitude of y's rounding errors, or NULL: the sum of the absolute
 *          contributions, |y| + sum |dy/da| |a| over the inputs a and the intermediate values a
 *   returns the number k of terms in the longest sum behind one element
 *
 * A forward-stable evaluation with unit roundoff u then satisfies (Higham, Accuracy and Stability
 * of Numerical Algorithms, section 3.1; first order, any order of summation)
 *
 *   |fl(y) - y| <= (k + c) u mag
 *
 * with a small c for the elementary functions and the roundings outside of the sums
 * (GGDM_REF_ROUNDINGS).  For bf16 operands with f32 accumulation u_bf16 mag is added. */
#ifndef GGDM_MODELS_NN_REF_H
#define GGDM_MODELS_NN_REF_H

#include <stdbool.h>
#include <stdint.h>

#include "models/nn/graph.h"
#include "models/nn/ops.h"

#define GGDM_REF_ROUNDINGS 8 /* c above: up to 4 ulp for exp, log, sin and 4 plain operations */

/* The settings of all ops in one struct. */
typedef struct ggdm_op_config {
    ggdm_conv conv;      /* conv2d, conv_transpose */
    int groups;          /* group_norm, part_channels */
    double eps;          /* group_norm, batch_norm, layer_norm */
    bool relu;           /* batch_norm */
    bool silu;           /* group_norm */
    ggdm_gelu_form gelu; /* gelu */
    ggdm_heads heads;    /* attention */
    int k;               /* max_pool, avg_pool, repeat, split, join, crop; take_end: end;
                            part_channels: parts */
    ggdm_window window;  /* max_pool_windows, avg_pool_windows */
    int part;            /* split, part_channels */
    int dim;             /* time_features */
    bool flip;           /* time_features */
    double freq_shift;   /* time_features */
    double scale, shift; /* affine */
    double lo, hi;       /* clamp */
    int first, count;    /* slice_channels */
    const double *channel_scale, *channel_shift; /* channel_affine */
    int height, width;                           /* resample */
    ggdm_resample_form resample;                 /* resample */
    ggdm_levels levels;                          /* timed_affine */
    double sigma;                                /* blur */
    int radius;                                  /* blur */
    const ggdm_mixture *mixture;                 /* mixture_eps, mixture_logp */
} ggdm_op_config;

typedef ggdm_shape ggdm_ref_shape_fn(const ggdm_op_config *cfg, const ggdm_shape *shape);
typedef int64_t ggdm_ref_fn(const ggdm_op_config *cfg, const ggdm_shape *shape,
                            const double *const *in, double *y, double *mag);

/* Shape rules that several ops share: that of the first input; [N]. */
ggdm_ref_shape_fn ggdm_ref_shape_same, ggdm_ref_shape_per_image;
ggdm_ref_shape_fn ggdm_ref_shape_conv2d, ggdm_ref_shape_linear, ggdm_ref_shape_concat,
    ggdm_ref_shape_upsample2, ggdm_ref_shape_pool, ggdm_ref_shape_pool_windows,
    ggdm_ref_shape_flatten, ggdm_ref_shape_unroll, ggdm_ref_shape_global_avg_pool,
    ggdm_ref_shape_time_features, ggdm_ref_shape_embedding, ggdm_ref_shape_repeat,
    ggdm_ref_shape_split, ggdm_ref_shape_join, ggdm_ref_shape_slice_channels,
    ggdm_ref_shape_mixture_logp, ggdm_ref_shape_embedding_tokens, ggdm_ref_shape_prepend,
    ggdm_ref_shape_take, ggdm_ref_shape_patch_conv, ggdm_ref_shape_geglu, ggdm_ref_shape_resample,
    ggdm_ref_shape_crop, ggdm_ref_shape_part_channels, ggdm_ref_shape_conv_transpose;

ggdm_ref_fn ggdm_ref_conv2d, ggdm_ref_linear, ggdm_ref_group_norm, ggdm_ref_batch_norm,
    ggdm_ref_attention;
ggdm_ref_fn ggdm_ref_silu, ggdm_ref_relu, ggdm_ref_add, ggdm_ref_affine, ggdm_ref_add_embedding,
    ggdm_ref_scale_shift, ggdm_ref_concat, ggdm_ref_upsample2, ggdm_ref_max_pool, ggdm_ref_avg_pool,
    ggdm_ref_max_pool_windows, ggdm_ref_avg_pool_windows, ggdm_ref_flatten, ggdm_ref_unroll,
    ggdm_ref_global_avg_pool, ggdm_ref_repeat, ggdm_ref_split, ggdm_ref_cast;
ggdm_ref_fn ggdm_ref_time_features, ggdm_ref_embedding;
ggdm_ref_fn ggdm_ref_layer_norm, ggdm_ref_gelu, ggdm_ref_add_positions, ggdm_ref_prepend,
    ggdm_ref_take, ggdm_ref_take_end, ggdm_ref_patch_conv, ggdm_ref_geglu;
ggdm_ref_fn ggdm_ref_timed_affine, ggdm_ref_part_channels, ggdm_ref_conv_transpose;
ggdm_ref_fn ggdm_ref_normalize, ggdm_ref_min_max, ggdm_ref_channel_affine, ggdm_ref_resample,
    ggdm_ref_crop;
ggdm_ref_fn ggdm_ref_log_softmax, ggdm_ref_nll, ggdm_ref_neg_prob, ggdm_ref_mse,
    ggdm_ref_total_variation, ggdm_ref_lincomb;
ggdm_ref_fn ggdm_ref_clamp, ggdm_ref_exp, ggdm_ref_sub, ggdm_ref_mul, ggdm_ref_div, ggdm_ref_sqrt,
    ggdm_ref_arc, ggdm_ref_dot, ggdm_ref_scale_rows, ggdm_ref_log_sum_exp, ggdm_ref_slice_channels,
    ggdm_ref_join, ggdm_ref_blur;
ggdm_ref_fn ggdm_ref_mixture_eps, ggdm_ref_mixture_logp;

#endif
