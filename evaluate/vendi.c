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
 * rule with step h errs by exp(-2 pi^2 / h).
 *
 * Eigenvectors, which the interval needs, are those of a matrix on one rank.  Larger matrices stay
 * where they are, spread over the ranks (evaluate/matrix.h), and have eigenvalues alone. */
#include "evaluate/vendi.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "evaluate/covariance.h"
#include "evaluate/eigen.h"
#include "evaluate/jackknife.h"
#include "evaluate/metrics.h"

#define STEP 1.0 /* of ln t: an error of 3e-9 ... */
#define STEPS 24 /* ... and t from 4e-11 to 3e10, beyond which there is as little */

/* The eigenvalues of K/n that can be other than zero, and the eigenvectors. */
typedef struct spectrum {
    double *lambda;  /* [m], none below zero */
    double *vectors; /* [m, m] rows: of K/n, or of X^T X/n */
    bool dual;       /* of X^T X/n */
    int64_t m, n;
} spectrum;

/* Rows of features, and what makes each of length n^-1/2. */
typedef struct weighed {
    ggdm_rows *rows;
    double *weights; /* [n] */
} weighed;

/* ---- the interval ---- */

/* The w_k of image i, whose features are x [m] times weight where the spectrum is dual; returns
 * what is left of their sum, which is 1: eigenvalues that are zero. */
static double weigh(const spectrum *s, int64_t i, const float *x, double weight, double *w)
{
    double rest = 1;
    for (int64_t k = 0; k < s->m; k++) {
        const double *v = s->vectors + k * s->m;
        double along = 0;
        for (int64_t j = 0; s->dual && j < s->m; j++)
            along += weight * x[j] * v[j];
        w[k] = !s->dual ? v[i] * v[i] : s->lambda[k] > 0 ? along * along / s->lambda[k] : 0;
        rest -= w[k];
    }
    return s->dual && rest > 0 ? rest : 0;
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

/* D_i of image first and those behind it, of block b of x (NULL: a kernel's); w [count, m]. */
static void leave_out(const spectrum *s, const weighed *x, int64_t b, int64_t first, int64_t count,
                      double *w, double *d)
{
    const float *own = x && s->dual ? ggdm_rows_own(x->rows, b) : NULL;
#pragma omp parallel for
    for (int64_t i = 0; i < count; i++) {
        const double rest = weigh(s, first + i, own ? own + i * s->m : NULL,
                                  own ? x->weights[first + i] : 1, w + i * s->m);
        d[first + i] = without(s, w + i * s->m, rest);
    }
}

/* Each rank leaves out the images that are its own; x: NULL: a kernel, of one rank. */
static ggdm_status jackknife(const spectrum *s, const weighed *x, double *error, ggdm_error *err)
{
    double *w = NULL, *d = NULL;
    ggdm_status st = ggdm_alloc(&w, (size_t)(GGDM_ROWS_BLOCK * s->m), sizeof *w, err);
    if (st == GGDM_OK)
        st = ggdm_alloc(&d, (size_t)s->n, sizeof *d, err);
    if (x)
        st = ggdm_world_agree(x->rows->world, st, err);
    for (int64_t b = 0; st == GGDM_OK && b * GGDM_ROWS_BLOCK < s->n; b++) {
        const int64_t first = b * GGDM_ROWS_BLOCK, left = s->n - first;
        if (!x || ggdm_rows_own(x->rows, b))
            leave_out(s, x, b, first, left < GGDM_ROWS_BLOCK ? left : GGDM_ROWS_BLOCK, w, d);
    }
    if (st == GGDM_OK && x)
        st = ggdm_rows_share(x->rows, d, err);
    if (st == GGDM_OK)
        *error = ggdm_jackknife(d, s->n) * (double)s->n / (double)(s->n - 1); /* of S, not of D */
    free(w);
    free(d);
    return st;
}

/* ---- the score ---- */

static double entropy_of(spectrum *s)
{
    double entropy = 0;
    for (int64_t k = 0; k < s->m; k++) {
        s->lambda[k] = fmax(s->lambda[k], 0);
        if (s->lambda[k] > 0)
            entropy -= s->lambda[k] * log(s->lambda[k]);
    }
    return entropy;
}

static void put_score(double entropy, double error, int64_t n, ggdm_metric_value *out)
{
    out->value = exp(entropy);
    out->lo = isnan(error) ? error : fmax(exp(entropy - GGDM_Z95 * error), 1);
    out->hi = isnan(error) ? error : fmin(exp(entropy + GGDM_Z95 * error), (double)n);
}

ggdm_status ggdm_vendi_of_kernel(double *k, int64_t n, ggdm_metric_value *out, ggdm_error *err)
{
    spectrum s = {.vectors = k, .m = n, .n = n};
    double error;
    GGDM_TRY(ggdm_alloc(&s.lambda, (size_t)n, sizeof *s.lambda, err));
    for (int64_t i = 0; i < n * n; i++)
        k[i] /= (double)n;
    ggdm_status st = ggdm_eigen(k, n, s.lambda, err);
    if (st == GGDM_OK) {
        const double entropy = entropy_of(&s);
        st = jackknife(&s, NULL, &error, err);
        put_score(entropy, error, n, out);
    }
    free(s.lambda);
    return st;
}

/* ---- of features ---- */

static ggdm_status weigh_own(const weighed *x, ggdm_error *err)
{
    const ggdm_rows *rows = x->rows;
    int64_t own = 0;
    for (int64_t b = 0; b < ggdm_rows_blocks(rows); b++) {
        const float *block = ggdm_rows_own(rows, b);
        for (int64_t i = 0; block && i < ggdm_rows_count(rows, b); i++, own++) {
            double squares = 0;
            for (int64_t j = 0; j < rows->d; j++)
                squares += (double)block[i * rows->d + j] * block[i * rows->d + j];
            if (squares == 0)
                return GGDM_FAIL(err, GGDM_ENUMERIC,
                                 "all features of image %d are zero: it has no cosine with others",
                                 rows->own.images[own]);
            x->weights[b * GGDM_ROWS_BLOCK + i] = 1 / sqrt(squares * (double)rows->n);
        }
    }
    return GGDM_OK;
}

/* The matrix that is smaller. */
static ggdm_status fill(const spectrum *s, const weighed *x, ggdm_matrix *m, ggdm_error *err)
{
    return s->dual ? ggdm_rows_gram(x->rows, NULL, x->weights, m, err)
                   : ggdm_rows_kernel(x->rows, x->weights, m, err);
}

/* With eigenvectors, from rank 0 to all. */
static ggdm_status score_small(spectrum *s, const weighed *x, ggdm_matrix *m,
                               ggdm_metric_value *out, ggdm_error *err)
{
    ggdm_world *world = x->rows->world;
    const size_t size = (size_t)(s->m * s->m) * sizeof *s->vectors;
    double error;
    ggdm_matrix vectors = {0};
    GGDM_TRY(ggdm_matrix_init(m->grid, s->m, s->m, &vectors, err));
    ggdm_status st = ggdm_matrix_eigen(m, s->lambda, &vectors, err);
    const double entropy = st == GGDM_OK ? entropy_of(s) : 0;
    if (st == GGDM_OK && ggdm_world_rank(world) != 0) {
        free(vectors.x);
        st = ggdm_alloc(&vectors.x, size, 1, err);
    }
    st = ggdm_world_agree(world, st, err);
    if (st == GGDM_OK)
        st = ggdm_world_broadcast(world, 0, vectors.x, size, err);
    s->vectors = vectors.x;
    if (st == GGDM_OK)
        st = jackknife(s, x, &error, err);
    if (st == GGDM_OK)
        put_score(entropy, error, s->n, out);
    ggdm_matrix_deinit(&vectors);
    return st;
}

static ggdm_status score(spectrum *s, const weighed *x, ggdm_matrix *m, ggdm_metric_value *out,
                         ggdm_error *err)
{
    GGDM_TRY(fill(s, x, m, err));
    if (s->m < ggdm_matrix_large)
        return score_small(s, x, m, out, err);
    GGDM_TRY(ggdm_matrix_eigen(m, s->lambda, NULL, err));
    put_score(entropy_of(s), (double)NAN, s->n, out);
    snprintf(out->note, sizeof out->note, "too large a set for an interval");
    return GGDM_OK;
}

static ggdm_status of_rows(spectrum *s, weighed *x, ggdm_metric_value *out, ggdm_error *err)
{
    ggdm_world *world = x->rows->world;
    ggdm_rank_grid grid = {0};
    ggdm_matrix m = {0};
    ggdm_status st = ggdm_alloc(&x->weights, (size_t)s->n, sizeof *x->weights, err);
    if (st == GGDM_OK)
        st = ggdm_alloc(&s->lambda, (size_t)s->m, sizeof *s->lambda, err);
    if (st == GGDM_OK)
        st = weigh_own(x, err);
    GGDM_TRY(ggdm_world_agree(world, st, err));
    GGDM_TRY(ggdm_rows_share(x->rows, x->weights, err));
    GGDM_TRY(ggdm_rank_grid_open(world, s->m, &grid, err));
    st = ggdm_matrix_init(&grid, s->m, s->m, &m, err);
    if (st == GGDM_OK)
        st = score(s, x, &m, out, err);
    ggdm_matrix_deinit(&m);
    ggdm_rank_grid_close(&grid);
    return st;
}

static ggdm_status compute(const ggdm_metric_input *in, ggdm_metric_value *out, ggdm_error *err)
{
    const bool dual = in->rows->d < in->rows->n;
    spectrum s = {.dual = dual, .m = dual ? in->rows->d : in->rows->n, .n = in->rows->n};
    weighed x = {.rows = in->rows};
    const ggdm_status st = of_rows(&s, &x, out, err);
    free(x.weights);
    free(s.lambda);
    return st;
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
