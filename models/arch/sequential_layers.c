/* The layers of a TorchSequential.  The shape of the activations is followed through the list, so
 * that a list that cannot work is refused by the entry, and not inside the graph. */
#include "models/arch/sequential.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/arch/arch_kind.h"
#include "models/arch/layers.h"

enum { MAX_KERNEL = 64, MAX_FEATURES = 1 << 22 };

/* ---- arguments ---- */

#define REQUIRED NAN
#define SOME 1, GGDM_ARCH_MAX_WIDTH
static const char *const padding_words[] = {"valid", "same", NULL};
static const char *const zeros[] = {"zeros", NULL};
static const char *const gelu_words[] = {"none", "tanh", NULL};

#define INPLACE                                                                                    \
    {                                                                                              \
        "inplace", GGDM_SEQ_ANY, 0, 0, 0, NULL                                                     \
    }
#define DIM                                                                                        \
    {                                                                                              \
        "dim", GGDM_SEQ_WHOLE, GGDM_SEQ_NONE, -1, 1, NULL                                          \
    }
#define ONLY(name, type, value)                                                                    \
    {                                                                                              \
        name, type, value, value, value, NULL                                                      \
    }
#define EPS                                                                                        \
    {                                                                                              \
        "eps", GGDM_SEQ_REAL, 1e-5, 1e-12, 1, NULL                                                 \
    }
#define WINDOW                                                                                     \
    {"kernel_size", GGDM_SEQ_PAIR, REQUIRED, 1, GGDM_ARCH_MAX_SIZE, NULL},                         \
        {"stride", GGDM_SEQ_PAIR, GGDM_SEQ_NONE, 1, GGDM_ARCH_MAX_SIZE, NULL},                     \
    {                                                                                              \
        "padding", GGDM_SEQ_PAIR, 0, 0, GGDM_ARCH_MAX_SIZE, NULL                                   \
    }

enum { CONV_IN, CONV_OUT, CONV_KERNEL, CONV_STRIDE, CONV_PADDING, CONV_BIAS = 7 };
enum { POOL_KERNEL, POOL_STRIDE, POOL_PADDING, POOL_COUNTS = 4 };
enum { NORM_CHANNELS, NORM_EPS };
enum { GROUPS, GROUP_CHANNELS, GROUP_EPS };
enum { LINEAR_IN, LINEAR_OUT, LINEAR_BIAS };

enum { VALID = -1, SAME = -2 }; /* padding by words */

/* ---- checks: does a layer fit what flows, and what flows behind it ---- */

static int whole(const ggdm_seq_layer *l, int argument)
{
    return (int)l->value[argument][0];
}

static ggdm_status need_image(const ggdm_node *node, const ggdm_seq_flow *f, ggdm_error *err)
{
    return f->rows ? ggdm_node_fail(node, err,
                                    "value '%.100s': stands behind Flatten or AdaptiveAvgPool2d, "
                                    "expected a layer of features",
                                    node->text)
                   : GGDM_OK;
}

static ggdm_status need_channels(const ggdm_node *node, const ggdm_seq_flow *f, int64_t channels,
                                 ggdm_error *err)
{
    return channels == f->channels
               ? GGDM_OK
               : ggdm_node_fail(node, err,
                                "value '%.100s': takes %lld channels, but there are %lld here",
                                node->text, (long long)channels, (long long)f->channels);
}

/* Windows of k at stride s over n pixels and pad more, in *out. */
static ggdm_status slide(const ggdm_node *node, int64_t n, int64_t pad, int64_t k, int64_t s,
                         int64_t *out, ggdm_error *err)
{
    if (n + pad < k)
        return ggdm_node_fail(node, err,
                              "value '%.100s': a window of %lld for %lld pixels, those of padding "
                              "counted",
                              node->text, (long long)k, (long long)(n + pad));
    *out = (n + pad - k) / s + 1;
    return *out <= GGDM_ARCH_MAX_SIZE ? GGDM_OK
                                      : ggdm_node_fail(node, err, "value '%.100s': %lld pixels",
                                                       node->text, (long long)*out);
}

static ggdm_status check_conv(const ggdm_node *node, ggdm_seq_layer *l, ggdm_seq_flow *f,
                              ggdm_error *err)
{
    const double *k = l->value[CONV_KERNEL], *s = l->value[CONV_STRIDE];
    double *pad = l->value[CONV_PADDING];
    if (pad[0] == VALID)
        pad[0] = pad[1] = 0;
    if (s[0] != s[1] || (pad[0] == SAME && s[0] != 1))
        return ggdm_node_expected(node, err,
                                  "one stride for height and width, and 1 with padding 'same'");
    GGDM_TRY(need_image(node, f, err));
    GGDM_TRY(need_channels(node, f, whole(l, CONV_IN), err));
    f->channels = whole(l, CONV_OUT);
    if (pad[0] == SAME)
        return GGDM_OK;
    GGDM_TRY(
        slide(node, f->height, 2 * (int64_t)pad[0], (int64_t)k[0], (int64_t)s[0], &f->height, err));
    return slide(node, f->width, 2 * (int64_t)pad[1], (int64_t)k[1], (int64_t)s[1], &f->width, err);
}

static ggdm_status check_batch_norm(const ggdm_node *node, ggdm_seq_layer *l, ggdm_seq_flow *f,
                                    ggdm_error *err)
{
    GGDM_TRY(need_image(node, f, err));
    return need_channels(node, f, whole(l, NORM_CHANNELS), err);
}

static ggdm_status check_group_norm(const ggdm_node *node, ggdm_seq_layer *l, ggdm_seq_flow *f,
                                    ggdm_error *err)
{
    GGDM_TRY(need_image(node, f, err));
    if (whole(l, GROUP_CHANNELS) % whole(l, GROUPS))
        return ggdm_node_expected(node, err, "groups that divide the channels");
    return need_channels(node, f, whole(l, GROUP_CHANNELS), err);
}

static ggdm_status check_pool(const ggdm_node *node, ggdm_seq_layer *l, ggdm_seq_flow *f,
                              ggdm_error *err)
{
    const double *k = l->value[POOL_KERNEL], *pad = l->value[POOL_PADDING];
    double *s = l->value[POOL_STRIDE];
    if (s[0] == GGDM_SEQ_NONE)
        memcpy(s, k, sizeof l->value[0]);
    if (k[0] != k[1] || s[0] != s[1] || pad[0] != pad[1] || 2 * pad[0] > k[0])
        return ggdm_node_expected(node, err,
                                  "square windows, strides and paddings, these at most half a "
                                  "window");
    GGDM_TRY(need_image(node, f, err));
    GGDM_TRY(
        slide(node, f->height, 2 * (int64_t)pad[0], (int64_t)k[0], (int64_t)s[0], &f->height, err));
    return slide(node, f->width, 2 * (int64_t)pad[0], (int64_t)k[0], (int64_t)s[0], &f->width, err);
}

static ggdm_status check_avg_pool(const ggdm_node *node, ggdm_seq_layer *l, ggdm_seq_flow *f,
                                  ggdm_error *err)
{
    if (whole(l, POOL_PADDING) && whole(l, POOL_COUNTS))
        return ggdm_node_expected(node, err,
                                  "count_include_pad=False where there is padding: means are of "
                                  "the pixels that are there");
    return check_pool(node, l, f, err);
}

static ggdm_status check_mean(const ggdm_node *node, ggdm_seq_layer *l, ggdm_seq_flow *f,
                              ggdm_error *err)
{
    (void)l;
    GGDM_TRY(need_image(node, f, err));
    f->height = f->width = 1;
    f->rows = true;
    return GGDM_OK;
}

static ggdm_status check_flatten(const ggdm_node *node, ggdm_seq_layer *l, ggdm_seq_flow *f,
                                 ggdm_error *err)
{
    (void)l;
    f->channels *= f->height * f->width; /* at most 2^13 * 2^24 */
    f->height = f->width = 1;
    f->rows = f->flat = true;
    return f->channels <= MAX_FEATURES
               ? GGDM_OK
               : ggdm_node_fail(node, err, "gives %lld features, expected at most %d",
                                (long long)f->channels, MAX_FEATURES);
}

static ggdm_status check_linear(const ggdm_node *node, ggdm_seq_layer *l, ggdm_seq_flow *f,
                                ggdm_error *err)
{
    if (!f->flat)
        return ggdm_node_fail(
            node, err, "value '%.100s': of an image, expected Flatten() before it", node->text);
    GGDM_TRY(need_channels(node, f, whole(l, LINEAR_IN), err));
    f->channels = whole(l, LINEAR_OUT);
    return GGDM_OK;
}

static ggdm_status check_any(const ggdm_node *node, ggdm_seq_layer *l, ggdm_seq_flow *f,
                             ggdm_error *err)
{
    (void)node, (void)l, (void)f, (void)err;
    return GGDM_OK;
}

static ggdm_status check_softmax(const ggdm_node *node, ggdm_seq_layer *l, ggdm_seq_flow *f,
                                 ggdm_error *err)
{
    (void)l;
    f->decided = true;
    return f->flat ? GGDM_OK
                   : ggdm_node_fail(node, err, "of an image, expected Flatten() before it");
}

/* ---- emission ---- */

static ggdm_val emit_conv(ggdm_graph *g, ggdm_val x, const ggdm_seq_layer *l)
{
    const double *k = l->value[CONV_KERNEL], *pad = l->value[CONV_PADDING];
    const int h = (int)k[0], w = (int)k[1], in = whole(l, CONV_IN), out = whole(l, CONV_OUT);
    const ggdm_init init = {GGDM_INIT_UNIFORM, 1 / sqrt((double)in * h * w)};
    ggdm_conv conv = {whole(l, CONV_STRIDE), (int)pad[0], (int)pad[1], (int)pad[0], (int)pad[1]};
    if (pad[0] == SAME)
        conv = (ggdm_conv){1, (h - 1) / 2, (w - 1) / 2, h - 1 - (h - 1) / 2, w - 1 - (w - 1) / 2};
    ggdm_val weight = ggdm_layer_param(g, l->name, "weight", GGDM_SHAPE4(out, in, h, w), init);
    ggdm_val bias =
        whole(l, CONV_BIAS) ? ggdm_layer_param(g, l->name, "bias", GGDM_SHAPE1(out), init) : -1;
    return ggdm_conv2d(g, x, weight, bias, conv);
}

static ggdm_val emit_linear(ggdm_graph *g, ggdm_val x, const ggdm_seq_layer *l)
{
    const int out = whole(l, LINEAR_OUT);
    return whole(l, LINEAR_BIAS) ? ggdm_layer_linear(g, x, l->name, out)
                                 : ggdm_layer_linear_no_bias(g, x, l->name, out);
}

static ggdm_val emit_batch_norm(ggdm_graph *g, ggdm_val x, const ggdm_seq_layer *l)
{
    return ggdm_layer_batch_norm(g, x, l->name, l->value[NORM_EPS][0], false);
}

static ggdm_val emit_group_norm(ggdm_graph *g, ggdm_val x, const ggdm_seq_layer *l)
{
    return ggdm_layer_group_norm(g, x, l->name, whole(l, GROUPS), l->value[GROUP_EPS][0], false);
}

static ggdm_val emit_relu(ggdm_graph *g, ggdm_val x, const ggdm_seq_layer *l)
{
    (void)l;
    return ggdm_relu(g, x);
}

/* s x + (1 - s) relu(x) */
static ggdm_val emit_leaky_relu(ggdm_graph *g, ggdm_val x, const ggdm_seq_layer *l)
{
    const double slope = l->value[0][0];
    return ggdm_add(g, ggdm_affine(g, x, slope, 0), ggdm_affine(g, ggdm_relu(g, x), 1 - slope, 0));
}

static ggdm_val emit_silu(ggdm_graph *g, ggdm_val x, const ggdm_seq_layer *l)
{
    (void)l;
    return ggdm_silu(g, x);
}

static ggdm_val emit_gelu(ggdm_graph *g, ggdm_val x, const ggdm_seq_layer *l)
{
    return ggdm_gelu(g, x, whole(l, 0) ? GGDM_GELU_TANH : GGDM_GELU_ERF);
}

static ggdm_window window(const ggdm_seq_layer *l)
{
    return (ggdm_window){whole(l, POOL_KERNEL), whole(l, POOL_STRIDE), whole(l, POOL_PADDING)};
}

static ggdm_val emit_max_pool(ggdm_graph *g, ggdm_val x, const ggdm_seq_layer *l)
{
    return ggdm_max_pool_windows(g, x, window(l));
}

static ggdm_val emit_avg_pool(ggdm_graph *g, ggdm_val x, const ggdm_seq_layer *l)
{
    return ggdm_avg_pool_windows(g, x, window(l));
}

static ggdm_val emit_mean(ggdm_graph *g, ggdm_val x, const ggdm_seq_layer *l)
{
    (void)l;
    return ggdm_global_avg_pool(g, x);
}

static ggdm_val emit_flatten(ggdm_graph *g, ggdm_val x, const ggdm_seq_layer *l)
{
    (void)l;
    return x >= 0 && ggdm_graph_shape(g, x)->n == 4 ? ggdm_flatten(g, x) : x;
}

static ggdm_val emit_nothing(ggdm_graph *g, ggdm_val x, const ggdm_seq_layer *l)
{
    (void)g, (void)l;
    return x;
}

/* ---- the table ----
 *
 * The arguments are those of PyTorch's classes, in their order.  A softmax is last, and what it
 * would make are the log probabilities that every classifier gives. */

const ggdm_seq_kind ggdm_seq_kinds[] = {
    {"Conv2d",
     {{"in_channels", GGDM_SEQ_WHOLE, REQUIRED, SOME, NULL},
      {"out_channels", GGDM_SEQ_WHOLE, REQUIRED, SOME, NULL},
      {"kernel_size", GGDM_SEQ_PAIR, REQUIRED, 1, MAX_KERNEL, NULL},
      {"stride", GGDM_SEQ_PAIR, 1, 1, 2, NULL},
      {"padding", GGDM_SEQ_PAIR, 0, 0, MAX_KERNEL, padding_words},
      ONLY("dilation", GGDM_SEQ_PAIR, 1),
      ONLY("groups", GGDM_SEQ_WHOLE, 1),
      {"bias", GGDM_SEQ_FLAG, 1, 0, 1, NULL},
      {"padding_mode", GGDM_SEQ_WORD, 0, 0, 0, zeros}},
     check_conv,
     emit_conv},
    {"BatchNorm2d",
     {{"num_features", GGDM_SEQ_WHOLE, REQUIRED, SOME, NULL},
      EPS,
      {"momentum", GGDM_SEQ_ANY, 0, 0, 0, NULL},
      ONLY("affine", GGDM_SEQ_FLAG, 1),
      ONLY("track_running_stats", GGDM_SEQ_FLAG, 1)},
     check_batch_norm,
     emit_batch_norm},
    {"GroupNorm",
     {{"num_groups", GGDM_SEQ_WHOLE, REQUIRED, SOME, NULL},
      {"num_channels", GGDM_SEQ_WHOLE, REQUIRED, SOME, NULL},
      EPS,
      ONLY("affine", GGDM_SEQ_FLAG, 1)},
     check_group_norm,
     emit_group_norm},
    {"ReLU", {INPLACE}, check_any, emit_relu},
    {"LeakyReLU",
     {{"negative_slope", GGDM_SEQ_REAL, 0.01, 0, 1, NULL}, INPLACE},
     check_any,
     emit_leaky_relu},
    {"SiLU", {INPLACE}, check_any, emit_silu},
    {"GELU", {{"approximate", GGDM_SEQ_WORD, 0, 0, 1, gelu_words}}, check_any, emit_gelu},
    {"MaxPool2d",
     {WINDOW, ONLY("dilation", GGDM_SEQ_PAIR, 1), ONLY("return_indices", GGDM_SEQ_FLAG, 0),
      ONLY("ceil_mode", GGDM_SEQ_FLAG, 0)},
     check_pool,
     emit_max_pool},
    {"AvgPool2d",
     {WINDOW,
      ONLY("ceil_mode", GGDM_SEQ_FLAG, 0),
      {"count_include_pad", GGDM_SEQ_FLAG, 1, 0, 1, NULL}},
     check_avg_pool,
     emit_avg_pool},
    {"AdaptiveAvgPool2d", {ONLY("output_size", GGDM_SEQ_PAIR, 1)}, check_mean, emit_mean},
    {"Flatten",
     {ONLY("start_dim", GGDM_SEQ_WHOLE, 1), ONLY("end_dim", GGDM_SEQ_WHOLE, -1)},
     check_flatten,
     emit_flatten},
    {"Linear",
     {{"in_features", GGDM_SEQ_WHOLE, REQUIRED, 1, MAX_FEATURES, NULL},
      {"out_features", GGDM_SEQ_WHOLE, REQUIRED, SOME, NULL},
      {"bias", GGDM_SEQ_FLAG, 1, 0, 1, NULL}},
     check_linear,
     emit_linear},
    {"Dropout", {{"p", GGDM_SEQ_ANY, 0, 0, 0, NULL}, INPLACE}, check_any, emit_nothing},
    {"Dropout2d", {{"p", GGDM_SEQ_ANY, 0, 0, 0, NULL}, INPLACE}, check_any, emit_nothing},
    {"Identity", {{NULL, GGDM_SEQ_ANY, 0, 0, 0, NULL}}, check_any, emit_nothing},
    {"LogSoftmax", {DIM}, check_softmax, emit_nothing},
    {"Softmax", {DIM}, check_softmax, emit_nothing},
    {.name = NULL}};
