#include "models/betas.h"

#include <math.h>
#include <stddef.h>

const char *const ggdm_beta_schedules[] = {[GGDM_BETAS_LINEAR] = "linear",
                                           [GGDM_BETAS_SCALED_LINEAR] = "scaled_linear",
                                           [GGDM_BETAS_SQUAREDCOS] = "squaredcos_cap_v2",
                                           [GGDM_BETAS_SIGMOID] = "sigmoid",
                                           NULL};

/* alpha_bar of the cosine schedule at a share of the time, without its constant factor. */
static double cosine(double share)
{
    double c = cos((share + 0.008) / 1.008 * M_PI_2);
    return c * c;
}

static double beta_of(ggdm_beta_schedule schedule, double first, double last, int32_t t, int32_t n)
{
    const double share = n > 1 ? (double)t / (n - 1) : 0.0;
    double root;
    switch (schedule) {
    case GGDM_BETAS_SCALED_LINEAR:
        root = sqrt(first) + share * (sqrt(last) - sqrt(first));
        return root * root;
    case GGDM_BETAS_SQUAREDCOS:
        return fmin(1.0 - cosine((t + 1.0) / n) / cosine((double)t / n), 0.999);
    case GGDM_BETAS_SIGMOID:
        return first + (last - first) / (1.0 + exp(6.0 - 12.0 * share));
    default:
        return first + share * (last - first);
    }
}

void ggdm_alpha_bar(ggdm_beta_schedule schedule, double first, double last, int32_t n,
                    double *alpha_bar)
{
    double product = 1.0;
    for (int32_t t = 0; t < n; t++)
        alpha_bar[t] = product *= 1.0 - beta_of(schedule, first, last, t, n);
}

void ggdm_alpha_bar_trained(const double *beta, int32_t n, double *alpha_bar)
{
    double product = 1.0;
    for (int32_t t = 0; t < n; t++)
        alpha_bar[t] = product *= 1.0 - beta[t];
}

void ggdm_alpha_bar_zero_snr(int32_t n, double *alpha_bar)
{
    const double first = sqrt(alpha_bar[0]), last = sqrt(alpha_bar[n - 1]);
    for (int32_t t = 0; t < n; t++) {
        const double root = (sqrt(alpha_bar[t]) - last) * first / (first - last);
        alpha_bar[t] = fmax(root * root, 0x1p-24);
    }
}
