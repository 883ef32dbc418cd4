/* Emission of UNet2DModel and UNet2DConditionModel.  Names and order of operations are those of
 * diffusers; what differs is only the layout (NHWC) and that SiLU(time embedding), which every
 * residual block takes, is computed once. */
#include "models/arch/unet2d.h"

#include <stdio.h>

#include "models/arch/layers.h"
#include "models/arch/transformer2d.h"
#include "models/arch/unet_blocks.h"

/* What all blocks of one emission share. */
typedef struct emission {
    const ggdm_unet2d *net;
    ggdm_graph *g;
    ggdm_val temb;    /* SiLU of time (and class) embedding, [N, time_dim] */
    ggdm_val context; /* [N, S, context_size]; -1: there is none */
} emission;

/* Of the residual sum of a middle block. */
static ggdm_val divide(ggdm_graph *g, ggdm_val sum, double scale)
{
    return scale == 1.0 ? sum : ggdm_affine(g, sum, 1.0 / scale, 0.0);
}

/* ResnetBlock2D: [N, H, W, C] -> [N, H, W, out]. */
static ggdm_val resnet(const emission *e, ggdm_val x, const char *prefix, int out, double scale)
{
    static const ggdm_residual_names names = {"norm1", "conv1", "time_emb_proj",
                                              "norm2", "conv2", "conv_shortcut"};
    const ggdm_residual block = {.names = &names,
                                 .groups = e->net->groups,
                                 .eps = e->net->eps,
                                 .scale_shift = e->net->scale_shift};
    return divide(e->g, ggdm_residual_emit(&block, e->g, x, e->temb, prefix, out), scale);
}

/* Attention with a residual: x + to_out(attention(q, k, v of norm(x))); groups 0: no norm. */
static ggdm_val attention(const emission *e, ggdm_val x, const char *prefix, int width, int groups,
                          double scale)
{
    ggdm_graph *g = e->g;
    char name[GGDM_NAME_SIZE];
    int heads = e->net->head_dim ? width / e->net->head_dim : 1;

    ggdm_val h = x;
    if (groups)
        h = ggdm_layer_group_norm(g, h, ggdm_layer_name(name, prefix, "group_norm"), groups,
                                  e->net->eps, false);
    ggdm_val q = ggdm_layer_linear(g, h, ggdm_layer_name(name, prefix, "to_q"), width);
    ggdm_val k = ggdm_layer_linear(g, h, ggdm_layer_name(name, prefix, "to_k"), width);
    ggdm_val v = ggdm_layer_linear(g, h, ggdm_layer_name(name, prefix, "to_v"), width);
    h = ggdm_attention(g, q, k, v, -1, (ggdm_heads){.n = heads});
    h = ggdm_layer_linear(g, h, ggdm_layer_name(name, prefix, "to_out.0"), width);
    return divide(g, ggdm_add(g, x, h), scale);
}

static ggdm_val transformer(const emission *e, ggdm_val x, const char *prefix, int level)
{
    const ggdm_unet2d *net = e->net;
    const ggdm_transformer2d t = {.layers = net->depth[level],
                                  .heads = net->heads[level],
                                  .groups = net->groups,
                                  .linear_projection = net->linear_projection};
    return ggdm_transformer2d_emit(&t, e->g, x, e->context, prefix);
}

/* One layer of a level: residual block j of "BLOCK", then its attention. */
static ggdm_val layer(const emission *e, ggdm_val h, const char *block, int j, int level, bool attn)
{
    const int width = e->net->width[level];
    char prefix[GGDM_NAME_SIZE];
    snprintf(prefix, sizeof prefix, "%s.resnets.%d", block, j);
    h = resnet(e, h, prefix, width, 1.0);
    if (!attn)
        return h;
    snprintf(prefix, sizeof prefix, "%s.attentions.%d", block, j);
    return e->net->context_size ? transformer(e, h, prefix, level)
                                : attention(e, h, prefix, width, e->net->groups, 1.0);
}

static ggdm_val downsample(const emission *e, ggdm_val h, const char *block, int width)
{
    char prefix[GGDM_NAME_SIZE];
    ggdm_layer_name(prefix, block, "downsamplers.0.conv");
    int near = e->net->downsample_padding; /* top and left; bottom and right always have one */
    return ggdm_layer_conv(e->g, h, prefix, width, 3, (ggdm_conv){2, near, near, 1, 1});
}

static ggdm_val middle(const emission *e, ggdm_val h)
{
    const ggdm_unet2d *net = e->net;
    const int last = net->levels - 1, width = net->width[last];
    h = resnet(e, h, "mid_block.resnets.0", width, net->mid_scale);
    if (net->context_size)
        h = transformer(e, h, "mid_block.attentions.0", last);
    else if (net->mid_attention)
        h = attention(e, h, "mid_block.attentions.0", width, net->mid_groups, net->mid_scale);
    return resnet(e, h, "mid_block.resnets.1", width, net->mid_scale);
}

static ggdm_val time_embedding(const ggdm_unet2d *net, ggdm_graph *g, ggdm_val t, ggdm_val label)
{
    static const ggdm_time_names names = {"time_embedding.linear_1", "time_embedding.linear_2",
                                          "class_embedding.weight"};
    t = ggdm_time_features(g, t, net->width[0], net->flip, net->freq_shift);
    return ggdm_time_embedding_emit(&names, g, t, net->time_dim, net->n_labels, label);
}

ggdm_val ggdm_unet2d_emit(const ggdm_unet2d *net, ggdm_graph *g, ggdm_val x, ggdm_val t,
                          ggdm_val label, ggdm_val context)
{
    enum { MAX_SKIPS = 1 + GGDM_UNET_LEVELS * (GGDM_UNET_LAYERS + 1) };
    ggdm_val skips[MAX_SKIPS]; /* a stack: pushed going down, popped going up */
    int n_skips = 0;
    char block[32]; /* "down_blocks.7" */
    emission e = {net, g, time_embedding(net, g, t, label), context};

    if (net->center)
        x = ggdm_affine(g, x, 2.0, -1.0);
    ggdm_val h = ggdm_layer_conv_same(g, x, "conv_in", net->width[0], 3);
    skips[n_skips++] = h;
    for (int i = 0; i < net->levels; i++) {
        snprintf(block, sizeof block, "down_blocks.%d", i);
        for (int j = 0; j < net->layers; j++)
            skips[n_skips++] = h = layer(&e, h, block, j, i, net->down_attn[i]);
        if (i + 1 < net->levels)
            skips[n_skips++] = h = downsample(&e, h, block, net->width[i]);
    }

    h = middle(&e, h);

    for (int i = 0; i < net->levels; i++) {
        const int level = net->levels - 1 - i;
        snprintf(block, sizeof block, "up_blocks.%d", i);
        for (int j = 0; j <= net->layers; j++) {
            h = ggdm_concat(g, h, skips[--n_skips]);
            h = layer(&e, h, block, j, level, net->up_attn[i]);
        }
        if (i + 1 < net->levels) {
            char prefix[GGDM_NAME_SIZE];
            ggdm_layer_name(prefix, block, "upsamplers.0.conv");
            h = ggdm_layer_conv_same(g, ggdm_upsample2(g, h), prefix, net->width[level], 3);
        }
    }

    h = ggdm_layer_group_norm(g, h, "conv_norm_out", net->groups, net->eps, true);
    return ggdm_layer_conv_last(g, h, "conv_out", net->out_channels, 3);
}
