/* Laws of the planner over random cells: windows anywhere and over each other, several heads and
 * ranges of images, random costs and bounds. */
#include "tests/support/plan_fixture.h"

#include <math.h>
#include <string.h>

/* Windows that lie over each other, their edges on few steps or on any. */
static void add_random_trajectory(plan_fixture *f, ggdm_test_rng *rng, const int32_t *steps,
                                  const int32_t (*ranges)[2])
{
    int32_t at[64], head = (int32_t)ggdm_test_below(rng, f->cells.n_heads);
    ggdm_run_of_steps runs[64];
    int32_t grid = ggdm_test_below(rng, 2) ? 1 + steps[head] / 4 : 1;
    memset(at, 0, sizeof at);
    for (int64_t n = ggdm_test_below(rng, 4); n > 0; n--) {
        int32_t a = (int32_t)ggdm_test_below(rng, steps[head] + 1) / grid * grid;
        int32_t b = a + (int32_t)ggdm_test_below(rng, steps[head] + 1 - a);
        int32_t setting = (int32_t)ggdm_test_below(rng, f->cells.n_settings);
        for (int32_t s = a; s < b; s++)
            at[s] = setting;
    }
    const int32_t *range = ranges[ggdm_test_below(rng, 3)];
    plan_fixture_add_trajectory(
        f, (ggdm_trajectory){.head = head,
                             .n_runs = plan_fixture_encode(at, steps[head], runs),
                             .runs = runs,
                             .image_first = range[0],
                             .image_count = range[1]});
}

static void add_random(plan_fixture *f, ggdm_test_rng *rng)
{
    static const char *const texts[] = {"{}", "{\"a\":1}", "{\"a\":2}", "{\"b\":{}}", "{\"c\":[]}"};
    static const char *const heads[] = {"{\"model\":\"m\"}", "{\"model\":\"n\"}", "{\"seed\":1}"};
    int32_t steps[PLAN_HEADS], ranges[3][2];
    f->cells.first_trajectory = 1000 * ggdm_test_below(rng, 2);
    for (int64_t i = 0, n = 1 + ggdm_test_below(rng, 3); i < n; i++)
        plan_fixture_add_head(f, heads[i]);
    for (int64_t i = 0, n = 1 + ggdm_test_below(rng, 5); i < n; i++)
        plan_fixture_add_setting(f, texts[i], f->unguided);
    for (int32_t h = 0; h < f->cells.n_heads; h++) {
        steps[h] = 1 + (int32_t)ggdm_test_below(rng, 60);
        for (int32_t s = 0; s < f->cells.n_settings; s++) {
            ggdm_step_cost *c = &f->cost[h][s];
            *c = (ggdm_step_cost){.operations = 1 + (double)ggdm_test_below(rng, 5),
                                  .evaluations = 1 + (int32_t)ggdm_test_below(rng, 3),
                                  .state_bytes = 10 + (size_t)ggdm_test_below(rng, 100)};
            c->spared_operations = c->operations * ggdm_test_uniform(rng, 0, 1);
            c->spared_evaluations = (int32_t)ggdm_test_below(rng, c->evaluations);
        }
    }
    for (int i = 0; i < 3; i++) {
        ranges[i][0] = i * (int32_t)ggdm_test_below(rng, 20);
        ranges[i][1] = (int32_t)ggdm_test_below(rng, i == 2 ? 2 : 50); /* 0: all is there */
    }
    for (int64_t n = 1 + ggdm_test_below(rng, 40); n > 0; n--) {
        add_random_trajectory(f, rng, steps, ranges);
        if (ggdm_test_below(rng, 4) == 0) /* of one that a run has already, or of none */
            plan_fixture_add_cell(f, f->cells.first_trajectory - 1);
    }
}

static ggdm_plan_options random_options(ggdm_test_rng *rng)
{
    return (ggdm_plan_options){.unit_cost = exp(ggdm_test_uniform(rng, 0, 10)),
                               .min_units = 1 + (int32_t)ggdm_test_below(rng, 30),
                               .min_block = 1 + (int32_t)ggdm_test_below(rng, 8),
                               .max_trajectories = 1 + (int32_t)ggdm_test_below(rng, 8),
                               .max_state_bytes = (size_t)ggdm_test_below(rng, 20000)};
}

/* The work of steps that differ in what was before or is, counted pair by pair. */
static int64_t distinct_evaluations(const plan_fixture *f)
{
    int64_t n = 0;
    for (int32_t i = 0; i < f->cells.n_trajectories; i++) {
        const ggdm_trajectory *t = &f->cells.trajectories[i];
        int32_t common = 0; /* steps that a trajectory before it has as well */
        for (int32_t k = 0; k < i; k++) {
            const ggdm_trajectory *o = &f->cells.trajectories[k];
            int32_t step = 0;
            while (o->head == t->head && o->image_first == t->image_first &&
                   o->image_count == t->image_count && step < plan_fixture_steps(t) &&
                   plan_fixture_setting_at(o, step) == plan_fixture_setting_at(t, step))
                step++;
            common = step > common ? step : common;
        }
        for (int32_t step = common, steps = plan_fixture_steps(t); step < steps; step++) {
            const ggdm_step_cost *c = &f->cost[t->head][plan_fixture_setting_at(t, step)];
            n += (int64_t)t->image_count *
                 (c->evaluations - (step + 1 == steps) * c->spared_evaluations);
        }
    }
    return n;
}

static void test_planner_random_cells_are_covered_once_at_no_more_cost(void **state)
{
    (void)state;
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "planner", 0));
    for (int i = 0; i < 3000; i++) {
        ggdm_plan_options options = random_options(&rng);
        plan_fixture f;
        plan_fixture_init(&f, ggdm_test_below(&rng, 2) ? GGDM_ORDER_COST : GGDM_ORDER_SHUFFLE);
        add_random(&f, &rng);
        plan_fixture_plan(&f, &options);
        plan_fixture_check(&f, &options);
        if (f.plan.n_units > 0)
            plan_fixture_check_shards(
                &f, &options,
                1 + (int32_t)ggdm_test_below(&rng, f.plan.n_units < 6 ? f.plan.n_units : 6));
        plan_fixture_release(&f);
    }
}

static void test_planner_without_bounds_shares_all_there_is(void **state)
{
    (void)state;
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "planner", 1));
    for (int i = 0; i < 3000; i++) {
        plan_fixture f;
        plan_fixture_init(&f, GGDM_ORDER_COST);
        add_random(&f, &rng);
        plan_fixture_plan(&f, &plan_unbounded);
        plan_fixture_check(&f, &plan_unbounded);
        assert_true(f.plan.shared.evaluations == distinct_evaluations(&f));
        plan_fixture_release(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_planner_random_cells_are_covered_once_at_no_more_cost),
        cmocka_unit_test(test_planner_without_bounds_shares_all_there_is),
    };
    return ggdm_test_main(tests);
}
