/* Universal guidance (Bansal et al. 2023, Algorithm 1): forward, eps moves along the gradient
 * through the network; backward, x0-hat of that eps goes down the loss, and eps follows; steps are
 * repeated. */
#include "worker/guidance/preset.h"

static const ggdm_param rows[] = {
    GGDM_TERM_LOSS,
    GGDM_PRESET_WEIGHT(1),
    {.key = "backward",
     .type = GGDM_PARAM_REAL,
     .lo = 0,
     .hi = INFINITY,
     .fallback = GGDM_REAL(1),
     .help = "Steps of the backward part, over the weight; 0: there is none."},
    {.key = "iterations",
     .type = GGDM_PARAM_WHOLE,
     .structure = true,
     .lo = 1,
     .hi = 16,
     .fallback = GGDM_WHOLE(4),
     .help = "Steps of the backward part."},
    GGDM_PRESET_WINDOW,
    GGDM_PRESET_REPEATS,
};

static const ggdm_parts forward = {.name = "forward",
                                   .rows = {{"loss", "loss"},
                                            {"apply", .fixed = GGDM_WHOLE(GGDM_APPLY_EPS)},
                                            {"weight", "weight"},
                                            {"window", "window"}}};
static const ggdm_parts backward = {.name = "backward",
                                    .rows = {{"loss", "loss"},
                                             {"gradient", .fixed = GGDM_WHOLE(GGDM_X0)},
                                             {"apply", .fixed = GGDM_WHOLE(GGDM_APPLY_X0_EPS)},
                                             {"weight", "weight", .times = "backward"},
                                             {"window", "window"},
                                             {"iterations", "iterations"}}};
static const ggdm_parts terms = {.rows = {{"terms", .node = &forward},
                                          {"terms", .node = &backward},
                                          {"recurrence", .node = &ggdm_preset_recurrence}}};

static ggdm_status universal_expand(const ggdm_catalogue *c, ggdm_arena *arena,
                                    const ggdm_item *preset, ggdm_item **out, ggdm_error *err)
{
    return ggdm_preset_expand(c, arena, preset, &terms, out, err);
}

const ggdm_guidance_kind ggdm_guidance_universal = {
    .kind = {.family = GGDM_FAMILY_GUIDANCE,
             .name = "universal",
             .help = "Universal guidance: eps moves forward, x0-hat backward.",
             .equation = "eps <- eps + weight sqrt(1 - ab) grad_xt loss(x0hat); "
                         "x0hat <- x0hat - weight backward grad loss(x0hat), eps follows",
             GGDM_PARAMS(rows),
             .expand = universal_expand}};
