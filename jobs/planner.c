#include "jobs/planner.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/philox.h"
#include "jobs/trees.h"

#define MAX_BLOCK 1024    /* images in a unit, however cheap */
#define SHUFFLE_SEED 0    /* any: an order that is the same whoever plans */
#define FORWARD 543295744 /* operations of a step of the shipped U-Net (mnist-ddpm) */

ggdm_plan_options ggdm_plan_options_default(void)
{
    /* 24000 steps of the shipped U-Net are 10-60 s of one core: short enough to lose in a crash,
     * long enough that dispatch costs nothing. */
    return (ggdm_plan_options){.unit_cost = 24000.0 * FORWARD,
                               .min_units = 16,
                               .min_block = 4,
                               .max_trajectories = 128,
                               .max_state_bytes = (size_t)256 << 20};
}

double ggdm_segments_part(const ggdm_segment *segments, int32_t n, int32_t step)
{
    int64_t done = 0, total = 0;
    for (int32_t i = 0; i < n; i++) {
        const ggdm_segment *s = &segments[i];
        int32_t at = step < s->end ? step : s->end;
        done += at > s->begin ? at - s->begin : 0;
        total += s->end - s->begin;
    }
    return total > 0 ? (double)done / (double)total : 0;
}

/* ---- units ---------------------------------------------------------------------------------- */

static int compare_int(int32_t a, int32_t b)
{
    return (a > b) - (a < b);
}

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t clamp_block(double block, int32_t images)
{
    return (int32_t)ggdm_to_int(block, 1, least(images, MAX_BLOCK));
}

/* Images per unit: what the unit's cost and memory allow; fewer, but not below min_block, where
 * there would be too few units; then evened out over the blocks. */
static int32_t block_size(const ggdm_plan *plan, const ggdm_tree *tree, const ggdm_plan_options *o)
{
    const int32_t images = tree->image_count;
    int32_t block = clamp_block(o->unit_cost / tree->cost, images);
    int32_t spread = clamp_block(plan->cost / o->min_units / tree->cost, images);
    int32_t fewest = least(block, o->min_block);
    if (spread < block)
        block = spread > fewest ? spread : fewest;
    if (tree->state_bytes)
        block = least(block,
                      clamp_block((double)o->max_state_bytes / (double)tree->state_bytes, images));
    int32_t n_blocks = (images - 1) / block + 1;
    return (images - 1) / n_blocks + 1;
}

/* Order `cost`: most costly first, so that the workers end together; early images first among
 * equals, so that every cell shows something soon.
 * Order `shuffle`: the first images of all trees, then the next ones, each time in random order. */
static int by_order(const void *a, const void *b)
{
    const ggdm_plan_unit *x = a, *y = b;
    if (x->draw != y->draw)
        return x->draw < y->draw ? -1 : 1;
    if (x->cost != y->cost)
        return x->cost > y->cost ? -1 : 1;
    return x->image_first != y->image_first ? compare_int(x->image_first, y->image_first)
                                            : compare_int(x->tree, y->tree);
}

static double draw_place(ggdm_order order, int32_t tree, int32_t image_first)
{
    double u = 0;
    if (order != GGDM_ORDER_SHUFFLE)
        return 0;
    ggdm_uniforms(SHUFFLE_SEED, GGDM_STREAM_SHUFFLE, (uint32_t)tree, (uint32_t)image_first, 1, &u);
    return image_first + u;
}

static ggdm_status make_units(ggdm_order order, const ggdm_plan_options *options, ggdm_plan *plan,
                              ggdm_error *err)
{
    size_t cap = 0, n = 0;
    for (int32_t i = 0; i < plan->n_trees; i++) {
        const ggdm_tree *tree = &plan->trees[i];
        int32_t block = block_size(plan, tree, options);
        size_t blocks = (size_t)((tree->image_count - 1) / block + 1);
        if (n + blocks > INT32_MAX)
            return GGDM_FAIL(err, GGDM_ESHAPE, "%lld images make more than %d units of work",
                             (long long)plan->n_images, INT32_MAX);
        GGDM_TRY(ggdm_grow(&plan->units, &cap, n + blocks, sizeof *plan->units, err));
        for (int32_t at = 0; at < tree->image_count; at += block) {
            int32_t first = tree->image_first + at, count = least(block, tree->image_count - at);
            plan->units[n++] =
                (ggdm_plan_unit){i, first, count, tree->cost * count, draw_place(order, i, first)};
        }
    }
    if (n > 0)
        qsort(plan->units, n, sizeof *plan->units, by_order);
    plan->n_units = (int32_t)n;
    return GGDM_OK;
}

/* ---- plans ---------------------------------------------------------------------------------- */

ggdm_status ggdm_plan_make(const ggdm_cells *cells, const ggdm_coster *coster,
                           const ggdm_plan_options *options, ggdm_plan *out, ggdm_error *err)
{
    ggdm_plan_options standard = ggdm_plan_options_default();
    const ggdm_plan_options *o = options ? options : &standard;
    memset(out, 0, sizeof *out);
    ggdm_status st = ggdm_trees_make(cells, coster, o, out, err);
    if (st == GGDM_OK)
        st = make_units(cells->spec->order, o, out, err);
    if (st != GGDM_OK)
        ggdm_plan_deinit(out);
    return st;
}

size_t ggdm_plan_state_bytes(const ggdm_plan *plan)
{
    size_t most = 0;
    for (int32_t i = 0; i < plan->n_units; i++) {
        const ggdm_plan_unit *u = &plan->units[i];
        size_t bytes = (size_t)u->image_count * plan->trees[u->tree].state_bytes;
        most = bytes > most ? bytes : most;
    }
    return most;
}

ggdm_status ggdm_plan_keep_shard(ggdm_plan *plan, int32_t shard, int32_t shards, ggdm_error *err)
{
    if (shards > plan->n_units)
        return GGDM_FAIL(err, GGDM_EINVAL, "%d shards of %d units, expected at most one of each",
                         shards, plan->n_units);
    int32_t n = 0;
    plan->n_images = 0;
    plan->cost = 0;
    for (int32_t i = shard; i < plan->n_units; i += shards) {
        const ggdm_plan_unit *u = &plan->units[n++];
        plan->units[n - 1] = plan->units[i];
        plan->n_images += (int64_t)u->image_count * plan->trees[u->tree].n_trajectories;
        plan->cost += u->cost;
    }
    plan->n_units = n;
    plan->shard = shard;
    plan->shards = shards;
    return GGDM_OK;
}

int64_t ggdm_plan_unit_number(const ggdm_plan *plan, int32_t i)
{
    return plan->shards ? (int64_t)i * plan->shards + plan->shard : i;
}

void ggdm_plan_deinit(ggdm_plan *plan)
{
    for (int32_t i = 0; i < plan->n_trees; i++)
        free(plan->trees[i].segments);
    free(plan->trees);
    free(plan->units);
    free(plan->alone);
    memset(plan, 0, sizeof *plan);
}
