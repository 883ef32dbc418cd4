/* ScaLAPACK, for matrices that are spread over a grid of ranks (evaluate/matrix.h).  All are
 * collective over the grid; matrices are whole, in its block-cyclic layout, and of symmetric ones
 * the lower triangle is read. */
#ifndef GGDM_EVALUATE_SCALAPACK_H
#define GGDM_EVALUATE_SCALAPACK_H

#include "evaluate/matrix.h"

/** Make grid->rows x grid->cols ranks of its world, all of them, a grid: grid->context.
 *  Errors: GGDM_ECOMM. */
ggdm_status ggdm_scalapack_open(ggdm_rank_grid *grid, ggdm_error *err);
void ggdm_scalapack_close(ggdm_rank_grid *grid);

/** c = op(a) op(b), op: transposed where asked. */
ggdm_status ggdm_scalapack_multiply(const ggdm_matrix *a, bool ta, const ggdm_matrix *b, bool tb,
                                    ggdm_matrix *c, ggdm_error *err);
/** c = s b, or b s where right; s symmetric. */
ggdm_status ggdm_scalapack_multiply_symmetric(const ggdm_matrix *s, const ggdm_matrix *b,
                                              bool right, ggdm_matrix *c, ggdm_error *err);
/** Eigenvalues of a, ascending, in lambda [rows] of every rank, and eigenvectors of length one in
 *  the columns of vectors (NULL: not wanted); a is overwritten.
 *  Errors: GGDM_ENUMERIC where it does not converge, GGDM_ENOMEM. */
ggdm_status ggdm_scalapack_eigen(ggdm_matrix *a, double *lambda, ggdm_matrix *vectors,
                                 ggdm_error *err);

#endif
