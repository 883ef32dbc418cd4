/* A second sweep in a run: matched by keys, added behind what is there. */
#include "jobs/store.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/run_fixture.h"

static ggdm_error err;

/* Another sweep of three cells: one that trajectory 1 of the fixture shows, one that trajectory 4
 * shows, and a new one that starts at step 500. */
typedef struct other {
    ggdm_cell cell[3];
    ggdm_trajectory trajectory[3];
    ggdm_cells cells;
    ggdm_segment segment[2];
    ggdm_family family;
    ggdm_plan_unit unit[2];
    ggdm_plan plan;
} other;

static void make_other(other *o)
{
    static const int key[] = {0x11, 0x14, 0x70};
    memset(o, 0, sizeof *o);
    for (int i = 0; i < 3; i++) {
        o->cell[i] = (ggdm_cell){.index = i, .kappa = 2, .duration = 300, .trajectory = i};
        o->cell[i].start = i == 2 ? 500 : 0;
        memset(o->cell[i].key, key[i], GGDM_HASH_SIZE);
        memset(o->trajectory[i].key, key[i], GGDM_HASH_SIZE);
    }
    o->trajectory[2].start = 500;
    o->cells = (ggdm_cells){
        .cells = o->cell, .n_cells = 3, .trajectories = o->trajectory, .n_trajectories = 3};
}

/* What the planner makes of the cells that are left, in two blocks. */
static void make_plan(other *o)
{
    o->segment[0] = (ggdm_segment){-1, 0, 500, 0, -1, -1};
    o->segment[1] = (ggdm_segment){0, 500, RUN_STEPS, 2, 0, o->cells.first_trajectory};
    o->family = (ggdm_family){.n_segments = 2, .segments = o->segment, .n_trajectories = 1};
    o->unit[0] = (ggdm_plan_unit){.image_first = 0, .image_count = 6};
    o->unit[1] = (ggdm_plan_unit){.image_first = 6, .image_count = 4};
    o->plan = (ggdm_plan){
        .families = &o->family, .n_families = 1, .units = o->unit, .n_units = 2, .cost = 1000};
}

static void match(run_fixture *f, other *o, int fresh, int done, int queued)
{
    ggdm_store_matched m;
    make_other(o);
    ggdm_test_ok(ggdm_store_match(f->store, &o->cells, &m, &err), &err);
    assert_int_equal(m.fresh, fresh);
    assert_int_equal(m.done, done);
    assert_int_equal(m.queued, queued);
}

static void add(run_fixture *f, other *o)
{
    make_plan(o);
    ggdm_test_ok(ggdm_store_add(f->store, 1000, "name: other\n", "77aa", &o->cells, &o->plan, &err),
                 &err);
}

static void test_store_add_takes_what_is_there_and_plans_the_rest(void **state)
{
    run_fixture *f = *state;
    other o;
    double cost = ggdm_store_cost(f->store);
    run_fixture_work(f, 4, 1); /* the unguided ones, and 4 images of kappa 0.1 */
    match(f, &o, 1, 0, 2);
    run_fixture_work(f, 2, 1); /* all of kappa 0.1: trajectories 1 and 2 */
    match(f, &o, 1, 1, 1);
    assert_int_equal(o.cells.n_trajectories, 1);
    assert_int_equal(o.cells.first_trajectory, RUN_TRAJECTORIES);
    assert_int_equal(o.trajectory[0].start, 500);
    add(f, &o);
    for (int reopened = 0; reopened < 2; reopened++) {
        const ggdm_store_counts *c = ggdm_store_counts_get(f->store);
        assert_int_equal(c->units_total, RUN_UNITS + 2);
        assert_int_equal(c->images_total, (RUN_TRAJECTORIES + 1) * RUN_SAMPLES);
        assert_int_equal(ggdm_store_n_cells(f->store), RUN_CELLS + 3);
        assert_true(ggdm_store_cost(f->store) == cost + 1000);
        run_fixture_reopen(f, NULL);
    }
    ggdm_store_cell cell;
    ggdm_test_ok(ggdm_store_cell_get(f->store, RUN_CELLS, &cell, &err), &err);
    assert_int_equal(cell.cell.trajectory, 1);
    assert_int_equal(cell.images_done, RUN_SAMPLES);
    ggdm_test_ok(ggdm_store_cell_get(f->store, RUN_CELLS + 2, &cell, &err), &err);
    assert_string_equal(cell.name, "c0011");
    assert_int_equal(cell.cell.trajectory, RUN_TRAJECTORIES);
    assert_int_equal(cell.cell.start, 500);
    assert_int_equal(run_fixture_work(f, 100, 1), 5);
    ggdm_test_ok(ggdm_store_cell_get(f->store, RUN_CELLS + 2, &cell, &err), &err);
    assert_int_equal(cell.images_done, RUN_SAMPLES);
}

static void test_store_add_of_known_cells_only_adds_no_unit(void **state)
{
    run_fixture *f = *state;
    other o;
    match(f, &o, 1, 0, 2);
    add(f, &o);
    match(f, &o, 0, 0, 3);
    o.plan = (ggdm_plan){0};
    ggdm_test_ok(ggdm_store_add(f->store, 1000, "x", "99", &o.cells, &o.plan, &err), &err);
    assert_int_equal(ggdm_store_counts_get(f->store)->units_total, RUN_UNITS + 2);
    assert_int_equal(ggdm_store_n_cells(f->store), RUN_CELLS + 6);
}

static void test_store_add_remembers_all_sweeps(void **state)
{
    run_fixture *f = *state;
    other o;
    int32_t n;
    bool has;
    char *text;
    ggdm_test_ok(ggdm_store_has_sweep(f->store, "77aa", &has, &err), &err);
    assert_false(has);
    match(f, &o, 1, 0, 2);
    add(f, &o);
    static const char *const digests[] = {"00ff", "77aa"}, *const texts[] = {"name: fixture\n",
                                                                             "name: other\n"};
    ggdm_test_ok(ggdm_store_n_sweeps(f->store, &n, &err), &err);
    assert_int_equal(n, 2);
    for (int i = 0; i < 2; i++) {
        ggdm_test_ok(ggdm_store_has_sweep(f->store, digests[i], &has, &err), &err);
        assert_true(has);
        ggdm_test_ok(ggdm_store_sweep_text(f->store, i + 1, &text, &err), &err);
        assert_string_equal(text, texts[i]);
        free(text);
    }
}

static void test_store_add_of_malformed_plan_changes_nothing(void **state)
{
    run_fixture *f = *state;
    other o;
    make_other(&o); /* not matched */
    make_plan(&o);
    ggdm_test_error(ggdm_store_add(f->store, 1000, "x", "99", &o.cells, &o.plan, &err), &err,
                    GGDM_EINVAL, "goes on from trajectory 0, expected 5");
    match(f, &o, 1, 0, 2);
    make_plan(&o);
    o.unit[1].image_count = 5;
    ggdm_test_error(ggdm_store_add(f->store, 1000, "x", "99", &o.cells, &o.plan, &err), &err,
                    GGDM_EINVAL, "images 6+5");
    make_plan(&o);
    memset(o.trajectory[0].key, 0x12, GGDM_HASH_SIZE); /* one that is there: found in the midst */
    memset(o.cell[2].key, 0x12, GGDM_HASH_SIZE);
    double cost = ggdm_store_cost(f->store);
    assert_int_not_equal(ggdm_store_add(f->store, 1000, "x", "99", &o.cells, &o.plan, &err),
                         GGDM_OK);
    bool has;
    ggdm_test_ok(ggdm_store_has_sweep(f->store, "99", &has, &err), &err);
    assert_false(has);
    assert_true(ggdm_store_cost(f->store) == cost);
    assert_int_equal(ggdm_store_n_cells(f->store), RUN_CELLS);
    assert_int_equal(run_fixture_work(f, 100, 1), RUN_UNITS);
}

static void change(run_fixture *f, bool cancel, const bool *cells, int units)
{
    int64_t changed;
    ggdm_test_ok(ggdm_store_begin(f->store, 1000, &err), &err);
    ggdm_test_ok(cancel ? ggdm_store_cancel(f->store, cells, &changed, &err)
                        : ggdm_store_retry(f->store, cells, false, &changed, &err),
                 &err);
    ggdm_test_ok(ggdm_store_commit(f->store, &err), &err);
    assert_int_equal(changed, units);
}

/* Retry and cancel, also where they change nothing, and sweeps that are added, in any order. */
static void test_store_add_after_retry_and_cancel_and_before(void **state)
{
    run_fixture *f = *state;
    other o;
    bool *cancelled;
    for (int sweeps = 1; sweeps <= 3; sweeps++) {
        change(f, false, NULL, 0);
        match(f, &o, sweeps == 1, 0, sweeps == 1 ? 2 : 3);
        make_plan(&o);
        if (sweeps > 1)
            o.plan = (ggdm_plan){0};
        ggdm_test_ok(
            ggdm_store_add(f->store, 1000, "x", sweeps == 1 ? "a" : "b", &o.cells, &o.plan, &err),
            &err);
        bool last[RUN_CELLS + 9] = {[RUN_CELLS + 2] = true};
        change(f, true, last, sweeps == 1 ? 2 : 0); /* the others want them */
        change(f, false, last, sweeps == 1 ? 2 : 0);
        ggdm_test_ok(ggdm_store_cancelled_cells(f->store, &cancelled, &err), &err);
        assert_null(cancelled);
        run_fixture_reopen(f, NULL);
    }
    assert_int_equal(run_fixture_work(f, 100, 1), RUN_UNITS + 2);
}

static void test_store_add_of_cancelled_cells_puts_them_back(void **state)
{
    run_fixture *f = *state;
    other o;
    bool *cancelled, kappa_one[RUN_CELLS] = {0};
    ggdm_store_matched m;
    for (int i = 0; i < RUN_CELLS; i++)
        kappa_one[i] = f->cell[i].trajectory >= 3;
    change(f, true, kappa_one, 3);
    make_other(&o);
    ggdm_test_ok(ggdm_store_match(f->store, &o.cells, &m, &err), &err);
    assert_int_equal(m.fresh, 1);
    assert_int_equal(m.queued, 1); /* trajectory 1 */
    assert_int_equal(m.cancelled, 1);
    add(f, &o);
    assert_int_equal(ggdm_store_counts_get(f->store)->units[GGDM_UNIT_CANCELLED], 0);
    ggdm_test_ok(ggdm_store_cancelled_cells(f->store, &cancelled, &err), &err);
    for (int i = 0; i < RUN_CELLS + 3; i++)
        assert_int_equal(cancelled[i], i < RUN_CELLS && kappa_one[i]);
    free(cancelled);
    assert_int_equal(run_fixture_work(f, 100, 1), RUN_UNITS + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FIXTURE_TEST(test_store_add_takes_what_is_there_and_plans_the_rest),
        RUN_FIXTURE_TEST(test_store_add_of_known_cells_only_adds_no_unit),
        RUN_FIXTURE_TEST(test_store_add_remembers_all_sweeps),
        RUN_FIXTURE_TEST(test_store_add_after_retry_and_cancel_and_before),
        RUN_FIXTURE_TEST(test_store_add_of_cancelled_cells_puts_them_back),
        RUN_FIXTURE_TEST(test_store_add_of_malformed_plan_changes_nothing),
    };
    return ggdm_test_main(tests);
}
