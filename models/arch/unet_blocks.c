#include "models/arch/unet_blocks.h"

#include "models/arch/layers.h"

static int width_of(const ggdm_graph *g, ggdm_val x)
{
    if (x < 0)
        return 0;
    const ggdm_shape *s = ggdm_graph_shape(g, x);
    return (int)s->d[s->n - 1];
}

ggdm_val ggdm_time_embedding_emit(const ggdm_time_names *names, ggdm_graph *g, ggdm_val features,
                                  int dim, int n_labels, ggdm_val label)
{
    ggdm_val e = ggdm_silu(g, ggdm_layer_linear(g, features, names->first, dim));
    e = ggdm_layer_linear(g, e, names->second, dim);
    if (n_labels) {
        ggdm_val table = ggdm_graph_param(g, names->labels, GGDM_SHAPE2(n_labels, dim),
                                          (ggdm_init){GGDM_INIT_NORMAL, 1.0});
        e = ggdm_add(g, e, ggdm_embedding(g, table, label));
    }
    return ggdm_silu(g, e);
}

void ggdm_unet_outputs(ggdm_graph *g, ggdm_val out, int channels, ggdm_ports *ports)
{
    ports->eps = out;
    if (width_of(g, out) <= channels)
        return;
    ports->eps = ggdm_slice_channels(g, out, 0, channels);
    ports->variance = ggdm_slice_channels(g, out, channels, channels);
}

static ggdm_val resize(ggdm_graph *g, ggdm_val x, ggdm_residual_size size)
{
    if (size == GGDM_RESIDUAL_HALVE)
        return ggdm_avg_pool(g, x, 2);
    return size == GGDM_RESIDUAL_DOUBLE ? ggdm_upsample2(g, x) : x;
}

ggdm_val ggdm_residual_emit(const ggdm_residual *b, ggdm_graph *g, ggdm_val x, ggdm_val embedding,
                            const char *prefix, int out)
{
    const ggdm_residual_names *names = b->names;
    const bool same_width = width_of(g, x) == out;
    char name[GGDM_NAME_SIZE];
    ggdm_val h = ggdm_layer_group_norm(g, x, ggdm_layer_name(name, prefix, names->norm1), b->groups,
                                       b->eps, true);
    h = resize(g, h, b->size);
    h = ggdm_layer_conv_same(g, h, ggdm_layer_name(name, prefix, names->conv1), out, 3);
    embedding = ggdm_layer_linear(g, embedding, ggdm_layer_name(name, prefix, names->embedding),
                                  b->scale_shift ? 2 * out : out);
    ggdm_layer_name(name, prefix, names->norm2);
    if (b->scale_shift) {
        h = ggdm_layer_group_norm(g, h, name, b->groups, b->eps, false);
        h = ggdm_silu(g, ggdm_scale_shift(g, h, embedding));
    } else {
        h = ggdm_add_embedding(g, h, embedding);
        h = ggdm_layer_group_norm(g, h, name, b->groups, b->eps, true);
    }
    h = ggdm_layer_conv_same(g, h, ggdm_layer_name(name, prefix, names->conv2), out, 3);
    x = resize(g, x, b->size);
    if (!same_width)
        x = ggdm_layer_conv_same(g, x, ggdm_layer_name(name, prefix, names->shortcut), out, 1);
    return ggdm_add(g, x, h);
}

static ggdm_val linear(const ggdm_fused_attention *b, ggdm_graph *g, ggdm_val x, const char *name,
                       int out)
{
    return b->pointwise ? ggdm_layer_pointwise(g, x, name, out)
                        : ggdm_layer_linear(g, x, name, out);
}

ggdm_val ggdm_fused_attention_core(const ggdm_fused_attention *b, ggdm_graph *g, ggdm_val x,
                                   const char *prefix)
{
    const int groups = b->heads_first ? b->heads : 1;
    char name[GGDM_NAME_SIZE];
    ggdm_val qkv = linear(b, g, x, ggdm_layer_name(name, prefix, b->qkv), 3 * width_of(g, x));
    ggdm_val part[3];
    for (int i = 0; i < 3; i++)
        part[i] = ggdm_part_channels(g, qkv, groups, 3, i);
    return ggdm_attention(g, part[0], part[1], part[2], -1, (ggdm_heads){.n = b->heads});
}

ggdm_val ggdm_fused_attention_emit(const ggdm_fused_attention *b, ggdm_graph *g, ggdm_val x,
                                   const char *prefix)
{
    char name[GGDM_NAME_SIZE];
    ggdm_layer_name(name, prefix, b->norm);
    ggdm_val h = x;
    if (b->norm_unused)
        ggdm_layer_group_norm_unused(g, x, name);
    else
        h = ggdm_layer_group_norm(g, x, name, b->groups, b->eps, false);
    h = ggdm_fused_attention_core(b, g, h, prefix);
    h = linear(b, g, h, ggdm_layer_name(name, prefix, b->out), width_of(g, x));
    return ggdm_add(g, x, h);
}
