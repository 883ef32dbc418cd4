#include "models/arch/adm.h"

#include <stdio.h>

#include "models/arch/layers.h"
#include "models/arch/unet_blocks.h"

#define EPS 1e-5 /* of all norms */
#define SPATIAL_WIDTH 2048

enum { MAX_BLOCKS = 1 + GGDM_ADM_LEVELS * (GGDM_ADM_LAYERS + 1) };

/* What all blocks of one emission share. */
typedef struct emission {
    const ggdm_adm *net;
    ggdm_graph *g;
    ggdm_val embedding;        /* SiLU of that of time (and class), [N, 4 base] */
    ggdm_val done[MAX_BLOCKS]; /* what each block of the first half gave */
    int n_done;
} emission;

static ggdm_val residual(const emission *e, ggdm_val x, const char *block, int part, int out,
                         ggdm_residual_size size)
{
    static const ggdm_residual_names names = {"in_layers.0",  "in_layers.2",  "emb_layers.1",
                                              "out_layers.0", "out_layers.3", "skip_connection"};
    const ggdm_residual b = {.names = &names,
                             .groups = e->net->groups,
                             .eps = EPS,
                             .scale_shift = e->net->scale_shift,
                             .size = size};
    char prefix[GGDM_NAME_SIZE];
    snprintf(prefix, sizeof prefix, "%s.%d", block, part);
    return ggdm_residual_emit(&b, e->g, x, e->embedding, prefix, out);
}

static ggdm_val attention(const emission *e, ggdm_val x, const char *block, int part, int width,
                          int heads)
{
    const ggdm_adm *net = e->net;
    const ggdm_fused_attention a = {.norm = "norm",
                                    .qkv = "qkv",
                                    .out = "proj_out",
                                    .pointwise = true,
                                    .heads_first = net->heads_first,
                                    .heads = net->head_dim ? width / net->head_dim : heads,
                                    .groups = net->groups,
                                    .eps = EPS};
    char prefix[GGDM_NAME_SIZE];
    snprintf(prefix, sizeof prefix, "%s.%d", block, part);
    return ggdm_fused_attention_emit(&a, e->g, x, prefix);
}

static ggdm_val embed(const ggdm_adm *net, ggdm_graph *g, ggdm_val t, ggdm_val label)
{
    static const ggdm_time_names names = {"time_embed.0", "time_embed.2", "label_emb.weight"};
    if (net->time_scale != 1)
        t = ggdm_affine(g, t, net->time_scale, 0);
    t = ggdm_time_features(g, t, net->base, true, 0);
    return ggdm_time_embedding_emit(&names, g, t, 4 * net->base, net->n_labels, label);
}

static ggdm_val downsample(const emission *e, ggdm_val h, const char *block, int width)
{
    char prefix[GGDM_NAME_SIZE];
    if (e->net->resblock_updown)
        return residual(e, h, block, 0, width, GGDM_RESIDUAL_HALVE);
    if (!e->net->conv_resample)
        return ggdm_avg_pool(e->g, h, 2);
    ggdm_layer_name(prefix, block, "0.op");
    return ggdm_layer_conv(e->g, h, prefix, width, 3, (ggdm_conv){2, 1, 1, 1, 1});
}

static ggdm_val upsample(const emission *e, ggdm_val h, const char *block, int part, int width)
{
    char prefix[GGDM_NAME_SIZE];
    if (e->net->resblock_updown)
        return residual(e, h, block, part, width, GGDM_RESIDUAL_DOUBLE);
    h = ggdm_upsample2(e->g, h);
    if (!e->net->conv_resample)
        return h;
    snprintf(prefix, sizeof prefix, "%s.%d.conv", block, part);
    return ggdm_layer_conv_same(e->g, h, prefix, width, 3);
}

static ggdm_val keep(emission *e, ggdm_val h)
{
    return e->done[e->n_done++] = h;
}

/* The first half, and the middle. */
static ggdm_val encode(emission *e, ggdm_val x)
{
    const ggdm_adm *net = e->net;
    const int last = net->width[net->levels - 1];
    char block[32]; /* "input_blocks.17" */
    ggdm_val h = keep(e, ggdm_layer_conv_same(e->g, x, "input_blocks.0.0", net->width[0], 3));
    for (int i = 0; i < net->levels; i++) {
        for (int j = 0; j < net->layers; j++) {
            snprintf(block, sizeof block, "input_blocks.%d", e->n_done);
            h = residual(e, h, block, 0, net->width[i], GGDM_RESIDUAL_KEEP);
            if (net->attn[i])
                h = attention(e, h, block, 1, net->width[i], net->heads);
            keep(e, h);
        }
        snprintf(block, sizeof block, "input_blocks.%d", e->n_done);
        if (i + 1 < net->levels)
            h = keep(e, downsample(e, h, block, net->width[i]));
    }
    h = residual(e, h, "middle_block", 0, last, GGDM_RESIDUAL_KEEP);
    h = attention(e, h, "middle_block", 1, last, net->heads);
    return residual(e, h, "middle_block", 2, last, GGDM_RESIDUAL_KEEP);
}

ggdm_val ggdm_adm_emit(const ggdm_adm *net, ggdm_graph *g, ggdm_val x, ggdm_val t, ggdm_val label)
{
    emission e = {.net = net, .g = g, .embedding = embed(net, g, t, label)};
    char block[32];
    ggdm_val h = encode(&e, x);
    for (int i = net->levels - 1, k = 0; i >= 0; i--) {
        for (int j = 0; j <= net->layers; j++, k++) {
            int part = 0;
            snprintf(block, sizeof block, "output_blocks.%d", k);
            h = ggdm_concat(g, h, e.done[--e.n_done]);
            h = residual(&e, h, block, part++, net->width[i], GGDM_RESIDUAL_KEEP);
            if (net->attn[i])
                h = attention(&e, h, block, part++, net->width[i], net->heads_up);
            if (i > 0 && j == net->layers)
                h = upsample(&e, h, block, part, net->width[i]);
        }
    }
    h = ggdm_layer_group_norm(g, h, "out.0", net->groups, EPS, true);
    return ggdm_layer_conv_last(g, h, "out.2", net->out_channels, 3);
}

/* ---- the classifier ---- */

/* AttentionPool2d: a token of the mean before those of the pixels [N, H, W, C]; what it gives. */
static ggdm_val attention_pool(const ggdm_adm *net, ggdm_graph *g, ggdm_val h)
{
    const int width = net->width[net->levels - 1], side = net->size >> (net->levels - 1);
    const ggdm_fused_attention a = {
        .qkv = "qkv_proj", .pointwise = true, .heads = width / net->head_dim};
    ggdm_val mean = ggdm_global_avg_pool(g, h);
    h = ggdm_prepend(g, h, mean);
    ggdm_val places =
        ggdm_graph_param(g, "out.2.positional_embedding", GGDM_SHAPE2(side * side + 1, width),
                         (ggdm_init){GGDM_INIT_NORMAL, 1.0 / width});
    h = ggdm_fused_attention_core(&a, g, ggdm_add_positions(g, h, places), "out.2");
    return ggdm_layer_pointwise(g, ggdm_layer_first_token(g, h), "out.2.c_proj", net->n_classes);
}

static ggdm_val adaptive_pool(const ggdm_adm *net, ggdm_graph *g, ggdm_val h)
{
    ggdm_val mean = ggdm_global_avg_pool(g, h);
    const int width = net->width[net->levels - 1];
    const ggdm_init zero = {GGDM_INIT_ZERO, 0};
    ggdm_val w =
        ggdm_graph_param(g, "out.3.weight", GGDM_SHAPE4(net->n_classes, width, 1, 1), zero);
    return ggdm_linear(g, mean, w,
                       ggdm_graph_param(g, "out.3.bias", GGDM_SHAPE1(net->n_classes), zero));
}

/* Means of what each block gave, of the middle last. */
static ggdm_val spatial_pool(const emission *e, ggdm_val h)
{
    ggdm_graph *g = e->g;
    ggdm_val all = ggdm_global_avg_pool(g, e->done[0]);
    for (int i = 1; i <= e->n_done; i++)
        all = ggdm_concat(g, all, ggdm_global_avg_pool(g, i < e->n_done ? e->done[i] : h));
    h = ggdm_relu(g, ggdm_layer_linear(g, all, "out.0", SPATIAL_WIDTH));
    return ggdm_layer_linear(g, h, "out.2", e->net->n_classes);
}

ggdm_val ggdm_adm_classifier_emit(const ggdm_adm *net, ggdm_graph *g, ggdm_val x, ggdm_val t)
{
    emission e = {.net = net, .g = g, .embedding = embed(net, g, t, -1)};
    ggdm_val h = encode(&e, x);
    if (net->pool == GGDM_ADM_SPATIAL)
        return spatial_pool(&e, h);
    h = ggdm_layer_group_norm(g, h, "out.0", net->groups, EPS, true);
    return net->pool == GGDM_ADM_ATTENTION ? attention_pool(net, g, h) : adaptive_pool(net, g, h);
}
