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
    char kappa[200] = "", duration[400] = "", target[100] = "";
    for (int64_t i = 0, n = 1 + ggdm_test_below(rng, 4); i < n; i++)
        sprintf(kappa + strlen(kappa), "%s%g", i ? ", " : "",
                0.5 * (double)ggdm_test_below(rng, 5));
    for (int64_t i = 0, n = 1 + ggdm_test_below(rng, 12); i < n; i++)
        sprintf(duration + strlen(duration), "%s%d", i ? ", " : "",
                (int)ggdm_test_below(rng, steps + 1));
    for (int64_t i = 0, n = 1 + ggdm_test_below(rng, 3); i < n; i++)
        sprintf(target + strlen(target), "%s%d", i ? ", " : "", (int)ggdm_test_below(rng, 3));
    char *text;
    ggdm_error err;
    ggdm_test_ok(ggdm_asprintf(&text, &err,
                               "name: a\nmodel: m\nsamples: %d\nsampler: {kind: ddpm, steps: %d}\n"
                               "guidance: {kind: gradient, gradient: %s, loss: {kind: classifier, "
                               "model: c}}\nsweep: {kappa: [%s], duration: [%s], target: [%s]}\n",
                               (int)(1 + ggdm_test_below(rng, 50)), steps,
                               gradients[ggdm_test_below(rng, 3)], kappa, duration, target),
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
        bool guided = p->begin < t->duration;
        assert_true(!guided || p->end <= t->duration);
        assert_true(p->kappa == (guided ? t->kappa : 0));
        assert_int_equal(p->target, guided ? t->target : -1);
        begin = p->begin;
    }
    assert_int_equal(begin, 0);
}

static void check_laws(const fixture *f, const ggdm_plan_options *options)
{
    size_t n = (size_t)(f->cells.n_trajectories * f->sweep.samples);
    int *covered = ggdm_test_alloc(n, sizeof *covered);
    ggdm_plan_count shared = {0, 0};
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
            shared.backwards += s->kappa != 0 && full ? image_steps : 0;
            if (s->trajectory < 0)
                continue;
            ends++;
            check_path(f, &unit, i);
            for (int32_t k = 0; k < unit.image_count; k++)
                covered[s->trajectory * f->sweep.samples + unit.image_first + k]++;
        }
        assert_true(ends <= options->max_trajectories);
        assert_true(u == 0 || f->plan.units[u - 1].cost >= f->plan.units[u].cost);
    }
    for (size_t i = 0; i < n; i++)
        assert_int_equal(covered[i], 1);
    assert_true(shared.forwards == f->plan.shared.forwards);
    assert_true(shared.backwards == f->plan.shared.backwards);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_planner_random_sweeps_are_covered_once_at_no_more_cost),
        cmocka_unit_test(test_planner_figure4_costs_what_was_computed_by_hand),
        cmocka_unit_test(test_planner_small_sweep_has_units_for_several_workers),
        cmocka_unit_test(test_planner_is_a_function_of_the_sweep),
    };
    return ggdm_test_main(tests);
}
