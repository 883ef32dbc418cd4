/* Cholesky factors of symmetric, positive matrices, by LAPACK.  Matrices are by columns. */
#ifndef GGDM_EVALUATE_CHOLESKY_H
#define GGDM_EVALUATE_CHOLESKY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"

/** a [n, n], of which the lower triangle is read, becomes L with a = L L^T; what is above its
 *  diagonal stays.  Errors: GGDM_ENUMERIC where a is not positive. */
ggdm_status ggdm_cholesky(double *a, int64_t n, ggdm_error *err);

/** Solve L y = b or, transposed, L^T y = b for each of m columns: b [m][n] becomes y. */
ggdm_status ggdm_cholesky_solve(const double *l, int64_t n, bool transposed, double *b, int64_t m,
                                ggdm_error *err);

#endif
