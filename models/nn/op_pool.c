/* Pooling over windows: the largest or the mean of the pixels in each. */
#include "models/nn/graph_impl.h"
#include "models/nn/ops.h"

static ggdm_pool_args arguments(const ggdm_op *op, const ggdm_value *small, const ggdm_value *large)
{
    const int64_t *s = small->shape.d, *l = large->shape.d;
    return (ggdm_pool_args){s[1], s[2], l[1], l[2], s[3], op->window};
}

static void max_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *y = ggdm_out(g, op, 0);
    const ggdm_pool_args a = arguments(op, y, x);
    ggdm_k(x)->max_pool(&a, ggdm_act_image(x, n), ggdm_act_image(y, n));
}

/* in x, y, gy */
static void max_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *y = ggdm_in(g, op, 1);
    const ggdm_pool_args a = arguments(op, y, x);
    ggdm_k(x)->max_pool_bwd(&a, ggdm_act_image(x, n), ggdm_act_image(y, n),
                            ggdm_act_image(ggdm_in(g, op, 2), n),
                            ggdm_act_image(ggdm_out(g, op, 0), n));
}

static void avg_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *y = ggdm_out(g, op, 0);
    const ggdm_pool_args a = arguments(op, y, x);
    ggdm_k(x)->avg_pool(&a, ggdm_act_image(x, n), ggdm_act_image(y, n));
}

static void avg_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *gy = ggdm_in(g, op, 0), *gx = ggdm_out(g, op, 0);
    const ggdm_pool_args a = arguments(op, gy, gx);
    ggdm_k(gx)->avg_pool_bwd(&a, ggdm_act_image(gy, n), ggdm_act_image(gx, n));
}

static const ggdm_op_kind kind_max_bwd = {.name = "max_pool_backward", .run_image = max_bwd_run};
static const ggdm_op_kind kind_avg_bwd = {.name = "avg_pool_backward", .run_image = avg_bwd_run};

/* The gradient of op to its input, as bwd computes it. */
static ggdm_val emit_bwd(ggdm_graph *g, const ggdm_op *op, ggdm_op bwd)
{
    bwd.window = op->window;
    bwd.out[0] =
        ggdm_graph_value(g, ggdm_graph_dtype(g, op->in[0]), *ggdm_graph_shape(g, op->in[0]));
    return ggdm_graph_emit(g, &bwd);
}

static void max_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    (void)need;
    gin[0] = emit_bwd(g, op, ggdm_op_make(&kind_max_bwd, op->in[0], op->out[0], gy, -1));
}

static void avg_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    (void)need;
    gin[0] = emit_bwd(g, op, ggdm_op_make(&kind_avg_bwd, gy, -1, -1, -1));
}

static const ggdm_op_kind kind_max = {.name = "max_pool", .run_image = max_run, .vjp = max_vjp};
static const ggdm_op_kind kind_avg = {.name = "avg_pool", .run_image = avg_run, .vjp = avg_vjp};

static ggdm_val pool(ggdm_graph *g, const ggdm_op_kind *kind, ggdm_dtype dtype, ggdm_val x,
                     ggdm_window w)
{
    const ggdm_value *v = ggdm_graph_check(g, kind->name, "x", x, 4);
    if (!v)
        return -1;
    const int64_t *d = v->shape.d;
    if (w.size < 1 || w.stride < 1 || w.pad < 0 || 2 * w.pad > w.size)
        return ggdm_graph_fail(g, GGDM_EINVAL,
                               "%s: window of %d at stride %d, padding %d, expected at most half a "
                               "window of padding",
                               kind->name, w.size, w.stride, w.pad);
    const int64_t h = d[1] + 2 * w.pad - w.size, width = d[2] + 2 * w.pad - w.size;
    if (h < 0 || width < 0)
        return ggdm_graph_fail(g, GGDM_ESHAPE, "%s: window of %d for an image of %lldx%lld",
                               kind->name, w.size, (long long)d[1], (long long)d[2]);
    const ggdm_shape shape = GGDM_SHAPE4(d[0], h / w.stride + 1, width / w.stride + 1, d[3]);
    ggdm_op op = ggdm_op_make(kind, ggdm_cast(g, x, dtype), -1, -1, -1);
    op.window = w;
    op.out[0] = ggdm_graph_value(g, dtype, shape);
    return ggdm_graph_emit(g, &op);
}

ggdm_val ggdm_max_pool(ggdm_graph *g, ggdm_val x, int k)
{
    return pool(g, &kind_max, g->dtype, x, (ggdm_window){k, k, 0});
}

ggdm_val ggdm_avg_pool(ggdm_graph *g, ggdm_val x, int k)
{
    return pool(g, &kind_avg, g->dtype, x, (ggdm_window){k, k, 0});
}

ggdm_val ggdm_avg_pool_f32(ggdm_graph *g, ggdm_val x, int k)
{
    return pool(g, &kind_avg, GGDM_F32, x, (ggdm_window){k, k, 0});
}

ggdm_val ggdm_max_pool_windows(ggdm_graph *g, ggdm_val x, ggdm_window window)
{
    return pool(g, &kind_max, g->dtype, x, window);
}

ggdm_val ggdm_avg_pool_windows(ggdm_graph *g, ggdm_val x, ggdm_window window)
{
    return pool(g, &kind_avg, g->dtype, x, window);
}
