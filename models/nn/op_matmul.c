/* The linear layer. */
#include "models/nn/graph_impl.h"
#include "models/nn/kernels.h"
#include "models/nn/ops.h"

/* Rows of a matrix view: everything but the last dimension. */
static int64_t rows_of(const ggdm_shape *s)
{
    return ggdm_shape_count(s) / s->d[s->n - 1];
}

/* ---- linear over rows, in f32: y [M, O] = x [M, I] w^T [I, O] + b ----
 *
 * Rows are images, and the library chooses its order of summation by their number and by the
 * threads (oneDNN 3.7 for 3136 features, for example): so these two are our own kernels. */

#define FORK_PRODUCTS 100000 /* below, threads cost more than they save */
#define WEIGHTS (1u << 1)    /* input 1: features of texts, too */

static double linear_flops(const ggdm_graph *g, const ggdm_op *op)
{
    return 2.0 * (double)rows_of(&ggdm_in(g, op, 0)->shape) *
           (double)ggdm_shape_count(&ggdm_in(g, op, 1)->shape);
}

static void linear_run(const ggdm_graph *g, const ggdm_op *op, ggdm_images images)
{
    const ggdm_value *w = ggdm_in(g, op, 1), *b = ggdm_in(g, op, 2);
    const int64_t m = images.n, out = w->shape.d[0], in = w->shape.d[1];
    const float *x = ggdm_f32_image(ggdm_in(g, op, 0), images.first);
    float *y = ggdm_f32_image(ggdm_out(g, op, 0), images.first);
    const ggdm_kernels *k = ggdm_kernels_of(GGDM_F32);
#pragma omp parallel for schedule(static) if (images.seat < 0 && m * in * out >= FORK_PRODUCTS)
    for (int64_t o = 0; o < out; o++)
        k->linear_feature(x, ggdm_f32(w) + o * in, b ? ggdm_f32(b)[o] : 0.0f, y + o, m, in, out);
}

/* gx [M, I] = gy [M, O] w [O, I] */
static void linear_data_run(const ggdm_graph *g, const ggdm_op *op, ggdm_images images)
{
    const ggdm_value *w = ggdm_in(g, op, 1);
    const int64_t m = images.n, out = w->shape.d[0], in = w->shape.d[1];
    const float *gy = ggdm_f32_image(ggdm_in(g, op, 0), images.first);
    float *gx = ggdm_f32_image(ggdm_out(g, op, 0), images.first);
    const ggdm_kernels *k = ggdm_kernels_of(GGDM_F32);
#pragma omp parallel for schedule(static) if (images.seat < 0 && m * in * out >= FORK_PRODUCTS)
    for (int64_t i = 0; i < in; i += GGDM_LINEAR_COLUMNS)
        k->linear_bwd_columns(gy, ggdm_f32(w) + i, gx + i, m, in, out,
                              in - i < GGDM_LINEAR_COLUMNS ? in - i : GGDM_LINEAR_COLUMNS);
}

static const ggdm_op_kind kind_linear_data = {.name = "linear_backward_data",
                                              .run = linear_data_run,
                                              .flops = linear_flops,
                                              .whole = WEIGHTS};

/* gw [O, I] = gy^T [O, M] x [M, I], some rows of gw at a time: each such piece is a call of oneDNN
 * for one thread */

#define ROWS_AT_A_TIME 32

static int64_t rows_at_a_time(int64_t o)
{
    int64_t rows = o < ROWS_AT_A_TIME ? o : ROWS_AT_A_TIME;
    while (o % rows)
        rows--;
    return rows;
}

static ggdm_status linear_weights_prepare(ggdm_graph *g, ggdm_op *op, ggdm_error *err)
{
    const ggdm_shape *gy = &ggdm_in(g, op, 0)->shape, *gw = &ggdm_out(g, op, 0)->shape;
    const int64_t m = rows_of(gy), o = gw->d[0], i = gw->d[1], rows = rows_at_a_time(o);
    const ggdm_matmul_shape s = {.b = 1,
                                 .m = rows,
                                 .n = i,
                                 .k = m,
                                 .a_strides = {m * o, 1, o},
                                 .b_strides = {m * i, i, 1},
                                 .c_strides = {o * i, i, 1},
                                 .dtype = GGDM_F32,
                                 .c_dtype = GGDM_F32};
    ggdm_prim_destroy(&op->prim);
    GGDM_TRY(ggdm_prim_matmul(&s, &op->prim, err));
    op->scratch_bytes = (size_t)ggdm_prim_seats(op->prim) * ggdm_prim_scratch(op->prim);
    return GGDM_OK;
}

static double linear_weights_flops(const ggdm_graph *g, const ggdm_op *op)
{
    return 2.0 * (double)rows_of(&ggdm_in(g, op, 0)->shape) *
           (double)ggdm_shape_count(&ggdm_out(g, op, 0)->shape);
}

typedef struct weights_call {
    const ggdm_graph *g;
    const ggdm_op *op;
} weights_call;

static void run_piece(const void *with, int64_t piece, int seat)
{
    const weights_call *call = with;
    const ggdm_op *op = call->op;
    const ggdm_value *gy = ggdm_in(call->g, op, 0), *x = ggdm_in(call->g, op, 1);
    const ggdm_value *gw = ggdm_out(call->g, op, 0);
    const int64_t first = piece * rows_at_a_time(gw->shape.d[0]);
    ggdm_prim_run(op->prim, seat, ggdm_f32(gy) + first, x->data,
                  ggdm_f32(gw) + first * gw->shape.d[1], NULL,
                  (char *)op->scratch + (size_t)seat * ggdm_prim_scratch(op->prim));
}

static void linear_weights_run(const ggdm_graph *g, const ggdm_op *op)
{
    const int64_t o = ggdm_out(g, op, 0)->shape.d[0];
    const weights_call call = {g, op};
    ggdm_prim_share(op->prim, GGDM_ALL_SEATS, o / rows_at_a_time(o), run_piece, &call);
}

static const ggdm_op_kind kind_linear_weights = {.name = "linear_backward_weights",
                                                 .prepare = linear_weights_prepare,
                                                 .run_batch = linear_weights_run,
                                                 .flops = linear_weights_flops};

/* gb [O] = sum over the rows of gy [M, O] */
static void bias_run(const ggdm_graph *g, const ggdm_op *op)
{
    const ggdm_value *gy = ggdm_in(g, op, 0), *gb = ggdm_out(g, op, 0);
    int64_t m = rows_of(&gy->shape), o = gb->shape.d[0];
    ggdm_k(gy)->sum_rows(gy->data, ggdm_f32(gb), m, 32, o);
}

static const ggdm_op_kind kind_bias = {.name = "bias_backward", .run_batch = bias_run};

ggdm_val ggdm_emit_bias_gradient(ggdm_graph *g, ggdm_val gy, ggdm_shape shape)
{
    ggdm_op op = ggdm_op_make(&kind_bias, gy, -1, -1, -1);
    op.out[0] = ggdm_graph_value(g, GGDM_F32, shape);
    return ggdm_graph_emit(g, &op);
}

static void linear_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                       ggdm_val *gin)
{
    const struct {
        const ggdm_op_kind *kind;
        ggdm_val a, b;
    } products[3] = {{&kind_linear_data, gy, op->in[1]},
                     {&kind_linear_weights, gy, op->in[0]},
                     {&kind_bias, gy, -1}};
    for (int i = 0; i < 3; i++) {
        if (!need[i])
            continue;
        ggdm_op product = ggdm_op_make(products[i].kind, products[i].a, products[i].b, -1, -1);
        product.out[0] = ggdm_graph_value(g, GGDM_F32, *ggdm_graph_shape(g, op->in[i]));
        gin[i] = ggdm_graph_emit(g, &product);
    }
}

static const ggdm_op_kind kind_linear = {.name = "linear",
                                         .run = linear_run,
                                         .vjp = linear_vjp,
                                         .flops = linear_flops,
                                         .whole = WEIGHTS};

ggdm_val ggdm_linear(ggdm_graph *g, ggdm_val x, ggdm_val w, ggdm_val b)
{
    const ggdm_value *vx = ggdm_graph_check(g, "linear", "x", x, 0);
    const ggdm_value *vw = ggdm_graph_check(g, "linear", "w", w, 0);
    const ggdm_value *vb = b < 0 ? NULL : ggdm_graph_check(g, "linear", "b", b, 1);
    if (!vx || !vw || (b >= 0 && !vb))
        return -1;
    if (vw->shape.n < 2 || vw->shape.d[2] != 1 || vw->shape.d[3] != 1)
        return ggdm_graph_fail(g, GGDM_ESHAPE, "linear: weights are no matrix");
    ggdm_shape shape = vx->shape;
    int64_t *last = &shape.d[shape.n - 1];
    if (*last != vw->shape.d[1] || (vb && vb->shape.d[0] != vw->shape.d[0]))
        return ggdm_graph_fail(g, GGDM_ESHAPE,
                               "linear: weights for %lld features, input has %lld, or the bias "
                               "has not the length %lld",
                               (long long)vw->shape.d[1], (long long)*last,
                               (long long)vw->shape.d[0]);
    *last = vw->shape.d[0];
    if (shape.n > 2)
        return ggdm_emit_linear_conv(g, x, w, b, shape);
    ggdm_op op = ggdm_op_make(&kind_linear, x, w, b, -1);
    op.out[0] = ggdm_graph_value(g, GGDM_F32, shape);
    return ggdm_graph_emit(g, &op);
}
