/* Ancestral sampling (Ho et al. 2020; GGDM paper, eq. 1).
 *
 * A chain with fewer steps than the T of the model has alpha_t = alpha_bar_t / alpha_bar_next and
 * beta_t = 1 - alpha_t between the timesteps that it visits. */
#include <math.h>

#include "worker/kinds.h"

enum { FIXED_LARGE, FIXED_SMALL };
static const char *const variances[] = {"fixed_large", "fixed_small", NULL};

static const ggdm_param rows[] = {
    GGDM_SAMPLER_STEPS,
    {.key = "variance",
     .type = GGDM_PARAM_CHOICE,
     .structure = true,
     .choices = variances,
     .fallback = GGDM_WHOLE(FIXED_LARGE),
     .help = "Of the noise of a step: beta, or the smaller one of the posterior."},
    {.key = "clip_x0",
     .type = GGDM_PARAM_FLAG,
     .structure = true,
     .fallback = GGDM_WHOLE(false),
     .help = "Whether x0-hat is clipped to the range of images."},
    GGDM_SAMPLER_SPACING(GGDM_LEADING),
    GGDM_SAMPLER_OFFSET,
    GGDM_SAMPLER_RESPACING,
    GGDM_SAMPLER_THRESHOLDING,
};

static ggdm_step step_between(int32_t t, double bar, double bar_next, bool small)
{
    ggdm_step s = ggdm_step_between(t, bar, bar_next);
    double alpha = bar / bar_next, beta = 1.0 - alpha;
    double posterior = beta * (1.0 - bar_next) / (1.0 - bar);
    s.mean_x = (float)(1.0 / sqrt(alpha));
    s.mean_eps = (float)(-beta / (sqrt(1.0 - bar) * sqrt(alpha)));
    s.moved_x = (float)(sqrt(alpha) * (1.0 - bar_next) / (1.0 - bar));
    s.moved_x0 = (float)(sqrt(bar_next) * beta / (1.0 - bar));
    s.variance = (float)(small ? fmax(posterior, 1e-20) : beta);
    s.sigma = (float)sqrt(small ? fmax(posterior, 1e-20) : beta);
    return s;
}

static ggdm_status ddpm_chain(const ggdm_item *sampler, const ggdm_noise_levels *levels,
                              ggdm_chain *out, ggdm_error *err)
{
    const bool small = ggdm_item_whole(sampler, "variance") == FIXED_SMALL;
    (void)err;
    for (int32_t i = 0; i < out->steps; i++)
        out->step[i] = step_between(out->step[i].t, ggdm_alpha_bar_at(levels, out, i),
                                    ggdm_alpha_bar_at(levels, out, i + 1), small);
    out->step[out->steps - 1].sigma = 0.0f;
    return GGDM_OK;
}

static const ggdm_sampler_said said[] = {{"variance_type", "variance", NULL}, {NULL}};

const ggdm_sampler_kind ggdm_sampler_ddpm = {
    .kind = {.family = GGDM_FAMILY_SAMPLER,
             .name = "ddpm",
             .standard = true,
             .help = "Ancestral sampling, as the model was trained.",
             .equation = "x' = (x - beta / sqrt(1 - ab) eps) / sqrt(alpha) + sigma z",
             GGDM_PARAMS(rows),
             .check = ggdm_sampler_check},
    .noises = 1,
    .evaluations = 1,
    .scheduler = "DDPMScheduler",
    .said = said,
    .chain = ddpm_chain};
