#include "models/arch/cnn.h"

#include <stdio.h>

#include "models/arch/layers.h"

#define NORM_EPS 1e-5 /* PyTorch's default */

static ggdm_val activate(ggdm_graph *g, ggdm_val x, int act)
{
    return act == GGDM_CNN_SILU ? ggdm_silu(g, x) : act == GGDM_CNN_RELU ? ggdm_relu(g, x) : x;
}

/* Convolution, group norm, activation; the norm takes SiLU into its own pass. */
static ggdm_val conv_layer(ggdm_graph *g, ggdm_val x, const ggdm_cnn_layer *layer,
                           const char *prefix)
{
    char name[GGDM_NAME_SIZE];
    int pad = (layer->kernel - 1) / 2;
    x = ggdm_layer_conv(g, x, prefix, layer->width, layer->kernel,
                        (ggdm_conv){layer->stride, pad, pad, pad, pad});
    if (!layer->norm_groups)
        return activate(g, x, layer->act);
    bool fused = layer->act == GGDM_CNN_SILU;
    x = ggdm_layer_norm(g, x, ggdm_layer_name(name, prefix, "norm"), layer->norm_groups, NORM_EPS,
                        fused);
    return fused ? x : activate(g, x, layer->act);
}

ggdm_val ggdm_cnn_emit(const ggdm_cnn *net, ggdm_graph *g, ggdm_val x)
{
    for (int i = 0; i < net->n_layers; i++) {
        const ggdm_cnn_layer *layer = &net->layers[i];
        char prefix[GGDM_NAME_SIZE];
        snprintf(prefix, sizeof prefix, "layers.%d", i);
        switch (layer->kind) {
        case GGDM_CNN_CONV:
            x = conv_layer(g, x, layer, prefix);
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
    return ggdm_log_softmax(g, x);
}
