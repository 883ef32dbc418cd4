/* The U-Net of guided-diffusion and improved-diffusion ("ADM", Dhariwal and Nichol 2021; Nichol and
 * Dhariwal 2021), and its first half as a classifier of noisy images.  Names of parameters are
 * those of their checkpoints. */
#ifndef GGDM_MODELS_ARCH_ADM_H
#define GGDM_MODELS_ARCH_ADM_H

#include "models/nn/graph.h"

#define GGDM_ADM_LEVELS 8
#define GGDM_ADM_LAYERS 16 /* residual blocks per level, at most */

/* What is behind the first half. */
typedef enum ggdm_adm_pool {
    GGDM_ADM_ATTENTION, /* a token for the mean looks at all pixels (as CLIP's ResNets do) */
    GGDM_ADM_ADAPTIVE,  /* means */
    GGDM_ADM_SPATIAL    /* means of all blocks, two layers with ReLU between */
} ggdm_adm_pool;

typedef struct ggdm_adm {
    int size; /* height and width, pixels */
    int channels,
        out_channels; /* of the image; the same, or twice as many: eps, then the variance */
    int base;         /* model_channels: time features; the widths are multiples of it */
    int levels;
    int width[GGDM_ADM_LEVELS];
    bool attn[GGDM_ADM_LEVELS];
    int layers; /* residual blocks per level going down; one more going up */
    int groups;
    int heads, heads_up; /* of attention going down (and in the middle), and up ... */
    int head_dim;        /* ... or channels of each head; 0: by those numbers */
    bool scale_shift;
    bool resblock_updown; /* residual blocks change the size, instead of layers of their own */
    bool conv_resample;   /* ... which have convolutions */
    bool heads_first;     /* not use_new_attention_order */
    double time_scale;    /* t is multiplied by it: rescale_timesteps */
    int n_labels;         /* of a class-conditional U-Net; 0: unconditional */
    ggdm_adm_pool pool;   /* of a classifier */
    int n_classes;        /* of a classifier */
} ggdm_adm;

/** x [N, size, size, channels], t [N] f32, label [N] i32 or -1 -> [N, size, size, out_channels]. */
ggdm_val ggdm_adm_emit(const ggdm_adm *net, ggdm_graph *g, ggdm_val x, ggdm_val t, ggdm_val label);
/** x, t -> [N, n_classes] f32, before they are normalised. */
ggdm_val ggdm_adm_classifier_emit(const ggdm_adm *net, ggdm_graph *g, ggdm_val x, ggdm_val t);

#endif
