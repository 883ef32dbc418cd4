/* "FIDInceptionV3": Inception-v3 (Szegedy et al. 2015, arXiv 1512.00567) as Frechet inception
 * distances are computed with it.  These are the weights of TensorFlow's inception-2015-12-05,
 * under the names of pytorch-fid, and what differs from other networks of the name: means over
 * windows that hang over the edge are of the pixels that are there, the last block takes maxima
 * instead of means, and there are 1008 classes. */
#include <stdio.h>
#include <string.h>

#include "models/arch/arch_kind.h"
#include "models/arch/layers.h"

enum { SIZE = 299, CHANNELS = 3, FEATURES = 2048, CLASSES = 1008 };
enum { SPATIAL_CHANNELS = 7 }; /* of 17 x 17 pixels, as OpenAI's evaluator has them */

#define NORM_EPS 1e-3
#define SPATIAL "Mixed_6d.branch1x1" /* TensorFlow: mixed_6/conv */

/* ---- config.json ---- */

typedef struct inception {
    int resize; /* what of ggdm_resize_names, none not counted */
} inception;

static const inception defaults = {0};

static const char *const ignored[] = {"_class_name", "_name_or_path", NULL};

static const ggdm_field fields[] = {
    {"resize", GGDM_FIELD_CHOICE, offsetof(inception, resize), .choices = ggdm_resize_names + 1},
    {0}};

static ggdm_status fill(const ggdm_node *root, void *raw, void *config, ggdm_arch_info *info,
                        ggdm_json *text, ggdm_error *err)
{
    (void)root, (void)config, (void)text, (void)err;
    info->size = SIZE;
    info->channels = CHANNELS;
    info->n_classes = CLASSES;
    info->frozen = true;
    info->resize = (ggdm_resize)(((const inception *)raw)->resize + 1);
    return GGDM_OK;
}

/* ---- building ---- */

/* The network while it is emitted. */
typedef struct net {
    ggdm_graph *g;
    const char *block;  /* what is emitted, "Mixed_5b"; NULL: nothing with parts */
    const char *layer;  /* that is asked for, or NULL */
    ggdm_val *features; /* of it */
} net;

/* A convolution: its kernel, stride and padding. */
typedef struct shape {
    int h, w, stride, pad_h, pad_w;
} shape;

static const shape k1x1 = {1, 1, 1, 0, 0}, k3x3 = {3, 3, 1, 1, 1}, k5x5 = {5, 5, 1, 2, 2},
                   k1x7 = {1, 7, 1, 0, 3}, k7x1 = {7, 1, 1, 3, 0}, k1x3 = {1, 3, 1, 0, 1},
                   k3x1 = {3, 1, 1, 1, 0}, k3x3_inside = {3, 3, 1, 0, 0},
                   k3x3_half = {3, 3, 2, 0, 0};

static const ggdm_window halving = {3, 2, 0}, around = {3, 1, 1};

static bool asked(const net *n, const char *layer)
{
    return n->layer && strcmp(n->layer, layer) == 0;
}

static ggdm_val conv(const net *n, ggdm_val x, const char *name, int out, const shape *s)
{
    char prefix[GGDM_NAME_SIZE];
    if (n->block)
        ggdm_layer_name(prefix, n->block, name);
    else
        snprintf(prefix, sizeof prefix, "%s", name);
    ggdm_val y = ggdm_layer_conv_norm_relu(
        n->g, x, prefix, out, s->h, s->w,
        (ggdm_conv){s->stride, s->pad_h, s->pad_w, s->pad_h, s->pad_w}, NORM_EPS);
    if (strcmp(prefix, SPATIAL) == 0 && asked(n, "spatial"))
        *n->features = ggdm_unroll(n->g, ggdm_slice_channels(n->g, y, 0, SPATIAL_CHANNELS));
    return y;
}

static ggdm_val join(const net *n, ggdm_val a, ggdm_val b, ggdm_val c)
{
    return ggdm_concat(n->g, ggdm_concat(n->g, a, b), c);
}

/* ---- blocks: x -> its branches, side by side ---- */

/* 35 x 35 pixels; width: of the branch of means. */
static ggdm_val block_a(const net *n, ggdm_val x, int width)
{
    ggdm_val one = conv(n, x, "branch1x1", 64, &k1x1);
    ggdm_val five = conv(n, x, "branch5x5_1", 48, &k1x1);
    five = conv(n, five, "branch5x5_2", 64, &k5x5);
    ggdm_val three = conv(n, x, "branch3x3dbl_1", 64, &k1x1);
    three = conv(n, three, "branch3x3dbl_2", 96, &k3x3);
    three = conv(n, three, "branch3x3dbl_3", 96, &k3x3);
    ggdm_val mean = ggdm_avg_pool_windows(n->g, x, around);
    mean = conv(n, mean, "branch_pool", width, &k1x1);
    return ggdm_concat(n->g, join(n, one, five, three), mean);
}

/* 35 x 35 to 17 x 17 pixels. */
static ggdm_val block_b(const net *n, ggdm_val x, int width)
{
    (void)width;
    ggdm_val three = conv(n, x, "branch3x3", 384, &k3x3_half);
    ggdm_val twice = conv(n, x, "branch3x3dbl_1", 64, &k1x1);
    twice = conv(n, twice, "branch3x3dbl_2", 96, &k3x3);
    twice = conv(n, twice, "branch3x3dbl_3", 96, &k3x3_half);
    return join(n, three, twice, ggdm_max_pool_windows(n->g, x, halving));
}

/* 17 x 17 pixels; width: between the convolutions of 7 pixels. */
static ggdm_val block_c(const net *n, ggdm_val x, int width)
{
    ggdm_val one = conv(n, x, "branch1x1", 192, &k1x1);
    ggdm_val seven = conv(n, x, "branch7x7_1", width, &k1x1);
    seven = conv(n, seven, "branch7x7_2", width, &k1x7);
    seven = conv(n, seven, "branch7x7_3", 192, &k7x1);
    ggdm_val twice = conv(n, x, "branch7x7dbl_1", width, &k1x1);
    twice = conv(n, twice, "branch7x7dbl_2", width, &k7x1);
    twice = conv(n, twice, "branch7x7dbl_3", width, &k1x7);
    twice = conv(n, twice, "branch7x7dbl_4", width, &k7x1);
    twice = conv(n, twice, "branch7x7dbl_5", 192, &k1x7);
    ggdm_val mean = ggdm_avg_pool_windows(n->g, x, around);
    mean = conv(n, mean, "branch_pool", 192, &k1x1);
    return ggdm_concat(n->g, join(n, one, seven, twice), mean);
}

/* 17 x 17 to 8 x 8 pixels. */
static ggdm_val block_d(const net *n, ggdm_val x, int width)
{
    (void)width;
    ggdm_val three = conv(n, x, "branch3x3_1", 192, &k1x1);
    three = conv(n, three, "branch3x3_2", 320, &k3x3_half);
    ggdm_val seven = conv(n, x, "branch7x7x3_1", 192, &k1x1);
    seven = conv(n, seven, "branch7x7x3_2", 192, &k1x7);
    seven = conv(n, seven, "branch7x7x3_3", 192, &k7x1);
    seven = conv(n, seven, "branch7x7x3_4", 192, &k3x3_half);
    return join(n, three, seven, ggdm_max_pool_windows(n->g, x, halving));
}

/* 8 x 8 pixels; pooled: what its last branch takes. */
static ggdm_val block_e(const net *n, ggdm_val x, ggdm_val pooled)
{
    ggdm_val one = conv(n, x, "branch1x1", 320, &k1x1);
    ggdm_val three = conv(n, x, "branch3x3_1", 384, &k1x1);
    ggdm_val wide = conv(n, three, "branch3x3_2a", 384, &k1x3);
    ggdm_val high = conv(n, three, "branch3x3_2b", 384, &k3x1);
    three = ggdm_concat(n->g, wide, high);
    ggdm_val twice = conv(n, x, "branch3x3dbl_1", 448, &k1x1);
    twice = conv(n, twice, "branch3x3dbl_2", 384, &k3x3);
    wide = conv(n, twice, "branch3x3dbl_3a", 384, &k1x3);
    high = conv(n, twice, "branch3x3dbl_3b", 384, &k3x1);
    twice = ggdm_concat(n->g, wide, high);
    pooled = conv(n, pooled, "branch_pool", 192, &k1x1);
    return ggdm_concat(n->g, join(n, one, three, twice), pooled);
}

static ggdm_val block_e_of_means(const net *n, ggdm_val x, int width)
{
    (void)width;
    return block_e(n, x, ggdm_avg_pool_windows(n->g, x, around));
}

static ggdm_val block_e_of_maxima(const net *n, ggdm_val x, int width)
{
    (void)width;
    return block_e(n, x, ggdm_max_pool_windows(n->g, x, around));
}

static ggdm_val first_pool(const net *n, ggdm_val x, int width)
{
    (void)width;
    x = conv(n, x, "Conv2d_1a_3x3", 32, &k3x3_half);
    x = conv(n, x, "Conv2d_2a_3x3", 32, &k3x3_inside);
    x = conv(n, x, "Conv2d_2b_3x3", 64, &k3x3);
    return ggdm_max_pool_windows(n->g, x, halving);
}

static ggdm_val second_pool(const net *n, ggdm_val x, int width)
{
    (void)width;
    x = conv(n, x, "Conv2d_3b_1x1", 80, &k1x1);
    x = conv(n, x, "Conv2d_4a_3x3", 192, &k3x3_inside);
    return ggdm_max_pool_windows(n->g, x, halving);
}

/* ---- the network ---- */

/* In their order; the mean over the pixels of each is a layer. */
static const struct {
    const char *layer;
    ggdm_val (*emit)(const net *n, ggdm_val x, int width);
    int width;
    bool is_block; /* its name is in front of those of its convolutions */
} stages[] = {
    {"MaxPool_1", first_pool, 0, false},      {"MaxPool_2", second_pool, 0, false},
    {"Mixed_5b", block_a, 32, true},          {"Mixed_5c", block_a, 64, true},
    {"Mixed_5d", block_a, 64, true},          {"Mixed_6a", block_b, 0, true},
    {"Mixed_6b", block_c, 128, true},         {"Mixed_6c", block_c, 160, true},
    {"Mixed_6d", block_c, 160, true},         {"Mixed_6e", block_c, 192, true},
    {"Mixed_7a", block_d, 0, true},           {"Mixed_7b", block_e_of_means, 0, true},
    {"Mixed_7c", block_e_of_maxima, 0, true},
};
enum { N_STAGES = sizeof stages / sizeof stages[0] };

/* Layers that are no stage. */
static const char *const more_layers[] = {"spatial", "logits_biased"};

static bool has_layer(const void *config, const char *name)
{
    (void)config;
    for (size_t i = 0; i < N_STAGES; i++)
        if (strcmp(stages[i].layer, name) == 0)
            return true;
    return strcmp(more_layers[0], name) == 0 || strcmp(more_layers[1], name) == 0;
}

/* Classes, of the 2048 features: without the bias of the last layer, as every evaluator that
 * computes Inception scores with these weights leaves it out. */
static void emit_classes(const net *n, ggdm_val features, ggdm_ports *ports)
{
    const ggdm_init init = {GGDM_INIT_UNIFORM, 0.02}; /* about 1 / sqrt(FEATURES) */
    ggdm_val w = ggdm_graph_param(n->g, "fc.weight", GGDM_SHAPE2(CLASSES, FEATURES), init);
    ggdm_val b = ggdm_graph_param(n->g, "fc.bias", GGDM_SHAPE1(CLASSES), init);
    ports->raw = ggdm_linear(n->g, features, w, -1);
    ports->logits = ggdm_log_softmax(n->g, ports->raw);
    if (asked(n, "logits_biased"))
        ports->features = ggdm_linear(n->g, features, w, b);
}

static void emit(const void *config, ggdm_graph *g, ggdm_ports *ports)
{
    (void)config;
    net n = {.g = g, .layer = ports->layer, .features = &ports->features};
    ggdm_val x = ports->x;
    for (size_t i = 0; i < N_STAGES; i++) {
        n.block = stages[i].is_block ? stages[i].layer : NULL;
        x = stages[i].emit(&n, x, stages[i].width);
        if (asked(&n, stages[i].layer) && i + 1 < N_STAGES)
            ports->features = ggdm_global_avg_pool(g, x);
        if (ports->inner && ports->features >= 0)
            return;
    }
    x = ggdm_global_avg_pool(g, x);
    if (!n.layer || asked(&n, stages[N_STAGES - 1].layer))
        ports->features = x;
    if (!ports->inner || ports->features < 0)
        emit_classes(&n, x, ports);
}

const ggdm_arch_kind ggdm_arch_inception = {
    .class_name = "FIDInceptionV3",
    .weights_file = "model.safetensors",
    .role = GGDM_CLASSIFIER,
    .ports = GGDM_PORT_X | GGDM_PORT_LOGITS | GGDM_PORT_FEATURES,
    .fields = fields,
    .ignored = ignored,
    .defaults = &defaults,
    .raw_size = sizeof(inception),
    .config_size = sizeof(inception),
    .fill = fill,
    .has_layer = has_layer,
    .emit = emit,
};
