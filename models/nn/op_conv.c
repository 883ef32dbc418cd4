/* 2-D convolution and its gradients, by convolve.h; also the linear layer over the
 * channels of images or sequences, which is a 1x1 convolution, and the transposed convolution,
 * which is the gradient of one to its source. */
#include <string.h>

#include "common/mem.h"
#include "models/nn/graph_impl.h"
#include "models/nn/kernels.h"
#include "models/nn/ops.h"

/* A sequence [N, T, C] is an image of one line; a long one is of several, which several threads can
 * compute (direct.c).  A line of 256 positions is at the peak as a longer one is. */
static ggdm_shape as_image(const ggdm_shape *s)
{
    enum { MAX_LINES = 16, MIN_LINE = 256 };
    if (s->n != 3)
        return *s;
    int64_t lines = s->d[1] / MIN_LINE;
    if (lines > MAX_LINES)
        lines = MAX_LINES;
    while (lines > 1 && s->d[1] % lines != 0)
        lines--;
    if (lines < 1)
        lines = 1;
    return GGDM_SHAPE4(s->d[0], lines, s->d[1] / lines, s->d[2]);
}

/* The convolution whose source, weights [O, I] or [O, I, KH, KW] and destination are these. */
static ggdm_conv_shape conv_shape(const ggdm_op *op, const ggdm_value *src,
                                  const ggdm_shape *weights, const ggdm_value *dst, bool bias)
{
    const ggdm_shape s = as_image(&src->shape), d = as_image(&dst->shape);
    int64_t w[GGDM_MAX_DIMS];
    memcpy(w, weights->d, sizeof w);
    if (ggdm_shape_inner(weights) == s.d[3]) /* a linear layer, also where it is of patches */
        w[2] = w[3] = 1;
    return (ggdm_conv_shape){s.d[0], s.d[1], s.d[2],   s.d[3], d.d[1],     d.d[2],    d.d[3],
                             w[2],   w[3],   op->conv, bias,   src->dtype, dst->dtype};
}

/* Of each pass: a multiplication and an addition for each destination value and weight of it. */
static double count_flops(const ggdm_value *dst, const ggdm_value *weights)
{
    return 2.0 * (double)ggdm_shape_count(&dst->shape) * (double)ggdm_shape_inner(&weights->shape);
}

static double forward_flops(const ggdm_graph *g, const ggdm_op *op)
{
    return count_flops(ggdm_out(g, op, 0), ggdm_in(g, op, 1));
}

static double data_flops(const ggdm_graph *g, const ggdm_op *op)
{
    return count_flops(ggdm_in(g, op, 0), ggdm_in(g, op, 1));
}

static double weights_flops(const ggdm_graph *g, const ggdm_op *op)
{
    return count_flops(ggdm_in(g, op, 1), ggdm_out(g, op, 0));
}

/* weights: NULL where they are what is computed. */
static ggdm_status prepare(ggdm_graph *g, ggdm_op *op, const ggdm_conv_shape *s,
                           ggdm_conv_pass pass, const ggdm_value *weights, ggdm_error *err)
{
    const void *plain = weights ? weights->data : NULL;
    ggdm_prim_destroy(&op->prim);
    ggdm_convolve_destroy(&op->convolve);
    if (pass == GGDM_CONV_BACKWARD_WEIGHTS) {
        GGDM_TRY(ggdm_prim_conv(s, pass, plain, g->packs, &op->prim, err));
        op->scratch_bytes = ggdm_prim_scratch(op->prim);
    } else {
        GGDM_TRY(ggdm_convolve_create(s, pass, plain, g->packs, &op->convolve, err));
        op->scratch_bytes = ggdm_convolve_scratch(op->convolve);
    }
    return GGDM_OK;
}

/* forward: in x, w, b; out y */
static ggdm_status forward_prepare(ggdm_graph *g, ggdm_op *op, ggdm_error *err)
{
    ggdm_conv_shape s = conv_shape(op, ggdm_in(g, op, 0), &ggdm_in(g, op, 1)->shape,
                                   ggdm_out(g, op, 0), op->in[2] >= 0);
    return prepare(g, op, &s, GGDM_CONV_FORWARD, ggdm_in(g, op, 1), err);
}

static void pack(ggdm_graph *g, ggdm_op *op)
{
    ggdm_convolve_pack(op->convolve, ggdm_in(g, op, 1)->data);
}

/* in src or its counterpart, w, bias where there is one; out dst or its counterpart */
static void run(const ggdm_graph *g, const ggdm_op *op, ggdm_images images)
{
    const ggdm_value *b = ggdm_in(g, op, 2);
    ggdm_convolve_run(op->convolve, ggdm_act_image(ggdm_in(g, op, 0), images.first),
                      b ? b->data : NULL, ggdm_act_image(ggdm_out(g, op, 0), images.first),
                      images.n, images.seat, ggdm_scratch(g, op, images.seat));
}

/* gradient of src: in gy, w; out gx */
static ggdm_status data_prepare(ggdm_graph *g, ggdm_op *op, ggdm_error *err)
{
    ggdm_conv_shape s =
        conv_shape(op, ggdm_out(g, op, 0), &ggdm_in(g, op, 1)->shape, ggdm_in(g, op, 0), false);
    return prepare(g, op, &s, GGDM_CONV_BACKWARD_DATA, ggdm_in(g, op, 1), err);
}

static const ggdm_op_kind kind_data = {.name = "conv2d_backward_data",
                                       .prepare = data_prepare,
                                       .bind = pack,
                                       .run = run,
                                       .flops = data_flops};

/* gradient of weights: in x, gy; out gw, gb */
static ggdm_status weights_prepare(ggdm_graph *g, ggdm_op *op, ggdm_error *err)
{
    ggdm_conv_shape s = conv_shape(op, ggdm_in(g, op, 0), &ggdm_out(g, op, 0)->shape,
                                   ggdm_in(g, op, 1), op->out[1] >= 0);
    return prepare(g, op, &s, GGDM_CONV_BACKWARD_WEIGHTS, NULL, err);
}

static void weights_run(const ggdm_graph *g, const ggdm_op *op)
{
    const ggdm_value *gb = ggdm_out(g, op, 1);
    ggdm_prim_run(op->prim, 0, ggdm_in(g, op, 0)->data, ggdm_in(g, op, 1)->data,
                  ggdm_out(g, op, 0)->data, gb ? gb->data : NULL, op->scratch);
}

static const ggdm_op_kind kind_weights = {.name = "conv2d_backward_weights",
                                          .prepare = weights_prepare,
                                          .run_batch = weights_run,
                                          .flops = weights_flops};

static void conv_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    gy = ggdm_graph_act(g, gy);
    if (need[0]) {
        ggdm_op data = ggdm_op_make(&kind_data, gy, op->in[1], -1, -1);
        data.conv = op->conv;
        data.out[0] =
            ggdm_graph_value(g, ggdm_graph_dtype(g, op->in[0]), *ggdm_graph_shape(g, op->in[0]));
        gin[0] = ggdm_graph_emit(g, &data);
    }
    if (need[1] || need[2]) {
        ggdm_op weights = ggdm_op_make(&kind_weights, op->in[0], gy, -1, -1);
        weights.conv = op->conv;
        weights.out[0] = ggdm_graph_value(g, GGDM_F32, *ggdm_graph_shape(g, op->in[1]));
        if (op->in[2] >= 0)
            weights.out[1] = ggdm_graph_value(g, GGDM_F32, *ggdm_graph_shape(g, op->in[2]));
        gin[1] = ggdm_graph_emit(g, &weights);
        gin[2] = weights.out[1];
    }
}

static const ggdm_op_kind kind_conv = {.name = "conv2d",
                                       .prepare = forward_prepare,
                                       .bind = pack,
                                       .run = run,
                                       .vjp = conv_vjp,
                                       .flops = forward_flops};

static ggdm_val emit_conv(ggdm_graph *g, ggdm_val x, ggdm_val w, ggdm_val b, ggdm_conv conv,
                          ggdm_dtype dtype, ggdm_shape shape)
{
    ggdm_op op = ggdm_op_make(&kind_conv, ggdm_graph_act(g, x), w, b, -1);
    op.conv = conv;
    op.out[0] = ggdm_graph_value(g, dtype, shape);
    return ggdm_graph_emit(g, &op);
}

ggdm_val ggdm_emit_linear_conv(ggdm_graph *g, ggdm_val x, ggdm_val w, ggdm_val b, ggdm_shape shape)
{
    return emit_conv(g, x, w, b, (ggdm_conv){1, 0, 0, 0, 0}, g->dtype, shape);
}

static ggdm_val conv2d(ggdm_graph *g, ggdm_val x, ggdm_val w, ggdm_val b, ggdm_conv conv,
                       ggdm_dtype dtype)
{
    const ggdm_value *vx = ggdm_graph_check(g, "conv2d", "x", x, 4);
    const ggdm_value *vw = ggdm_graph_check(g, "conv2d", "w", w, 4);
    const ggdm_value *vb = b < 0 ? NULL : ggdm_graph_check(g, "conv2d", "b", b, 1);
    if (!vx || !vw || (b >= 0 && !vb))
        return -1;
    const int64_t *xd = vx->shape.d, *wd = vw->shape.d;
    if (wd[1] != xd[3] || (vb && vb->shape.d[0] != wd[0]))
        return ggdm_graph_fail(g, GGDM_ESHAPE,
                               "conv2d: weights for %lld channels, input has %lld (bias %lld of "
                               "%lld)",
                               (long long)wd[1], (long long)xd[3],
                               vb ? (long long)vb->shape.d[0] : 0LL, (long long)wd[0]);
    if (conv.stride < 1 || conv.stride > 2 || conv.top < 0 || conv.left < 0 || conv.bottom < 0 ||
        conv.right < 0)
        return ggdm_graph_fail(g, GGDM_EUNSUPPORTED,
                               "conv2d: stride %d, expected 1 or 2, and no "
                               "negative padding",
                               conv.stride);
    int64_t h = xd[1] + conv.top + conv.bottom - wd[2], ww = xd[2] + conv.left + conv.right - wd[3];
    if (h < 0 || ww < 0)
        return ggdm_graph_fail(g, GGDM_ESHAPE,
                               "conv2d: image of %lldx%lld is smaller than the "
                               "%lldx%lld kernel",
                               (long long)xd[1], (long long)xd[2], (long long)wd[2],
                               (long long)wd[3]);
    return emit_conv(g, x, w, b, conv, dtype,
                     GGDM_SHAPE4(xd[0], h / conv.stride + 1, ww / conv.stride + 1, wd[0]));
}

ggdm_val ggdm_conv2d(ggdm_graph *g, ggdm_val x, ggdm_val w, ggdm_val b, ggdm_conv conv)
{
    return conv2d(g, x, w, b, conv, g->dtype);
}

ggdm_val ggdm_conv2d_f32(ggdm_graph *g, ggdm_val x, ggdm_val w, ggdm_val b, ggdm_conv conv)
{
    return conv2d(g, x, w, b, conv, GGDM_F32);
}

/* ---- transposed: x and y are the destination and the source of a convolution ---- */

static void transpose_run(const ggdm_graph *g, const ggdm_op *op, ggdm_images images)
{
    const ggdm_value *b = ggdm_in(g, op, 2), *y = ggdm_out(g, op, 0);
    ggdm_op plain = *op;
    plain.in[2] = -1;
    run(g, &plain, images);
    const int64_t o = y->shape.d[3], pixels = ggdm_shape_inner(&y->shape) / o;
    void *first = ggdm_act_image(y, images.first);
    if (b)
        ggdm_k(y)->affine_rows(first, NULL, ggdm_f32(b), first, images.n * pixels, o);
}

static void transpose_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                          ggdm_val *gin)
{
    gy = ggdm_graph_act(g, gy);
    if (need[0])
        gin[0] = emit_conv(g, gy, op->in[1], -1, op->conv, ggdm_graph_dtype(g, op->in[0]),
                           *ggdm_graph_shape(g, op->in[0]));
    if (need[1]) {
        ggdm_op weights = ggdm_op_make(&kind_weights, gy, op->in[0], -1, -1);
        weights.conv = op->conv;
        weights.out[0] = ggdm_graph_value(g, GGDM_F32, *ggdm_graph_shape(g, op->in[1]));
        gin[1] = ggdm_graph_emit(g, &weights);
    }
    if (need[2])
        gin[2] = ggdm_emit_bias_gradient(g, gy, *ggdm_graph_shape(g, op->in[2]));
}

static const ggdm_op_kind kind_transpose = {.name = "conv_transpose",
                                            .prepare = data_prepare,
                                            .bind = pack,
                                            .run = transpose_run,
                                            .vjp = transpose_vjp,
                                            .flops = data_flops};

ggdm_val ggdm_conv_transpose(ggdm_graph *g, ggdm_val x, ggdm_val w, ggdm_val b, ggdm_conv conv)
{
    const ggdm_value *vx = ggdm_graph_check(g, "conv_transpose", "x", x, 4);
    const ggdm_value *vw = ggdm_graph_check(g, "conv_transpose", "w", w, 4);
    const ggdm_value *vb = b < 0 ? NULL : ggdm_graph_check(g, "conv_transpose", "b", b, 1);
    if (!vx || !vw || (b >= 0 && !vb))
        return -1;
    const int64_t *xd = vx->shape.d, *wd = vw->shape.d;
    if (wd[0] != xd[3] || (vb && vb->shape.d[0] != wd[1]))
        return ggdm_graph_fail(g, GGDM_ESHAPE,
                               "conv_transpose: weights for %lld channels, input has %lld, or the "
                               "bias has not the length %lld",
                               (long long)wd[0], (long long)xd[3], (long long)wd[1]);
    const int64_t h = (xd[1] - 1) * conv.stride + wd[2] - conv.top - conv.bottom;
    const int64_t ww = (xd[2] - 1) * conv.stride + wd[3] - conv.left - conv.right;
    if (conv.stride < 1 || conv.stride > 2 || h < 1 || ww < 1)
        return ggdm_graph_fail(g, GGDM_EUNSUPPORTED,
                               "conv_transpose: stride %d, expected 1 or 2, and an image that is "
                               "left",
                               conv.stride);
    const ggdm_shape shape = GGDM_SHAPE4(xd[0], h, ww, wd[1]);
    ggdm_op op = ggdm_op_make(&kind_transpose, ggdm_graph_act(g, x), w, b, -1);
    op.conv = conv;
    op.out[0] = ggdm_graph_value(g, g->dtype, shape);
    return ggdm_graph_emit(g, &op);
}
