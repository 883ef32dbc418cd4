/* config.json of a UNet2DConditionModel: the U-Net of Stable Diffusion, whose attention is
 * transformers that look at a text, too.  Keys and defaults are those of diffusers' constructor;
 * values that change the network in a way that is not built here are refused, never ignored. */
#include <stddef.h>

#include "models/arch/unet2d_config.h"

enum { HEADS = 8, DEPTH = 1 }; /* the defaults */
enum { MAX_BLOCKS = 1024 };    /* of all transformers together: Stable Diffusion has 16, SDXL 70 */

static const char *const mid_only[] = {"UNetMidBlock2DCrossAttn", NULL};
static const char *const default_only[] = {"default", NULL};

static const ggdm_unet2d_keys defaults = {.in_channels = 4,
                                          .out_channels = 4,
                                          .context_size = 1280,
                                          .kernel = 3,
                                          .out_scale = 1,
                                          GGDM_UNET2D_DEFAULTS};

#define AT GGDM_UNET2D_AT
#define UNBUILT(key)                                                                               \
    {                                                                                              \
        key, GGDM_FIELD_NODE, .offset = AT(unbuilt)                                                \
    }

static const ggdm_field fields[] = {
    GGDM_UNET2D_ROWS,
    GGDM_UNET2D_ROW_GROUPS,
    GGDM_UNET2D_ROWS_NORM,
    GGDM_UNET2D_ROWS_LABELS,
    {"mid_block_type", GGDM_FIELD_CHOICE, AT(only), .choices = mid_only},
    {"cross_attention_dim", GGDM_FIELD_INT32, AT(context_size), .lo = 1, .hi = GGDM_ARCH_MAX_WIDTH},
    {"use_linear_projection", GGDM_FIELD_BOOL, .offset = AT(linear_projection)},
    {"attention_head_dim", GGDM_FIELD_NODE, .offset = AT(heads)},
    {"transformer_layers_per_block", GGDM_FIELD_NODE, .offset = AT(depths)},
    {"attention_type", GGDM_FIELD_CHOICE, AT(only), .choices = default_only},
    {"conv_in_kernel", GGDM_FIELD_INT32, AT(kernel), .lo = 3, .hi = 3, .expected = "3"},
    {"conv_out_kernel", GGDM_FIELD_INT32, AT(kernel), .lo = 3, .hi = 3, .expected = "3"},
    {"resnet_out_scale_factor", GGDM_FIELD_DOUBLE, AT(out_scale), .lo = 1, .hi = 1,
     .expected = "1"},
    UNBUILT("addition_embed_type"),
    UNBUILT("class_embeddings_concat"),
    UNBUILT("cross_attention_norm"),
    UNBUILT("dual_cross_attention"),
    UNBUILT("encoder_hid_dim"),
    UNBUILT("encoder_hid_dim_type"),
    UNBUILT("mid_block_only_cross_attention"),
    UNBUILT("num_attention_heads"),
    UNBUILT("only_cross_attention"),
    UNBUILT("resnet_skip_time_act"),
    UNBUILT("reverse_transformer_layers_per_block"),
    UNBUILT("time_cond_proj_dim"),
    UNBUILT("time_embedding_act_fn"),
    UNBUILT("timestep_post_act"),
    {0}};

/* Of additional embeddings, which are not built, the sizes; precision of attention, which is f32
 * where it matters. */
static const char *const ignored[] = {
    GGDM_UNET2D_IGNORED,       "addition_embed_type_num_heads",
    "addition_time_embed_dim", "projection_class_embeddings_input_dim",
    "upcast_attention",        NULL};

static const char *const nullable[] = {
    "sample_size",          "time_embedding_dim",
    "class_embed_type",     "num_class_embeds",
    "_null_label",          "addition_embed_type",
    "cross_attention_norm", "encoder_hid_dim",
    "encoder_hid_dim_type", "mid_block_only_cross_attention",
    "num_attention_heads",  "reverse_transformer_layers_per_block",
    "time_cond_proj_dim",   "time_embedding_act_fn",
    "timestep_post_act",    NULL};

/* Keys of what is not built say that it is not there. */
static ggdm_status check_unbuilt(const ggdm_node *root, ggdm_error *err)
{
    for (const ggdm_field *row = fields; row->key; row++) {
        const ggdm_node *n = ggdm_node_get(root, row->key);
        if (row->offset == AT(unbuilt) && n && n->kind != GGDM_NODE_NULL &&
            (n->kind != GGDM_NODE_BOOL || n->boolean))
            return ggdm_node_fail(n, err,
                                  "value '%s', expected null or false (no network with it "
                                  "is built here)",
                                  n->count ? "[...]" : n->text);
    }
    return GGDM_OK;
}

/* "KEY": 8, or a list with one number for each level, into out; what is not the default goes into
 * text, one number where all are equal. */
static ggdm_status read_each(const ggdm_node *node, const char *key, int most, int usual,
                             const ggdm_unet2d *net, int out[GGDM_UNET_LEVELS], ggdm_json *text,
                             ggdm_error *err)
{
    const bool list = node && node->kind == GGDM_NODE_LIST;
    if (list && node->count != (size_t)net->levels)
        return ggdm_node_fail(
            node, err, "%zu numbers, expected one, or %d, one for each of block_out_channels",
            node->count, net->levels);
    const ggdm_node *n = list ? node->first : node;
    bool equal = true;
    for (int i = 0; i < net->levels; i++, n = list ? n->next : n) {
        int64_t v = usual;
        if (n)
            GGDM_TRY(ggdm_node_int(n, 1, most, &v, err));
        out[i] = (int)v;
        equal = equal && out[i] == out[0];
    }
    if (equal && out[0] != usual)
        ggdm_json_put_int(text, key, out[0]);
    if (equal)
        return GGDM_OK;
    ggdm_json_begin_array(text, key);
    for (int i = 0; i < net->levels; i++)
        ggdm_json_put_int(text, NULL, out[i]);
    ggdm_json_end(text);
    return GGDM_OK;
}

static ggdm_status check_transformers(const ggdm_node *root, const ggdm_unet2d *net,
                                      ggdm_error *err)
{
    int blocks = net->depth[net->levels - 1]; /* in the middle */
    for (int i = 0; i < net->levels; i++) {
        if (ggdm_unet2d_has_attention(net, i) && net->width[i] % net->heads[i])
            return ggdm_node_fail(ggdm_node_at(root, "attention_head_dim"), err,
                                  "%d heads, expected a divisor of the %d channels of level %d",
                                  net->heads[i], net->width[i], i);
        blocks += net->depth[i] * (net->down_attn[i] * net->layers +
                                   net->up_attn[net->levels - 1 - i] * (net->layers + 1));
    }
    return blocks <= MAX_BLOCKS
               ? GGDM_OK
               : ggdm_node_fail(ggdm_node_at(root, "transformer_layers_per_block"), err,
                                "%d transformer blocks in all, expected at most %d", blocks,
                                MAX_BLOCKS);
}

/* attention_head_dim is the number of heads: diffusers has kept its old name. */
static ggdm_status attention(const ggdm_node *root, ggdm_unet2d_keys *keys, ggdm_unet2d *net,
                             ggdm_json *text, ggdm_error *err)
{
    GGDM_TRY(check_unbuilt(root, err));
    GGDM_TRY(read_each(keys->heads, "attention_head_dim", GGDM_ARCH_MAX_WIDTH, HEADS, net,
                       net->heads, text, err));
    GGDM_TRY(read_each(keys->depths, "transformer_layers_per_block", MAX_BLOCKS, DEPTH, net,
                       net->depth, text, err));
    keys->heads = keys->depths = keys->unbuilt = NULL; /* said */
    net->mid_attention = true;
    net->context_size = keys->context_size;
    net->linear_projection = keys->linear_projection;
    return check_transformers(root, net, err);
}

static const ggdm_unet2d_class condition = {.fields = fields,
                                            .ignored = ignored,
                                            .nullable = nullable,
                                            .down_attn = "CrossAttnDownBlock2D",
                                            .up_attn = "CrossAttnUpBlock2D",
                                            .width = {320, 640, 1280, 1280},
                                            .down = {true, true, true, false},
                                            .up = {false, true, true, true},
                                            .attention = attention};

static ggdm_status fill(const ggdm_node *root, void *raw, void *config, ggdm_arch_info *info,
                        ggdm_json *text, ggdm_error *err)
{
    return ggdm_unet2d_fill(&condition, root, raw, config, info, text, err);
}

const ggdm_arch_kind ggdm_arch_unet2d_condition = {
    .class_name = "UNet2DConditionModel",
    .ports = GGDM_PORT_X | GGDM_PORT_T | GGDM_PORT_CONTEXT | GGDM_PORT_EPS,
    GGDM_UNET2D_KIND,
};
