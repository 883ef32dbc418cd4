/* Eigenvalues and eigenvectors of symmetric matrices, by LAPACK. */
#ifndef GGDM_EVALUATE_EIGEN_H
#define GGDM_EVALUATE_EIGEN_H

#include <stdint.h>

#include "common/status.h"

/** Decompose a symmetric matrix, of which row i is read from column i on.
 *  a       [n, n] in; out: row k is the k-th eigenvector, of length one
 *  lambda  [n] out, ascending
 *  Errors: GGDM_ENUMERIC where it does not converge or is not finite; GGDM_ESHAPE beyond LAPACK's
 *  integers; GGDM_ENOMEM. */
ggdm_status ggdm_eigen(double *a, int64_t n, double *lambda, ggdm_error *err);
/** The eigenvalues alone; a is overwritten. */
ggdm_status ggdm_eigenvalues(double *a, int64_t n, double *lambda, ggdm_error *err);
/** Of a tridiagonal matrix: d [n] its diagonal, in; out: the eigenvalues, ascending; e [n - 1] what
 *  stands beside it, overwritten.  Errors: GGDM_ENUMERIC. */
ggdm_status ggdm_eigenvalues_of_three(double *d, double *e, int64_t n, ggdm_error *err);
/** The system's BLAS may be OpenBLAS, which adds up otherwise for each number of threads: from now
 *  on it uses one in a thread of ours. */
void ggdm_blas_use_one_thread(void);

#endif
