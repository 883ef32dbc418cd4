/* Layer normalisation over the last dimension. */
#include "models/nn/graph_impl.h"
#include "models/nn/kernels.h"
#include "models/nn/ops.h"

static ggdm_layer_norm_args arguments(const ggdm_graph *g, const ggdm_op *op,
                                      const ggdm_value *stats, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *gamma = ggdm_in(g, op, 1);
    const int64_t c = gamma->shape.d[0];
    return (ggdm_layer_norm_args){.x = ggdm_act_image(x, n),
                                  .gamma = ggdm_f32(gamma),
                                  .beta = ggdm_f32(ggdm_in(g, op, 2)),
                                  .stats = ggdm_f32_image(stats, n),
                                  .rows = ggdm_shape_inner(&x->shape) / c,
                                  .c = c,
                                  .eps = op->layer_norm.eps};
}

/* in x, gamma, beta; out y, stats [N, rows, 2] */
static void forward(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_layer_norm_args a = arguments(g, op, ggdm_out(g, op, 1), n);
    ggdm_k(ggdm_in(g, op, 0))->layer_norm(&a, ggdm_act_image(ggdm_out(g, op, 0), n));
}

/* in x, gamma, beta, stats, gy; out gx */
static void backward_data(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_layer_norm_args a = arguments(g, op, ggdm_in(g, op, 3), n);
    ggdm_k(ggdm_in(g, op, 0))
        ->layer_norm_bwd(&a, ggdm_act_image(ggdm_in(g, op, 4), n),
                         ggdm_act_image(ggdm_out(g, op, 0), n));
}

/* the same; out partial [N, 2, C] */
static void backward_params(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_layer_norm_args a = arguments(g, op, ggdm_in(g, op, 3), n);
    ggdm_k(ggdm_in(g, op, 0))
        ->layer_norm_bwd_params(&a, ggdm_act_image(ggdm_in(g, op, 4), n),
                                ggdm_f32_image(ggdm_out(g, op, 0), n));
}

static const ggdm_op_kind kind_backward_data = {.name = "layer_norm_backward_data",
                                                .run_image = backward_data};
static const ggdm_op_kind kind_backward_params = {.name = "layer_norm_backward_params",
                                                  .run_image = backward_params};

static ggdm_val emit_backward(ggdm_graph *g, const ggdm_op *op, const ggdm_op_kind *kind,
                              ggdm_val gy, ggdm_dtype dtype, ggdm_shape shape)
{
    ggdm_op bwd = ggdm_op_make(kind, op->in[0], op->in[1], op->in[2], op->out[1]);
    bwd.in[4] = gy;
    bwd.layer_norm = op->layer_norm;
    bwd.out[0] = ggdm_graph_value(g, dtype, shape);
    return ggdm_graph_emit(g, &bwd);
}

static void vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    const ggdm_shape x = *ggdm_graph_shape(g, op->in[0]), c = *ggdm_graph_shape(g, op->in[1]);
    if (need[0])
        gin[0] = emit_backward(g, op, &kind_backward_data, gy, ggdm_graph_dtype(g, op->in[0]), x);
    if (!need[1] && !need[2])
        return;
    const ggdm_val partial =
        emit_backward(g, op, &kind_backward_params, gy, GGDM_F32, GGDM_SHAPE3(x.d[0], 2, c.d[0]));
    for (int i = 1; i <= 2; i++)
        if (need[i])
            gin[i] = ggdm_emit_sum_images(g, partial, i - 1, c);
}

static const ggdm_op_kind kind_forward = {.name = "layer_norm", .run_image = forward, .vjp = vjp};

ggdm_val ggdm_layer_norm(ggdm_graph *g, ggdm_val x, ggdm_val gamma, ggdm_val beta, double eps)
{
    const ggdm_value *vx = ggdm_graph_check(g, "layer_norm", "x", x, 0);
    const ggdm_value *vg = ggdm_graph_check(g, "layer_norm", "gamma", gamma, 1);
    const ggdm_value *vb = ggdm_graph_check(g, "layer_norm", "beta", beta, 1);
    if (!vx || !vg || !vb)
        return -1;
    const int64_t c = vx->shape.d[vx->shape.n - 1];
    if (vx->shape.n < 2 || vg->shape.d[0] != c || vb->shape.d[0] != c)
        return ggdm_graph_fail(g, GGDM_ESHAPE,
                               "layer_norm: gamma of %lld and beta of %lld channels, x has %lld",
                               (long long)vg->shape.d[0], (long long)vb->shape.d[0], (long long)c);
    x = ggdm_graph_act(g, x);
    ggdm_op op = ggdm_op_make(&kind_forward, x, gamma, beta, -1);
    op.layer_norm.eps = eps;
    const ggdm_shape shape = *ggdm_graph_shape(g, x);
    op.out[0] = ggdm_graph_value(g, ggdm_graph_dtype(g, x), shape);
    op.out[1] =
        ggdm_graph_value(g, GGDM_F32, GGDM_SHAPE3(shape.d[0], ggdm_shape_inner(&shape) / c, 2));
    return ggdm_graph_emit(g, &op);
}
