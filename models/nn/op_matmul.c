/* The linear layer, and attention as batched products (by oneDNN) and softmax. */
#include <math.h>
#include <string.h>

#include "models/nn/graph_impl.h"
#include "models/nn/kernels.h"
#include "models/nn/ops.h"

/* Products in pieces, each one call of oneDNN for one thread: op->prim computes one. */
static ggdm_status prepare(ggdm_op *op, const ggdm_matmul_shape *piece, ggdm_error *err)
{
    ggdm_prim_destroy(&op->prim);
    GGDM_TRY(ggdm_prim_matmul(piece, &op->prim, err));
    op->scratch_bytes = (size_t)ggdm_prim_seats(op->prim) * ggdm_prim_scratch(op->prim);
    return GGDM_OK;
}

/* Piece i is part i % parts of image i / parts: elements from one image, and one part, to the
 * next, in A, B and C. */
typedef struct product_call {
    const ggdm_graph *g;
    const ggdm_op *op;
    int64_t images, parts, image_step[3], part_step[3];
} product_call;

static void run_piece(const void *with, int64_t piece, int seat)
{
    const product_call *call = with;
    const ggdm_op *op = call->op;
    const ggdm_value *v[3] = {ggdm_in(call->g, op, 0), ggdm_in(call->g, op, 1),
                              ggdm_out(call->g, op, 0)};
    char *at[3];
    for (int i = 0; i < 3; i++)
        at[i] = (char *)v[i]->data + (piece / call->parts * call->image_step[i] +
                                      piece % call->parts * call->part_step[i]) *
                                         (int64_t)ggdm_dtype_size(v[i]->dtype);
    ggdm_prim_run(op->prim, seat, at[0], at[1], at[2], NULL,
                  (char *)op->scratch + (size_t)seat * ggdm_prim_scratch(op->prim));
}

static void run_products(const product_call *call)
{
    ggdm_prim_share(call->op->prim, call->images * call->parts, run_piece, call);
}

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

static double linear_flops(const ggdm_graph *g, const ggdm_op *op)
{
    return 2.0 * (double)rows_of(&ggdm_in(g, op, 0)->shape) *
           (double)ggdm_shape_count(&ggdm_in(g, op, 1)->shape);
}

static void linear_run(const ggdm_graph *g, const ggdm_op *op)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *w = ggdm_in(g, op, 1), *b = ggdm_in(g, op, 2);
    const int64_t m = rows_of(&x->shape), out = w->shape.d[0], in = w->shape.d[1];
    float *y = ggdm_f32(ggdm_out(g, op, 0));
    const ggdm_kernels *k = ggdm_kernels_of(GGDM_F32);
#pragma omp parallel for schedule(static) if (m * in * out >= FORK_PRODUCTS)
    for (int64_t o = 0; o < out; o++)
        k->linear_feature(ggdm_f32(x), ggdm_f32(w) + o * in, b ? ggdm_f32(b)[o] : 0.0f, y + o, m,
                          in, out);
}

/* gx [M, I] = gy [M, O] w [O, I] */
static void linear_data_run(const ggdm_graph *g, const ggdm_op *op)
{
    const ggdm_value *gy = ggdm_in(g, op, 0), *w = ggdm_in(g, op, 1);
    const int64_t m = rows_of(&gy->shape), out = w->shape.d[0], in = w->shape.d[1];
    float *gx = ggdm_f32(ggdm_out(g, op, 0));
    const ggdm_kernels *k = ggdm_kernels_of(GGDM_F32);
#pragma omp parallel for schedule(static) if (m * in * out >= FORK_PRODUCTS)
    for (int64_t i = 0; i < in; i += GGDM_LINEAR_COLUMNS)
        k->linear_bwd_columns(ggdm_f32(gy), ggdm_f32(w) + i, gx + i, m, in, out,
                              in - i < GGDM_LINEAR_COLUMNS ? in - i : GGDM_LINEAR_COLUMNS);
}

static const ggdm_op_kind kind_linear_data = {
    .name = "linear_backward_data", .run = linear_data_run, .flops = linear_flops};

/* gw [O, I] = gy^T [O, M] x [M, I], some rows of gw at a time */

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
    return prepare(op, &s, err);
}

static double linear_weights_flops(const ggdm_graph *g, const ggdm_op *op)
{
    return 2.0 * (double)rows_of(&ggdm_in(g, op, 0)->shape) *
           (double)ggdm_shape_count(&ggdm_out(g, op, 0)->shape);
}

static void linear_weights_run(const ggdm_graph *g, const ggdm_op *op)
{
    const int64_t *gw = ggdm_out(g, op, 0)->shape.d, rows = rows_at_a_time(gw[0]);
    const product_call call = {
        .g = g, .op = op, .images = 1, .parts = gw[0] / rows, .part_step = {rows, 0, rows * gw[1]}};
    run_products(&call);
}

static const ggdm_op_kind kind_linear_weights = {.name = "linear_backward_weights",
                                                 .prepare = linear_weights_prepare,
                                                 .run = linear_weights_run,
                                                 .flops = linear_weights_flops};

/* gb [O] = sum over the rows of gy [M, O] */
static void bias_run(const ggdm_graph *g, const ggdm_op *op)
{
    const ggdm_value *gy = ggdm_in(g, op, 0), *gb = ggdm_out(g, op, 0);
    int64_t m = rows_of(&gy->shape), o = gb->shape.d[0];
    ggdm_k(gy)->sum_rows(gy->data, ggdm_f32(gb), m, 32, o);
}

static const ggdm_op_kind kind_bias = {.name = "linear_backward_bias", .run = bias_run};

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

static const ggdm_op_kind kind_linear = {
    .name = "linear", .run = linear_run, .vjp = linear_vjp, .flops = linear_flops};

ggdm_val ggdm_linear(ggdm_graph *g, ggdm_val x, ggdm_val w, ggdm_val b)
{
    const ggdm_value *vx = ggdm_graph_check(g, "linear", "x", x, 0);
    const ggdm_value *vw = ggdm_graph_check(g, "linear", "w", w, 2);
    const ggdm_value *vb = b < 0 ? NULL : ggdm_graph_check(g, "linear", "b", b, 1);
    if (!vx || !vw || (b >= 0 && !vb))
        return -1;
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

/* ---- attention products: operands are tokens x [N, T, C] seen as [N, H, T, D], or weights
 * p [N, H, T, S] ---- */

/* Strides of a value in the order head, row, column. */
static void view(const ggdm_shape *s, int heads, bool weights, bool transposed, int64_t *out)
{
    const int64_t t = s->d[s->n - 2], c = s->d[s->n - 1];
    out[0] = weights ? t * c : c / heads;
    out[1] = transposed ? 1 : c;
    out[2] = transposed ? c : 1;
}

/* Heads that one piece computes: one, or all where a head has one channel, as oneDNN 3.7 returns
 * wrong numbers for single columns with a stride. */
static int heads_at_a_time(const ggdm_graph *g, const ggdm_op *op)
{
    const ggdm_value *v[3] = {ggdm_in(g, op, 0), ggdm_in(g, op, 1), ggdm_out(g, op, 0)};
    for (int i = 0; i < 3; i++)
        if (!op->product.weights[i] && v[i]->shape.d[v[i]->shape.n - 1] == op->product.heads)
            return op->product.heads;
    return 1;
}

/* in a, b; out c.  A result that is weights (scores, or a gradient of weights) is f32: a softmax
 * follows. */
static ggdm_matmul_shape product_shape(const ggdm_graph *g, const ggdm_op *op)
{
    const ggdm_shape *a = &ggdm_in(g, op, 0)->shape, *b = &ggdm_in(g, op, 1)->shape;
    const ggdm_shape *c = &ggdm_out(g, op, 0)->shape;
    const int heads = op->product.heads;
    const bool *weights = op->product.weights;
    const int64_t a_rows = a->d[a->n - 2], a_cols = a->d[a->n - 1] / (weights[0] ? 1 : heads);
    const int64_t b_rows = b->d[b->n - 2], b_cols = b->d[b->n - 1] / (weights[1] ? 1 : heads);
    ggdm_matmul_shape s = {.b = heads_at_a_time(g, op),
                           .m = op->product.a_turned ? a_cols : a_rows,
                           .n = op->product.b_turned ? b_rows : b_cols,
                           .k = op->product.a_turned ? a_rows : a_cols,
                           .dtype = g->dtype,
                           .c_dtype = ggdm_out(g, op, 0)->dtype};
    view(a, heads, weights[0], op->product.a_turned, s.a_strides);
    view(b, heads, weights[1], op->product.b_turned, s.b_strides);
    view(c, heads, weights[2], false, s.c_strides);
    return s;
}

static ggdm_status product_prepare(ggdm_graph *g, ggdm_op *op, ggdm_error *err)
{
    const ggdm_matmul_shape s = product_shape(g, op);
    return prepare(op, &s, err);
}

static double product_flops(const ggdm_graph *g, const ggdm_op *op)
{
    const ggdm_matmul_shape s = product_shape(g, op);
    return 2.0 * (double)(ggdm_in(g, op, 0)->shape.d[0] * op->product.heads) * (double)(s.m * s.n) *
           (double)s.k;
}

/* A piece is a head of an image, or some. */
static void product_run(const ggdm_graph *g, const ggdm_op *op)
{
    const ggdm_value *v[3] = {ggdm_in(g, op, 0), ggdm_in(g, op, 1), ggdm_out(g, op, 0)};
    const int together = heads_at_a_time(g, op);
    product_call call = {
        .g = g, .op = op, .images = v[0]->shape.d[0], .parts = op->product.heads / together};
    for (int i = 0; i < 3; i++) {
        int64_t strides[3];
        view(&v[i]->shape, op->product.heads, op->product.weights[i], false, strides);
        call.part_step[i] = strides[0] * together;
        call.image_step[i] = ggdm_shape_inner(&v[i]->shape);
    }
    run_products(&call);
}

static void product_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                        ggdm_val *gin);

static const ggdm_op_kind kind_product = {.name = "attention_product",
                                          .prepare = product_prepare,
                                          .run = product_run,
                                          .vjp = product_vjp,
                                          .flops = product_flops};

static ggdm_val product(ggdm_graph *g, ggdm_val a, bool a_turned, ggdm_val b, bool b_turned,
                        int heads, const bool weights[3], ggdm_shape shape)
{
    ggdm_op op = ggdm_op_make(&kind_product, a, b, -1, -1);
    op.product.heads = heads;
    op.product.a_turned = a_turned;
    op.product.b_turned = b_turned;
    memcpy(op.product.weights, weights, sizeof op.product.weights);
    op.out[0] = ggdm_graph_value(g, weights[2] ? GGDM_F32 : g->dtype, shape);
    return ggdm_graph_emit(g, &op);
}

/* forward: C = A op(B), A never transposed in forward ops (B may be):
 *   ga = gc op(B)^T;  gb = A^T gc, or gc^T A where B is transposed. */
static void product_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                        ggdm_val *gin)
{
    const bool *w = op->product.weights, turned = op->product.b_turned;
    const bool ga[3] = {w[2], w[1], w[0]}, gb[3] = {w[turned ? 2 : 0], w[turned ? 0 : 2], w[1]};
    const int heads = op->product.heads;
    const ggdm_val a = op->in[0], b = op->in[1];
    if (need[0])
        gin[0] = product(g, gy, false, b, !turned, heads, ga, *ggdm_graph_shape(g, a));
    if (need[1])
        gin[1] = product(g, turned ? gy : a, true, turned ? a : gy, false, heads, gb,
                         *ggdm_graph_shape(g, b));
}

/* softmax over the last dimension of [N, H, T, S] and scaled: f32 scores to weights of the
 * graph's dtype; its gradient goes from f32 to that dtype too, for the products that follow */

/* Of the keys of image n those that position t looks at are the first so many. */
static int64_t keys_of(const ggdm_op *op, const ggdm_value *n_keys, int64_t n, int64_t t, int64_t s)
{
    int64_t keys = op->softmax.causal && t + 1 < s ? t + 1 : s;
    if (n_keys && ((const int32_t *)n_keys->data)[n] < keys)
        keys = ((const int32_t *)n_keys->data)[n];
    return keys < 0 ? 0 : keys;
}

static void softmax_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *y = ggdm_out(g, op, 0);
    const int64_t positions = x->shape.d[2], s = x->shape.d[3];
    const size_t size = ggdm_dtype_size(y->dtype);
    for (int64_t r = 0; r < x->shape.d[1] * positions; r++) {
        const int64_t keys = keys_of(op, ggdm_in(g, op, 1), n, r % positions, s);
        char *to = (char *)ggdm_act_image(y, n) + (size_t)(r * s) * size;
        if (keys > 0)
            ggdm_k(y)->softmax(ggdm_f32_image(x, n) + r * s, to, 1, keys, (float)op->softmax.scale);
        memset(to + (size_t)keys * size, 0, (size_t)(s - keys) * size);
    }
}

static void softmax_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *y = ggdm_in(g, op, 0), *gy = ggdm_in(g, op, 1), *gx = ggdm_out(g, op, 0);
    const int64_t positions = y->shape.d[2], s = y->shape.d[3];
    const size_t size = ggdm_dtype_size(gx->dtype);
    for (int64_t r = 0; r < y->shape.d[1] * positions; r++) {
        const int64_t keys = keys_of(op, ggdm_in(g, op, 2), n, r % positions, s);
        const char *from = (char *)ggdm_act_image(y, n) + (size_t)(r * s) * size;
        char *to = (char *)ggdm_act_image(gx, n) + (size_t)(r * s) * size;
        if (keys > 0)
            ggdm_k(y)->softmax_bwd(from, ggdm_f32_image(gy, n) + r * s, to, 1, keys,
                                   (float)op->softmax.scale);
        memset(to + (size_t)keys * size, 0, (size_t)(s - keys) * size);
    }
}

static const ggdm_op_kind kind_softmax_bwd = {.name = "softmax_backward",
                                              .run_image = softmax_bwd_run};

static void softmax_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                        ggdm_val *gin)
{
    (void)need;
    ggdm_op bwd = ggdm_op_make(&kind_softmax_bwd, op->out[0], gy, op->in[1], -1);
    bwd.softmax = op->softmax;
    bwd.out[0] = ggdm_graph_value(g, g->dtype, *ggdm_graph_shape(g, op->in[0]));
    gin[0] = ggdm_graph_emit(g, &bwd);
}

static const ggdm_op_kind kind_softmax = {
    .name = "softmax", .run_image = softmax_run, .vjp = softmax_vjp};

/* [N, H, W, C] or [N, T, C] seen as tokens [N, T, C]: same memory, so no op is needed; only the
 * shape that the products see differs. */
static ggdm_shape tokens(const ggdm_shape *s)
{
    int64_t c = s->d[s->n - 1];
    return GGDM_SHAPE3(s->d[0], ggdm_shape_inner(s) / c, c);
}

static ggdm_val reshape(ggdm_graph *g, ggdm_val x, ggdm_shape shape);

static void reshape_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *y = ggdm_out(g, op, 0);
    size_t bytes = ggdm_dtype_size(x->dtype) * (size_t)ggdm_shape_inner(&x->shape);
    memcpy((char *)y->data + (size_t)n * bytes, (char *)x->data + (size_t)n * bytes, bytes);
}

static void reshape_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                        ggdm_val *gin)
{
    (void)need;
    gin[0] = reshape(g, gy, *ggdm_graph_shape(g, op->in[0]));
}

static const ggdm_op_kind kind_reshape = {
    .name = "reshape", .run_image = reshape_run, .vjp = reshape_vjp};

static ggdm_val reshape(ggdm_graph *g, ggdm_val x, ggdm_shape shape)
{
    if (ggdm_shape_equal(ggdm_graph_shape(g, x), &shape))
        return x;
    ggdm_op op = ggdm_op_make(&kind_reshape, x, -1, -1, -1);
    op.out[0] = ggdm_graph_value(g, g->dtype, shape);
    return ggdm_graph_emit(g, &op);
}

ggdm_val ggdm_attention(ggdm_graph *g, ggdm_val q, ggdm_val k, ggdm_val v, ggdm_val n_keys,
                        ggdm_heads heads)
{
    const ggdm_value *vq = ggdm_graph_check(g, "attention", "q", q, 0);
    const ggdm_value *vk = ggdm_graph_check(g, "attention", "k", k, 0);
    const ggdm_value *vv = ggdm_graph_check(g, "attention", "v", v, 0);
    const ggdm_value *vn =
        n_keys < 0 ? NULL : ggdm_graph_check(g, "attention", "n_keys", n_keys, 1);
    if (!vq || !vk || !vv || (n_keys >= 0 && !vn))
        return -1;
    const ggdm_shape shape = vq->shape;
    if (shape.n < 3 || vk->shape.n < 3 || !ggdm_shape_equal(&vk->shape, &vv->shape))
        return ggdm_graph_fail(g, GGDM_ESHAPE,
                               "attention: k and v have different shapes, or q, k and v no "
                               "positions");
    const ggdm_shape t = tokens(&shape), s = tokens(&vk->shape);
    if (t.d[0] != s.d[0] || t.d[2] != s.d[2])
        return ggdm_graph_fail(
            g, GGDM_ESHAPE, "attention: q has %lld images of %lld channels, k %lld of %lld",
            (long long)t.d[0], (long long)t.d[2], (long long)s.d[0], (long long)s.d[2]);
    if (vn && (vn->dtype != GGDM_I32 || vn->shape.d[0] != t.d[0]))
        return ggdm_graph_fail(g, GGDM_ESHAPE, "attention: n_keys is not [%lld] i32",
                               (long long)t.d[0]);
    if (heads.n < 1 || t.d[2] % heads.n)
        return ggdm_graph_fail(g, GGDM_ESHAPE, "attention: %d heads do not divide %lld channels",
                               heads.n, (long long)t.d[2]);
    const ggdm_shape scores = GGDM_SHAPE4(t.d[0], heads.n, t.d[1], s.d[1]);
    q = reshape(g, ggdm_graph_act(g, q), t);
    k = reshape(g, ggdm_graph_act(g, k), s);
    v = reshape(g, ggdm_graph_act(g, v), s);
    static const bool to_weights[3] = {[2] = true}, by_weights[3] = {true};
    ggdm_val products = product(g, q, false, k, true, heads.n, to_weights, scores);
    ggdm_op softmax = ggdm_op_make(&kind_softmax, products, n_keys, -1, -1);
    softmax.softmax.scale = 1.0 / sqrt((double)(t.d[2] / heads.n));
    softmax.softmax.causal = heads.causal;
    softmax.out[0] = ggdm_graph_value(g, g->dtype, scores);
    ggdm_val p = ggdm_graph_emit(g, &softmax);
    return reshape(g, product(g, p, false, v, false, heads.n, by_weights, t), shape);
}
