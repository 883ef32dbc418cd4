#include "models/arch/cnn.h"

#include <stdio.h>
#include <string.h>

#include "models/arch/layers.h"

#define NORM_EPS 1e-5 /* PyTorch's default */

static ggdm_val activate(ggdm_graph *g, ggdm_val x, int act)
{
    return act == GGDM_CNN_SILU ? ggdm_silu(g, x) : act == GGDM_CNN_RELU ? ggdm_relu(g, x) : x;
}

/* SiLU(Linear(features(t))), of which every convolution takes its own projection. */
static ggdm_val time_embedding(ggdm_graph *g, ggdm_val t, int dim)
{
    ggdm_val e = ggdm_time_features(g, t, dim, true, 0.0);
    return ggdm_silu(g, ggdm_layer_linear(g, e, "time_embedding", dim));
}

/* Convolution, the timestep's share (temb >= 0), group norm, activation; the norm takes SiLU into
 * its own pass. */
static ggdm_val conv_layer(ggdm_graph *g, ggdm_val x, ggdm_val temb, const ggdm_cnn_layer *layer,
                           const char *prefix)
{
    char name[GGDM_NAME_SIZE];
    int pad = (layer->kernel - 1) / 2;
    x = ggdm_layer_conv(g, x, prefix, layer->width, layer->kernel,
                        (ggdm_conv){layer->stride, pad, pad, pad, pad});
    if (temb >= 0)
        x = ggdm_add_embedding(g, x,
                               ggdm_layer_linear(g, temb,
                                                 ggdm_layer_name(name, prefix, "time_emb_proj"),
                                                 layer->width));
    if (!layer->norm_groups)
        return activate(g, x, layer->act);
    bool fused = layer->act == GGDM_CNN_SILU;
    x = ggdm_layer_group_norm(g, x, ggdm_layer_name(name, prefix, "norm"), layer->norm_groups,
                              NORM_EPS, fused);
    return fused ? x : activate(g, x, layer->act);
}

int ggdm_cnn_find_layer(const ggdm_cnn *net, const char *name)
{
    char prefix[GGDM_NAME_SIZE];
    for (int i = 0; i < net->n_layers - 1; i++) {
        snprintf(prefix, sizeof prefix, "layers.%d", i);
        if (strcmp(prefix, name) == 0)
            return i;
    }
    return -1;
}

ggdm_val ggdm_cnn_emit(const ggdm_cnn *net, ggdm_graph *g, ggdm_val x, ggdm_val t,
                       const char *layer_name, bool inner, ggdm_val *features)
{
    const int asked = layer_name ? ggdm_cnn_find_layer(net, layer_name) : net->n_layers - 2;
    const ggdm_val temb = net->time_dim ? time_embedding(g, t, net->time_dim) : -1;
    for (int i = 0; i < net->n_layers; i++) {
        const ggdm_cnn_layer *layer = &net->layers[i];
        char prefix[GGDM_NAME_SIZE];
        snprintf(prefix, sizeof prefix, "layers.%d", i);
        if (i == asked + 1) {
            *features = x;
            if (inner)
                return -1;
        }
        switch (layer->kind) {
        case GGDM_CNN_CONV:
            x = conv_layer(g, x, temb, layer, prefix);
            break;
        case GGDM_CNN_MAX_POOL:
            x = ggdm_max_pool(g, x, layer->kernel);
            break;
        case GGDM_CNN_AVG_POOL:
            x = ggdm_avg_pool(g, x, layer->kernel);
            break;
        case GGDM_CNN_GLOBAL_AVG:
            x = ggdm_global_avg_pool(g, x);
            break;
        case GGDM_CNN_FLATTEN:
            x = ggdm_flatten(g, x);
            break;
        case GGDM_CNN_LINEAR:
            x = activate(g, ggdm_layer_linear(g, x, prefix, layer->width), layer->act);
            break;
        }
    }
    return x;
}
