/* Elementwise ops and those that broadcast one row over an image. */
#include "models/nn/graph_impl.h"
#include "models/nn/kernels.h"
#include "models/nn/ops.h"

static int64_t inner(const ggdm_value *v)
{
    return ggdm_shape_inner(&v->shape);
}

/* An op whose result has the shape and dtype of value like. */
static ggdm_val emit_like(ggdm_graph *g, const ggdm_op_kind *kind, ggdm_val like, ggdm_val a,
                          ggdm_val b, ggdm_val c)
{
    ggdm_op op = ggdm_op_make(kind, a, b, c, -1);
    op.out[0] = ggdm_graph_value(g, ggdm_graph_dtype(g, like), *ggdm_graph_shape(g, like));
    return ggdm_graph_emit(g, &op);
}

/* ---- cast: y is x in another dtype, which op->out[0] has ---- */

static void cast_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *y = ggdm_out(g, op, 0);
    if (y->dtype == GGDM_F32)
        ggdm_k(x)->to_f32(ggdm_act_image(x, n), ggdm_act_image(y, n), inner(x));
    else
        ggdm_k(y)->from_f32(ggdm_act_image(x, n), ggdm_act_image(y, n), inner(x));
}

static void cast_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    (void)need;
    gin[0] = ggdm_cast(g, gy, ggdm_graph_dtype(g, op->in[0]));
}

static const ggdm_op_kind kind_cast = {.name = "cast", .run_image = cast_run, .vjp = cast_vjp};

ggdm_val ggdm_cast(ggdm_graph *g, ggdm_val x, ggdm_dtype dtype)
{
    if (x < 0 || ggdm_graph_dtype(g, x) == dtype)
        return x;
    for (size_t o = 0; o < g->n_ops; o++) /* several ops may take x */
        if (g->ops[o].kind == &kind_cast && g->ops[o].in[0] == x)
            return g->ops[o].out[0];
    ggdm_op op = ggdm_op_make(&kind_cast, x, -1, -1, -1);
    op.out[0] = ggdm_graph_value(g, dtype, *ggdm_graph_shape(g, x));
    return ggdm_graph_emit(g, &op);
}

ggdm_val ggdm_graph_act(ggdm_graph *g, ggdm_val v)
{
    return ggdm_cast(g, v, ggdm_graph_act_dtype(g, ggdm_graph_shape(g, v)));
}

ggdm_val ggdm_graph_f32(ggdm_graph *g, ggdm_val v)
{
    return ggdm_cast(g, v, GGDM_F32);
}

/* ---- activations: y = f(x); gx = gy f'(x) ---- */

#define ACTIVATION(of)                                                                             \
    static void of##_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)                        \
    {                                                                                              \
        const ggdm_value *x = ggdm_in(g, op, 0);                                                   \
        ggdm_k(x)->of(ggdm_act_image(x, n), ggdm_act_image(ggdm_out(g, op, 0), n), inner(x));      \
    }                                                                                              \
    static void of##_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)                    \
    {                                                                                              \
        const ggdm_value *x = ggdm_in(g, op, 0);                                                   \
        ggdm_k(x)->of##_bwd(ggdm_act_image(x, n), ggdm_act_image(ggdm_in(g, op, 1), n),            \
                            ggdm_act_image(ggdm_out(g, op, 0), n), inner(x));                      \
    }                                                                                              \
    static const ggdm_op_kind kind_##of##_bwd = {.name = #of "_backward",                          \
                                                 .run_image = of##_bwd_run};                       \
    static void of##_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,          \
                         ggdm_val *gin)                                                            \
    {                                                                                              \
        (void)need;                                                                                \
        gin[0] = emit_like(g, &kind_##of##_bwd, op->in[0], op->in[0], gy, -1);                     \
    }                                                                                              \
    static const ggdm_op_kind kind_##of = {.name = #of, .run_image = of##_run, .vjp = of##_vjp};   \
    ggdm_val ggdm_##of(ggdm_graph *g, ggdm_val x)                                                  \
    {                                                                                              \
        x = ggdm_graph_check(g, #of, "x", x, 0) ? ggdm_graph_act(g, x) : -1;                       \
        return x < 0 ? -1 : emit_like(g, &kind_##of, x, x, -1, -1);                                \
    }

ACTIVATION(silu)
ACTIVATION(relu)

/* ---- y = a + b: the gradient of both is gy itself ---- */

static void add_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *a = ggdm_in(g, op, 0);
    ggdm_k(a)->add(ggdm_act_image(a, n), ggdm_act_image(ggdm_in(g, op, 1), n),
                   ggdm_act_image(ggdm_out(g, op, 0), n), inner(a));
}

static void add_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    (void)g, (void)op, (void)need;
    gin[0] = gin[1] = gy;
}

static const ggdm_op_kind kind_add = {.name = "add", .run_image = add_run, .vjp = add_vjp};

ggdm_val ggdm_emit_add(ggdm_graph *g, ggdm_val a, ggdm_val b)
{
    return emit_like(g, &kind_add, a, a, b, -1);
}

ggdm_val ggdm_add(ggdm_graph *g, ggdm_val a, ggdm_val b)
{
    const ggdm_value *va = ggdm_graph_check(g, "add", "a", a, 0);
    const ggdm_value *vb = ggdm_graph_check(g, "add", "b", b, 0);
    if (!va || !vb)
        return -1;
    if (!ggdm_shape_equal(&va->shape, &vb->shape))
        return ggdm_graph_fail(g, GGDM_ESHAPE, "add: operands of different shapes");
    a = ggdm_graph_act(g, a);
    b = ggdm_graph_act(g, b);
    return ggdm_emit_add(g, a, b);
}

/* ---- x [N, H, W, C] or [N, T, C] + e [N, C] ---- */

static int64_t channels(const ggdm_value *x)
{
    return x->shape.d[x->shape.n - 1];
}

static int64_t pixels(const ggdm_value *x)
{
    return ggdm_shape_inner(&x->shape) / channels(x);
}

/* Pixels that are summed before they are added to the others. */
static int64_t line(const ggdm_value *x)
{
    return x->shape.d[x->shape.n - 2];
}

static void add_embedding_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0);
    ggdm_k(x)->affine_rows(ggdm_act_image(x, n), NULL, ggdm_f32_image(ggdm_in(g, op, 1), n),
                           ggdm_act_image(ggdm_out(g, op, 0), n), pixels(x), channels(x));
}

/* in gy [N, H, W, C]; out [N, C]: sum over the pixels */
static void sum_pixels_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0);
    ggdm_k(x)->sum_rows(ggdm_act_image(x, n), ggdm_f32_image(ggdm_out(g, op, 0), n), pixels(x),
                        line(x), channels(x));
}

static const ggdm_op_kind kind_sum_pixels = {.name = "sum_pixels", .run_image = sum_pixels_run};

static void add_embedding_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                              ggdm_val *gin)
{
    gin[0] = gy;
    if (need[1])
        gin[1] = emit_like(g, &kind_sum_pixels, op->in[1], gy, -1, -1);
}

static const ggdm_op_kind kind_add_embedding = {
    .name = "add_embedding", .run_image = add_embedding_run, .vjp = add_embedding_vjp};

/* x and e of the broadcasting ops fit: e has times * C features. */
static bool rows_fit(ggdm_graph *g, const char *op, ggdm_val x, ggdm_val e, int times)
{
    const ggdm_value *vx = ggdm_graph_check(g, op, "x", x, 0);
    const ggdm_value *ve = ggdm_graph_check(g, op, "e", e, 2);
    if (!vx || !ve)
        return false;
    if (vx->shape.n > 2 && ve->shape.d[0] == vx->shape.d[0] &&
        ve->shape.d[1] == times * channels(vx))
        return true;
    ggdm_graph_fail(g, GGDM_ESHAPE, "%s: embedding [%lld, %lld], expected [%lld, %lld]", op,
                    (long long)ve->shape.d[0], (long long)ve->shape.d[1], (long long)vx->shape.d[0],
                    (long long)(times * channels(vx)));
    return false;
}

ggdm_val ggdm_add_embedding(ggdm_graph *g, ggdm_val x, ggdm_val e)
{
    if (!rows_fit(g, "add_embedding", x, e, 1))
        return -1;
    x = ggdm_graph_act(g, x);
    return emit_like(g, &kind_add_embedding, x, x, e, -1);
}

/* ---- y = x (1 + s) + t with [s, t] = e [N, 2C] ---- */

static void scale_shift_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0);
    int64_t c = channels(x);
    const float *e = ggdm_f32_image(ggdm_in(g, op, 1), n);
    ggdm_k(x)->affine_rows(ggdm_act_image(x, n), e, e + c, ggdm_act_image(ggdm_out(g, op, 0), n),
                           pixels(x), c);
}

/* gx = gy (1 + s); in gy, e */
static void scale_shift_data_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *gy = ggdm_in(g, op, 0);
    ggdm_k(gy)->affine_rows(ggdm_act_image(gy, n), ggdm_f32_image(ggdm_in(g, op, 1), n), NULL,
                            ggdm_act_image(ggdm_out(g, op, 0), n), pixels(gy), channels(gy));
}

/* ge = [sum gy x, sum gy]; in gy, x */
static void scale_shift_rows_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *gy = ggdm_in(g, op, 0);
    int64_t c = channels(gy), w = line(gy);
    float *ge = ggdm_f32_image(ggdm_out(g, op, 0), n);
    const void *pgy = ggdm_act_image(gy, n);
    ggdm_k(gy)->sum_rows_product(pgy, ggdm_act_image(ggdm_in(g, op, 1), n), ge, pixels(gy), w, c);
    ggdm_k(gy)->sum_rows(pgy, ge + c, pixels(gy), w, c);
}

static const ggdm_op_kind kind_scale_shift_data = {.name = "scale_shift_backward_data",
                                                   .run_image = scale_shift_data_run};
static const ggdm_op_kind kind_scale_shift_rows = {.name = "scale_shift_backward_rows",
                                                   .run_image = scale_shift_rows_run};

static void scale_shift_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                            ggdm_val *gin)
{
    if (need[0])
        gin[0] = emit_like(g, &kind_scale_shift_data, op->in[0], gy, op->in[1], -1);
    if (need[1])
        gin[1] = emit_like(g, &kind_scale_shift_rows, op->in[1], gy, op->in[0], -1);
}

static const ggdm_op_kind kind_scale_shift = {
    .name = "scale_shift", .run_image = scale_shift_run, .vjp = scale_shift_vjp};

ggdm_val ggdm_scale_shift(ggdm_graph *g, ggdm_val x, ggdm_val e)
{
    if (!rows_fit(g, "scale_shift", x, e, 2))
        return -1;
    x = ggdm_graph_act(g, x);
    return emit_like(g, &kind_scale_shift, x, x, e, -1);
}

/* ---- y[n] = a[n] x[n] + b[n] z[n] ---- */

static void lincomb_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0);
    ggdm_k(x)->lincomb(ggdm_f32(ggdm_in(g, op, 2))[n], ggdm_act_image(x, n),
                       ggdm_f32(ggdm_in(g, op, 3))[n], ggdm_act_image(ggdm_in(g, op, 1), n),
                       ggdm_act_image(ggdm_out(g, op, 0), n), inner(x));
}

static void lincomb_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                        ggdm_val *gin)
{
    for (int i = 0; i < 2; i++)
        if (need[i])
            gin[i] = ggdm_scale_rows(g, gy, op->in[2 + i]);
}

static const ggdm_op_kind kind_lincomb = {
    .name = "lincomb", .run_image = lincomb_run, .vjp = lincomb_vjp};

ggdm_val ggdm_lincomb(ggdm_graph *g, ggdm_val x, ggdm_val y, ggdm_val a, ggdm_val b)
{
    const ggdm_value *vx = ggdm_graph_check(g, "lincomb", "x", x, 0);
    const ggdm_value *vy = ggdm_graph_check(g, "lincomb", "y", y, 0);
    const ggdm_value *va = ggdm_graph_check(g, "lincomb", "a", a, 1);
    const ggdm_value *vb = ggdm_graph_check(g, "lincomb", "b", b, 1);
    if (!vx || !vy || !va || !vb)
        return -1;
    if (!ggdm_shape_equal(&vx->shape, &vy->shape) || va->shape.d[0] != vx->shape.d[0] ||
        vb->shape.d[0] != vx->shape.d[0])
        return ggdm_graph_fail(g, GGDM_ESHAPE, "lincomb: operands of different shapes");
    x = ggdm_graph_f32(g, x);
    y = ggdm_graph_f32(g, y);
    ggdm_op op = ggdm_op_make(&kind_lincomb, x, y, a, b);
    op.out[0] = ggdm_graph_value(g, GGDM_F32, *ggdm_graph_shape(g, x));
    return ggdm_graph_emit(g, &op);
}

/* ---- y = scale x + shift, with constants (op->affine); in x ---- */

static void affine_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0);
    ggdm_k(x)->affine((float)op->affine.scale, ggdm_act_image(x, n), (float)op->affine.shift,
                      ggdm_act_image(ggdm_out(g, op, 0), n), inner(x));
}

static void affine_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                       ggdm_val *gin)
{
    (void)need;
    gin[0] = ggdm_affine(g, gy, op->affine.scale, 0.0);
}

static const ggdm_op_kind kind_affine = {
    .name = "affine", .run_image = affine_run, .vjp = affine_vjp};

ggdm_val ggdm_affine(ggdm_graph *g, ggdm_val x, double scale, double shift)
{
    if (!ggdm_graph_check(g, "affine", "x", x, 0))
        return -1;
    x = ggdm_graph_act(g, x);
    ggdm_op op = ggdm_op_make(&kind_affine, x, -1, -1, -1);
    op.affine.scale = scale;
    op.affine.shift = shift;
    op.out[0] = ggdm_graph_value(g, ggdm_graph_dtype(g, x), *ggdm_graph_shape(g, x));
    return ggdm_graph_emit(g, &op);
}
