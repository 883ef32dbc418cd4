/* Ops that change the number of images in a batch: for networks that look at each image k times
 * under different conditions (classifier-free guidance).  The k rows of an image lie together: rows
 * n k ... n k + k - 1 are image n's, so that what belongs to an image is one piece of memory in any
 * batch.  Memory is moved as it is, in any dtype. */
#include <string.h>

#include "models/nn/graph_impl.h"
#include "models/nn/ops.h"

static size_t image_bytes(const ggdm_value *v)
{
    return ggdm_dtype_size(v->dtype) * (size_t)ggdm_shape_inner(&v->shape);
}

/* An op of a kind whose result has the dtype and image shape of value x, n images. */
static ggdm_val emit(ggdm_graph *g, const ggdm_op_kind *kind, ggdm_val x, int64_t n, int k,
                     int part)
{
    ggdm_shape shape = *ggdm_graph_shape(g, x);
    ggdm_op op = ggdm_op_make(kind, x, -1, -1, -1);
    shape.d[0] = n;
    op.batch.times = k;
    op.batch.part = part;
    op.out[0] = ggdm_graph_value(g, ggdm_graph_dtype(g, x), shape);
    return ggdm_graph_emit(g, &op);
}

/* ---- repeat: row r of y is image r / k of x; the gradient is the sum of an image's rows ---- */

static void repeat_run(const ggdm_graph *g, const ggdm_op *op, int64_t r)
{
    const ggdm_value *x = ggdm_in(g, op, 0);
    memcpy(ggdm_act_image(ggdm_out(g, op, 0), r), ggdm_act_image(x, r / op->batch.times),
           image_bytes(x));
}

static void repeat_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *gy = ggdm_in(g, op, 0);
    const int64_t first = n * op->batch.times;
    void *gx = ggdm_act_image(ggdm_out(g, op, 0), n);
    memcpy(gx, ggdm_act_image(gy, first), image_bytes(gy));
    for (int i = 1; i < op->batch.times; i++)
        ggdm_k(gy)->add(gx, ggdm_act_image(gy, first + i), gx, ggdm_shape_inner(&gy->shape));
}

static const ggdm_op_kind kind_repeat_bwd = {.name = "repeat_backward",
                                             .run_image = repeat_bwd_run};

static void repeat_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                       ggdm_val *gin)
{
    (void)need;
    gin[0] =
        emit(g, &kind_repeat_bwd, gy, ggdm_graph_shape(g, op->in[0])->d[0], op->batch.times, 0);
}

static const ggdm_op_kind kind_repeat = {
    .name = "repeat", .run_image = repeat_run, .vjp = repeat_vjp};

ggdm_val ggdm_repeat(ggdm_graph *g, ggdm_val x, int k)
{
    const ggdm_value *v = ggdm_graph_check(g, "repeat", "x", x, 0);
    if (!v)
        return -1;
    if (k < 1)
        return ggdm_graph_fail(g, GGDM_ESHAPE, "repeat: %d times, expected 1 or more", k);
    return emit(g, &kind_repeat, x, v->shape.d[0] * k, k, 0);
}

/* ---- join: memory lies in the order of the result already, and its gradient in that of x ---- */

static ggdm_val emit_as(ggdm_graph *g, const ggdm_op_kind *kind, ggdm_val x, ggdm_shape shape)
{
    ggdm_op op = ggdm_op_make(kind, x, -1, -1, -1);
    op.out[0] = ggdm_graph_value(g, ggdm_graph_dtype(g, x), shape);
    return ggdm_graph_emit(g, &op);
}

static void join_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *y = ggdm_out(g, op, 0);
    const size_t bytes = image_bytes(y);
    const void *from =
        x->shape.d[0] == y->shape.d[0] ? ggdm_act_image(x, n) : (char *)x->data + (size_t)n * bytes;
    memcpy(ggdm_act_image(y, n), from, bytes);
}

static void join_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    (void)need;
    gin[0] = emit_as(g, op->kind, gy, *ggdm_graph_shape(g, op->in[0]));
}

static const ggdm_op_kind kind_join = {.name = "join", .run_image = join_run, .vjp = join_vjp};

ggdm_val ggdm_join(ggdm_graph *g, ggdm_val x, int k)
{
    const ggdm_value *v = ggdm_graph_check(g, "join", "x", x, 0);
    if (!v)
        return -1;
    if (k < 1 || v->shape.n > 2 || v->shape.d[0] % k)
        return ggdm_graph_fail(g, GGDM_ESHAPE, "join: %d rows each, of %lld with %d dimensions", k,
                               (long long)v->shape.d[0], v->shape.n);
    return emit_as(g, &kind_join, x,
                   GGDM_SHAPE2(v->shape.d[0] / k, ggdm_shape_inner(&v->shape) * k));
}

/* ---- split: image n of y is row n k + part of x; the gradient of the other rows is 0 ---- */

static void split_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0);
    memcpy(ggdm_act_image(ggdm_out(g, op, 0), n),
           ggdm_act_image(x, n * op->batch.times + op->batch.part), image_bytes(x));
}

static void split_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t r)
{
    const ggdm_value *gy = ggdm_in(g, op, 0);
    void *gx = ggdm_act_image(ggdm_out(g, op, 0), r);
    if (r % op->batch.times == op->batch.part)
        memcpy(gx, ggdm_act_image(gy, r / op->batch.times), image_bytes(gy));
    else
        memset(gx, 0, image_bytes(gy));
}

static const ggdm_op_kind kind_split_bwd = {.name = "split_backward", .run_image = split_bwd_run};

static void split_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                      ggdm_val *gin)
{
    (void)need;
    gin[0] = emit(g, &kind_split_bwd, gy, ggdm_graph_shape(g, op->in[0])->d[0], op->batch.times,
                  op->batch.part);
}

static const ggdm_op_kind kind_split = {.name = "split", .run_image = split_run, .vjp = split_vjp};

ggdm_val ggdm_split(ggdm_graph *g, ggdm_val x, int k, int part)
{
    const ggdm_value *v = ggdm_graph_check(g, "split", "x", x, 0);
    if (!v)
        return -1;
    if (k < 1 || part < 0 || part >= k || v->shape.d[0] % k)
        return ggdm_graph_fail(g, GGDM_ESHAPE, "split: part %d of %d of a batch of %lld", part, k,
                               (long long)v->shape.d[0]);
    return emit(g, &kind_split, x, v->shape.d[0] / k, k, part);
}
