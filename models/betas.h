/* The noise schedules of diffusion models that are supported, computed in double. */
#ifndef GGDM_MODELS_BETAS_H
#define GGDM_MODELS_BETAS_H

#include <stdint.h>

typedef enum ggdm_beta_schedule {
    GGDM_BETAS_LINEAR,       /* beta_t linear in t (Ho et al. 2020) */
    GGDM_BETAS_SCALED_LINEAR /* sqrt(beta_t) linear in t (latent diffusion) */
} ggdm_beta_schedule;

/** alpha_bar[t] = product of 1 - beta_s over s = 0 .. t, for t = 0 .. n - 1; beta goes from first
 *  to last. */
void ggdm_alpha_bar(ggdm_beta_schedule schedule, double first, double last, int32_t n,
                    double *alpha_bar);

#endif
