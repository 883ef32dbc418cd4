#include "worker/chain.h"

#include <math.h>
#include <stdlib.h>

#include "common/mem.h"
#include "worker/kinds.h"

ggdm_status ggdm_chain_create(const ggdm_item *sampler, const ggdm_noise_levels *levels,
                              ggdm_chain *out, ggdm_error *err)
{
    const ggdm_sampler_kind *kind = (const ggdm_sampler_kind *)sampler->kind;
    const int64_t steps = ggdm_item_whole(sampler, "steps");
    *out = (ggdm_chain){.steps = (int32_t)steps, .evaluations = kind->evaluations};
    if (steps < 1 || steps > levels->train_steps)
        return ggdm_item_fail(sampler, "steps", err,
                              "value '%lld', expected 1 to %d (num_train_timesteps of the model)",
                              (long long)steps, levels->train_steps);
    GGDM_TRY(ggdm_alloc(&out->step, (size_t)(steps * kind->evaluations), sizeof *out->step, err));
    return kind->chain(sampler, levels, out, err);
}

void ggdm_chain_deinit(ggdm_chain *chain)
{
    free(chain->step);
    chain->step = NULL;
}

ggdm_step ggdm_step_between(int32_t t, double bar, double bar_next)
{
    return (ggdm_step){.t = t,
                       .alpha_bar = bar,
                       .alpha_bar_next = bar_next,
                       .x0_x = (float)(1.0 / sqrt(bar)),
                       .x0_eps = (float)(-sqrt(1.0 - bar) / sqrt(bar))};
}

ggdm_step ggdm_step_euler(int32_t t, double bar, double bar_next, bool clip)
{
    ggdm_step s = ggdm_step_between(t, bar, bar_next);
    double sigma = sqrt((1.0 - bar) / bar), sigma_next = sqrt((1.0 - bar_next) / bar_next);
    s.mean_x = (float)sqrt(bar_next / bar);
    s.mean_eps = (float)(sqrt(bar_next) * (sigma_next - sigma));
    s.clip_x = (float)sqrt((1.0 - bar_next) / (1.0 - bar));
    s.clip_x0 = (float)(sqrt(bar_next) * (1.0 - sigma_next / sigma));
    s.clip = clip;
    return s;
}

const char *const ggdm_spacing_names[] = {"leading", "trailing", "linspace", NULL};

/* rint is half to even, as numpy's round; trailing is numpy's arange to the bit, whose increment is
 * the difference of its first two values. */
int32_t ggdm_timestep(int64_t spacing, int32_t i, int32_t n, int32_t T)
{
    const double first = T, second = first - first / n;
    switch (spacing) {
    case GGDM_TRAILING:
        return (int32_t)rint(first + i * (second - first)) - 1;
    case GGDM_LINSPACE:
        return n == 1 ? 0 : (int32_t)rint((n - 1 - i) * ((double)(T - 1) / (n - 1)));
    default:
        return (n - 1 - i) * (T / n);
    }
}

double ggdm_alpha_bar_at(const ggdm_noise_levels *levels, int64_t spacing, int32_t i, int32_t n)
{
    return i < n ? levels->alpha_bar[ggdm_timestep(spacing, i, n, levels->train_steps)] : 1.0;
}
