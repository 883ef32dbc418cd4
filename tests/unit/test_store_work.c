/* How much of a run's work is done: of its units, and up to checkpoints. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/run/progress.h"
#include "tests/support/run_fixture.h"

static ggdm_error err;

static ggdm_store_work work_of(run_fixture *f)
{
    ggdm_store_work work;
    ggdm_test_ok(ggdm_store_work_get(f->store, &work, &err), &err);
    return work;
}

static void assert_cost(double got, double want)
{
    if (fabs(got - want) > 1e-9 * want)
        ggdm_test_fail("cost %.17g, expected %.17g", got, want);
}

static double cost_of_units(const run_fixture *f, int n)
{
    double cost = 0;
    for (int i = 0; i < n; i++)
        cost += f->unit[i].cost;
    return cost;
}

/* The next unit is claimed, saved at a step and given back. */
static void save_one(run_fixture *f, int32_t step)
{
    ggdm_unit unit;
    int32_t n;
    ggdm_test_ok(ggdm_store_begin(f->store, 1, &err), &err);
    ggdm_test_ok(ggdm_store_claim(f->store, 1, GGDM_CLAIM_ANY, 1, &unit, &n, &err), &err);
    assert_int_equal(n, 1);
    ggdm_test_ok(ggdm_store_checkpoint(f->store, unit.id, unit.attempt, step, "state", 5, &err),
                 &err);
    ggdm_test_ok(ggdm_store_release(f->store, unit.id, unit.attempt, NULL, &err), &err);
    ggdm_test_ok(ggdm_store_commit(f->store, &err), &err);
    ggdm_unit_deinit(&unit);
}

static void test_store_work_is_that_of_done_units_and_of_checkpoints(void **state)
{
    run_fixture *f = *state;
    assert_true(work_of(f).done == 0 && work_of(f).saved == 0);
    run_fixture_work(f, 4, 1);
    assert_cost(work_of(f).done, cost_of_units(f, 4));
    /* The tree of unit 4 has 500 steps, and 500 in each of two branches. */
    save_one(f, 500);
    assert_cost(work_of(f).saved, f->unit[4].cost / 3);
    save_one(f, 750);
    assert_cost(work_of(f).saved, f->unit[4].cost * 2 / 3);
    assert_cost(work_of(f).done, cost_of_units(f, 4));
    run_fixture_reopen(f, NULL);
    assert_cost(work_of(f).saved, f->unit[4].cost * 2 / 3);
    run_fixture_work(f, RUN_UNITS, 1);
    assert_cost(work_of(f).done, f->plan.cost);
    assert_true(work_of(f).saved == 0);
}

/* What a status file of a run at rest says is what the bar showed. */
static void test_progress_at_rest_counts_work_not_images(void **state)
{
    run_fixture *f = *state;
    char *text = NULL, want[32];
    size_t size;
    run_fixture_work(f, 4, 1);
    save_one(f, 500);
    double fraction = (cost_of_units(f, 4) + f->unit[4].cost / 3) / f->plan.cost;
    snprintf(want, sizeof want, "\"fraction\": %.4f", fraction);
    ggdm_test_ok(ggdm_progress_at_rest(f->store, &text, &size, &err), &err);
    if (!strstr(text, want))
        ggdm_test_fail("not in the status: %s\n%s", want, text);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FIXTURE_TEST(test_store_work_is_that_of_done_units_and_of_checkpoints),
        RUN_FIXTURE_TEST(test_progress_at_rest_counts_work_not_images),
    };
    return ggdm_test_main(tests);
}
