/* Trajectories are sorted by head, images, and the setting of the first step that differs: then all
 * that can be a tree stands together, and in it every common prefix, of any length. */
#include "jobs/trees.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define MAX_CUT_LOSS 0.05 /* of a tree's work may be done twice to make units of a sane size */

/* What a step of a setting costs below the head that is planned. */
typedef struct price {
    ggdm_step_cost step;
    int32_t head; /* for which it was asked, counted from 1 */
    int32_t tree; /* that has the setting, counted from 1: a text is packed once */
} price;

/* Trajectories that stand together: sorted[first], ..., n of them, at least one. */
typedef struct bunch {
    int32_t first, n;
} bunch;

typedef struct forest {
    const ggdm_cells *cells;
    const ggdm_coster *coster;
    const ggdm_plan_options *options;
    ggdm_plan *plan;
    size_t cap;                     /* of plan->trees */
    const ggdm_trajectory **sorted; /* [n], those that have images: by_settings */
    int32_t n;
    int32_t *common; /* [n] steps that one has in common with the one before it, on one ground */
    price *prices;   /* [n_settings] */
    int32_t n_made;  /* trees, also those that were too large */
    bunch *bunches;  /* that run each segment of the tree that is made */
    size_t bunch_cap;
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

/* Steps of a setting; last: the last of the chain is one of them. */
static void add_work(const forest *w, int32_t setting, int64_t steps, bool last,
                     ggdm_plan_count *to)
{
    const ggdm_step_cost *cost = &w->prices[setting].step;
    int64_t evaluations = steps * cost->evaluations - (last ? cost->spared_evaluations : 0);
    double operations = (double)steps * cost->operations - (last ? cost->spared_operations : 0);
    to->evaluations += evaluations;
    to->operations += operations;
    if (strcmp(w->cells->settings[setting], "{}") != 0) {
        to->guided += evaluations;
        to->guided_operations += operations;
    }
}

static void add_times(const ggdm_plan_count *work, int64_t times, ggdm_plan_count *to)
{
    to->evaluations += times * work->evaluations;
    to->guided += times * work->guided;
    to->operations += (double)times * work->operations;
    to->guided_operations += (double)times * work->guided_operations;
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
        add_work(w, t->runs[i].setting, t->runs[i].end - begin, i + 1 == t->n_runs, &own);
    w->plan->alone[t - w->cells->trajectories] = own.operations;
    add_times(&own, (int64_t)cells * t->image_count, &w->plan->naive);
    w->plan->n_images += t->image_count;
}

/* Work done twice when trajectories are cut in front of `cut`: at most their common prefix, in
 * which the last step never is. */
static double prefix_cost(const forest *w, int32_t cut)
{
    const ggdm_trajectory *t = w->sorted[cut];
    ggdm_plan_count work = {0};
    for (int32_t i = 0, begin = 0, end; begin < w->common[cut]; begin = end, i++) {
        end = least(t->runs[i].end, w->common[cut]);
        add_work(w, t->runs[i].setting, end - begin, false, &work);
    }
    return work.operations;
}

/* ---- one tree ------------------------------------------------------------------------------- */

/* Below segment `parent`, for trajectories that agree before step begin: a segment for each setting
 * at that step, up to where the first of those that have it changes. */
static ggdm_status add_segments(forest *w, bunch all, int32_t begin, int32_t parent,
                                ggdm_tree *tree, size_t *cap, ggdm_error *err)
{
    for (int32_t i = all.first, next, last = all.first + all.n; i < last; i = next) {
        const ggdm_run_of_steps *run = run_at(w->sorted[i], begin);
        int32_t end = run->end;
        for (next = i + 1; next < last && w->common[next] > begin; next++)
            end = least(end, w->common[next]); /* neighbours part where one of them changes */
        int64_t index = w->sorted[i] - w->cells->trajectories;
        size_t n = (size_t)tree->n_segments;
        GGDM_TRY(ggdm_grow(&tree->segments, cap, n + 1, sizeof *tree->segments, err));
        GGDM_TRY(ggdm_grow(&w->bunches, &w->bunch_cap, n + 1, sizeof *w->bunches, err));
        tree->segments[n] = (ggdm_segment){
            .parent = parent,
            .begin = begin,
            .end = end,
            .setting = run->setting,
            .trajectory = end == tree->steps ? w->cells->first_trajectory + index : -1};
        w->bunches[n] = (bunch){i, next - i};
        tree->n_segments++;
    }
    return GGDM_OK;
}

/* Segment after segment gets its children at the end of the list, so no recursion is as deep as a
 * sweep has windows. */
static ggdm_status add_all_segments(forest *w, bunch all, ggdm_tree *tree, ggdm_error *err)
{
    size_t cap = 0;
    GGDM_TRY(add_segments(w, all, 0, -1, tree, &cap, err));
    for (int32_t i = 0; i < tree->n_segments; i++) {
        int32_t end = tree->segments[i].end;
        if (end < tree->steps)
            GGDM_TRY(add_segments(w, w->bunches[i], end, i, tree, &cap, err));
    }
    return GGDM_OK;
}

/* The tree of a bunch; of one image: its work, and its bytes when it is packed. */
static ggdm_status make_tree(forest *w, bunch all, ggdm_tree *tree, ggdm_plan_count *work,
                             size_t *packed, ggdm_error *err)
{
    const ggdm_trajectory *any = w->sorted[all.first];
    *tree = (ggdm_tree){.head = any->head,
                        .steps = any->runs[any->n_runs - 1].end,
                        .image_first = any->image_first,
                        .image_count = any->image_count,
                        .n_trajectories = all.n,
                        .first_trajectory = INT64_MAX};
    size_t state = 0;
    *work = (ggdm_plan_count){0};
    *packed = GGDM_UNIT_BYTES + strlen(w->cells->heads[any->head]);
    w->n_made++;
    GGDM_TRY(add_all_segments(w, all, tree, err));
    for (int32_t i = 0; i < tree->n_segments; i++) {
        const ggdm_segment *s = &tree->segments[i];
        price *p = &w->prices[s->setting];
        add_work(w, s->setting, s->end - s->begin, s->end == tree->steps, work);
        state = p->step.state_bytes > state ? p->step.state_bytes : state;
        *packed += GGDM_SEGMENT_BYTES;
        if (p->tree != w->n_made)
            *packed += GGDM_TEXT_BYTES + strlen(w->cells->settings[s->setting]);
        p->tree = w->n_made;
        if (s->trajectory >= 0 && s->trajectory < tree->first_trajectory)
            tree->first_trajectory = s->trajectory;
    }
    tree->state_bytes = state * (size_t)tree->n_segments;
    tree->cost = work->operations;
    return GGDM_OK;
}

/* ---- trees ---------------------------------------------------------------------------------- */

/* Where to cut a bunch in two: in the middle half, where neighbours have least in common. */
static int32_t best_cut(const forest *w, bunch all)
{
    int32_t margin = all.n < 4 ? 1 : all.n / 4, best = all.first + all.n / 2;
    for (int32_t i = all.first + margin; i < all.first + all.n - all.n / 4; i++)
        best = w->common[i] < w->common[best] ? i : best;
    return best;
}

/* Is the tree of a bunch to be one?  Not where it is too large for a message, or one image of it
 * outgrows the memory; nor where it is too much for a unit and a cut costs next to nothing. */
static bool tree_fits(const forest *w, bunch all, const ggdm_tree *tree, size_t packed)
{
    const ggdm_plan_options *o = w->options;
    if (all.n == 1)
        return true;
    if (packed > GGDM_MAX_TREE || tree->state_bytes > o->max_state_bytes)
        return false;
    return tree->cost * o->min_block <= o->unit_cost ||
           prefix_cost(w, best_cut(w, all)) > MAX_CUT_LOSS * tree->cost;
}

static ggdm_status refuse(const forest *w, const ggdm_trajectory *t, size_t packed, ggdm_error *err)
{
    char cell[GGDM_CELL_NAME_SIZE];
    ggdm_cell_name(w->cells->n_cells, t->first_cell, cell);
    return GGDM_FAIL(err, GGDM_ESHAPE,
                     "cell %s: its head and settings are %zu bytes, expected at most %zu", cell,
                     packed, GGDM_MAX_TREE);
}

/* A bunch as one tree, or as several that do the work of their common prefix again.  A cut leaves
 * at most three quarters, so the depth is logarithmic. */
static ggdm_status plant(forest *w, bunch all, ggdm_error *err)
{
    ggdm_plan *plan = w->plan;
    if (all.n == 1 || all.n <= w->options->max_trajectories) {
        size_t packed;
        ggdm_plan_count work;
        GGDM_TRY(
            ggdm_grow(&plan->trees, &w->cap, (size_t)plan->n_trees + 1, sizeof *plan->trees, err));
        ggdm_tree *tree = &plan->trees[plan->n_trees++];
        GGDM_TRY(make_tree(w, all, tree, &work, &packed, err));
        if (all.n == 1 && packed > GGDM_MAX_TREE)
            return refuse(w, w->sorted[all.first], packed, err);
        if (tree_fits(w, all, tree, packed)) {
            add_times(&work, tree->image_count, &plan->shared);
            return GGDM_OK;
        }
        free(tree->segments);
        plan->n_trees--;
    }
    int32_t cut = best_cut(w, all), n = cut - all.first;
    GGDM_TRY(plant(w, (bunch){all.first, n}, err));
    return plant(w, (bunch){cut, all.n - n}, err);
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

/* All trees: of what has a ground and a first setting in common. */
static ggdm_status plant_all(forest *w, const int32_t *shown, ggdm_error *err)
{
    for (int32_t i = 0, end; i < w->n; i = end) {
        for (end = i; end < w->n && (end == i || w->common[end] > 0); end++) {
            const ggdm_trajectory *t = w->sorted[end];
            GGDM_TRY(ask_prices(w, t, err));
            count_alone(w, t, shown[t - w->cells->trajectories]);
        }
        GGDM_TRY(plant(w, (bunch){i, end - i}, err));
    }
    return GGDM_OK;
}

static void sort(forest *w)
{
    for (int32_t i = 0; i < w->cells->n_trajectories; i++) {
        if (w->cells->trajectories[i].image_count > 0)
            w->sorted[w->n++] = &w->cells->trajectories[i];
    }
    qsort(w->sorted, (size_t)w->n, sizeof *w->sorted, by_settings);
    for (int32_t i = 1; i < w->n; i++) {
        if (compare_ground(w->sorted[i - 1], w->sorted[i]) == 0)
            w->common[i] = common_steps(w->sorted[i - 1], w->sorted[i]);
    }
}

ggdm_status ggdm_trees_make(const ggdm_cells *cells, const ggdm_coster *coster,
                            const ggdm_plan_options *options, ggdm_plan *plan, ggdm_error *err)
{
    forest w = {.cells = cells, .coster = coster, .options = options, .plan = plan};
    size_t n = (size_t)cells->n_trajectories;
    int32_t *shown = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_alloc(&w.sorted, n, sizeof *w.sorted, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&w.common, n, sizeof *w.common, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&shown, n, sizeof *shown, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&plan->alone, n, sizeof *plan->alone, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&w.prices, (size_t)cells->n_settings, sizeof *w.prices, err),
                  done);
    sort(&w);
    count_cells(cells, shown);
    GGDM_TRY_GOTO(st, plant_all(&w, shown, err), done);
    if (plan->n_trees > 0)
        qsort(plan->trees, (size_t)plan->n_trees, sizeof *plan->trees, by_first);
    plan->cost = plan->shared.operations;

done:
    free(w.sorted);
    free(w.common);
    free(shown);
    free(w.prices);
    free(w.bunches);
    return st;
}
