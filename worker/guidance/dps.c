/* Diffusion posterior sampling (Chung et al. 2023, Algorithm 1): the gradient of the distance at
 * x0-hat, through the network. */
#include "worker/guidance/preset.h"

/* 0.3: theirs for super-resolution and deblurring, with losses that are norms. */
static const ggdm_param rows[] = {
    GGDM_TERM_LOSS,
    GGDM_PRESET_WEIGHT(0.3),
    GGDM_PRESET_WINDOW,
};

static const ggdm_parts term = {
    .name = "dps", .rows = {{"loss", "loss"}, {"weight", "weight"}, {"window", "window"}}};
static const ggdm_parts terms = {.rows = {{"terms", .node = &term}}};

static ggdm_status dps_expand(const ggdm_catalogue *c, ggdm_arena *arena, const ggdm_item *preset,
                              ggdm_item **out, ggdm_error *err)
{
    return ggdm_preset_expand(c, arena, preset, &terms, out, err);
}

const ggdm_guidance_kind ggdm_guidance_dps = {
    .kind = {.family = GGDM_FAMILY_GUIDANCE,
             .name = "dps",
             .help = "Diffusion posterior sampling: the gradient through the network.",
             .equation = "x' <- x' - weight grad_xt loss(x0hat)",
             GGDM_PARAMS(rows),
             .expand = dps_expand}};
