/* The chain of a sampler: which timesteps it visits and the coefficients of every step, computed in
 * double (docs/GUIDANCE.md, "Chains").
 *
 * Notation: alpha_bar_t = product of (1 - beta).  Timesteps are integers 0 .. T-1 as in diffusers.
 */
#ifndef GGDM_WORKER_CHAIN_H
#define GGDM_WORKER_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"
#include "jobs/item.h"
#include "worker/schedules.h"

/* What scheduler_config.json says of the noise. */
typedef struct ggdm_noise_levels {
    int32_t train_steps; /* T */
    double *alpha_bar;   /* [T], owned */
    bool variance;       /* the network gives a variance, too; whoever knows it sets it */
} ggdm_noise_levels;

/* One sampler step from x_t to the next: all factors are plain numbers. */
typedef struct ggdm_step {
    int32_t t;                          /* timestep given to the network */
    double alpha_bar;                   /* at t */
    double alpha_bar_next;              /* at the next; 1 behind the last */
    float x0_x, x0_eps;                 /* x0-hat = x0_x x_t + x0_eps eps */
    float mean_x, mean_eps;             /* mean = mean_x x_t + mean_eps eps */
    float moved_x, moved_x0, moved_eps; /* mean = moved_x x_t + moved_x0 x0 + moved_eps eps, where
                                           x0 is not x0-hat (clipped, or moved by a guidance) */
    float x0_back;                      /* of multistep solvers: what D moves by, beyond x0-hat, for
                                           each unit that x0-hat moved since the step before */
    float sigma;                        /* standard deviation of the noise; 0: none is drawn */
    float variance;                   /* Sigma, of a step as a distribution: also where its noise is
                                         left out, as in the last */
    float schedule[GGDM_N_SCHEDULES]; /* what weights are multiplied by (worker/schedules.h) */
    float log_range; /* of variances that a network chooses in: log(least / largest), the largest
                        being `variance`; 0: it does not */
    bool idle;       /* the step is done already: nothing is evaluated here */
} ggdm_step;

/* What becomes of x0-hat before a step. */
typedef struct ggdm_limit {
    bool clip;          /* to [-1, 1] */
    bool threshold;     /* instead of it (worker/threshold.h) */
    double ratio, most; /* of that */
} ggdm_limit;

typedef struct ggdm_chain {
    int32_t steps;
    int32_t evaluations; /* ticks of a step: the sampler kind's */
    ggdm_limit limit;
    ggdm_step *step; /* [steps, evaluations], in sampling order: a row a tick; owned */
} ggdm_chain;

/** The chain of a sampler item (GGDM_FAMILY_SAMPLER) over these noise levels.
 *  *out is owned: ggdm_chain_deinit (safe after an error).
 *  Errors: GGDM_EINVAL at the row that does not fit (more steps than timesteps), GGDM_ENOMEM. */
ggdm_status ggdm_chain_create(const ggdm_item *sampler, const ggdm_noise_levels *levels,
                              ggdm_chain *out, ggdm_error *err);
void ggdm_chain_deinit(ggdm_chain *chain);

/** What every sampler's step says of noise levels: t, alpha_bar and x0-hat; all else is 0. */
ggdm_step ggdm_step_between(int32_t t, double alpha_bar, double alpha_bar_next);

/** A step without noise along a straight line over sigma = sqrt((1 - ab) / ab), in both forms of
 *  the mean (docs/GUIDANCE.md, "Chains": euler). */
ggdm_step ggdm_step_euler(int32_t t, double alpha_bar, double alpha_bar_next);

#endif
