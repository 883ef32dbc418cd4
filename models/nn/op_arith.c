/* Arithmetic of losses and guidances.  What they compute of an image decides bits of the result, so
 * operands and results are f32 in any graph; sums run over one image in order, in double. */
#include <math.h>

#include "models/nn/graph_impl.h"
#include "models/nn/kernels.h"
#include "models/nn/ops.h"

/* Image n of an op's operands and of its result. */
typedef struct image {
    const float *in[GGDM_MAX_IN];
    float *out;
    int64_t size; /* elements of the first operand's image */
} image;

static image at(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    image m = {.out = ggdm_f32_image(ggdm_out(g, op, 0), n),
               .size = ggdm_shape_inner(&ggdm_in(g, op, 0)->shape)};
    for (int i = 0; i < GGDM_MAX_IN && op->in[i] >= 0; i++)
        m.in[i] = ggdm_f32_image(ggdm_in(g, op, i), n);
    return m;
}

/* The run function of an op whose element i is the expression, of operands a, b, c. */
#define ELEMENTWISE(name, expression)                                                              \
    static void name##_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)                      \
    {                                                                                              \
        const image m = at(g, op, n);                                                              \
        for (int64_t i = 0; i < m.size; i++)                                                       \
            m.out[i] = (expression);                                                               \
    }
#define A m.in[0][i]
#define B m.in[1][i]
#define C m.in[2][i]

static ggdm_val emit(ggdm_graph *g, ggdm_op op, ggdm_shape shape)
{
    op.out[0] = ggdm_graph_value(g, GGDM_F32, shape);
    return ggdm_graph_emit(g, &op);
}

/* An op whose result has the shape of a. */
static ggdm_val emit_like(ggdm_graph *g, const ggdm_op_kind *kind, ggdm_val a, ggdm_val b,
                          ggdm_val c)
{
    return emit(g, ggdm_op_make(kind, a, b, c, -1), *ggdm_graph_shape(g, a));
}

/* a and b are values of equal shapes, from now on in f32. */
static bool alike(ggdm_graph *g, const char *op, ggdm_val *a, ggdm_val *b)
{
    const ggdm_value *va = ggdm_graph_check(g, op, "a", *a, 0);
    const ggdm_value *vb = ggdm_graph_check(g, op, "b", *b, 0);
    if (!va || !vb)
        return false;
    if (!ggdm_shape_equal(&va->shape, &vb->shape)) {
        ggdm_graph_fail(g, GGDM_ESHAPE, "%s: operands of different shapes", op);
        return false;
    }
    *a = ggdm_graph_f32(g, *a);
    *b = ggdm_graph_f32(g, *b);
    return true;
}

/* ---- y = x held in [lo, hi] (op->clamp); NaN stays NaN ---- */

ELEMENTWISE(clamp, (A < op->clamp.lo) ? op->clamp.lo : (A > op->clamp.hi) ? op->clamp.hi : A)
ELEMENTWISE(clamp_bwd, A >= op->clamp.lo && A <= op->clamp.hi ? B : 0.0f) /* in x, gy */

static const ggdm_op_kind kind_clamp_bwd = {.name = "clamp_backward", .run_image = clamp_bwd_run};

static void clamp_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                      ggdm_val *gin)
{
    (void)need;
    ggdm_op bwd = ggdm_op_make(&kind_clamp_bwd, op->in[0], gy, -1, -1);
    bwd.clamp = op->clamp;
    gin[0] = emit(g, bwd, *ggdm_graph_shape(g, gy));
}

static const ggdm_op_kind kind_clamp = {.name = "clamp", .run_image = clamp_run, .vjp = clamp_vjp};

ggdm_val ggdm_clamp(ggdm_graph *g, ggdm_val x, double lo, double hi)
{
    const ggdm_value *v = ggdm_graph_check(g, "clamp", "x", x, 0);
    if (!v)
        return -1;
    if (!(lo <= hi))
        return ggdm_graph_fail(g, GGDM_EINVAL, "clamp: from %g to %g, expected a range", lo, hi);
    const ggdm_shape shape = v->shape;
    ggdm_op op = ggdm_op_make(&kind_clamp, ggdm_graph_f32(g, x), -1, -1, -1);
    op.clamp.lo = (float)lo;
    op.clamp.hi = (float)hi;
    return emit(g, op, shape);
}

/* ---- y = a - b ---- */

ELEMENTWISE(sub, A - B)
ELEMENTWISE(negate, -A)

static const ggdm_op_kind kind_negate = {.name = "sub_backward", .run_image = negate_run};

static void sub_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    (void)op;
    gin[0] = gy;
    if (need[1])
        gin[1] = emit_like(g, &kind_negate, gy, -1, -1);
}

static const ggdm_op_kind kind_sub = {.name = "sub", .run_image = sub_run, .vjp = sub_vjp};

ggdm_val ggdm_sub(ggdm_graph *g, ggdm_val a, ggdm_val b)
{
    return alike(g, "sub", &a, &b) ? emit_like(g, &kind_sub, a, b, -1) : -1;
}

/* ---- y = a b ---- */

ELEMENTWISE(mul, (A * B))

static void mul_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    for (int i = 0; i < 2; i++)
        if (need[i])
            gin[i] = ggdm_mul(g, gy, op->in[1 - i]);
}

static const ggdm_op_kind kind_mul = {.name = "mul", .run_image = mul_run, .vjp = mul_vjp};

ggdm_val ggdm_mul(ggdm_graph *g, ggdm_val a, ggdm_val b)
{
    return alike(g, "mul", &a, &b) ? emit_like(g, &kind_mul, a, b, -1) : -1;
}

/* ---- y = a / b; ga = gy / b, gb = -gy y / b ---- */

ELEMENTWISE(div, A / B)
ELEMENTWISE(div_bwd, -(float)((double)A / C * B)) /* in gy, y, b */

static const ggdm_op_kind kind_div_bwd = {.name = "div_backward", .run_image = div_bwd_run};

static void div_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    if (need[0])
        gin[0] = ggdm_div(g, gy, op->in[1]);
    if (need[1])
        gin[1] = emit_like(g, &kind_div_bwd, gy, op->out[0], op->in[1]);
}

static const ggdm_op_kind kind_div = {.name = "div", .run_image = div_run, .vjp = div_vjp};

ggdm_val ggdm_div(ggdm_graph *g, ggdm_val a, ggdm_val b)
{
    return alike(g, "div", &a, &b) ? emit_like(g, &kind_div, a, b, -1) : -1;
}

/* ---- y = sqrt(x); gx = gy / 2 y, where x = 0 nothing: a norm of nothing pulls nowhere ---- */

ELEMENTWISE(sqrt, sqrtf(A))
ELEMENTWISE(sqrt_bwd, B == 0.0f ? 0.0f : 0.5f * A / B) /* in gy, y */

static const ggdm_op_kind kind_sqrt_bwd = {.name = "sqrt_backward", .run_image = sqrt_bwd_run};

static void sqrt_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    (void)need;
    gin[0] = emit_like(g, &kind_sqrt_bwd, gy, op->out[0], -1);
}

static const ggdm_op_kind kind_sqrt = {.name = "sqrt", .run_image = sqrt_run, .vjp = sqrt_vjp};

ggdm_val ggdm_sqrt(ggdm_graph *g, ggdm_val x)
{
    if (!ggdm_graph_check(g, "sqrt", "x", x, 0))
        return -1;
    return emit_like(g, &kind_sqrt, ggdm_graph_f32(g, x), -1, -1);
}

/* ---- y = e^x; gx = gy y ---- */

ELEMENTWISE(exp, (float)exp(A))

static void exp_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    (void)need;
    gin[0] =
        emit(g, ggdm_op_make(&kind_mul, gy, op->out[0], -1, -1), *ggdm_graph_shape(g, op->in[0]));
}

static const ggdm_op_kind kind_exp = {.name = "exp", .run_image = exp_run, .vjp = exp_vjp};

ggdm_val ggdm_exp(ggdm_graph *g, ggdm_val x)
{
    const ggdm_value *v = ggdm_graph_check(g, "exp", "x", x, 0);
    if (!v)
        return -1;
    const ggdm_shape shape = v->shape.n ? v->shape : GGDM_SHAPE1(1);
    return emit(g, ggdm_op_make(&kind_exp, ggdm_graph_f32(g, x), -1, -1, -1), shape);
}

/* ---- y = 2 asin(s)^2, s = sqrt(x) / 2; gx = gy asin(s) / (2 s sqrt(1 - s^2)) ---- */

/* Of unit vectors that point the same way s is 0; of opposite ones it is 1, or a hair more. */
static double half_distance(float x)
{
    return x > 0 ? fmin(sqrt((double)x) / 2, 1) : 0;
}

static double arc_slope(float x)
{
    const double s = half_distance(x), tiny = 1e-12;
    return s < 1e-8 ? 0.5 : asin(s) / (2 * s * sqrt(fmax(1 - s * s, tiny)));
}

ELEMENTWISE(arc, (float)(2 * asin(half_distance(A)) * asin(half_distance(A))))
ELEMENTWISE(arc_bwd, (float)(A *arc_slope(B))) /* in gy, x */

static const ggdm_op_kind kind_arc_bwd = {.name = "arc_backward", .run_image = arc_bwd_run};

static void arc_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    (void)need;
    gin[0] = emit_like(g, &kind_arc_bwd, gy, op->in[0], -1);
}

static const ggdm_op_kind kind_arc = {.name = "arc", .run_image = arc_run, .vjp = arc_vjp};

ggdm_val ggdm_arc(ggdm_graph *g, ggdm_val x)
{
    if (!ggdm_graph_check(g, "arc", "x", x, 0))
        return -1;
    return emit_like(g, &kind_arc, ggdm_graph_f32(g, x), -1, -1);
}

/* ---- y[n] = <a[n], b[n]>: each gradient is the other operand times gy[n] ---- */

static void dot_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const image m = at(g, op, n);
    double sum = 0;
    for (int64_t i = 0; i < m.size; i++)
        sum += (double)A * B;
    *m.out = (float)sum;
}

static void dot_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    for (int i = 0; i < 2; i++)
        if (need[i])
            gin[i] = ggdm_scale_rows(g, op->in[1 - i], gy);
}

static const ggdm_op_kind kind_dot = {.name = "dot", .run_image = dot_run, .vjp = dot_vjp};

ggdm_val ggdm_dot(ggdm_graph *g, ggdm_val a, ggdm_val b)
{
    if (!alike(g, "dot", &a, &b))
        return -1;
    return emit(g, ggdm_op_make(&kind_dot, a, b, -1, -1),
                GGDM_SHAPE1(ggdm_graph_shape(g, a)->d[0]));
}

/* ---- y[n] = a[n] x[n] ---- */

static void scale_rows_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const image m = at(g, op, n);
    ggdm_kernels_of(GGDM_F32)->affine(*m.in[1], m.in[0], 0.0f, m.out, m.size);
}

static void scale_rows_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                           ggdm_val *gin)
{
    if (need[0])
        gin[0] = ggdm_scale_rows(g, gy, op->in[1]);
    if (need[1])
        gin[1] = ggdm_dot(g, gy, op->in[0]);
}

static const ggdm_op_kind kind_scale_rows = {
    .name = "scale_rows", .run_image = scale_rows_run, .vjp = scale_rows_vjp};

ggdm_val ggdm_scale_rows(ggdm_graph *g, ggdm_val x, ggdm_val a)
{
    const ggdm_value *vx = ggdm_graph_check(g, "scale_rows", "x", x, 0);
    const ggdm_value *va = ggdm_graph_check(g, "scale_rows", "a", a, 1);
    if (!vx || !va)
        return -1;
    if (va->shape.d[0] != vx->shape.d[0])
        return ggdm_graph_fail(g, GGDM_ESHAPE, "scale_rows: %lld factors for %lld images",
                               (long long)va->shape.d[0], (long long)vx->shape.d[0]);
    return emit_like(g, &kind_scale_rows, ggdm_graph_f32(g, x), a, -1);
}

/* ---- y[n] = log sum_k exp(x[n, k]); gx = gy exp(x - y), y in double ---- */

static void log_sum_exp_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const image m = at(g, op, n);
    *m.out = (float)ggdm_k_log_sum_exp(m.in[0], m.size);
}

static void log_sum_exp_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const image m = at(g, op, n); /* in x, gy */
    const double y = ggdm_k_log_sum_exp(m.in[0], m.size);
    for (int64_t i = 0; i < m.size; i++)
        m.out[i] = (float)(*m.in[1] * exp(A - y));
}

static const ggdm_op_kind kind_log_sum_exp_bwd = {.name = "log_sum_exp_backward",
                                                  .run_image = log_sum_exp_bwd_run};

static void log_sum_exp_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                            ggdm_val *gin)
{
    (void)need;
    gin[0] = emit_like(g, &kind_log_sum_exp_bwd, op->in[0], gy, -1);
}

static const ggdm_op_kind kind_log_sum_exp = {
    .name = "log_sum_exp", .run_image = log_sum_exp_run, .vjp = log_sum_exp_vjp};

ggdm_val ggdm_log_sum_exp(ggdm_graph *g, ggdm_val x)
{
    const ggdm_value *v = ggdm_graph_check(g, "log_sum_exp", "x", x, 2);
    return v ? emit(g, ggdm_op_make(&kind_log_sum_exp, x, -1, -1, -1), GGDM_SHAPE1(v->shape.d[0]))
             : -1;
}
