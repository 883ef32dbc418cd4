/* The jackknife: how far a number of n images scatters, from what it is without each of them.  Its
 * variance is not too small, on average, whatever the number is (Efron and Stein 1981). */
#ifndef GGDM_EVALUATE_JACKKNIFE_H
#define GGDM_EVALUATE_JACKKNIFE_H

#include <stdint.h>

#define GGDM_Z95 1.959963984540054 /* standard errors to each side are a 95 % interval */

/** The standard error of a number that is v[i] without image i; v [n], n > 1. */
double ggdm_jackknife(const double *v, int64_t n);

#endif
