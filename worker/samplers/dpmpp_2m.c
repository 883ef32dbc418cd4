/* DPM-Solver++ (2M) (Lu et al. 2022, Algorithm 2): x0-hat is extrapolated over lambda =
 * log(sqrt(ab) / sqrt(1 - ab)) from that of the step before.  Where there is none, and in the last
 * step, where lambda' is infinite, it is of first order, which is ddim without noise. */
#include <math.h>

#include "worker/kinds.h"

static const ggdm_param rows[] = {
    GGDM_SAMPLER_STEPS,
    {.key = "order",
     .type = GGDM_PARAM_WHOLE,
     .structure = true,
     .lo = 1,
     .hi = 2,
     .fallback = GGDM_WHOLE(2),
     .help = "2 looks back at the step before; 1 does not and is ddim without noise."},
    GGDM_SAMPLER_SPACING(GGDM_LINSPACE),
    GGDM_SAMPLER_CLIP,
    GGDM_SAMPLER_OFFSET,
    GGDM_SAMPLER_RESPACING,
    GGDM_SAMPLER_THRESHOLDING};

static double lambda(double bar)
{
    return 0.5 * log(bar / (1.0 - bar));
}

static ggdm_status dpmpp_chain(const ggdm_item *sampler, const ggdm_noise_levels *levels,
                               ggdm_chain *out, ggdm_error *err)
{
    const bool second = ggdm_item_whole(sampler, "order") == 2;
    const int32_t n = out->steps;
    double h_before = 0;
    (void)err;
    for (int32_t i = 0; i < n; i++) {
        double bar = ggdm_alpha_bar_at(levels, out, i);
        double next = ggdm_alpha_bar_at(levels, out, i + 1);
        double h = lambda(next) - lambda(bar);
        ggdm_step *s = &out->step[i];
        *s = ggdm_step_between(s->t, bar, next);
        s->moved_x = (float)sqrt((1.0 - next) / (1.0 - bar));
        s->moved_x0 = (float)(-sqrt(next) * expm1(-h));
        s->x0_back = second && h_before > 0 && i + 1 < n ? (float)(0.5 * h / h_before) : 0.0f;
        h_before = h;
    }
    return GGDM_OK;
}

static bool dpmpp_step(const ggdm_chain *chain, int32_t step, int32_t tick,
                       const ggdm_item *sampler, ggdm_sampler_io *io)
{
    const ggdm_step *s = &chain->step[step];
    bool finite = true;
    (void)tick, (void)sampler;
    for (int64_t i = 0; i < io->n; i++) {
        float x0 = io->x0[i];
        io->kept[i] = x0;
        if (s->x0_back != 0.0f)
            x0 += s->x0_back * (x0 - io->history[i]);
        io->x[i] = s->moved_x * io->x[i] + s->moved_x0 * x0;
        finite = finite && isfinite(io->x[i]);
    }
    return finite;
}

static const ggdm_sampler_said said[] = {{"solver_order", "order", NULL},
                                         GGDM_SAID_SIGMAS,
                                         {"algorithm_type", NULL, "dpmsolver++"},
                                         {"solver_type", NULL, "midpoint"},
                                         {"final_sigmas_type", NULL, "zero"},
                                         {"use_lu_lambdas", NULL, "false"},
                                         {NULL}};

const ggdm_sampler_kind ggdm_sampler_dpmpp_2m = {
    .kind = {.family = GGDM_FAMILY_SAMPLER,
             .name = "dpmpp-2m",
             .help = "DPM-Solver++ of second order: good images in few steps, one evaluation each.",
             .equation = "x' = sqrt((1 - ab') / (1 - ab)) x - sqrt(ab') expm1(-h) (D + (D - D_old) "
                         "/ (2r))",
             GGDM_PARAMS(rows),
             .check = ggdm_sampler_check},
    .history = 1,
    .keeps = 1,
    .evaluations = 1,
    .scheduler = "DPMSolverMultistepScheduler",
    .said = said,
    .chain = dpmpp_chain,
    .step = dpmpp_step};
