#include "jobs/sequence.h"

#include <math.h>

#define HALVINGS 60 /* of an interval: as close as doubles are */

/* log B(a + 1, b + 1) */
static double log_beta(int64_t a, int64_t b)
{
    const double x = (double)a, y = (double)b;
    return lgamma(x + 1) + lgamma(y + 1) - lgamma(x + y + 2);
}

/* The share between one that is outside and one that is inside: here log p^k (1 - p)^(n - k) is
 * least. */
static double edge(int64_t k, int64_t n, double least, double outside, double inside)
{
    for (int i = 0; i < HALVINGS; i++) {
        const double p = (outside + inside) / 2;
        if ((double)k * log(p) + (double)(n - k) * log1p(-p) > least)
            inside = p;
        else
            outside = p;
    }
    return outside;
}

ggdm_share ggdm_sequence_share(int64_t k, int64_t n, double level)
{
    if (n <= 0)
        return (ggdm_share){0, 0, 1};
    const double p = (double)k / (double)n, least = log_beta(k, n - k) + log(level);
    return (ggdm_share){p, k == 0 ? 0 : edge(k, n, least, 0, p),
                        k == n ? 1 : edge(k, n, least, 1, p)};
}

double ggdm_sequence_lead(int64_t a, int64_t b)
{
    return log_beta(a, b) + (double)(a + b) * log(2);
}
