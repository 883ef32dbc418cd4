#include "models/nn/op_entries.h"

#include "models/nn/graph_impl.h"

/* --- emit functions: ops.h with the table's signature ----------------------------------------- */

#define EMIT(op, call)                                                                             \
    static ggdm_val emit_##op(ggdm_graph *g, const ggdm_op_config *cfg, const ggdm_val *in)        \
    {                                                                                              \
        (void)cfg;                                                                                 \
        return call;                                                                               \
    }

EMIT(conv2d, ggdm_conv2d(g, in[0], in[1], in[2], cfg->conv))
EMIT(conv2d_inception, emit_conv2d(g, cfg, in))
EMIT(conv2d_f32, ggdm_conv2d_f32(g, in[0], in[1], in[2], cfg->conv))
EMIT(conv_transpose, ggdm_conv_transpose(g, in[0], in[1], in[2], cfg->conv))
EMIT(linear, ggdm_linear(g, in[0], in[1], in[2]))
EMIT(group_norm, ggdm_group_norm(g, in[0], in[1], in[2], cfg->groups, cfg->eps, cfg->silu))
EMIT(batch_norm, ggdm_batch_norm(g, in[0], in[1], in[2], in[3], in[4], cfg->eps, cfg->relu))
EMIT(attention, ggdm_attention(g, in[0], in[1], in[2], -1, cfg->heads))
EMIT(attention_masked, ggdm_attention(g, in[0], in[1], in[2], in[3], cfg->heads))
EMIT(cast, ggdm_cast(g, in[0], g->dtype)) /* in an f32 graph no op at all */
EMIT(silu, ggdm_silu(g, in[0]))
EMIT(relu, ggdm_relu(g, in[0]))
EMIT(add, ggdm_add(g, in[0], in[1]))
EMIT(affine, ggdm_affine(g, in[0], cfg->scale, cfg->shift))
EMIT(add_embedding, ggdm_add_embedding(g, in[0], in[1]))
EMIT(scale_shift, ggdm_scale_shift(g, in[0], in[1]))
EMIT(part_channels, ggdm_part_channels(g, in[0], cfg->groups, cfg->k, cfg->part))
EMIT(concat, ggdm_concat(g, in[0], in[1]))
EMIT(upsample2, ggdm_upsample2(g, in[0]))
EMIT(max_pool, ggdm_max_pool(g, in[0], cfg->k))
EMIT(avg_pool, ggdm_avg_pool(g, in[0], cfg->k))
EMIT(max_pool_windows, ggdm_max_pool_windows(g, in[0], cfg->window))
EMIT(avg_pool_windows, ggdm_avg_pool_windows(g, in[0], cfg->window))
EMIT(flatten, ggdm_flatten(g, in[0]))
EMIT(unroll, ggdm_unroll(g, in[0]))
EMIT(global_avg_pool, ggdm_global_avg_pool(g, in[0]))
EMIT(repeat, ggdm_repeat(g, in[0], cfg->k))
EMIT(split, ggdm_split(g, in[0], cfg->k, cfg->part))
EMIT(time_features, ggdm_time_features(g, in[0], cfg->dim, cfg->flip, cfg->freq_shift))
EMIT(timed_affine, ggdm_timed_affine(g, in[0], in[1], &cfg->levels))
EMIT(embedding, ggdm_embedding(g, in[0], in[1]))
EMIT(embedding_tokens, ggdm_embedding(g, in[0], in[1]))
EMIT(layer_norm, ggdm_layer_norm(g, in[0], in[1], in[2], cfg->eps))
EMIT(gelu, ggdm_gelu(g, in[0], cfg->gelu))
EMIT(geglu, ggdm_geglu(g, in[0]))
EMIT(add_positions, ggdm_add_positions(g, in[0], in[1]))
EMIT(prepend, ggdm_prepend(g, in[0], in[1]))
EMIT(prepend_each, ggdm_prepend(g, in[0], in[1]))
EMIT(take, ggdm_take(g, in[0], in[1]))
EMIT(take_end, ggdm_take_end(g, in[0], in[1], cfg->k))
EMIT(patch_conv, ggdm_patch_conv(g, in[0], in[1]))
EMIT(add_embedding_tokens, ggdm_add_embedding(g, in[0], in[1]))
EMIT(log_softmax, ggdm_log_softmax(g, in[0]))
EMIT(nll, ggdm_nll(g, in[0], in[1]))
EMIT(neg_prob, ggdm_neg_prob(g, in[0], in[1]))
EMIT(mse, ggdm_mse(g, in[0], in[1]))
EMIT(total_variation, ggdm_total_variation(g, in[0]))
EMIT(lincomb, ggdm_lincomb(g, in[0], in[1], in[2], in[3]))
EMIT(clamp, ggdm_clamp(g, in[0], cfg->lo, cfg->hi))
EMIT(sub, ggdm_sub(g, in[0], in[1]))
EMIT(mul, ggdm_mul(g, in[0], in[1]))
EMIT(div, ggdm_div(g, in[0], in[1]))
EMIT(exp, ggdm_exp(g, in[0]))
EMIT(sqrt, ggdm_sqrt(g, in[0]))
EMIT(arc, ggdm_arc(g, in[0]))
EMIT(dot, ggdm_dot(g, in[0], in[1]))
EMIT(scale_rows, ggdm_scale_rows(g, in[0], in[1]))
EMIT(log_sum_exp, ggdm_log_sum_exp(g, in[0]))
EMIT(slice_channels, ggdm_slice_channels(g, in[0], cfg->first, cfg->count))
EMIT(join, ggdm_join(g, in[0], cfg->k))
EMIT(avg_pool_f32, ggdm_avg_pool_f32(g, in[0], cfg->k))
EMIT(normalize, ggdm_normalize(g, in[0]))
EMIT(min_max, ggdm_min_max(g, in[0]))
EMIT(channel_affine, ggdm_channel_affine(g, in[0], cfg->channel_scale, cfg->channel_shift))
EMIT(resample, ggdm_resample(g, in[0], cfg->height, cfg->width, cfg->resample))
EMIT(crop, ggdm_crop(g, in[0], in[1], cfg->k))
EMIT(blur, ggdm_blur(g, in[0], cfg->sigma, cfg->radius))
EMIT(mixture_eps, ggdm_mixture_eps(g, in[0], in[1], in[2], cfg->mixture))
EMIT(mixture_logp, ggdm_mixture_logp(g, in[0], in[1], cfg->mixture))

/* --- the ops ---------------------------------------------------------------------------------- */

/* clang-format off */
#define X(fill) {"x", GGDM_ROLE_ACT, GGDM_FILL_##fill}
#define ACT(name) {name, GGDM_ROLE_ACT, GGDM_FILL_NORMAL}
#define PARAM(name) {name, GGDM_ROLE_PARAM, GGDM_FILL_NORMAL}
#define FIXED(name) {name, GGDM_ROLE_FIXED, GGDM_FILL_NORMAL}
#define TIMESTEP {"t", GGDM_ROLE_FIXED, GGDM_FILL_TIME}
#define INDEX(name) {name, GGDM_ROLE_INDEX, GGDM_FILL_INDEX}
#define F32 GGDM_OP_F32
#define OP_AS(op, ref, shape_rule, roundings, bf16, ...)                                           \
    const ggdm_op_entry ggdm_op_##op = {#op, {__VA_ARGS__}, ggdm_ref_shape_##shape_rule,           \
                                        ggdm_ref_##ref, emit_##op, roundings, bf16};
#define OP(op, ...) OP_AS(op, op, __VA_ARGS__)

/* op               shape rule       roundings of the factors, to bf16, inputs */
OP(conv2d,          conv2d,           0, 0, X(NORMAL), PARAM("w"), PARAM("b"))
/* the same op, with digests of its own: the convolutions of FIDInceptionV3 */
OP_AS(conv2d_inception, conv2d, conv2d, 0, 0, X(NORMAL), PARAM("w"), PARAM("b"))
OP_AS(conv2d_f32, conv2d, conv2d,     0, 0, X(NORMAL), PARAM("w"), PARAM("b"))
OP(conv_transpose,  conv_transpose,   0, 1, X(NORMAL), PARAM("w"), PARAM("b"))
OP(linear,          linear,           0, 0, X(NORMAL), PARAM("w"), PARAM("b"))
OP(group_norm,      same,            17, 1, X(NORMAL), PARAM("gamma"), PARAM("beta"))
OP(batch_norm,      same,             0, 0, X(NORMAL), PARAM("gamma"), PARAM("beta"), PARAM("mean"),
   {"var", GGDM_ROLE_PARAM, GGDM_FILL_POSITIVE})
OP(attention,       same,             8, 2, ACT("q"), ACT("k"), ACT("v"))
/* the same op, with digests of its own: causal, key lengths, more or fewer keys than positions */
OP_AS(attention_masked, attention, same, 8, 2, ACT("q"), ACT("k"), ACT("v"), INDEX("n_keys"))
OP(cast,            same,             0, 0, X(FINE))
OP(silu,            same,            17, 1, X(NORMAL))
OP(relu,            same,             0, 0, X(APART))
OP(add,             same,             0, 0, ACT("a"), ACT("b"))
OP(affine,          same,             0, 0, X(NORMAL))
OP(add_embedding,   same,             0, 0, X(NORMAL), ACT("e"))
OP(scale_shift,     same,             0, 0, X(NORMAL), ACT("e"))
OP(part_channels,   part_channels,    0, 0, X(NORMAL))
OP(concat,          concat,           0, 0, ACT("a"), ACT("b"))
OP(upsample2,       upsample2,        0, 0, X(NORMAL))
OP(max_pool,        pool,             0, 0, X(APART))
OP(avg_pool,        pool,             0, 0, X(NORMAL))
OP(max_pool_windows, pool_windows,    0, 0, X(APART))
OP(avg_pool_windows, pool_windows,    0, 0, X(NORMAL))
OP(flatten,         flatten,          0, 0, X(NORMAL))
OP(unroll,          unroll,           0, 0, X(NORMAL))
OP(global_avg_pool, global_avg_pool,   0, 0, X(NORMAL))
OP(repeat,          repeat,           0, 1, X(NORMAL))
OP(split,           split,            0, 0, X(NORMAL))
OP(time_features,   time_features, 2000, 0, {"t", GGDM_ROLE_ACT, GGDM_FILL_TIME})
OP(timed_affine,    same,             0, F32, X(NORMAL), TIMESTEP)
OP(embedding,       embedding,        0, 0, PARAM("table"), INDEX("index"))
OP(layer_norm,      same,             8, 0, X(NORMAL), PARAM("gamma"), PARAM("beta"))
OP(gelu,            same,            17, 1, X(NORMAL))
OP(geglu,           geglu,           17, 1, X(NORMAL))
/* the same op as embedding, with digests of its own: rows of many tokens */
OP_AS(embedding_tokens, embedding, embedding_tokens, 0, 0, PARAM("table"), INDEX("index"))
OP(add_positions,   same,             0, 0, X(NORMAL), PARAM("p"))
OP(prepend,         prepend,          0, 0, X(NORMAL), PARAM("token"))
/* the same op, with digests of its own: a token for each image */
OP_AS(prepend_each, prepend, prepend, 0, 0, X(NORMAL), ACT("token"))
OP(take,            take,             0, 0, X(NORMAL), INDEX("index"))
OP(take_end,        take,             0, 0, X(NORMAL), INDEX("text"))
OP(patch_conv,      patch_conv,       0, 0, X(NORMAL), PARAM("w"))
/* the same op, with digests of its own: on sequences */
OP_AS(add_embedding_tokens, add_embedding, same, 0, 0, X(NORMAL), ACT("e"))
OP(log_softmax,     same,             8, F32, X(NORMAL))
OP(nll,             per_image,        0, F32, {"logp", GGDM_ROLE_ACT, GGDM_FILL_LOGP}, INDEX("target"))
OP(neg_prob,        per_image,        0, F32, {"logp", GGDM_ROLE_ACT, GGDM_FILL_LOGP}, INDEX("target"))
OP(mse,             per_image,        2, F32, ACT("a"), ACT("b"))
OP(total_variation, per_image,        0, F32, X(NORMAL))
OP(lincomb,         same,             0, F32, X(NORMAL), ACT("y"), FIXED("a"), FIXED("b"))
OP(clamp,           same,             0, F32, X(APART))
OP(sub,             same,             0, F32, ACT("a"), ACT("b"))
OP(mul,             same,             0, F32, ACT("a"), ACT("b"))
OP(div,             same,             0, F32, ACT("a"), {"b", GGDM_ROLE_ACT, GGDM_FILL_POSITIVE})
OP(exp,             same,             0, F32, X(NORMAL))
OP(sqrt,            same,             0, F32, X(POSITIVE))
OP(arc,             same,             0, F32, X(POSITIVE))
OP(dot,             per_image,        0, F32, ACT("a"), ACT("b"))
OP(scale_rows,      same,             0, F32, X(NORMAL), ACT("a"))
OP(log_sum_exp,     per_image,        8, F32, X(NORMAL))
OP(slice_channels,  slice_channels,   0, F32, X(NORMAL))
OP(join,            join,             0, F32, X(NORMAL))
OP_AS(avg_pool_f32, avg_pool, pool,   0, F32, X(NORMAL))
OP(normalize,       same,             8, F32, X(NORMAL))
OP(min_max,         same,             8, F32, X(APART))
OP(channel_affine,  same,             0, F32, X(NORMAL))
OP(resample,        resample,         0, F32, X(NORMAL))
OP(crop,            crop,             0, F32, X(NORMAL), {"window", GGDM_ROLE_FIXED, GGDM_FILL_SHARE})
OP(blur,            same,             0, F32, X(NORMAL))
OP(mixture_eps,     same,             0, F32, X(NORMAL), TIMESTEP, INDEX("label"))
OP(mixture_logp,    mixture_logp,     0, F32, X(NORMAL), TIMESTEP)
/* clang-format on */
