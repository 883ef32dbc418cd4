/* Building of graphs, and what they are asked; the ops are in op_*.c. */
#include "models/nn/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/isa.h"
#include "common/mem.h"
#include "models/nn/graph_impl.h"

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
        ggdm_attend_destroy(&g->ops[i].attend);
        ggdm_convolve_destroy(&g->ops[i].convolve);
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
    g->values[g->n_values] = (ggdm_value){.kind = kind,
                                          .dtype = dtype,
                                          .shape = shape,
                                          .def = -1,
                                          .share = INT64_MAX,
                                          .held = INT64_MAX};
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

void ggdm_graph_cut(ggdm_graph *g)
{
    g->cut = g->n_ops;
}

void ggdm_graph_slot(ggdm_graph *g, const char *slot)
{
    g->slot = slot;
}

/* The parameter of the present slot with this name, or -1. */
static ggdm_val find_param(const ggdm_graph *g, const char *name)
{
    for (size_t i = 0; i < g->n_params; i++) {
        const ggdm_value *p = &g->values[g->params[i]];
        if (strcmp(p->name, name) == 0 && strcmp(p->slot, g->slot) == 0)
            return g->params[i];
    }
    return -1;
}

ggdm_val ggdm_graph_param(ggdm_graph *g, const char *name, ggdm_shape shape, ggdm_init init)
{
    const ggdm_val known = find_param(g, name);
    if (known >= 0) {
        char is[128], asked[128];
        if (ggdm_shape_equal(&g->values[known].shape, &shape))
            return known;
        return ggdm_graph_fail(g, GGDM_ESHAPE, "parameter '%s' is of shape %s and of shape %s",
                               name, ggdm_shape_text(&g->values[known].shape, is, sizeof is),
                               ggdm_shape_text(&shape, asked, sizeof asked));
    }
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

int ggdm_graph_param_count(const ggdm_graph *g)
{
    return (int)g->n_params;
}

ggdm_param_info ggdm_graph_param_info(const ggdm_graph *g, int i)
{
    const ggdm_value *v = &g->values[g->params[i]];
    return (ggdm_param_info){v->name, v->shape, v->init, g->params[i]};
}

ggdm_status ggdm_graph_status(const ggdm_graph *g, ggdm_error *err)
{
    if (g->error.code != GGDM_OK && err)
        *err = g->error;
    return g->error.code;
}

void *ggdm_graph_data(const ggdm_graph *g, ggdm_val v)
{
    return v < 0 ? NULL : g->values[v].data;
}

size_t ggdm_graph_arena_bytes(const ggdm_graph *g)
{
    return g->arena_bytes;
}

double ggdm_graph_flops(const ggdm_graph *g)
{
    return g->flops;
}
