/* Trajectories are sorted by head, images, and the setting of the first step that differs: then all
 * that can be a tree stands together, and in it every common prefix, of any length. */
#include "jobs/trees.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define MAX_CUT_LOSS 0.05 /* of a tree's work may be done twice to make units of a sane size */

typedef const ggdm_trajectory *const *trajectories; /* in order: by_settings */

/* What a step of a setting costs below the head that is planned. */
typedef struct price {
    ggdm_step_cost step;
    int32_t head; /* for which it was asked, counted from 1 */
    int32_t tree; /* that has the setting, counted from 1: a text is packed once */
} price;

/* The trajectories that run a segment: t[first], ..., n of them. */
typedef struct branch {
    int32_t first, n;
} branch;

typedef struct forest {
    const ggdm_cells *cells;
    const ggdm_coster *coster;
    const ggdm_plan_options *options;
    ggdm_plan *plan;
    size_t cap;       /* of plan->trees */
    price *prices;    /* [n_settings] */
    int32_t n_made;   /* trees, also those that were too large */
    branch *branches; /* of the segments of the tree that is made */
    size_t branch_cap;
} forest;

static int compare_int(int32_t a, int32_t b)
{
    return (a > b) - (a < b);
}

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* ---- trajectories --------------------------------------------------------------------------- */

static const ggdm_run_of_steps *run_at(const ggdm_trajectory *t, int32_t step)
{
    int32_t lo = 0, hi = t->n_runs - 1;
    while (lo < hi) {
        int32_t middle = (lo + hi) / 2;
        if (t->runs[middle].end <= step)
            lo = middle + 1;
        else
            hi = middle;
    }
    return &t->runs[lo];
}

/* Steps before the first that differs. */
static int32_t common_steps(const ggdm_trajectory *a, const ggdm_trajectory *b)
{
    const ggdm_run_of_steps *x = a->runs, *y = b->runs;
    int32_t step = 0;
    while (x < a->runs + a->n_runs && y < b->runs + b->n_runs && x->setting == y->setting) {
        step = least(x->end, y->end);
        x += x->end == step;
        y += y->end == step;
    }
    return step;
}

/* May a and b be in one tree? */
static int compare_ground(const ggdm_trajectory *a, const ggdm_trajectory *b)
{
    if (a->head != b->head)
        return compare_int(a->head, b->head);
    if (a->image_first != b->image_first)
        return compare_int(a->image_first, b->image_first);
    return compare_int(a->image_count, b->image_count);
}

static int by_settings(const void *a, const void *b)
{
    const ggdm_trajectory *x = *(const ggdm_trajectory *const *)a;
    const ggdm_trajectory *y = *(const ggdm_trajectory *const *)b;
    int order = compare_ground(x, y);
    if (order == 0) {
        int32_t step = common_steps(x, y);
        order = compare_int(run_at(x, step)->setting, run_at(y, step)->setting);
    }
    return order ? order : (x > y) - (x < y);
}

/* ---- work ----------------------------------------------------------------------------------- */

static void add_work(const forest *w, int32_t setting, int64_t steps, ggdm_plan_count *to)
{
    const ggdm_step_cost *cost = &w->prices[setting].step;
    to->evaluations += steps * cost->ticks;
    to->operations += (double)steps * cost->operations;
    if (strcmp(w->cells->settings[setting], "{}") != 0)
        to->guided += steps * cost->ticks;
}

static void add_times(const ggdm_plan_count *work, int64_t times, ggdm_plan_count *to)
{
    to->evaluations += times * work->evaluations;
    to->guided += times * work->guided;
    to->operations += (double)times * work->operations;
}

/* Ask what the settings of a trajectory cost, unless they are known for its head. */
static ggdm_status ask_prices(forest *w, const ggdm_trajectory *t, ggdm_error *err)
{
    for (int32_t i = 0; i < t->n_runs; i++) {
        int32_t setting = t->runs[i].setting;
        price *p = &w->prices[setting];
        if (p->head == t->head + 1)
            continue;
        GGDM_TRY(w->coster->cost(w->coster->context, w->cells->heads[t->head],
                                 w->cells->settings[setting], &p->step, err));
        p->head = t->head + 1;
    }
    return GGDM_OK;
}

/* A trajectory of which so many cells would each be computed alone. */
static void count_alone(const forest *w, const ggdm_trajectory *t, int32_t cells)
{
    ggdm_plan_count own = {0};
    for (int32_t i = 0, begin = 0; i < t->n_runs; begin = t->runs[i++].end)
        add_work(w, t->runs[i].setting, t->runs[i].end - begin, &own);
    add_times(&own, (int64_t)cells * t->image_count, &w->plan->naive);
    w->plan->n_images += t->image_count;
}

/* Work done twice when a and b are in different trees: at most their common prefix. */
static double prefix_cost(const forest *w, const ggdm_trajectory *a, const ggdm_trajectory *b)
{
    ggdm_plan_count work = {0};
    for (int32_t begin = 0, end, all = common_steps(a, b); begin < all; begin = end) {
        const ggdm_run_of_steps *run = run_at(a, begin);
        end = least(run->end, all);
        add_work(w, run->setting, end - begin, &work);
    }
    return work.operations;
}

/* ---- one tree ------------------------------------------------------------------------------- */

/* Below segment `parent`, where t[from.first], ... agree before step begin: a segment for each
 * setting at that step, up to where the first of those that have it changes. */
static ggdm_status add_segments(forest *w, trajectories t, branch from, int32_t begin,
                                int32_t parent, ggdm_tree *tree, size_t *cap, ggdm_error *err)
{
    for (int32_t i = from.first, next, last = from.first + from.n; i < last; i = next) {
        int32_t setting = run_at(t[i], begin)->setting, end = tree->steps;
        for (next = i; next < last && run_at(t[next], begin)->setting == setting; next++)
            end = least(end, run_at(t[next], begin)->end);
        int64_t leaf =
            end == tree->steps ? w->cells->first_trajectory + (t[i] - w->cells->trajectories) : -1;
        size_t n = (size_t)tree->n_segments;
        GGDM_TRY(ggdm_grow(&tree->segments, cap, n + 1, sizeof *tree->segments, err));
        GGDM_TRY(ggdm_grow(&w->branches, &w->branch_cap, n + 1, sizeof *w->branches, err));
        tree->segments[n] = (ggdm_segment){
            .parent = parent, .begin = begin, .end = end, .setting = setting, .trajectory = leaf};
        w->branches[n] = (branch){i, next - i};
        tree->n_segments++;
    }
    return GGDM_OK;
}

/* Segment after segment gets its children at the end of the list, so no recursion is as deep as a
 * sweep has windows. */
static ggdm_status add_all_segments(forest *w, trajectories t, int32_t n, ggdm_tree *tree,
                                    ggdm_error *err)
{
    size_t cap = 0;
    GGDM_TRY(add_segments(w, t, (branch){0, n}, 0, -1, tree, &cap, err));
    for (int32_t i = 0; i < tree->n_segments; i++) {
        int32_t end = tree->segments[i].end;
        if (end < tree->steps)
            GGDM_TRY(add_segments(w, t, w->branches[i], end, i, tree, &cap, err));
    }
    return GGDM_OK;
}

/* The tree of t[n]; of one image: its work, and its bytes when it is packed. */
static ggdm_status make_tree(forest *w, trajectories t, int32_t n, ggdm_tree *tree,
                             ggdm_plan_count *work, size_t *packed, ggdm_error *err)
{
    const ggdm_trajectory *any = t[0];
    *tree = (ggdm_tree){.head = any->head,
                        .steps = any->runs[any->n_runs - 1].end,
                        .image_first = any->image_first,
                        .image_count = any->image_count,
                        .n_trajectories = n,
                        .first_trajectory = INT64_MAX};
    *work = (ggdm_plan_count){0};
    *packed = GGDM_UNIT_BYTES + strlen(w->cells->heads[any->head]);
    w->n_made++;
    GGDM_TRY(add_all_segments(w, t, n, tree, err));
    for (int32_t i = 0; i < tree->n_segments; i++) {
        const ggdm_segment *s = &tree->segments[i];
        price *p = &w->prices[s->setting];
        add_work(w, s->setting, s->end - s->begin, work);
        tree->state_bytes += p->step.state_bytes;
        *packed += GGDM_SEGMENT_BYTES;
        if (p->tree != w->n_made)
            *packed += GGDM_TEXT_BYTES + strlen(w->cells->settings[s->setting]);
        p->tree = w->n_made;
        if (s->trajectory >= 0 && s->trajectory < tree->first_trajectory)
            tree->first_trajectory = s->trajectory;
    }
    tree->cost = work->operations;
    tree->ticks = work->evaluations;
    return GGDM_OK;
}

/* ---- trees ---------------------------------------------------------------------------------- */

/* Where to cut t[n] in two: in the middle half, where they have least in common. */
static int32_t best_cut(trajectories t, int32_t n)
{
    int32_t best = n / 2, fewest = common_steps(t[best - 1], t[best]);
    for (int32_t i = n < 4 ? 1 : n / 4; i <= n - 1 - n / 4; i++) {
        int32_t steps = common_steps(t[i - 1], t[i]);
        if (steps < fewest) {
            best = i;
            fewest = steps;
        }
    }
    return best;
}

/* Is the tree of t[n] to be one?  Not where it is too large for a message, or one image of it
 * outgrows the memory; nor where it is too much for a unit and a cut costs next to nothing. */
static bool fits(const forest *w, trajectories t, int32_t n, const ggdm_tree *tree, size_t packed)
{
    const ggdm_plan_options *o = w->options;
    if (n == 1)
        return true;
    if (packed > GGDM_MAX_TREE || tree->state_bytes > o->max_state_bytes)
        return false;
    if (tree->cost * o->min_block <= o->unit_cost)
        return true;
    int32_t cut = best_cut(t, n);
    return prefix_cost(w, t[cut - 1], t[cut]) > MAX_CUT_LOSS * tree->cost;
}

static ggdm_status refuse(const forest *w, const ggdm_trajectory *t, size_t packed, ggdm_error *err)
{
    char cell[GGDM_CELL_NAME_SIZE];
    ggdm_cell_name(w->cells->n_cells, t->first_cell, cell);
    return GGDM_FAIL(err, GGDM_ESHAPE,
                     "cell %s: its head and settings are %zu bytes, expected at most %zu", cell,
                     packed, GGDM_MAX_TREE);
}

/* t[n] as one tree, or as several that do the work of their common prefix again.  A cut leaves at
 * most three quarters, so the depth is logarithmic. */
static ggdm_status plant(forest *w, trajectories t, int32_t n, ggdm_error *err)
{
    ggdm_plan *plan = w->plan;
    if (n == 1 || n <= w->options->max_trajectories) {
        size_t packed;
        ggdm_plan_count work;
        GGDM_TRY(
            ggdm_grow(&plan->trees, &w->cap, (size_t)plan->n_trees + 1, sizeof *plan->trees, err));
        ggdm_tree *tree = &plan->trees[plan->n_trees++];
        GGDM_TRY(make_tree(w, t, n, tree, &work, &packed, err));
        if (n == 1 && packed > GGDM_MAX_TREE)
            return refuse(w, t[0], packed, err);
        if (fits(w, t, n, tree, packed)) {
            add_times(&work, tree->image_count, &plan->shared);
            return GGDM_OK;
        }
        free(tree->segments);
        plan->n_trees--;
    }
    int32_t cut = best_cut(t, n);
    GGDM_TRY(plant(w, t, cut, err));
    return plant(w, t + cut, n - cut, err);
}

/* Order of trees: by the lowest trajectory, which follows the order of cells. */
static int by_first(const void *a, const void *b)
{
    int64_t x = ((const ggdm_tree *)a)->first_trajectory;
    int64_t y = ((const ggdm_tree *)b)->first_trajectory;
    return (x > y) - (x < y);
}

/* The cells that show each trajectory; those of one that a run has already are none of ours. */
static void count_cells(const ggdm_cells *cells, int32_t *shown)
{
    for (int32_t i = 0; i < cells->n_cells; i++) {
        int64_t t = cells->cells[i].trajectory - cells->first_trajectory;
        if (t >= 0 && t < cells->n_trajectories)
            shown[t]++;
    }
}

/* Trees of sorted[n]: of what has a ground and a first setting in common. */
static ggdm_status plant_all(forest *w, trajectories sorted, int32_t n, const int32_t *shown,
                             ggdm_error *err)
{
    for (int32_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && (end == i || (compare_ground(sorted[i], sorted[end]) == 0 &&
                                               common_steps(sorted[i], sorted[end]) > 0));
             end++) {
            GGDM_TRY(ask_prices(w, sorted[end], err));
            count_alone(w, sorted[end], shown[sorted[end] - w->cells->trajectories]);
        }
        GGDM_TRY(plant(w, sorted + i, end - i, err));
    }
    return GGDM_OK;
}

ggdm_status ggdm_trees_make(const ggdm_cells *cells, const ggdm_coster *coster,
                            const ggdm_plan_options *options, ggdm_plan *plan, ggdm_error *err)
{
    forest w = {.cells = cells, .coster = coster, .options = options, .plan = plan};
    size_t n = (size_t)cells->n_trajectories;
    int32_t used = 0, *shown = NULL;
    const ggdm_trajectory **sorted = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_alloc(&sorted, n, sizeof *sorted, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&shown, n, sizeof *shown, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&w.prices, (size_t)cells->n_settings, sizeof *w.prices, err),
                  done);
    count_cells(cells, shown);
    for (size_t i = 0; i < n; i++) {
        if (cells->trajectories[i].image_count > 0)
            sorted[used++] = &cells->trajectories[i];
    }
    qsort(sorted, (size_t)used, sizeof *sorted, by_settings);
    GGDM_TRY_GOTO(st, plant_all(&w, sorted, used, shown, err), done);
    if (plan->n_trees > 0)
        qsort(plan->trees, (size_t)plan->n_trees, sizeof *plan->trees, by_first);
    plan->cost = plan->shared.operations;

done:
    free(sorted);
    free(shown);
    free(w.prices);
    free(w.branches);
    return st;
}
