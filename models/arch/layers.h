/* Layers: an op together with the parameters it declares, named as PyTorch names a module's
 * ("PREFIX.weight", "PREFIX.bias") and initialised as PyTorch initialises them.  Input widths are
 * taken from the value's shape.  All return -1 after an error (sticky, see models/nn/graph.h). */
#ifndef GGDM_MODELS_ARCH_LAYERS_H
#define GGDM_MODELS_ARCH_LAYERS_H

#include "models/nn/ops.h"

#define GGDM_NAME_SIZE 96 /* longest parameter name of any architecture, with its NUL */

/** "PREFIX.REST" in a buffer of GGDM_NAME_SIZE; returns it. */
const char *ggdm_layer_name(char *name, const char *prefix, const char *rest);

/** The parameter PREFIX.WHAT. */
ggdm_val ggdm_layer_param(ggdm_graph *g, const char *prefix, const char *what, ggdm_shape shape,
                          ggdm_init init);

/** nn.Conv2d(in, out, kernel): x [N, H, W, in] -> [N, H', W', out]; weight and bias uniform in
 *  +-1/sqrt(in * kernel^2). */
ggdm_val ggdm_layer_conv(ggdm_graph *g, ggdm_val x, const char *prefix, int out, int kernel,
                         ggdm_conv conv);

/** ggdm_layer_conv of odd kernel and stride 1 that keeps height and width. */
ggdm_val ggdm_layer_conv_same(ggdm_graph *g, ggdm_val x, const char *prefix, int out, int kernel);

/** The last layer of a network that keeps height and width: weight and bias zero, the result is f32
 *  in any graph. */
ggdm_val ggdm_layer_conv_last(ggdm_graph *g, ggdm_val x, const char *prefix, int out, int kernel);

/** nn.ConvTranspose2d(in, out, kernel): ggdm_conv_transpose. */
ggdm_val ggdm_layer_conv_transpose(ggdm_graph *g, ggdm_val x, const char *prefix, int out,
                                   int kernel, ggdm_conv conv);

/** A convolution without bias (PREFIX.conv.weight), ggdm_layer_batch_norm (PREFIX.bn) and ReLU:
 *  BasicConv2d of torchvision. */
ggdm_val ggdm_layer_conv_norm_relu(ggdm_graph *g, ggdm_val x, const char *prefix, int out,
                                   int kernel_h, int kernel_w, ggdm_conv conv, double eps);

/** nn.Linear over the last dimension; weight and bias uniform in +-1/sqrt(in). */
ggdm_val ggdm_layer_linear(ggdm_graph *g, ggdm_val x, const char *prefix, int out);
/** nn.Conv1d(in, out, 1): the same with weights [out, in, 1]. */
ggdm_val ggdm_layer_pointwise(ggdm_graph *g, ggdm_val x, const char *prefix, int out);
/** ggdm_layer_linear with weights by init and a bias of zeros. */
ggdm_val ggdm_layer_linear_init(ggdm_graph *g, ggdm_val x, const char *prefix, int out,
                                ggdm_init init);
/** The same as ggdm_layer_linear without a bias. */
ggdm_val ggdm_layer_linear_no_bias(ggdm_graph *g, ggdm_val x, const char *prefix, int out);

/** nn.GroupNorm(groups, C, eps) and SiLU if silu is set; weight one, bias zero. */
ggdm_val ggdm_layer_group_norm(ggdm_graph *g, ggdm_val x, const char *prefix, int groups,
                               double eps, bool silu);

/** Only its parameters, for a network that has the norm but does not use it. */
void ggdm_layer_group_norm_unused(ggdm_graph *g, ggdm_val x, const char *prefix);

/** nn.BatchNorm2d(C, eps) by the statistics of training (PREFIX.running_mean, .running_var; at
 * first zero and one) and ReLU if relu is set; weight one, bias zero. */
ggdm_val ggdm_layer_batch_norm(ggdm_graph *g, ggdm_val x, const char *prefix, double eps,
                               bool relu);

/** nn.LayerNorm(C, eps) over the last dimension; weight one, bias zero. */
ggdm_val ggdm_layer_layer_norm(ggdm_graph *g, ggdm_val x, const char *prefix, double eps);

/** The first token of each sequence: [N, T, C] -> [N, C] f32. */
ggdm_val ggdm_layer_first_token(ggdm_graph *g, ggdm_val x);

#endif
