#include "models/arch/clip.h"

#include <math.h>
#include <stdio.h>

#include "models/arch/layers.h"

/* Standard deviations with which transformers' CLIP begins (initializer_factor 1). */
#define TABLE_STD 0.02 /* of tables and patches: initializer_range */

static ggdm_init normal(double std)
{
    return (ggdm_init){GGDM_INIT_NORMAL, std};
}

static ggdm_val param(ggdm_graph *g, const char *prefix, const char *rest, ggdm_shape shape,
                      double std)
{
    return ggdm_layer_param(g, prefix, rest, shape, normal(std));
}

/* ---- blocks ---- */

/* Standard deviation of what a residual is added of, and of what stands before that. */
static double residual_std(const ggdm_clip_blocks *b)
{
    return 1 / sqrt(2.0 * b->width * b->layers);
}

/* Of what the tokens x are told by the tokens of. */
static ggdm_val attention(const ggdm_clip_blocks *b, ggdm_graph *g, ggdm_val x, ggdm_val of,
                          const char *prefix, bool causal)
{
    static const char *const names[] = {"q_proj", "k_proj", "v_proj"};
    char name[GGDM_NAME_SIZE];
    ggdm_val qkv[3];
    for (int i = 0; i < 3; i++)
        qkv[i] = ggdm_layer_linear_init(g, i == 0 ? x : of, ggdm_layer_name(name, prefix, names[i]),
                                        b->width, normal(residual_std(b)));
    x = ggdm_attention(g, qkv[0], qkv[1], qkv[2], -1, (ggdm_heads){b->heads, causal});
    return ggdm_layer_linear_init(g, x, ggdm_layer_name(name, prefix, "out_proj"), b->width,
                                  normal(1 / sqrt((double)b->width)));
}

static ggdm_val mlp(const ggdm_clip_blocks *b, ggdm_graph *g, ggdm_val x, const char *prefix)
{
    char name[GGDM_NAME_SIZE];
    x = ggdm_layer_linear_init(g, x, ggdm_layer_name(name, prefix, "fc1"), b->mlp,
                               normal(1 / sqrt(2.0 * b->width)));
    return ggdm_layer_linear_init(g, ggdm_gelu(g, x, b->act), ggdm_layer_name(name, prefix, "fc2"),
                                  b->width, normal(residual_std(b)));
}

/* Norms stand in front of what is added.  Of tokens of which the first is all that
 * counts (pooled) the last block makes that one alone, as a row. */
static ggdm_val blocks(const ggdm_clip_blocks *b, ggdm_graph *g, ggdm_val x, const char *tower,
                       bool causal, bool pooled)
{
    char prefix[GGDM_NAME_SIZE], name[GGDM_NAME_SIZE];
    for (int i = 0; i < b->layers; i++) {
        snprintf(prefix, sizeof prefix, "%s.encoder.layers.%d", tower, i);
        ggdm_val all =
            ggdm_layer_layer_norm(g, x, ggdm_layer_name(name, prefix, "layer_norm1"), b->eps);
        ggdm_val h = all;
        if (pooled && i == b->layers - 1) {
            h = ggdm_layer_first_token(g, all);
            x = ggdm_layer_first_token(g, x);
        }
        h = attention(b, g, h, all, ggdm_layer_name(name, prefix, "self_attn"), causal);
        x = ggdm_add(g, x, h);
        h = ggdm_layer_layer_norm(g, x, ggdm_layer_name(name, prefix, "layer_norm2"), b->eps);
        x = ggdm_add(g, x, mlp(b, g, h, ggdm_layer_name(name, prefix, "mlp")));
    }
    return x;
}

static ggdm_val project(const ggdm_clip *c, ggdm_graph *g, ggdm_val x, const char *prefix,
                        int width)
{
    if (!c->projection)
        return x;
    return ggdm_linear(
        g, x,
        param(g, prefix, "weight", GGDM_SHAPE2(c->projection, width), 1 / sqrt((double)width)), -1);
}

/* ---- the towers ---- */

#define IMAGES "vision_model.embeddings"

/* What every token of an image is told of t; at first nothing. */
static ggdm_val time_embedding(ggdm_graph *g, ggdm_val t, int width)
{
    ggdm_val e = ggdm_time_features(g, t, width, true, 0.0);
    e = ggdm_silu(g, ggdm_layer_linear(g, e, IMAGES ".time_embedding.linear_1", width));
    return ggdm_layer_linear_init(g, e, IMAGES ".time_embedding.linear_2", width,
                                  (ggdm_init){GGDM_INIT_ZERO, 0});
}

/* Its class token, the first, stands for an image. */
static ggdm_val image_embedding(const ggdm_clip *c, ggdm_graph *g, const ggdm_ports *p,
                                int channels)
{
    const ggdm_clip_blocks *b = &c->vision;
    const int width = b->width;
    ggdm_val x =
        ggdm_patch_conv(g, p->x,
                        param(g, IMAGES, "patch_embedding.weight",
                              GGDM_SHAPE4(width, channels, c->patch, c->patch), TABLE_STD));
    x = ggdm_prepend(
        g, x, param(g, IMAGES, "class_embedding", GGDM_SHAPE1(width), 1 / sqrt((double)width)));
    x = ggdm_add_positions(
        g, x,
        param(g, IMAGES, "position_embedding.weight", GGDM_SHAPE2(c->positions, width), TABLE_STD));
    if (c->timed)
        x = ggdm_add_embedding(g, x, time_embedding(g, p->t, width));
    x = ggdm_layer_layer_norm(g, x, "vision_model.pre_layrnorm", b->eps); /* sic */
    x = blocks(b, g, x, "vision_model", false, true);
    x = ggdm_layer_layer_norm(g, x, "vision_model.post_layernorm", b->eps);
    return project(c, g, x, "visual_projection", width);
}

#define TEXTS "text_model.embeddings"

static ggdm_val text_embedding(const ggdm_clip *c, ggdm_graph *g, ggdm_val text, ggdm_val *sequence)
{
    const ggdm_clip_blocks *b = &c->text;
    ggdm_val x = ggdm_embedding(
        g,
        param(g, TEXTS, "token_embedding.weight", GGDM_SHAPE2(c->vocabulary, b->width), TABLE_STD),
        text);
    x = ggdm_add_positions(
        g, x,
        param(g, TEXTS, "position_embedding.weight", GGDM_SHAPE2(c->context, b->width), TABLE_STD));
    x = blocks(b, g, x, "text_model", true, false);
    *sequence = ggdm_layer_layer_norm(g, x, "text_model.final_layer_norm", b->eps);
    return project(c, g, ggdm_take_end(g, *sequence, text, c->end), "text_projection", b->width);
}

void ggdm_clip_emit(const ggdm_clip *c, ggdm_graph *g, ggdm_ports *p)
{
    if (p->x >= 0)
        p->embedding = image_embedding(c, g, p, (int)ggdm_graph_shape(g, p->x)->d[3]);
    if (p->text >= 0)
        *(p->x >= 0 ? &p->text_embedding : &p->embedding) =
            text_embedding(c, g, p->text, &p->sequence);
    if (c->scaled)
        p->scale =
            ggdm_exp(g, ggdm_graph_param(g, "logit_scale", GGDM_SHAPE0,
                                         (ggdm_init){GGDM_INIT_CONSTANT, c->log_scale_init}));
}
