/* FreeDoM (Yu et al. 2023), as they code it for large images: the gradient through the network, of
 * the length of eps, as a share of what ddpm subtracts of eps in the step; steps may be repeated
 * ("time travel"). */
#include "worker/guidance/preset.h"

static const ggdm_param rows[] = {
    GGDM_TERM_LOSS,
    GGDM_PRESET_WEIGHT(0.02),
    GGDM_PRESET_WINDOW,
    GGDM_PRESET_REPEATS,
};

static const ggdm_parts term = {.name = "freedom",
                                .rows = {{"loss", "loss"},
                                         {"weight", "weight"},
                                         {"schedule", .fixed = GGDM_WHOLE(GGDM_SCHEDULE_EPS)},
                                         {"window", "window"},
                                         {"norm", .fixed = GGDM_WHOLE(GGDM_NORM_EPS)}}};
static const ggdm_parts terms = {
    .rows = {{"terms", .node = &term}, {"recurrence", .node = &ggdm_preset_recurrence}}};

static ggdm_status freedom_expand(const ggdm_catalogue *c, ggdm_arena *arena,
                                  const ggdm_item *preset, ggdm_item **out, ggdm_error *err)
{
    return ggdm_preset_expand(c, arena, preset, &terms, out, err);
}

const ggdm_guidance_kind ggdm_guidance_freedom = {
    .kind = {.family = GGDM_FAMILY_GUIDANCE,
             .name = "freedom",
             .help = "FreeDoM: the gradient through the network, as long as eps says.",
             .equation = "x' <- x' - weight beta / sqrt(alpha (1 - ab)) ||eps|| g / ||g||, "
                         "g = grad_xt loss(x0hat)",
             GGDM_PARAMS(rows),
             .expand = freedom_expand}};
