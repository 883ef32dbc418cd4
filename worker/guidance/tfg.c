/* Training-free guidance (Ye et al. 2024, Algorithm 1): a gradient through the network and one at
 * x0-hat, both of the loss around it, both with strengths that grow as noise goes. */
#include "worker/guidance/preset.h"

static const ggdm_param rows[] = {
    GGDM_TERM_LOSS,
    {.key = "rho",
     .label = "ρ",
     .type = GGDM_PARAM_REAL,
     .lo = 0,
     .hi = INFINITY,
     .fallback = GGDM_REAL(1),
     .help = "Strength of the gradient through the network."},
    {.key = "mu",
     .label = "μ",
     .type = GGDM_PARAM_REAL,
     .lo = 0,
     .hi = INFINITY,
     .fallback = GGDM_REAL(1),
     .help = "Strength of the gradient at x0-hat."},
    {.key = "smoothing",
     .type = GGDM_PARAM_REAL,
     .lo = 0,
     .hi = INFINITY,
     .fallback = GGDM_REAL(0.01),
     .help = "Spread of the points at which the loss is taken, times sqrt(1 - ab)."},
    GGDM_SMOOTHING_SAMPLES(4),
    {.key = "iterations",
     .type = GGDM_PARAM_WHOLE,
     .structure = true,
     .lo = 1,
     .hi = 16,
     .fallback = GGDM_WHOLE(1),
     .help = "Steps down the loss from x0-hat."},
    {.key = "schedule",
     .type = GGDM_PARAM_CHOICE,
     .structure = true,
     .choices = ggdm_schedule_names,
     .fallback = GGDM_WHOLE(GGDM_SCHEDULE_INCREASING),
     .help = "What both strengths are multiplied by in each step."},
    GGDM_PRESET_WINDOW,
    GGDM_PRESET_REPEATS,
};

static const ggdm_parts smoothing = {.rows = {{"samples", "samples"}, {"deviation", "smoothing"}}};
static const ggdm_parts variance = {.name = "variance",
                                    .rows = {{"loss", "loss"},
                                             {"clamp", .fixed = GGDM_WHOLE(true)},
                                             {"apply", .fixed = GGDM_WHOLE(GGDM_APPLY_CURRENT)},
                                             {"weight", "rho"},
                                             {"schedule", "schedule"},
                                             {"window", "window"},
                                             {"smoothing", .node = &smoothing}}};
static const ggdm_parts mean = {.name = "mean",
                                .rows = {{"loss", "loss"},
                                         {"clamp", .fixed = GGDM_WHOLE(true)},
                                         {"gradient", .fixed = GGDM_WHOLE(GGDM_X0)},
                                         {"apply", .fixed = GGDM_WHOLE(GGDM_APPLY_X0)},
                                         {"weight", "mu"},
                                         {"schedule", "schedule"},
                                         {"window", "window"},
                                         {"smoothing", .node = &smoothing},
                                         {"iterations", "iterations"}}};
static const ggdm_parts terms = {.rows = {{"terms", .node = &variance},
                                          {"terms", .node = &mean},
                                          {"recurrence", .node = &ggdm_preset_recurrence}}};

static ggdm_status tfg_expand(const ggdm_catalogue *c, ggdm_arena *arena, const ggdm_item *preset,
                              ggdm_item **out, ggdm_error *err)
{
    return ggdm_preset_expand(c, arena, preset, &terms, out, err);
}

const ggdm_guidance_kind ggdm_guidance_tfg = {
    .kind = {.family = GGDM_FAMILY_GUIDANCE,
             .name = "tfg",
             .help = "Training-free guidance: through the network and at x0-hat, both smoothed.",
             .equation = "x' <- x' - rho grad_xt F(x0hat) / sqrt(alpha); "
                         "x0hat <- x0hat - mu grad F(x0hat)",
             GGDM_PARAMS(rows),
             .expand = tfg_expand}};
