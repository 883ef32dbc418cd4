#include "models/betas.h"

#include <math.h>

static double beta_of(ggdm_beta_schedule schedule, double first, double last, double share)
{
    if (schedule == GGDM_BETAS_LINEAR)
        return first + share * (last - first);
    double root = sqrt(first) + share * (sqrt(last) - sqrt(first));
    return root * root;
}

void ggdm_alpha_bar(ggdm_beta_schedule schedule, double first, double last, int32_t n,
                    double *alpha_bar)
{
    double product = 1.0;
    for (int32_t t = 0; t < n; t++) {
        double share = n > 1 ? (double)t / (n - 1) : 0.0;
        alpha_bar[t] = product *= 1.0 - beta_of(schedule, first, last, share);
    }
}
