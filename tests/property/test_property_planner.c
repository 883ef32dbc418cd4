/* Laws of the planner over random sweeps. */
#include "tests/support/ggdm_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "jobs/planner.h"

typedef struct fixture {
    ggdm_sweep sweep;
    ggdm_cells cells;
    ggdm_plan plan;
} fixture;

static void make(fixture *f, const char *text, const ggdm_plan_options *options)
{
    ggdm_error err;
    ggdm_test_ok(ggdm_sweep_parse(text, strlen(text), "s.yaml", &f->sweep, &err), &err);
    ggdm_test_ok(ggdm_cells_expand(&f->sweep, NULL, &f->cells, &err), &err);
    ggdm_test_ok(ggdm_plan_make(&f->sweep, &f->cells, options, &f->plan, &err), &err);
}

static void release(fixture *f)
{
    ggdm_plan_deinit(&f->plan);
    ggdm_cells_deinit(&f->cells);
    ggdm_sweep_deinit(&f->sweep);
}

static char *random_sweep(ggdm_test_rng *rng)
{
    static const char *const gradients[] = {"xt-full", "xt-affine", "x0"};
    int steps = 1 + (int)ggdm_test_below(rng, 60);
    char kappa[200] = "", duration[800] = "", target[100] = "";
    for (int64_t i = 0, n = 1 + ggdm_test_below(rng, 4); i < n; i++)
        sprintf(kappa + strlen(kappa), "%s%g", i ? ", " : "",
                0.5 * (double)ggdm_test_below(rng, 5));
    for (int64_t i = 0, n = 1 + ggdm_test_below(rng, 12); i < n; i++) {
        int start = (int)ggdm_test_below(rng, 2) * (int)ggdm_test_below(rng, steps + 1);
        int length = (int)ggdm_test_below(rng, steps + 1 - start);
        sprintf(duration + strlen(duration), start ? "%s{start_step: %d, length: %d}" : "%s%.0d%d",
                i ? ", " : "", start, length);
    }
    for (int64_t i = 0, n = 1 + ggdm_test_below(rng, 3); i < n; i++)
        sprintf(target + strlen(target), "%s%d", i ? ", " : "", (int)ggdm_test_below(rng, 3));
    char *text;
    ggdm_error err;
    ggdm_test_ok(ggdm_asprintf(&text, &err,
                               "name: a\nmodel: m\nsamples: %d\nsampler: {kind: ddpm, steps: %d}\n"
                               "guidance: {kind: gradient, gradient: %s, loss: {kind: classifier, "
                               "model: c}}\nsweep: {kappa: [%s], duration: [%s], target: [%s]}\n"
                               "order: %s\n",
                               (int)(1 + ggdm_test_below(rng, 50)), steps,
                               gradients[ggdm_test_below(rng, 3)], kappa, duration, target,
                               ggdm_test_below(rng, 2) ? "cost" : "shuffle"),
                 &err);
    return text;
}

/* The steps of one trajectory, followed from its last segment to the first. */
static void check_path(const fixture *f, const ggdm_unit *unit, int32_t last)
{
    const ggdm_segment *s = &unit->segments[last];
    const ggdm_trajectory *t = &f->cells.trajectories[s->trajectory];
    assert_int_equal(s->end, f->sweep.job.steps);
    int32_t begin = s->end;
    for (int32_t i = last; i >= 0; i = unit->segments[i].parent) {
        const ggdm_segment *p = &unit->segments[i];
        assert_int_equal(p->end, begin); /* the child's begin is the parent's end */
        assert_true(p->begin < p->end);
        assert_true(p->parent < i);
        /* Of one setting: all of it inside of the window, or all outside. */
        int32_t window_end = t->start + t->duration;
        bool guided = p->begin >= t->start && p->begin < window_end;
        assert_true(p->end <= (guided                ? window_end
                               : p->begin < t->start ? t->start
                                                     : f->sweep.job.steps));
        assert_true(p->kappa == (guided ? t->kappa : 0));
        assert_int_equal(p->target, guided ? t->target : -1);
        begin = p->begin;
    }
    assert_int_equal(begin, 0);
}

/* The states of a unit fit, unless one image of one trajectory does not. */
static void check_memory(const ggdm_unit *unit, const ggdm_plan_options *o, int trajectories)
{
    size_t states = (size_t)unit->n_segments * (size_t)unit->image_count * o->image_bytes;
    assert_true(states <= o->max_state_bytes || (trajectories == 1 && unit->image_count == 1));
}

static void check_laws(const fixture *f, const ggdm_plan_options *options)
{
    size_t n = (size_t)(f->cells.n_trajectories * f->sweep.samples);
    int *covered = ggdm_test_alloc(n, sizeof *covered);
    ggdm_plan_count shared = {0, 0, 0};
    bool full = f->sweep.job.gradient == GGDM_XT_FULL;
    for (int32_t u = 0; u < f->plan.n_units; u++) {
        const ggdm_plan_unit *planned = &f->plan.units[u];
        const ggdm_family *family = &f->plan.families[planned->family];
        ggdm_unit unit = {.id = u,
                          .image_first = planned->image_first,
                          .image_count = planned->image_count,
                          .n_segments = family->n_segments,
                          .segments = family->segments};
        assert_true(unit.image_count >= 1);
        int ends = 0;
        for (int32_t i = 0; i < unit.n_segments; i++) {
            const ggdm_segment *s = &unit.segments[i];
            int64_t image_steps = (int64_t)(s->end - s->begin) * unit.image_count;
            shared.forwards += image_steps;
            shared.guided += s->kappa != 0 ? image_steps : 0;
            shared.backwards += s->kappa != 0 && full ? image_steps : 0;
            if (s->trajectory < 0)
                continue;
            ends++;
            check_path(f, &unit, i);
            for (int32_t k = 0; k < unit.image_count; k++)
                covered[s->trajectory * f->sweep.samples + unit.image_first + k]++;
        }
        assert_true(ends <= options->max_trajectories);
        check_memory(&unit, options, ends);
        assert_true(u == 0 || f->sweep.order == GGDM_ORDER_SHUFFLE ||
                    planned[-1].cost >= planned->cost);
        assert_true(u == 0 || f->sweep.order == GGDM_ORDER_COST ||
                    planned[-1].image_first <= planned->image_first);
    }
    for (size_t i = 0; i < n; i++)
        assert_int_equal(covered[i], 1);
    assert_true(shared.forwards == f->plan.shared.forwards);
    assert_true(shared.backwards == f->plan.shared.backwards);
    assert_true(shared.guided == f->plan.shared.guided);
    assert_true(shared.forwards <= f->plan.naive.forwards);
    assert_true(shared.backwards <= f->plan.naive.backwards);
    assert_true(f->plan.n_images == (int64_t)n);
    free(covered);
}

static void test_planner_random_sweeps_are_covered_once_at_no_more_cost(void **state)
{
    (void)state;
    uint64_t seed = ggdm_test_mix(ggdm_test_seed(), "planner", 0);
    ggdm_test_rng rng = ggdm_test_rng_init(seed);
    for (int i = 0; i < 400; i++) {
        ggdm_plan_options options = ggdm_plan_options_default();
        options.unit_cost = exp(ggdm_test_uniform(&rng, 0, 10));
        options.min_units = 1 + (int32_t)ggdm_test_below(&rng, 30);
        options.min_block = 1 + (int32_t)ggdm_test_below(&rng, 8);
        options.max_trajectories = 1 + (int32_t)ggdm_test_below(&rng, 8);
        options.image_bytes = 100;
        options.max_state_bytes = (size_t)ggdm_test_below(&rng, 20000);
        char *text = random_sweep(&rng);
        fixture f;
        make(&f, text, &options);
        check_laws(&f, &options);
        release(&f);
        free(text);
    }
}

static const char figure4[] = "name: a\nmodel: m\nsamples: 200\n"
                              "guidance: {kind: gradient, loss: {kind: classifier, model: c, "
                              "target: 0}}\nsweep: {kappa: [0, 0.01, 0.03, 0.1, 1], "
                              "duration: {from: 0, to: 1000, step: 100}}\n";

static void test_planner_figure4_costs_what_was_computed_by_hand(void **state)
{
    (void)state;
    fixture f;
    make(&f, figure4, NULL);
    assert_int_equal(f.cells.n_trajectories, 41); /* 1 + 4 x 10 */
    assert_int_equal(f.plan.n_families, 5);
    assert_true(f.plan.n_images == 41 * 200);
    assert_true(f.plan.naive.forwards == 200 * 55 * 1000);
    assert_true(f.plan.naive.backwards == 200 * 4 * 5500);
    /* a kappa: 1000 guided, tails 900 + 800 + ... + 100 = 4500; once unguided: 1000 */
    assert_true(f.plan.shared.forwards == 200 * (4 * 5500 + 1000));
    assert_true(f.plan.shared.backwards == 200 * 4 * 1000);
    double want = 200 * (4 * (1000 * GGDM_FULL_STEP_COST + 4500) + 1000);
    assert_true(fabs(f.plan.cost - want) < 1e-6 * want);
    for (int32_t i = 0; i < f.plan.n_units; i++)
        assert_true(f.plan.units[i].cost <= ggdm_plan_options_default().unit_cost);
    assert_true(f.plan.n_units >= 200 && f.plan.n_units <= 400);
    release(&f);
}

/* A prefix is shared whatever comes after it: kappa, target and length of a window change nothing
 * before it starts. */
static void test_planner_windows_share_head_and_prefix(void **state)
{
    (void)state;
    fixture f;
    make(&f,
         "name: a\nmodel: m\nsamples: 1\nsampler: {kind: ddpm, steps: 100}\nguidance: {kind: "
         "gradient, loss: {kind: classifier, model: c}}\nsweep: {kappa: [0, 1, 2], target: [0, 1], "
         "duration: [{start_step: 80, length: 10}, {start_step: 80, length: 20}, {start_step: 90, "
         "length: 10}]}\n",
         NULL);
    assert_int_equal(f.cells.n_trajectories, 13); /* unguided, and 4 settings x 3 windows */
    assert_int_equal(f.plan.n_families, 1);
    /* Head of 100 steps, which is the unguided cell; a setting: 10 + 10 from step 80 with a tail of
     * 10, and 10 from step 90. */
    assert_true(f.plan.shared.forwards == 100 + 4 * (20 + 10 + 10));
    assert_true(f.plan.shared.guided == 4 * (20 + 10));
    assert_true(f.plan.naive.forwards == 18 * 100);
    assert_true(f.plan.naive.guided == 4 * (10 + 20 + 10));
    release(&f);
}

/* 11 durations in hundreds: what sharing has to save (issue 3). */
static void test_planner_shares_more_than_half_of_the_work(void **state)
{
    (void)state;
    fixture f;
    make(&f, figure4, NULL);
    double backward = GGDM_FULL_STEP_COST - 1; /* in forwards */
    double shared = (double)f.plan.shared.forwards + backward * (double)f.plan.shared.backwards;
    double naive = (double)f.plan.naive.forwards + backward * (double)f.plan.naive.backwards;
    assert_true(shared <= 0.45 * naive);
    release(&f);
}

static void test_planner_without_sharing_has_chains(void **state)
{
    (void)state;
    fixture f;
    ggdm_plan_options options = ggdm_plan_options_default();
    options.max_trajectories = 1;
    make(&f, figure4, &options);
    assert_int_equal(f.plan.n_families, 41);
    assert_true(f.plan.shared.forwards == 200 * 41 * 1000);
    assert_true(f.plan.shared.guided == f.plan.naive.guided);
    release(&f);
}

/* 400 windows with one unguided head: cut into units of a sane size where that costs little. */
static void test_planner_cuts_large_trees(void **state)
{
    (void)state;
    char text[20000] =
        "name: a\nmodel: m\nsamples: 8\nguidance: {kind: gradient, loss: {kind: classifier, model: "
        "c, target: 0}}\nsweep: {kappa: [1, 2, 3, 4], duration: [";
    for (int i = 0; i < 100; i++)
        sprintf(text + strlen(text), "%s{start_step: %d, length: 100}", i ? ", " : "",
                i ? 9 * i : 1);
    strcat(text, "]}\n");
    fixture f;
    ggdm_plan_options options = ggdm_plan_options_default();
    options.image_bytes = 1 << 20;
    make(&f, text, &options);
    check_laws(&f, &options);
    assert_true(f.plan.n_families >= 4);
    for (int32_t i = 0; i < f.plan.n_families; i++)
        assert_true(f.plan.families[i].n_segments <= 256);
    /* Without any cut it would be one head and 400 branches. */
    int64_t best = 1000;
    for (int i = 0; i < 100; i++)
        best += 4 * (1000 - (i ? 9 * i : 1));
    assert_true(f.plan.shared.forwards < 8 * (best + best / 10));
    release(&f);
}

static void test_planner_shuffle_spreads_over_the_grid(void **state)
{
    (void)state;
    fixture a, b, c;
    char text[1000];
    snprintf(text, sizeof text, "%sorder: shuffle\n", figure4);
    make(&a, figure4, NULL);
    make(&b, text, NULL);
    make(&c, text, NULL);
    assert_int_equal(a.plan.n_units, b.plan.n_units);
    bool seen[5] = {false}, moved = false;
    for (int i = 0; i < 5; i++) { /* each tree once before any comes again */
        assert_int_equal(b.plan.units[i].image_first, 0);
        assert_false(seen[b.plan.units[i].family]);
        seen[b.plan.units[i].family] = true;
    }
    for (int32_t i = 0; i < a.plan.n_units; i++) {
        moved = moved || a.plan.units[i].family != b.plan.units[i].family;
        assert_int_equal(b.plan.units[i].family, c.plan.units[i].family);
        assert_int_equal(b.plan.units[i].image_first, c.plan.units[i].image_first);
    }
    assert_true(moved);
    assert_true(a.plan.shared.forwards == b.plan.shared.forwards);
    release(&a);
    release(&b);
    release(&c);
}

static void test_planner_small_sweep_has_units_for_several_workers(void **state)
{
    (void)state;
    fixture f;
    make(
        &f,
        "name: a\nmodel: m\nsamples: 8\nguidance: {kind: gradient, loss: {kind: classifier, model: "
        "c, target: 0}}\nsweep: {kappa: [0, 0.1, 1], duration: [0, 250, 500, 750, 1000]}\n",
        NULL);
    assert_int_equal(f.plan.n_families, 3);
    assert_int_equal(f.plan.n_units, 6); /* blocks of 4: batches stay efficient */
    for (int32_t i = 0; i < 6; i++)
        assert_int_equal(f.plan.units[i].image_count, 4);
    assert_int_equal(f.plan.units[0].image_first, 0); /* of two families before their second half */
    assert_int_equal(f.plan.units[1].image_first, 0);
    release(&f);
}

static void test_planner_is_a_function_of_the_sweep(void **state)
{
    (void)state;
    fixture a, b;
    make(&a, figure4, NULL);
    make(&b, figure4, NULL);
    assert_int_equal(a.plan.n_units, b.plan.n_units);
    for (int32_t i = 0; i < a.plan.n_units; i++) {
        const ggdm_plan_unit *x = &a.plan.units[i], *y = &b.plan.units[i];
        assert_true(x->family == y->family && x->image_first == y->image_first &&
                    x->image_count == y->image_count);
    }
    release(&a);
    release(&b);
}

/* Every unit is in one shard, under its number; images and cost add up. */
static void test_planner_shards_share_out_all_units(void **state)
{
    (void)state;
    enum { SHARDS = 7 };
    ggdm_error err;
    fixture whole;
    make(&whole, figure4, NULL);
    bool *seen = ggdm_test_alloc((size_t)whole.plan.n_units, sizeof *seen);
    memset(seen, 0, (size_t)whole.plan.n_units * sizeof *seen);
    int64_t images = 0;
    double cost = 0;
    for (int32_t shard = 0; shard < SHARDS; shard++) {
        fixture f;
        make(&f, figure4, NULL);
        ggdm_test_ok(ggdm_plan_keep_shard(&f.plan, shard, SHARDS, &err), &err);
        for (int32_t i = 0; i < f.plan.n_units; i++) {
            int64_t k = ggdm_plan_unit_number(&f.plan, i);
            assert_true(k < whole.plan.n_units && !seen[k]);
            seen[k] = true;
            const ggdm_plan_unit *a = &f.plan.units[i], *b = &whole.plan.units[k];
            assert_true(a->family == b->family && a->image_first == b->image_first &&
                        a->image_count == b->image_count && a->cost == b->cost);
        }
        assert_true(fabs(f.plan.cost - whole.plan.cost / SHARDS) < 0.1 * whole.plan.cost / SHARDS);
        images += f.plan.n_images;
        cost += f.plan.cost;
        release(&f);
    }
    for (int32_t k = 0; k < whole.plan.n_units; k++)
        assert_true(seen[k]);
    assert_true(images == whole.plan.n_images);
    assert_true(fabs(cost - whole.plan.cost) < 1e-9 * cost);
    ggdm_test_error(ggdm_plan_keep_shard(&whole.plan, 0, whole.plan.n_units + 1, &err), &err,
                    GGDM_EINVAL, "at most one of each");
    free(seen);
    release(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_planner_random_sweeps_are_covered_once_at_no_more_cost),
        cmocka_unit_test(test_planner_figure4_costs_what_was_computed_by_hand),
        cmocka_unit_test(test_planner_windows_share_head_and_prefix),
        cmocka_unit_test(test_planner_shares_more_than_half_of_the_work),
        cmocka_unit_test(test_planner_without_sharing_has_chains),
        cmocka_unit_test(test_planner_cuts_large_trees),
        cmocka_unit_test(test_planner_shuffle_spreads_over_the_grid),
        cmocka_unit_test(test_planner_small_sweep_has_units_for_several_workers),
        cmocka_unit_test(test_planner_is_a_function_of_the_sweep),
        cmocka_unit_test(test_planner_shards_share_out_all_units),
    };
    return ggdm_test_main(tests);
}
