/* Euler's method over sigma = sqrt((1 - ab) / ab), diffusers' EulerDiscreteScheduler without churn.
 * That keeps y = x / sqrt(ab), for which the network's eps is dy / dsigma; here x is kept
 * (docs/GUIDANCE.md, "Chains"). */
#include "worker/kinds.h"

static const ggdm_param rows[] = {GGDM_SAMPLER_STEPS,     GGDM_SAMPLER_SPACING(GGDM_LINSPACE),
                                  GGDM_SAMPLER_CLIP,      GGDM_SAMPLER_OFFSET,
                                  GGDM_SAMPLER_RESPACING, GGDM_SAMPLER_THRESHOLDING};

static ggdm_status euler_chain(const ggdm_item *sampler, const ggdm_noise_levels *levels,
                               ggdm_chain *out, ggdm_error *err)
{
    (void)sampler, (void)err;
    for (int32_t i = 0; i < out->steps; i++)
        out->step[i] = ggdm_step_euler(out->step[i].t, ggdm_alpha_bar_at(levels, out, i),
                                       ggdm_alpha_bar_at(levels, out, i + 1));
    return GGDM_OK;
}

static const ggdm_sampler_said said[] = {GGDM_SAID_SIGMAS,
                                         {"interpolation_type", NULL, "linear"},
                                         {"final_sigmas_type", NULL, "zero"},
                                         {"sigma_min", NULL, "null"},
                                         {"sigma_max", NULL, "null"},
                                         {NULL}};

const ggdm_sampler_kind ggdm_sampler_euler = {
    .kind = {.family = GGDM_FAMILY_SAMPLER,
             .name = "euler",
             .help = "Euler's method over the noise's share, without noise of its own.",
             .equation = "x' = sqrt(ab' / ab) x + sqrt(ab') (sqrt((1 - ab') / ab') - "
                         "sqrt((1 - ab) / ab)) eps",
             GGDM_PARAMS(rows),
             .check = ggdm_sampler_check},
    .evaluations = 1,
    .scheduler = "EulerDiscreteScheduler",
    .said = said,
    .chain = euler_chain};
