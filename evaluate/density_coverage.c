/* Density and coverage (Naeem et al. 2020, as their prdc): both by the balls around the images of
 * the reference that reach to their fifth nearest others; a distance that equals the radius is not
 * within.
 *
 * Intervals are given the reference.  Density is a mean over the images of the cell, each by
 * itself; how many images of the reference only image i covers says what coverage is without it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "evaluate/jackknife.h"
#include "evaluate/metrics.h"
#include "evaluate/neighbours.h"

#define K 5
#define ENOUGH 0.9 /* coverage by images like the reference's that need not be said: about 1 */

/* without [n]: the number but for each image. */
static void put(double value, const double *without, double most, ggdm_metric_value *out)
{
    const double half = GGDM_Z95 * ggdm_jackknife(without, out->n);
    out->value = value;
    out->lo = fmax(value - half, 0);
    out->hi = fmin(value + half, most);
}

/* v [n]: of each image of the cell, in how many balls it is. */
static void density(double *v, ggdm_metric_value *out)
{
    const double n = (double)out->n;
    double sum = 0;
    for (int64_t i = 0; i < out->n; i++)
        sum += v[i];
    for (int64_t i = 0; i < out->n; i++)
        v[i] = (sum - v[i]) / (K * (n - 1));
    put(sum / (K * n), v, INFINITY, out);
}

/* Coverage by n images of the reference's own distribution, on average, whatever it is: a ball has
 * K of m - 1 others in it, and n more may be (Naeem et al. 2020, lemma 2). */
static double coverage_of_alike(double n, double m)
{
    double none = 1;
    for (int k = 1; k <= K; k++)
        none *= (m - k) / (n + m - k);
    return 1 - none;
}

/* count, last [m]: of each ball, how many images of the cell are in it, and one of them; v [n] is
 * overwritten. */
static void coverage(const double *count, const double *last, int64_t m, double *v,
                     ggdm_metric_value *out)
{
    double covered = 0;
    for (int64_t i = 0; i < out->n; i++)
        v[i] = 0;
    for (int64_t j = 0; j < m; j++) {
        covered += count[j] > 0;
        if (count[j] == 1)
            v[(int64_t)last[j]]++;
    }
    for (int64_t i = 0; i < out->n; i++)
        v[i] = (covered - v[i]) / (double)m;
    put(covered / (double)m, v, 1, out);
    const double alike = coverage_of_alike((double)out->n, (double)m);
    if (alike < ENOUGH)
        snprintf(out->note, sizeof out->note, "as many images like the reference's would have %.3f",
                 alike);
}

static ggdm_status compute(const ggdm_metric_input *in, ggdm_metric_value *out, ggdm_error *err)
{
    const size_t n = (size_t)in->rows->n, m = (size_t)in->reference->rows.n;
    ggdm_near near = {.a = in->rows, .b = &in->reference->rows, .of_b = true, .strict = true};
    double *v = NULL; /* [n] of images, [m] and [m] of balls */
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_world_alloc(in->world, &v, n + 2 * m, sizeof *v, err), done);
    GGDM_TRY_GOTO(st, ggdm_reference_radii(in->reference, K, &near.radii, err), done);
    near.count = v;
    GGDM_TRY_GOTO(st, ggdm_count_near(&near, err), done);
    density(v, &out[0]);
    near = (ggdm_near){.a = near.b, .b = near.a, .radii = near.radii, .strict = true};
    near.count = v + n;
    near.last = v + n + m;
    GGDM_TRY_GOTO(st, ggdm_count_near(&near, err), done);
    coverage(near.count, near.last, near.a->n, v, &out[1]);
done:
    free(v);
    return st;
}

static const char *const numbers[] = {"density", "coverage", NULL};

const ggdm_metric_kind ggdm_metric_density_coverage = {
    .kind = {.family = GGDM_FAMILY_METRIC,
             .name = "density-coverage",
             .help = "Density and coverage, k = 5: how many of the reference's images a cell's "
                     "lie around, over what is expected of images like them, and the share of the "
                     "reference's with one of the cell's near.",
             .equation = "density = mean_i #{j: |x_i - y_j| < r_5(y_j)} / 5, coverage = share of j "
                         "with |x_i - y_j| < r_5(y_j) for an i; r_5: distance to the fifth nearest "
                         "other"},
    .numbers = numbers,
    .reference = true,
    .reference_rows = true,
    .least_reference = K + 1,
    .least = 2,
    .compute = compute,
};
