/* What sources of eps have in common.  Factors are numbers per image, [N] f32. */
#ifndef GGDM_WORKER_SOURCES_SOURCES_H
#define GGDM_WORKER_SOURCES_SOURCES_H

#include "models/nn/ops.h"
#include "worker/kinds.h"

/* Squares that are divided by are at least this: 0 / 0 is 0, and gradients stay finite. */
#define GGDM_SOURCE_TINY 1e-20

/* eps of the diffusion model with the images' labels and without, from one batch. */
typedef struct ggdm_eps_pair {
    ggdm_val with, without;
} ggdm_eps_pair;

ggdm_eps_pair ggdm_source_pair(ggdm_emit *e);
/** from + factor (to - from): images. */
ggdm_val ggdm_source_towards(ggdm_emit *e, ggdm_val from, ggdm_val to, ggdm_val factor);
/** a - b: images, or numbers per image. */
ggdm_val ggdm_source_minus(ggdm_emit *e, ggdm_val a, ggdm_val b);
/** a b / (b b), per image: how much of b is in a. */
ggdm_val ggdm_source_share(ggdm_emit *e, ggdm_val a, ggdm_val b);

#endif
