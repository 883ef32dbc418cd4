/* Loss guided diffusion, Monte Carlo (Song et al. 2023): DPS with the loss around x0-hat, whose
 * spread is that of the image given x_t, where images have variance 1. */
#include "worker/guidance/preset.h"

static const ggdm_param rows[] = {
    GGDM_TERM_LOSS,
    GGDM_PRESET_WEIGHT(1),
    GGDM_SMOOTHING_SAMPLES(10),
    {.key = "smoothing",
     .type = GGDM_PARAM_REAL,
     .lo = 0,
     .hi = INFINITY,
     .fallback = GGDM_REAL(1),
     .help = "Factor of the spread r = sqrt(1 - ab) of the points; 0 is dps."},
    GGDM_SMOOTHING_MEAN,
    GGDM_PRESET_WINDOW,
};

static const ggdm_parts smoothing = {
    .rows = {{"samples", "samples"}, {"deviation", "smoothing"}, {"mean", "mean"}}};
static const ggdm_parts term = {.name = "lgd",
                                .rows = {{"loss", "loss"},
                                         {"weight", "weight"},
                                         {"window", "window"},
                                         {"smoothing", .node = &smoothing}}};
static const ggdm_parts terms = {.rows = {{"terms", .node = &term}}};

static ggdm_status lgd_expand(const ggdm_catalogue *c, ggdm_arena *arena, const ggdm_item *preset,
                              ggdm_item **out, ggdm_error *err)
{
    return ggdm_preset_expand(c, arena, preset, &terms, out, err);
}

const ggdm_guidance_kind ggdm_guidance_lgd = {
    .kind = {.family = GGDM_FAMILY_GUIDANCE,
             .name = "lgd",
             .help = "Loss guided diffusion: the loss around x0-hat, as Monte Carlo.",
             .equation = "x' <- x' + weight grad_xt log mean_m exp(-loss(x0hat + r n_m))",
             GGDM_PARAMS(rows),
             .expand = lgd_expand}};
