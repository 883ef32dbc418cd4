/* The C interface of BLACS and the Fortran one of ScaLAPACK, of which Debian has no headers: whole
 * numbers are int, texts have their length behind all arguments.
 *
 * Eigenvectors are pdsyevr's: pdsyevd gives wrong ones, and says that all went well, with the
 * workspace that it asks for itself (Reference-ScaLAPACK, issue 74); pdsyev is several times
 * slower. Eigenvalues alone are those of pdsytrd's tridiagonal matrix: pdsyevr and pdsyev would
 * first copy the matrix to the largest square of ranks that there is, of two ranks to one.  Whoever
 * calls checks what came out (evaluate/matrix.c). */
#include "evaluate/scalapack.h"

#include <limits.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "evaluate/eigen.h"

int Csys2blacs_handle(MPI_Comm comm);
void Cblacs_gridinit(int *context, const char *order, int rows, int cols);
void Cblacs_gridinfo(int context, int *rows, int *cols, int *row, int *col);
void Cblacs_gridexit(int context);

void descinit_(int *desc, const int *m, const int *n, const int *mb, const int *nb, const int *rsrc,
               const int *csrc, const int *context, const int *lld, int *info);
void pdgemm_(const char *ta, const char *tb, const int *m, const int *n, const int *k,
             const double *alpha, const double *a, const int *ia, const int *ja, const int *da,
             const double *b, const int *ib, const int *jb, const int *db, const double *beta,
             double *c, const int *ic, const int *jc, const int *dc, size_t la, size_t lb);
void pdsymm_(const char *side, const char *uplo, const int *m, const int *n, const double *alpha,
             const double *a, const int *ia, const int *ja, const int *da, const double *b,
             const int *ib, const int *jb, const int *db, const double *beta, double *c,
             const int *ic, const int *jc, const int *dc, size_t ls, size_t lu);
void pdsyevr_(const char *jobz, const char *range, const char *uplo, const int *n, double *a,
              const int *ia, const int *ja, const int *da, const double *vl, const double *vu,
              const int *il, const int *iu, int *m, int *nz, double *w, double *z, const int *iz,
              const int *jz, const int *dz, double *work, const int *lwork, int *iwork,
              const int *liwork, int *info, size_t lj, size_t lr, size_t lu);

void pdsytrd_(const char *uplo, const int *n, double *a, const int *ia, const int *ja,
              const int *da, double *d, double *e, double *tau, double *work, const int *lwork,
              int *info, size_t lu);

enum { DESCRIPTOR = 9 };
static const int one = 1;
static const double unit = 1, zero = 0;

ggdm_status ggdm_scalapack_open(ggdm_rank_grid *grid, ggdm_error *err)
{
    int handle, rows, cols;
    GGDM_TRY(ggdm_world_duplicate(grid->world, &handle, err));
    grid->context = Csys2blacs_handle(MPI_Comm_f2c(handle));
    Cblacs_gridinit(&grid->context, "Row", grid->rows, grid->cols);
    Cblacs_gridinfo(grid->context, &rows, &cols, &grid->row, &grid->col);
    if (rows != grid->rows || cols != grid->cols || grid->row < 0)
        return GGDM_FAIL(err, GGDM_ECOMM, "BLACS gives no grid of %d x %d ranks", grid->rows,
                         grid->cols);
    return GGDM_OK;
}

/* (Cblacs_exit would be the end of all grids; what BLACS knows the communicator by is of all, too.)
 */
void ggdm_scalapack_close(ggdm_rank_grid *grid)
{
    Cblacs_gridexit(grid->context);
}

static void describe(const ggdm_matrix *m, int desc[DESCRIPTOR])
{
    const int rows = (int)m->rows, cols = (int)m->cols, tile = GGDM_TILE, from = 0;
    const int stride = (int)m->stride;
    int info;
    descinit_(desc, &rows, &cols, &tile, &tile, &from, &from, &m->grid->context, &stride, &info);
}

ggdm_status ggdm_scalapack_multiply(const ggdm_matrix *a, bool ta, const ggdm_matrix *b, bool tb,
                                    ggdm_matrix *c, ggdm_error *err)
{
    const int m = (int)c->rows, n = (int)c->cols, k = (int)(ta ? a->rows : a->cols);
    int da[DESCRIPTOR], db[DESCRIPTOR], dc[DESCRIPTOR];
    (void)err;
    describe(a, da);
    describe(b, db);
    describe(c, dc);
    pdgemm_(ta ? "T" : "N", tb ? "T" : "N", &m, &n, &k, &unit, a->x, &one, &one, da, b->x, &one,
            &one, db, &zero, c->x, &one, &one, dc, 1, 1);
    return GGDM_OK;
}

ggdm_status ggdm_scalapack_multiply_symmetric(const ggdm_matrix *s, const ggdm_matrix *b,
                                              bool right, ggdm_matrix *c, ggdm_error *err)
{
    const int m = (int)c->rows, n = (int)c->cols;
    int ds[DESCRIPTOR], db[DESCRIPTOR], dc[DESCRIPTOR];
    (void)err;
    describe(s, ds);
    describe(b, db);
    describe(c, dc);
    pdsymm_(right ? "R" : "L", "L", &m, &n, &unit, s->x, &one, &one, ds, b->x, &one, &one, db,
            &zero, c->x, &one, &one, dc, 1, 1);
    return GGDM_OK;
}

/* ---- eigenvectors ---- */

typedef struct workspace {
    double *real;
    int *whole;
    int n_real, n_whole; /* -1: tell how much is needed, in the first of each */
} workspace;

static int call(ggdm_matrix *a, double *lambda, ggdm_matrix *vectors, workspace *w)
{
    const int n = (int)a->rows, none = 0;
    int da[DESCRIPTOR], found, found_vectors, info;
    describe(a, da);
    pdsyevr_("V", "A", "L", &n, a->x, &one, &one, da, &zero, &zero, &none, &none, &found,
             &found_vectors, lambda, vectors->x, &one, &one, da, w->real, &w->n_real, w->whole,
             &w->n_whole, &info, 1, 1, 1);
    return info != 0 ? info : w->n_real >= 0 && found != n ? n : 0;
}

static ggdm_status make_room(ggdm_matrix *a, double *lambda, ggdm_matrix *vectors, workspace *w,
                             ggdm_error *err)
{
    double real = 0;
    int whole = 0;
    workspace question = {&real, &whole, -1, -1};
    const int info = call(a, lambda, vectors, &question);
    if (info != 0 || !(real < INT_MAX))
        return GGDM_FAIL(err, GGDM_ESHAPE, "a matrix of %lld rows is too large for ScaLAPACK (%d)",
                         (long long)a->rows, info);
    w->n_real = (int)real;
    w->n_whole = whole;
    GGDM_TRY(ggdm_alloc(&w->real, (size_t)w->n_real, sizeof *w->real, err));
    return ggdm_alloc(&w->whole, (size_t)w->n_whole, sizeof *w->whole, err);
}

static ggdm_status find_vectors(ggdm_matrix *a, double *lambda, ggdm_matrix *vectors,
                                ggdm_error *err)
{
    workspace w = {0};
    int info = 0;
    ggdm_status st = ggdm_world_agree(a->grid->world, make_room(a, lambda, vectors, &w, err), err);
    if (st == GGDM_OK)
        info = call(a, lambda, vectors, &w);
    if (info != 0)
        st = GGDM_FAIL(err, GGDM_ENUMERIC, "ScaLAPACK's pdsyevr gives %d for a matrix of %lld rows",
                       info, (long long)a->rows);
    free(w.real);
    free(w.whole);
    return ggdm_world_agree(a->grid->world, st, err);
}

/* ---- eigenvalues alone ---- */

/* a becomes tridiagonal: its diagonal and what is below it. */
static ggdm_status make_tridiagonal(ggdm_matrix *a, ggdm_error *err)
{
    const int n = (int)a->rows, ask = -1;
    const size_t own = (size_t)a->own_cols + 1;
    int da[DESCRIPTOR], info;
    double *room = NULL, size = 0; /* d, e and tau [own] of the columns, and workspace */
    describe(a, da);
    pdsytrd_("L", &n, a->x, &one, &one, da, &size, &size, &size, &size, &ask, &info, 1);
    const int work = (int)size;
    GGDM_TRY(ggdm_world_agree(a->grid->world,
                              ggdm_alloc(&room, 3 * own + (size_t)work, sizeof *room, err), err));
    pdsytrd_("L", &n, a->x, &one, &one, da, room, room + own, room + 2 * own, room + 3 * own, &work,
             &info, 1);
    free(room);
    if (info != 0)
        return GGDM_FAIL(err, GGDM_ENUMERIC, "ScaLAPACK's pdsytrd gives %d for a matrix of %d rows",
                         info, n);
    return GGDM_OK;
}

/* three [2][rows]: the diagonal of a, and the elements below it, of all ranks. */
static ggdm_status gather_three(const ggdm_matrix *a, double *three, ggdm_error *err)
{
    for (int64_t t = 0; t < ggdm_matrix_tiles(a); t++) {
        const ggdm_matrix_part part = ggdm_matrix_tile(a, t);
        for (int64_t j = 0; j < part.cols; j++)
            for (int64_t k = 0; k < 2; k++) {
                const int64_t i = part.col + j + k - part.row;
                if (i >= 0 && i < part.rows)
                    three[k * a->rows + part.col + j] = part.x[j * a->stride + i];
            }
    }
    return ggdm_world_sum_few(a->grid->world, three, 2 * (size_t)a->rows, err);
}

static ggdm_status find_values(ggdm_matrix *a, double *lambda, ggdm_error *err)
{
    const size_t n = (size_t)a->rows;
    double *three = NULL;
    GGDM_TRY(ggdm_world_agree(a->grid->world, ggdm_alloc(&three, 2 * n, sizeof *three, err), err));
    ggdm_status st = ggdm_world_agree(a->grid->world, make_tridiagonal(a, err), err);
    if (st == GGDM_OK)
        st = gather_three(a, three, err);
    if (st == GGDM_OK)
        st = ggdm_eigenvalues_of_three(three, three + n, a->rows, err);
    memcpy(lambda, three, n * sizeof *lambda);
    free(three);
    return ggdm_world_agree(a->grid->world, st, err);
}

ggdm_status ggdm_scalapack_eigen(ggdm_matrix *a, double *lambda, ggdm_matrix *vectors,
                                 ggdm_error *err)
{
    return vectors ? find_vectors(a, lambda, vectors, err) : find_values(a, lambda, err);
}
