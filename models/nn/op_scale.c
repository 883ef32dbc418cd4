/* Ops that bring images and rows to a scale: to length one, to [0, 1], to a network's mean and
 * standard deviation.  f32 in any graph. */
#include <math.h>

#include "models/nn/graph_impl.h"
#include "models/nn/ops.h"

/* An op on an image of x, and of gy where it is a gradient, with the shape of x. */
static ggdm_val emit(ggdm_graph *g, const ggdm_op_kind *kind, ggdm_val x, ggdm_val gy)
{
    ggdm_op op = ggdm_op_make(kind, x, gy, -1, -1);
    op.out[0] = ggdm_graph_value(g, GGDM_F32, *ggdm_graph_shape(g, x));
    return ggdm_graph_emit(g, &op);
}

static double product(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

/* ---- y = x / |x| ---- */

/* 1 / |x|; 0 for what has no direction. */
static double inverse_length(const float *x, int64_t n)
{
    const double square = product(x, x, n);
    return square == 0 ? 0 : 1 / sqrt(square);
}

static void normalize_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *v = ggdm_in(g, op, 0);
    const int64_t c = v->shape.d[1];
    const float *x = ggdm_f32_image(v, n);
    float *y = ggdm_f32_image(ggdm_out(g, op, 0), n);
    const double r = inverse_length(x, c);
    for (int64_t i = 0; i < c; i++)
        y[i] = (float)(x[i] * r);
}

/* gx = r (gy - r^2 <gy, x> x) with r = 1 / |x|; in x, gy */
static void normalize_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *v = ggdm_in(g, op, 0);
    const int64_t c = v->shape.d[1];
    const float *x = ggdm_f32_image(v, n), *gy = ggdm_f32_image(ggdm_in(g, op, 1), n);
    float *gx = ggdm_f32_image(ggdm_out(g, op, 0), n);
    const double r = inverse_length(x, c), along = r * r * product(gy, x, c);
    for (int64_t i = 0; i < c; i++)
        gx[i] = (float)(r * (gy[i] - along * x[i]));
}

static const ggdm_op_kind kind_normalize_bwd = {.name = "normalize_backward",
                                                .run_image = normalize_bwd_run};

static void normalize_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                          ggdm_val *gin)
{
    (void)need;
    gin[0] = emit(g, &kind_normalize_bwd, op->in[0], gy);
}

static const ggdm_op_kind kind_normalize = {
    .name = "normalize", .run_image = normalize_run, .vjp = normalize_vjp};

ggdm_val ggdm_normalize(ggdm_graph *g, ggdm_val x)
{
    if (!ggdm_graph_check(g, "normalize", "x", x, 2))
        return -1;
    return emit(g, &kind_normalize, ggdm_graph_f32(g, x), -1);
}

/* ---- y = (x - min) / (max - min) of an image ---- */

typedef struct range {
    float min, max, span; /* span: max - min, or 1 for an image of one value */
} range;

static range range_of(const float *x, int64_t n)
{
    range r = {x[0], x[0], 1.0f};
    for (int64_t i = 1; i < n; i++) {
        r.min = x[i] < r.min ? x[i] : r.min;
        r.max = x[i] > r.max ? x[i] : r.max;
    }
    if (r.max != r.min)
        r.span = r.max - r.min;
    return r;
}

static void min_max_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *v = ggdm_in(g, op, 0);
    const int64_t count = ggdm_shape_inner(&v->shape);
    const float *x = ggdm_f32_image(v, n);
    float *y = ggdm_f32_image(ggdm_out(g, op, 0), n);
    const range r = range_of(x, count);
    for (int64_t i = 0; i < count; i++)
        y[i] = (x[i] - r.min) / r.span;
}

/* With S the sum of gy and P that of gy y, the smallest pixels share (P - S) / span and the largest
 * -P / span, as PyTorch has it; in x, gy. */
static void min_max_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *v = ggdm_in(g, op, 0);
    const int64_t count = ggdm_shape_inner(&v->shape);
    const float *x = ggdm_f32_image(v, n), *gy = ggdm_f32_image(ggdm_in(g, op, 1), n);
    float *gx = ggdm_f32_image(ggdm_out(g, op, 0), n);
    const range r = range_of(x, count);
    double sum = 0, with_y = 0;
    int64_t smallest = 0, largest = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += gy[i];
        with_y += (double)gy[i] * ((x[i] - r.min) / r.span);
        smallest += x[i] == r.min;
        largest += x[i] == r.max;
    }
    for (int64_t i = 0; i < count; i++) {
        double share = gy[i];
        if (x[i] == r.min)
            share += (with_y - sum) / (double)smallest;
        if (x[i] == r.max)
            share -= with_y / (double)largest;
        gx[i] = r.min == r.max ? 0.0f : (float)(share / r.span);
    }
}

static const ggdm_op_kind kind_min_max_bwd = {.name = "min_max_backward",
                                              .run_image = min_max_bwd_run};

static void min_max_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                        ggdm_val *gin)
{
    (void)need;
    gin[0] = emit(g, &kind_min_max_bwd, op->in[0], gy);
}

static const ggdm_op_kind kind_min_max = {
    .name = "min_max", .run_image = min_max_run, .vjp = min_max_vjp};

ggdm_val ggdm_min_max(ggdm_graph *g, ggdm_val x)
{
    if (!ggdm_graph_check(g, "min_max", "x", x, 0))
        return -1;
    return emit(g, &kind_min_max, ggdm_graph_f32(g, x), -1);
}

/* ---- y = x scale[c] + shift[c] (op->channels) ---- */

static void channel_affine_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *v = ggdm_in(g, op, 0);
    const int64_t c = v->shape.d[v->shape.n - 1];
    const float *x = ggdm_f32_image(v, n);
    float *y = ggdm_f32_image(ggdm_out(g, op, 0), n);
    for (int64_t i = 0; i < ggdm_shape_inner(&v->shape); i++)
        y[i] = x[i] * op->channels.scale[i % c] + op->channels.shift[i % c];
}

static void channel_affine_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                               ggdm_val *gin)
{
    (void)need;
    ggdm_op bwd = ggdm_op_make(op->kind, gy, -1, -1, -1);
    for (int c = 0; c < GGDM_AFFINE_CHANNELS; c++)
        bwd.channels.scale[c] = op->channels.scale[c];
    bwd.out[0] = ggdm_graph_value(g, GGDM_F32, *ggdm_graph_shape(g, gy));
    gin[0] = ggdm_graph_emit(g, &bwd);
}

static const ggdm_op_kind kind_channel_affine = {
    .name = "channel_affine", .run_image = channel_affine_run, .vjp = channel_affine_vjp};

ggdm_val ggdm_channel_affine(ggdm_graph *g, ggdm_val x, const double *scale, const double *shift)
{
    const ggdm_value *v = ggdm_graph_check(g, "channel_affine", "x", x, 0);
    if (!v)
        return -1;
    const ggdm_shape shape = v->shape;
    const int64_t c = shape.d[shape.n - 1];
    if (shape.n < 2 || c > GGDM_AFFINE_CHANNELS)
        return ggdm_graph_fail(g, GGDM_ESHAPE, "channel_affine: %lld channels, expected 1 to %d",
                               shape.n < 2 ? 0 : (long long)c, GGDM_AFFINE_CHANNELS);
    ggdm_op op = ggdm_op_make(&kind_channel_affine, ggdm_graph_f32(g, x), -1, -1, -1);
    for (int64_t i = 0; i < c; i++) {
        op.channels.scale[i] = (float)scale[i];
        op.channels.shift[i] = (float)shift[i];
    }
    op.out[0] = ggdm_graph_value(g, GGDM_F32, shape);
    return ggdm_graph_emit(g, &op);
}
