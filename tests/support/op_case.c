#include "tests/support/op_case.h"
#include "models/nn/graph_impl.h"
#include "tests/support/bf16.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One input's values for one image (or for a parameter). */
static void fill(const ggdm_op_row *row, ggdm_op_fill kind, uint64_t seed, double *x, int64_t n)
{
    ggdm_test_rng rng = ggdm_test_rng_init(seed);
    const double scale = row->scale != 0 ? row->scale : 1;
    for (int64_t i = 0; i < n; i++) {
        switch (kind) {
        case GGDM_FILL_NORMAL:
        case GGDM_FILL_FINE:
            x[i] = (float)(scale * ggdm_test_normal(&rng));
            break;
        case GGDM_FILL_POSITIVE:
            x[i] = (float)(0.5 + fabs(ggdm_test_normal(&rng)));
            break;
        case GGDM_FILL_LOGP:
            x[i] = -(float)fabs(2 * ggdm_test_normal(&rng));
            break;
        case GGDM_FILL_SHARE:
            x[i] = (float)((double)ggdm_test_below(&rng, 1000) / 1000);
            break;
        case GGDM_FILL_TIME:
            x[i] = (double)ggdm_test_below(&rng, 1000);
            break;
        case GGDM_FILL_INDEX:
            x[i] = (double)(row->index_lo + ggdm_test_below(&rng, row->index_hi - row->index_lo));
            break;
        case GGDM_FILL_APART: { /* an even grid over [-2, 2], shuffled below; none at 0 */
            x[i] = (float)(4 * ((double)i + 0.25) / (double)n - 2);
            break;
        }
        }
    }
    for (int64_t i = n - 1; kind == GGDM_FILL_APART && i > 0; i--) {
        int64_t j = ggdm_test_below(&rng, i + 1);
        double t = x[i];
        x[i] = x[j];
        x[j] = t;
    }
}

/* x rounded to bf16, to nearest even. */
static double to_bf16(double x)
{
    int exponent;
    double m = frexp(x, &exponent);
    return isfinite(x) ? ldexp(nearbyint(ldexp(m, 8)), exponent - 8) : x;
}

/* Values whose casts to bf16 are to be exact. */
static void round_values(const ggdm_op_case *c, double *x, int64_t n)
{
    for (int64_t i = 0; c->dtype == GGDM_BF16 && i < n; i++)
        x[i] = to_bf16(x[i]);
}

/* In a window of k x k pixels, of one channel: those that are equal to the largest go below it, by
 * more than bf16 rounds there, but for the first. */
static void part_window(double *window, int64_t k, int64_t row, int64_t pixel)
{
    double *first = window;
    for (int64_t i = 0; i < k * k; i++) {
        double *at = window + i / k * row + i % k * pixel;
        first = *at > *first ? at : first;
    }
    for (int64_t i = 0; i < k * k; i++) {
        double *at = window + i / k * row + i % k * pixel;
        if (at != first && *at == *first)
            *at = to_bf16(*at - 0x1p-6);
    }
}

/* Values that were apart may be equal once they are rounded, and a maximum of equals has no
 * gradient to compare: an image [H, W, C] without such windows.  What max_pool makes of it, and its
 * gradient, which is the first one's, are as before. */
static void part_windows(const ggdm_shape *shape, int64_t k, double *x)
{
    const int64_t h = shape->d[1], w = shape->d[2], c = shape->d[3];
    for (int64_t top = 0; top + k <= h; top += k)
        for (int64_t left = 0; left + k <= w; left += k)
            for (int64_t i = 0; i < c; i++)
                part_window(x + (top * w + left) * c + i, k, w * c, c);
}

static void make_values(ggdm_op_case *c, int i, const int *image)
{
    const ggdm_op_input *input = &c->row->op->in[i];
    const int64_t count = ggdm_shape_count(&c->shape[i]);
    const uint64_t seed = ggdm_test_mix(c->seed, input->name, 0);
    c->value[i] = ggdm_test_alloc((size_t)count, sizeof(double));
    if (input->role == GGDM_ROLE_PARAM) {
        fill(c->row, input->fill, seed, c->value[i], count);
        round_values(c, c->value[i], count);
        return;
    }
    const int64_t part = count / c->batch;
    for (int64_t n = 0; n < c->batch; n++) {
        const int id = image ? image[n] : (int)n;
        const bool poison = id == GGDM_CASE_POISON;
        double *x = c->value[i] + n * part;
        fill(c->row, input->fill, ggdm_test_mix(seed, "image", poison ? 0 : id), x, part);
        if (input->role == GGDM_ROLE_ACT && input->fill != GGDM_FILL_FINE)
            round_values(c, x, part);
        if (input->fill == GGDM_FILL_APART && c->row->cfg.k > 1)
            part_windows(&c->shape[i], c->row->cfg.k, x);
        for (int64_t k = 0; poison && input->role != GGDM_ROLE_INDEX && k < part; k++)
            x[k] = NAN;
    }
}

static void copy_f32(float *to, const double *from, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = (float)from[i];
}

static void declare(ggdm_op_case *c, int i)
{
    const ggdm_op_input *input = &c->row->op->in[i];
    const int64_t count = ggdm_shape_count(&c->shape[i]);
    if (input->role == GGDM_ROLE_PARAM) {
        c->in[i] =
            ggdm_graph_param(c->graph, input->name, c->shape[i], (ggdm_init){GGDM_INIT_ZERO, 0});
        c->param[i] = ggdm_test_alloc((size_t)count, sizeof(float));
        copy_f32(c->param[i], c->value[i], count);
        c->tensor[c->params.n++] = (ggdm_tensor){input->name, GGDM_F32, c->shape[i], c->param[i]};
    } else {
        ggdm_dtype dtype = input->role == GGDM_ROLE_INDEX ? GGDM_I32 : GGDM_F32;
        c->in[i] = ggdm_graph_input(c->graph, input->name, dtype, c->shape[i]);
    }
}

static void set_inputs(ggdm_op_case *c)
{
    for (int i = 0; i < c->n_inputs; i++) {
        const ggdm_op_role role = c->row->op->in[i].role;
        const int64_t count = ggdm_shape_count(&c->shape[i]);
        if (c->in[i] < 0 || role == GGDM_ROLE_PARAM)
            continue;
        void *data = ggdm_graph_data(c->graph, c->in[i]);
        for (int64_t k = 0; role == GGDM_ROLE_INDEX && k < count; k++)
            ((int32_t *)data)[k] = (int32_t)c->value[i][k];
        if (role != GGDM_ROLE_INDEX)
            copy_f32(data, c->value[i], count);
    }
}

static void add_backward(ggdm_op_case *c, const int *image, bool with_params)
{
    ggdm_val wrt[GGDM_OP_INPUTS], grad[GGDM_OP_INPUTS];
    int n = 0, of[GGDM_OP_INPUTS];
    for (int i = 0; i < c->n_inputs; i++) {
        const ggdm_op_role role = c->row->op->in[i].role;
        if (c->in[i] < 0 || !(role == GGDM_ROLE_ACT || (role == GGDM_ROLE_PARAM && with_params)))
            continue;
        of[n] = i;
        wrt[n++] = c->in[i];
    }
    if (n == 0)
        return;
    c->gy = ggdm_graph_input(c->graph, "gy", GGDM_F32, c->out);
    ggdm_graph_backward(c->graph, c->y, c->gy, n, wrt, grad);
    for (int k = 0; k < n; k++)
        c->grad[of[k]] = grad[k];
    const int64_t count = ggdm_shape_count(&c->out), part = count / c->batch;
    c->cotangent = ggdm_test_alloc((size_t)count, sizeof(double));
    for (int64_t k = 0; k < c->batch; k++) {
        const int id = image ? image[k] : (int)k;
        uint64_t seed = ggdm_test_mix(ggdm_test_mix(c->seed, "gy", 0), "image", id);
        ggdm_test_rng rng = ggdm_test_rng_init(seed);
        for (int64_t j = 0; j < part; j++)
            c->cotangent[k * part + j] =
                id == GGDM_CASE_POISON ? NAN : (double)(float)ggdm_test_normal(&rng);
    }
    round_values(c, c->cotangent, count);
}

void ggdm_op_case_open(ggdm_op_case *c, const ggdm_op_subject *subject, int64_t batch,
                       const int *image, bool backward, bool with_params)
{
    const ggdm_op_row *row = subject->row;
    ggdm_error err;
    memset(c, 0, sizeof *c);
    c->row = row;
    c->name = subject->name;
    c->dtype = subject->dtype;
    c->rounds = c->dtype == GGDM_BF16 && row->op->bf16_roundings != GGDM_OP_F32;
    c->batch = batch;
    c->seed = ggdm_test_mix(ggdm_test_seed(), row->name, 0);
    c->gy = -1;
    ggdm_test_ok(ggdm_graph_create(c->dtype, &c->graph, &err), &err);
    c->params.items = c->tensor;
    for (int i = 0; i < GGDM_OP_INPUTS; i++) {
        c->in[i] = c->grad[i] = -1;
        if (row->op->in[i].role == GGDM_ROLE_NONE)
            continue;
        c->n_inputs = i + 1;
        c->shape[i] = ggdm_op_input_shape(row, i, batch);
        if (c->shape[i].n == 0)
            continue;
        make_values(c, i, image);
        declare(c, i);
    }
    c->y = ggdm_cast(c->graph, row->op->emit(c->graph, &row->cfg, c->in), GGDM_F32);
    c->out = row->op->shape(&row->cfg, c->shape);
    if (c->y >= 0) {
        const ggdm_shape *got = ggdm_graph_shape(c->graph, c->y);
        char a[64], b[64];
        if (!ggdm_shape_equal(got, &c->out))
            ggdm_test_fail("%s: shape rule gives %s, the reference %s", row->name,
                           ggdm_shape_text(got, a, sizeof a),
                           ggdm_shape_text(&c->out, b, sizeof b));
        ggdm_graph_output(c->graph, c->y);
        if (backward)
            add_backward(c, image, with_params);
    }
    ggdm_test_ok(ggdm_graph_compile(c->graph, &c->params, &err), &err);
    memset(c->graph->arena, 0xff, c->graph->arena_bytes); /* NaN: nobody may count on zeros */
    set_inputs(c);
    if (c->gy >= 0)
        copy_f32(ggdm_graph_data(c->graph, c->gy), c->cotangent, ggdm_shape_count(&c->out));
}

void ggdm_op_case_close(ggdm_op_case *c)
{
    ggdm_graph_destroy(&c->graph);
    for (int i = 0; i < GGDM_OP_INPUTS; i++) {
        free(c->value[i]);
        free(c->param[i]);
    }
    free(c->cotangent);
}

int64_t ggdm_op_case_reference(const ggdm_op_case *c, double *const *in, double *y, double *mag)
{
    return c->row->op->ref(&c->row->cfg, c->shape, (const double *const *)in, y, mag);
}

int ggdm_op_case_main(const char *group, CMUnitTestFunction test)
{
    const size_t n_rows = ggdm_op_n_rows + ggdm_composite_n_rows;
    const size_t n = ggdm_test_have_bf16() ? 2 * n_rows : n_rows;
    struct CMUnitTest *tests = ggdm_test_alloc(n, sizeof *tests);
    ggdm_op_subject *subjects = ggdm_test_alloc(n, sizeof *subjects);
    for (size_t i = 0; i < n; i++) {
        const size_t r = i % n_rows;
        ggdm_op_subject *s = &subjects[i];
        s->row = r < ggdm_op_n_rows ? &ggdm_op_rows[r] : &ggdm_composite_rows[r - ggdm_op_n_rows];
        s->dtype = i < n_rows ? GGDM_F32 : GGDM_BF16;
        snprintf(s->name, sizeof s->name, "%s%s", i < n_rows ? "" : "bf16 ", s->row->name);
        tests[i] = (struct CMUnitTest){s->name, test, NULL, NULL, s};
    }
    int failed = ggdm_test_run(group, tests, n);
    free(subjects);
    free(tests);
    return failed;
}
