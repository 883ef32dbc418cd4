/* What the configs of UNet2DModel and UNet2DConditionModel share: keys, checks, ports. */
#ifndef GGDM_MODELS_ARCH_UNET2D_CONFIG_H
#define GGDM_MODELS_ARCH_UNET2D_CONFIG_H

#include "models/arch/arch_kind.h"
#include "models/arch/unet2d.h"

/* The keys as written. */
typedef struct ggdm_unet2d_keys {
    const ggdm_node *sample_size, *down_types, *up_types, *class_embed_type;
    ggdm_ints widths;
    int32_t in_channels, out_channels, layers, groups, padding, n_labels, time_dim, null_label;
    double eps, freq_shift, mid_scale;
    bool center, flip;
    int scale_shift;
    int only; /* of choices with one meaning */
    /* of UNet2DModel */
    int32_t head_dim, attn_groups;
    bool add_attention;
    /* of UNet2DConditionModel */
    const ggdm_node *heads, *depths, *unbuilt;
    int32_t context_size, kernel;
    double out_scale;
    bool linear_projection;
} ggdm_unet2d_keys;

/* Defaults of both. */
#define GGDM_UNET2D_DEFAULTS                                                                       \
    .layers = 2, .groups = 32, .padding = 1, .eps = 1e-5, .mid_scale = 1, .null_label = -1,        \
    .flip = true

extern const char *const ggdm_unet2d_positional[], *const ggdm_unet2d_silu[],
                                                       *const ggdm_unet2d_scale_shift[];

#define GGDM_UNET2D_AT(member) offsetof(ggdm_unet2d_keys, member)

/* Rows of both, in parts: a class has its own between them. */
#define GGDM_UNET2D_ROWS                                                                           \
    {"sample_size", GGDM_FIELD_NODE, GGDM_UNET2D_AT(sample_size), .required = true},               \
        {"in_channels", GGDM_FIELD_INT32, GGDM_UNET2D_AT(in_channels), .lo = 1,                    \
         .hi = GGDM_ARCH_MAX_WIDTH},                                                               \
        {"out_channels", GGDM_FIELD_INT32, GGDM_UNET2D_AT(out_channels), .lo = 1,                  \
         .hi = GGDM_ARCH_MAX_WIDTH},                                                               \
        {"center_input_sample", GGDM_FIELD_BOOL, .offset = GGDM_UNET2D_AT(center)},                \
        {"time_embedding_type", GGDM_FIELD_CHOICE, GGDM_UNET2D_AT(only),                           \
         .choices = ggdm_unet2d_positional},                                                       \
        {"time_embedding_dim", GGDM_FIELD_INT32, GGDM_UNET2D_AT(time_dim), .lo = 1,                \
         .hi = 4 * GGDM_ARCH_MAX_WIDTH},                                                           \
        {"freq_shift", GGDM_FIELD_DOUBLE, GGDM_UNET2D_AT(freq_shift), .lo = 0,                     \
         .hi = GGDM_ARCH_MAX_WIDTH},                                                               \
        {"flip_sin_to_cos", GGDM_FIELD_BOOL, .offset = GGDM_UNET2D_AT(flip)},                      \
        {"down_block_types", GGDM_FIELD_NODE, .offset = GGDM_UNET2D_AT(down_types)},               \
        {"up_block_types", GGDM_FIELD_NODE, .offset = GGDM_UNET2D_AT(up_types)},                   \
        {"block_out_channels", GGDM_FIELD_INTS, GGDM_UNET2D_AT(widths), .lo = 1,                   \
         .hi = GGDM_ARCH_MAX_WIDTH},                                                               \
        {"layers_per_block", GGDM_FIELD_INT32, GGDM_UNET2D_AT(layers), .lo = 1,                    \
         .hi = GGDM_UNET_LAYERS},                                                                  \
        {"mid_block_scale_factor", GGDM_FIELD_DOUBLE, GGDM_UNET2D_AT(mid_scale), .lo = 1e-3,       \
         .hi = 1e3},                                                                               \
        {"downsample_padding", GGDM_FIELD_INT32, GGDM_UNET2D_AT(padding), .hi = 1,                 \
         .expected = "0 or 1"},                                                                    \
    {                                                                                              \
        "act_fn", GGDM_FIELD_CHOICE, GGDM_UNET2D_AT(only), .choices = ggdm_unet2d_silu             \
    }
#define GGDM_UNET2D_ROW_GROUPS                                                                     \
    {                                                                                              \
        "norm_num_groups", GGDM_FIELD_INT32, GGDM_UNET2D_AT(groups), .lo = 1,                      \
                                                                     .hi = GGDM_ARCH_MAX_WIDTH     \
    }
#define GGDM_UNET2D_ROWS_NORM                                                                      \
    {"norm_eps", GGDM_FIELD_DOUBLE, GGDM_UNET2D_AT(eps), .lo = 1e-12, .hi = 1},                    \
    {                                                                                              \
        "resnet_time_scale_shift", GGDM_FIELD_CHOICE, GGDM_UNET2D_AT(scale_shift),                 \
            .choices = ggdm_unet2d_scale_shift                                                     \
    }
#define GGDM_UNET2D_ROWS_LABELS                                                                    \
    {"class_embed_type", GGDM_FIELD_NODE, .offset = GGDM_UNET2D_AT(class_embed_type)},             \
        {"num_class_embeds", GGDM_FIELD_INT32, GGDM_UNET2D_AT(n_labels), .lo = 1,                  \
         .hi = GGDM_ARCH_MAX_CLASSES},                                                             \
    {                                                                                              \
        "_null_label", GGDM_FIELD_INT32, GGDM_UNET2D_AT(null_label),                               \
            .lo = 1, .hi = GGDM_ARCH_MAX_CLASSES - 1                                               \
    }

/* Written by diffusers, without influence on the network at inference: bookkeeping, training only
 * (dropout), and the state that EMAModel.save_pretrained puts into the config. */
#define GGDM_UNET2D_IGNORED                                                                        \
    "_class_name", "_diffusers_version", "_name_or_path", "dropout", "decay", "min_decay",         \
        "optimization_step", "inv_gamma", "power", "use_ema_warmup", "update_after_step"

/* What both are as a ggdm_arch_kind; fields, ignored, defaults and fill are of the file. */
#define GGDM_UNET2D_KIND                                                                           \
    .weights_file = "diffusion_pytorch_model.safetensors", .role = GGDM_DIFFUSION,                 \
    .fields = fields, .ignored = ignored, .defaults = &defaults,                                   \
    .raw_size = sizeof(ggdm_unet2d_keys), .config_size = sizeof(ggdm_unet2d), .fill = fill,        \
    .emit = ggdm_unet2d_emit_ports

enum { GGDM_UNET2D_LEVELS = 4 }; /* by default */

/* In what the two classes differ. */
typedef struct ggdm_unet2d_class {
    const ggdm_field *fields;
    const char *const *ignored;
    const char *const *nullable; /* keys whose null means something; elsewhere diffusers fails */
    const char *down_attn, *up_attn;                       /* "AttnDownBlock2D", "AttnUpBlock2D" */
    int width[GGDM_UNET2D_LEVELS];                         /* default */
    bool down[GGDM_UNET2D_LEVELS], up[GGDM_UNET2D_LEVELS]; /* ... of "has attention" */
    /** Attention of keys into net, of which the rest is filled; as fill of ggdm_arch_kind. */
    ggdm_status (*attention)(const ggdm_node *root, ggdm_unet2d_keys *keys, ggdm_unet2d *net,
                             ggdm_json *text, ggdm_error *err);
} ggdm_unet2d_class;

/** fill of ggdm_arch_kind. */
ggdm_status ggdm_unet2d_fill(const ggdm_unet2d_class *of, const ggdm_node *root,
                             ggdm_unet2d_keys *keys, ggdm_unet2d *net, ggdm_arch_info *info,
                             ggdm_json *text, ggdm_error *err);
/** emit of ggdm_arch_kind. */
void ggdm_unet2d_emit_ports(const void *config, ggdm_graph *g, ggdm_ports *ports);

/** Whether a level has attention (the middle has the width of the last one). */
bool ggdm_unet2d_has_attention(const ggdm_unet2d *net, int level);

#endif
