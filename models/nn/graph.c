/* Building, differentiating, compiling and running of graphs; the ops are in op_*.c. */
#include "models/nn/graph.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/isa.h"
#include "common/mem.h"
#include "models/nn/graph_impl.h"
#include "models/nn/ops.h"

int64_t ggdm_shape_count(const ggdm_shape *s)
{
    return s->d[0] * s->d[1] * s->d[2] * s->d[3];
}

int64_t ggdm_shape_inner(const ggdm_shape *s)
{
    return s->d[1] * s->d[2] * s->d[3];
}

bool ggdm_shape_equal(const ggdm_shape *a, const ggdm_shape *b)
{
    return a->n == b->n && memcmp(a->d, b->d, sizeof a->d) == 0;
}

const char *ggdm_shape_text(const ggdm_shape *s, char *text, size_t size)
{
    size_t used = 0;
    for (int i = 0; i < s->n && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? ", " : "[",
                                 (long long)s->d[i]);
    if (used < size)
        snprintf(text + used, size - used, "]");
    return text;
}

size_t ggdm_dtype_size(ggdm_dtype dtype)
{
    return dtype == GGDM_BF16 ? 2 : 4;
}

/* ---- building ---- */

static ggdm_status check_dtype(ggdm_dtype dtype, ggdm_error *err)
{
    ggdm_isa isa;
    GGDM_TRY(ggdm_isa_pinned(&isa, err)); /* before the first kernel runs */
    if (dtype == GGDM_F32)
        return GGDM_OK;
    if (dtype != GGDM_BF16 || isa < GGDM_ISA_AVX512_BF16)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                         "activations in bf16 need the instruction set avx512_bf16 or amx, this "
                         "process has %s",
                         ggdm_isa_name(isa));
    return GGDM_OK;
}

ggdm_status ggdm_graph_create(ggdm_dtype dtype, ggdm_graph **out, ggdm_error *err)
{
    *out = NULL;
    GGDM_TRY(check_dtype(dtype, err));
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    (*out)->dtype = dtype;
    (*out)->slot = "";
    return GGDM_OK;
}

void ggdm_graph_destroy(ggdm_graph **graph)
{
    ggdm_graph *g = *graph;
    if (!g)
        return;
    for (size_t i = 0; i < g->n_ops; i++) {
        ggdm_prim_destroy(&g->ops[i].prim);
        ggdm_direct_destroy(&g->ops[i].direct);
        ggdm_winograd_destroy(&g->ops[i].winograd);
    }
    for (size_t i = 0; i < g->n_values; i++)
        free(g->values[i].name);
    free(g->values);
    free(g->ops);
    free(g->params);
    free(g->arena);
    free(g);
    *graph = NULL;
}

ggdm_val ggdm_graph_fail(ggdm_graph *g, ggdm_status code, const char *format, ...)
{
    if (g->error.code != GGDM_OK)
        return -1;
    va_list ap;
    va_start(ap, format);
    char text[sizeof g->error.msg];
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    GGDM_FAIL(&g->error, code, "%s", text);
    return -1;
}

static ggdm_val new_value(ggdm_graph *g, ggdm_value_kind kind, ggdm_dtype dtype, ggdm_shape shape)
{
    if (g->error.code != GGDM_OK)
        return -1;
    int64_t count = 1;
    for (int i = 0; i < GGDM_MAX_DIMS; i++)
        if (shape.d[i] < 1 || __builtin_mul_overflow(count, shape.d[i], &count) ||
            count > INT64_MAX / 16) {
            char text[128];
            return ggdm_graph_fail(g, GGDM_ESHAPE, "impossible shape %s",
                                   ggdm_shape_text(&shape, text, sizeof text));
        }
    if (ggdm_grow(&g->values, &g->cap_values, g->n_values + 1, sizeof *g->values, &g->error))
        return -1;
    g->values[g->n_values] = (ggdm_value){.kind = kind, .dtype = dtype, .shape = shape, .def = -1};
    return (ggdm_val)g->n_values++;
}

ggdm_val ggdm_graph_value(ggdm_graph *g, ggdm_dtype dtype, ggdm_shape shape)
{
    ggdm_val v = new_value(g, GGDM_VALUE_OP, dtype, shape);
    if (v >= 0)
        g->values[v].def = (int)g->n_ops;
    return v;
}

ggdm_val ggdm_graph_input(ggdm_graph *g, const char *name, ggdm_dtype dtype, ggdm_shape shape)
{
    ggdm_val v = new_value(g, GGDM_VALUE_INPUT, dtype, shape);
    if (v >= 0 && ggdm_strdup(name, &g->values[v].name, &g->error) != GGDM_OK)
        return -1;
    return v;
}

void ggdm_graph_slot(ggdm_graph *g, const char *slot)
{
    g->slot = slot;
}

ggdm_val ggdm_graph_param(ggdm_graph *g, const char *name, ggdm_shape shape, ggdm_init init)
{
    ggdm_val v = new_value(g, GGDM_VALUE_PARAM, GGDM_F32, shape);
    if (v < 0 || ggdm_strdup(name, &g->values[v].name, &g->error) != GGDM_OK ||
        ggdm_grow(&g->params, &g->cap_params, g->n_params + 1, sizeof *g->params, &g->error))
        return -1;
    g->values[v].init = init;
    g->values[v].slot = g->slot;
    g->params[g->n_params++] = v;
    return v;
}

void ggdm_graph_output(ggdm_graph *g, ggdm_val v)
{
    if (v >= 0)
        g->values[v].output = true;
}

ggdm_op ggdm_op_make(const ggdm_op_kind *kind, ggdm_val a, ggdm_val b, ggdm_val c, ggdm_val d)
{
    ggdm_op op = {.kind = kind, .in = {a, b, c, d}};
    for (int i = 4; i < GGDM_MAX_IN; i++)
        op.in[i] = -1;
    for (int i = 0; i < GGDM_MAX_OUT; i++)
        op.out[i] = -1;
    return op;
}

ggdm_val ggdm_graph_emit(ggdm_graph *g, const ggdm_op *op)
{
    if (g->error.code != GGDM_OK ||
        ggdm_grow(&g->ops, &g->cap_ops, g->n_ops + 1, sizeof *g->ops, &g->error))
        return -1;
    g->ops[g->n_ops++] = *op;
    if (op->kind->flops)
        g->flops += op->kind->flops(g, op);
    return op->out[0];
}

const ggdm_value *ggdm_graph_check(ggdm_graph *g, const char *op, const char *arg, ggdm_val v,
                                   int n)
{
    if (g->error.code != GGDM_OK)
        return NULL;
    if (v < 0 || (size_t)v >= g->n_values) {
        ggdm_graph_fail(g, GGDM_EINTERNAL, "%s: no value for '%s'", op, arg);
        return NULL;
    }
    const ggdm_value *value = &g->values[v];
    if (n && value->shape.n != n) {
        char text[128];
        ggdm_graph_fail(g, GGDM_ESHAPE, "%s: '%s' has shape %s, expected %d dimensions", op, arg,
                        ggdm_shape_text(&value->shape, text, sizeof text), n);
        return NULL;
    }
    return value;
}

const ggdm_shape *ggdm_graph_shape(const ggdm_graph *g, ggdm_val v)
{
    static const ggdm_shape none;
    return v < 0 || (size_t)v >= g->n_values ? &none : &g->values[v].shape;
}

ggdm_dtype ggdm_graph_dtype(const ggdm_graph *g, ggdm_val v)
{
    return v < 0 || (size_t)v >= g->n_values ? GGDM_F32 : g->values[v].dtype;
}

ggdm_dtype ggdm_graph_act_dtype(const ggdm_graph *g, const ggdm_shape *shape)
{
    return shape->n >= 3 ? g->dtype : GGDM_F32;
}

ggdm_val ggdm_graph_act(ggdm_graph *g, ggdm_val v)
{
    return ggdm_cast(g, v, ggdm_graph_act_dtype(g, ggdm_graph_shape(g, v)));
}

ggdm_val ggdm_graph_f32(ggdm_graph *g, ggdm_val v)
{
    return ggdm_cast(g, v, GGDM_F32);
}

int ggdm_graph_param_count(const ggdm_graph *g)
{
    return (int)g->n_params;
}

ggdm_param_info ggdm_graph_param_info(const ggdm_graph *g, int i)
{
    const ggdm_value *v = &g->values[g->params[i]];
    return (ggdm_param_info){v->name, v->shape, v->init, g->params[i]};
}

/* ---- differentiation ---- */

/* need[v]: v depends on one of wrt[]. */
static void mark_needed(const ggdm_graph *g, int n, const ggdm_val *wrt, bool *need)
{
    for (int i = 0; i < n; i++)
        if (wrt[i] >= 0)
            need[wrt[i]] = true;
    for (size_t o = 0; o < g->n_ops; o++) {
        const ggdm_op *op = &g->ops[o];
        bool any = false;
        for (int i = 0; i < GGDM_MAX_IN; i++)
            any = any || (op->in[i] >= 0 && need[op->in[i]]);
        for (int i = 0; any && op->kind->vjp && i < GGDM_MAX_OUT; i++)
            if (op->out[i] >= 0)
                need[op->out[i]] = true;
    }
}

/* Add a contribution to the gradient of v. */
static void accumulate(ggdm_graph *g, ggdm_val *grad, ggdm_val v, ggdm_val contribution)
{
    if (contribution >= 0)
        grad[v] = grad[v] < 0 ? contribution : ggdm_emit_add(g, grad[v], contribution);
}

static void backward_ops(ggdm_graph *g, size_t n_ops, const bool *need, ggdm_val *grad)
{
    for (size_t o = n_ops; o-- > 0 && g->error.code == GGDM_OK;) {
        const ggdm_op op = g->ops[o]; /* a copy: emitting moves the array */
        ggdm_val gy = op.out[0] >= 0 ? grad[op.out[0]] : -1;
        if (gy < 0 || !op.kind->vjp)
            continue;
        ggdm_val gin[GGDM_MAX_IN];
        bool wanted[GGDM_MAX_IN], any = false;
        for (int i = 0; i < GGDM_MAX_IN; i++) {
            gin[i] = -1;
            wanted[i] = op.in[i] >= 0 && need[op.in[i]];
            any = any || wanted[i];
        }
        if (!any)
            continue;
        op.kind->vjp(g, &op, gy, wanted, gin);
        for (int i = 0; i < GGDM_MAX_IN; i++)
            if (wanted[i])
                accumulate(g, grad, op.in[i], gin[i]);
    }
}

void ggdm_graph_backward(ggdm_graph *g, ggdm_val y, ggdm_val gy, int n, const ggdm_val *wrt,
                         ggdm_val *grads)
{
    for (int i = 0; i < n; i++)
        grads[i] = -1;
    const ggdm_value *vy = ggdm_graph_check(g, "backward", "y", y, 0);
    const ggdm_value *vg = ggdm_graph_check(g, "backward", "gy", gy, 0);
    if (!vy || !vg)
        return;
    if (!ggdm_shape_equal(&vy->shape, &vg->shape)) {
        ggdm_graph_fail(g, GGDM_ESHAPE, "backward: the seed has not the shape of the output");
        return;
    }
    size_t n_values = g->n_values;
    bool *need = NULL;
    ggdm_val *grad = NULL;
    if (ggdm_alloc(&need, n_values, sizeof *need, &g->error) == GGDM_OK &&
        ggdm_alloc(&grad, n_values, sizeof *grad, &g->error) == GGDM_OK) {
        for (size_t v = 0; v < n_values; v++)
            grad[v] = -1;
        mark_needed(g, n, wrt, need);
        grad[y] = gy = ggdm_cast(g, gy, ggdm_graph_dtype(g, y));
        backward_ops(g, g->n_ops, need, grad);
        for (int i = 0; i < n; i++) {
            grads[i] = wrt[i] < 0 ? -1 : ggdm_graph_f32(g, grad[wrt[i]]);
            ggdm_graph_output(g, grads[i]);
        }
    }
    free(need);
    free(grad);
}

/* ---- compiling and running ---- */

#define FORK_ELEMENTS 16384 /* results below this are made faster by one thread than by a fork */

/* Neighbours that work image by image run together: all of them on one image, then on the next.
 * The image stays in the cache, and one fork serves them all. */
static void form_groups(ggdm_graph *g)
{
    int group = 0;
    for (size_t o = 0; o < g->n_ops; o++) {
        const ggdm_op *op = &g->ops[o], *before = op - (o > 0);
        if (o > 0 && (op->kind->run || before->kind->run ||
                      ggdm_out(g, op, 0)->shape.d[0] != ggdm_out(g, before, 0)->shape.d[0]))
            group++;
        g->ops[o].group = group;
    }
}

static const ggdm_tensor *find_param(const ggdm_slot *slots, int n_slots, const ggdm_value *v)
{
    for (int k = 0; k < n_slots; k++) {
        const ggdm_params *params = slots[k].params;
        for (size_t i = 0; params && strcmp(slots[k].name, v->slot) == 0 && i < params->n; i++)
            if (strcmp(params->items[i].name, v->name) == 0)
                return &params->items[i];
    }
    return NULL;
}

static ggdm_status bind_param(ggdm_value *v, const ggdm_tensor *t, ggdm_error *err)
{
    char found[128], expected[128];
    if (!t)
        return GGDM_FAIL(err, GGDM_EFORMAT, "tensor %s is missing", v->name);
    if (!ggdm_shape_equal(&t->shape, &v->shape))
        return GGDM_FAIL(err, GGDM_ESHAPE, "tensor %s: shape %s, expected %s", v->name,
                         ggdm_shape_text(&t->shape, found, sizeof found),
                         ggdm_shape_text(&v->shape, expected, sizeof expected));
    if (t->dtype != GGDM_F32)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "tensor %s: dtype is not F32", v->name);
    v->data = (void *)t->data;
    return GGDM_OK;
}

static ggdm_status bind_params(ggdm_graph *g, const ggdm_slot *slots, int n_slots, ggdm_error *err)
{
    for (size_t i = 0; i < g->n_params; i++) {
        ggdm_value *v = &g->values[g->params[i]];
        ggdm_status st = bind_param(v, find_param(slots, n_slots, v), err);
        if (st != GGDM_OK && *v->slot)
            ggdm_error_prefix(err, "%s", v->slot);
        GGDM_TRY(st);
    }
    return GGDM_OK;
}

void ggdm_graph_params_changed(ggdm_graph *g)
{
    for (size_t o = 0; o < g->n_ops; o++)
        if (g->ops[o].kind->bind)
            g->ops[o].kind->bind(g, &g->ops[o]);
}

ggdm_status ggdm_graph_status(const ggdm_graph *g, ggdm_error *err)
{
    if (g->error.code != GGDM_OK && err)
        *err = g->error;
    return g->error.code;
}

ggdm_status ggdm_graph_compile(ggdm_graph *g, const ggdm_params *params, ggdm_error *err)
{
    const ggdm_slot only = {"", params};
    return ggdm_graph_compile_slots(g, &only, 1, params ? params->packs : NULL, err);
}

ggdm_status ggdm_graph_compile_slots(ggdm_graph *g, const ggdm_slot *slots, int n_slots,
                                     ggdm_packs *packs, ggdm_error *err)
{
    GGDM_TRY(ggdm_graph_status(g, err));
    GGDM_TRY(bind_params(g, slots, n_slots, err));
    g->packs = packs;
    for (size_t o = 0; o < g->n_ops; o++) {
        ggdm_op *op = &g->ops[o];
        ggdm_status st = op->kind->prepare ? op->kind->prepare(g, op, err) : GGDM_OK;
        if (st != GGDM_OK) {
            ggdm_error_prefix(err, "op %zu (%s)", o, op->kind->name);
            return st;
        }
    }
    form_groups(g);
    return ggdm_graph_plan(g, err);
}

void *ggdm_graph_data(const ggdm_graph *g, ggdm_val v)
{
    return v < 0 ? NULL : g->values[v].data;
}

/* The group of n_ops ops, one image after the other, or several at once where there is enough to
 * do: the split never changes a bit, because an image's arithmetic knows nothing of its neighbours.
 */
static void run_images(const ggdm_graph *g, const ggdm_op *ops, size_t n_ops)
{
    int64_t n = ggdm_out(g, ops, 0)->shape.d[0], work = 0;
    for (size_t o = 0; o < n_ops; o++)
        work += ggdm_shape_count(&ggdm_out(g, &ops[o], 0)->shape);
#pragma omp parallel for schedule(static) if (n > 1 && work >= FORK_ELEMENTS)
    for (int64_t i = 0; i < n; i++)
        for (size_t o = 0; o < n_ops; o++)
            ops[o].kind->run_image(g, &ops[o], i);
}

void ggdm_graph_run(ggdm_graph *g)
{
    assert(g->arena);
    for (size_t o = 0, n; o < g->n_ops; o += n) {
        const ggdm_op *op = &g->ops[o];
        for (n = 1; o + n < g->n_ops && op[n].group == op->group;)
            n++;
        if (op->kind->run)
            op->kind->run(g, op);
        else
            run_images(g, op, n);
    }
}

size_t ggdm_graph_arena_bytes(const ggdm_graph *g)
{
    return g->arena_bytes;
}

double ggdm_graph_flops(const ggdm_graph *g)
{
    return g->flops;
}
