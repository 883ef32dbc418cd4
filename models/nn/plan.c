/* The arena plan: where values and scratch areas are.
 *
 * Values that all seats share, inputs and outputs among them, live from the stretch (turns.c) of
 * the op that writes them to that of their last reader.  Each seat has memory of its own for those
 * that only ops on its share touch: they live from group to group, and those that do not leave a
 * group, which has only the images that it works on, from op to op, as scratch does.  Blocks of
 * memory are placed largest first at the lowest offset where they overlap no block that is alive at
 * the same time. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "models/nn/graph_impl.h"

typedef struct block {
    size_t bytes, offset;
    size_t first, last; /* ops, inclusive */
    bool own;           /* each seat has one */
    void **where;       /* gets the address */
    ggdm_value *value;  /* or NULL: scratch */
} block;

static int by_size(const void *pa, const void *pb)
{
    const block *a = pa, *b = pb;
    if (a->bytes != b->bytes)
        return a->bytes < b->bytes ? 1 : -1;
    return a->first != b->first ? (a->first < b->first ? -1 : 1)
                                : (a->where < b->where ? -1 : a->where > b->where);
}

static int by_offset(const void *pa, const void *pb)
{
    const block *a = *(const block *const *)pa, *b = *(const block *const *)pb;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* Lowest free offset for blocks[i] among the blocks placed before it. */
static void place(block *blocks, size_t i, block **busy)
{
    size_t n = 0;
    for (size_t j = 0; j < i; j++)
        if (blocks[j].own == blocks[i].own && blocks[j].first <= blocks[i].last &&
            blocks[i].first <= blocks[j].last)
            busy[n++] = &blocks[j];
    qsort(busy, n, sizeof *busy, by_offset);
    size_t offset = 0;
    for (size_t j = 0; j < n; j++) {
        if (offset + blocks[i].bytes <= busy[j]->offset)
            break;
        if (busy[j]->offset + busy[j]->bytes > offset)
            offset = busy[j]->offset + busy[j]->bytes;
    }
    blocks[i].offset = offset;
}

/* What is known of a value's life: ops that touch it. */
typedef struct life {
    size_t def, last;
    bool own;   /* only ops on shares touch it */
    bool brief; /* only ops of one group, image by image */
} life;

static life begin_life(const ggdm_graph *g, const ggdm_value *v)
{
    const size_t def = (size_t)v->def;
    const ggdm_turn *t = &g->ops[def].turn;
    const bool own = t->share > 0 && !v->output && v->shape.n > 1 &&
                     v->shape.d[0] == ggdm_op_shape(g, &g->ops[def])->d[0];
    return (life){def, def, own, own && !t->early};
}

/* Op o reads it as input i. */
static void add_reader(const ggdm_graph *g, const ggdm_value *v, life *l, size_t o, int i)
{
    const ggdm_turn *t = &g->ops[o].turn;
    l->last = o > l->last ? o : l->last;
    l->own = l->own && t->share > 0 && !(g->ops[o].kind->whole >> i & 1) &&
             ggdm_op_shape(g, &g->ops[o])->d[0] == v->shape.d[0];
    l->brief = l->brief && l->own && t->group == g->ops[l->def].turn.group;
}

static ggdm_status add_block(block *blocks, size_t *n, block b, int64_t count, size_t size,
                             ggdm_error *err)
{
    if (!ggdm_mul_size((size_t)count, size, &b.bytes))
        return GGDM_FAIL(err, GGDM_ESHAPE, "a value of the graph is too large");
    b.bytes = ggdm_align_up(b.bytes);
    blocks[(*n)++] = b;
    return GGDM_OK;
}

/* An input or output, which is there always. */
static ggdm_status add_lasting(const ggdm_graph *g, ggdm_value *v, block *blocks, size_t *n,
                               ggdm_error *err)
{
    const block b = {.last = g->n_ops, .where = &v->data, .value = v};
    return add_block(blocks, n, b, ggdm_shape_count(&v->shape), ggdm_dtype_size(v->dtype), err);
}

static ggdm_status add_value(const ggdm_graph *g, ggdm_value *v, const life *l, block *blocks,
                             size_t *n, ggdm_error *err)
{
    const ggdm_turn *def = &g->ops[l->def].turn, *last = &g->ops[l->last].turn;
    block b = {.first = l->def, .last = l->last, .own = l->own, .where = &v->data, .value = v};
    v->share = l->own ? def->share : INT64_MAX;
    v->held = l->brief ? def->at_once : v->share;
    if (!l->brief) {
        b.first = l->own ? def->group : def->stretch;
        b.last = (l->own ? last->group_end : last->stretch_end) - 1;
    }
    const int64_t images = l->own ? v->held : v->shape.d[0];
    return add_block(blocks, n, b, images * ggdm_shape_inner(&v->shape), ggdm_dtype_size(v->dtype),
                     err);
}

static ggdm_status add_scratch(const ggdm_graph *g, size_t o, block *blocks, size_t *n,
                               ggdm_error *err)
{
    ggdm_op *op = &g->ops[o];
    const int64_t times = op->turn.share == 0 && !op->kind->run_batch ? g->seats : 1;
    const block b = {.first = o, .last = o, .own = op->turn.share > 0, .where = &op->scratch};
    return op->scratch_bytes == 0 ? GGDM_OK
                                  : add_block(blocks, n, b, times, op->scratch_bytes, err);
}

static ggdm_status collect_blocks(ggdm_graph *g, life *lives, block *blocks, size_t *n,
                                  ggdm_error *err)
{
    for (size_t v = 0; v < g->n_values; v++)
        if (g->values[v].kind == GGDM_VALUE_OP)
            lives[v] = begin_life(g, &g->values[v]);
    for (size_t o = 0; o < g->n_ops; o++)
        for (int i = 0; i < GGDM_MAX_IN; i++) {
            const ggdm_val v = g->ops[o].in[i];
            if (v >= 0 && g->values[v].kind == GGDM_VALUE_OP)
                add_reader(g, &g->values[v], &lives[v], o, i);
        }
    for (size_t v = 0; v < g->n_values; v++) {
        ggdm_value *value = &g->values[v];
        if (value->kind == GGDM_VALUE_INPUT || value->output)
            GGDM_TRY(add_lasting(g, value, blocks, n, err));
        else if (value->kind == GGDM_VALUE_OP)
            GGDM_TRY(add_value(g, value, &lives[v], blocks, n, err));
    }
    for (size_t o = 0; o < g->n_ops; o++)
        GGDM_TRY(add_scratch(g, o, blocks, n, err));
    return GGDM_OK;
}

/* Offsets of the blocks that each seat has, or of the others; returns the bytes of all. */
static size_t place_all(block *blocks, size_t n, bool own, block **busy)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        if (blocks[i].own != own)
            continue;
        place(blocks, i, busy);
        if (blocks[i].offset + blocks[i].bytes > bytes)
            bytes = blocks[i].offset + blocks[i].bytes;
    }
    return bytes;
}

static ggdm_status make_arena(ggdm_graph *g, block *blocks, size_t n, block **busy, ggdm_error *err)
{
    qsort(blocks, n, sizeof *blocks, by_size);
    const size_t shared = place_all(blocks, n, false, busy);
    size_t own;
    g->seat_bytes = place_all(blocks, n, true, busy);
    if (!ggdm_mul_size(g->seat_bytes, (size_t)g->seats, &own) || own > SIZE_MAX - shared)
        return GGDM_FAIL(err, GGDM_ESHAPE, "the values of the graph are too large");
    g->arena_bytes = shared + own;
    free(g->arena);
    g->arena = NULL;
    GGDM_TRY(ggdm_alloc(&g->arena, g->arena_bytes, 1, err));
    for (size_t o = 0; o < g->n_ops; o++)
        g->ops[o].scratch = g->arena; /* also of none: shares of it are counted from somewhere */
    for (size_t i = 0; i < n; i++) {
        *blocks[i].where = g->arena + (blocks[i].own ? shared : 0) + blocks[i].offset;
        if (blocks[i].value)
            blocks[i].value->stride = blocks[i].own ? g->seat_bytes : 0;
    }
    return GGDM_OK;
}

ggdm_status ggdm_graph_plan(ggdm_graph *g, ggdm_error *err)
{
    block *blocks = NULL, **busy = NULL;
    life *lives = NULL;
    size_t n = 0;
    ggdm_status st = ggdm_alloc(&blocks, g->n_values + g->n_ops, sizeof *blocks, err);
    if (st == GGDM_OK)
        st = ggdm_alloc(&busy, g->n_values + g->n_ops, sizeof *busy, err);
    if (st == GGDM_OK)
        st = ggdm_alloc(&lives, g->n_values, sizeof *lives, err);
    if (st == GGDM_OK)
        st = collect_blocks(g, lives, blocks, &n, err);
    if (st == GGDM_OK)
        st = make_arena(g, blocks, n, busy, err);
    free(blocks);
    free(busy);
    free(lives);
    return st;
}
