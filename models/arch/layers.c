#include "models/arch/layers.h"

#include <math.h>
#include <stdio.h>

const char *ggdm_layer_name(char *name, const char *prefix, const char *rest)
{
    snprintf(name, GGDM_NAME_SIZE, "%s.%s", prefix, rest);
    return name;
}

/* Extent of the last dimension; 0 for a value that does not exist. */
static int64_t width(const ggdm_graph *g, ggdm_val x)
{
    if (x < 0)
        return 0;
    const ggdm_shape *s = ggdm_graph_shape(g, x);
    return s->d[s->n - 1];
}

ggdm_val ggdm_layer_param(ggdm_graph *g, const char *prefix, const char *what, ggdm_shape shape,
                          ggdm_init init)
{
    char name[GGDM_NAME_SIZE];
    return ggdm_graph_param(g, ggdm_layer_name(name, prefix, what), shape, init);
}

/* PyTorch's default for convolution and linear layers: kaiming_uniform(a = sqrt(5)), which is
 * uniform in +-1/sqrt(fan_in), the same for the bias. */
static ggdm_init fan_in_init(int64_t fan_in, bool zero)
{
    if (zero)
        return (ggdm_init){GGDM_INIT_ZERO, 0};
    return (ggdm_init){GGDM_INIT_UNIFORM, 1.0 / sqrt((double)fan_in)};
}

static ggdm_val conv_layer(ggdm_graph *g, ggdm_val x, const char *prefix, int out, int kernel,
                           ggdm_conv conv, bool last)
{
    int64_t in = width(g, x);
    if (in == 0)
        return -1;
    ggdm_init init = fan_in_init(in * kernel * kernel, last);
    ggdm_val w = ggdm_layer_param(g, prefix, "weight", GGDM_SHAPE4(out, in, kernel, kernel), init);
    ggdm_val b = ggdm_layer_param(g, prefix, "bias", GGDM_SHAPE1(out), init);
    return last ? ggdm_conv2d_f32(g, x, w, b, conv) : ggdm_conv2d(g, x, w, b, conv);
}

ggdm_val ggdm_layer_conv(ggdm_graph *g, ggdm_val x, const char *prefix, int out, int kernel,
                         ggdm_conv conv)
{
    return conv_layer(g, x, prefix, out, kernel, conv, false);
}

ggdm_val ggdm_layer_conv_last(ggdm_graph *g, ggdm_val x, const char *prefix, int out, int kernel)
{
    int pad = (kernel - 1) / 2;
    return conv_layer(g, x, prefix, out, kernel, (ggdm_conv){1, pad, pad, pad, pad}, true);
}

ggdm_val ggdm_layer_conv_same(ggdm_graph *g, ggdm_val x, const char *prefix, int out, int kernel)
{
    int pad = (kernel - 1) / 2;
    return ggdm_layer_conv(g, x, prefix, out, kernel, (ggdm_conv){1, pad, pad, pad, pad});
}

ggdm_val ggdm_layer_conv_transpose(ggdm_graph *g, ggdm_val x, const char *prefix, int out,
                                   int kernel, ggdm_conv conv)
{
    const int64_t in = width(g, x);
    if (in == 0)
        return -1;
    const ggdm_init init =
        fan_in_init((int64_t)out * kernel * kernel, false); /* as PyTorch has it */
    ggdm_val w = ggdm_layer_param(g, prefix, "weight", GGDM_SHAPE4(in, out, kernel, kernel), init);
    return ggdm_conv_transpose(g, x, w, ggdm_layer_param(g, prefix, "bias", GGDM_SHAPE1(out), init),
                               conv);
}

ggdm_val ggdm_layer_conv_norm_relu(ggdm_graph *g, ggdm_val x, const char *prefix, int out,
                                   int kernel_h, int kernel_w, ggdm_conv conv, double eps)
{
    int64_t in = width(g, x);
    if (in == 0)
        return -1;
    char name[GGDM_NAME_SIZE];
    ggdm_val w =
        ggdm_layer_param(g, prefix, "conv.weight", GGDM_SHAPE4(out, in, kernel_h, kernel_w),
                         fan_in_init(in * kernel_h * kernel_w, false));
    x = ggdm_conv2d(g, x, w, -1, conv);
    return ggdm_layer_batch_norm(g, x, ggdm_layer_name(name, prefix, "bn"), eps, true);
}

static ggdm_val linear_layer(ggdm_graph *g, ggdm_val x, const char *prefix, int out, bool bias)
{
    int64_t in = width(g, x);
    if (in == 0)
        return -1;
    ggdm_init init = fan_in_init(in, false);
    ggdm_val w = ggdm_layer_param(g, prefix, "weight", GGDM_SHAPE2(out, in), init);
    return ggdm_linear(g, x, w,
                       bias ? ggdm_layer_param(g, prefix, "bias", GGDM_SHAPE1(out), init) : -1);
}

ggdm_val ggdm_layer_linear(ggdm_graph *g, ggdm_val x, const char *prefix, int out)
{
    return linear_layer(g, x, prefix, out, true);
}

ggdm_val ggdm_layer_linear_no_bias(ggdm_graph *g, ggdm_val x, const char *prefix, int out)
{
    return linear_layer(g, x, prefix, out, false);
}

ggdm_val ggdm_layer_pointwise(ggdm_graph *g, ggdm_val x, const char *prefix, int out)
{
    const int64_t in = width(g, x);
    if (in == 0)
        return -1;
    const ggdm_init init = fan_in_init(in, false);
    ggdm_val w = ggdm_layer_param(g, prefix, "weight", GGDM_SHAPE3(out, in, 1), init);
    return ggdm_linear(g, x, w, ggdm_layer_param(g, prefix, "bias", GGDM_SHAPE1(out), init));
}

ggdm_val ggdm_layer_linear_init(ggdm_graph *g, ggdm_val x, const char *prefix, int out,
                                ggdm_init init)
{
    int64_t in = width(g, x);
    if (in == 0)
        return -1;
    ggdm_val w = ggdm_layer_param(g, prefix, "weight", GGDM_SHAPE2(out, in), init);
    ggdm_val b =
        ggdm_layer_param(g, prefix, "bias", GGDM_SHAPE1(out), (ggdm_init){GGDM_INIT_ZERO, 0});
    return ggdm_linear(g, x, w, b);
}

/* weight and bias of a normalisation of x; false where there is no x. */
static bool declare_norm(ggdm_graph *g, ggdm_val x, const char *prefix, ggdm_val *gamma,
                         ggdm_val *beta)
{
    const int64_t in = width(g, x);
    if (in == 0)
        return false;
    *gamma = ggdm_layer_param(g, prefix, "weight", GGDM_SHAPE1(in), (ggdm_init){GGDM_INIT_ONE, 1});
    *beta = ggdm_layer_param(g, prefix, "bias", GGDM_SHAPE1(in), (ggdm_init){GGDM_INIT_ZERO, 0});
    return true;
}

ggdm_val ggdm_layer_group_norm(ggdm_graph *g, ggdm_val x, const char *prefix, int groups,
                               double eps, bool silu)
{
    ggdm_val gamma, beta;
    if (!declare_norm(g, x, prefix, &gamma, &beta))
        return -1;
    return ggdm_group_norm(g, x, gamma, beta, groups, eps, silu);
}

void ggdm_layer_group_norm_unused(ggdm_graph *g, ggdm_val x, const char *prefix)
{
    ggdm_val gamma, beta;
    declare_norm(g, x, prefix, &gamma, &beta);
}

ggdm_val ggdm_layer_batch_norm(ggdm_graph *g, ggdm_val x, const char *prefix, double eps, bool relu)
{
    ggdm_val gamma, beta;
    if (!declare_norm(g, x, prefix, &gamma, &beta))
        return -1;
    const ggdm_shape c = *ggdm_graph_shape(g, gamma);
    ggdm_val mean = ggdm_layer_param(g, prefix, "running_mean", c, (ggdm_init){GGDM_INIT_ZERO, 0});
    ggdm_val var = ggdm_layer_param(g, prefix, "running_var", c, (ggdm_init){GGDM_INIT_ONE, 1});
    return ggdm_batch_norm(g, x, gamma, beta, mean, var, eps, relu);
}

ggdm_val ggdm_layer_layer_norm(ggdm_graph *g, ggdm_val x, const char *prefix, double eps)
{
    ggdm_val gamma, beta;
    return declare_norm(g, x, prefix, &gamma, &beta) ? ggdm_layer_norm(g, x, gamma, beta, eps) : -1;
}

ggdm_val ggdm_layer_first_token(ggdm_graph *g, ggdm_val x)
{
    const int64_t channels = width(g, x);
    return channels == 0 ? -1 : ggdm_slice_channels(g, ggdm_unroll(g, x), 0, (int)channels);
}
