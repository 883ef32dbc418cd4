#include "evaluate/matrix.h"

#include <cblas.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "evaluate/eigen.h"
#include "evaluate/scalapack.h"

int64_t ggdm_matrix_large = 4096;

#define ROUNDING 64 /* units of rounding and side, that what is checked may be off by */

/* ---- the grid ---- */

/* As square as the number of ranks allows. */
static void lay_out(ggdm_rank_grid *g, int ranks)
{
    g->rows = 1;
    for (int r = 1; r * r <= ranks; r++)
        if (ranks % r == 0)
            g->rows = r;
    g->cols = ranks / g->rows;
}

ggdm_status ggdm_rank_grid_open(ggdm_world *world, int64_t side, ggdm_rank_grid *out,
                                ggdm_error *err)
{
    const int ranks = ggdm_world_size(world);
    ggdm_blas_use_one_thread();
    *out = (ggdm_rank_grid){.world = world, .rows = 1, .cols = 1};
    if (ranks == 1 || side < ggdm_matrix_large) {
        out->row = out->col = ggdm_world_rank(world) == 0 ? 0 : -1;
        return GGDM_OK;
    }
    lay_out(out, ranks);
    out->spread = true;
    return ggdm_scalapack_open(out, err);
}

void ggdm_rank_grid_close(ggdm_rank_grid *grid)
{
    if (grid->spread)
        ggdm_scalapack_close(grid);
    *grid = (ggdm_rank_grid){0};
}

static int rank_at(const ggdm_rank_grid *g, int64_t tile_row, int64_t tile_col)
{
    return (int)(tile_row % g->rows) * g->cols + (int)(tile_col % g->cols);
}

/* ---- matrices ---- */

static int64_t tiles_of(int64_t n)
{
    return (n + GGDM_TILE - 1) / GGDM_TILE;
}

/* Of n rows (or columns), those of rank `place` of `ranks`. */
static int64_t share(int64_t n, int place, int ranks)
{
    int64_t own = 0;
    for (int64_t t = place; place >= 0 && t < tiles_of(n); t += ranks)
        own += n - t * GGDM_TILE < GGDM_TILE ? n - t * GGDM_TILE : GGDM_TILE;
    return own;
}

static ggdm_status init(const ggdm_rank_grid *grid, int64_t rows, int64_t cols, ggdm_matrix *out,
                        ggdm_error *err)
{
    out->own_rows = share(rows, grid->row, grid->rows);
    out->own_cols = share(cols, grid->col, grid->cols);
    out->stride = out->own_rows > 0 ? out->own_rows : 1;
    const int64_t most = INT_MAX - GGDM_TILE;
    if (rows > most || cols > most || (grid->spread && out->own_cols > most / out->stride))
        return GGDM_FAIL(err, GGDM_ESHAPE,
                         "a matrix of %lld x %lld is too large for ScaLAPACK on %d ranks: more "
                         "ranks are needed",
                         (long long)rows, (long long)cols, grid->rows * grid->cols);
    return ggdm_alloc(&out->x, (size_t)out->stride * (size_t)out->own_cols, sizeof *out->x, err);
}

ggdm_status ggdm_matrix_init(const ggdm_rank_grid *grid, int64_t rows, int64_t cols,
                             ggdm_matrix *out, ggdm_error *err)
{
    *out = (ggdm_matrix){.grid = grid, .rows = rows, .cols = cols};
    return ggdm_world_agree(grid->world, init(grid, rows, cols, out, err), err);
}

void ggdm_matrix_deinit(ggdm_matrix *m)
{
    free(m->x);
    *m = (ggdm_matrix){0};
}

int64_t ggdm_matrix_tiles(const ggdm_matrix *m)
{
    return tiles_of(m->own_rows) * tiles_of(m->own_cols);
}

ggdm_matrix_part ggdm_matrix_tile(const ggdm_matrix *m, int64_t t)
{
    const int64_t down = tiles_of(m->own_rows), i = t % down, j = t / down;
    ggdm_matrix_part tile = {.row = (i * m->grid->rows + m->grid->row) * GGDM_TILE,
                             .col = (j * m->grid->cols + m->grid->col) * GGDM_TILE,
                             .x = m->x + (j * m->stride + i) * GGDM_TILE};
    tile.rows = m->rows - tile.row < GGDM_TILE ? m->rows - tile.row : GGDM_TILE;
    tile.cols = m->cols - tile.col < GGDM_TILE ? m->cols - tile.col : GGDM_TILE;
    return tile;
}

void ggdm_matrix_add_gram(ggdm_matrix *m, const double *panel, int64_t k)
{
    const int64_t n = ggdm_matrix_tiles(m);
#pragma omp parallel for schedule(dynamic)
    for (int64_t t = 0; t < n; t++) {
        const ggdm_matrix_part tile = ggdm_matrix_tile(m, t);
        if (tile.row >= tile.col)
            cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, (int)tile.rows, (int)tile.cols,
                        (int)k, 1, panel + tile.row, (int)m->rows, panel + tile.col, (int)m->rows,
                        1, tile.x, (int)m->stride);
    }
}

void ggdm_matrix_scale(ggdm_matrix *m, const double *factors)
{
    for (int64_t t = 0; t < ggdm_matrix_tiles(m); t++) {
        const ggdm_matrix_part tile = ggdm_matrix_tile(m, t);
        for (int64_t j = 0; j < tile.cols; j++)
            for (int64_t i = 0; i < tile.rows; i++)
                tile.x[j * m->stride + i] *= factors[tile.col + j];
    }
}

/* ---- to and from all ---- */

/* A tile of a [.., cols] into one of a matrix, or, on rank 0, for another rank (stride GGDM_TILE).
 */
static void copy_tile(const double *a, int64_t cols, const ggdm_matrix_part *tile, int64_t stride)
{
    for (int64_t j = 0; j < tile->cols; j++)
        for (int64_t i = 0; i < tile->rows; i++)
            tile->x[j * stride + i] = a[(tile->row + i) * cols + tile->col + j];
}

/* Of the tile of m that begins at row i and column j: its extent, its rank, and a place for it. */
static ggdm_matrix_part part_at(const ggdm_matrix *m, int64_t i, int64_t j, double *parcel,
                                int *owner)
{
    *owner = rank_at(m->grid, i / GGDM_TILE, j / GGDM_TILE);
    return (ggdm_matrix_part){.row = i,
                              .col = j,
                              .rows = m->rows - i < GGDM_TILE ? m->rows - i : GGDM_TILE,
                              .cols = m->cols - j < GGDM_TILE ? m->cols - j : GGDM_TILE,
                              .x = parcel};
}

static void copy(const ggdm_matrix_part *from, int64_t from_stride, double *to, int64_t to_stride)
{
    for (int64_t k = 0; k < from->cols; k++)
        memcpy(to + k * to_stride, from->x + k * from_stride, (size_t)from->rows * sizeof *to);
}

ggdm_status ggdm_matrix_take(ggdm_matrix *m, const double *a, ggdm_error *err)
{
    double parcel[GGDM_TILE * GGDM_TILE] = {0};
    const int me = ggdm_world_rank(m->grid->world);
    int64_t own = 0;
    for (int64_t j = 0; j < m->cols; j += GGDM_TILE)
        for (int64_t i = 0; i < m->rows; i += GGDM_TILE) {
            int owner;
            const ggdm_matrix_part part = part_at(m, i, j, parcel, &owner);
            if (me == 0)
                copy_tile(a, m->cols, &part, GGDM_TILE);
            GGDM_TRY(ggdm_world_move(m->grid->world, 0, owner, parcel, sizeof parcel, err));
            if (me == owner)
                copy(&part, GGDM_TILE, ggdm_matrix_tile(m, own++).x, m->stride);
        }
    return GGDM_OK;
}

/* A tile below the diagonal, and what mirrors it. */
static void put_both(const ggdm_matrix_part *part, int64_t n, double *a)
{
    for (int64_t j = 0; j < part->cols; j++)
        for (int64_t i = 0; i < part->rows; i++) {
            const int64_t row = part->row + i, col = part->col + j;
            if (row >= col)
                a[row * n + col] = a[col * n + row] = part->x[j * GGDM_TILE + i];
        }
}

ggdm_status ggdm_matrix_give_symmetric(const ggdm_matrix *m, double *a, ggdm_error *err)
{
    double parcel[GGDM_TILE * GGDM_TILE] = {0};
    const int me = ggdm_world_rank(m->grid->world);
    int64_t own = 0;
    for (int64_t j = 0; j < m->cols; j += GGDM_TILE)
        for (int64_t i = 0; i < m->rows; i += GGDM_TILE) {
            int owner;
            const ggdm_matrix_part part = part_at(m, i, j, parcel, &owner);
            if (me == owner) {
                const ggdm_matrix_part mine = ggdm_matrix_tile(m, own++);
                copy(&mine, m->stride, parcel, GGDM_TILE);
            }
            GGDM_TRY(ggdm_world_move(m->grid->world, owner, 0, parcel, sizeof parcel, err));
            if (me == 0)
                put_both(&part, m->rows, a);
        }
    return GGDM_OK;
}

ggdm_status ggdm_matrix_trace(const ggdm_matrix *m, double *out, ggdm_error *err)
{
    *out = 0;
    for (int64_t t = 0; t < ggdm_matrix_tiles(m); t++) {
        const ggdm_matrix_part tile = ggdm_matrix_tile(m, t);
        for (int64_t i = 0; tile.row == tile.col && i < tile.rows && i < tile.cols; i++)
            *out += tile.x[i * m->stride + i];
    }
    return ggdm_world_sum_few(m->grid->world, out, 1, err);
}

/* The sum of all squares; symmetric: of which the lower triangle is there. */
static ggdm_status squares(const ggdm_matrix *m, bool symmetric, double *out, ggdm_error *err)
{
    *out = 0;
    for (int64_t t = 0; t < ggdm_matrix_tiles(m); t++) {
        const ggdm_matrix_part tile = ggdm_matrix_tile(m, t);
        for (int64_t j = 0; j < tile.cols; j++)
            for (int64_t i = 0; i < tile.rows; i++) {
                const double v = tile.x[j * m->stride + i];
                const int64_t below = tile.row + i - tile.col - j;
                *out += !symmetric || below == 0 ? v * v : below > 0 ? 2 * v * v : 0;
            }
    }
    return ggdm_world_sum_few(m->grid->world, out, 1, err);
}

/* ---- products ---- */

ggdm_status ggdm_matrix_multiply(const ggdm_matrix *a, bool ta, const ggdm_matrix *b, bool tb,
                                 ggdm_matrix *c, ggdm_error *err)
{
    if (c->grid->spread)
        return ggdm_scalapack_multiply(a, ta, b, tb, c, err);
    if (c->grid->row == 0)
        cblas_dgemm(CblasColMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans,
                    (int)c->rows, (int)c->cols, (int)(ta ? a->rows : a->cols), 1, a->x,
                    (int)a->stride, b->x, (int)b->stride, 0, c->x, (int)c->stride);
    return GGDM_OK;
}

ggdm_status ggdm_matrix_multiply_symmetric(const ggdm_matrix *s, const ggdm_matrix *b, bool right,
                                           ggdm_matrix *c, ggdm_error *err)
{
    if (c->grid->spread)
        return ggdm_scalapack_multiply_symmetric(s, b, right, c, err);
    if (c->grid->row == 0)
        cblas_dsymm(CblasColMajor, right ? CblasRight : CblasLeft, CblasLower, (int)c->rows,
                    (int)c->cols, 1, s->x, (int)s->stride, b->x, (int)b->stride, 0, c->x,
                    (int)c->stride);
    return GGDM_OK;
}

/* ---- eigenvalues ---- */

/* On rank 0, for all. */
static ggdm_status eigen_of_one(ggdm_matrix *a, double *lambda, ggdm_matrix *vectors,
                                ggdm_error *err)
{
    const ggdm_rank_grid *g = a->grid;
    ggdm_status st = GGDM_OK;
    if (g->row == 0)
        st = vectors ? ggdm_eigen(a->x, a->rows, lambda, err)
                     : ggdm_eigenvalues(a->x, a->rows, lambda, err);
    GGDM_TRY(ggdm_world_agree(g->world, st, err));
    if (vectors && g->row == 0)
        memcpy(vectors->x, a->x, (size_t)(a->rows * a->rows) * sizeof *a->x);
    return ggdm_world_broadcast(g->world, 0, lambda, (size_t)a->rows * sizeof *lambda, err);
}

static ggdm_status check(const char *what, double is, double should, double scale, int64_t n,
                         ggdm_error *err)
{
    if (fabs(is - should) <= ROUNDING * (double)n * DBL_EPSILON * scale)
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_ENUMERIC,
                     "ScaLAPACK's eigenvalues of a matrix of %lld rows are wrong: %s is %.17g, "
                     "expected %.17g",
                     (long long)n, what, is, should);
}

/* Sums over the eigenvalues are sums over the matrix. */
static ggdm_status check_sums(const double *lambda, int64_t n, double trace, double square,
                              ggdm_error *err)
{
    double sum = 0, sum2 = 0;
    for (int64_t k = 0; k < n; k++) {
        sum += lambda[k];
        sum2 += lambda[k] * lambda[k];
    }
    GGDM_TRY(check("their sum", sum, trace, sqrt(square * (double)n), n, err));
    return check("the sum of their squares", sum2, square, square, n, err);
}

/* A V - V L and V^T V - 1; work is as large as a. */
static ggdm_status check_vectors(const ggdm_matrix *a, const double *lambda,
                                 const ggdm_matrix *vectors, ggdm_matrix *work, double square,
                                 ggdm_error *err)
{
    const int64_t n = a->rows;
    double off;
    GGDM_TRY(ggdm_matrix_multiply_symmetric(a, vectors, false, work, err));
    for (int64_t t = 0; t < ggdm_matrix_tiles(work); t++) {
        const ggdm_matrix_part w = ggdm_matrix_tile(work, t), v = ggdm_matrix_tile(vectors, t);
        for (int64_t j = 0; j < w.cols; j++)
            for (int64_t i = 0; i < w.rows; i++)
                w.x[j * work->stride + i] -= lambda[w.col + j] * v.x[j * vectors->stride + i];
    }
    GGDM_TRY(squares(work, false, &off, err));
    GGDM_TRY(check("|A v - lambda v|", sqrt(off), 0, sqrt(square), n, err));
    GGDM_TRY(ggdm_matrix_multiply(vectors, true, vectors, false, work, err));
    for (int64_t t = 0; t < ggdm_matrix_tiles(work); t++) {
        const ggdm_matrix_part w = ggdm_matrix_tile(work, t);
        for (int64_t i = 0; w.row == w.col && i < w.rows; i++)
            w.x[i * work->stride + i] -= 1;
    }
    GGDM_TRY(squares(work, false, &off, err));
    return check("|V^T V - 1|", sqrt(off), 0, 1, n, err);
}

static ggdm_status eigen_of_all(ggdm_matrix *a, double *lambda, ggdm_matrix *vectors,
                                ggdm_error *err)
{
    const size_t size = (size_t)(a->stride * a->own_cols) * sizeof *a->x;
    ggdm_matrix kept = {0};
    double trace, square;
    GGDM_TRY(ggdm_matrix_trace(a, &trace, err));
    GGDM_TRY(squares(a, true, &square, err));
    if (vectors) {
        GGDM_TRY(ggdm_matrix_init(a->grid, a->rows, a->cols, &kept, err));
        memcpy(kept.x, a->x, size);
    }
    ggdm_status st = ggdm_scalapack_eigen(a, lambda, vectors, err);
    if (st == GGDM_OK)
        st = ggdm_world_broadcast(a->grid->world, 0, lambda, (size_t)a->rows * sizeof *lambda, err);
    if (st == GGDM_OK)
        st = check_sums(lambda, a->rows, trace, square, err);
    if (st == GGDM_OK && vectors)
        st = check_vectors(&kept, lambda, vectors, a, square, err);
    ggdm_matrix_deinit(&kept);
    return ggdm_world_agree(a->grid->world, st, err);
}

ggdm_status ggdm_matrix_eigen(ggdm_matrix *a, double *lambda, ggdm_matrix *vectors, ggdm_error *err)
{
    return a->grid->spread ? eigen_of_all(a, lambda, vectors, err)
                           : eigen_of_one(a, lambda, vectors, err);
}
