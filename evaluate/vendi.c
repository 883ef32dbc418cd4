/* V = exp(S), S = -sum lambda ln lambda over the eigenvalues of K/n, where K = X X^T holds the
 * cosines of the images' features.  The eigenvalues that are not zero are those of X^T X/n as well,
 * which is smaller where there are more images than features.
 *
 * The interval is the jackknife's, which leaves out each image in turn, for ln V, as V is positive:
 * nothing is drawn.  No further matrix need be decomposed for it.  Let w_k be the square of image
 * i's element of the k-th eigenvector of K/n, so that G(t) = sum w_k / (lambda_k + t) is an element
 * of the inverse of K/n + t, and t G(t) a quotient of two determinants: that without row and column
 * i by that of all.  As x ln x = integral over t > 0 of x/(1 + t) - x/(x + t), leaving out the
 * image changes sum lambda ln lambda by
 *
 *     D_i = integral of (1 + t G'/G) - (1/n)/(1 + t) dt,
 *     1 + t G'/G = (sum lambda_k w_k / (lambda_k + t)^2) / (sum w_k / (lambda_k + t))
 *
 * and the n - 1 eigenvalues left add up to 1 - 1/n: S without the image is n/(n - 1) (S - D_i) and
 * a constant.  In ln t the integrand is analytic within pi of the real line, where the trapezoidal
 * rule with step h errs by exp(-2 pi^2 / h). */
#include "evaluate/vendi.h"

#include <math.h>
#include <stdlib.h>

#include "common/mem.h"
#include "evaluate/eigen.h"
#include "evaluate/metrics.h"

#define Z95 1.959963984540054
#define STEP 1.0 /* of ln t: an error of 3e-9 ... */
#define STEPS 24 /* ... and t from 4e-11 to 3e10, beyond which there is as little */

/* out [m, m], from its diagonal on: a^T a times scale, of a [rows, m]; summed in the order of the
 * rows. */
static void gram(const double *a, int64_t rows, int64_t m, double scale, double *out)
{
    for (int64_t k = 0; k < rows; k++)
        for (int64_t i = 0; i < m; i++) {
            const double s = scale * a[k * m + i];
            for (int64_t j = i; j < m; j++)
                out[i * m + j] += s * a[k * m + j];
        }
}

/* The eigenvalues of K/n that can be other than zero, and what gives the eigenvectors. */
typedef struct spectrum {
    double *lambda;  /* [m], none below zero */
    double *vectors; /* [m, m] rows: of K/n, or of X^T X/n */
    const double *x; /* [n, m] of X^T X/n; NULL */
    int64_t m, n;
} spectrum;

/* The w_k of image i; returns what is left of their sum, which is 1: eigenvalues that are zero. */
static double weigh(const spectrum *s, int64_t i, double *w)
{
    double rest = 1;
    for (int64_t k = 0; k < s->m; k++) {
        const double *v = s->vectors + k * s->m;
        double along = 0;
        for (int64_t j = 0; s->x && j < s->m; j++)
            along += s->x[i * s->m + j] * v[j];
        w[k] = !s->x              ? v[i] * v[i]
               : s->lambda[k] > 0 ? along * along / ((double)s->n * s->lambda[k])
                                  : 0;
        rest -= w[k];
    }
    return s->x && rest > 0 ? rest : 0;
}

/* D_i. */
static double without(const spectrum *s, const double *w, double rest)
{
    double sum = 0;
    for (int h = -STEPS; h <= STEPS; h++) {
        const double t = exp(h * STEP);
        double top = 0, bottom = rest / t;
        for (int64_t k = 0; k < s->m; k++) {
            const double r = w[k] / (s->lambda[k] + t);
            bottom += r;
            top += s->lambda[k] * r / (s->lambda[k] + t);
        }
        sum += t * (top / bottom - 1 / ((double)s->n * (1 + t)));
    }
    return sum * STEP;
}

static ggdm_status jackknife(const spectrum *s, double *error, ggdm_error *err)
{
    double *w = NULL, mean = 0, squares = 0; /* w: [m] and the D [n] */
    GGDM_TRY(ggdm_alloc(&w, (size_t)(s->m + s->n), sizeof *w, err));
    double *d = w + s->m;
    for (int64_t i = 0; i < s->n; i++) {
        const double rest = weigh(s, i, w);
        d[i] = without(s, w, rest);
        mean += d[i] / (double)s->n;
    }
    for (int64_t i = 0; i < s->n; i++)
        squares += (d[i] - mean) * (d[i] - mean);
    *error = sqrt(squares * (double)s->n / (double)(s->n - 1));
    free(w);
    return GGDM_OK;
}

/* Of the matrix in s->vectors. */
static ggdm_status score(spectrum *s, ggdm_metric_value *out, ggdm_error *err)
{
    double entropy = 0, error;
    GGDM_TRY(ggdm_eigen(s->vectors, s->m, s->lambda, err));
    for (int64_t k = 0; k < s->m; k++) {
        s->lambda[k] = fmax(s->lambda[k], 0);
        if (s->lambda[k] > 0)
            entropy -= s->lambda[k] * log(s->lambda[k]);
    }
    GGDM_TRY(jackknife(s, &error, err));
    out->value = exp(entropy);
    out->lo = fmax(exp(entropy - Z95 * error), 1);
    out->hi = fmin(exp(entropy + Z95 * error), (double)s->n);
    return GGDM_OK;
}

ggdm_status ggdm_vendi_of_kernel(double *k, int64_t n, ggdm_metric_value *out, ggdm_error *err)
{
    spectrum s = {.vectors = k, .m = n, .n = n};
    GGDM_TRY(ggdm_alloc(&s.lambda, (size_t)n, sizeof *s.lambda, err));
    for (int64_t i = 0; i < n * n; i++)
        k[i] /= (double)n;
    ggdm_status st = score(&s, out, err);
    free(s.lambda);
    return st;
}

/* Rows of length one, as x [n, d] or, transposed, [d, n]. */
static ggdm_status normalise(const ggdm_feature_rows *rows, bool transposed, double *x,
                             ggdm_error *err)
{
    const int64_t n = rows->n, d = rows->d;
    for (int64_t i = 0; i < n; i++) {
        const float *row = rows->x + i * d;
        double squares = 0;
        for (int64_t j = 0; j < d; j++)
            squares += (double)row[j] * row[j];
        if (squares == 0)
            return GGDM_FAIL(err, GGDM_ENUMERIC,
                             "all features of image %d are zero: it has no cosine with others",
                             rows->images[i]);
        const double norm = sqrt(squares);
        for (int64_t j = 0; j < d; j++)
            x[transposed ? j * n + i : i * d + j] = row[j] / norm;
    }
    return GGDM_OK;
}

static ggdm_status of_rows(const ggdm_feature_rows *rows, ggdm_metric_value *out, ggdm_error *err)
{
    const int64_t n = rows->n, d = rows->d;
    const bool dual = d < n;
    spectrum s = {.m = dual ? d : n, .n = n};
    double *x = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_alloc(&x, (size_t)n * (size_t)d, sizeof *x, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&s.vectors, (size_t)s.m * (size_t)s.m, sizeof *s.vectors, err),
                  done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&s.lambda, (size_t)s.m, sizeof *s.lambda, err), done);
    GGDM_TRY_GOTO(st, normalise(rows, !dual, x, err), done);
    gram(x, dual ? n : d, s.m, 1.0 / (double)n, s.vectors);
    s.x = dual ? x : NULL;
    st = score(&s, out, err);
done:
    free(x);
    free(s.vectors);
    free(s.lambda);
    return st;
}

static ggdm_status compute(const ggdm_metric_input *in, ggdm_metric_value *out, ggdm_error *err)
{
    ggdm_feature_rows all;
    ggdm_status st = ggdm_rows_all(in->rows, &all, err);
    if (st == GGDM_OK && ggdm_world_rank(in->world) == 0)
        st = of_rows(&all, out, err);
    ggdm_feature_rows_deinit(&all);
    GGDM_TRY(ggdm_world_agree(in->world, st, err));
    return ggdm_world_broadcast(in->world, 0, out, sizeof *out, err);
}

const ggdm_metric_kind ggdm_metric_vendi = {
    .kind = {.family = GGDM_FAMILY_METRIC,
             .name = "vendi",
             .help = "Vendi score: how many different images a cell's are worth, from 1 to n, by "
                     "the cosines of their features.",
             .equation = "exp(-sum_k l_k ln l_k), l: eigenvalues of X X^T / n, rows of X of "
                         "length one"},
    .least = 2,
    .compute = compute,
};
