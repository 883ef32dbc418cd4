#include "evaluate/paired.h"

#include <math.h>
#include <stdlib.h>

#include "common/mem.h"
#include "jobs/results.h"

static const ggdm_difference no_difference = {(double)NAN, (double)NAN, (double)NAN};

int64_t ggdm_pair_total(const ggdm_pair_counts *c)
{
    return c->both + c->only_a + c->only_b + c->neither;
}

void ggdm_moments_add(ggdm_moments *m, double v)
{
    const double before = v - m->mean;
    m->mean += before / (double)++m->n;
    m->squares += before * (v - m->mean);
}

/* ---- exact tests ----------------------------------------------------------------------------- */

/* ln of n over k. */
static double log_choose(int64_t n, int64_t k)
{
    return lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1);
}

double ggdm_mcnemar(const ggdm_pair_counts *c)
{
    const int64_t n = c->only_a + c->only_b, k = c->only_a < c->only_b ? c->only_a : c->only_b;
    double term = exp(log_choose(n, k) - (double)n * log(2)), sum = 0;
    for (int64_t i = k; i >= 0 && term > 0; i--) { /* from the largest, each by the one before */
        sum += term;
        term *= (double)i / (double)(n - i + 1);
    }
    return fmin(1, 2 * sum);
}

/* Tables whose probabilities are equal are so but for rounding, as in R's fisher.test. */
#define EQUAL_PROBABILITY (1 + 1e-7)

double ggdm_fisher(ggdm_trials a, ggdm_trials b)
{
    const int64_t n = a.n + b.n, k = a.k + b.k;
    const int64_t least = k > b.n ? k - b.n : 0, most = k < a.n ? k : a.n;
    const double all = log_choose(n, k);
    const double here = log_choose(a.n, a.k) + log_choose(b.n, b.k) - all;
    double sum = 0;
    for (int64_t i = least; i <= most; i++) {
        const double p = log_choose(a.n, i) + log_choose(b.n, k - i) - all;
        if (p <= here + log(EQUAL_PROBABILITY))
            sum += exp(p);
    }
    return fmin(1, sum);
}

/* ---- intervals of differences ---------------------------------------------------------------- */

/* b - a from Wilson's intervals: how far each end is from its share, joined as what two standard
 * deviations with this correlation make of a difference. */
static ggdm_difference square_and_add(ggdm_share a, ggdm_share b, double correlation)
{
    const double down = b.p - b.lo, up = b.hi - b.p, a_up = a.hi - a.p, a_down = a.p - a.lo;
    const double lo = down * down - 2 * correlation * down * a_up + a_up * a_up;
    const double hi = up * up - 2 * correlation * up * a_down + a_down * a_down;
    const double value = b.p - a.p;
    return (ggdm_difference){value, value - sqrt(fmax(0, lo)), value + sqrt(fmax(0, hi))};
}

/* phi of the table, its numerator with a continuity correction where it is positive. */
static double correlation_of(const ggdm_pair_counts *c, double n)
{
    const double both = (double)c->both, only_a = (double)c->only_a, only_b = (double)c->only_b,
                 neither = (double)c->neither;
    const double margins =
        (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither);
    const double excess = both * neither - only_a * only_b;
    if (margins <= 0)
        return 0;
    return (excess > 0 ? fmax(0, excess - n / 2) : excess) / sqrt(margins);
}

ggdm_difference ggdm_difference_of_pairs(const ggdm_pair_counts *c)
{
    const int64_t n = ggdm_pair_total(c);
    if (n == 0)
        return no_difference;
    return square_and_add(ggdm_wilson(c->both + c->only_a, n), ggdm_wilson(c->both + c->only_b, n),
                          correlation_of(c, (double)n));
}

ggdm_difference ggdm_difference_of_shares(ggdm_trials a, ggdm_trials b)
{
    if (a.n == 0 || b.n == 0)
        return no_difference;
    return square_and_add(ggdm_wilson(a.k, a.n), ggdm_wilson(b.k, b.n), 0);
}

/* P(|T| <= t) with whole degrees of freedom n: Abramowitz and Stegun 26.7.3 and 26.7.4. */
static double student_within(double t, int64_t n)
{
    const double angle = atan(t / sqrt((double)n)), c = cos(angle), s = sin(angle);
    double term = n % 2 ? c : 1, sum = 0;
    for (int64_t k = n % 2 ? 2 : 1; k <= n - 1 && term > 0; k += 2) {
        sum += term;
        term *= (double)k / (double)(k + 1) * c * c;
    }
    return n % 2 ? 2 / M_PI * (angle + s * sum) : s * sum;
}

double ggdm_student(int64_t freedom)
{
    double lo = 1.95, hi = 12.71; /* of infinitely many, and of one */
    while (hi - lo > 1e-12) {
        const double middle = (lo + hi) / 2;
        if (student_within(middle, freedom) < 0.95)
            lo = middle;
        else
            hi = middle;
    }
    return (lo + hi) / 2;
}

ggdm_difference ggdm_difference_of_numbers(const ggdm_moments *d)
{
    if (d->n < 2)
        return d->n ? (ggdm_difference){d->mean, (double)NAN, (double)NAN} : no_difference;
    const double n = (double)d->n;
    const double half = ggdm_student(d->n - 1) * sqrt(d->squares / (n - 1) / n);
    return (ggdm_difference){d->mean, d->mean - half, d->mean + half};
}

ggdm_difference ggdm_difference_of_means(int64_t n_a, double mean_a, double deviation_a,
                                         int64_t n_b, double mean_b, double deviation_b)
{
    if (n_a < 1 || n_b < 1)
        return no_difference;
    const double value = mean_b - mean_a;
    if (n_a < 2 || n_b < 2)
        return (ggdm_difference){value, (double)NAN, (double)NAN};
    const double a = deviation_a * deviation_a / (double)n_a,
                 b = deviation_b * deviation_b / (double)n_b;
    const double down = a * a / (double)(n_a - 1) + b * b / (double)(n_b - 1);
    const double freedom = down > 0 ? (a + b) * (a + b) / down : 1; /* 1: they do not vary */
    const double half = ggdm_student(ggdm_to_int(freedom, 1, INT64_MAX)) * sqrt(a + b);
    return (ggdm_difference){value, value - half, value + half};
}

/* ---- several tests --------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    const double x = **(double *const *)a, y = **(double *const *)b;
    return (x > y) - (x < y);
}

ggdm_status ggdm_holm(const double *p, int64_t n, double *adjusted, ggdm_error *err)
{
    double **order = NULL;
    int64_t tests = 0;
    GGDM_TRY(ggdm_alloc(&order, (size_t)n, sizeof *order, err));
    for (int64_t i = 0; i < n; i++) {
        adjusted[i] = p[i];
        if (!isnan(p[i]))
            order[tests++] = &adjusted[i];
    }
    qsort(order, (size_t)tests, sizeof *order, by_value);
    double least = 0;
    for (int64_t i = 0; i < tests; i++)
        *order[i] = least = fmax(least, fmin(1, *order[i] * (double)(tests - i)));
    free(order);
    return GGDM_OK;
}
