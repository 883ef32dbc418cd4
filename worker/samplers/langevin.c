/* Annealed Langevin dynamics (Song and Ermon 2019, Algorithm 1) in the form of McAllester's TTIC
 * 31230 notes, z' = z + eta (grad ln P_t(z) + s grad ln P(x given z)): docs/GUIDANCE.md, "Chains".
 *
 * Steps are at levels, per_level of them at each.  z = x / sqrt(ab) is what stays from one level to
 * the next: the means of a mixture are in their places then, whatever the level. */
#include <math.h>

#include "worker/kinds.h"

static const ggdm_param rows[] = {
    GGDM_SAMPLER_STEPS,
    {.key = "per_level",
     .type = GGDM_PARAM_WHOLE,
     .structure = true,
     .lo = 1,
     .hi = 1000,
     .fallback = GGDM_WHOLE(5),
     .help = "Steps at one timestep, the last of those that so many steps would visit."},
    {.key = "eta",
     .label = "η",
     .type = GGDM_PARAM_REAL,
     .lo = 0,
     .hi = 1,
     .above = true,
     .fallback = GGDM_REAL(0.2),
     .help = "Length of a step, over the variance of the level's noise."},
    {.key = "noise",
     .type = GGDM_PARAM_REAL,
     .lo = 0,
     .hi = 1,
     .fallback = GGDM_REAL(1),
     .help = "Share of the noise: 1 draws from the distribution, 0 climbs to its peaks."},
    GGDM_SAMPLER_SPACING(GGDM_LEADING),
    GGDM_SAMPLER_CLIP,
    GGDM_SAMPLER_OFFSET,
    GGDM_SAMPLER_RESPACING,
    GGDM_SAMPLER_THRESHOLDING,
};

/* All steps of a level at its last timestep, so that the chain ends where it would. */
static void gather(ggdm_chain *out, int32_t per_level)
{
    for (int32_t i = 0; i < out->steps; i++) {
        const int32_t last = i - i % per_level + per_level - 1;
        out->step[i].t = out->step[last < out->steps ? last : out->steps - 1].t;
    }
}

/* Sigma, by which a shift of the mean is multiplied, is eta (1 - ab), which the score has in the
 * mean: so s grad ln P(y given x) there is what it is beside the score. */
static ggdm_step step_between(int32_t t, double bar, double bar_next, double eta)
{
    ggdm_step s = ggdm_step_between(t, bar, bar_next);
    const double stays = sqrt(bar_next / bar);
    s.mean_x = (float)stays;
    s.mean_eps = (float)(-stays * eta * sqrt(1.0 - bar));
    s.moved_x = (float)(stays * (1.0 - eta));
    s.moved_x0 = (float)(eta * sqrt(bar_next));
    s.variance = (float)(stays * eta * (1.0 - bar));
    s.sigma = (float)(stays * sqrt(2.0 * eta * (1.0 - bar)));
    return s;
}

static ggdm_status langevin_chain(const ggdm_item *sampler, const ggdm_noise_levels *levels,
                                  ggdm_chain *out, ggdm_error *err)
{
    const double eta = ggdm_item_real(sampler, "eta");
    const float noise = (float)ggdm_item_real(sampler, "noise");
    const int64_t per_level = ggdm_item_whole(sampler, "per_level");
    if (per_level > out->steps)
        return ggdm_item_fail(sampler, "per_level", err,
                              "value '%lld' of per_level, expected at most steps, %d",
                              (long long)per_level, out->steps);
    gather(out, (int32_t)per_level);
    for (int32_t i = 0; i < out->steps; i++) {
        const bool last = i == out->steps - 1; /* x0-hat, as the other samplers end */
        out->step[i] = step_between(out->step[i].t, ggdm_alpha_bar_at(levels, out, i),
                                    ggdm_alpha_bar_at(levels, out, i + 1), last ? 1 : eta);
        out->step[i].sigma *= last ? 0 : noise;
    }
    return GGDM_OK;
}

static const ggdm_sampler_said said[] = {{NULL}};

const ggdm_sampler_kind ggdm_sampler_langevin = {
    .kind = {.family = GGDM_FAMILY_SAMPLER,
             .name = "langevin",
             .help = "Annealed Langevin dynamics: steps along the score, several at each level of "
                     "noise.",
             .equation = "x' = sqrt(ab' / ab) (x + eta (1 - ab) score + sqrt(2 eta (1 - ab)) z)",
             GGDM_PARAMS(rows)},
    .noises = 1,
    .evaluations = 1,
    .said = said,
    .chain = langevin_chain};
