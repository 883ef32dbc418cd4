#include "models/arch/transformer2d.h"

#include <stdio.h>

#include "models/arch/layers.h"

static const double group_norm_eps = 1e-6, layer_norm_eps = 1e-5; /* not in config.json */

/* to_out(attention(q of x, k and v of source)), without biases but that of the last layer. */
static ggdm_val attention(const ggdm_transformer2d *net, ggdm_graph *g, ggdm_val x, ggdm_val source,
                          const char *prefix, int width)
{
    char name[GGDM_NAME_SIZE];
    ggdm_val q = ggdm_layer_linear_no_bias(g, x, ggdm_layer_name(name, prefix, "to_q"), width);
    ggdm_val k = ggdm_layer_linear_no_bias(g, source, ggdm_layer_name(name, prefix, "to_k"), width);
    ggdm_val v = ggdm_layer_linear_no_bias(g, source, ggdm_layer_name(name, prefix, "to_v"), width);
    x = ggdm_attention(g, q, k, v, -1, (ggdm_heads){.n = net->heads});
    return ggdm_layer_linear(g, x, ggdm_layer_name(name, prefix, "to_out.0"), width);
}

/* BasicTransformerBlock: three parts, each of a layer norm of x and added to x. */
static ggdm_val block(const ggdm_transformer2d *net, ggdm_graph *g, ggdm_val x, ggdm_val context,
                      const char *prefix, int width)
{
    char name[GGDM_NAME_SIZE];
    ggdm_val h =
        ggdm_layer_layer_norm(g, x, ggdm_layer_name(name, prefix, "norm1"), layer_norm_eps);
    x = ggdm_add(g, x, attention(net, g, h, h, ggdm_layer_name(name, prefix, "attn1"), width));
    h = ggdm_layer_layer_norm(g, x, ggdm_layer_name(name, prefix, "norm2"), layer_norm_eps);
    x = ggdm_add(g, x,
                 attention(net, g, h, context, ggdm_layer_name(name, prefix, "attn2"), width));
    h = ggdm_layer_layer_norm(g, x, ggdm_layer_name(name, prefix, "norm3"), layer_norm_eps);
    h = ggdm_layer_linear(g, h, ggdm_layer_name(name, prefix, "ff.net.0.proj"), 8 * width);
    h = ggdm_layer_linear(g, ggdm_geglu(g, h), ggdm_layer_name(name, prefix, "ff.net.2"), width);
    return ggdm_add(g, x, h);
}

static ggdm_val project(const ggdm_transformer2d *net, ggdm_graph *g, ggdm_val x, const char *name,
                        int width)
{
    return net->linear_projection ? ggdm_layer_linear(g, x, name, width)
                                  : ggdm_layer_conv_same(g, x, name, width, 1);
}

ggdm_val ggdm_transformer2d_emit(const ggdm_transformer2d *net, ggdm_graph *g, ggdm_val x,
                                 ggdm_val context, const char *prefix)
{
    char name[GGDM_NAME_SIZE];
    if (x < 0)
        return -1;
    const int width = (int)ggdm_graph_shape(g, x)->d[3];
    ggdm_val h = ggdm_layer_group_norm(g, x, ggdm_layer_name(name, prefix, "norm"), net->groups,
                                       group_norm_eps, false);
    h = project(net, g, h, ggdm_layer_name(name, prefix, "proj_in"), width);
    for (int i = 0; i < net->layers; i++) {
        snprintf(name, sizeof name, "%s.transformer_blocks.%d", prefix, i);
        h = block(net, g, h, context, name, width);
    }
    h = project(net, g, h, ggdm_layer_name(name, prefix, "proj_out"), width);
    return ggdm_add(g, x, h);
}
