/* config.json of a UNet2DModel.  Keys and defaults are those of diffusers' constructor; values that
 * change the network in a way that is not built here are refused, never ignored. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "models/arch/arch_kind.h"
#include "models/arch/unet2d.h"
#include "models/nn/ops.h"

/* The keys as written. */
typedef struct raw_config {
    const ggdm_node *sample_size, *down_types, *up_types, *class_embed_type;
    ggdm_ints widths;
    int32_t in_channels, out_channels, layers, groups, padding, head_dim, attn_groups, n_labels,
        time_dim, null_label;
    double eps, freq_shift, mid_scale;
    bool center, flip, add_attention;
    int scale_shift;
    int only; /* of choices with one meaning */
} raw_config;

static const char *const positional_only[] = {"positional", NULL};
static const char *const conv_only[] = {"conv", NULL};
static const char *const silu_only[] = {"silu", "swish", NULL}; /* two names of one function */
static const char *const mid_only[] = {"UNetMidBlock2D", NULL};
static const char *const scale_shift_names[] = {"default", "scale_shift", NULL};

static const raw_config defaults = {.in_channels = 3,
                                    .out_channels = 3,
                                    .layers = 2,
                                    .groups = 32,
                                    .padding = 1,
                                    .head_dim = 8,
                                    .eps = 1e-5,
                                    .mid_scale = 1,
                                    .null_label = -1,
                                    .flip = true,
                                    .add_attention = true};

#define AT(member) offsetof(raw_config, member)

static const ggdm_field fields[] = {
    {"sample_size", GGDM_FIELD_NODE, AT(sample_size), .required = true},
    {"in_channels", GGDM_FIELD_INT32, AT(in_channels), .lo = 1, .hi = GGDM_ARCH_MAX_WIDTH},
    {"out_channels", GGDM_FIELD_INT32, AT(out_channels), .lo = 1, .hi = GGDM_ARCH_MAX_WIDTH},
    {"center_input_sample", GGDM_FIELD_BOOL, .offset = AT(center)},
    {"time_embedding_type", GGDM_FIELD_CHOICE, AT(only), .choices = positional_only},
    {"time_embedding_dim", GGDM_FIELD_INT32, AT(time_dim), .lo = 1, .hi = 4 * GGDM_ARCH_MAX_WIDTH},
    {"freq_shift", GGDM_FIELD_DOUBLE, AT(freq_shift), .lo = 0, .hi = GGDM_ARCH_MAX_WIDTH},
    {"flip_sin_to_cos", GGDM_FIELD_BOOL, .offset = AT(flip)},
    {"down_block_types", GGDM_FIELD_NODE, .offset = AT(down_types)},
    {"mid_block_type", GGDM_FIELD_CHOICE, AT(only), .choices = mid_only},
    {"up_block_types", GGDM_FIELD_NODE, .offset = AT(up_types)},
    {"block_out_channels", GGDM_FIELD_INTS, AT(widths), .lo = 1, .hi = GGDM_ARCH_MAX_WIDTH},
    {"layers_per_block", GGDM_FIELD_INT32, AT(layers), .lo = 1, .hi = GGDM_UNET_LAYERS},
    {"mid_block_scale_factor", GGDM_FIELD_DOUBLE, AT(mid_scale), .lo = 1e-3, .hi = 1e3},
    {"downsample_padding", GGDM_FIELD_INT32, AT(padding), .hi = 1, .expected = "0 or 1"},
    {"downsample_type", GGDM_FIELD_CHOICE, AT(only), .choices = conv_only},
    {"upsample_type", GGDM_FIELD_CHOICE, AT(only), .choices = conv_only},
    {"act_fn", GGDM_FIELD_CHOICE, AT(only), .choices = silu_only},
    {"attention_head_dim", GGDM_FIELD_INT32, AT(head_dim), .lo = 1, .hi = GGDM_ARCH_MAX_WIDTH},
    {"norm_num_groups", GGDM_FIELD_INT32, AT(groups), .lo = 1, .hi = GGDM_ARCH_MAX_WIDTH},
    {"attn_norm_num_groups", GGDM_FIELD_INT32, AT(attn_groups), .lo = 1, .hi = GGDM_ARCH_MAX_WIDTH},
    {"norm_eps", GGDM_FIELD_DOUBLE, AT(eps), .lo = 1e-12, .hi = 1},
    {"resnet_time_scale_shift", GGDM_FIELD_CHOICE, AT(scale_shift), .choices = scale_shift_names},
    {"add_attention", GGDM_FIELD_BOOL, .offset = AT(add_attention)},
    {"class_embed_type", GGDM_FIELD_NODE, .offset = AT(class_embed_type)},
    {"num_class_embeds", GGDM_FIELD_INT32, AT(n_labels), .lo = 1, .hi = GGDM_ARCH_MAX_CLASSES},
    {"_null_label", GGDM_FIELD_INT32, AT(null_label), .lo = 1, .hi = GGDM_ARCH_MAX_CLASSES - 1},
    {0}};

/* Written by diffusers, without influence on the network at inference: bookkeeping, training only
 * (dropout), the learned time embedding's size, and the state that EMAModel.save_pretrained puts
 * into the config. */
static const char *const ignored[] = {"_class_name", "_diffusers_version",  "_name_or_path",
                                      "dropout",     "num_train_timesteps", "decay",
                                      "min_decay",   "optimization_step",   "inv_gamma",
                                      "power",       "use_ema_warmup",      "update_after_step",
                                      NULL};

/* Keys whose null means something (or is ignored); elsewhere diffusers itself fails on null. */
static const char *const nullable[] = {
    "sample_size",      "attention_head_dim", "time_embedding_dim", "attn_norm_num_groups",
    "class_embed_type", "num_class_embeds",   "_null_label",        NULL};

static bool listed(const char *const *list, const char *key)
{
    for (; *list; list++)
        if (strcmp(*list, key) == 0)
            return true;
    return false;
}

static ggdm_status check_nulls(const ggdm_node *root, ggdm_error *err)
{
    for (const ggdm_node *n = root->first; n; n = n->next)
        if (n->kind == GGDM_NODE_NULL && !listed(nullable, n->key) && !listed(ignored, n->key))
            return ggdm_node_fail(n, err, "value null, expected a value (or no such key)");
    return GGDM_OK;
}

/* "sample_size": 32 or [32, 32], of which the number remains. */
static ggdm_status read_size(const ggdm_node *root, raw_config *raw, int *size, ggdm_error *err)
{
    const ggdm_node *node = ggdm_node_get(root, "sample_size");
    const ggdm_node *first = node, *second = node;
    int64_t h, w;
    if (!node)
        return ggdm_node_fail(root, err,
                              "field 'sample_size' is missing, expected a number of "
                              "pixels");
    if (node->kind == GGDM_NODE_LIST && node->count == 2) {
        first = node->first;
        second = first->next;
    }
    GGDM_TRY(ggdm_node_int(first, 1, GGDM_ARCH_MAX_SIZE, &h, err));
    GGDM_TRY(ggdm_node_int(second, 1, GGDM_ARCH_MAX_SIZE, &w, err));
    if (h != w)
        return ggdm_node_fail(node, err, "height %d and width %d, expected a square", (int)h,
                              (int)w);
    *size = (int)h;
    raw->sample_size = first;
    return GGDM_OK;
}

/* A list of block types into flags "has attention". */
static ggdm_status read_types(const ggdm_node *list, const char *plain, const char *attn,
                              int levels, bool *out, ggdm_error *err)
{
    int i = 0;
    if (!list)
        return GGDM_OK; /* the default stands in out */
    if (list->kind != GGDM_NODE_LIST || list->count != (size_t)levels)
        return ggdm_node_fail(list, err,
                              "expected a list of %d block types, one for each of "
                              "block_out_channels",
                              levels);
    for (const ggdm_node *n = list->first; n; n = n->next) {
        bool is_attn = n->kind == GGDM_NODE_STRING && strcmp(n->text, attn) == 0;
        if (!is_attn && !(n->kind == GGDM_NODE_STRING && strcmp(n->text, plain) == 0))
            return ggdm_node_expected(n, err, "'%s' or '%s'", plain, attn);
        out[i++] = is_attn;
    }
    return GGDM_OK;
}

enum { DEFAULT_LEVELS = 4 };
static const int default_width[DEFAULT_LEVELS] = {224, 448, 672, 896};
static const bool default_down[DEFAULT_LEVELS] = {false, true, true, true};
static const bool default_up[DEFAULT_LEVELS] = {true, true, true, false};

/* A list that was written and is the default says nothing. */
static void reduce_levels(const ggdm_unet2d *net, raw_config *raw)
{
    if (net->levels != DEFAULT_LEVELS)
        return;
    if (memcmp(net->width, default_width, sizeof default_width) == 0)
        raw->widths.count = 0;
    if (memcmp(net->down_attn, default_down, sizeof default_down) == 0)
        raw->down_types = NULL;
    if (memcmp(net->up_attn, default_up, sizeof default_up) == 0)
        raw->up_types = NULL;
}

static ggdm_status read_levels(const ggdm_node *root, raw_config *raw, ggdm_unet2d *net,
                               ggdm_error *err)
{
    net->levels = DEFAULT_LEVELS;
    memcpy(net->width, default_width, sizeof default_width);
    memcpy(net->down_attn, default_down, sizeof default_down);
    memcpy(net->up_attn, default_up, sizeof default_up);

    const ggdm_node *widths = ggdm_node_get(root, "block_out_channels");
    if (widths) {
        if (raw->widths.count < 1 || raw->widths.count > GGDM_UNET_LEVELS)
            return ggdm_node_fail(widths, err, "%zu levels, expected 1 to %d", raw->widths.count,
                                  GGDM_UNET_LEVELS);
        net->levels = (int)raw->widths.count;
        memcpy(net->width, raw->widths.data, raw->widths.count * sizeof *net->width);
    }
    if (net->levels != DEFAULT_LEVELS && (!raw->down_types || !raw->up_types))
        return ggdm_node_fail(root, err,
                              "down_block_types and up_block_types are needed where "
                              "block_out_channels has not 4 entries");
    GGDM_TRY(read_types(raw->down_types, "DownBlock2D", "AttnDownBlock2D", net->levels,
                        net->down_attn, err));
    GGDM_TRY(
        read_types(raw->up_types, "UpBlock2D", "AttnUpBlock2D", net->levels, net->up_attn, err));
    reduce_levels(net, raw);
    return GGDM_OK;
}

/* Where in the file a rule about the widths points to: the list, or the whole where it is absent.
 */
static const ggdm_node *at(const ggdm_node *root, const char *key)
{
    const ggdm_node *node = ggdm_node_get(root, key);
    return node ? node : root;
}

/* Whether a level (or the middle, which has the width of the last) has attention. */
static bool has_attention(const ggdm_unet2d *net, int i)
{
    bool last = i == net->levels - 1;
    return net->down_attn[i] || net->up_attn[net->levels - 1 - i] || (last && net->mid_attention);
}

static ggdm_status check_geometry(const ggdm_node *root, const ggdm_unet2d *net, ggdm_error *err)
{
    const ggdm_node *widths = at(root, "block_out_channels");
    int last = net->width[net->levels - 1];
    for (int i = 0; i < net->levels; i++) {
        if (net->width[i] % net->groups)
            return ggdm_node_fail(widths, err,
                                  "%d channels, expected a multiple of "
                                  "norm_num_groups (%d)",
                                  net->width[i], net->groups);
        if (net->head_dim && has_attention(net, i) && net->width[i] % net->head_dim)
            return ggdm_node_fail(at(root, "attention_head_dim"), err,
                                  "heads of %d channels, expected a divisor of the %d channels of "
                                  "level %d",
                                  net->head_dim, net->width[i], i);
    }
    if (net->mid_groups && last % net->mid_groups)
        return ggdm_node_fail(at(root, "attn_norm_num_groups"), err,
                              "%d groups, expected a divisor of %d channels", net->mid_groups,
                              last);
    if (net->width[0] % 2 || net->freq_shift >= net->width[0] / 2)
        return ggdm_node_fail(widths, err,
                              "%d channels at the first level carry the time features, expected an "
                              "even number above twice freq_shift (%g)",
                              net->width[0], net->freq_shift);
    if (net->size % (1 << (net->levels - 1)))
        return ggdm_node_fail(at(root, "sample_size"), err,
                              "%d pixels, expected a multiple of %d (%d levels)", net->size,
                              1 << (net->levels - 1), net->levels);
    return GGDM_OK;
}

/* Labels of classes are those before the null label, without a gap. */
static ggdm_status check_null_label(const ggdm_node *root, const raw_config *raw, ggdm_error *err)
{
    if (raw->null_label < 0 || raw->null_label == raw->n_labels - 1)
        return GGDM_OK;
    return ggdm_node_fail(ggdm_node_get(root, "_null_label"), err,
                          "%d, expected the last of the num_class_embeds (%d) labels",
                          raw->null_label, raw->n_labels);
}

static ggdm_status fill_net(const ggdm_node *root, raw_config *raw, ggdm_unet2d *net,
                            ggdm_error *err)
{
    const ggdm_node *head_dim = ggdm_node_get(root, "attention_head_dim");
    GGDM_TRY(check_nulls(root, err));
    GGDM_TRY(read_size(root, raw, &net->size, err));
    GGDM_TRY(read_levels(root, raw, net, err));
    if (raw->class_embed_type)
        return ggdm_node_expected(raw->class_embed_type, err,
                                  "null (labels are looked up in num_class_embeds rows)");
    if (raw->out_channels != raw->in_channels && raw->out_channels != 2 * raw->in_channels)
        return ggdm_node_fail(at(root, "out_channels"), err,
                              "%d, expected %d as in_channels, or twice as many (with a learned "
                              "variance)",
                              raw->out_channels, raw->in_channels);
    net->channels = raw->in_channels;
    net->out_channels = raw->out_channels;
    net->layers = raw->layers;
    net->groups = raw->groups;
    net->eps = raw->eps;
    if (head_dim && head_dim->kind == GGDM_NODE_NULL)
        raw->head_dim = 0;
    net->head_dim = raw->head_dim;
    net->mid_attention = raw->add_attention;
    net->scale_shift = raw->scale_shift == 1;
    /* UNetMidBlock2D: without attn_norm_num_groups, scale_shift networks have no norm there. */
    const int usual_groups = net->scale_shift ? 0 : raw->groups;
    net->mid_groups = raw->attn_groups ? raw->attn_groups : usual_groups;
    if (raw->attn_groups == usual_groups)
        raw->attn_groups = 0;
    net->mid_scale = raw->mid_scale;
    net->time_dim = raw->time_dim ? raw->time_dim : 4 * net->width[0];
    net->flip = raw->flip;
    net->freq_shift = raw->freq_shift;
    net->downsample_padding = raw->padding;
    net->center = raw->center;
    net->n_labels = raw->n_labels;
    raw->only = 0; /* of names of one meaning the first */
    GGDM_TRY(check_null_label(root, raw, err));
    return check_geometry(root, net, err);
}

static ggdm_status fill(const ggdm_node *root, void *raw, void *config, ggdm_arch_info *info,
                        ggdm_json *text, ggdm_error *err)
{
    ggdm_unet2d *net = config;
    (void)text; /* the rows say all */
    const raw_config *keys = raw;
    GGDM_TRY(fill_net(root, raw, net, err));
    info->size = net->size;
    info->channels = net->channels;
    info->null_label = keys->null_label;
    info->n_classes = keys->null_label < 0 ? net->n_labels : keys->null_label;
    if (net->n_labels)
        info->ports |= GGDM_PORT_LABEL;
    if (net->out_channels > net->channels)
        info->ports |= GGDM_PORT_VARIANCE;
    return GGDM_OK;
}

static void emit(const void *config, ggdm_graph *g, ggdm_ports *ports)
{
    const int channels = ((const ggdm_unet2d *)config)->channels;
    const ggdm_val out = ggdm_unet2d_emit(config, g, ports->x, ports->t, ports->label);
    ports->eps = out;
    if (((const ggdm_unet2d *)config)->out_channels == channels)
        return;
    ports->eps = ggdm_slice_channels(g, out, 0, channels);
    ports->variance = ggdm_slice_channels(g, out, channels, channels);
}

const ggdm_arch_kind ggdm_arch_unet2d = {
    .class_name = "UNet2DModel",
    .weights_file = "diffusion_pytorch_model.safetensors",
    .role = GGDM_DIFFUSION,
    .ports = GGDM_PORT_X | GGDM_PORT_T | GGDM_PORT_EPS,
    .fields = fields,
    .ignored = ignored,
    .defaults = &defaults,
    .raw_size = sizeof(raw_config),
    .config_size = sizeof(ggdm_unet2d),
    .fill = fill,
    .emit = emit,
};
