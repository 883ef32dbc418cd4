/* Log softmax and the losses, one number per image, in f32. */
#include <math.h>
#include <string.h>

#include "models/nn/graph_impl.h"
#include "models/nn/kernels.h"
#include "models/nn/ops.h"

static ggdm_val emit(ggdm_graph *g, const ggdm_op_kind *kind, ggdm_shape shape, ggdm_val a,
                     ggdm_val b, ggdm_val c)
{
    ggdm_op op = ggdm_op_make(kind, a, b, c, -1);
    op.out[0] = ggdm_graph_value(g, GGDM_F32, shape);
    return ggdm_graph_emit(g, &op);
}

/* ---- log softmax: gx = gy - softmax sum(gy) ---- */

static void log_softmax_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0);
    ggdm_k_log_softmax(ggdm_f32_image(x, n), ggdm_f32_image(ggdm_out(g, op, 0), n), x->shape.d[1]);
}

static void log_softmax_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *y = ggdm_in(g, op, 0);
    const float *logp = ggdm_f32_image(y, n), *gy = ggdm_f32_image(ggdm_in(g, op, 1), n);
    float *gx = ggdm_f32_image(ggdm_out(g, op, 0), n);
    double sum = 0;
    for (int64_t k = 0; k < y->shape.d[1]; k++)
        sum += gy[k];
    for (int64_t k = 0; k < y->shape.d[1]; k++)
        gx[k] = (float)(gy[k] - exp(logp[k]) * sum);
}

static const ggdm_op_kind kind_log_softmax_bwd = {.name = "log_softmax_backward",
                                                  .run_image = log_softmax_bwd_run};

static void log_softmax_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                            ggdm_val *gin)
{
    (void)need;
    gin[0] = emit(g, &kind_log_softmax_bwd, *ggdm_graph_shape(g, op->in[0]), op->out[0], gy, -1);
}

static const ggdm_op_kind kind_log_softmax = {
    .name = "log_softmax", .run_image = log_softmax_run, .vjp = log_softmax_vjp};

ggdm_val ggdm_log_softmax(ggdm_graph *g, ggdm_val x)
{
    const ggdm_value *v = ggdm_graph_check(g, "log_softmax", "x", x, 2);
    return v ? emit(g, &kind_log_softmax, v->shape, x, -1, -1) : -1;
}

/* ---- losses of one class: nll = -logp[target], neg_prob = -exp(logp[target]).
 * A target outside [0, K) gives loss 0 and gradient 0. ---- */

static const float *picked(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *logp = ggdm_in(g, op, 0);
    int32_t target = ((const int32_t *)ggdm_in(g, op, 1)->data)[n];
    return target < 0 || target >= logp->shape.d[1] ? NULL : ggdm_f32_image(logp, n) + target;
}

static void nll_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const float *p = picked(g, op, n);
    ggdm_f32(ggdm_out(g, op, 0))[n] = p ? -*p : 0.0f;
}

static void neg_prob_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const float *p = picked(g, op, n);
    ggdm_f32(ggdm_out(g, op, 0))[n] = p ? (float)-exp(*p) : 0.0f;
}

/* in logp, target, gy [N]; out [N, K]: zero but for the target */
static void scatter(const ggdm_graph *g, const ggdm_op *op, int64_t n, bool prob)
{
    const float *p = picked(g, op, n);
    const ggdm_value *gx = ggdm_out(g, op, 0);
    float *row = ggdm_f32_image(gx, n), gy = ggdm_f32(ggdm_in(g, op, 2))[n];
    memset(row, 0, sizeof *row * (size_t)gx->shape.d[1]);
    if (p)
        row[p - ggdm_f32_image(ggdm_in(g, op, 0), n)] = prob ? (float)(-gy * exp(*p)) : -gy;
}

static void nll_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    scatter(g, op, n, false);
}

static void neg_prob_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    scatter(g, op, n, true);
}

static const ggdm_op_kind kind_nll_bwd = {.name = "nll_backward", .run_image = nll_bwd_run};
static const ggdm_op_kind kind_neg_prob_bwd = {.name = "neg_prob_backward",
                                               .run_image = neg_prob_bwd_run};

static void nll_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    (void)need;
    gin[0] = emit(g, &kind_nll_bwd, *ggdm_graph_shape(g, op->in[0]), op->in[0], op->in[1], gy);
}

static void neg_prob_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                         ggdm_val *gin)
{
    (void)need;
    gin[0] = emit(g, &kind_neg_prob_bwd, *ggdm_graph_shape(g, op->in[0]), op->in[0], op->in[1], gy);
}

static const ggdm_op_kind kind_nll = {.name = "nll", .run_image = nll_run, .vjp = nll_vjp};
static const ggdm_op_kind kind_neg_prob = {
    .name = "neg_prob", .run_image = neg_prob_run, .vjp = neg_prob_vjp};

static ggdm_val class_loss(ggdm_graph *g, const ggdm_op_kind *kind, ggdm_val logp, ggdm_val target)
{
    const ggdm_value *vl = ggdm_graph_check(g, kind->name, "logp", logp, 2);
    const ggdm_value *vt = ggdm_graph_check(g, kind->name, "target", target, 1);
    if (!vl || !vt)
        return -1;
    if (vt->dtype != GGDM_I32 || vt->shape.d[0] != vl->shape.d[0])
        return ggdm_graph_fail(g, GGDM_ESHAPE, "%s: target is not i32 of the batch's length",
                               kind->name);
    return emit(g, kind, vt->shape, logp, target, -1);
}

ggdm_val ggdm_nll(ggdm_graph *g, ggdm_val logp, ggdm_val target)
{
    return class_loss(g, &kind_nll, logp, target);
}

ggdm_val ggdm_neg_prob(ggdm_graph *g, ggdm_val logp, ggdm_val target)
{
    return class_loss(g, &kind_neg_prob, logp, target);
}

/* ---- mean squared error per image; gradient 2 (a - b) gy / count, negative for b ---- */

static void mse_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *a = ggdm_in(g, op, 0);
    const float *pa = ggdm_f32_image(a, n), *pb = ggdm_f32_image(ggdm_in(g, op, 1), n);
    int64_t count = ggdm_shape_inner(&a->shape);
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        double d = (double)pa[i] - pb[i];
        sum += d * d;
    }
    ggdm_f32(ggdm_out(g, op, 0))[n] = (float)(sum / (double)count);
}

/* in a, b, gy [N]: gradient of a; the caller swaps a and b for that of b */
static void mse_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *a = ggdm_in(g, op, 0);
    int64_t count = ggdm_shape_inner(&a->shape);
    float scale = (float)(2.0 * ggdm_f32(ggdm_in(g, op, 2))[n] / (double)count);
    ggdm_k(a)->lincomb(scale, ggdm_f32_image(a, n), -scale, ggdm_f32_image(ggdm_in(g, op, 1), n),
                       ggdm_f32_image(ggdm_out(g, op, 0), n), count);
}

static const ggdm_op_kind kind_mse_bwd = {.name = "mse_backward", .run_image = mse_bwd_run};

static void mse_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    for (int i = 0; i < 2; i++)
        if (need[i])
            gin[i] = emit(g, &kind_mse_bwd, *ggdm_graph_shape(g, op->in[i]), op->in[i],
                          op->in[1 - i], gy);
}

static const ggdm_op_kind kind_mse = {.name = "mse", .run_image = mse_run, .vjp = mse_vjp};

ggdm_val ggdm_mse(ggdm_graph *g, ggdm_val a, ggdm_val b)
{
    const ggdm_value *va = ggdm_graph_check(g, "mse", "a", a, 0);
    const ggdm_value *vb = ggdm_graph_check(g, "mse", "b", b, 0);
    if (!va || !vb)
        return -1;
    if (!ggdm_shape_equal(&va->shape, &vb->shape))
        return ggdm_graph_fail(g, GGDM_ESHAPE, "mse: operands of different shapes");
    a = ggdm_graph_f32(g, a);
    b = ggdm_graph_f32(g, b);
    return emit(g, &kind_mse, GGDM_SHAPE1(ggdm_graph_shape(g, a)->d[0]), a, b, -1);
}

/* ---- total variation per image: mean of (x - right)^2 + (x - below)^2 ---- */

static void total_variation_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *v = ggdm_in(g, op, 0);
    const int64_t h = v->shape.d[1], c = v->shape.d[3], row = v->shape.d[2] * c;
    const float *x = ggdm_f32_image(v, n);
    double sum = 0;
    for (int64_t i = 0; i < h * row; i++) {
        double right = i % row + c < row ? (double)x[i + c] - x[i] : 0;
        double below = i + row < h * row ? (double)x[i + row] - x[i] : 0;
        sum += right * right + below * below;
    }
    ggdm_f32(ggdm_out(g, op, 0))[n] = (float)(sum / (double)(h * row));
}

/* in x, gy [N]: each difference pulls at both of its ends */
static void total_variation_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *v = ggdm_in(g, op, 0);
    const int64_t h = v->shape.d[1], c = v->shape.d[3], row = v->shape.d[2] * c;
    const float *x = ggdm_f32_image(v, n);
    float *gx = ggdm_f32_image(ggdm_out(g, op, 0), n);
    const double scale = 2.0 * ggdm_f32(ggdm_in(g, op, 1))[n] / (double)(h * row);
    for (int64_t i = 0; i < h * row; i++) {
        double pull = 0;
        pull += i % row >= c ? (double)x[i] - x[i - c] : 0;
        pull += i % row + c < row ? (double)x[i] - x[i + c] : 0;
        pull += i >= row ? (double)x[i] - x[i - row] : 0;
        pull += i + row < h * row ? (double)x[i] - x[i + row] : 0;
        gx[i] = (float)(scale * pull);
    }
}

static const ggdm_op_kind kind_total_variation_bwd = {.name = "total_variation_backward",
                                                      .run_image = total_variation_bwd_run};

static void total_variation_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                                ggdm_val *gin)
{
    (void)need;
    gin[0] = emit(g, &kind_total_variation_bwd, *ggdm_graph_shape(g, op->in[0]), op->in[0], gy, -1);
}

static const ggdm_op_kind kind_total_variation = {
    .name = "total_variation", .run_image = total_variation_run, .vjp = total_variation_vjp};

ggdm_val ggdm_total_variation(ggdm_graph *g, ggdm_val x)
{
    if (!ggdm_graph_check(g, "total_variation", "x", x, 4))
        return -1;
    x = ggdm_graph_f32(g, x);
    return emit(g, &kind_total_variation, GGDM_SHAPE1(ggdm_graph_shape(g, x)->d[0]), x, -1, -1);
}
