/* The arena plan: time is counted in groups of ops.  Every value written by an op lives from that
 * op's group to its last reader's, scratch lives during its group, inputs and outputs live always.
 * Blocks are placed largest first at the lowest offset where they overlap no block that is alive at
 * the same time. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "models/nn/graph_impl.h"

typedef struct block {
    size_t bytes, offset;
    int first, last; /* groups, inclusive */
    void **where;    /* gets the address */
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
        if (blocks[j].first <= blocks[i].last && blocks[i].first <= blocks[j].last)
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

/* The blocks of all values and scratch areas; returns their number. */
static ggdm_status collect_blocks(ggdm_graph *g, block *blocks, size_t *n, ggdm_error *err)
{
    size_t count = 0;
    int end = (int)g->n_ops;
    for (size_t v = 0; v < g->n_values; v++) {
        ggdm_value *value = &g->values[v];
        if (value->kind == GGDM_VALUE_PARAM)
            continue;
        size_t bytes;
        if (!ggdm_mul_size((size_t)ggdm_shape_count(&value->shape), ggdm_dtype_size(value->dtype),
                           &bytes))
            return GGDM_FAIL(err, GGDM_ESHAPE, "a value of the graph is too large");
        bool always = value->output || value->kind == GGDM_VALUE_INPUT;
        int made = always ? -1 : g->ops[value->def].group;
        blocks[count++] = (block){ggdm_align_up(bytes), 0, made, always ? end : made, &value->data};
    }
    for (size_t o = 0; o < g->n_ops; o++)
        if (g->ops[o].scratch_bytes)
            blocks[count++] = (block){ggdm_align_up(g->ops[o].scratch_bytes), 0, g->ops[o].group,
                                      g->ops[o].group, &g->ops[o].scratch};
    *n = count;
    return GGDM_OK;
}

/* Extend each value's life to its last reader; index[v] is the block of value v. */
static void extend_lives(const ggdm_graph *g, block *blocks)
{
    size_t index = 0;
    for (size_t v = 0; v < g->n_values; v++) {
        if (g->values[v].kind == GGDM_VALUE_PARAM)
            continue;
        block *b = &blocks[index++];
        for (size_t o = g->n_ops; o-- > 0 && b->last < g->ops[o].group;)
            for (int i = 0; i < GGDM_MAX_IN; i++)
                if (g->ops[o].in[i] == (ggdm_val)v)
                    b->last = g->ops[o].group;
    }
}

ggdm_status ggdm_graph_plan(ggdm_graph *g, ggdm_error *err)
{
    block *blocks = NULL, **busy = NULL;
    size_t n = 0;
    ggdm_status st = ggdm_alloc(&blocks, g->n_values + g->n_ops, sizeof *blocks, err);
    if (st == GGDM_OK)
        st = ggdm_alloc(&busy, g->n_values + g->n_ops, sizeof *busy, err);
    if (st == GGDM_OK)
        st = collect_blocks(g, blocks, &n, err);
    if (st == GGDM_OK) {
        extend_lives(g, blocks);
        qsort(blocks, n, sizeof *blocks, by_size);
        g->arena_bytes = 0;
        for (size_t i = 0; i < n; i++) {
            place(blocks, i, busy);
            if (blocks[i].offset + blocks[i].bytes > g->arena_bytes)
                g->arena_bytes = blocks[i].offset + blocks[i].bytes;
        }
        free(g->arena);
        g->arena = NULL;
        st = ggdm_alloc(&g->arena, g->arena_bytes, 1, err);
    }
    for (size_t o = 0; st == GGDM_OK && o < g->n_ops; o++)
        g->ops[o].scratch = g->arena; /* also of none: shares of it are counted from somewhere */
    for (size_t i = 0; st == GGDM_OK && i < n; i++)
        *blocks[i].where = g->arena + blocks[i].offset;
    free(blocks);
    free(busy);
    return st;
}
