/* Denoising diffusion implicit models (Song et al. 2021): docs/GUIDANCE.md, "Chains".  The next
 * timestep of a step is the one that the chain visits next, and alpha_bar is 1 behind the last. */
#include <math.h>

#include "worker/kinds.h"

static const ggdm_param rows[] = {
    GGDM_SAMPLER_STEPS,
    {.key = "eta",
     .label = "η",
     .type = GGDM_PARAM_REAL,
     .lo = 0,
     .hi = 1,
     .fallback = GGDM_REAL(0),
     .help = "Share of ddpm's noise: 0 draws none, 1 is ddpm with the smaller noise."},
    GGDM_SAMPLER_SPACING(GGDM_LEADING),
    {.key = "clip_x0",
     .type = GGDM_PARAM_FLAG,
     .structure = true,
     .fallback = GGDM_WHOLE(false),
     .help = "Whether x0-hat is clipped to the range of images; eps stays as it is."},
    {.key = "eps_follows_x0",
     .type = GGDM_PARAM_FLAG,
     .structure = true,
     .fallback = GGDM_WHOLE(false),
     .help = "Whether eps follows an x0-hat that is clipped or moved, as with the other samplers "
             "(use_clipped_model_output of diffusers); best with guidance that moves eps."},
    GGDM_SAMPLER_OFFSET,
    GGDM_SAMPLER_RESPACING,
    GGDM_SAMPLER_THRESHOLDING,
};

static ggdm_step step_between(int32_t t, double bar, double bar_next, double eta, bool follows)
{
    ggdm_step s = ggdm_step_between(t, bar, bar_next);
    double posterior = (1.0 - bar_next) / (1.0 - bar) * (1.0 - bar / bar_next);
    double sigma = eta * sqrt(posterior);
    double direction = sqrt(fmax(1.0 - bar_next - sigma * sigma, 0.0));
    s.mean_x = (float)(sqrt(bar_next) / sqrt(bar));
    s.mean_eps = (float)(direction - sqrt(bar_next) * sqrt(1.0 - bar) / sqrt(bar));
    s.moved_x0 = (float)sqrt(bar_next);
    s.moved_eps = (float)direction;
    if (follows) { /* eps = (x - sqrt(ab) x0) / sqrt(1 - ab) */
        s.moved_x = (float)(direction / sqrt(1.0 - bar));
        s.moved_x0 = (float)(sqrt(bar_next) - direction * sqrt(bar) / sqrt(1.0 - bar));
        s.moved_eps = 0;
    }
    s.variance = (float)(sigma * sigma);
    s.sigma = (float)sigma;
    return s;
}

static ggdm_status ddim_chain(const ggdm_item *sampler, const ggdm_noise_levels *levels,
                              ggdm_chain *out, ggdm_error *err)
{
    const double eta = ggdm_item_real(sampler, "eta");
    const bool follows = ggdm_item_flag(sampler, "eps_follows_x0");
    (void)err;
    for (int32_t i = 0; i < out->steps; i++)
        out->step[i] = step_between(out->step[i].t, ggdm_alpha_bar_at(levels, out, i),
                                    ggdm_alpha_bar_at(levels, out, i + 1), eta, follows);
    return GGDM_OK;
}

static bool ddim_draws(const ggdm_item *sampler)
{
    return ggdm_item_real(sampler, "eta") > 0;
}

static const ggdm_sampler_said said[] = {{"set_alpha_to_one", NULL, "true"}, {NULL}};

const ggdm_sampler_kind ggdm_sampler_ddim = {
    .kind = {.family = GGDM_FAMILY_SAMPLER,
             .name = "ddim",
             .help = "Implicit sampling: good images in fewer steps, without noise where eta is 0.",
             .equation = "x' = sqrt(ab') x0hat + sqrt(1 - ab' - sigma^2) eps + sigma z",
             GGDM_PARAMS(rows),
             .check = ggdm_sampler_check},
    .noises = 1,
    .evaluations = 1,
    .scheduler = "DDIMScheduler",
    .said = said,
    .draws = ddim_draws,
    .chain = ddim_chain};
