/* CLIP (Radford et al. 2021, arXiv 2103.00020) in transformers' layout: a vision transformer and a
 * text transformer whose outputs, projected, are vectors of one space; or one of the two alone.
 * clip_config.c reads config.json, clip.c emits. */
#ifndef GGDM_MODELS_ARCH_CLIP_H
#define GGDM_MODELS_ARCH_CLIP_H

#include "models/arch/arch.h"
#include "models/nn/ops.h"

/* The blocks of a transformer; width 0: the network has no such tower. */
typedef struct ggdm_clip_blocks {
    int width, mlp; /* channels, and those between the two layers of a block's MLP */
    int layers, heads;
    ggdm_gelu_form act;
    double eps;
} ggdm_clip_blocks;

typedef struct ggdm_clip {
    ggdm_clip_blocks vision, text;
    int patch;     /* pixels */
    int positions; /* patches and the class token */
    bool timed;    /* the image encoder is told t */
    int vocabulary, context;
    int end;               /* the token at which a text is pooled; -1: the highest */
    int projection;        /* numbers of an embedding; 0: not projected */
    bool scaled;           /* it has a logit_scale */
    double log_scale_init; /* where that begins */
} ggdm_clip;

/** Emit the towers for which ports has x or text. */
void ggdm_clip_emit(const ggdm_clip *clip, ggdm_graph *g, ggdm_ports *ports);

#endif
