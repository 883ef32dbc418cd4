/* diffusers' Transformer2DModel over an image: what a UNet2DConditionModel has for attention.
 * Source of the semantics: diffusers models/transformers/transformer_2d.py, models/attention.py. */
#ifndef GGDM_MODELS_ARCH_TRANSFORMER2D_H
#define GGDM_MODELS_ARCH_TRANSFORMER2D_H

#include "models/nn/graph.h"

typedef struct ggdm_transformer2d {
    int layers;             /* blocks: self-attention, cross-attention, feed-forward */
    int heads;              /* must divide the channels */
    int groups;             /* of the norm in front */
    bool linear_projection; /* ... behind which, and in the end, is nn.Linear instead of a 1x1
                               convolution */
} ggdm_transformer2d;

/** Emit it: x [N, H, W, C] and context [N, S, K], which its cross-attention looks at ->
 *  [N, H, W, C], x included.  Parameters are named "PREFIX.transformer_blocks.0.attn1.to_q.weight"
 *  ... */
ggdm_val ggdm_transformer2d_emit(const ggdm_transformer2d *net, ggdm_graph *g, ggdm_val x,
                                 ggdm_val context, const char *prefix);

#endif
