/* Ancestral sampling (Ho et al. 2020; GGDM paper, eq. 1).
 *
 * A chain with fewer steps than the T of the model has alpha_t = alpha_bar_t / alpha_bar_next and
 * beta_t = 1 - alpha_t between the timesteps that it visits. */
#include <math.h>

#include "worker/kinds.h"
#include "worker/sampler.h"

enum { FIXED_LARGE, FIXED_SMALL, LEARNED_RANGE };
static const char *const variances[] = {"fixed_large", "fixed_small", "learned_range", NULL};

static const ggdm_param rows[] = {
    GGDM_SAMPLER_STEPS,
    {.key = "variance",
     .type = GGDM_PARAM_CHOICE,
     .structure = true,
     .choices = variances,
     .fallback = GGDM_WHOLE(FIXED_LARGE),
     .help = "Of the noise of a step: beta, the smaller one of the posterior, or between them as "
             "the network says, for each value of an image."},
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

/* Of the largest variance the least is the posterior's; in the last step, where that is 0, the one
 * of the step before, as in OpenAI's programs. */
static void learn_range(ggdm_chain *c)
{
    for (int32_t i = 0; i < c->steps; i++) {
        const ggdm_step *s = &c->step[i > 0 && i + 1 == c->steps ? i - 1 : i];
        const double beta = 1.0 - s->alpha_bar / s->alpha_bar_next;
        const double posterior = beta * (1.0 - s->alpha_bar_next) / (1.0 - s->alpha_bar);
        const double largest = c->step[i].variance;
        c->step[i].log_range = (float)log(fmin(fmax(posterior, 1e-20) / largest, 1.0));
    }
}

static ggdm_status ddpm_chain(const ggdm_item *sampler, const ggdm_noise_levels *levels,
                              ggdm_chain *out, ggdm_error *err)
{
    const bool small = ggdm_item_whole(sampler, "variance") == FIXED_SMALL;
    const bool learned = ggdm_item_whole(sampler, "variance") == LEARNED_RANGE;
    if (learned && !levels->variance)
        return ggdm_item_fail(sampler, "variance", err,
                              "value 'learned_range', expected fixed_large or fixed_small: the "
                              "model gives no variance (its out_channels are its in_channels)");
    for (int32_t i = 0; i < out->steps; i++)
        out->step[i] = step_between(out->step[i].t, ggdm_alpha_bar_at(levels, out, i),
                                    ggdm_alpha_bar_at(levels, out, i + 1), small);
    if (learned)
        learn_range(out);
    out->step[out->steps - 1].sigma = 0.0f;
    return GGDM_OK;
}

static bool ddpm_step(const ggdm_chain *chain, int32_t step, int32_t tick, const ggdm_item *sampler,
                      ggdm_sampler_io *io)
{
    ggdm_step s = chain->step[step];
    const float sigma = s.sigma;
    (void)tick, (void)sampler;
    if (io->range)
        s.sigma = 0.0f;
    bool finite = ggdm_step_linear(&s, io->x, io->eps, io->moved ? io->x0 : NULL, io->z, io->n);
    for (int64_t i = 0; io->range && sigma != 0.0f && i < io->n; i++) {
        io->x[i] += sigma * sqrtf(io->range[i]) * io->z[i];
        finite = finite && isfinite(io->x[i]);
    }
    return finite;
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
    .chain = ddpm_chain,
    .step = ddpm_step};
