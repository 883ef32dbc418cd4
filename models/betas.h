/* The noise schedules of diffusion models that are supported, computed in double. */
#ifndef GGDM_MODELS_BETAS_H
#define GGDM_MODELS_BETAS_H

#include <stdint.h>

typedef enum ggdm_beta_schedule {
    GGDM_BETAS_LINEAR,        /* beta_t linear in t (Ho et al. 2020) */
    GGDM_BETAS_SCALED_LINEAR, /* sqrt(beta_t) linear in t (latent diffusion) */
    GGDM_BETAS_SQUAREDCOS,    /* alpha_bar_t a squared cosine, beta_t at most 0.999 (Nichol and
                                 Dhariwal 2021); has no first and last beta */
    GGDM_BETAS_SIGMOID        /* beta_t a sigmoid over -6 .. 6 (GeoDiff) */
} ggdm_beta_schedule;

/* By ggdm_beta_schedule, as scheduler_config.json has them; NULL at the end. */
extern const char *const ggdm_beta_schedules[];

/** alpha_bar[t] = product of 1 - beta_s over s = 0 .. t, for t = 0 .. n - 1; beta goes from first
 *  to last. */
void ggdm_alpha_bar(ggdm_beta_schedule schedule, double first, double last, int32_t n,
                    double *alpha_bar);

/** The same of betas that are given one by one. */
void ggdm_alpha_bar_trained(const double *beta, int32_t n, double *alpha_bar);

/** Rescale alpha_bar [n], n > 1, so that the last timestep is noise alone (Lin et al. 2023,
 * Algorithm 1): its roots are moved and stretched, the first stays.  None falls below 2^-24. */
void ggdm_alpha_bar_zero_snr(int32_t n, double *alpha_bar);

#endif
