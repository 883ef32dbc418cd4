/* config.json of a UNet2DModel.  Keys and defaults are those of diffusers' constructor; values that
 * change the network in a way that is not built here are refused, never ignored. */
#include <stddef.h>

#include "models/arch/unet2d_config.h"

static const char *const conv_only[] = {"conv", NULL};
static const char *const mid_only[] = {"UNetMidBlock2D", NULL};

static const ggdm_unet2d_keys defaults = {.in_channels = 3,
                                          .out_channels = 3,
                                          .head_dim = 8,
                                          .add_attention = true,
                                          GGDM_UNET2D_DEFAULTS};

#define AT GGDM_UNET2D_AT

static const ggdm_field fields[] = {
    GGDM_UNET2D_ROWS,
    {"mid_block_type", GGDM_FIELD_CHOICE, AT(only), .choices = mid_only},
    {"downsample_type", GGDM_FIELD_CHOICE, AT(only), .choices = conv_only},
    {"upsample_type", GGDM_FIELD_CHOICE, AT(only), .choices = conv_only},
    {"attention_head_dim", GGDM_FIELD_INT32, AT(head_dim), .lo = 1, .hi = GGDM_ARCH_MAX_WIDTH},
    GGDM_UNET2D_ROW_GROUPS,
    {"attn_norm_num_groups", GGDM_FIELD_INT32, AT(attn_groups), .lo = 1, .hi = GGDM_ARCH_MAX_WIDTH},
    GGDM_UNET2D_ROWS_NORM,
    {"add_attention", GGDM_FIELD_BOOL, .offset = AT(add_attention)},
    GGDM_UNET2D_ROWS_LABELS,
    {0}};

/* The size of the learned time embedding, too. */
static const char *const ignored[] = {GGDM_UNET2D_IGNORED, "num_train_timesteps", NULL};

static const char *const nullable[] = {
    "sample_size",      "attention_head_dim", "time_embedding_dim", "attn_norm_num_groups",
    "class_embed_type", "num_class_embeds",   "_null_label",        NULL};

static ggdm_status check_heads(const ggdm_node *root, const ggdm_unet2d *net, ggdm_error *err)
{
    const int last = net->width[net->levels - 1];
    for (int i = 0; net->head_dim && i < net->levels; i++)
        if (ggdm_unet2d_has_attention(net, i) && net->width[i] % net->head_dim)
            return ggdm_node_fail(ggdm_node_at(root, "attention_head_dim"), err,
                                  "heads of %d channels, expected a divisor of the %d channels of "
                                  "level %d",
                                  net->head_dim, net->width[i], i);
    if (net->mid_groups && last % net->mid_groups)
        return ggdm_node_fail(ggdm_node_at(root, "attn_norm_num_groups"), err,
                              "%d groups, expected a divisor of %d channels", net->mid_groups,
                              last);
    return GGDM_OK;
}

static ggdm_status attention(const ggdm_node *root, ggdm_unet2d_keys *keys, ggdm_unet2d *net,
                             ggdm_json *text, ggdm_error *err)
{
    (void)text; /* the rows say all */
    const ggdm_node *head_dim = ggdm_node_get(root, "attention_head_dim");
    if (head_dim && head_dim->kind == GGDM_NODE_NULL)
        keys->head_dim = 0;
    net->head_dim = keys->head_dim;
    net->mid_attention = keys->add_attention;
    /* UNetMidBlock2D: without attn_norm_num_groups, scale_shift networks have no norm there. */
    const int usual_groups = net->scale_shift ? 0 : keys->groups;
    net->mid_groups = keys->attn_groups ? keys->attn_groups : usual_groups;
    if (keys->attn_groups == usual_groups)
        keys->attn_groups = 0;
    return check_heads(root, net, err);
}

static const ggdm_unet2d_class model = {.fields = fields,
                                        .ignored = ignored,
                                        .nullable = nullable,
                                        .down_attn = "AttnDownBlock2D",
                                        .up_attn = "AttnUpBlock2D",
                                        .width = {224, 448, 672, 896},
                                        .down = {false, true, true, true},
                                        .up = {true, true, true, false},
                                        .attention = attention};

static ggdm_status fill(const ggdm_node *root, void *raw, void *config, ggdm_arch_info *info,
                        ggdm_json *text, ggdm_error *err)
{
    return ggdm_unet2d_fill(&model, root, raw, config, info, text, err);
}

const ggdm_arch_kind ggdm_arch_unet2d = {
    .class_name = "UNet2DModel",
    .ports = GGDM_PORT_X | GGDM_PORT_T | GGDM_PORT_EPS,
    GGDM_UNET2D_KIND,
};
