/* diffusers' UNet2DModel, the eps-predictor of DDPM (Ho et al. 2020), and UNet2DConditionModel,
 * that of Stable Diffusion (Rombach et al. 2022), from their config.json. Source of the semantics:
 * diffusers models/unets/unet_2d.py and unet_2d_condition.py, docs/DESIGN.md, "Model files". */
#ifndef GGDM_MODELS_ARCH_UNET2D_H
#define GGDM_MODELS_ARCH_UNET2D_H

#include "models/nn/graph.h"

#define GGDM_UNET_LEVELS 8  /* at most: 2^7 fold downsampling */
#define GGDM_UNET_LAYERS 16 /* residual blocks per level, at most */

typedef struct ggdm_unet2d {
    int size;         /* height and width, pixels */
    int channels;     /* of the image */
    int out_channels; /* the same, or twice as many: eps, then the variance */
    int levels;
    int width[GGDM_UNET_LEVELS];      /* block_out_channels */
    bool down_attn[GGDM_UNET_LEVELS]; /* Attn... or CrossAttnDownBlock2D instead of DownBlock2D */
    bool up_attn[GGDM_UNET_LEVELS];   /* in the order of up_block_types: smallest image first */
    int layers;                       /* residual blocks per down level; one more per up level */
    int groups;
    double eps;
    int head_dim;       /* channels per attention head; 0: one head */
    bool mid_attention; /* add_attention */
    int mid_groups;     /* of the norm in the middle attention; 0: no norm there */
    double mid_scale;   /* mid_block_scale_factor: sums with a residual are divided by it */
    int time_dim;       /* of the embedding of time (and class) */
    bool flip;          /* flip_sin_to_cos */
    double freq_shift;
    int downsample_padding; /* 1, or 0: one pixel at the right and the bottom */
    bool scale_shift;       /* resnet_time_scale_shift */
    bool center;            /* center_input_sample: x -> 2x - 1 */
    int n_labels;           /* num_class_embeds, the null label included; 0: unconditional */
    /* of UNet2DConditionModel, which has transformers for attention */
    int context_size;            /* channels of what they look at; 0: it is a UNet2DModel */
    int heads[GGDM_UNET_LEVELS]; /* by level */
    int depth[GGDM_UNET_LEVELS]; /* transformer_layers_per_block, by level */
    bool linear_projection;      /* use_linear_projection */
} ggdm_unet2d;

/** Emit the network.  x [N, size, size, channels], t [N] f32, label [N] i32 or -1 (then nothing is
 *  added for the class; the same as a label outside 0..n_labels-1), context [N, S, context_size] or
 *  -1 where it has none -> [N, size, size, out_channels].
 *  conv_out starts at zero (as in DDPM), so that an untrained network predicts eps = 0. */
ggdm_val ggdm_unet2d_emit(const ggdm_unet2d *net, ggdm_graph *g, ggdm_val x, ggdm_val t,
                          ggdm_val label, ggdm_val context);

#endif
