/* The squared maximum mean discrepancy of two sets by k(x, y) = (x.y/d + 1)^3, as its unbiased
 * U-statistic over all pairs (Binkowski et al. 2018; subsets: evaluate/kid_subsets.c).  It is below
 * zero about as often as above where both sets are of one distribution.
 *
 * The interval is the jackknife's, which leaves out each image of the cell in turn, given the
 * reference: sums of rows say what is left. */
#include "evaluate/kid.h"

#include <stdlib.h>

#include "evaluate/jackknife.h"
#include "evaluate/kept.h"
#include "evaluate/metrics.h"

typedef struct kernel_sums {
    double d;
    bool others; /* of other rows only: both matrices are the same */
    double *out;
} kernel_sums;

static void visit(void *context, const ggdm_tile *t)
{
    const kernel_sums *c = context;
    for (int64_t i = 0; i < t->rows; i++)
        for (int64_t j = 0; j < t->columns; j++)
            if (!c->others || t->row + i != t->column + j)
                c->out[t->row + i] += ggdm_kid_kernel(t->dots[i * GGDM_ROWS_BLOCK + j], c->d);
}

/* out [a->n], zeroed: the sum of each row, on every rank. */
static ggdm_status sum_rows(ggdm_rows *a, ggdm_rows *b, double *out, ggdm_error *err)
{
    kernel_sums c = {(double)a->d, a == b, out};
    GGDM_TRY(ggdm_pairs_each(a, b, visit, &c, err));
    return ggdm_rows_share(a, out, err);
}

static double sum(const double *v, int64_t n)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++)
        s += v[i];
    return s;
}

/* Of a pair of different images of the reference. */
static ggdm_status find_mean(ggdm_reference *r, double *mean, ggdm_error *err)
{
    const int64_t n = r->rows.n;
    double *rows;
    GGDM_TRY(ggdm_world_alloc(r->rows.world, &rows, (size_t)n, sizeof *rows, err));
    const ggdm_status st = sum_rows(&r->rows, &r->rows, rows, err);
    *mean = sum(rows, n) / ((double)n * (double)(n - 1));
    free(rows);
    return st;
}

/* Of n images of a cell: own and cross are the sums of k over pairs of them, and with the
 * reference. */
static double statistic(double own, double cross, double reference, double n, double n_reference)
{
    return own / (n * (n - 1)) - 2 * cross / (n * n_reference) + reference;
}

/* own, cross [n]: of each row; left [n] is overwritten. */
static void estimate(const double *own, const double *cross, double reference, double n_reference,
                     double *left, ggdm_metric_value *out)
{
    const double all_own = sum(own, out->n), all_cross = sum(cross, out->n), n = (double)out->n;
    for (int64_t i = 0; i < out->n; i++)
        left[i] =
            statistic(all_own - 2 * own[i], all_cross - cross[i], reference, n - 1, n_reference);
    const double error = ggdm_jackknife(left, out->n);
    out->value = statistic(all_own, all_cross, reference, n, n_reference);
    out->lo = out->value - GGDM_Z95 * error;
    out->hi = out->value + GGDM_Z95 * error;
}

static ggdm_status compute(const ggdm_metric_input *in, ggdm_metric_value *out, ggdm_error *err)
{
    const int64_t n = in->rows->n;
    ggdm_rows *reference = &in->reference->rows;
    const double *mean;
    double *sums; /* [3][n] */
    GGDM_TRY(ggdm_world_alloc(in->world, &sums, (size_t)(3 * n), sizeof *sums, err));
    ggdm_status st;
    GGDM_TRY_GOTO(st, sum_rows(in->rows, in->rows, sums, err), done);
    GGDM_TRY_GOTO(st, sum_rows(in->rows, reference, sums + n, err), done);
    GGDM_TRY_GOTO(st, ggdm_kept_get(in->reference, find_mean, 1, &mean, err), done);
    estimate(sums, sums + n, *mean, (double)reference->n, sums + 2 * n, out);
done:
    free(sums);
    return st;
}

const ggdm_metric_kind ggdm_metric_kid = {
    .kind = {.family = GGDM_FAMILY_METRIC,
             .name = "kid",
             .help = "Kernel inception distance of a cell's images from the reference's, not times "
                     "1000: the unbiased statistic of all pairs, which may be below 0, with the "
                     "jackknife's interval.",
             .equation = "mean_(i != j) k(x_i, x_j) - 2 mean_(i, j) k(x_i, y_j) + mean_(i != j) "
                         "k(y_i, y_j), k(x, y) = (x.y / d + 1)^3"},
    .distance = true,
    .reference = true,
    .reference_rows = true,
    .least = 3,
    .compute = compute,
};
