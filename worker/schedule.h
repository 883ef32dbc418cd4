/* Noise schedule and the coefficients of every sampler step, computed in double.
 *
 * Notation (Ho et al. 2020; GGDM paper): alpha_t = 1 - beta_t, alpha_bar_t = product of alphas.
 * Timesteps are integers 0 .. T-1 as in diffusers (the paper's t is one more).  A chain with fewer
 * steps than T visits every (T / steps)-th timestep ("leading" spacing of diffusers) with
 * alpha_t = alpha_bar_t / alpha_bar_previous. */
#ifndef GGDM_WORKER_SCHEDULE_H
#define GGDM_WORKER_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"
#include "jobs/messages.h"

/* One sampler step from x_t to the next: all factors are plain numbers. */
typedef struct ggdm_step {
    int32_t t;              /* timestep given to the network */
    double alpha_bar;       /* at t */
    float x0_x, x0_eps;     /* x0-hat = x0_x x_t + x0_eps eps       (GGDM paper, eq. 4) */
    float mean_x, mean_eps; /* mean = mean_x x_t + mean_eps eps     (eq. 1) */
    float clip_x, clip_x0;  /* mean = clip_x x_t + clip_x0 clamp(x0-hat), where x0 is clipped */
    float sigma;            /* standard deviation of the noise; 0 at the last step */
} ggdm_step;

typedef struct ggdm_schedule {
    int32_t train_steps; /* T */
    int32_t steps;
    ggdm_step *step; /* [steps], in sampling order; owned */
} ggdm_schedule;

/** From scheduler_config.json text (diffusers; NULL: T = 1000, beta linear 1e-4 .. 0.02).
 *  where names the text in errors.
 *  Errors: GGDM_EINVAL with the field (what would make another chain than ours: a schedule,
 *  prediction type, spacing or number of steps that is not supported; a key that is not known),
 *  GGDM_EFORMAT, GGDM_ENOMEM. */
ggdm_status ggdm_schedule_create(const char *json, const char *where, int32_t steps,
                                 ggdm_variance variance, ggdm_schedule *out, ggdm_error *err);
void ggdm_schedule_deinit(ggdm_schedule *schedule);

/** T of such a text.  Errors: as above. */
ggdm_status ggdm_schedule_train_steps(const char *json, const char *where, int32_t *out,
                                      ggdm_error *err);

/* What a sweep makes of the sampler, and whether it says so or leaves it to the default. */
typedef struct ggdm_schedule_use {
    bool clip_x0, clip_given;
    ggdm_variance variance;
    bool variance_given;
} ggdm_schedule_use;

/** What a user should know of such a text: in *notes (owned; NULL: nothing) a line for what is
 *  assumed because it does not say it, and where a default of the sweep is not what it says.
 *  Errors: as above, also for what it says of clipping and the sweep's sampler does otherwise. */
ggdm_status ggdm_schedule_review(const char *json, const char *where, const ggdm_schedule_use *use,
                                 char **notes, ggdm_error *err);

#endif
