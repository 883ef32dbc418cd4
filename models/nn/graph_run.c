/* Compiling and running of graphs. */
#include <assert.h>
#include <string.h>

#include "models/nn/graph_impl.h"

#define FORK_ELEMENTS 16384 /* results below this are made faster by one thread than by a fork */

/* Neighbours that work image by image run together: all of them on one image, then on the next.
 * The image stays in the cache, and one fork serves them all. */
static void form_groups(ggdm_graph *g)
{
    int group = 0;
    for (size_t o = 0; o < g->n_ops; o++) {
        const ggdm_op *op = &g->ops[o], *before = op - (o > 0);
        if (o > 0 && (o == g->cut || op->kind->run || before->kind->run ||
                      ggdm_out(g, op, 0)->shape.d[0] != ggdm_out(g, before, 0)->shape.d[0]))
            group++;
        g->ops[o].group = group;
    }
}

const ggdm_tensor *ggdm_params_find(const ggdm_params *params, const char *name)
{
    for (size_t i = 0; i < params->n; i++)
        if (strcmp(params->items[i].name, name) == 0)
            return &params->items[i];
    return NULL;
}

/* The first of the slots of this name that has it. */
static const ggdm_tensor *find_param(const ggdm_slot *slots, int n_slots, const ggdm_value *v)
{
    const ggdm_tensor *found = NULL;
    for (int k = 0; k < n_slots && !found; k++)
        if (slots[k].params && strcmp(slots[k].name, v->slot) == 0)
            found = ggdm_params_find(slots[k].params, v->name);
    return found;
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

static void run_ops(ggdm_graph *g, size_t first, size_t end)
{
    assert(g->arena);
    for (size_t o = first, n; o < end; o += n) {
        const ggdm_op *op = &g->ops[o];
        for (n = 1; o + n < end && op[n].group == op->group;)
            n++;
        if (op->kind->run)
            op->kind->run(g, op);
        else
            run_images(g, op, n);
    }
}

void ggdm_graph_run(ggdm_graph *g)
{
    run_ops(g, 0, g->n_ops);
}

void ggdm_graph_run_first(ggdm_graph *g)
{
    run_ops(g, 0, g->cut);
}

void ggdm_graph_run_second(ggdm_graph *g)
{
    run_ops(g, g->cut, g->n_ops);
}
