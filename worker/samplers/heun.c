/* Heun's method over sigma = sqrt((1 - ab) / ab): Karras et al. 2022, Algorithm 1, without churn.
 *
 * The first tick makes Euler's step and looks there again, the second takes the mean of both eps.
 * What is kept between them is the half of the step that is known; it is what shifts act on, so the
 * second eps is that of the step without guidance.  The last step, to sigma = 0 where there is no
 * second place to look at, is Euler's. */
#include <math.h>

#include "worker/kinds.h"
#include "worker/sampler.h"

static const ggdm_param rows[] = {GGDM_SAMPLER_STEPS,     GGDM_SAMPLER_SPACING(GGDM_LINSPACE),
                                  GGDM_SAMPLER_CLIP,      GGDM_SAMPLER_OFFSET,
                                  GGDM_SAMPLER_RESPACING, GGDM_SAMPLER_THRESHOLDING};

static ggdm_status heun_chain(const ggdm_item *sampler, const ggdm_noise_levels *levels,
                              ggdm_chain *out, ggdm_error *err)
{
    const int32_t n = out->steps;
    (void)sampler, (void)err;
    for (int32_t i = 0; i < n; i++) {
        const int32_t next = i + 1 < n ? i + 1 : i;
        ggdm_step *s = &out->step[2 * i];
        s[0] = ggdm_step_euler(s->t, ggdm_alpha_bar_at(levels, out, i),
                               ggdm_alpha_bar_at(levels, out, i + 1));
        s[1] = ggdm_step_between(out->step[2 * next].t, ggdm_alpha_bar_at(levels, out, next),
                                 s->alpha_bar_next);
        s[1].mean_eps = 0.5f * s[0].mean_eps;
    }
    return GGDM_OK;
}

/* The eps of element i; where x0-hat was moved, the one that goes with it. */
static float eps_of(const ggdm_step *s, const ggdm_sampler_io *io, int64_t i)
{
    float x = io->x[i], eps = io->eps[i];
    if (!io->moved || io->x0[i] == s->x0_x * x + s->x0_eps * eps)
        return eps;
    return (io->x0[i] - s->x0_x * x) / s->x0_eps;
}

static bool heun_step(const ggdm_chain *chain, int32_t step, int32_t tick, const ggdm_item *sampler,
                      ggdm_sampler_io *io)
{
    const ggdm_step *s = &chain->step[2 * step], *second = s + 1;
    bool finite = true;
    (void)sampler;
    if (second->idle)
        return ggdm_step_linear(s, io->x, io->eps, io->moved ? io->x0 : NULL, io->z, io->n);
    if (tick == 0)
        io->shifted = io->kept;
    for (int64_t i = 0; i < io->n; i++) {
        float eps = eps_of(&s[tick], io, i);
        if (tick == 0) {
            float x = s->mean_x * io->x[i];
            io->kept[i] = x + second->mean_eps * eps;
            io->x[i] = x + s->mean_eps * eps;
        } else {
            io->x[i] = io->kept[i] + second->mean_eps * eps;
        }
        finite = finite && isfinite(io->x[i]);
    }
    return finite;
}

static const ggdm_sampler_said said[] = {GGDM_SAID_SIGMAS, {NULL}};

const ggdm_sampler_kind ggdm_sampler_heun = {
    .kind = {.family = GGDM_FAMILY_SAMPLER,
             .name = "heun",
             .help = "Heun's method, of second order: two evaluations a step, the last step one.",
             .equation = "x' = sqrt(ab' / ab) x + sqrt(ab') (sqrt((1 - ab') / ab') - "
                         "sqrt((1 - ab) / ab)) (eps + eps') / 2",
             GGDM_PARAMS(rows),
             .check = ggdm_sampler_check},
    .keeps = 1,
    .evaluations = 2,
    .spared = 1,
    .scheduler = "HeunDiscreteScheduler",
    .said = said,
    .chain = heun_chain,
    .step = heun_step};
