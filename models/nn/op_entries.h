/* The ops of the table (models/nn/op_table.h), for its rows. */
#ifndef GGDM_MODELS_NN_OP_ENTRIES_H
#define GGDM_MODELS_NN_OP_ENTRIES_H

#include "models/nn/op_table.h"

extern const ggdm_op_entry ggdm_op_conv2d, ggdm_op_conv2d_inception, ggdm_op_conv2d_f32,
    ggdm_op_conv_transpose, ggdm_op_linear, ggdm_op_group_norm, ggdm_op_batch_norm,
    ggdm_op_attention, ggdm_op_attention_masked, ggdm_op_cast, ggdm_op_silu, ggdm_op_relu,
    ggdm_op_add, ggdm_op_affine, ggdm_op_add_embedding, ggdm_op_scale_shift, ggdm_op_part_channels,
    ggdm_op_concat, ggdm_op_upsample2, ggdm_op_max_pool, ggdm_op_avg_pool, ggdm_op_max_pool_windows,
    ggdm_op_avg_pool_windows, ggdm_op_flatten, ggdm_op_unroll, ggdm_op_global_avg_pool,
    ggdm_op_repeat, ggdm_op_split, ggdm_op_time_features, ggdm_op_timed_affine, ggdm_op_embedding,
    ggdm_op_layer_norm, ggdm_op_gelu, ggdm_op_geglu, ggdm_op_embedding_tokens,
    ggdm_op_add_positions, ggdm_op_prepend, ggdm_op_prepend_each, ggdm_op_take, ggdm_op_take_end,
    ggdm_op_patch_conv, ggdm_op_add_embedding_tokens, ggdm_op_log_softmax, ggdm_op_nll,
    ggdm_op_neg_prob, ggdm_op_mse, ggdm_op_total_variation, ggdm_op_lincomb, ggdm_op_clamp,
    ggdm_op_sub, ggdm_op_mul, ggdm_op_div, ggdm_op_exp, ggdm_op_sqrt, ggdm_op_arc, ggdm_op_dot,
    ggdm_op_scale_rows, ggdm_op_log_sum_exp, ggdm_op_slice_channels, ggdm_op_join,
    ggdm_op_avg_pool_f32, ggdm_op_normalize, ggdm_op_min_max, ggdm_op_channel_affine,
    ggdm_op_resample, ggdm_op_crop, ggdm_op_blur, ggdm_op_mixture_eps, ggdm_op_mixture_logp;

#endif
