/* Two cells side by side: does what was seen of their images differ by more than chance?
 *
 * Images of one seed and one index begin with the same noise, so that they are compared in pairs:
 * only those that are right in one cell and wrong in the other say anything.  All other images are
 * two independent samples.  Differences are second minus first; intervals are of 95 %. */
#ifndef GGDM_EVALUATE_PAIRED_H
#define GGDM_EVALUATE_PAIRED_H

#include <stdint.h>

#include "common/status.h"

/* How often each of the two was right, over pairs. */
typedef struct ggdm_pair_counts {
    int64_t both, only_a, only_b, neither;
} ggdm_pair_counts;

int64_t ggdm_pair_total(const ggdm_pair_counts *c);

/* Successes k of n. */
typedef struct ggdm_trials {
    int64_t k, n;
} ggdm_trials;

/* NAN: there is none. */
typedef struct ggdm_difference {
    double value, lo, hi;
} ggdm_difference;

/* Numbers as they come: Welford 1962.  Empty when zeroed. */
typedef struct ggdm_moments {
    int64_t n;
    double mean, squares; /* squares: sum of squared deviations from the mean */
} ggdm_moments;

void ggdm_moments_add(ggdm_moments *m, double v);

/** p of McNemar's exact test (Mosteller 1952): of the only_a + only_b pairs that say something,
 *  chance gives each half; two-sided, so min(1, 2 P(X <= min(only_a, only_b))), X ~ B(n, 1/2).
 *  1 where there are no such pairs. */
double ggdm_mcnemar(const ggdm_pair_counts *c);

/** p of Fisher's exact test of independent samples (Fisher 1934, section 21.02), two-sided: of all
 *  tables with these margins, those that are not more probable than this one.  1 where a sample is
 *  empty. */
double ggdm_fisher(ggdm_trials a, ggdm_trials b);

/** The difference of two shares, of pairs: Newcombe 1998 (Statistics in Medicine 17:2635, method
 *  10): Wilson's intervals of both, and the correlation of the pairs. */
ggdm_difference ggdm_difference_of_pairs(const ggdm_pair_counts *c);
/** ..., and of independent samples: Newcombe 1998 (Statistics in Medicine 17:873, method 10). */
ggdm_difference ggdm_difference_of_shares(ggdm_trials a, ggdm_trials b);

/** The mean of paired differences with Student's interval, which takes two of them. */
ggdm_difference ggdm_difference_of_numbers(const ggdm_moments *differences);
/** The difference of means of independent samples of n numbers with mean and standard deviation:
 *  Welch 1947, the degrees of freedom rounded down. */
ggdm_difference ggdm_difference_of_means(int64_t n_a, double mean_a, double deviation_a,
                                         int64_t n_b, double mean_b, double deviation_b);

/** The 97.5 % quantile of Student's t with so many degrees of freedom, at least 1. */
double ggdm_student(int64_t freedom);

/** Holm 1979: adjusted [n] of p [n], so that with adjusted <= level the chance that any of all n is
 *  so by chance alone is at most level, however they hang together.  NAN is no test and stays.
 *  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_holm(const double *p, int64_t n, double *adjusted, ggdm_error *err);

#endif
