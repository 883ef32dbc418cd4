/* config.json of a TorchSequential, and the network it describes. */
#include "models/arch/sequential.h"

#include <stdio.h>
#include <string.h>

#include "common/fields_write.h"
#include "models/arch/arch_kind.h"
#include "models/nn/ops.h"

typedef struct sequential {
    ggdm_class_groups classes; /* their names, if there are any */
    int n_layers;
    ggdm_seq_layer layers[GGDM_SEQ_LAYERS];
} sequential;

typedef struct raw_config {
    int32_t sample_size, in_channels;
    ggdm_doubles mean, std;
    const ggdm_node *prefix, *layers, *id2label;
} raw_config;

static const raw_config defaults = {.in_channels = 3};

static const char *const ignored[] = {"_class_name", "_name_or_path", NULL};

#define AT(member) offsetof(raw_config, member)

static const ggdm_field fields[] = {
    {"sample_size", GGDM_FIELD_INT32, AT(sample_size), .required = true, .lo = 1,
     .hi = GGDM_ARCH_MAX_SIZE},
    {"in_channels", GGDM_FIELD_INT32, AT(in_channels), .lo = 1, .hi = GGDM_ARCH_MAX_WIDTH},
    {"image_mean", GGDM_FIELD_DOUBLES, AT(mean), .lo = -1e3, .hi = 1e3},
    {"image_std", GGDM_FIELD_DOUBLES, AT(std), .lo = 1e-6, .hi = 1e6},
    {"id2label", GGDM_FIELD_NODE, .offset = AT(id2label)},
    {"prefix", GGDM_FIELD_NODE, .offset = AT(prefix)},
    {"layers", GGDM_FIELD_NODE, AT(layers), .required = true},
    {0}};

/* ---- config.json ---- */

/* One number of all channels, or one of each. */
static ggdm_status read_numbers(const ggdm_node *root, const char *key, const ggdm_doubles *list,
                                int channels, double *out, ggdm_error *err)
{
    const ggdm_node *node = ggdm_node_get(root, key);
    if (!node)
        return ggdm_node_fail(root, err, "field '%s' is missing, expected image_mean and image_std",
                              key);
    if (list->count != 1 && list->count != (size_t)channels)
        return ggdm_node_fail(node, err,
                              "%zu numbers, expected 1, or one of each of the %d channels",
                              list->count, channels);
    for (int c = 0; c < channels; c++)
        out[c] = list->data[list->count == 1 ? 0 : c] + 0.0; /* -0 is 0 */
    return GGDM_OK;
}

static ggdm_status read_normal(const ggdm_node *root, const raw_config *raw, ggdm_normal *out,
                               ggdm_error *err)
{
    if (!raw->mean.count && !raw->std.count)
        return GGDM_OK;
    if (raw->in_channels > GGDM_NORMAL_CHANNELS)
        return ggdm_node_fail(root, err,
                              "image_mean and image_std of %d channels, expected at most %d",
                              raw->in_channels, GGDM_NORMAL_CHANNELS);
    GGDM_TRY(read_numbers(root, "image_mean", &raw->mean, raw->in_channels, out->mean, err));
    GGDM_TRY(read_numbers(root, "image_std", &raw->std, raw->in_channels, out->std, err));
    out->n = raw->in_channels;
    return GGDM_OK;
}

static void write_normal(ggdm_json *text, const ggdm_normal *normal)
{
    if (!normal->n)
        return;
    ggdm_json_put_doubles(text, "image_mean", normal->mean, normal->n);
    ggdm_json_put_doubles(text, "image_std", normal->std, normal->n);
}

/* A layer without a name has its number, as in an nn.Sequential; all have the prefix. */
static ggdm_status name_layer(const ggdm_node *node, const char *prefix, sequential *net,
                              ggdm_error *err)
{
    ggdm_seq_layer *l = &net->layers[net->n_layers];
    char name[GGDM_SEQ_NAME], number[24];
    snprintf(number, sizeof number, "%zu", node->index);
    const int n = snprintf(name, sizeof name, "%s%s", prefix, l->name[0] ? l->name : number);
    if (n >= GGDM_SEQ_NAME)
        return ggdm_node_fail(node, err,
                              "value '%.100s': its name has %d bytes, expected at most %d",
                              node->text, n, GGDM_SEQ_NAME - 1);
    strcpy(l->name, name);
    for (int i = 0; i < net->n_layers; i++)
        if (strcmp(net->layers[i].name, name) == 0)
            return ggdm_node_fail(node, err, "value '%.100s': there are two layers '%s'",
                                  node->text, name);
    return GGDM_OK;
}

/* "net.": of letters, digits, '_' and '.'. */
static ggdm_status read_prefix(const ggdm_node *node, const char **out, ggdm_error *err)
{
    static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
    *out = "";
    if (!node)
        return GGDM_OK;
    GGDM_TRY(ggdm_node_string(node, out, err));
    return (*out)[strspn(*out, set)] ? ggdm_node_expected(node, err, "letters, digits, '_' and '.'")
                                     : GGDM_OK;
}

static ggdm_status read_layers(const raw_config *raw, sequential *net, ggdm_seq_flow *flow,
                               ggdm_json *text, ggdm_error *err)
{
    const ggdm_node *list = raw->layers;
    const char *prefix;
    GGDM_TRY(read_prefix(raw->prefix, &prefix, err));
    if (list->kind != GGDM_NODE_LIST || list->count > GGDM_SEQ_LAYERS)
        return ggdm_node_fail(list, err, "expected a list of at most %d layers", GGDM_SEQ_LAYERS);
    ggdm_json_begin_array(text, "layers");
    for (const ggdm_node *n = list->first; n; n = n->next) {
        ggdm_seq_layer *l = &net->layers[net->n_layers];
        if (flow->decided)
            return ggdm_node_fail(n, err,
                                  "value '%.100s': stands behind the softmax, expected it "
                                  "to be the last",
                                  n->text);
        GGDM_TRY(ggdm_seq_read(n, l, err));
        GGDM_TRY(name_layer(n, prefix, net, err));
        GGDM_TRY(ggdm_seq_kinds[l->kind].check(n, l, flow, err));
        ggdm_seq_write(text, l);
        net->n_layers++;
    }
    ggdm_json_end(text);
    if (!flow->flat || flow->channels < 2 || flow->channels > GGDM_ARCH_MAX_CLASSES)
        return ggdm_node_fail(list, err,
                              "ends with %lld %s, expected 2 to %d numbers, one of each class",
                              (long long)flow->channels,
                              flow->flat ? "numbers"
                                         : "channels of an "
                                           "image",
                              GGDM_ARCH_MAX_CLASSES);
    return GGDM_OK;
}

/* Has it statistics of a training? */
static bool is_frozen(const sequential *net)
{
    for (int i = 0; i < net->n_layers; i++)
        if (strcmp(ggdm_seq_kinds[net->layers[i].kind].name, "BatchNorm2d") == 0)
            return true;
    return false;
}

static ggdm_status fill(const ggdm_node *root, void *raw, void *config, ggdm_arch_info *info,
                        ggdm_json *text, ggdm_error *err)
{
    raw_config *c = raw;
    sequential *net = config;
    ggdm_seq_flow flow = {c->sample_size, c->sample_size, c->in_channels, false, false, false};
    GGDM_TRY(read_normal(root, c, &info->normal, err));
    write_normal(text, &info->normal);
    GGDM_TRY(read_layers(c, net, &flow, text, err));
    if (c->id2label)
        GGDM_TRY(
            ggdm_class_groups_read_labels(c->id2label, (int32_t)flow.channels, &net->classes, err));
    c->layers = c->prefix = c->id2label = NULL; /* said; names of classes decide no result */
    c->mean.count = c->std.count = 0;
    info->size = c->sample_size;
    info->channels = c->in_channels;
    info->n_classes = (int)flow.channels;
    info->classes = net->classes.n ? &net->classes : NULL;
    info->frozen = is_frozen(net);
    return GGDM_OK;
}

static void release(void *config)
{
    ggdm_class_groups_deinit(&((sequential *)config)->classes);
}

/* ---- the network ---- */

/* The number of the layer of this name, or -1. */
static int find_layer(const sequential *net, const char *name)
{
    for (int i = 0; i < net->n_layers; i++)
        if (strcmp(net->layers[i].name, name) == 0)
            return i;
    return -1;
}

static bool has_layer(const void *config, const char *name)
{
    return find_layer(config, name) >= 0;
}

/* The last linear layer: what it takes are the features; behind all others where there is none. */
static int last_linear(const sequential *net)
{
    int last = net->n_layers;
    for (int i = 0; i < net->n_layers; i++)
        if (strcmp(ggdm_seq_kinds[net->layers[i].kind].name, "Linear") == 0)
            last = i;
    return last;
}

static void emit(const void *config, ggdm_graph *g, ggdm_ports *ports)
{
    const sequential *net = config;
    const int asked = ports->layer ? find_layer(net, ports->layer) : last_linear(net) - 1;
    ggdm_val x = ports->x;
    for (int i = 0; i < net->n_layers; i++) {
        const ggdm_seq_layer *l = &net->layers[i];
        if (i == asked + 1)
            ports->features = x;
        if (i == asked + 1 && ports->inner)
            return;
        x = ggdm_seq_kinds[l->kind].emit(g, x, l);
    }
    if (asked == net->n_layers - 1)
        ports->features = x;
    if (ports->inner)
        return;
    ports->raw = x;
    ports->logits = ggdm_log_softmax(g, x);
}

const ggdm_arch_kind ggdm_arch_sequential = {
    .class_name = "TorchSequential",
    .weights_file = "model.safetensors",
    .role = GGDM_CLASSIFIER,
    .ports = GGDM_PORT_X | GGDM_PORT_LOGITS | GGDM_PORT_FEATURES,
    .fields = fields,
    .ignored = ignored,
    .defaults = &defaults,
    .raw_size = sizeof(raw_config),
    .config_size = sizeof(sequential),
    .fill = fill,
    .release = release,
    .has_layer = has_layer,
    .emit = emit,
};
