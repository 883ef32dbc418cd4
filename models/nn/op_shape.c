/* Ops that move pixels: concatenation, upsampling, the mean over all, flattening. */
#include <string.h>

#include "models/nn/graph_impl.h"
#include "models/nn/ops.h"

/* An op whose result has the activation dtype of its shape. */
static ggdm_val emit(ggdm_graph *g, ggdm_op op, ggdm_shape shape)
{
    op.out[0] = ggdm_graph_value(g, ggdm_graph_act_dtype(g, &shape), shape);
    return ggdm_graph_emit(g, &op);
}

/* One whose result has the shape and dtype of value like. */
static ggdm_val emit_like(ggdm_graph *g, ggdm_op op, ggdm_val like)
{
    op.out[0] = ggdm_graph_value(g, ggdm_graph_dtype(g, like), *ggdm_graph_shape(g, like));
    return ggdm_graph_emit(g, &op);
}

static int64_t channels(const ggdm_shape *s)
{
    return s->d[s->n - 1];
}

/* Copy rows of width bytes, which are from and to apart. */
static void copy_rows(const void *from, size_t from_stride, void *to, size_t to_stride,
                      size_t width, int64_t rows)
{
    const char *src = from;
    char *dst = to;
    for (int64_t r = 0; r < rows; r++, src += from_stride, dst += to_stride)
        memcpy(dst, src, width);
}

/* ---- concatenation along the last dimension, and the slice that is its gradient, too ---- */

static void concat_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *y = ggdm_out(g, op, 0);
    size_t size = ggdm_dtype_size(y->dtype), to = size * (size_t)channels(&y->shape), offset = 0;
    int64_t rows = ggdm_shape_inner(&y->shape) / channels(&y->shape);
    for (int i = 0; i < 2; i++) {
        const ggdm_value *x = ggdm_in(g, op, i);
        size_t width = size * (size_t)channels(&x->shape);
        copy_rows(ggdm_act_image(x, n), width, (char *)ggdm_act_image(y, n) + offset, to, width,
                  rows);
        offset += width;
    }
}

/* Of each group of x's channels the same ones. */
static void slice_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *y = ggdm_out(g, op, 0);
    const int64_t groups = op->slice.groups, count = channels(&y->shape) / groups;
    const size_t size = ggdm_dtype_size(y->dtype), width = size * (size_t)count;
    copy_rows((char *)ggdm_act_image(x, n) + size * (size_t)op->slice.first,
              size * (size_t)(channels(&x->shape) / groups), ggdm_act_image(y, n), width, width,
              ggdm_shape_inner(&y->shape) / count);
}

/* Zero an image of which not all elements will be written. */
static void *cleared_image(const ggdm_value *v, int64_t n)
{
    return memset(ggdm_act_image(v, n), 0,
                  ggdm_dtype_size(v->dtype) * (size_t)ggdm_shape_inner(&v->shape));
}

static void slice_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *gy = ggdm_in(g, op, 0), *gx = ggdm_out(g, op, 0);
    const int64_t groups = op->slice.groups, count = channels(&gy->shape) / groups;
    const size_t size = ggdm_dtype_size(gx->dtype), width = size * (size_t)count;
    copy_rows(ggdm_act_image(gy, n), width,
              (char *)cleared_image(gx, n) + size * (size_t)op->slice.first,
              size * (size_t)(channels(&gx->shape) / groups), width,
              ggdm_shape_inner(&gy->shape) / count);
}

static const ggdm_op_kind kind_slice_bwd = {.name = "slice_backward", .run_image = slice_bwd_run};

static void slice_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                      ggdm_val *gin)
{
    (void)need;
    ggdm_op bwd = ggdm_op_make(&kind_slice_bwd, gy, -1, -1, -1);
    bwd.slice = op->slice;
    gin[0] = emit_like(g, bwd, op->in[0]);
}

static const ggdm_op_kind kind_slice = {.name = "slice", .run_image = slice_run, .vjp = slice_vjp};

/* Channels first .. first + count - 1 of each group. */
static ggdm_op slice_op(ggdm_val x, int groups, int first)
{
    ggdm_op op = ggdm_op_make(&kind_slice, x, -1, -1, -1);
    op.slice.groups = groups;
    op.slice.first = first;
    return op;
}

ggdm_val ggdm_slice_channels(ggdm_graph *g, ggdm_val x, int first, int count)
{
    const ggdm_value *v = ggdm_graph_check(g, "slice_channels", "x", x, 0);
    if (!v)
        return -1;
    ggdm_shape shape = v->shape;
    if (shape.n < 2 || first < 0 || count < 1 || count > channels(&shape) - first)
        return ggdm_graph_fail(g, GGDM_ESHAPE, "slice_channels: %d from %d on, of %lld", count,
                               first, shape.n < 2 ? 0 : (long long)channels(&shape));
    shape.d[shape.n - 1] = count;
    ggdm_op op = slice_op(ggdm_graph_f32(g, x), 1, first);
    op.out[0] = ggdm_graph_value(g, GGDM_F32, shape);
    return ggdm_graph_emit(g, &op);
}

ggdm_val ggdm_part_channels(ggdm_graph *g, ggdm_val x, int groups, int parts, int part)
{
    const ggdm_value *v = ggdm_graph_check(g, "part_channels", "x", x, 0);
    if (!v)
        return -1;
    ggdm_shape shape = v->shape;
    if (shape.n < 2 || groups < 1 || parts < 1 || part < 0 || part >= parts ||
        channels(&shape) % ((int64_t)groups * parts))
        return ggdm_graph_fail(g, GGDM_ESHAPE,
                               "part_channels: part %d of %d, of each of %d groups of %lld", part,
                               parts, groups, shape.n < 2 ? 0 : (long long)channels(&shape));
    shape.d[shape.n - 1] /= parts;
    const int width = (int)(channels(&shape) / groups);
    return emit(g, slice_op(ggdm_graph_act(g, x), groups, part * width), shape);
}

static void concat_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                       ggdm_val *gin)
{
    int first = 0;
    for (int i = 0; i < 2; i++) {
        ggdm_shape shape = *ggdm_graph_shape(g, op->in[i]);
        if (need[i])
            gin[i] = emit(g, slice_op(gy, 1, first), shape);
        first += (int)channels(&shape);
    }
}

static const ggdm_op_kind kind_concat = {
    .name = "concat", .run_image = concat_run, .vjp = concat_vjp};

ggdm_val ggdm_concat(ggdm_graph *g, ggdm_val a, ggdm_val b)
{
    const ggdm_value *va = ggdm_graph_check(g, "concat", "a", a, 0);
    const ggdm_value *vb = ggdm_graph_check(g, "concat", "b", b, 0);
    if (!va || !vb)
        return -1;
    ggdm_shape shape = va->shape, other = vb->shape;
    int last = shape.n - 1;
    int64_t c = shape.d[last];
    other.d[other.n - 1] = c;
    if (shape.n < 2 || !ggdm_shape_equal(&shape, &other))
        return ggdm_graph_fail(g, GGDM_ESHAPE, "concat: operands differ in more than channels");
    shape.d[last] = c + vb->shape.d[last];
    a = ggdm_graph_act(g, a);
    b = ggdm_graph_act(g, b);
    return emit(g, ggdm_op_make(&kind_concat, a, b, -1, -1), shape);
}

/* ---- nearest upsampling by two; its gradient sums 2x2 blocks ---- */

static void upsample_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0);
    const size_t h = (size_t)x->shape.d[1], w = (size_t)x->shape.d[2];
    const size_t pixel = ggdm_dtype_size(x->dtype) * (size_t)x->shape.d[3];
    const char *src = ggdm_act_image(x, n);
    char *line = ggdm_act_image(ggdm_out(g, op, 0), n);
    for (size_t i = 0; i < h; i++, line += 4 * w * pixel) {
        for (size_t j = 0; j < w; j++, src += pixel) {
            memcpy(line + 2 * j * pixel, src, pixel);
            memcpy(line + (2 * j + 1) * pixel, src, pixel);
        }
        memcpy(line + 2 * w * pixel, line, 2 * w * pixel);
    }
}

static void upsample_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *gx = ggdm_out(g, op, 0);
    const int64_t *d = gx->shape.d;
    ggdm_k(gx)->upsample_bwd(ggdm_act_image(ggdm_in(g, op, 0), n), ggdm_act_image(gx, n), d[1],
                             d[2], d[3]);
}

static const ggdm_op_kind kind_upsample_bwd = {.name = "upsample2_backward",
                                               .run_image = upsample_bwd_run};

static void upsample_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                         ggdm_val *gin)
{
    (void)need;
    gin[0] =
        emit(g, ggdm_op_make(&kind_upsample_bwd, gy, -1, -1, -1), *ggdm_graph_shape(g, op->in[0]));
}

static const ggdm_op_kind kind_upsample = {
    .name = "upsample2", .run_image = upsample_run, .vjp = upsample_vjp};

ggdm_val ggdm_upsample2(ggdm_graph *g, ggdm_val x)
{
    const ggdm_value *v = ggdm_graph_check(g, "upsample2", "x", x, 4);
    if (!v)
        return -1;
    const ggdm_shape s = v->shape;
    return emit(g, ggdm_op_make(&kind_upsample, ggdm_graph_act(g, x), -1, -1, -1),
                GGDM_SHAPE4(s.d[0], 2 * s.d[1], 2 * s.d[2], s.d[3]));
}

/* ---- mean over the pixels: [N, H, W, C] -> [N, C] ---- */

static void mean_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *y = ggdm_out(g, op, 0);
    const int64_t *d = x->shape.d;
    float *mean = ggdm_f32_image(y, n);
    ggdm_k(x)->sum_rows(ggdm_act_image(x, n), mean, d[1] * d[2], d[2], d[3]);
    ggdm_k(y)->affine(1.0f / (float)(d[1] * d[2]), mean, 0.0f, mean, d[3]);
}

static void mean_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *gx = ggdm_out(g, op, 0);
    const int64_t pixels = gx->shape.d[1] * gx->shape.d[2];
    ggdm_k(gx)->spread(1.0f / (float)pixels, ggdm_f32_image(ggdm_in(g, op, 0), n),
                       ggdm_act_image(gx, n), pixels, gx->shape.d[3]);
}

static const ggdm_op_kind kind_mean_bwd = {.name = "global_avg_pool_backward",
                                           .run_image = mean_bwd_run};

static void mean_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    (void)need;
    gin[0] = emit(g, ggdm_op_make(&kind_mean_bwd, gy, -1, -1, -1), *ggdm_graph_shape(g, op->in[0]));
}

static const ggdm_op_kind kind_mean = {
    .name = "global_avg_pool", .run_image = mean_run, .vjp = mean_vjp};

ggdm_val ggdm_global_avg_pool(ggdm_graph *g, ggdm_val x)
{
    const ggdm_value *v = ggdm_graph_check(g, "global_avg_pool", "x", x, 4);
    if (!v)
        return -1;
    const ggdm_shape shape = GGDM_SHAPE2(v->shape.d[0], v->shape.d[3]);
    return emit(g, ggdm_op_make(&kind_mean, ggdm_graph_act(g, x), -1, -1, -1), shape);
}

/* ---- [N, H, W, C] <-> [N, C*H*W] ---- */

static void flatten_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0);
    const int64_t *d = x->shape.d;
    ggdm_k(x)->flatten(ggdm_act_image(x, n), ggdm_f32_image(ggdm_out(g, op, 0), n), d[1] * d[2],
                       d[3]);
}

static void unflatten_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *gx = ggdm_out(g, op, 0);
    const int64_t *d = gx->shape.d;
    ggdm_k(gx)->unflatten(ggdm_f32_image(ggdm_in(g, op, 0), n), ggdm_act_image(gx, n), d[1] * d[2],
                          d[3]);
}

static const ggdm_op_kind kind_unflatten = {.name = "flatten_backward", .run_image = unflatten_run};

static void flatten_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                        ggdm_val *gin)
{
    (void)need;
    gin[0] =
        emit(g, ggdm_op_make(&kind_unflatten, gy, -1, -1, -1), *ggdm_graph_shape(g, op->in[0]));
}

static const ggdm_op_kind kind_flatten = {
    .name = "flatten", .run_image = flatten_run, .vjp = flatten_vjp};

ggdm_val ggdm_flatten(ggdm_graph *g, ggdm_val x)
{
    const ggdm_value *v = ggdm_graph_check(g, "flatten", "x", x, 4);
    if (!v)
        return -1;
    const ggdm_shape shape = GGDM_SHAPE2(v->shape.d[0], ggdm_shape_inner(&v->shape));
    return emit(g, ggdm_op_make(&kind_flatten, ggdm_graph_act(g, x), -1, -1, -1), shape);
}

/* ---- [N, ...] <-> [N, elements] ---- */

static void unroll_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0);
    ggdm_k(x)->to_f32(ggdm_act_image(x, n), ggdm_f32_image(ggdm_out(g, op, 0), n),
                      ggdm_shape_inner(&x->shape));
}

static void roll_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *gx = ggdm_out(g, op, 0);
    ggdm_k(gx)->from_f32(ggdm_f32_image(ggdm_in(g, op, 0), n), ggdm_act_image(gx, n),
                         ggdm_shape_inner(&gx->shape));
}

static const ggdm_op_kind kind_roll = {.name = "unroll_backward", .run_image = roll_run};

static void unroll_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                       ggdm_val *gin)
{
    (void)need;
    gin[0] = emit_like(g, ggdm_op_make(&kind_roll, gy, -1, -1, -1), op->in[0]);
}

static const ggdm_op_kind kind_unroll = {
    .name = "unroll", .run_image = unroll_run, .vjp = unroll_vjp};

ggdm_val ggdm_unroll(ggdm_graph *g, ggdm_val x)
{
    const ggdm_value *v = ggdm_graph_check(g, "unroll", "x", x, 0);
    if (!v)
        return -1;
    const ggdm_shape shape = GGDM_SHAPE2(v->shape.d[0], ggdm_shape_inner(&v->shape));
    return emit(g, ggdm_op_make(&kind_unroll, x, -1, -1, -1), shape);
}
