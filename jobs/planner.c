#include "jobs/planner.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/philox.h"

#define MAX_BLOCK 1024    /* images in a unit, however cheap */
#define MAX_CUT_LOSS 0.05 /* of a tree's work may be done twice to make units of a sane size */

ggdm_plan_options ggdm_plan_options_default(void)
{
    /* 24000 forward evaluations of the shipped U-Net are 10-60 s of one core: short enough to lose
     * in a crash, long enough that dispatch costs nothing. */
    return (ggdm_plan_options){.unit_cost = 24000,
                               .min_units = 16,
                               .min_block = 4,
                               .max_trajectories = 128,
                               .max_state_bytes = (size_t)256 << 20};
}

static int compare_int(int32_t a, int32_t b)
{
    return (a > b) - (a < b);
}

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* ---- a trajectory as a run-length list of step settings ------------------------------------- */

typedef struct setting {
    double kappa;
    int32_t target;
} setting;

typedef const ggdm_trajectory *const *trajectories; /* in order: by_settings */

static setting setting_at(const ggdm_trajectory *t, int32_t step)
{
    bool guided = step >= t->start && step < t->start + t->duration;
    return guided ? (setting){t->kappa, t->target} : (setting){0, -1};
}

/* The step at which the setting of a step ends; INT32_MAX: that of the chain. */
static int32_t run_end(const ggdm_trajectory *t, int32_t step)
{
    if (step < t->start)
        return t->start;
    return step < t->start + t->duration ? t->start + t->duration : INT32_MAX;
}

static int compare_settings(setting a, setting b)
{
    if (a.kappa != b.kappa)
        return a.kappa < b.kappa ? -1 : 1;
    return compare_int(a.target, b.target);
}

/* Steps before the first that differs. */
static int32_t common_steps(const ggdm_trajectory *a, const ggdm_trajectory *b)
{
    int32_t step = 0;
    while (step < INT32_MAX && compare_settings(setting_at(a, step), setting_at(b, step)) == 0)
        step = least(run_end(a, step), run_end(b, step));
    return step;
}

/* By the setting of the first step that differs: a common prefix stands together, of any length. */
static int by_settings(const void *a, const void *b)
{
    const ggdm_trajectory *x = *(const ggdm_trajectory *const *)a;
    const ggdm_trajectory *y = *(const ggdm_trajectory *const *)b;
    int32_t step = common_steps(x, y);
    return step == INT32_MAX ? 0 : compare_settings(setting_at(x, step), setting_at(y, step));
}

static double step_cost(ggdm_gradient gradient, double kappa)
{
    if (kappa == 0)
        return 1;
    return gradient == GGDM_XT_FULL ? GGDM_FULL_STEP_COST : GGDM_GUIDE_STEP_COST;
}

double ggdm_segments_cost(const ggdm_segment *segments, int32_t n, ggdm_gradient gradient)
{
    double cost = 0;
    for (int32_t i = 0; i < n; i++)
        cost += step_cost(gradient, segments[i].kappa) * (segments[i].end - segments[i].begin);
    return cost;
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

/* ---- trees ---------------------------------------------------------------------------------- */

typedef struct forest {
    const ggdm_sweep *sweep;
    const ggdm_cells *cells;
    const ggdm_plan_options *options;
    ggdm_plan *plan;
    size_t cap; /* of plan->families */
} forest;

static ggdm_status add_segment(ggdm_family *f, size_t *cap, ggdm_segment s, ggdm_error *err)
{
    GGDM_TRY(ggdm_grow(&f->segments, cap, (size_t)f->n_segments + 1, sizeof *f->segments, err));
    f->segments[f->n_segments++] = s;
    return GGDM_OK;
}

/* The tree of t[n], which agree before step begin, below segment parent: a segment for each setting
 * at that step, up to where the first of those that have it changes. */
static ggdm_status add_branches(const forest *w, trajectories t, int32_t n, int32_t begin,
                                int32_t parent, ggdm_family *f, size_t *cap, ggdm_error *err)
{
    const int32_t steps = w->sweep->job.steps;
    for (int32_t i = 0, next; i < n; i = next) {
        setting now = setting_at(t[i], begin);
        int32_t end = steps;
        for (next = i; next < n && compare_settings(now, setting_at(t[next], begin)) == 0; next++)
            end = least(end, run_end(t[next], begin));
        int64_t leaf =
            end == steps ? w->cells->first_trajectory + (t[i] - w->cells->trajectories) : -1;
        ggdm_segment s = {parent, begin, end, now.kappa, now.target, leaf};
        GGDM_TRY(add_segment(f, cap, s, err));
        if (end < steps)
            GGDM_TRY(add_branches(w, t + i, next - i, end, f->n_segments - 1, f, cap, err));
    }
    return GGDM_OK;
}

static ggdm_status make_tree(const forest *w, trajectories t, int32_t n, ggdm_family *f,
                             ggdm_error *err)
{
    size_t cap = 0;
    *f = (ggdm_family){.n_trajectories = n, .first_trajectory = INT64_MAX};
    GGDM_TRY(add_branches(w, t, n, 0, -1, f, &cap, err));
    f->cost = ggdm_segments_cost(f->segments, f->n_segments, w->sweep->job.gradient);
    for (int32_t i = 0; i < f->n_segments; i++) {
        const ggdm_segment *s = &f->segments[i];
        *(s->kappa != 0 ? &f->guided : &f->plain) += s->end - s->begin;
        if (s->trajectory >= 0 && s->trajectory < f->first_trajectory)
            f->first_trajectory = s->trajectory;
    }
    return GGDM_OK;
}

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

/* Work done twice when a and b are in different trees: at most their common prefix. */
static double prefix_cost(const forest *w, const ggdm_trajectory *a, const ggdm_trajectory *b)
{
    double cost = 0;
    for (int32_t step = 0, end, all = common_steps(a, b); step < all; step = end) {
        end = least(run_end(a, step), all);
        cost += step_cost(w->sweep->job.gradient, setting_at(a, step).kappa) * (end - step);
    }
    return cost;
}

static size_t state_bytes(const ggdm_family *f, const ggdm_plan_options *o)
{
    return (size_t)f->n_segments * o->image_bytes;
}

/* Is the tree of t[n] to be one?  Not where one image of it outgrows the memory; nor where it is
 * too much for a unit and a cut costs next to nothing. */
static bool fits(const forest *w, trajectories t, int32_t n, const ggdm_family *f)
{
    const ggdm_plan_options *o = w->options;
    if (n == 1)
        return true;
    if (state_bytes(f, o) > o->max_state_bytes)
        return false;
    int32_t cut = best_cut(t, n);
    return f->cost * o->min_block <= o->unit_cost ||
           prefix_cost(w, t[cut - 1], t[cut]) > MAX_CUT_LOSS * f->cost;
}

/* t[n] as one tree, or as several that do the work of their common prefix again. */
static ggdm_status plant(forest *w, trajectories t, int32_t n, ggdm_error *err)
{
    ggdm_plan *plan = w->plan;
    if (n <= w->options->max_trajectories) {
        GGDM_TRY(ggdm_grow(&plan->families, &w->cap, (size_t)plan->n_families + 1,
                           sizeof *plan->families, err));
        ggdm_family *f = &plan->families[plan->n_families++];
        GGDM_TRY(make_tree(w, t, n, f, err));
        if (fits(w, t, n, f))
            return GGDM_OK;
        free(f->segments);
        plan->n_families--;
    }
    int32_t cut = best_cut(t, n);
    GGDM_TRY(plant(w, t, cut, err));
    return plant(w, t + cut, n - cut, err);
}

/* Order of families: by the lowest trajectory, which follows the order of cells. */
static int by_first(const void *a, const void *b)
{
    int64_t x = ((const ggdm_family *)a)->first_trajectory;
    int64_t y = ((const ggdm_family *)b)->first_trajectory;
    return (x > y) - (x < y);
}

static ggdm_status make_families(forest *w, ggdm_error *err)
{
    int32_t n = w->cells->n_trajectories;
    const ggdm_trajectory **sorted = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_alloc(&sorted, (size_t)n, sizeof *sorted, err), done);
    for (int32_t i = 0; i < n; i++)
        sorted[i] = &w->cells->trajectories[i];
    qsort(sorted, (size_t)n, sizeof *sorted, by_settings);
    for (int32_t i = 0, end; i < n; i = end) {
        end = i + 1;
        while (end < n && common_steps(sorted[i], sorted[end]) > 0)
            end++;
        GGDM_TRY_GOTO(st, plant(w, sorted + i, end - i, err), done);
    }
    qsort(w->plan->families, (size_t)w->plan->n_families, sizeof *w->plan->families, by_first);

done:
    free(sorted);
    return st;
}

/* ---- units -------------------------------------------------------------------------------- */

static int32_t clamp_block(double block, int32_t samples)
{
    int32_t most = samples < MAX_BLOCK ? samples : MAX_BLOCK;
    return (int32_t)ggdm_to_int(block, 1, most);
}

/* Images per unit: what the unit's cost and memory allow; fewer, but not below min_block, where
 * there would be too few units; then evened out over the blocks. */
static int32_t block_size(const ggdm_plan *plan, const ggdm_family *f, int32_t samples,
                          const ggdm_plan_options *o)
{
    int32_t block = clamp_block(o->unit_cost / f->cost, samples);
    int32_t spread = clamp_block(plan->cost / o->min_units / f->cost, samples);
    int32_t fewest = least(block, o->min_block);
    if (spread < block)
        block = spread > fewest ? spread : fewest;
    if (o->image_bytes)
        block = least(block,
                      clamp_block((double)o->max_state_bytes / (double)state_bytes(f, o), samples));
    int32_t n_blocks = (samples - 1) / block + 1;
    return (samples - 1) / n_blocks + 1;
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
                                            : compare_int(x->family, y->family);
}

static double draw(const ggdm_sweep *sweep, int32_t family, int32_t image_first)
{
    double u = 0;
    if (sweep->order != GGDM_ORDER_SHUFFLE)
        return 0;
    ggdm_uniforms(sweep->job.seed, GGDM_STREAM_SHUFFLE, (uint32_t)family, (uint32_t)image_first, 1,
                  &u);
    return image_first + u;
}

static ggdm_status make_units(const ggdm_sweep *sweep, const ggdm_plan_options *options,
                              ggdm_plan *plan, ggdm_error *err)
{
    size_t cap = 0, n = 0;
    for (int32_t i = 0; i < plan->n_families; i++) {
        const ggdm_family *f = &plan->families[i];
        int32_t block = block_size(plan, f, sweep->samples, options);
        size_t blocks = (size_t)((sweep->samples - 1) / block + 1);
        GGDM_TRY(ggdm_grow(&plan->units, &cap, n + blocks, sizeof *plan->units, err));
        for (int32_t at = 0; at < sweep->samples; at += block) {
            int32_t count = sweep->samples - at < block ? sweep->samples - at : block;
            plan->units[n++] = (ggdm_plan_unit){i, at, count, f->cost * count, draw(sweep, i, at)};
        }
    }
    qsort(plan->units, n, sizeof *plan->units, by_order);
    plan->n_units = (int32_t)n; /* images are at most 10^9: sweep.c */
    return GGDM_OK;
}

static void add_work(const ggdm_sweep *sweep, int64_t guided, int64_t plain, ggdm_plan_count *to)
{
    to->forwards += (guided + plain) * sweep->samples;
    to->guided += guided * sweep->samples;
    if (sweep->job.gradient == GGDM_XT_FULL)
        to->backwards += guided * sweep->samples;
}

static void count(const ggdm_sweep *sweep, const ggdm_cells *cells, ggdm_plan *plan)
{
    for (int32_t i = 0; i < cells->n_cells; i++) {
        const ggdm_cell *c = &cells->cells[i];
        int32_t guided = c->kappa != 0 ? c->duration : 0;
        add_work(sweep, guided, sweep->job.steps - guided, &plan->naive);
    }
    for (int32_t i = 0; i < plan->n_families; i++) {
        const ggdm_family *f = &plan->families[i];
        add_work(sweep, f->guided, f->plain, &plan->shared);
        plan->cost += f->cost * sweep->samples;
    }
    plan->n_images = (int64_t)cells->n_trajectories * sweep->samples;
}

ggdm_status ggdm_plan_make(const ggdm_sweep *sweep, const ggdm_cells *cells,
                           const ggdm_plan_options *options, ggdm_plan *out, ggdm_error *err)
{
    ggdm_plan_options standard = ggdm_plan_options_default();
    const ggdm_plan_options *o = options ? options : &standard;
    memset(out, 0, sizeof *out);
    forest w = {.sweep = sweep, .cells = cells, .options = o, .plan = out};
    ggdm_status st = make_families(&w, err);
    if (st == GGDM_OK) {
        count(sweep, cells, out);
        st = make_units(sweep, o, out, err);
    }
    if (st != GGDM_OK)
        ggdm_plan_deinit(out);
    return st;
}

size_t ggdm_plan_state_bytes(const ggdm_plan *plan, size_t image_bytes)
{
    size_t most = 0;
    for (int32_t i = 0; i < plan->n_units; i++) {
        const ggdm_plan_unit *u = &plan->units[i];
        size_t n = (size_t)u->image_count * (size_t)plan->families[u->family].n_segments;
        most = n > most ? n : most;
    }
    return most * image_bytes;
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
        plan->n_images += (int64_t)u->image_count * plan->families[u->family].n_trajectories;
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
    for (int32_t i = 0; i < plan->n_families; i++)
        free(plan->families[i].segments);
    free(plan->families);
    free(plan->units);
    memset(plan, 0, sizeof *plan);
}
