/* Matrices of doubles over a grid of ranks, block-cyclic, as ScaLAPACK has them: tiles of GGDM_TILE
 * x GGDM_TILE elements (smaller at the ends), dealt to the ranks in turn over rows and columns.  No
 * rank has all of a large one.  Small ones are on rank 0 alone, whose LAPACK is faster than many
 * ranks that talk, and whose results have the same bits for any number of ranks.
 *
 * All is collective over the world but what is said to be not.  Of symmetric matrices the lower
 * triangle counts. */
#ifndef GGDM_EVALUATE_MATRIX_H
#define GGDM_EVALUATE_MATRIX_H

#include <stdbool.h>
#include <stdint.h>

#include "common/collective.h"

#define GGDM_TILE 64

typedef struct ggdm_rank_grid {
    ggdm_world *world; /* borrowed */
    int rows, cols;    /* ranks */
    int row, col;      /* this one; -1: it has nothing */
    bool spread;       /* over all ranks; else it is rank 0 alone */
    int context;       /* of BLACS, where it is spread */
} ggdm_rank_grid;

typedef struct ggdm_matrix {
    const ggdm_rank_grid *grid; /* borrowed */
    int64_t rows, cols;
    int64_t own_rows, own_cols, stride;
    double *x; /* this rank's tiles, column by column, stride apart; owned */
} ggdm_matrix;

/* From this side on matrices are spread over the ranks, where there is more than one (measured:
 * docs/BENCHMARKS.md).  Tests change it. */
extern int64_t ggdm_matrix_large;

/** A grid for matrices of which this is the largest side.  A zeroed grid is closed. */
ggdm_status ggdm_rank_grid_open(ggdm_world *world, int64_t side, ggdm_rank_grid *out,
                                ggdm_error *err);
void ggdm_rank_grid_close(ggdm_rank_grid *grid);

/** Zeros.  Errors: GGDM_ENOMEM; GGDM_ESHAPE where a rank's part is beyond what ScaLAPACK counts. */
ggdm_status ggdm_matrix_init(const ggdm_rank_grid *grid, int64_t rows, int64_t cols,
                             ggdm_matrix *out, ggdm_error *err);
void ggdm_matrix_deinit(ggdm_matrix *m);

typedef struct ggdm_matrix_part {
    int64_t row, col;   /* of its first element in the matrix */
    int64_t rows, cols; /* elements */
    double *x;          /* columns m->stride apart */
} ggdm_matrix_part;
/** How many tiles this rank has, and tile t of them.  Not collective. */
int64_t ggdm_matrix_tiles(const ggdm_matrix *m);
ggdm_matrix_part ggdm_matrix_tile(const ggdm_matrix *m, int64_t t);

/** m += panel^T panel, on and below the diagonal; panel [k, m->rows] is the same on all ranks that
 *  have tiles.  Every element is summed up in the order of calls, in the same way for any number of
 *  ranks and threads.  Not collective. */
void ggdm_matrix_add_gram(ggdm_matrix *m, const double *panel, int64_t k);
/** m's columns times factors [cols].  Not collective. */
void ggdm_matrix_scale(ggdm_matrix *m, const double *factors);
/** From a [rows, cols] on rank 0, row by row. */
ggdm_status ggdm_matrix_take(ggdm_matrix *m, const double *a, ggdm_error *err);
/** A symmetric matrix, to a [rows, rows] on rank 0. */
ggdm_status ggdm_matrix_give_symmetric(const ggdm_matrix *m, double *a, ggdm_error *err);
/** The sum of its diagonal, on all ranks. */
ggdm_status ggdm_matrix_trace(const ggdm_matrix *m, double *out, ggdm_error *err);

/** c = op(a) op(b), op: transposed where asked. */
ggdm_status ggdm_matrix_multiply(const ggdm_matrix *a, bool ta, const ggdm_matrix *b, bool tb,
                                 ggdm_matrix *c, ggdm_error *err);
/** c = s b, or b s where right; s symmetric. */
ggdm_status ggdm_matrix_multiply_symmetric(const ggdm_matrix *s, const ggdm_matrix *b, bool right,
                                           ggdm_matrix *c, ggdm_error *err);
/** Eigenvalues of a symmetric matrix, ascending, in lambda [rows] of every rank; eigenvectors of
 *  length one are the columns of vectors (NULL: they are not wanted).  a is overwritten.
 *  Errors: GGDM_ENUMERIC where they are not its eigenvalues (their sum, that of their squares, A v
 * - lambda v, V^T V - 1 are looked at where it is spread); those of ggdm_eigen. */
ggdm_status ggdm_matrix_eigen(ggdm_matrix *a, double *lambda, ggdm_matrix *vectors,
                              ggdm_error *err);

#endif
