#include "models/arch/unet2d_config.h"

#include <stddef.h>
#include <string.h>

#include "models/arch/unet_blocks.h"

const char *const ggdm_unet2d_positional[] = {"positional", NULL};
const char *const ggdm_unet2d_silu[] = {"silu", "swish", NULL}; /* two names of one function */
const char *const ggdm_unet2d_scale_shift[] = {"default", "scale_shift", NULL};

static bool listed(const char *const *list, const char *key)
{
    for (; *list; list++)
        if (strcmp(*list, key) == 0)
            return true;
    return false;
}

static ggdm_status check_nulls(const ggdm_unet2d_class *of, const ggdm_node *root, ggdm_error *err)
{
    for (const ggdm_node *n = root->first; n; n = n->next)
        if (n->kind == GGDM_NODE_NULL && !listed(of->nullable, n->key) &&
            !listed(of->ignored, n->key))
            return ggdm_node_fail(n, err, "value null, expected a value (or no such key)");
    return GGDM_OK;
}

/* "sample_size": 32 or [32, 32], of which the number remains. */
static ggdm_status read_size(const ggdm_node *root, ggdm_unet2d_keys *keys, int *size,
                             ggdm_error *err)
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
    keys->sample_size = first;
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

/* A list that was written and is the default says nothing. */
static void reduce_levels(const ggdm_unet2d_class *of, const ggdm_unet2d *net,
                          ggdm_unet2d_keys *keys)
{
    if (net->levels != GGDM_UNET2D_LEVELS)
        return;
    if (memcmp(net->width, of->width, sizeof of->width) == 0)
        keys->widths.count = 0;
    if (memcmp(net->down_attn, of->down, sizeof of->down) == 0)
        keys->down_types = NULL;
    if (memcmp(net->up_attn, of->up, sizeof of->up) == 0)
        keys->up_types = NULL;
}

static ggdm_status read_levels(const ggdm_unet2d_class *of, const ggdm_node *root,
                               ggdm_unet2d_keys *keys, ggdm_unet2d *net, ggdm_error *err)
{
    net->levels = GGDM_UNET2D_LEVELS;
    memcpy(net->width, of->width, sizeof of->width);
    memcpy(net->down_attn, of->down, sizeof of->down);
    memcpy(net->up_attn, of->up, sizeof of->up);

    const ggdm_node *widths = ggdm_node_get(root, "block_out_channels");
    if (widths) {
        if (keys->widths.count < 1 || keys->widths.count > GGDM_UNET_LEVELS)
            return ggdm_node_fail(widths, err, "%zu levels, expected 1 to %d", keys->widths.count,
                                  GGDM_UNET_LEVELS);
        net->levels = (int)keys->widths.count;
        memcpy(net->width, keys->widths.data, keys->widths.count * sizeof *net->width);
    }
    if (net->levels != GGDM_UNET2D_LEVELS && (!keys->down_types || !keys->up_types))
        return ggdm_node_fail(root, err,
                              "down_block_types and up_block_types are needed where "
                              "block_out_channels has not %d entries",
                              GGDM_UNET2D_LEVELS);
    GGDM_TRY(read_types(keys->down_types, "DownBlock2D", of->down_attn, net->levels, net->down_attn,
                        err));
    GGDM_TRY(read_types(keys->up_types, "UpBlock2D", of->up_attn, net->levels, net->up_attn, err));
    reduce_levels(of, net, keys);
    return GGDM_OK;
}

bool ggdm_unet2d_has_attention(const ggdm_unet2d *net, int level)
{
    bool last = level == net->levels - 1;
    return net->down_attn[level] || net->up_attn[net->levels - 1 - level] ||
           (last && net->mid_attention);
}

static ggdm_status check_geometry(const ggdm_node *root, const ggdm_unet2d *net, ggdm_error *err)
{
    const ggdm_node *widths = ggdm_node_at(root, "block_out_channels");
    for (int i = 0; i < net->levels; i++)
        if (net->width[i] % net->groups)
            return ggdm_node_fail(widths, err,
                                  "%d channels, expected a multiple of "
                                  "norm_num_groups (%d)",
                                  net->width[i], net->groups);
    if (net->width[0] % 2 || net->freq_shift >= net->width[0] / 2)
        return ggdm_node_fail(widths, err,
                              "%d channels at the first level carry the time features, expected an "
                              "even number above twice freq_shift (%g)",
                              net->width[0], net->freq_shift);
    if (net->size % (1 << (net->levels - 1)))
        return ggdm_node_fail(ggdm_node_at(root, "sample_size"), err,
                              "%d pixels, expected a multiple of %d (%d levels)", net->size,
                              1 << (net->levels - 1), net->levels);
    return GGDM_OK;
}

/* Labels of classes are those before the null label, without a gap. */
static ggdm_status check_null_label(const ggdm_node *root, const ggdm_unet2d_keys *keys,
                                    ggdm_error *err)
{
    if (keys->null_label < 0 || keys->null_label == keys->n_labels - 1)
        return GGDM_OK;
    return ggdm_node_fail(ggdm_node_get(root, "_null_label"), err,
                          "%d, expected the last of the num_class_embeds (%d) labels",
                          keys->null_label, keys->n_labels);
}

/* What keys say without a level in it. */
static void fill_plain(const ggdm_unet2d_keys *keys, ggdm_unet2d *net)
{
    net->channels = keys->in_channels;
    net->out_channels = keys->out_channels;
    net->layers = keys->layers;
    net->groups = keys->groups;
    net->eps = keys->eps;
    net->scale_shift = keys->scale_shift == 1;
    net->mid_scale = keys->mid_scale;
    net->time_dim = keys->time_dim ? keys->time_dim : 4 * net->width[0];
    net->flip = keys->flip;
    net->freq_shift = keys->freq_shift;
    net->downsample_padding = keys->padding;
    net->center = keys->center;
    net->n_labels = keys->n_labels;
}

static void fill_info(const ggdm_unet2d_keys *keys, const ggdm_unet2d *net, ggdm_arch_info *info)
{
    info->size = net->size;
    info->channels = net->channels;
    info->null_label = keys->null_label;
    info->n_classes = keys->null_label < 0 ? net->n_labels : keys->null_label;
    info->context_size = net->context_size;
    if (net->n_labels)
        info->ports |= GGDM_PORT_LABEL;
    if (net->out_channels > net->channels)
        info->ports |= GGDM_PORT_VARIANCE;
}

ggdm_status ggdm_unet2d_fill(const ggdm_unet2d_class *of, const ggdm_node *root,
                             ggdm_unet2d_keys *keys, ggdm_unet2d *net, ggdm_arch_info *info,
                             ggdm_json *text, ggdm_error *err)
{
    GGDM_TRY(check_nulls(of, root, err));
    GGDM_TRY(read_size(root, keys, &net->size, err));
    GGDM_TRY(read_levels(of, root, keys, net, err));
    if (keys->class_embed_type)
        return ggdm_node_expected(keys->class_embed_type, err,
                                  "null (labels are looked up in num_class_embeds rows)");
    if (keys->out_channels != keys->in_channels && keys->out_channels != 2 * keys->in_channels)
        return ggdm_node_fail(ggdm_node_at(root, "out_channels"), err,
                              "%d, expected %d as in_channels, or twice as many (with a learned "
                              "variance)",
                              keys->out_channels, keys->in_channels);
    fill_plain(keys, net);
    keys->only = 0; /* of names of one meaning the first */
    GGDM_TRY(check_geometry(root, net, err));
    GGDM_TRY(of->attention(root, keys, net, text, err));
    GGDM_TRY(check_null_label(root, keys, err));
    fill_info(keys, net, info);
    return GGDM_OK;
}

void ggdm_unet2d_emit_ports(const void *config, ggdm_graph *g, ggdm_ports *ports)
{
    const ggdm_unet2d *net = config;
    const ggdm_val out = ggdm_unet2d_emit(net, g, ports->x, ports->t, ports->label, ports->context);
    ggdm_unet_outputs(g, out, net->channels, ports);
}
