/* Manifold preserving guided diffusion (He et al. 2024) without a decoder: a step down the loss
 * from x0-hat, which the network's backward pass is not needed for. */
#include "worker/guidance/preset.h"

static const ggdm_param rows[] = {
    GGDM_TERM_LOSS,
    GGDM_PRESET_WEIGHT(1),
    GGDM_PRESET_WINDOW,
};

static const ggdm_parts term = {.name = "mpgd",
                                .rows = {{"loss", "loss"},
                                         {"gradient", .fixed = GGDM_WHOLE(GGDM_X0)},
                                         {"apply", .fixed = GGDM_WHOLE(GGDM_APPLY_X0)},
                                         {"weight", "weight"},
                                         {"window", "window"}}};
static const ggdm_parts terms = {.rows = {{"terms", .node = &term}}};

static ggdm_status mpgd_expand(const ggdm_catalogue *c, ggdm_arena *arena, const ggdm_item *preset,
                               ggdm_item **out, ggdm_error *err)
{
    return ggdm_preset_expand(c, arena, preset, &terms, out, err);
}

const ggdm_guidance_kind ggdm_guidance_mpgd = {
    .kind = {.family = GGDM_FAMILY_GUIDANCE,
             .name = "mpgd",
             .help = "Manifold preserving guided diffusion: x0-hat itself goes down the loss.",
             .equation = "x0hat <- x0hat - weight grad loss(x0hat)",
             GGDM_PARAMS(rows),
             .expand = mpgd_expand}};
