/* Time features and label embeddings. */
#include <math.h>
#include <string.h>

#include "models/nn/graph_impl.h"
#include "models/nn/kernels.h"
#include "models/nn/ops.h"

/* Frequencies and angles are rounded to f32 as in diffusers. */
static float frequency(const ggdm_op *op, int i)
{
    return (float)exp(-log(10000.0) * i / (op->time.dim / 2 - op->time.shift));
}

/* in t [N]; out [N, dim] */
static void time_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    int half = op->time.dim / 2;
    float t = ggdm_f32(ggdm_in(g, op, 0))[n], *y = ggdm_f32_image(ggdm_out(g, op, 0), n);
    for (int i = 0; i < half; i++) {
        float angle = t * frequency(op, i);
        y[i + (op->time.cosines_first ? half : 0)] = (float)sin((double)angle);
        y[i + (op->time.cosines_first ? 0 : half)] = (float)cos((double)angle);
    }
    if (op->time.dim % 2)
        y[op->time.dim - 1] = 0.0f;
}

/* in gy [N, dim], t [N]; out [N] */
static void time_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    int half = op->time.dim / 2;
    const float *gy = ggdm_f32_image(ggdm_in(g, op, 0), n);
    const float *sines = gy + (op->time.cosines_first ? half : 0);
    const float *cosines = gy + (op->time.cosines_first ? 0 : half);
    float t = ggdm_f32(ggdm_in(g, op, 1))[n];
    double sum = 0;
    for (int i = 0; i < half; i++) {
        float f = frequency(op, i), angle = t * f;
        sum += f * (sines[i] * cos((double)angle) - cosines[i] * sin((double)angle));
    }
    ggdm_f32(ggdm_out(g, op, 0))[n] = (float)sum;
}

static const ggdm_op_kind kind_time_bwd = {.name = "time_features_backward",
                                           .run_image = time_bwd_run};

static void time_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    (void)need;
    ggdm_op bwd = ggdm_op_make(&kind_time_bwd, gy, op->in[0], -1, -1);
    bwd.time = op->time;
    bwd.out[0] = ggdm_graph_value(g, GGDM_F32, *ggdm_graph_shape(g, op->in[0]));
    gin[0] = ggdm_graph_emit(g, &bwd);
}

static const ggdm_op_kind kind_time = {
    .name = "time_features", .run_image = time_run, .vjp = time_vjp};

ggdm_val ggdm_time_features(ggdm_graph *g, ggdm_val t, int dim, bool flip, double freq_shift)
{
    const ggdm_value *v = ggdm_graph_check(g, "time_features", "t", t, 1);
    if (!v)
        return -1;
    if (dim < 2 || freq_shift >= dim / 2)
        return ggdm_graph_fail(g, GGDM_ESHAPE,
                               "time_features: %d features with frequency shift "
                               "%g",
                               dim, freq_shift);
    ggdm_op op = ggdm_op_make(&kind_time, t, -1, -1, -1);
    op.time.dim = dim;
    op.time.cosines_first = flip;
    op.time.shift = freq_shift;
    op.out[0] = ggdm_graph_value(g, GGDM_F32, GGDM_SHAPE2(v->shape.d[0], dim));
    return ggdm_graph_emit(g, &op);
}

/* ---- rows of a table: in table [K, C], index [N] or [N, T] i32; out [N, C] or [N, T, C] ---- */

/* The row that index i names, NULL where there is none. */
static float *row_of(const ggdm_value *table, const ggdm_value *index, int64_t i)
{
    const int32_t row = ((const int32_t *)index->data)[i];
    return row >= 0 && row < table->shape.d[0] ? ggdm_f32(table) + row * table->shape.d[1] : NULL;
}

static void embedding_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *table = ggdm_in(g, op, 0), *index = ggdm_in(g, op, 1);
    const ggdm_value *y = ggdm_out(g, op, 0);
    const int64_t c = table->shape.d[1], per_image = ggdm_shape_inner(&index->shape);
    const size_t size = ggdm_dtype_size(y->dtype) * (size_t)c;
    char *dst = ggdm_act_image(y, n);
    for (int64_t i = 0; i < per_image; i++, dst += size) {
        const float *row = row_of(table, index, n * per_image + i);
        if (row)
            ggdm_k(y)->from_f32(row, dst, c);
        else
            memset(dst, 0, size);
    }
}

/* in gy f32, index; out [K, C]: rows added in the order of images and positions */
static void embedding_bwd_run(const ggdm_graph *g, const ggdm_op *op)
{
    const ggdm_value *gy = ggdm_in(g, op, 0), *index = ggdm_in(g, op, 1);
    const ggdm_value *gt = ggdm_out(g, op, 0);
    const int64_t c = gt->shape.d[1];
    memset(gt->data, 0, sizeof(float) * (size_t)ggdm_shape_count(&gt->shape));
    for (int64_t i = 0; i < ggdm_shape_count(&index->shape); i++) {
        float *row = row_of(gt, index, i);
        if (row)
            ggdm_k(gt)->add(row, ggdm_f32(gy) + i * c, row, c);
    }
}

static const ggdm_op_kind kind_embedding_bwd = {.name = "embedding_backward",
                                                .run_batch = embedding_bwd_run};

static void embedding_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                          ggdm_val *gin)
{
    if (!need[0])
        return;
    ggdm_op bwd = ggdm_op_make(&kind_embedding_bwd, ggdm_graph_f32(g, gy), op->in[1], -1, -1);
    bwd.out[0] = ggdm_graph_value(g, GGDM_F32, *ggdm_graph_shape(g, op->in[0]));
    gin[0] = ggdm_graph_emit(g, &bwd);
}

static const ggdm_op_kind kind_embedding = {
    .name = "embedding", .run_image = embedding_run, .vjp = embedding_vjp};

ggdm_val ggdm_embedding(ggdm_graph *g, ggdm_val table, ggdm_val index)
{
    const ggdm_value *vt = ggdm_graph_check(g, "embedding", "table", table, 2);
    const ggdm_value *vi = ggdm_graph_check(g, "embedding", "index", index, 0);
    if (!vt || !vi)
        return -1;
    if (vi->dtype != GGDM_I32 || vi->shape.n > 2)
        return ggdm_graph_fail(g, GGDM_ESHAPE,
                               "embedding: index is not i32 with one or two dimensions");
    ggdm_shape shape = vi->shape;
    shape.d[shape.n++] = vt->shape.d[1];
    ggdm_op op = ggdm_op_make(&kind_embedding, table, index, -1, -1);
    op.out[0] = ggdm_graph_value(g, ggdm_graph_act_dtype(g, &shape), shape);
    return ggdm_graph_emit(g, &op);
}

/* ---- x scale[t] + shift[t] ---- */

/* in x, t; without shifts in the gradient */
static void timed_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *y = ggdm_out(g, op, 0);
    const ggdm_levels *l = &op->levels;
    const float t = rintf(ggdm_f32(ggdm_in(g, op, 1))[n]);
    const int32_t i = t >= (float)l->n ? l->n - 1 : t > 0 ? (int32_t)t : 0;
    ggdm_k(y)->affine((float)l->scale[i], ggdm_f32_image(x, n), l->shift ? (float)l->shift[i] : 0,
                      ggdm_f32_image(y, n), ggdm_shape_inner(&x->shape));
}

static void timed_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                      ggdm_val *gin);

static const ggdm_op_kind kind_timed = {
    .name = "timed_affine", .run_image = timed_run, .vjp = timed_vjp};

static ggdm_val emit_timed(ggdm_graph *g, ggdm_val x, ggdm_val t, const ggdm_levels *levels)
{
    ggdm_op op = ggdm_op_make(&kind_timed, ggdm_graph_f32(g, x), t, -1, -1);
    op.levels = *levels;
    op.out[0] = ggdm_graph_value(g, GGDM_F32, *ggdm_graph_shape(g, x));
    return ggdm_graph_emit(g, &op);
}

static void timed_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                      ggdm_val *gin)
{
    const ggdm_levels levels = {op->levels.n, op->levels.scale, NULL};
    if (need[0])
        gin[0] = emit_timed(g, gy, op->in[1], &levels);
}

ggdm_val ggdm_timed_affine(ggdm_graph *g, ggdm_val x, ggdm_val t, const ggdm_levels *levels)
{
    const ggdm_value *vx = ggdm_graph_check(g, "timed_affine", "x", x, 0);
    const ggdm_value *vt = ggdm_graph_check(g, "timed_affine", "t", t, 1);
    if (!vx || !vt)
        return -1;
    if (levels->n < 1 || vt->shape.d[0] != vx->shape.d[0])
        return ggdm_graph_fail(g, GGDM_ESHAPE,
                               "timed_affine: %d levels, and %lld timesteps for %lld images",
                               levels->n, (long long)vt->shape.d[0], (long long)vx->shape.d[0]);
    return emit_timed(g, x, t, levels);
}
