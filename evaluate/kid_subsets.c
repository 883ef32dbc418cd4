/* The kernel inception distance as torch-fidelity has it: the mean, and the deviation, of the
 * statistic over 100 pairs of subsets of 1000 images.  Which images they have is by a fixed seed,
 * ours, as theirs is NumPy's; the deviation is not an error of the mean, as subsets share images.
 *
 * A subset is a bit of each image, so that each pair of images is multiplied once. */
#include <math.h>
#include <stdlib.h>

#include "common/philox.h"
#include "evaluate/kept.h"
#include "evaluate/kid.h"
#include "evaluate/metrics.h"

enum { SUBSETS = 100, SIZE = 1000, WORDS = (SUBSETS + 63) / 64 };
typedef uint64_t membership[WORDS];

/* ---- who is in which ---- */

/* Subset s of n images: the first of a permutation.  order, u [n] are for its use. */
static void draw(int s, uint32_t set, int64_t n, int64_t *order, double *u, membership *in)
{
    ggdm_uniforms(0, GGDM_STREAM_SUBSET, (uint32_t)s, set, SIZE, u);
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    for (int64_t i = 0; i < SIZE; i++) {
        const int64_t other = i + (int64_t)(u[i] * (double)(n - i)), chosen = order[other];
        order[other] = order[i];
        in[chosen][s / 64] |= (uint64_t)1 << s % 64;
    }
}

/* *out [n] is owned. */
static ggdm_status draw_all(ggdm_world *world, uint32_t set, int64_t n, membership **out,
                            ggdm_error *err)
{
    int64_t *order = NULL;
    double u[SIZE];
    ggdm_status st;
    *out = NULL;
    GGDM_TRY_GOTO(st, ggdm_world_alloc(world, &order, (size_t)n, sizeof *order, err), done);
    GGDM_TRY_GOTO(st, ggdm_world_alloc(world, out, (size_t)n, sizeof **out, err), done);
    for (int s = 0; s < SUBSETS; s++)
        draw(s, set, n, order, u, *out);
done:
    free(order);
    return st;
}

/* ---- sums ---- */

typedef struct subset_sums {
    double d;
    int64_t n;
    bool others; /* of other rows only: both matrices are the same */
    const membership *a, *b;
    double *rows; /* [SUBSETS][n] of each row with the others of its subsets */
} subset_sums;

static void visit(void *context, const ggdm_tile *t)
{
    const subset_sums *c = context;
    for (int64_t i = 0; i < t->rows; i++)
        for (int64_t j = 0; j < t->columns; j++) {
            const int64_t row = t->row + i, column = t->column + j;
            const double k = ggdm_kid_kernel(t->dots[i * GGDM_ROWS_BLOCK + j], c->d);
            for (int w = 0; w < WORDS && !(c->others && row == column); w++)
                for (uint64_t both = c->a[row][w] & c->b[column][w]; both; both &= both - 1)
                    c->rows[(w * 64 + __builtin_ctzll(both)) * c->n + row] += k;
        }
}

/* out [SUBSETS]: the sum of k over the pairs of each subset. */
static ggdm_status add_up(ggdm_rows *a, const membership *in_a, ggdm_rows *b,
                          const membership *in_b, double *out, ggdm_error *err)
{
    subset_sums c = {(double)a->d, a->n, a == b, in_a, in_b, NULL};
    GGDM_TRY(ggdm_world_alloc(a->world, &c.rows, (size_t)(SUBSETS * a->n), sizeof *c.rows, err));
    ggdm_status st = ggdm_pairs_each(a, b, visit, &c, err);
    for (int s = 0; s < SUBSETS && st == GGDM_OK; s++) {
        st = ggdm_rows_share(a, c.rows + s * a->n, err);
        out[s] = 0;
        for (int64_t i = 0; i < a->n; i++)
            out[s] += c.rows[s * a->n + i];
    }
    free(c.rows);
    return st;
}

/* Of the subsets of the reference. */
static ggdm_status find_sums(ggdm_reference *r, double *out, ggdm_error *err)
{
    membership *in;
    GGDM_TRY(draw_all(r->rows.world, 1, r->rows.n, &in, err));
    const ggdm_status st = add_up(&r->rows, in, &r->rows, in, out, err);
    free(in);
    return st;
}

/* own, cross, reference [SUBSETS]; the deviation is divided by their number, as NumPy's. */
static void estimate(const double *own, const double *cross, const double *reference,
                     ggdm_metric_value *out)
{
    double v[SUBSETS], mean = 0, squares = 0;
    for (int s = 0; s < SUBSETS; s++) {
        v[s] = (own[s] + reference[s]) / ((double)SIZE * (SIZE - 1)) -
               2 * cross[s] / ((double)SIZE * SIZE);
        mean += v[s] / SUBSETS;
    }
    for (int s = 0; s < SUBSETS; s++)
        squares += (v[s] - mean) * (v[s] - mean);
    out[0].value = mean;
    out[1].value = sqrt(squares / SUBSETS);
    for (int i = 0; i < 2; i++)
        out[i].lo = out[i].hi = NAN;
}

static ggdm_status compute(const ggdm_metric_input *in, ggdm_metric_value *out, ggdm_error *err)
{
    ggdm_rows *cell = in->rows, *reference = &in->reference->rows;
    membership *in_cell = NULL, *in_reference = NULL;
    double own[SUBSETS], cross[SUBSETS];
    const double *others;
    ggdm_status st;
    GGDM_TRY_GOTO(st, draw_all(in->world, 0, cell->n, &in_cell, err), done);
    GGDM_TRY_GOTO(st, draw_all(in->world, 1, reference->n, &in_reference, err), done);
    GGDM_TRY_GOTO(st, add_up(cell, in_cell, cell, in_cell, own, err), done);
    GGDM_TRY_GOTO(st, add_up(cell, in_cell, reference, in_reference, cross, err), done);
    GGDM_TRY_GOTO(st, ggdm_kept_get(in->reference, find_sums, SUBSETS, &others, err), done);
    estimate(own, cross, others, out);
done:
    free(in_cell);
    free(in_reference);
    return st;
}

static const char *const numbers[] = {"kid-subsets", "kid-subsets-deviation", NULL};

const ggdm_metric_kind ggdm_metric_kid_subsets = {
    .kind = {.family = GGDM_FAMILY_METRIC,
             .name = "kid-subsets",
             .help =
                 "Kernel inception distance as torch-fidelity gives it, not times 1000: mean and "
                 "deviation over 100 subsets of 1000 images, for comparison with published "
                 "ones; drawn by our generator, so that digits beyond the deviation differ.",
             .equation = "mean and deviation of kid over pairs of subsets"},
    .numbers = numbers,
    .distance = true,
    .reference = true,
    .reference_rows = true,
    .least_reference = SIZE,
    .least = SIZE,
    .compute = compute,
};
