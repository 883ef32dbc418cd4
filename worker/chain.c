#include "worker/chain.h"

#include <math.h>
#include <stdlib.h>

#include "common/mem.h"
#include "worker/kinds.h"
#include "worker/schedules.h"
#include "worker/timesteps.h"

static ggdm_limit limit_of(const ggdm_item *sampler)
{
    if (!ggdm_item_value(sampler, "clip_x0")) /* has none of these rows */
        return (ggdm_limit){.clip = false};
    return (ggdm_limit){.clip = ggdm_item_flag(sampler, "clip_x0"),
                        .threshold = ggdm_item_flag(sampler, "thresholding"),
                        .ratio = ggdm_item_real(sampler, "dynamic_thresholding_ratio"),
                        .most = ggdm_item_real(sampler, "sample_max_value")};
}

/* One limit, and what belongs to it. */
ggdm_status ggdm_sampler_check(const ggdm_item *sampler, ggdm_error *err)
{
    static const char *const needing[] = {"dynamic_thresholding_ratio", "sample_max_value"};
    const bool threshold = ggdm_item_flag(sampler, "thresholding");
    if (threshold && ggdm_item_flag(sampler, "clip_x0"))
        return ggdm_item_fail(sampler, "clip_x0", err,
                              "value 'true', expected false with thresholding, which is a limit of "
                              "its own");
    for (int i = 0; i < 2; i++)
        if (!threshold && ggdm_item_value(sampler, needing[i])->set)
            return ggdm_item_fail(sampler, needing[i], err, "expected thresholding: true with it");
    return GGDM_OK;
}

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
    out->limit = limit_of(sampler);
    GGDM_TRY(ggdm_timesteps(sampler, levels, out, err));
    GGDM_TRY(kind->chain(sampler, levels, out, err));
    for (int32_t i = 1; i <= kind->spared; i++)
        out->step[steps * kind->evaluations - i].idle = true;
    ggdm_schedules_fill(levels->train_steps, out);
    return GGDM_OK;
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

ggdm_step ggdm_step_euler(int32_t t, double bar, double bar_next)
{
    ggdm_step s = ggdm_step_between(t, bar, bar_next);
    double sigma = sqrt((1.0 - bar) / bar), sigma_next = sqrt((1.0 - bar_next) / bar_next);
    s.mean_x = (float)sqrt(bar_next / bar);
    s.mean_eps = (float)(sqrt(bar_next) * (sigma_next - sigma));
    s.moved_x = (float)sqrt((1.0 - bar_next) / (1.0 - bar));
    s.moved_x0 = (float)(sqrt(bar_next) * (1.0 - sigma_next / sigma));
    return s;
}
