#include "jobs/planner.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define MAX_BLOCK 1024 /* images in a unit, however cheap */

ggdm_plan_options ggdm_plan_options_default(void)
{
    /* 24000 forward evaluations of the shipped U-Net are 10-60 s of one core: short enough to lose
     * in a crash, long enough that dispatch costs nothing. */
    return (ggdm_plan_options){
        .unit_cost = 24000, .min_units = 16, .min_block = 4, .max_trajectories = 128};
}

static bool is_guided(const ggdm_trajectory *t)
{
    return t->duration > 0;
}

static double step_cost(const ggdm_sweep *sweep)
{
    return sweep->job.gradient == GGDM_XT_FULL ? GGDM_FULL_STEP_COST : GGDM_GUIDE_STEP_COST;
}

/* ---- families ----------------------------------------------------------------------------- */

static int compare_int(int32_t a, int32_t b)
{
    return (a > b) - (a < b);
}

/* Families stand together, shorter guidance first; unguided (kappa 0) is a family too. */
static int by_family(const void *a, const void *b)
{
    const ggdm_trajectory *x = *(const ggdm_trajectory *const *)a;
    const ggdm_trajectory *y = *(const ggdm_trajectory *const *)b;
    if (x->kappa != y->kappa)
        return x->kappa < y->kappa ? -1 : 1;
    return x->target != y->target ? compare_int(x->target, y->target)
                                  : compare_int(x->duration, y->duration);
}

static void add_segment(ggdm_family *f, ggdm_segment s, double cost)
{
    int32_t steps = s.end - s.begin;
    f->segments[f->n_segments++] = s;
    f->cost += cost * steps;
    if (s.kappa != 0)
        f->guided += steps;
    else
        f->plain += steps;
}

/* The tree of n trajectories of one family, by duration: a guided trunk with an unguided branch
 * wherever guidance ends. */
static ggdm_status build_family(const ggdm_sweep *sweep, const ggdm_cells *cells,
                                const ggdm_trajectory *const *sorted, int32_t n, ggdm_family *f,
                                ggdm_error *err)
{
    int32_t trunk = -1, reached = 0, steps = sweep->job.steps;
    GGDM_TRY(ggdm_alloc(&f->segments, 2 * (size_t)n, sizeof *f->segments, err));
    f->n_trajectories = n;
    for (int32_t i = 0; i < n; i++) {
        const ggdm_trajectory *t = sorted[i];
        int64_t index = t - cells->trajectories;
        if (is_guided(t)) {
            ggdm_segment guided = {trunk,    reached,   t->duration,
                                   t->kappa, t->target, t->duration == steps ? index : -1};
            add_segment(f, guided, step_cost(sweep));
            trunk = f->n_segments - 1;
            reached = t->duration;
        }
        if (t->duration < steps)
            add_segment(f, (ggdm_segment){trunk, reached, steps, 0, -1, index}, 1);
    }
    return GGDM_OK;
}

/* Order of families: by the lowest trajectory, which follows the order of cells. */
static int64_t first_trajectory(const ggdm_family *f)
{
    int64_t first = INT64_MAX;
    for (int32_t i = 0; i < f->n_segments; i++)
        if (f->segments[i].trajectory >= 0 && f->segments[i].trajectory < first)
            first = f->segments[i].trajectory;
    return first;
}

static int by_first(const void *a, const void *b)
{
    int64_t x = first_trajectory(a), y = first_trajectory(b);
    return (x > y) - (x < y);
}

static bool same_family(const ggdm_trajectory *a, const ggdm_trajectory *b)
{
    return a->kappa == b->kappa && a->target == b->target;
}

static ggdm_status make_families(const ggdm_sweep *sweep, const ggdm_cells *cells,
                                 const ggdm_plan_options *options, ggdm_plan *plan, ggdm_error *err)
{
    int32_t n = cells->n_trajectories;
    const ggdm_trajectory **sorted = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_alloc(&sorted, (size_t)n, sizeof *sorted, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&plan->families, (size_t)n, sizeof *plan->families, err), done);
    for (int32_t i = 0; i < n; i++)
        sorted[i] = &cells->trajectories[i];
    qsort(sorted, (size_t)n, sizeof *sorted, by_family);
    for (int32_t i = 0, end; i < n; i = end) {
        end = i + 1;
        while (end < n && end - i < options->max_trajectories &&
               same_family(sorted[i], sorted[end]))
            end++;
        ggdm_family *f = &plan->families[plan->n_families++];
        GGDM_TRY_GOTO(st, build_family(sweep, cells, sorted + i, end - i, f, err), done);
    }
    qsort(plan->families, (size_t)plan->n_families, sizeof *plan->families, by_first);

done:
    free(sorted);
    return st;
}

/* ---- units -------------------------------------------------------------------------------- */

static int32_t clamp_block(double block, int32_t samples)
{
    int32_t most = samples < MAX_BLOCK ? samples : MAX_BLOCK;
    return block < 1 ? 1 : block > most ? most : (int32_t)block;
}

/* Images per unit: what the unit's cost allows; fewer, but not below min_block, where there would
 * be too few units; then evened out over the blocks. */
static int32_t block_size(const ggdm_plan *plan, const ggdm_family *f, int32_t samples,
                          const ggdm_plan_options *o)
{
    int32_t block = clamp_block(o->unit_cost / f->cost, samples);
    int32_t spread = clamp_block(plan->cost / o->min_units / f->cost, samples);
    int32_t least = block < o->min_block ? block : o->min_block;
    if (spread < block)
        block = spread > least ? spread : least;
    int32_t n_blocks = (samples - 1) / block + 1;
    return (samples - 1) / n_blocks + 1;
}

/* Most costly first, so that the workers end together; early images first among equals, so that
 * every cell shows something soon. */
static int by_order(const void *a, const void *b)
{
    const ggdm_plan_unit *x = a, *y = b;
    if (x->cost != y->cost)
        return x->cost > y->cost ? -1 : 1;
    return x->image_first != y->image_first ? compare_int(x->image_first, y->image_first)
                                            : compare_int(x->family, y->family);
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
            plan->units[n++] = (ggdm_plan_unit){i, at, count, f->cost * count};
        }
    }
    qsort(plan->units, n, sizeof *plan->units, by_order);
    plan->n_units = (int32_t)n; /* images are at most 10^9: sweep.c */
    return GGDM_OK;
}

static void count(const ggdm_sweep *sweep, const ggdm_cells *cells, ggdm_plan *plan)
{
    bool through_unet = sweep->job.gradient == GGDM_XT_FULL;
    for (int32_t i = 0; i < cells->n_cells; i++) {
        const ggdm_trajectory *t = &cells->trajectories[cells->cells[i].trajectory];
        plan->naive.forwards += (int64_t)sweep->job.steps * sweep->samples;
        plan->naive.backwards += through_unet ? (int64_t)t->duration * sweep->samples : 0;
    }
    for (int32_t i = 0; i < plan->n_families; i++) {
        const ggdm_family *f = &plan->families[i];
        plan->shared.forwards += (f->guided + f->plain) * sweep->samples;
        plan->shared.backwards += through_unet ? f->guided * sweep->samples : 0;
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
    ggdm_status st = make_families(sweep, cells, o, out, err);
    if (st == GGDM_OK) {
        count(sweep, cells, out);
        st = make_units(sweep, o, out, err);
    }
    if (st != GGDM_OK)
        ggdm_plan_deinit(out);
    return st;
}

void ggdm_plan_deinit(ggdm_plan *plan)
{
    for (int32_t i = 0; i < plan->n_families; i++)
        free(plan->families[i].segments);
    free(plan->families);
    free(plan->units);
    memset(plan, 0, sizeof *plan);
}
