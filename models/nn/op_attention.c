/* Scaled dot-product attention and its gradient (models/nn/attend.h). */
#include "models/nn/graph_impl.h"
#include "models/nn/ops.h"

/* Inputs, and results of the gradient.  In this order their gradients are added where they are the
 * same value, and sums keep their bits. */
enum { V, K, Q, N_KEYS, GY };

/* Positions of x [N, H, W, C], [N, T, C] or [N, C]. */
static int64_t positions(const ggdm_shape *s)
{
    return ggdm_shape_inner(s) / s->d[s->n - 1];
}

static ggdm_attend_shape shape_of(const ggdm_graph *g, const ggdm_op *op, bool gradient)
{
    const ggdm_shape *q = &ggdm_in(g, op, Q)->shape, *k = &ggdm_in(g, op, K)->shape;
    return (ggdm_attend_shape){q->d[0],   positions(q), positions(k), q->d[q->n - 1],
                               op->heads, g->dtype,     gradient};
}

static ggdm_status prepare(ggdm_graph *g, ggdm_op *op, bool gradient, ggdm_error *err)
{
    const ggdm_attend_shape s = shape_of(g, op, gradient);
    ggdm_attend_destroy(&op->attend);
    GGDM_TRY(ggdm_attend_create(&s, &op->attend, err));
    op->scratch_bytes = ggdm_attend_scratch(op->attend);
    return GGDM_OK;
}

/* Of so many products of all heads. */
static double flops(const ggdm_graph *g, const ggdm_op *op, int products)
{
    const ggdm_attend_shape s = shape_of(g, op, false);
    return 2.0 * products * (double)(s.images * s.positions) * (double)(s.keys * s.channels);
}

/* in as above; out y, or the gradients of v, k, q */
static void run(const ggdm_graph *g, const ggdm_op *op, ggdm_images images)
{
    const bool forward = op->in[GY] < 0;
    void *in[GGDM_MAX_IN] = {0}, *out[GGDM_MAX_OUT] = {0};
    for (int i = 0; i < GGDM_MAX_IN; i++)
        if (op->in[i] >= 0)
            in[i] = ggdm_act_image(ggdm_in(g, op, i), images.first);
    for (int i = 0; i < GGDM_MAX_OUT; i++)
        if (op->out[i] >= 0)
            out[i] = ggdm_act_image(ggdm_out(g, op, i), images.first);
    const ggdm_attend_data data = {.q = in[Q],
                                   .k = in[K],
                                   .v = in[V],
                                   .n_keys = in[N_KEYS],
                                   .y = forward ? out[0] : NULL,
                                   .gy = in[GY],
                                   .gv = forward ? NULL : out[V],
                                   .gq = out[Q],
                                   .gk = out[K]};
    ggdm_attend_run(op->attend, &data, images.n, images.seat, ggdm_scratch(g, op, images.seat));
}

static ggdm_status backward_prepare(ggdm_graph *g, ggdm_op *op, ggdm_error *err)
{
    return prepare(g, op, true, err);
}

/* The scores once more, and those of gy; what is not wanted is not computed. */
static double backward_flops(const ggdm_graph *g, const ggdm_op *op)
{
    return flops(g, op, 2 + (op->out[0] >= 0) + (op->out[1] >= 0) + (op->out[2] >= 0));
}

static const ggdm_op_kind kind_backward = {
    .name = "attention_backward", .prepare = backward_prepare, .run = run, .flops = backward_flops};

static void attention_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                          ggdm_val *gin)
{
    ggdm_op bwd = ggdm_op_make(&kind_backward, op->in[V], op->in[K], op->in[Q], op->in[N_KEYS]);
    bwd.in[GY] = gy;
    bwd.heads = op->heads;
    for (int i = 0; i < 3; i++)
        if (need[i])
            gin[i] = bwd.out[i] = ggdm_graph_value(g, g->dtype, *ggdm_graph_shape(g, op->in[i]));
    ggdm_graph_emit(g, &bwd);
}

static ggdm_status forward_prepare(ggdm_graph *g, ggdm_op *op, ggdm_error *err)
{
    return prepare(g, op, false, err);
}

static double forward_flops(const ggdm_graph *g, const ggdm_op *op)
{
    return flops(g, op, 2);
}

static const ggdm_op_kind kind_attention = {.name = "attention",
                                            .prepare = forward_prepare,
                                            .run = run,
                                            .vjp = attention_vjp,
                                            .flops = forward_flops};

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
    if (shape.n < 2 || vk->shape.n < 3 || !ggdm_shape_equal(&vk->shape, &vv->shape))
        return ggdm_graph_fail(g, GGDM_ESHAPE,
                               "attention: k and v have different shapes, or no positions");
    const int64_t images = shape.d[0], channels = shape.d[shape.n - 1];
    if (vk->shape.d[0] != images || vk->shape.d[vk->shape.n - 1] != channels)
        return ggdm_graph_fail(g, GGDM_ESHAPE,
                               "attention: q has %lld images of %lld channels, k %lld of %lld",
                               (long long)images, (long long)channels, (long long)vk->shape.d[0],
                               (long long)vk->shape.d[vk->shape.n - 1]);
    if (vn && (vn->dtype != GGDM_I32 || vn->shape.d[0] != images))
        return ggdm_graph_fail(g, GGDM_ESHAPE, "attention: n_keys is not [%lld] i32",
                               (long long)images);
    if (heads.n < 1 || channels % heads.n)
        return ggdm_graph_fail(g, GGDM_ESHAPE, "attention: %d heads do not divide %lld channels",
                               heads.n, (long long)channels);
    ggdm_op op = ggdm_op_make(&kind_attention, ggdm_graph_act(g, v), ggdm_graph_act(g, k),
                              ggdm_cast(g, q, g->dtype), n_keys);
    op.heads = heads;
    op.out[0] = ggdm_graph_value(g, g->dtype, shape);
    return ggdm_graph_act(g, ggdm_graph_emit(g, &op)); /* rows are f32 */
}
