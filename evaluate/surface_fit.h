/* A Gaussian process of shares that change smoothly (docs/SURFACE.md has the equations):
 *
 *     k_i of n_i ~ Binomial(n_i, p(x_i)),   log p / (1 - p) = f ~ GP(0, b^2 + s^2 M(r)),
 *     r^2 = sum over axes (x - x')^2 / l^2, M the Matern function of smoothness 5/2.
 *
 * The posterior of f is taken as normal around its mode, by Laplace's approximation (Rasmussen &
 * Williams 2006, algorithms 3.1 and 3.2).  l and s are the most probable ones of a grid. */
#ifndef GGDM_EVALUATE_SURFACE_FIT_H
#define GGDM_EVALUATE_SURFACE_FIT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"

enum { GGDM_FIT_AXES = 2, GGDM_FIT_MOST = 300 /* places */ };

/* Places where the same trials were seen stand together: f is the same there, within what rounding
 * asks for, and the trials count once. */
typedef struct ggdm_fit_place {
    double x[GGDM_FIT_AXES]; /* in [0, 1]; 0 on axes that are not there */
    double k, n;  /* successes of trials; need not be whole; of the first of those places */
    int32_t same; /* how many these are, at the first of them; at the others 0 */
} ggdm_fit_place;

typedef struct ggdm_fit {
    const ggdm_fit_place *places; /* [n] borrowed */
    int32_t n;
    int axes;
    double length[GGDM_FIT_AXES], deviation; /* l and s */
    double evidence; /* log marginal likelihood without the binomial coefficients, nats */
    /* The rest is owned, one piece. */
    /* What is observed: of places with the same trials the mean of f, then, at each but the first,
     * how far f is from it.  K is their covariance. */
    double *gradient; /* [n] of the log likelihood at the mode, = K^-1 f */
    double *root;     /* [n] square root of its negative second derivative, W */
    double *factor;   /* [n, n] by columns: L L^T = 1 + W^1/2 K W^1/2 */
} ggdm_fit;

/** Fit with given l and s.  *out is owned: ggdm_fit_deinit, also after an error.
 *  Errors: GGDM_EINVAL for no place, too many, or other than 1 or 2 axes; GGDM_ENUMERIC. */
ggdm_status ggdm_fit_at(const ggdm_fit_place *places, int32_t n, int axes,
                        const double length[GGDM_FIT_AXES], double deviation, ggdm_fit *out,
                        ggdm_error *err);
/** Fit with the best l and s.  As above. */
ggdm_status ggdm_fit_best(const ggdm_fit_place *places, int32_t n, int axes, ggdm_fit *out,
                          ggdm_error *err);
void ggdm_fit_deinit(ggdm_fit *fit);

/** Prior covariance of f at two places. */
double ggdm_fit_covariance(const ggdm_fit *fit, const double *x, const double *y);

/** f at m places x [m][GGDM_FIT_AXES]: mean [m], variance [m].
 *  reduced  [m][n] out, may be NULL: the posterior covariance of two of these places is the prior
 *           one less the product of their rows */
ggdm_status ggdm_fit_predict(const ggdm_fit *fit, const double *x, int32_t m, double *mean,
                             double *variance, double *reduced, ggdm_error *err);

/** The share that belongs to a log odds. */
double ggdm_fit_share(double f);

#endif
