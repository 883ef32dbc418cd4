/* Means and products of a matrix of features that is spread over a world (evaluate/rows.h), in
 * doubles.  Rows pass by block by block, and every element of a product is summed up by the rank
 * that has it, in the order of rows (or of features): the same bits for any number of ranks. All
 * are collective. */
#ifndef GGDM_EVALUATE_COVARIANCE_H
#define GGDM_EVALUATE_COVARIANCE_H

#include "evaluate/matrix.h"
#include "evaluate/rows.h"

/** mean [d], on all ranks. */
ggdm_status ggdm_rows_mean(ggdm_rows *rows, double *mean, ggdm_error *err);
/** out [d, d] += sum over rows i of y^T y, y = weights[i] (x_i - shift), on and below the diagonal.
 *  shift [d], weights [n]  NULL: 0, 1 */
ggdm_status ggdm_rows_gram(ggdm_rows *rows, const double *shift, const double *weights,
                           ggdm_matrix *out, ggdm_error *err);
/** out [d, d] = covariance, divided by n - 1, on and below the diagonal; n > 1. */
ggdm_status ggdm_rows_covariance(ggdm_rows *rows, const double *mean, ggdm_matrix *out,
                                 ggdm_error *err);
/** out [n, n] += weights[i] weights[j] x_i . x_j, on and below the diagonal. */
ggdm_status ggdm_rows_kernel(ggdm_rows *rows, const double *weights, ggdm_matrix *out,
                             ggdm_error *err);
/** out [n, d] = x_i - mean. */
ggdm_status ggdm_rows_centred(ggdm_rows *rows, const double *mean, ggdm_matrix *out,
                              ggdm_error *err);

#endif
