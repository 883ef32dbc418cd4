/* Guidance in general: losses of x0-hat whose gradients move the step. */
#include "worker/kinds.h"

static const char *const applied[] = {"previous", NULL};

static const ggdm_param term_rows[] = {
    GGDM_TERM_LOSS,
    GGDM_TERM_GRADIENT,
    {.key = "apply",
     .type = GGDM_PARAM_CHOICE,
     .structure = true,
     .choices = applied,
     .fallback = GGDM_WHOLE(0),
     .help = "Where the gradient is subtracted: from the sample of the previous timestep."},
    {.key = "weight",
     .type = GGDM_PARAM_REAL,
     .fallback = GGDM_REAL(1),
     .neutral = GGDM_REAL(0),
     .help = "Factor of the gradient."},
    {.key = "window",
     .type = GGDM_PARAM_WINDOW,
     .help = "Steps in which the term acts; the whole chain if absent."},
};

const ggdm_kind ggdm_kind_term = {.family = GGDM_FAMILY_TERM,
                                  .name = "term",
                                  .implied = true,
                                  .help = "A loss whose gradient moves the step.",
                                  .equation = "x' <- x' - weight grad loss(x0hat)",
                                  GGDM_PARAMS(term_rows)};

static const ggdm_param rows[] = {
    {.key = "terms",
     .type = GGDM_PARAM_NODES,
     .required = true,
     .lo = 1,
     .hi = GGDM_MAX_TERMS,
     .family = GGDM_FAMILY_TERM,
     .help = "Act together; those with respect to the same thing share one backward pass."},
};

static void terms_emit(ggdm_emit *e, const ggdm_item *guidance)
{
    for (const ggdm_item *t = ggdm_item_child(guidance, "terms"); t; t = t->next)
        ggdm_emit_shift(e, (ggdm_gradient)ggdm_item_whole(t, "gradient"),
                        ggdm_emit_loss(e, ggdm_item_child(t, "loss"), e->x0), t, "weight");
}

const ggdm_guidance_kind ggdm_guidance_terms = {
    .kind = {.family = GGDM_FAMILY_GUIDANCE,
             .name = "terms",
             .implied = true,
             .help = "A list of terms: the general form.",
             GGDM_PARAMS(rows)},
    .emit = terms_emit};
