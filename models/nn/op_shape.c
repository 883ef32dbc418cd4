/* Ops that move pixels: concatenation, upsampling, pooling, flattening. */
#include <math.h>
#include <string.h>

#include "models/nn/graph_impl.h"
#include "models/nn/kernels.h"
#include "models/nn/ops.h"

static ggdm_val emit(ggdm_graph *g, const ggdm_op_kind *kind, ggdm_shape shape, ggdm_val a,
                     ggdm_val b, int k)
{
    ggdm_op op = ggdm_op_make(kind, a, b, -1, -1);
    op.k = k;
    op.out[0] = ggdm_graph_value(g, g->dtype, shape);
    return ggdm_graph_emit(g, &op);
}

static int64_t channels(const ggdm_shape *s)
{
    return s->d[s->n - 1];
}

/* ---- concatenation along the last dimension, and the slice that is its gradient ---- */

static void concat_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *y = ggdm_out(g, op, 0);
    int64_t cy = channels(&y->shape), rows = ggdm_shape_inner(&y->shape) / cy, offset = 0;
    for (int i = 0; i < 2; i++) {
        const ggdm_value *x = ggdm_in(g, op, i);
        int64_t c = channels(&x->shape);
        const float *src = ggdm_f32_image(x, n);
        float *dst = ggdm_f32_image(y, n) + offset;
        for (int64_t r = 0; r < rows; r++)
            memcpy(dst + r * cy, src + r * c, sizeof *dst * (size_t)c);
        offset += c;
    }
}

/* op->k: first channel */
static void slice_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *y = ggdm_out(g, op, 0);
    int64_t cx = channels(&x->shape), c = channels(&y->shape);
    int64_t rows = ggdm_shape_inner(&y->shape) / c;
    const float *src = ggdm_f32_image(x, n) + op->k;
    float *dst = ggdm_f32_image(y, n);
    for (int64_t r = 0; r < rows; r++)
        memcpy(dst + r * c, src + r * cx, sizeof *dst * (size_t)c);
}

static const ggdm_op_kind kind_slice = {"slice", NULL, NULL, NULL, slice_run, NULL};

static void concat_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                       ggdm_val *gin)
{
    int first = 0;
    for (int i = 0; i < 2; i++) {
        ggdm_shape shape = *ggdm_graph_shape(g, op->in[i]);
        if (need[i])
            gin[i] = emit(g, &kind_slice, shape, gy, -1, first);
        first += (int)channels(&shape);
    }
}

static const ggdm_op_kind kind_concat = {"concat", NULL, NULL, NULL, concat_run, concat_vjp};

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
    return emit(g, &kind_concat, shape, a, b, 0);
}

/* ---- nearest upsampling by two; its gradient sums 2x2 blocks ---- */

static void upsample_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0);
    const int64_t h = x->shape.d[1], w = x->shape.d[2], c = x->shape.d[3];
    const float *src = ggdm_f32_image(x, n);
    float *dst = ggdm_f32_image(ggdm_out(g, op, 0), n);
    size_t bytes = sizeof *dst * (size_t)c;
    for (int64_t i = 0; i < h; i++) {
        float *line = dst + 2 * i * 2 * w * c;
        for (int64_t j = 0; j < w; j++, src += c) {
            memcpy(line + 2 * j * c, src, bytes);
            memcpy(line + (2 * j + 1) * c, src, bytes);
        }
        memcpy(line + 2 * w * c, line, 2 * bytes * (size_t)w);
    }
}

static void upsample_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *gx = ggdm_out(g, op, 0);
    const int64_t h = gx->shape.d[1], w = gx->shape.d[2], c = gx->shape.d[3];
    const float *src = ggdm_f32_image(ggdm_in(g, op, 0), n);
    float *dst = ggdm_f32_image(gx, n);
    for (int64_t i = 0; i < h; i++) {
        const float *top = src + 2 * i * 2 * w * c, *bottom = top + 2 * w * c;
        for (int64_t j = 0; j < w; j++, dst += c)
            for (int64_t k = 0; k < c; k++)
                dst[k] = (top[2 * j * c + k] + top[(2 * j + 1) * c + k]) +
                         (bottom[2 * j * c + k] + bottom[(2 * j + 1) * c + k]);
    }
}

static const ggdm_op_kind kind_upsample_bwd = {"upsample2_backward", NULL, NULL, NULL,
                                               upsample_bwd_run, NULL};

static void upsample_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                         ggdm_val *gin)
{
    (void)need;
    gin[0] = emit(g, &kind_upsample_bwd, *ggdm_graph_shape(g, op->in[0]), gy, -1, op->k);
}

static const ggdm_op_kind kind_upsample = {"upsample2", NULL, NULL, NULL, upsample_run,
                                           upsample_vjp};

ggdm_val ggdm_upsample2(ggdm_graph *g, ggdm_val x)
{
    const ggdm_value *v = ggdm_graph_check(g, "upsample2", "x", x, 4);
    if (!v)
        return -1;
    const int64_t *d = v->shape.d;
    return emit(g, &kind_upsample, GGDM_SHAPE4(d[0], 2 * d[1], 2 * d[2], d[3]), x, -1, 0);
}

/* ---- pooling over k x k windows; pixels beyond the last whole window do not count ---- */

static void max_pool_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *y = ggdm_out(g, op, 0);
    const int64_t *d = y->shape.d, w = x->shape.d[2], c = d[3], k = op->k;
    const float *src = ggdm_f32_image(x, n);
    float *dst = ggdm_f32_image(y, n);
    for (int64_t i = 0; i < d[1]; i++)
        for (int64_t j = 0; j < d[2]; j++, dst += c) {
            const float *window = src + (i * k * w + j * k) * c;
            memcpy(dst, window, sizeof *dst * (size_t)c);
            for (int64_t p = 1; p < k * k; p++) {
                const float *pixel = window + (p / k * w + p % k) * c;
                for (int64_t q = 0; q < c; q++)
                    dst[q] = pixel[q] > dst[q] || isnan(pixel[q]) ? pixel[q] : dst[q];
            }
        }
}

/* The first pixel of a window that has its maximum gets the gradient; in x, y, gy. */
static void max_pool_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *y = ggdm_in(g, op, 1);
    const int64_t *d = y->shape.d, w = x->shape.d[2], c = d[3], k = op->k;
    const float *px = ggdm_f32_image(x, n), *py = ggdm_f32_image(y, n);
    const float *gy = ggdm_f32_image(ggdm_in(g, op, 2), n);
    float *gx = ggdm_f32_image(ggdm_out(g, op, 0), n);
    memset(gx, 0, sizeof *gx * (size_t)ggdm_shape_inner(&x->shape));
    for (int64_t i = 0; i < d[1]; i++)
        for (int64_t j = 0; j < d[2]; j++, py += c, gy += c)
            for (int64_t q = 0; q < c; q++)
                for (int64_t p = 0; p < k * k; p++) {
                    int64_t at = ((i * k + p / k) * w + j * k + p % k) * c + q;
                    if (px[at] == py[q]) {
                        gx[at] = gy[q];
                        break;
                    }
                }
}

static void avg_pool_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *y = ggdm_out(g, op, 0);
    const int64_t *d = y->shape.d, w = x->shape.d[2], c = d[3], k = op->k;
    const float *src = ggdm_f32_image(x, n), share = 1.0f / (float)(k * k);
    float *dst = ggdm_f32_image(y, n);
    for (int64_t i = 0; i < d[1]; i++)
        for (int64_t j = 0; j < d[2]; j++, dst += c) {
            memset(dst, 0, sizeof *dst * (size_t)c);
            for (int64_t p = 0; p < k * k; p++)
                ggdm_k_add(dst, src + ((i * k + p / k) * w + j * k + p % k) * c, dst, c);
            ggdm_k_scale(share, dst, dst, c);
        }
}

static void avg_pool_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *gy = ggdm_in(g, op, 0), *gx = ggdm_out(g, op, 0);
    const int64_t *d = gy->shape.d, w = gx->shape.d[2], c = d[3], k = op->k;
    const float *src = ggdm_f32_image(gy, n), share = 1.0f / (float)(k * k);
    float *dst = ggdm_f32_image(gx, n);
    memset(dst, 0, sizeof *dst * (size_t)ggdm_shape_inner(&gx->shape));
    for (int64_t i = 0; i < d[1]; i++)
        for (int64_t j = 0; j < d[2]; j++, src += c)
            for (int64_t p = 0; p < k * k; p++)
                ggdm_k_scale(share, src, dst + ((i * k + p / k) * w + j * k + p % k) * c, c);
}

static const ggdm_op_kind kind_max_pool_bwd = {"max_pool_backward", NULL, NULL, NULL,
                                               max_pool_bwd_run, NULL};
static const ggdm_op_kind kind_avg_pool_bwd = {"avg_pool_backward", NULL, NULL, NULL,
                                               avg_pool_bwd_run, NULL};

static void max_pool_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                         ggdm_val *gin)
{
    (void)need;
    ggdm_op bwd = ggdm_op_make(&kind_max_pool_bwd, op->in[0], op->out[0], gy, -1);
    bwd.k = op->k;
    bwd.out[0] = ggdm_graph_value(g, g->dtype, *ggdm_graph_shape(g, op->in[0]));
    gin[0] = ggdm_graph_emit(g, &bwd);
}

static void avg_pool_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                         ggdm_val *gin)
{
    (void)need;
    gin[0] = emit(g, &kind_avg_pool_bwd, *ggdm_graph_shape(g, op->in[0]), gy, -1, op->k);
}

static const ggdm_op_kind kind_max_pool = {"max_pool", NULL, NULL, NULL, max_pool_run,
                                           max_pool_vjp};
static const ggdm_op_kind kind_avg_pool = {"avg_pool", NULL, NULL, NULL, avg_pool_run,
                                           avg_pool_vjp};

static ggdm_val pool(ggdm_graph *g, const ggdm_op_kind *kind, ggdm_val x, int k)
{
    const ggdm_value *v = ggdm_graph_check(g, kind->name, "x", x, 4);
    if (!v)
        return -1;
    const int64_t *d = v->shape.d;
    if (k < 1 || d[1] < k || d[2] < k)
        return ggdm_graph_fail(g, GGDM_ESHAPE, "%s: window of %d for an image of %lldx%lld",
                               kind->name, k, (long long)d[1], (long long)d[2]);
    return emit(g, kind, GGDM_SHAPE4(d[0], d[1] / k, d[2] / k, d[3]), x, -1, k);
}

ggdm_val ggdm_max_pool(ggdm_graph *g, ggdm_val x, int k)
{
    return pool(g, &kind_max_pool, x, k);
}

ggdm_val ggdm_avg_pool(ggdm_graph *g, ggdm_val x, int k)
{
    return pool(g, &kind_avg_pool, x, k);
}

/* ---- mean over the pixels: [N, H, W, C] -> [N, C] ---- */

static ggdm_status mean_prepare(ggdm_graph *g, ggdm_op *op, ggdm_error *err)
{
    (void)err;
    const ggdm_shape *x = &ggdm_in(g, op, 0)->shape;
    op->scratch_bytes = sizeof(float) * (size_t)(x->d[0] * x->d[3]);
    return GGDM_OK;
}

static void mean_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0);
    const int64_t *d = x->shape.d;
    float *y = ggdm_f32_image(ggdm_out(g, op, 0), n);
    ggdm_k_sum_rows(ggdm_f32_image(x, n), y, (float *)op->scratch + n * d[3], d[1] * d[2], d[2],
                    d[3]);
    ggdm_k_scale(1.0f / (float)(d[1] * d[2]), y, y, d[3]);
}

static void mean_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *gx = ggdm_out(g, op, 0);
    const int64_t *d = gx->shape.d;
    const float *gy = ggdm_f32_image(ggdm_in(g, op, 0), n);
    float *dst = ggdm_f32_image(gx, n);
    for (int64_t p = 0; p < d[1] * d[2]; p++, dst += d[3])
        ggdm_k_scale(1.0f / (float)(d[1] * d[2]), gy, dst, d[3]);
}

static const ggdm_op_kind kind_mean_bwd = {"global_avg_pool_backward", NULL, NULL, NULL,
                                           mean_bwd_run, NULL};

static void mean_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                     ggdm_val *gin)
{
    (void)need;
    gin[0] = emit(g, &kind_mean_bwd, *ggdm_graph_shape(g, op->in[0]), gy, -1, 0);
}

static const ggdm_op_kind kind_mean = {"global_avg_pool", mean_prepare, NULL, NULL, mean_run,
                                       mean_vjp};

ggdm_val ggdm_global_avg_pool(ggdm_graph *g, ggdm_val x)
{
    const ggdm_value *v = ggdm_graph_check(g, "global_avg_pool", "x", x, 4);
    return v ? emit(g, &kind_mean, GGDM_SHAPE2(v->shape.d[0], v->shape.d[3]), x, -1, 0) : -1;
}

/* ---- [N, H, W, C] <-> [N, C*H*W] ---- */

static void flatten_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    bool back = ggdm_out(g, op, 0)->shape.n == 4;
    const ggdm_value *image = back ? ggdm_out(g, op, 0) : ggdm_in(g, op, 0);
    const int64_t hw = image->shape.d[1] * image->shape.d[2], c = image->shape.d[3];
    const float *src = ggdm_f32_image(ggdm_in(g, op, 0), n);
    float *dst = ggdm_f32_image(ggdm_out(g, op, 0), n);
    for (int64_t p = 0; p < hw; p++)
        for (int64_t k = 0; k < c; k++)
            if (back)
                dst[p * c + k] = src[k * hw + p];
            else
                dst[k * hw + p] = src[p * c + k];
}

static const ggdm_op_kind kind_unflatten = {"flatten_backward", NULL, NULL, NULL, flatten_run,
                                            NULL};

static void flatten_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                        ggdm_val *gin)
{
    (void)need;
    gin[0] = emit(g, &kind_unflatten, *ggdm_graph_shape(g, op->in[0]), gy, -1, 0);
}

static const ggdm_op_kind kind_flatten = {"flatten", NULL, NULL, NULL, flatten_run, flatten_vjp};

ggdm_val ggdm_flatten(ggdm_graph *g, ggdm_val x)
{
    const ggdm_value *v = ggdm_graph_check(g, "flatten", "x", x, 4);
    return v ? emit(g, &kind_flatten, GGDM_SHAPE2(v->shape.d[0], ggdm_shape_inner(&v->shape)), x,
                    -1, 0)
             : -1;
}
