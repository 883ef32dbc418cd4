/* A second sweep in a run: matched by keys, added behind what is there. */
#include "jobs/store.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/run_fixture.h"

static ggdm_error err;

/* Another sweep of three cells: one that trajectory 1 of the fixture shows, one that trajectory 4
 * shows, and a new one that starts at step 500. */
#define OTHER_AXES                                                                                 \
    "{zip: {kappa: [0.1, 1, 2], duration: [500, 1000, {start_step: 500, length: 500}]}}"

typedef struct other {
    run_sweep sweep;
    ggdm_segment segment[2];
    ggdm_tree tree;
    ggdm_plan_unit unit[2];
    ggdm_plan plan;
} other;

static void make_other(other *o)
{
    memset(o, 0, sizeof *o);
    run_sweep_init(&o->sweep, OTHER_AXES, RUN_SAMPLES, RUN_JUDGES);
}

/* What the planner makes of the trajectory that is left, in two blocks. */
static void make_plan(other *o)
{
    const ggdm_trajectory *t = &o->sweep.cells.trajectories[0];
    const int64_t number = o->sweep.cells.first_trajectory;
    o->segment[0] = (ggdm_segment){-1, 0, 500, t->runs[0].setting, -1, 0, 0};
    o->segment[1] = (ggdm_segment){0, 500, RUN_STEPS, t->runs[1].setting, number, 0, 0};
    o->tree = (ggdm_tree){.head = t->head,
                          .steps = RUN_STEPS,
                          .image_first = t->image_first,
                          .image_count = t->image_count,
                          .n_segments = 2,
                          .segments = o->segment,
                          .n_trajectories = 1};
    o->unit[0] = (ggdm_plan_unit){.image_first = t->image_first, .image_count = 6};
    o->unit[1] =
        (ggdm_plan_unit){.image_first = t->image_first + 6, .image_count = t->image_count - 6};
    o->plan =
        (ggdm_plan){.trees = &o->tree, .n_trees = 1, .units = o->unit, .n_units = 2, .cost = 1000};
}

static ggdm_status add_plan(run_fixture *f, other *o, const char *digest)
{
    ggdm_store_batch batch = run_fixture_batch(&o->sweep, &o->plan);
    if (digest)
        batch.sweep.digest = digest;
    return ggdm_store_add(f->store, 1000, &batch, &err);
}

static void match(run_fixture *f, other *o, int fresh, int done, int queued)
{
    ggdm_store_matched m;
    make_other(o);
    ggdm_test_ok(ggdm_store_match(f->store, &o->sweep.cells, &m, &err), &err);
    assert_int_equal(m.fresh, fresh);
    assert_int_equal(m.done, done);
    assert_int_equal(m.queued, queued);
}

static void add(run_fixture *f, other *o)
{
    make_plan(o);
    ggdm_test_ok(add_plan(f, o, NULL), &err);
}

static void test_store_add_takes_what_is_there_and_plans_the_rest(void **state)
{
    run_fixture *f = *state;
    other o;
    double cost = ggdm_store_cost(f->store);
    run_fixture_work(f, 4, 1); /* the unguided ones, and 4 images of kappa 0.1 */
    match(f, &o, 1, 0, 2);
    run_sweep_deinit(&o.sweep);
    run_fixture_work(f, 2, 1); /* all of kappa 0.1: trajectories 1 and 2 */
    match(f, &o, 1, 1, 1);
    assert_int_equal(o.sweep.cells.n_trajectories, 1);
    assert_int_equal(o.sweep.cells.first_trajectory, RUN_TRAJECTORIES);
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
    assert_int_equal(cell.trajectory, 1);
    assert_int_equal(cell.sweep, 2);
    assert_int_equal(cell.done, RUN_SAMPLES);
    ggdm_test_ok(ggdm_store_cell_get(f->store, RUN_CELLS + 2, &cell, &err), &err);
    assert_string_equal(cell.name, "c0011");
    assert_int_equal(cell.trajectory, RUN_TRAJECTORIES);
    assert_int_equal(run_fixture_work(f, 100, 1), 5);
    ggdm_test_ok(ggdm_store_cell_get(f->store, RUN_CELLS + 2, &cell, &err), &err);
    assert_int_equal(cell.done, RUN_SAMPLES);
    run_sweep_deinit(&o.sweep);
}

static void test_store_add_of_known_cells_only_adds_no_unit(void **state)
{
    run_fixture *f = *state;
    other o;
    match(f, &o, 1, 0, 2);
    add(f, &o);
    run_sweep_deinit(&o.sweep);
    match(f, &o, 0, 0, 3);
    ggdm_test_ok(add_plan(f, &o, "99"), &err);
    run_sweep_deinit(&o.sweep);
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
    match(f, &o, 1, 0, 2);
    const run_sweep *const sweeps[] = {&f->sweep, &o.sweep};
    ggdm_test_ok(ggdm_store_has_sweep(f->store, o.sweep.digest, &has, &err), &err);
    assert_false(has);
    add(f, &o);
    ggdm_test_ok(ggdm_store_n_sweeps(f->store, &n, &err), &err);
    assert_int_equal(n, 2);
    for (int i = 0; i < 2; i++) {
        ggdm_test_ok(ggdm_store_has_sweep(f->store, sweeps[i]->digest, &has, &err), &err);
        assert_true(has);
        ggdm_test_ok(ggdm_store_sweep_text(f->store, i + 1, &text, &err), &err);
        assert_string_equal(text, sweeps[i]->text);
        free(text);
    }
    run_sweep_deinit(&o.sweep);
}

static void test_store_add_of_malformed_plan_changes_nothing(void **state)
{
    run_fixture *f = *state;
    other o;
    make_other(&o); /* not matched */
    make_plan(&o);
    ggdm_test_error(add_plan(f, &o, "99"), &err, GGDM_EINVAL,
                    "goes on from trajectory 0, expected 5");
    run_sweep_deinit(&o.sweep);
    match(f, &o, 1, 0, 2);
    make_plan(&o);
    o.unit[1].image_count = 5;
    ggdm_test_error(add_plan(f, &o, "99"), &err, GGDM_EINVAL,
                    "unit 1: images 6+5 are not of the 0+10 of tree 0");
    make_plan(&o);
    o.sweep.cells.trajectories[0].image_count--;
    ggdm_test_error(add_plan(f, &o, "99"), &err, GGDM_EINVAL, "tree 0");
    o.sweep.cells.trajectories[0].image_count++;
    /* One that is there: found in the midst. */
    memcpy(o.sweep.cells.trajectories[0].key, f->sweep.cells.trajectories[2].key, GGDM_HASH_SIZE);
    double cost = ggdm_store_cost(f->store);
    ggdm_test_error(add_plan(f, &o, "99"), &err, GGDM_EINVAL, "expected from 10 on");
    bool has;
    ggdm_test_ok(ggdm_store_has_sweep(f->store, "99", &has, &err), &err);
    assert_false(has);
    assert_true(ggdm_store_cost(f->store) == cost);
    assert_int_equal(ggdm_store_n_cells(f->store), RUN_CELLS);
    assert_int_equal(run_fixture_work(f, 100, 1), RUN_UNITS);
    run_sweep_deinit(&o.sweep);
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
    int n;
    for (int sweeps = 1; sweeps <= 3; sweeps++) {
        change(f, false, NULL, 0);
        match(f, &o, sweeps == 1, 0, sweeps == 1 ? 2 : 3);
        if (sweeps == 1)
            make_plan(&o);
        ggdm_test_ok(add_plan(f, &o, sweeps == 1 ? "a" : "b"), &err);
        run_sweep_deinit(&o.sweep);
        bool last[RUN_CELLS + 9] = {[RUN_CELLS + 2] = true};
        change(f, true, last, sweeps == 1 ? 2 : 0); /* the others want them */
        change(f, false, last, sweeps == 1 ? 2 : 0);
        free(run_fixture_cancelled(f->store, &n));
        assert_int_equal(n, 0);
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
        kappa_one[i] = f->sweep.cells.cells[i].trajectory >= 3;
    change(f, true, kappa_one, 3);
    make_other(&o);
    ggdm_test_ok(ggdm_store_match(f->store, &o.sweep.cells, &m, &err), &err);
    assert_int_equal(m.fresh, 1);
    assert_int_equal(m.queued, 1); /* trajectory 1 */
    assert_int_equal(m.cancelled, 1);
    add(f, &o);
    assert_int_equal(ggdm_store_counts_get(f->store)->units[GGDM_UNIT_CANCELLED], 0);
    cancelled = run_fixture_cancelled(f->store, NULL);
    for (int i = 0; i < RUN_CELLS + 3; i++)
        assert_int_equal(cancelled[i], i < RUN_CELLS && kappa_one[i]);
    free(cancelled);
    assert_int_equal(run_fixture_work(f, 100, 1), RUN_UNITS + 2);
    run_sweep_deinit(&o.sweep);
}

/* The fixture's own sweep with 20 images of two of its cells, matched. */
static void match_more(run_fixture *f, other *o, int fresh)
{
    ggdm_store_matched m;
    memset(o, 0, sizeof *o);
    run_sweep_init(&o->sweep, "{zip: {kappa: [0.1, 1], duration: [500, 1000]}}", 20, RUN_JUDGES);
    ggdm_test_ok(ggdm_store_match(f->store, &o->sweep.cells, &m, &err), &err);
    assert_int_equal(m.fresh, fresh);
}

/* Two trees, one for each of trajectories 1 and 4, of the ten images that are lacking. */
static void test_store_add_of_more_images_plans_those_that_are_lacking(void **state)
{
    run_fixture *f = *state;
    other o;
    ggdm_store_cell cell;
    run_fixture_work(f, 100, 1);
    match_more(f, &o, 2);
    ggdm_cells *cells = &o.sweep.cells;
    assert_int_equal(cells->n_trajectories, 2);
    assert_int_equal(cells->cells[0].trajectory, 1);
    assert_int_equal(cells->cells[1].trajectory, 4);
    ggdm_tree trees[2];
    ggdm_segment segments[2][2] = {{{0}}};
    ggdm_plan_unit units[2];
    for (int i = 0; i < 2; i++) {
        const ggdm_trajectory *t = &cells->trajectories[i];
        assert_int_equal(t->image_first, RUN_SAMPLES);
        assert_int_equal(t->image_count, 10);
        for (int k = 0; k < t->n_runs; k++)
            segments[i][k] = (ggdm_segment){k - 1,
                                            k ? t->runs[k - 1].end : 0,
                                            t->runs[k].end,
                                            t->runs[k].setting,
                                            k == t->n_runs - 1 ? cells->first_trajectory + i : -1,
                                            0,
                                            0};
        trees[i] = (ggdm_tree){.steps = RUN_STEPS,
                               .image_first = RUN_SAMPLES,
                               .image_count = 10,
                               .n_segments = t->n_runs,
                               .segments = segments[i]};
        units[i] = (ggdm_plan_unit){.tree = i, .image_first = RUN_SAMPLES, .image_count = 10};
    }
    o.plan = (ggdm_plan){.trees = trees, .n_trees = 2, .units = units, .n_units = 2};
    ggdm_test_ok(add_plan(f, &o, NULL), &err);
    const ggdm_store_counts *c = ggdm_store_counts_get(f->store);
    assert_int_equal(c->images_total, RUN_TRAJECTORIES * RUN_SAMPLES + 20);
    assert_int_equal(c->images_asked, RUN_CELLS * RUN_SAMPLES + 40);
    run_fixture_reopen(f, NULL);
    assert_int_equal(run_fixture_work(f, 100, 1), 2);
    ggdm_test_ok(ggdm_store_cell_get(f->store, 8, &cell, &err), &err);
    assert_int_equal(cell.done, RUN_SAMPLES);
    assert_int_equal(cell.diverged, 3);
    ggdm_test_ok(ggdm_store_cell_get(f->store, RUN_CELLS + 1, &cell, &err), &err);
    assert_int_equal(cell.trajectory, 4);
    assert_int_equal(cell.wanted, 20);
    assert_int_equal(cell.done, 20);
    run_sweep_deinit(&o.sweep);
    match_more(f, &o, 0);
    run_sweep_deinit(&o.sweep);
}

/* ---- judges ---------------------------------------------------------------------------------- */

/* A sweep of the fixture's cells with a second judge. */
static void add_judge(run_fixture *f, int unscored)
{
    run_sweep sweep;
    ggdm_store_matched m;
    const ggdm_plan nothing = {0};
    run_sweep_init(&sweep, RUN_AXES, RUN_SAMPLES, "[mnist-judge, mnist-other]");
    ggdm_test_ok(ggdm_store_match(f->store, &sweep.cells, &m, &err), &err);
    assert_int_equal(m.fresh, 0);
    assert_int_equal(m.unscored, unscored);
    ggdm_store_batch batch = run_fixture_batch(&sweep, &nothing);
    ggdm_test_ok(ggdm_store_add(f->store, 1000, &batch, &err), &err);
    run_sweep_deinit(&sweep);
}

static ggdm_status count_scored(void *context, const ggdm_sample *sample, ggdm_error *e)
{
    (void)e;
    *(int *)context += sample->scores[0].n == RUN_CLASSES;
    return GGDM_OK;
}

/* Images of a trajectory that have a score of the measure `name` of a cell's panel. */
static int scored(run_fixture *f, int32_t cell, const char *name)
{
    ggdm_store_cell c;
    int32_t n;
    int found = 0;
    ggdm_test_ok(ggdm_store_cell_get(f->store, cell, &c, &err), &err);
    const ggdm_store_measure *m = ggdm_store_panel(f->store, c.panel, &n);
    for (int32_t i = 0; i < n; i++)
        if (strcmp(m[i].name, name) == 0)
            ggdm_test_ok(ggdm_store_each_sample(f->store, c.trajectory, 100, false, &m[i].scorer, 1,
                                                count_scored, &found, &err),
                         &err);
    return found;
}

/* What is there is scored by units of their own, what is to be made when it is made. */
static void test_store_add_of_a_judge_scores_what_is_there(void **state)
{
    run_fixture *f = *state;
    ggdm_unit unit;
    int32_t n;
    run_fixture_work(f, 4, 1); /* all unguided, 4 images of each of trajectories 1 and 2 */
    add_judge(f, 7);
    assert_int_equal(ggdm_store_counts_get(f->store)->units_total, RUN_UNITS + 3);
    assert_int_equal(run_fixture_work(f, 5, 1), 5);
    ggdm_test_ok(ggdm_store_begin(f->store, 1000, &err), &err);
    ggdm_test_ok(ggdm_store_claim(f->store, 1, GGDM_CLAIM_ANY, 1, &unit, &n, &err), &err);
    assert_int_equal(n, 1);
    assert_int_equal(unit.kind, GGDM_UNIT_SCORE);
    assert_int_equal(unit.image_count, RUN_SAMPLES);
    assert_int_equal(unit.segments[0].trajectory, 0);
    assert_int_equal(unit.segments[0].score_count, 1); /* the others are there */
    ggdm_wire wire;
    ggdm_wire_read(&wire, unit.state, unit.state_size);
    for (int i = 0; i < RUN_SAMPLES; i++) {
        ggdm_sample sample, want;
        run_fixture_sample(NULL, 0, i, 1, &want);
        ggdm_test_ok(ggdm_sample_unpack(&sample, &wire, &err), &err);
        assert_int_equal(sample.index, i);
        assert_int_equal(sample.size, want.size);
        assert_memory_equal(sample.data, want.data, want.size);
        ggdm_sample_deinit(&sample);
        ggdm_sample_deinit(&want);
    }
    assert_int_equal(wire.pos, wire.size);
    ggdm_wire_init(&wire);
    ggdm_test_ok(ggdm_unit_pack(&unit, &wire, &err), &err);
    ggdm_unit_deinit(&unit);
    ggdm_test_ok(ggdm_unit_unpack(&unit, &wire, &err), &err); /* as a worker would get it */
    ggdm_wire_deinit(&wire);
    ggdm_unit_deinit(&unit);
    ggdm_store_rollback(f->store);
    assert_int_equal(run_fixture_work(f, 100, 1), 3);
    for (int cell = RUN_CELLS; cell < 2 * RUN_CELLS; cell++)
        assert_int_equal(scored(f, cell, "mnist-other"), RUN_SAMPLES);
    add_judge(f, 0);
    assert_int_equal(ggdm_store_counts_get(f->store)->units[GGDM_UNIT_READY], 0);
}

/* Cancelled cells ask for no scores; retry asks for what was not made meanwhile. */
static void test_store_retry_asks_for_scores_that_nobody_wanted(void **state)
{
    run_fixture *f = *state;
    bool cells[2 * RUN_CELLS] = {0};
    add_judge(f, 0);
    for (int i = RUN_CELLS; i < 2 * RUN_CELLS; i++)
        cells[i] = true;
    change(f, true, cells, 0); /* the first cells want all images */
    assert_int_equal(run_fixture_work(f, 100, 1), RUN_UNITS);
    assert_int_equal(scored(f, RUN_CELLS, "mnist-other"), 0);
    assert_int_equal(scored(f, RUN_CELLS, "judge"), RUN_SAMPLES);
    change(f, false, cells, 0);
    assert_int_equal(run_fixture_work(f, 100, 1), RUN_TRAJECTORIES);
    for (int cell = RUN_CELLS; cell < 2 * RUN_CELLS; cell++)
        assert_int_equal(scored(f, cell, "mnist-other"), RUN_SAMPLES);
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
        RUN_FIXTURE_TEST(test_store_add_of_more_images_plans_those_that_are_lacking),
        RUN_FIXTURE_TEST(test_store_add_of_a_judge_scores_what_is_there),
        RUN_FIXTURE_TEST(test_store_retry_asks_for_scores_that_nobody_wanted),
    };
    return ggdm_test_main(tests);
}
