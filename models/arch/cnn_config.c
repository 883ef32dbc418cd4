/* config.json of a GgdmCNN.  The shape of the activations is followed through the list, so that a
 * list that cannot work is refused here, by the name of the entry, and not inside the graph. */
#include <stddef.h>

#include "common/fields_write.h"
#include "models/arch/arch_kind.h"
#include "models/arch/cnn.h"
#include "models/nn/ops.h"

enum {
    MAX_KERNEL = 15,
    MAX_FEATURES = 1 << 22 /* inputs of a linear layer */
};

/* What flows between two layers: an image, or (after flatten or global_avg_pool) features. */
typedef struct flow {
    int64_t size;  /* height and width; 0: features */
    int64_t width; /* channels or features */
} flow;

typedef struct raw_config {
    int32_t sample_size, in_channels, num_classes, time_dim;
    const ggdm_node *layers, *attributes, *id2label;
} raw_config;

/* One entry of "layers" as written; the first five select the kind. */
typedef struct raw_layer {
    const ggdm_node *conv, *pool, *global_avg_pool, *flatten, *linear;
    ggdm_cnn_layer layer;
    int32_t size;
    int pool_kind;
} raw_layer;

static const char *const act_names[] = {"none", "silu", "relu", NULL}; /* ggdm_cnn_act */
static const char *const pool_names[] = {"max", "avg", NULL};

static const raw_config defaults = {0};

static const char *const ignored[] = {"_class_name", "_name_or_path", "label2id", NULL};

static const ggdm_field fields[] = {
    {"sample_size", GGDM_FIELD_INT32, offsetof(raw_config, sample_size), .required = true, .lo = 1,
     .hi = GGDM_ARCH_MAX_SIZE},
    {"in_channels", GGDM_FIELD_INT32, offsetof(raw_config, in_channels), .required = true, .lo = 1,
     .hi = GGDM_ARCH_MAX_WIDTH},
    {"num_classes", GGDM_FIELD_INT32, offsetof(raw_config, num_classes), .lo = 2,
     .hi = GGDM_ARCH_MAX_WIDTH},
    {"attributes", GGDM_FIELD_NODE, offsetof(raw_config, attributes), .required = false},
    {"id2label", GGDM_FIELD_NODE, offsetof(raw_config, id2label), .required = false},
    {"layers", GGDM_FIELD_NODE, offsetof(raw_config, layers), .required = true},
    {"time_embedding_dim", GGDM_FIELD_INT32, offsetof(raw_config, time_dim), .lo = 2,
     .hi = GGDM_ARCH_MAX_WIDTH},
    {0}};

#define ACT_FIELD                                                                                  \
    {                                                                                              \
        "act", GGDM_FIELD_CHOICE, offsetof(raw_layer, layer.act), .choices = act_names             \
    }

static const ggdm_field conv_fields[] = {
    {"conv", GGDM_FIELD_INT32, offsetof(raw_layer, layer.width), .required = true, .lo = 1,
     .hi = GGDM_ARCH_MAX_WIDTH},
    {"kernel", GGDM_FIELD_INT32, offsetof(raw_layer, layer.kernel), .lo = 1, .hi = MAX_KERNEL},
    {"stride", GGDM_FIELD_INT32, offsetof(raw_layer, layer.stride), .lo = 1, .hi = 2},
    {"norm_groups", GGDM_FIELD_INT32, offsetof(raw_layer, layer.norm_groups), .lo = 0,
     .hi = GGDM_ARCH_MAX_WIDTH},
    ACT_FIELD,
    {0}};

static const ggdm_field pool_fields[] = {
    {"pool", GGDM_FIELD_CHOICE, offsetof(raw_layer, pool_kind), .required = true,
     .choices = pool_names},
    {"size", GGDM_FIELD_INT32, offsetof(raw_layer, size), .lo = 2, .hi = GGDM_ARCH_MAX_SIZE},
    {0}};

static const ggdm_field linear_fields[] = {{"linear", GGDM_FIELD_INT32,
                                            offsetof(raw_layer, layer.width), .required = true,
                                            .lo = 1, .hi = GGDM_ARCH_MAX_WIDTH},
                                           ACT_FIELD,
                                           {0}};

static const raw_layer layer_defaults = {.layer = {.kernel = 3, .stride = 1}, .size = 2};

/* Layers written as {"NAME": true}. */
static const ggdm_field global_avg_fields[] = {
    {"global_avg_pool", GGDM_FIELD_NODE, offsetof(raw_layer, global_avg_pool), .required = true},
    {0}};
static const ggdm_field flatten_fields[] = {
    {"flatten", GGDM_FIELD_NODE, offsetof(raw_layer, flatten), .required = true}, {0}};

static ggdm_status need_image(const ggdm_node *node, const flow *f, ggdm_error *err)
{
    if (f->size)
        return GGDM_OK;
    return ggdm_node_fail(node, err,
                          "stands after 'flatten' or 'global_avg_pool', expected a linear layer");
}

static ggdm_status need_true(const ggdm_node *node, ggdm_error *err)
{
    return node->kind == GGDM_NODE_BOOL && node->boolean ? GGDM_OK
                                                         : ggdm_node_expected(node, err, "true");
}

static ggdm_status check_conv(const ggdm_node *node, raw_layer *raw, flow *f, ggdm_error *err)
{
    const ggdm_cnn_layer *l = &raw->layer;
    GGDM_TRY(need_image(node, f, err));
    if (l->kernel % 2 == 0)
        return ggdm_node_expected(ggdm_node_get(node, "kernel"), err, "an odd number");
    if (l->norm_groups && l->width % l->norm_groups)
        return ggdm_node_expected(ggdm_node_get(node, "norm_groups"), err,
                                  "a divisor of the %d channels of 'conv'", l->width);
    f->size = (f->size - 1) / l->stride + 1;
    f->width = l->width;
    return GGDM_OK;
}

static ggdm_status check_pool(const ggdm_node *node, raw_layer *raw, flow *f, ggdm_error *err)
{
    GGDM_TRY(need_image(node, f, err));
    if (raw->size > f->size)
        return ggdm_node_fail(node, err, "pool of size %d, but the image has %d pixels here",
                              raw->size, (int)f->size);
    raw->layer.kind = raw->pool_kind == 0 ? GGDM_CNN_MAX_POOL : GGDM_CNN_AVG_POOL;
    raw->layer.kernel = raw->size;
    f->size /= raw->size;
    return GGDM_OK;
}

static ggdm_status check_global_avg(const ggdm_node *node, raw_layer *raw, flow *f, ggdm_error *err)
{
    GGDM_TRY(need_true(raw->global_avg_pool, err));
    GGDM_TRY(need_image(node, f, err));
    f->size = 0;
    return GGDM_OK;
}

static ggdm_status check_flatten(const ggdm_node *node, raw_layer *raw, flow *f, ggdm_error *err)
{
    GGDM_TRY(need_true(raw->flatten, err));
    GGDM_TRY(need_image(node, f, err));
    f->width *= f->size * f->size; /* at most 2^24 * 2^13 */
    f->size = 0;
    if (f->width > MAX_FEATURES)
        return ggdm_node_fail(node, err, "gives %lld features, expected at most %d",
                              (long long)f->width, MAX_FEATURES);
    return GGDM_OK;
}

static ggdm_status check_linear(const ggdm_node *node, raw_layer *raw, flow *f, ggdm_error *err)
{
    if (f->size)
        return ggdm_node_fail(node, err,
                              "a linear layer on an image, expected {\"flatten\": true} or "
                              "{\"global_avg_pool\": true} in front of it");
    f->width = raw->layer.width;
    return GGDM_OK;
}

/* The first key names the kind. */
const ggdm_field *const ggdm_cnn_layer_fields[] = {conv_fields,    pool_fields,   global_avg_fields,
                                                   flatten_fields, linear_fields, NULL};

static const struct {
    ggdm_cnn_kind kind;
    ggdm_status (*check)(const ggdm_node *node, raw_layer *raw, flow *f, ggdm_error *err);
} layer_kinds[] = {
    {GGDM_CNN_CONV, check_conv},
    {GGDM_CNN_MAX_POOL, check_pool},
    {GGDM_CNN_GLOBAL_AVG, check_global_avg},
    {GGDM_CNN_FLATTEN, check_flatten},
    {GGDM_CNN_LINEAR, check_linear},
};

static void write_layer(ggdm_json *text, const ggdm_field *rows, const raw_layer *raw)
{
    ggdm_json_begin_object(text, NULL);
    ggdm_fields_write(text, rows, raw, &layer_defaults);
    ggdm_json_end(text);
}

static ggdm_status parse_layer(const ggdm_node *node, ggdm_cnn_layer *out, flow *f, ggdm_json *text,
                               ggdm_error *err)
{
    for (size_t i = 0; ggdm_cnn_layer_fields[i]; i++) {
        const ggdm_field *rows = ggdm_cnn_layer_fields[i];
        if (!ggdm_node_get(node, rows->key))
            continue;
        raw_layer raw = layer_defaults;
        raw.layer.kind = layer_kinds[i].kind;
        GGDM_TRY(ggdm_fields_read(node, rows, NULL, &raw, err));
        GGDM_TRY(layer_kinds[i].check(node, &raw, f, err));
        write_layer(text, rows, &raw);
        *out = raw.layer;
        return GGDM_OK;
    }
    return ggdm_node_fail(node, err,
                          "expected an object with one of the keys 'conv', 'pool', "
                          "'global_avg_pool', 'flatten', 'linear'");
}

/* The last linear layer, where the list does not end with it. */
static ggdm_status finish(const ggdm_node *layers, ggdm_cnn *net, const flow *f, ggdm_json *text,
                          ggdm_error *err)
{
    const ggdm_cnn_layer *last = net->n_layers ? &net->layers[net->n_layers - 1] : NULL;
    if (last && last->kind == GGDM_CNN_LINEAR && last->act == GGDM_CNN_NONE &&
        last->width == net->n_classes)
        return GGDM_OK;
    if (f->size)
        return ggdm_node_fail(layers, err,
                              "ends with an image, expected {\"flatten\": true} or "
                              "{\"global_avg_pool\": true} before the end");
    const raw_layer output = {.layer = {.kind = GGDM_CNN_LINEAR, .width = net->n_classes}};
    write_layer(text, linear_fields, &output);
    net->layers[net->n_layers++] = output.layer;
    return GGDM_OK;
}

/* The timestep comes in behind the convolutions. */
static ggdm_status check_time(const ggdm_node *root, const ggdm_cnn *net, ggdm_error *err)
{
    const ggdm_node *node = ggdm_node_get(root, "time_embedding_dim");
    bool any = false;
    for (int i = 0; i < net->n_layers; i++)
        any = any || net->layers[i].kind == GGDM_CNN_CONV;
    if (net->time_dim % 2)
        return ggdm_node_expected(node, err, "an even number");
    if (net->time_dim && !any)
        return ggdm_node_fail(node, err, "no layer takes it, expected a convolution");
    return GGDM_OK;
}

/* num_classes that exclude each other, or attributes with classes of their own. */
static ggdm_status read_classes(const ggdm_node *root, raw_config *c, ggdm_cnn *net,
                                ggdm_json *text, ggdm_error *err)
{
    if (!c->num_classes == !c->attributes)
        return ggdm_node_fail(root, err, "expected num_classes, or attributes in its place");
    if (c->id2label && c->attributes)
        return ggdm_node_fail_key(c->id2label, err, "has no meaning beside attributes");
    if (c->id2label)
        GGDM_TRY(ggdm_class_groups_read_labels(c->id2label, c->num_classes, &net->classes, err));
    net->n_classes = c->num_classes;
    c->id2label = NULL; /* names decide no result */
    if (!c->attributes)
        return GGDM_OK;
    GGDM_TRY(ggdm_class_groups_read(c->attributes, &net->classes, err));
    net->n_classes = net->classes.n_classes;
    c->attributes = NULL;
    ggdm_class_groups_write(text, "attributes", &net->classes);
    return GGDM_OK;
}

static ggdm_status fill(const ggdm_node *root, void *raw, void *config, ggdm_arch_info *info,
                        ggdm_json *text, ggdm_error *err)
{
    raw_config *c = raw;
    ggdm_cnn *net = config;
    const ggdm_node *layers = c->layers;
    net->size = c->sample_size;
    net->channels = c->in_channels;
    net->time_dim = c->time_dim;
    GGDM_TRY(read_classes(root, c, net, text, err));
    if (layers->kind != GGDM_NODE_LIST || layers->count >= GGDM_CNN_LAYERS)
        return ggdm_node_fail(layers, err, "expected a list of at most %d layers",
                              GGDM_CNN_LAYERS - 1);

    flow f = {net->size, net->channels};
    ggdm_json_begin_array(text, "layers");
    for (const ggdm_node *n = layers->first; n; n = n->next)
        GGDM_TRY(parse_layer(n, &net->layers[net->n_layers++], &f, text, err));
    GGDM_TRY(finish(layers, net, &f, text, err));
    ggdm_json_end(text);
    c->layers = NULL; /* said */
    GGDM_TRY(check_time(root, net, err));
    info->size = net->size;
    info->channels = net->channels;
    info->n_classes = net->n_classes;
    info->classes = net->classes.n ? &net->classes : NULL;
    if (net->time_dim)
        info->ports |= GGDM_PORT_T;
    return GGDM_OK;
}

static void release(void *config)
{
    ggdm_class_groups_deinit(&((ggdm_cnn *)config)->classes);
}

static bool has_layer(const void *config, const char *name)
{
    return ggdm_cnn_find_layer(config, name) >= 0;
}

/* Each group is normalised by itself. */
static ggdm_val log_probabilities(ggdm_graph *g, ggdm_val raw, const ggdm_class_groups *classes)
{
    ggdm_val all = -1;
    if (classes->n < 2)
        return ggdm_log_softmax(g, raw);
    for (int32_t i = 0; i < classes->n; i++) {
        const ggdm_class_group *group = &classes->items[i];
        const ggdm_val part = ggdm_log_softmax(
            g, ggdm_slice_channels(g, raw, group->first, (int)group->classes.count));
        all = i == 0 ? part : ggdm_concat(g, all, part);
    }
    return all;
}

static void emit(const void *config, ggdm_graph *g, ggdm_ports *ports)
{
    const ggdm_cnn *net = config;
    ports->raw =
        ggdm_cnn_emit(net, g, ports->x, ports->t, ports->layer, ports->inner, &ports->features);
    if (!ports->inner)
        ports->logits = log_probabilities(g, ports->raw, &net->classes);
}

const ggdm_arch_kind ggdm_arch_cnn = {
    .class_name = "GgdmCNN",
    .weights_file = "model.safetensors",
    .role = GGDM_CLASSIFIER,
    .ports = GGDM_PORT_X | GGDM_PORT_LOGITS | GGDM_PORT_FEATURES,
    .fields = fields,
    .ignored = ignored,
    .defaults = &defaults,
    .raw_size = sizeof(raw_config),
    .config_size = sizeof(ggdm_cnn),
    .fill = fill,
    .release = release,
    .has_layer = has_layer,
    .emit = emit,
};
