/* Every vector-Jacobian product against central differences of the double-precision reference.
 *
 * For a random cotangent gy the graph gives g = J^T gy.  Column i of J comes from the reference:
 *
 *   J_ji = (y_j(x + h e_i) - y_j(x - h e_i)) / 2h + O(h^2),   h = 1e-5
 *
 * (activations: element i of all images at once, as images are independent).  An f32 evaluation of
 * g_i sums the k terms gy_j J_ji that are not 0, so, as in test_ops.c with k' the terms of the
 * forward pass, its error is at most (k + k' + c) u sum_j |gy_j| |J_ji|; an op whose factors J_ji
 * are themselves sums that may cancel (factor_roundings in the op table) is held to the largest of
 * these bounds in the tensor.  The differences add h^2 for truncation and u_64 mag_j / h for
 * rounding, each times |gy_j|.
 *
 * In a bf16 graph (inputs and cotangents are numbers of bf16) the gradient is rounded once, by
 * u_bf16 |g_i|, and values rounded in between add 5 standard deviations as in test_ops.c.
 *
 * Tensors that are too large for all columns are checked in a sample of columns (the first and the
 * last among them), and as a whole by a directional derivative along random signs d: the error of
 * <g, d> is at most the sum of the elements' bounds, taken as the number of elements times their
 * mean over the sample.
 *
 * A tolerance must stay below one percent of the signal (bf16: ten), which for g_i is its standard
 * deviation over random cotangents, sqrt(sum_j (gy_j J_ji)^2). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/op_case.h"

#define STEP 1e-5
#define BUDGET 5e7 /* multiplications of the reference per tensor */
#define MIN_COLUMNS 4
#define DIRECTIONS 3

/* The reference at x + h d and x - h d for one input, as a difference quotient. */
typedef struct differ {
    const ggdm_op_case *c;
    int input;
    double *in[GGDM_OP_INPUTS]; /* the inputs, with a private copy of the one that moves */
    double *plus, *minus, *mag; /* outputs */
    int64_t n_out, terms;       /* elements of the output; terms of the forward pass */
} differ;

static differ differ_open(const ggdm_op_case *c, int input)
{
    differ d = {.c = c, .input = input, .n_out = ggdm_shape_count(&c->out)};
    const size_t n = (size_t)ggdm_shape_count(&c->shape[input]);
    memcpy(d.in, c->value, sizeof d.in);
    d.in[input] = ggdm_test_alloc(n, sizeof(double));
    memcpy(d.in[input], c->value[input], n * sizeof(double));
    d.plus = ggdm_test_alloc((size_t)d.n_out, sizeof(double));
    d.minus = ggdm_test_alloc((size_t)d.n_out, sizeof(double));
    d.mag = ggdm_test_alloc((size_t)d.n_out, sizeof(double));
    d.terms = ggdm_op_case_reference(c, d.in, d.plus, d.mag);
    return d;
}

static void differ_close(differ *d)
{
    free(d->in[d->input]);
    free(d->plus);
    free(d->minus);
    free(d->mag);
}

/* Move the elements first, first + stride, ... by sign[] h (NULL: by h) and evaluate both ends. */
static void differ_evaluate(differ *d, int64_t first, int64_t stride, const signed char *sign)
{
    const int64_t n = ggdm_shape_count(&d->c->shape[d->input]);
    double *x = d->in[d->input];
    const double *at = d->c->value[d->input];
    for (int side = 0; side < 2; side++) {
        for (int64_t i = first; i < n; i += stride)
            x[i] = at[i] + (side ? -STEP : STEP) * (sign ? sign[i] : 1);
        ggdm_op_case_reference(d->c, d->in, side ? d->minus : d->plus, NULL);
    }
    for (int64_t i = first; i < n; i += stride)
        x[i] = at[i];
}

/* <gy, J d> over the outputs [from, to) and the pieces of its bound. */
typedef struct column {
    double product, square, magnitude, difference_error;
    int64_t terms;
} column;

static column differ_column(const differ *d, int64_t from, int64_t to)
{
    column r = {0, 0, 0, 0, 0};
    for (int64_t j = from; j < to; j++) {
        const double delta = d->plus[j] - d->minus[j], gy = fabs(d->c->cotangent[j]);
        if (delta == 0)
            continue;
        r.product += d->c->cotangent[j] * delta / (2 * STEP);
        r.square += pow(gy * delta / (2 * STEP), 2);
        r.magnitude += gy * fabs(delta) / (2 * STEP);
        r.difference_error +=
            gy * (STEP * STEP + 2 * (double)(d->terms + 2) * GGDM_TEST_EPS64 * d->mag[j] / STEP);
        r.terms++;
    }
    return r;
}

/* Columns that are checked: [0, n) in full, or a random sample. */
static int64_t choose(const ggdm_op_case *c, int64_t n, int64_t cost, int64_t **out)
{
    int64_t count = (int64_t)(BUDGET / (2 * (double)cost));
    count = count < MIN_COLUMNS ? MIN_COLUMNS : count;
    count = count > n ? n : count;
    int64_t *chosen = ggdm_test_alloc((size_t)count, sizeof *chosen);
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(c->seed, "columns", n));
    for (int64_t i = 0; i < count; i++)
        chosen[i] = count == n ? i : ggdm_test_below(&rng, n);
    if (count < n) {
        chosen[0] = 0;
        chosen[1] = n - 1;
    }
    *out = chosen;
    return count;
}

/* The checked elements of one gradient. */
typedef struct sample {
    float *got;
    double *want, *tol;
    double *square; /* of the signal */
    int64_t *element;
    int64_t n;
} sample;

static sample measure(const ggdm_op_case *c, differ *d, const float *gradient)
{
    const bool per_image = c->row->op->in[d->input].role == GGDM_ROLE_ACT;
    const int64_t parts = per_image ? c->batch : 1;
    const int64_t n = ggdm_shape_count(&c->shape[d->input]) / parts, n_out = d->n_out / parts;
    int64_t *chosen;
    const int64_t count = choose(c, n, (d->terms + 8) * d->n_out, &chosen);
    const size_t total = (size_t)(count * parts);
    sample s = {ggdm_test_alloc(total, sizeof(float)),   ggdm_test_alloc(total, sizeof(double)),
                ggdm_test_alloc(total, sizeof(double)),  ggdm_test_alloc(total, sizeof(double)),
                ggdm_test_alloc(total, sizeof(int64_t)), 0};
    const int roundings = GGDM_REF_ROUNDINGS + c->row->op->factor_roundings;
    double *fd = ggdm_test_alloc(total, sizeof(double)), largest = 0, square = 0;
    for (int64_t i = 0; i < count; i++) {
        differ_evaluate(d, chosen[i], n, NULL);
        for (int64_t p = 0; p < parts; p++, s.n++) {
            const column r = differ_column(d, p * n_out, (p + 1) * n_out);
            s.element[s.n] = p * n + chosen[i];
            s.got[s.n] = gradient[s.element[s.n]];
            s.want[s.n] = r.product;
            s.square[s.n] = r.square;
            s.tol[s.n] = (double)(r.terms + d->terms + roundings) * GGDM_TEST_EPS32 * r.magnitude;
            if (c->rounds)
                s.tol[s.n] += GGDM_TEST_EPS_BF16 * fabs(r.product);
            square += r.square;
            fd[s.n] = r.difference_error;
            largest = fmax(largest, s.tol[s.n]);
        }
    }
    const double between = c->rounds ? c->row->op->bf16_roundings * GGDM_TEST_SIGMAS_BF16 *
                                           GGDM_TEST_EPS_BF16 * sqrt(square / (double)s.n)
                                     : 0;
    for (int64_t i = 0; i < s.n; i++)
        s.tol[i] = (c->row->op->factor_roundings ? largest : s.tol[i]) + fd[i] + between + 1e-30;
    free(fd);
    free(chosen);
    return s;
}

static void sample_free(sample *s)
{
    free(s->got);
    free(s->want);
    free(s->tol);
    free(s->square);
    free(s->element);
}

static void check_signal(const char *what, const sample *s, bool bf16)
{
    double signal = 0, noise = 0;
    for (int64_t i = 0; i < s->n; i++) {
        signal += s->square[i];
        noise += s->tol[i] * s->tol[i];
    }
    if (!(noise <= (bf16 ? 1e-2 : 1e-4) * signal))
        ggdm_test_fail("%s: the tolerance (rms %.3g) is not below %d %% of the signal (rms %.3g)",
                       what, sqrt(noise / (double)s->n), bf16 ? 10 : 1,
                       sqrt(signal / (double)s->n));
}

static void check_directions(const char *what, differ *d, const float *gradient, const sample *s)
{
    const ggdm_op_case *c = d->c;
    const int64_t n = ggdm_shape_count(&c->shape[d->input]);
    signed char *sign = ggdm_test_alloc((size_t)n, 1);
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(c->seed, "directions", d->input));
    double mean = 0;
    for (int64_t i = 0; i < s->n; i++)
        mean += s->tol[i] / (double)s->n;
    for (int k = 0; k < DIRECTIONS; k++) {
        double got = 0;
        for (int64_t i = 0; i < n; i++) {
            sign[i] = ggdm_test_bits(&rng) & 1 ? 1 : -1;
            got += sign[i] * (double)gradient[i];
        }
        differ_evaluate(d, 0, 1, sign);
        const column r = differ_column(d, 0, d->n_out);
        const double tol = (double)n * mean + r.difference_error * sqrt((double)n);
        if (!(fabs(got - r.product) <= tol))
            ggdm_test_fail("%s: directional derivative %d: got %.9g, want %.9g, error %.3g, "
                           "tolerance %.3g; seed %llu",
                           what, k, got, r.product, fabs(got - r.product), tol,
                           (unsigned long long)ggdm_test_seed());
    }
    free(sign);
}

static void check_input(const ggdm_op_case *c, int input)
{
    char what[200];
    snprintf(what, sizeof what, "%s: gradient of %s", c->name, c->row->op->in[input].name);
    if (c->grad[input] < 0)
        ggdm_test_fail("%s: missing", what);
    if (!ggdm_shape_equal(ggdm_graph_shape(c->graph, c->grad[input]), &c->shape[input]))
        ggdm_test_fail("%s: has another shape than the input", what);
    const float *gradient = ggdm_graph_data(c->graph, c->grad[input]);
    differ d = differ_open(c, input);
    sample s = measure(c, &d, gradient);
    check_signal(what, &s, c->rounds);
    ggdm_test_close(what, s.got, s.want, s.tol, (size_t)s.n, ggdm_test_seed());
    check_directions(what, &d, gradient, &s);
    sample_free(&s);
    differ_close(&d);
}

static void test_op_gradient_equals_differences(void **state)
{
    const ggdm_op_subject *subject = *state;
    const ggdm_op_row *row = subject->row;
    ggdm_op_case c;
    ggdm_op_case_open(&c, subject, row->batch, NULL, true, true);
    ggdm_graph_run(c.graph);
    ggdm_graph_run(c.graph); /* gradients must not accumulate over runs */
    for (int i = 0; i < c.n_inputs; i++) {
        const ggdm_op_role role = row->op->in[i].role;
        if (c.in[i] >= 0 && (role == GGDM_ROLE_ACT || role == GGDM_ROLE_PARAM))
            check_input(&c, i);
    }
    ggdm_op_case_close(&c);
}

int main(void)
{
    return ggdm_op_case_main("gradients against differences", test_op_gradient_equals_differences);
}
