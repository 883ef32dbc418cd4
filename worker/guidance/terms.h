/* The words of a term's rows, between what reads them (terms.c) and what acts on them
 * (term_gradients.c). */
#ifndef GGDM_WORKER_GUIDANCE_TERMS_H
#define GGDM_WORKER_GUIDANCE_TERMS_H

#include "worker/kinds.h"

#define GGDM_FAMILY_SMOOTHING "smoothing"
#define GGDM_FAMILY_RECURRENCE "recurrence"

enum { GGDM_AT_X0, GGDM_AT_XT };

typedef enum ggdm_apply {
    GGDM_APPLY_PREVIOUS, /* x' - w g */
    GGDM_APPLY_CURRENT,  /* x' - w g / sqrt(alpha) */
    GGDM_APPLY_MEAN,     /* x' - w Sigma g */
    GGDM_APPLY_EPS,      /* eps + w sqrt(1 - ab) g, and x0-hat of that */
    GGDM_APPLY_X0,       /* x0-hat - w g, for the sampler */
    GGDM_APPLY_X0_EPS,   /* the same, and the eps that goes with it */
    GGDM_N_APPLIED
} ggdm_apply;

typedef enum ggdm_norm { GGDM_NORM_NONE, GGDM_NORM_UNIT, GGDM_NORM_RMS, GGDM_NORM_EPS } ggdm_norm;

enum { GGDM_MEAN_LIKELIHOOD, GGDM_MEAN_LOSS };

/* Rows of a smoothed loss, which presets have too. */
#define GGDM_SMOOTHING_SAMPLES(standard)                                                           \
    {                                                                                              \
        .key = "samples", .type = GGDM_PARAM_WHOLE, .structure = true, .lo = 1,                    \
        .hi = GGDM_MAX_SMOOTHING, .fallback = GGDM_WHOLE(standard),                                \
        .help = "Points around the image at which the loss is taken."                              \
    }
#define GGDM_SMOOTHING_MEAN                                                                        \
    {                                                                                              \
        .key = "mean", .type = GGDM_PARAM_CHOICE, .structure = true, .choices = ggdm_mean_names,   \
        .fallback = GGDM_WHOLE(GGDM_MEAN_LIKELIHOOD),                                              \
        .help = "Of exp(-loss), whose logarithm is taken, or of the losses."                       \
    }
extern const char *const ggdm_mean_names[];

/** Everything that acts in a step: eps, x0-hat, the shifts (ggdm_guidance_kind.emit). */
void ggdm_emit_guidance(ggdm_emit *e, const ggdm_item *guidance);

#endif
