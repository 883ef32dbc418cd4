/* Algorithm 1 of the GGDM paper: one term, whose weight is kappa and whose window the conditioning
 * duration. */
#include <math.h>

#include "worker/guidance/preset.h"

static const ggdm_param rows[] = {
    GGDM_TERM_GRADIENT,
    GGDM_TERM_LOSS,
    {.key = "kappa",
     .label = "κ",
     .type = GGDM_PARAM_REAL,
     .required = true,
     .lo = 0,
     .hi = INFINITY,
     .neutral = GGDM_REAL(0),
     .help = "Strength of the guidance."},
    {.key = "duration",
     .label = "t~",
     .type = GGDM_PARAM_WINDOW,
     .help = "Steps that are guided; the whole chain if absent."},
};

static const ggdm_parts term = {
    .name = "gradient",
    .rows = {
        {"loss", "loss"}, {"gradient", "gradient"}, {"weight", "kappa"}, {"window", "duration"}}};
static const ggdm_parts terms = {.rows = {{"terms", .node = &term}}};

static ggdm_status gradient_expand(const ggdm_catalogue *c, ggdm_arena *arena,
                                   const ggdm_item *preset, ggdm_item **out, ggdm_error *err)
{
    return ggdm_preset_expand(c, arena, preset, &terms, out, err);
}

const ggdm_guidance_kind ggdm_guidance_gradient = {
    .kind = {.family = GGDM_FAMILY_GUIDANCE,
             .name = "gradient",
             .help = "Algorithm 1 of the GGDM paper.",
             .equation = "x' <- x' - kappa grad loss(x0hat)",
             GGDM_PARAMS(rows),
             .expand = gradient_expand}};
