/* Group normalisation with optional SiLU, batch normalisation by given statistics with optional
 * ReLU, and the sum over images that parameter gradients need. */
#include <math.h>

#include "models/nn/graph_impl.h"
#include "models/nn/kernels.h"
#include "models/nn/ops.h"

/* The last result of all these is scratch memory, [N, rows, C]. */
enum { WORK = 2, NORM_ROWS = 4, FIXED_ROWS = 2 };

static ggdm_val work_value(ggdm_graph *g, const ggdm_shape *x, int rows)
{
    return ggdm_graph_value(g, GGDM_F32, GGDM_SHAPE3(x->d[0], rows, x->d[3]));
}

static ggdm_norm_args arguments(const ggdm_graph *g, const ggdm_op *op, const ggdm_value *stats,
                                int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0);
    const int64_t *d = x->shape.d;
    return (ggdm_norm_args){.x = ggdm_act_image(x, n),
                            .gamma = ggdm_f32(ggdm_in(g, op, 1)),
                            .beta = ggdm_f32(ggdm_in(g, op, 2)),
                            .stats = ggdm_f32_image(stats, n),
                            .tmp = ggdm_f32_image(ggdm_out(g, op, WORK), n),
                            .hw = d[1] * d[2],
                            .w = d[2],
                            .c = d[3],
                            .groups = op->norm.groups,
                            .eps = op->norm.eps,
                            .silu = op->norm.silu};
}

/* in x, gamma, beta; out y, stats [N, G, 2] */
static void forward(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_norm_args a = arguments(g, op, ggdm_out(g, op, 1), n);
    ggdm_k(ggdm_in(g, op, 0))->group_norm(&a, ggdm_act_image(ggdm_out(g, op, 0), n));
}

/* in x, gamma, beta, stats, gy; out gx, partial [N, 2, C] */
static void backward(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_norm_args a = arguments(g, op, ggdm_in(g, op, 3), n);
    ggdm_k(ggdm_in(g, op, 0))
        ->group_norm_bwd(&a, ggdm_act_image(ggdm_in(g, op, 4), n),
                         ggdm_act_image(ggdm_out(g, op, 0), n),
                         ggdm_f32_image(ggdm_out(g, op, 1), n));
}

static const ggdm_op_kind kind_backward = {.name = "group_norm_backward", .run_image = backward};

/* in partial [N, ...]; out: sum over images of part op->sum.part, in image order */
static void sum_images(const ggdm_graph *g, const ggdm_op *op)
{
    const ggdm_value *p = ggdm_in(g, op, 0);
    float *y = ggdm_f32(ggdm_out(g, op, 0));
    const int64_t c = ggdm_shape_count(&ggdm_out(g, op, 0)->shape);
    for (int64_t j = 0; j < c; j++)
        y[j] = 0.0f;
    for (int64_t n = 0; n < p->shape.d[0]; n++)
        ggdm_k(p)->add(y, ggdm_f32_image(p, n) + op->sum.part * c, y, c);
}

static const ggdm_op_kind kind_sum_images = {.name = "sum_images", .run_batch = sum_images};

ggdm_val ggdm_emit_sum_images(ggdm_graph *g, ggdm_val partial, int part, ggdm_shape shape)
{
    ggdm_op op = ggdm_op_make(&kind_sum_images, partial, -1, -1, -1);
    op.sum.part = part;
    op.out[0] = ggdm_graph_value(g, GGDM_F32, shape);
    return ggdm_graph_emit(g, &op);
}

static void vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    ggdm_shape shape = *ggdm_graph_shape(g, op->in[0]), c = *ggdm_graph_shape(g, op->in[1]);
    ggdm_op bwd = ggdm_op_make(&kind_backward, op->in[0], op->in[1], op->in[2], op->out[1]);
    bwd.in[4] = gy;
    bwd.norm = op->norm;
    bwd.out[0] = ggdm_graph_value(g, g->dtype, shape);
    bwd.out[1] = ggdm_graph_value(g, GGDM_F32, GGDM_SHAPE3(shape.d[0], 2, shape.d[3]));
    bwd.out[WORK] = work_value(g, &shape, NORM_ROWS);
    gin[0] = ggdm_graph_emit(g, &bwd);
    for (int i = 1; i <= 2; i++)
        if (need[i])
            gin[i] = ggdm_emit_sum_images(g, bwd.out[1], i - 1, c);
}

static const ggdm_op_kind kind_forward = {.name = "group_norm", .run_image = forward, .vjp = vjp};

ggdm_val ggdm_group_norm(ggdm_graph *g, ggdm_val x, ggdm_val gamma, ggdm_val beta, int groups,
                         double eps, bool silu)
{
    const ggdm_value *vx = ggdm_graph_check(g, "group_norm", "x", x, 4);
    const ggdm_value *vg = ggdm_graph_check(g, "group_norm", "gamma", gamma, 1);
    const ggdm_value *vb = ggdm_graph_check(g, "group_norm", "beta", beta, 1);
    if (!vx || !vg || !vb)
        return -1;
    int64_t c = vx->shape.d[3];
    if (groups < 1 || c % groups || vg->shape.d[0] != c || vb->shape.d[0] != c)
        return ggdm_graph_fail(g, GGDM_ESHAPE,
                               "group_norm: %d groups do not divide %lld channels, or gamma and "
                               "beta have not that length",
                               groups, (long long)c);
    x = ggdm_graph_act(g, x);
    ggdm_op op = ggdm_op_make(&kind_forward, x, gamma, beta, -1);
    op.norm.groups = groups;
    op.norm.eps = eps;
    op.norm.silu = silu;
    ggdm_shape shape = *ggdm_graph_shape(g, x);
    op.out[0] = ggdm_graph_value(g, g->dtype, shape);
    op.out[1] = ggdm_graph_value(g, GGDM_F32, GGDM_SHAPE3(shape.d[0], groups, 2));
    op.out[WORK] = work_value(g, &shape, NORM_ROWS);
    return ggdm_graph_emit(g, &op);
}

/* ---- batch normalisation by given statistics: in x, gamma, beta, mean, var ---- */

/* 1 / sqrt(var + eps) of a channel. */
static double inverse_deviation(const ggdm_graph *g, const ggdm_op *op, int64_t c)
{
    return 1 / sqrt((double)ggdm_f32(ggdm_in(g, op, 4))[c] + op->fixed_norm.eps);
}

/* The factors are made in double, of parameters that training may change between two runs. */
static ggdm_fixed_norm_args fixed_arguments(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0);
    const int64_t *d = x->shape.d, channels = d[3];
    const float *gamma = ggdm_f32(ggdm_in(g, op, 1)), *beta = ggdm_f32(ggdm_in(g, op, 2));
    const float *mean = ggdm_f32(ggdm_in(g, op, 3));
    float *scale = ggdm_f32_image(ggdm_out(g, op, WORK), n), *shift = scale + channels;
    for (int64_t c = 0; c < channels; c++) {
        const double factor = (double)gamma[c] * inverse_deviation(g, op, c);
        scale[c] = (float)factor;
        shift[c] = (float)((double)beta[c] - (double)mean[c] * factor);
    }
    return (ggdm_fixed_norm_args){.x = ggdm_act_image(x, n),
                                  .scale = scale,
                                  .shift = shift,
                                  .mean = mean,
                                  .hw = d[1] * d[2],
                                  .w = d[2],
                                  .c = channels,
                                  .relu = op->fixed_norm.relu};
}

static void fixed_forward(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_fixed_norm_args a = fixed_arguments(g, op, n);
    ggdm_k(ggdm_in(g, op, 0))->fixed_norm(&a, ggdm_act_image(ggdm_out(g, op, 0), n));
}

/* in x, gamma, beta, mean, var, gy; out gx, partial [N, 4, C] of the parameters in this order. With
 * r = 1 / sqrt(var + eps), S the sum of gz = gy act' and P that of gz (x - mean) they get r P, S,
 * -gamma r S and -gamma r^3 P / 2. */
static void fixed_backward(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_fixed_norm_args a = fixed_arguments(g, op, n);
    float *g_gamma = ggdm_f32_image(ggdm_out(g, op, 1), n), *g_beta = g_gamma + a.c;
    float *g_mean = g_beta + a.c, *g_var = g_mean + a.c;
    ggdm_k(ggdm_in(g, op, 0))
        ->fixed_norm_bwd(&a, ggdm_act_image(ggdm_in(g, op, 5), n),
                         ggdm_act_image(ggdm_out(g, op, 0), n), g_beta, g_gamma);
    for (int64_t c = 0; c < a.c; c++) {
        const double r = inverse_deviation(g, op, c), product = (double)g_gamma[c];
        const double gamma = (double)ggdm_f32(ggdm_in(g, op, 1))[c];
        g_gamma[c] = (float)(r * product);
        g_mean[c] = (float)(-gamma * r * (double)g_beta[c]);
        g_var[c] = (float)(-0.5 * gamma * r * r * r * product);
    }
}

static const ggdm_op_kind kind_fixed_backward = {.name = "batch_norm_backward",
                                                 .run_image = fixed_backward};

static void fixed_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                      ggdm_val *gin)
{
    const ggdm_shape shape = *ggdm_graph_shape(g, op->in[0]), c = *ggdm_graph_shape(g, op->in[1]);
    ggdm_op bwd = ggdm_op_make(&kind_fixed_backward, op->in[0], op->in[1], op->in[2], op->in[3]);
    bwd.in[4] = op->in[4];
    bwd.in[5] = gy;
    bwd.fixed_norm = op->fixed_norm;
    bwd.out[0] = ggdm_graph_value(g, g->dtype, shape);
    bwd.out[1] = ggdm_graph_value(g, GGDM_F32, GGDM_SHAPE3(shape.d[0], 4, shape.d[3]));
    bwd.out[WORK] = work_value(g, &shape, FIXED_ROWS);
    gin[0] = ggdm_graph_emit(g, &bwd);
    for (int i = 1; i <= 4; i++)
        if (need[i])
            gin[i] = ggdm_emit_sum_images(g, bwd.out[1], i - 1, c);
}

static const ggdm_op_kind kind_fixed = {
    .name = "batch_norm", .run_image = fixed_forward, .vjp = fixed_vjp};

ggdm_val ggdm_batch_norm(ggdm_graph *g, ggdm_val x, ggdm_val gamma, ggdm_val beta, ggdm_val mean,
                         ggdm_val var, double eps, bool relu)
{
    static const char *const names[] = {"gamma", "beta", "mean", "var"};
    const ggdm_val params[] = {gamma, beta, mean, var};
    const ggdm_value *vx = ggdm_graph_check(g, "batch_norm", "x", x, 4);
    for (int i = 0; vx && i < 4; i++) {
        const ggdm_value *v = ggdm_graph_check(g, "batch_norm", names[i], params[i], 1);
        if (!v)
            return -1;
        if (v->shape.d[0] != vx->shape.d[3])
            return ggdm_graph_fail(g, GGDM_ESHAPE,
                                   "batch_norm: %s of %lld channels, the image has %lld", names[i],
                                   (long long)v->shape.d[0], (long long)vx->shape.d[3]);
    }
    if (!vx)
        return -1;
    x = ggdm_graph_act(g, x);
    ggdm_op op = ggdm_op_make(&kind_fixed, x, gamma, beta, mean);
    op.in[4] = var;
    op.fixed_norm.eps = eps;
    op.fixed_norm.relu = relu;
    op.out[0] = ggdm_graph_value(g, g->dtype, *ggdm_graph_shape(g, x));
    op.out[WORK] = work_value(g, ggdm_graph_shape(g, x), FIXED_ROWS);
    return ggdm_graph_emit(g, &op);
}
