/* Compiling and running of graphs. */
#include <assert.h>
#include <string.h>

#include "common/threads.h"
#include "models/nn/graph_impl.h"

#define FORK_ELEMENTS 16384 /* results below this are made faster by one thread than by a fork */

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
    g->seats = ggdm_use_threads(0);
    for (size_t o = 0; o < g->n_ops; o++) {
        ggdm_op *op = &g->ops[o];
        ggdm_status st = op->kind->prepare ? op->kind->prepare(g, op, err) : GGDM_OK;
        if (st != GGDM_OK) {
            ggdm_error_prefix(err, "op %zu (%s)", o, op->kind->name);
            return st;
        }
    }
    ggdm_graph_take_turns(g);
    return ggdm_graph_plan(g, err);
}

static void run_images(const ggdm_graph *g, const ggdm_op *op, ggdm_images images)
{
    if (op->kind->run) {
        op->kind->run(g, op, images);
        return;
    }
    for (int64_t n = images.first; n < images.first + images.n; n++)
        op->kind->run_image(g, op, n);
}

/* A group of ops on the images of a seat. */
static void run_group(const ggdm_graph *g, const ggdm_turn *t, ggdm_images images)
{
    for (size_t o = t->group; o < t->group_end; o++)
        if (g->ops[o].turn.early)
            run_images(g, &g->ops[o], images);
    const int64_t end = images.first + images.n;
    for (int64_t n = images.first; n < end; n += t->at_once) {
        const ggdm_images some = {n, end - n < t->at_once ? end - n : t->at_once, images.seat};
        for (size_t o = t->group; o < t->group_end; o++)
            if (!g->ops[o].turn.early)
                run_images(g, &g->ops[o], some);
    }
}

/* A stretch of ops, each thread on images of its own: the split never changes a bit, because an
 * image's arithmetic knows nothing of its neighbours. */
static void run_stretch(const ggdm_graph *g, const ggdm_turn *t)
{
    const int64_t n = ggdm_op_shape(g, &g->ops[t->stretch])->d[0];
    const int seats = (int)((n + t->share - 1) / t->share);
#pragma omp parallel for schedule(static, 1) num_threads(ggdm_threads_for(seats))
    for (int seat = 0; seat < seats; seat++) {
        ggdm_use_threads(1); /* here: nothing is to be shared once more */
        const int64_t first = seat * t->share;
        const ggdm_images images = {first, n - first < t->share ? n - first : t->share, seat};
        for (size_t o = t->stretch; o < t->stretch_end; o = g->ops[o].turn.group_end)
            run_group(g, &g->ops[o].turn, images);
    }
}

/* An op by all threads together. */
static void run_together(const ggdm_graph *g, const ggdm_op *op)
{
    const ggdm_shape *shape = ggdm_op_shape(g, op);
    const int64_t n = shape->d[0];
    if (op->kind->run_batch)
        op->kind->run_batch(g, op);
    else if (op->kind->run)
        op->kind->run(g, op, (ggdm_images){0, n, GGDM_ALL_SEATS});
    else {
#pragma omp parallel for schedule(static) if (n > 1 && ggdm_shape_count(shape) >= FORK_ELEMENTS)
        for (int64_t i = 0; i < n; i++)
            op->kind->run_image(g, op, i);
    }
}

static void run_ops(ggdm_graph *g, size_t first, size_t end)
{
    assert(g->arena);
    for (size_t o = first; o < end; o = g->ops[o].turn.stretch_end) {
        const ggdm_turn *t = &g->ops[o].turn;
        if (t->share > 0)
            run_stretch(g, t);
        else
            run_together(g, &g->ops[o]);
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
