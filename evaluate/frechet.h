/* The Frechet distance of two sets of features, each taken for a normal distribution (Dowson and
 * Landau 1982; Heusel et al. 2017). */
#ifndef GGDM_EVALUATE_FRECHET_H
#define GGDM_EVALUATE_FRECHET_H

#include "evaluate/covariance.h"

/* A normal distribution. */
typedef struct ggdm_gaussian {
    ggdm_rank_grid grid; /* of its matrices */
    double *mean;        /* [d], on all ranks; NULL: there is none; owned */
    ggdm_matrix sigma;   /* [d, d] covariance, on and below the diagonal */
    ggdm_matrix root;    /* [d, d] r with r r^T = sigma; without elements until it is needed */
} ggdm_gaussian;

void ggdm_gaussian_deinit(ggdm_gaussian *g);
/** Of mean [d] and sigma [d, d] on rank 0.  Collective. */
ggdm_status ggdm_gaussian_of_moments(ggdm_world *world, const double *mean, const double *sigma,
                                     int64_t d, ggdm_gaussian *out, ggdm_error *err);
/** Of more than one row.  Collective. */
ggdm_status ggdm_gaussian_of_rows(ggdm_rows *rows, ggdm_gaussian *out, ggdm_error *err);

/** |mean - mean'|^2 + tr(sigma + sigma' - 2 (sigma sigma')^1/2), of distributions of as many
 *  features; reference->root is made where it is not there.  Collective.
 *  Errors: GGDM_ENOMEM; those of ggdm_matrix_eigen. */
ggdm_status ggdm_frechet(const ggdm_gaussian *of, ggdm_gaussian *reference, double *out,
                         ggdm_error *err);
/** The same of rows, by an n x n matrix, which is smaller where there are fewer rows than features.
 */
ggdm_status ggdm_frechet_of_few(ggdm_rows *rows, const ggdm_gaussian *reference, double *out,
                                ggdm_error *err);

#endif
