/* Group normalisation with optional SiLU, and the sum over images that parameter gradients need. */
#include "models/nn/graph_impl.h"
#include "models/nn/kernels.h"
#include "models/nn/ops.h"

/* Scratch of one image: 4 rows of C floats; images run at the same time. */
static ggdm_status prepare(ggdm_graph *g, ggdm_op *op, ggdm_error *err)
{
    (void)err;
    const ggdm_shape *x = &ggdm_in(g, op, 0)->shape;
    op->scratch_bytes = sizeof(float) * 4 * (size_t)(x->d[0] * x->d[3]);
    return GGDM_OK;
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
                            .tmp = (float *)op->scratch + n * 4 * d[3],
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

static const ggdm_op_kind kind_backward = {
    .name = "group_norm_backward", .prepare = prepare, .run_image = backward};

/* in partial [N, P, C]; out [C]: sum over images of part op->sum.part, in image order */
static void sum_images(const ggdm_graph *g, const ggdm_op *op)
{
    const ggdm_value *p = ggdm_in(g, op, 0);
    float *y = ggdm_f32(ggdm_out(g, op, 0));
    int64_t c = p->shape.d[2];
    for (int64_t j = 0; j < c; j++)
        y[j] = 0.0f;
    for (int64_t n = 0; n < p->shape.d[0]; n++)
        ggdm_k(p)->add(y, ggdm_f32_image(p, n) + op->sum.part * c, y, c);
}

static const ggdm_op_kind kind_sum_images = {.name = "sum_images", .run = sum_images};

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
    gin[0] = ggdm_graph_emit(g, &bwd);
    for (int i = 1; i <= 2; i++)
        if (need[i])
            gin[i] = ggdm_emit_sum_images(g, bwd.out[1], i - 1, c);
}

static const ggdm_op_kind kind_forward = {
    .name = "group_norm", .prepare = prepare, .run_image = forward, .vjp = vjp};

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
    return ggdm_graph_emit(g, &op);
}
