/* Improved precision and recall (Kynkaanniemi et al. 2019): the manifold of a set is the union of
 * the balls around its images that reach to their third nearest others.  A distance that equals the
 * radius is within, as in OpenAI's evaluator and torch-fidelity.
 *
 * Whether one image of the cell lies in the manifold of the reference does not depend on the
 * others: Wilson's interval holds.  For recall there is none: the images of a cell make its
 * manifold together. */
#include <math.h>
#include <stdlib.h>

#include "evaluate/metrics.h"
#include "evaluate/neighbours.h"

#define K 3

/* How many rows of a are in the manifold of b; count [a->n] is for its use. */
static ggdm_status count_inside(ggdm_rows *a, ggdm_rows *b, const double *radii, double *count,
                                int64_t *inside, ggdm_error *err)
{
    const ggdm_near near = {.a = a, .b = b, .radii = radii, .of_b = true, .count = count};
    GGDM_TRY(ggdm_count_near(&near, err));
    *inside = 0;
    for (int64_t i = 0; i < a->n; i++)
        *inside += count[i] > 0;
    return GGDM_OK;
}

static ggdm_status compute(const ggdm_metric_input *in, ggdm_metric_value *out, ggdm_error *err)
{
    ggdm_rows *cell = in->rows, *reference = &in->reference->rows;
    const size_t n = (size_t)cell->n, m = (size_t)reference->n;
    int64_t precise, recalled;
    const double *radii;
    double *nearest = NULL, *count = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_world_alloc(in->world, &nearest, K * n, sizeof *nearest, err), done);
    GGDM_TRY_GOTO(st, ggdm_world_alloc(in->world, &count, n > m ? n : m, sizeof *count, err), done);
    GGDM_TRY_GOTO(st, ggdm_reference_radii(in->reference, K, &radii, err), done);
    GGDM_TRY_GOTO(st, count_inside(cell, reference, radii, count, &precise, err), done);
    GGDM_TRY_GOTO(st, ggdm_nearest_others(cell, K, nearest, err), done);
    GGDM_TRY_GOTO(st, count_inside(reference, cell, nearest + (K - 1) * n, count, &recalled, err),
                  done);
    const ggdm_share precision = ggdm_wilson(precise, cell->n);
    out[0].value = precision.p;
    out[0].lo = precision.lo;
    out[0].hi = precision.hi;
    out[1].value = (double)recalled / (double)m;
    out[1].lo = out[1].hi = NAN;
done:
    free(nearest);
    free(count);
    return st;
}

static const char *const numbers[] = {"precision", "recall", NULL};

const ggdm_metric_kind ggdm_metric_precision_recall = {
    .kind = {.family = GGDM_FAMILY_METRIC,
             .name = "precision-recall",
             .help = "Improved precision and recall, k = 3: the share of a cell's images that lie "
                     "among the reference's, with Wilson's interval, and the share of the "
                     "reference's that lie among the cell's.",
             .equation = "precision = share of i with |x_i - y_j| <= r_3(y_j) for a j, recall = "
                         "share of j with |y_j - x_i| <= r_3(x_i) for an i; r_3: distance to the "
                         "third nearest other"},
    .numbers = numbers,
    .reference = true,
    .reference_rows = true,
    .least_reference = K + 1,
    .least = K + 1,
    .compute = compute,
};
