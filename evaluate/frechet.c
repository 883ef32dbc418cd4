/* tr (S R)^1/2 is the sum of the square roots of the eigenvalues of S R, which are those of the
 * symmetric matrices
 *
 *     F^T S F,            F = V L^1/2 of R = V L V^T, so that F F^T = R
 *     X R X^T / (n - 1),  where S = X^T X / (n - 1), rows of X less their mean
 *
 * of which the first is d x d and the second n x n.  Neither takes the root of a matrix that is not
 * symmetric, which fails where S or R has no inverse, as that of fewer images than features.
 * Eigenvalues below zero are rounding, and count as zero. */
#include "evaluate/frechet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "evaluate/metrics.h"

/* ---- distributions ---- */

void ggdm_gaussian_deinit(ggdm_gaussian *g)
{
    free(g->mean);
    ggdm_matrix_deinit(&g->sigma);
    ggdm_matrix_deinit(&g->root);
    ggdm_rank_grid_close(&g->grid);
    *g = (ggdm_gaussian){0};
}

static ggdm_status init(ggdm_world *world, int64_t d, ggdm_gaussian *out, ggdm_error *err)
{
    *out = (ggdm_gaussian){0};
    GGDM_TRY(
        ggdm_world_agree(world, ggdm_alloc(&out->mean, (size_t)d, sizeof *out->mean, err), err));
    GGDM_TRY(ggdm_rank_grid_open(world, d, &out->grid, err));
    return ggdm_matrix_init(&out->grid, d, d, &out->sigma, err);
}

ggdm_status ggdm_gaussian_of_moments(ggdm_world *world, const double *mean, const double *sigma,
                                     int64_t d, ggdm_gaussian *out, ggdm_error *err)
{
    GGDM_TRY(init(world, d, out, err));
    for (int64_t j = 0; mean && j < d; j++)
        out->mean[j] = mean[j];
    GGDM_TRY(ggdm_world_broadcast(world, 0, out->mean, (size_t)d * sizeof *mean, err));
    return ggdm_matrix_take(&out->sigma, sigma, err);
}

ggdm_status ggdm_gaussian_of_rows(ggdm_rows *rows, ggdm_gaussian *out, ggdm_error *err)
{
    GGDM_TRY(init(rows->world, rows->d, out, err));
    GGDM_TRY(ggdm_rows_mean(rows, out->mean, err));
    return ggdm_rows_covariance(rows, out->mean, &out->sigma, err);
}

/* ---- their distance ---- */

static double squared_distance(const double *a, const double *b, int64_t d)
{
    double sum = 0;
    for (int64_t j = 0; j < d; j++)
        sum += (a[j] - b[j]) * (a[j] - b[j]);
    return sum;
}

/* The sum of the roots of the eigenvalues of m, which is overwritten. */
static ggdm_status sum_roots(ggdm_matrix *m, double *out, ggdm_error *err)
{
    double *lambda = NULL;
    ggdm_world *world = m->grid->world;
    *out = 0;
    ggdm_status st =
        ggdm_world_agree(world, ggdm_alloc(&lambda, (size_t)m->rows, sizeof *lambda, err), err);
    if (st == GGDM_OK)
        st = ggdm_matrix_eigen(m, lambda, NULL, err);
    for (int64_t k = 0; k < m->rows && st == GGDM_OK; k++)
        *out += sqrt(fmax(lambda[k], 0));
    free(lambda);
    return st;
}

static ggdm_status find_root(ggdm_gaussian *g, ggdm_error *err)
{
    const int64_t d = g->sigma.rows;
    ggdm_world *world = g->grid.world;
    ggdm_matrix whole = {0};
    double *lambda = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st,
                  ggdm_world_agree(world, ggdm_alloc(&lambda, (size_t)d, sizeof *lambda, err), err),
                  done);
    GGDM_TRY_GOTO(st, ggdm_matrix_init(&g->grid, d, d, &g->root, err), done);
    GGDM_TRY_GOTO(st, ggdm_matrix_init(&g->grid, d, d, &whole, err), done);
    for (int64_t i = 0; i < g->sigma.stride * g->sigma.own_cols; i++)
        whole.x[i] = g->sigma.x[i];
    GGDM_TRY_GOTO(st, ggdm_matrix_eigen(&whole, lambda, &g->root, err), done);
    for (int64_t k = 0; k < d; k++)
        lambda[k] = sqrt(fmax(lambda[k], 0));
    ggdm_matrix_scale(&g->root, lambda);
done:
    if (st != GGDM_OK)
        ggdm_matrix_deinit(&g->root);
    ggdm_matrix_deinit(&whole);
    free(lambda);
    return st;
}

static ggdm_status cross_term(const ggdm_gaussian *of, ggdm_gaussian *reference, double *out,
                              ggdm_error *err)
{
    const int64_t d = of->sigma.rows;
    const ggdm_rank_grid *grid = &reference->grid;
    ggdm_matrix s = of->sigma, product = {0}, m = {0};
    ggdm_status st = GGDM_OK;
    s.grid = grid; /* (as all of this world and side) */
    if (!reference->root.x)
        GGDM_TRY(find_root(reference, err));
    GGDM_TRY_GOTO(st, ggdm_matrix_init(grid, d, d, &product, err), done);
    GGDM_TRY_GOTO(st, ggdm_matrix_init(grid, d, d, &m, err), done);
    GGDM_TRY_GOTO(st, ggdm_matrix_multiply_symmetric(&s, &reference->root, false, &product, err),
                  done);
    GGDM_TRY_GOTO(st, ggdm_matrix_multiply(&reference->root, true, &product, false, &m, err), done);
    st = sum_roots(&m, out, err);
done:
    ggdm_matrix_deinit(&product);
    ggdm_matrix_deinit(&m);
    return st;
}

ggdm_status ggdm_frechet(const ggdm_gaussian *of, ggdm_gaussian *reference, double *out,
                         ggdm_error *err)
{
    double cross, own, other;
    GGDM_TRY(cross_term(of, reference, &cross, err));
    GGDM_TRY(ggdm_matrix_trace(&of->sigma, &own, err));
    GGDM_TRY(ggdm_matrix_trace(&reference->sigma, &other, err));
    *out = fmax(
        squared_distance(of->mean, reference->mean, of->sigma.rows) + own + other - 2 * cross, 0);
    return GGDM_OK;
}

/* centred [n, d]; own: the trace of its covariance. */
static ggdm_status cross_term_of_few(const ggdm_matrix *centred, const ggdm_gaussian *reference,
                                     double *own, double *out, ggdm_error *err)
{
    const int64_t n = centred->rows;
    const ggdm_rank_grid *grid = centred->grid;
    ggdm_matrix product = {0}, m = {0};
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_matrix_init(grid, n, centred->cols, &product, err), done);
    GGDM_TRY_GOTO(st, ggdm_matrix_init(grid, n, n, &m, err), done);
    GGDM_TRY_GOTO(st, ggdm_matrix_multiply(centred, false, centred, true, &m, err), done);
    GGDM_TRY_GOTO(st, ggdm_matrix_trace(&m, own, err), done);
    GGDM_TRY_GOTO(
        st, ggdm_matrix_multiply_symmetric(&reference->sigma, centred, true, &product, err), done);
    GGDM_TRY_GOTO(st, ggdm_matrix_multiply(&product, false, centred, true, &m, err), done);
    st = sum_roots(&m, out, err);
    *own /= (double)(n - 1);
    *out /= sqrt((double)(n - 1));
done:
    ggdm_matrix_deinit(&product);
    ggdm_matrix_deinit(&m);
    return st;
}

ggdm_status ggdm_frechet_of_few(ggdm_rows *rows, const ggdm_gaussian *reference, double *out,
                                ggdm_error *err)
{
    ggdm_matrix centred = {0};
    double *mean = NULL, cross, own, other;
    ggdm_status st;
    GGDM_TRY_GOTO(
        st,
        ggdm_world_agree(rows->world, ggdm_alloc(&mean, (size_t)rows->d, sizeof *mean, err), err),
        done);
    GGDM_TRY_GOTO(st, ggdm_rows_mean(rows, mean, err), done);
    GGDM_TRY_GOTO(st, ggdm_matrix_init(&reference->grid, rows->n, rows->d, &centred, err), done);
    GGDM_TRY_GOTO(st, ggdm_rows_centred(rows, mean, &centred, err), done);
    GGDM_TRY_GOTO(st, cross_term_of_few(&centred, reference, &own, &cross, err), done);
    GGDM_TRY_GOTO(st, ggdm_matrix_trace(&reference->sigma, &other, err), done);
    *out = fmax(squared_distance(mean, reference->mean, rows->d) + own + other - 2 * cross, 0);
done:
    ggdm_matrix_deinit(&centred);
    free(mean);
    return st;
}

/* ---- the metric ---- */

static ggdm_status of_many(ggdm_rows *rows, ggdm_gaussian *reference, double *out, ggdm_error *err)
{
    ggdm_gaussian of = {0};
    ggdm_status st = ggdm_gaussian_of_rows(rows, &of, err);
    if (st == GGDM_OK)
        st = ggdm_frechet(&of, reference, out, err);
    ggdm_gaussian_deinit(&of);
    return st;
}

static ggdm_status compute_frechet(const ggdm_metric_input *in, ggdm_metric_value *out,
                                   ggdm_error *err)
{
    ggdm_rows *rows = in->rows;
    ggdm_gaussian *reference;
    GGDM_TRY(ggdm_reference_gaussian(in->reference, &reference, err));
    if (rows->n > rows->d)
        GGDM_TRY(of_many(rows, reference, &out->value, err));
    else
        GGDM_TRY(ggdm_frechet_of_few(rows, reference, &out->value, err));
    out->lo = out->hi = (double)NAN;
    if (rows->n <= rows->d)
        snprintf(out->note, sizeof out->note, "n = %lld for %lld features: mostly bias",
                 (long long)rows->n, (long long)rows->d);
    else if (in->reference->n > 0 && in->reference->n <= rows->d)
        snprintf(out->note, sizeof out->note, "reference: n = %lld for %lld features: mostly bias",
                 (long long)in->reference->n, (long long)rows->d);
    return GGDM_OK;
}

const ggdm_metric_kind ggdm_metric_frechet = {
    .kind = {.family = GGDM_FAMILY_METRIC,
             .name = "frechet",
             .help = "Frechet distance to a reference (FID where the features are Inception's): "
                     "of two normal distributions with the means and covariances of the features.",
             .equation = "|m - m'|^2 + tr(S + S' - 2 (S S')^(1/2))"},
    .distance = true,
    .reference = true,
    .least = 2,
    .compute = compute_frechet,
};
