/* Ops on sequences of tokens [N, T, C]: positions are added, a token is put in front, one is taken.
 */
#include <string.h>

#include "models/nn/graph_impl.h"
#include "models/nn/kernels.h"
#include "models/nn/ops.h"

static ggdm_val emit(ggdm_graph *g, ggdm_op op, ggdm_dtype dtype, ggdm_shape shape)
{
    op.out[0] = ggdm_graph_value(g, dtype, shape);
    return ggdm_graph_emit(g, &op);
}

/* Bytes of one token. */
static size_t token_bytes(const ggdm_value *v)
{
    return ggdm_dtype_size(v->dtype) * (size_t)v->shape.d[v->shape.n - 1];
}

static size_t image_bytes(const ggdm_value *v)
{
    return ggdm_dtype_size(v->dtype) * (size_t)ggdm_shape_inner(&v->shape);
}

/* ---- x [N, T, C] + p [T, C] f32 ---- */

static void positions_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *p = ggdm_in(g, op, 1);
    ggdm_k(x)->add_f32(ggdm_act_image(x, n), ggdm_f32(p), ggdm_act_image(ggdm_out(g, op, 0), n),
                       ggdm_shape_count(&p->shape));
}

static void positions_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                          ggdm_val *gin)
{
    gin[0] = gy;
    if (need[1])
        gin[1] = ggdm_emit_sum_images(g, ggdm_graph_f32(g, gy), 0, *ggdm_graph_shape(g, op->in[1]));
}

static const ggdm_op_kind kind_positions = {
    .name = "add_positions", .run_image = positions_run, .vjp = positions_vjp};

ggdm_val ggdm_add_positions(ggdm_graph *g, ggdm_val x, ggdm_val p)
{
    const ggdm_value *vx = ggdm_graph_check(g, "add_positions", "x", x, 3);
    const ggdm_value *vp = ggdm_graph_check(g, "add_positions", "p", p, 2);
    if (!vx || !vp)
        return -1;
    const ggdm_shape shape = vx->shape, s = vp->shape;
    if (s.d[0] != shape.d[1] || s.d[1] != shape.d[2])
        return ggdm_graph_fail(
            g, GGDM_ESHAPE, "add_positions: p [%lld, %lld] for tokens [%lld, %lld]",
            (long long)s.d[0], (long long)s.d[1], (long long)shape.d[1], (long long)shape.d[2]);
    return emit(g, ggdm_op_make(&kind_positions, ggdm_graph_act(g, x), p, -1, -1), g->dtype, shape);
}

/* ---- a token before those of each image ---- */

/* in x, token [C] or [N, C] f32 */
static void prepend_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *token = ggdm_in(g, op, 1);
    char *y = ggdm_act_image(ggdm_out(g, op, 0), n);
    ggdm_k(x)->from_f32(token->shape.n == 1 ? ggdm_f32(token) : ggdm_f32_image(token, n), y,
                        x->shape.d[x->shape.n - 1]);
    memcpy(y + token_bytes(x), ggdm_act_image(x, n), image_bytes(x));
}

static void prepend_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *gy = ggdm_in(g, op, 0), *gx = ggdm_out(g, op, 0);
    memcpy(ggdm_act_image(gx, n), (char *)ggdm_act_image(gy, n) + token_bytes(gy), image_bytes(gx));
}

static const ggdm_op_kind kind_prepend_bwd = {.name = "prepend_backward",
                                              .run_image = prepend_bwd_run};

static void prepend_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                        ggdm_val *gin)
{
    if (need[0])
        gin[0] = emit(g, ggdm_op_make(&kind_prepend_bwd, gy, -1, -1, -1), g->dtype,
                      *ggdm_graph_shape(g, op->in[0]));
    const ggdm_shape token = *ggdm_graph_shape(g, op->in[1]);
    if (need[1] && token.n == 1) /* the first token of each image */
        gin[1] = ggdm_emit_sum_images(g, ggdm_graph_f32(g, gy), 0, token);
    else if (need[1])
        gin[1] = ggdm_slice_channels(g, ggdm_unroll(g, gy), 0, (int)token.d[1]);
}

static const ggdm_op_kind kind_prepend = {
    .name = "prepend", .run_image = prepend_run, .vjp = prepend_vjp};

ggdm_val ggdm_prepend(ggdm_graph *g, ggdm_val x, ggdm_val token)
{
    const ggdm_value *vx = ggdm_graph_check(g, "prepend", "x", x, 0);
    const ggdm_value *vt = ggdm_graph_check(g, "prepend", "token", token, 0);
    if (!vx || !vt)
        return -1;
    const ggdm_shape s = vx->shape, t = vt->shape;
    const int64_t c = s.d[s.n - 1];
    if (s.n < 3 || t.n > 2 || t.d[t.n - 1] != c || (t.n == 2 && t.d[0] != s.d[0]))
        return ggdm_graph_fail(g, GGDM_ESHAPE,
                               "prepend: a token of %lld channels (in %d dimensions), x has %lld",
                               (long long)t.d[t.n - 1], t.n, (long long)c);
    return emit(g, ggdm_op_make(&kind_prepend, ggdm_graph_act(g, x), token, -1, -1), g->dtype,
                GGDM_SHAPE3(s.d[0], ggdm_shape_inner(&s) / c + 1, c));
}

/* ---- one token of each image, by index [N] ---- */

/* The token of image n of x that the index names, NULL where there is none. */
static void *token_of(const ggdm_value *x, const ggdm_value *index, int64_t n)
{
    const int32_t i = ((const int32_t *)index->data)[n];
    if (i < 0 || i >= x->shape.d[1])
        return NULL;
    return (char *)ggdm_act_image(x, n) + (size_t)i * token_bytes(x);
}

static void take_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0), *y = ggdm_out(g, op, 0);
    const void *token = token_of(x, ggdm_in(g, op, 1), n);
    if (token)
        ggdm_k(x)->to_f32(token, ggdm_f32_image(y, n), y->shape.d[1]);
    else
        memset(ggdm_f32_image(y, n), 0, image_bytes(y));
}

/* in gy [N, C], index; out [N, T, C] */
static void take_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *gy = ggdm_in(g, op, 0), *gx = ggdm_out(g, op, 0);
    void *token = token_of(gx, ggdm_in(g, op, 1), n);
    memset(ggdm_act_image(gx, n), 0, image_bytes(gx));
    if (token)
        ggdm_k(gx)->from_f32(ggdm_f32_image(gy, n), token, gy->shape.d[1]);
}

static const ggdm_op_kind kind_take_bwd = {.name = "take_backward", .run_image = take_bwd_run};

static void take_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    (void)need;
    gin[0] = emit(g, ggdm_op_make(&kind_take_bwd, gy, op->in[1], -1, -1),
                  ggdm_graph_dtype(g, op->in[0]), *ggdm_graph_shape(g, op->in[0]));
}

static const ggdm_op_kind kind_take = {.name = "take", .run_image = take_run, .vjp = take_vjp};

ggdm_val ggdm_take(ggdm_graph *g, ggdm_val x, ggdm_val index)
{
    const ggdm_value *vx = ggdm_graph_check(g, "take", "x", x, 3);
    const ggdm_value *vi = ggdm_graph_check(g, "take", "index", index, 1);
    if (!vx || !vi)
        return -1;
    if (vi->dtype != GGDM_I32 || vi->shape.d[0] != vx->shape.d[0])
        return ggdm_graph_fail(g, GGDM_ESHAPE, "take: index is not i32, one for each image");
    return emit(g, ggdm_op_make(&kind_take, x, index, -1, -1), GGDM_F32,
                GGDM_SHAPE2(vx->shape.d[0], vx->shape.d[2]));
}

/* ---- where texts end: [N, T] i32 -> [N] i32, no op of its own as it has no gradient ---- */

static void end_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *text = ggdm_in(g, op, 0);
    const int64_t count = text->shape.d[1];
    const int32_t *ids = (const int32_t *)text->data + n * count;
    int32_t at = 0;
    if (op->text.end < 0)
        for (int32_t i = 1; i < count; i++)
            at = ids[i] > ids[at] ? i : at;
    else
        while (at < count && ids[at] != op->text.end)
            at++;
    ((int32_t *)ggdm_out(g, op, 0)->data)[n] = at < count ? at : 0;
}

static const ggdm_op_kind kind_end = {.name = "text_end", .run_image = end_run};

ggdm_val ggdm_take_end(ggdm_graph *g, ggdm_val x, ggdm_val text, int end)
{
    const ggdm_value *vx = ggdm_graph_check(g, "take_end", "x", x, 3);
    const ggdm_value *vt = ggdm_graph_check(g, "take_end", "text", text, 2);
    if (!vx || !vt)
        return -1;
    if (vt->dtype != GGDM_I32 || vt->shape.d[0] != vx->shape.d[0] ||
        vt->shape.d[1] != vx->shape.d[1])
        return ggdm_graph_fail(g, GGDM_ESHAPE, "take_end: text is not i32, an id for each token");
    ggdm_op op = ggdm_op_make(&kind_end, text, -1, -1, -1);
    op.text.end = end;
    return ggdm_take(g, x, emit(g, op, GGDM_I32, GGDM_SHAPE1(vt->shape.d[0])));
}
