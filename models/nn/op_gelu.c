/* GELU in its forms (op->gelu), and the feed-forward gate that is made of it. */
#include "models/nn/graph_impl.h"
#include "models/nn/kernels.h"
#include "models/nn/ops.h"

static ggdm_val emit(ggdm_graph *g, const ggdm_op_kind *kind, ggdm_val x, ggdm_val gy,
                     ggdm_gelu_form form, ggdm_shape shape)
{
    ggdm_op op = ggdm_op_make(kind, x, gy, -1, -1);
    op.gelu = form;
    op.out[0] = ggdm_graph_value(g, ggdm_graph_dtype(g, x), shape);
    return ggdm_graph_emit(g, &op);
}

static void gelu_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0);
    ggdm_k(x)->gelu(ggdm_act_image(x, n), ggdm_act_image(ggdm_out(g, op, 0), n),
                    ggdm_shape_inner(&x->shape), op->gelu);
}

/* in x, gy */
static void gelu_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0);
    ggdm_k(x)->gelu_bwd(ggdm_act_image(x, n), ggdm_act_image(ggdm_in(g, op, 1), n),
                        ggdm_act_image(ggdm_out(g, op, 0), n), ggdm_shape_inner(&x->shape),
                        op->gelu);
}

static const ggdm_op_kind kind_gelu_bwd = {.name = "gelu_backward", .run_image = gelu_bwd_run};

static void gelu_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    (void)need;
    gin[0] = emit(g, &kind_gelu_bwd, op->in[0], gy, op->gelu, *ggdm_graph_shape(g, op->in[0]));
}

static const ggdm_op_kind kind_gelu = {.name = "gelu", .run_image = gelu_run, .vjp = gelu_vjp};

ggdm_val ggdm_gelu(ggdm_graph *g, ggdm_val x, ggdm_gelu_form form)
{
    const ggdm_value *v = ggdm_graph_check(g, "gelu", "x", x, 0);
    if (!v)
        return -1;
    const ggdm_shape shape = v->shape;
    return emit(g, &kind_gelu, ggdm_graph_act(g, x), -1, form, shape);
}

/* ---- y = a gelu(b) with [a, b] = x ---- */

/* Rows of an image of y or of gy [.., C]. */
static int64_t rows_of(const ggdm_value *y)
{
    return ggdm_shape_inner(&y->shape) / y->shape.d[y->shape.n - 1];
}

static void geglu_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *y = ggdm_out(g, op, 0);
    ggdm_k(x)->geglu(ggdm_act_image(x, n), ggdm_act_image(y, n), rows_of(y),
                     y->shape.d[y->shape.n - 1]);
}

/* in x, gy */
static void geglu_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *gy = ggdm_in(g, op, 1);
    ggdm_k(x)->geglu_bwd(ggdm_act_image(x, n), ggdm_act_image(gy, n),
                         ggdm_act_image(ggdm_out(g, op, 0), n), rows_of(gy),
                         gy->shape.d[gy->shape.n - 1]);
}

static const ggdm_op_kind kind_geglu_bwd = {.name = "geglu_backward", .run_image = geglu_bwd_run};

static void geglu_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                      ggdm_val *gin)
{
    (void)need;
    gin[0] = emit(g, &kind_geglu_bwd, op->in[0], gy, op->gelu, *ggdm_graph_shape(g, op->in[0]));
}

static const ggdm_op_kind kind_geglu = {.name = "geglu", .run_image = geglu_run, .vjp = geglu_vjp};

ggdm_val ggdm_geglu(ggdm_graph *g, ggdm_val x)
{
    const ggdm_value *v = ggdm_graph_check(g, "geglu", "x", x, 0);
    if (!v)
        return -1;
    ggdm_shape shape = v->shape;
    const int64_t c = shape.d[shape.n - 1];
    if (shape.n < 2 || c % 2)
        return ggdm_graph_fail(g, GGDM_ESHAPE,
                               "geglu: x has %lld channels, expected an even number",
                               shape.n < 2 ? 0 : (long long)c);
    shape.d[shape.n - 1] = c / 2;
    return emit(g, &kind_geglu, ggdm_graph_act(g, x), -1, GGDM_GELU_ERF, shape);
}
