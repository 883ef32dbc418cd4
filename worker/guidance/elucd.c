/* EluCD (Ma et al. 2024): a classifier of clean images at x0-hat without the network's backward
 * pass, its logits at two temperatures, weighted by the step's variance and a sine over t. */
#include "worker/guidance/preset.h"

static const ggdm_param rows[] = {
    GGDM_CLASSIFIER_MODEL("A classifier of the images that the diffusion model makes.", NULL),
    GGDM_CLASSIFIER_TARGET,
    GGDM_PRESET_WEIGHT(1),
    {.key = "tau1",
     .type = GGDM_PARAM_REAL,
     .lo = 0,
     .hi = INFINITY,
     .fallback = GGDM_REAL(1),
     .help = "Factor of the target's logit."},
    {.key = "tau2",
     .type = GGDM_PARAM_REAL,
     .lo = 0,
     .hi = INFINITY,
     .fallback = GGDM_REAL(0.5),
     .help = "Factor of the logits in the sum over classes."},
    {.key = "gamma",
     .label = "γ",
     .type = GGDM_PARAM_REAL,
     .lo = 0,
     .hi = INFINITY,
     .fallback = GGDM_REAL(0.3),
     .help = "Share of the weight that follows the sine."},
    GGDM_PRESET_WINDOW,
};

static const ggdm_parts loss = {.kind = "classifier",
                                .rows = {{"model", "model"},
                                         {"form", .fixed = GGDM_WHOLE(GGDM_FORM_ELUCD)},
                                         {"target", "target"},
                                         {"tau1", "tau1"},
                                         {"tau2", "tau2"}}};
static const ggdm_parts variance = {.name = "variance",
                                    .rows = {{"loss", .node = &loss},
                                             {"gradient", .fixed = GGDM_WHOLE(GGDM_X0)},
                                             {"apply", .fixed = GGDM_WHOLE(GGDM_APPLY_MEAN)},
                                             {"weight", "weight"},
                                             {"window", "window"}}};
static const ggdm_parts sine = {.name = "sine",
                                .rows = {{"loss", .node = &loss},
                                         {"gradient", .fixed = GGDM_WHOLE(GGDM_X0)},
                                         {"weight", "weight", .times = "gamma"},
                                         {"schedule", .fixed = GGDM_WHOLE(GGDM_SCHEDULE_SINE)},
                                         {"window", "window"}}};
static const ggdm_parts terms = {.rows = {{"terms", .node = &variance}, {"terms", .node = &sine}}};

static ggdm_status elucd_expand(const ggdm_catalogue *c, ggdm_arena *arena, const ggdm_item *preset,
                                ggdm_item **out, ggdm_error *err)
{
    return ggdm_preset_expand(c, arena, preset, &terms, out, err);
}

const ggdm_guidance_kind ggdm_guidance_elucd = {
    .kind = {.family = GGDM_FAMILY_GUIDANCE,
             .name = "elucd",
             .help = "A plain classifier at x0-hat, its logits at two temperatures.",
             .equation = "x' <- x' + weight (Sigma + gamma max Sigma sin(pi t / T)) "
                         "grad (tau1 logit_target - log sum exp(tau2 logit))(x0hat)",
             GGDM_PARAMS(rows),
             .scorer = "classifier",
             .measure = "guide",
             .expand = elucd_expand}};
