/* UNet2DModel and UNet2DConditionModel of diffusers.  Older names of attentions and downsamplers
 * are those of the network, too (ggdm_arch_canonical_name); what the shapes do not tell (heads,
 * eps, the order of sine and cosine) is in its config.json. */
#include "models/import/layout.h"

static const char *const has[] = {"time_embedding.linear_1.weight",
                                  "conv_in.weight",
                                  "conv_norm_out.weight",
                                  "conv_out.weight",
                                  "mid_block.resnets.0.conv1.weight",
                                  NULL};
/* What looks at a context is the other one. */
#define BLOCK "down_blocks.*.attentions.*.transformer_blocks.*.attn2.to_k.weight"
static const char *const lacks[] = {BLOCK, NULL};
static const char *const condition_has[] = {"time_embedding.linear_1.weight", "conv_in.weight",
                                            "conv_norm_out.weight", BLOCK, NULL};

const ggdm_layout ggdm_layout_unet2d = {
    .name = "UNet2DModel of diffusers", .class_name = "UNet2DModel", .has = has, .lacks = lacks};

const ggdm_layout ggdm_layout_unet2d_condition = {.name = "UNet2DConditionModel of diffusers",
                                                  .class_name = "UNet2DConditionModel",
                                                  .has = condition_has};
