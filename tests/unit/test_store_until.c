/* Sweeps that end themselves, in a store: decisions by what is stored and by nothing else. */
#include "jobs/store_until.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/run_fixture.h"

#include "jobs/results_until.h"

static ggdm_error err;

/* Right by the judge are 1, 4, 7, 6 and 10 of each 10 images; of the last trajectory the first
 * three have diverged. */
#define WIDTH "{halfwidth: 0.2, at_most: 50, block: 10}"
#define RACE "{best: 0.95, at_most: 50, block: 10}"

/* A cell of each trajectory, and all cells. */
static const int32_t shown[] = {0, 4, 5, 7, 8};
static const int32_t trajectory_of[RUN_CELLS] = {0, 0, 0, 0, 1, 2, 0, 3, 4};

typedef struct verdicts {
    ggdm_store_verdict of[2 * RUN_CELLS];
    int32_t n;
} verdicts;

static ggdm_status take_verdict(void *context, const ggdm_store_verdict *v, ggdm_error *e)
{
    verdicts *all = context;
    (void)e;
    assert_int_equal(v->cell, all->n);
    all->of[all->n++] = *v;
    return GGDM_OK;
}

static verdicts read_verdicts(ggdm_store *store)
{
    verdicts all = {.n = 0};
    ggdm_test_ok(ggdm_store_each_verdict(store, take_verdict, &all, &err), &err);
    return all;
}

static ggdm_store_decided decide(run_fixture *f)
{
    ggdm_store_decided d;
    ggdm_test_ok(ggdm_store_decide(f->store, 2000, f->growth, &d, &err), &err);
    return d;
}

/* Rounds until nothing is left; returns how many. */
static int finish(run_fixture *f)
{
    int rounds = 0;
    run_fixture_work(f, INT32_MAX, 1);
    for (; !ggdm_store_is_done(f->store); rounds++) {
        decide(f);
        run_fixture_work(f, INT32_MAX, 1);
    }
    return rounds;
}

/* The number that a query of the closed store gives. */
static int64_t ask(const char *dir, const char *sql)
{
    char *path = ggdm_test_path(dir, GGDM_STORE_FILE);
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    const int64_t out = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    free(path);
    return out;
}

/* State and images of the cells of each trajectory. */
static void expect(const run_fixture *f, const ggdm_until_state states[RUN_TRAJECTORIES],
                   const int32_t images[RUN_TRAJECTORIES])
{
    const verdicts all = read_verdicts(f->store);
    assert_int_equal(all.n, RUN_CELLS);
    for (int i = 0; i < RUN_CELLS; i++) {
        ggdm_store_cell cell;
        const int t = trajectory_of[i];
        ggdm_test_ok(ggdm_store_cell_get(f->store, i, &cell, &err), &err);
        if (all.of[i].state != states[t] || all.of[i].n != images[t] || cell.wanted != images[t])
            ggdm_test_fail("cell %d is %s after %lld images, wants %d; expected %s after %d", i,
                           ggdm_until_state_names[all.of[i].state], (long long)all.of[i].n,
                           cell.wanted, ggdm_until_state_names[states[t]], images[t]);
    }
}

static const ggdm_until_state by_width[] = {GGDM_UNTIL_NARROW, GGDM_UNTIL_AT_MOST,
                                            GGDM_UNTIL_NARROW, GGDM_UNTIL_AT_MOST,
                                            GGDM_UNTIL_NARROW};
static const int32_t images_by_width[] = {30, 50, 50, 50, 30};

/* ---- tests ---------------------------------------------------------------------------------- */

static void test_store_until_keeps_the_rule_and_opens_all_cells(void **state)
{
    (void)state;
    run_fixture f;
    run_fixture_open_until(&f, "{halfwidth: 0.2, at_most: 50, level: 0.01, measure: guide}");
    const ggdm_until *rule = ggdm_store_until(f.store, 1);
    assert_non_null(rule);
    assert_true(rule->halfwidth == 0.2 && rule->best == 0 && rule->level == 0.01);
    assert_true(rule->at_most == 50 && rule->block == 25);
    assert_string_equal(rule->measure, "guide");
    const verdicts all = read_verdicts(f.store);
    assert_int_equal(all.n, RUN_CELLS);
    for (int i = 0; i < RUN_CELLS; i++)
        assert_true(all.of[i].state == GGDM_UNTIL_OPEN && all.of[i].n == 0 &&
                    isnan(all.of[i].share.p));
    assert_int_equal(ggdm_store_counts_get(f.store)->cells_open, RUN_CELLS);
    ggdm_store_decided d;
    ggdm_test_error(ggdm_store_decide(f.store, 1, f.growth, &d, &err), &err, GGDM_EINTERNAL,
                    "a decision while units are left");
    run_fixture_close(&f);
}

static void test_store_without_until_has_no_rule(void **state)
{
    run_fixture *f = *state;
    assert_null(ggdm_store_until(f->store, 1));
    assert_int_equal(read_verdicts(f->store).n, 0);
    run_fixture_work(f, INT32_MAX, 1);
    assert_true(ggdm_store_is_done(f->store));
}

/* Round after round: who goes on gets units of that round's images alone. */
static void test_store_until_halfwidth_decides_round_by_round(void **state)
{
    (void)state;
    run_fixture f;
    run_fixture_open_until(&f, WIDTH);
    run_fixture_work(&f, INT32_MAX, 1);
    const ggdm_store_counts *c = ggdm_store_counts_get(f.store);
    ggdm_store_decided d = decide(&f); /* after 10 */
    assert_true(d.open == RUN_CELLS && d.closed == 0 && d.images == 10 * RUN_TRAJECTORIES);
    assert_int_equal(c->images_total, 20 * RUN_TRAJECTORIES);
    assert_int_equal(c->images_asked, 20 * RUN_CELLS);
    run_fixture_work(&f, INT32_MAX, 1);
    decide(&f); /* after 20 */
    run_fixture_work(&f, INT32_MAX, 1);
    d = decide(&f); /* after 30 the first and the last trajectory are narrow */
    assert_true(d.open == 3 && d.closed == 6 && d.images == 30);
    assert_int_equal(c->cells_open, 3);
    assert_int_equal(finish(&f), 2);
    expect(&f, by_width, images_by_width);
    assert_int_equal(c->images_done, 30 + 50 + 50 + 50 + 30);
    const verdicts all = read_verdicts(f.store);
    assert_true(all.of[0].share.p == 0.1 && fabs(all.of[0].share.lo - 0.0079) < 5e-5 &&
                fabs(all.of[0].share.hi - 0.3487) < 5e-5);
    assert_true(all.of[8].share.p == 0.9); /* those that diverged are wrong */
    run_fixture_close(&f);
}

/* Each decision is as many events as cells were open, with what it was taken on; units are of one
 * round. */
static void test_store_until_writes_events_and_units_of_one_round(void **state)
{
    (void)state;
    run_fixture f;
    run_fixture_open_until(&f, RACE);
    finish(&f);
    ggdm_store_close(&f.store);
    assert_int_equal(ask(f.dir, "SELECT count(*) FROM unit WHERE image_first / 10 <> "
                                "(image_first + image_count - 1) / 10"),
                     0);
    assert_int_equal(ask(f.dir, "SELECT count(*) FROM event WHERE unit = -1"), 9 + 9 + 4 + 4 + 3);
    assert_int_equal(ask(f.dir, "SELECT count(*) FROM event WHERE unit = -1 AND from_state = "
                                "'open' AND to_state = 'lost' AND message = 'until: cell c0004, "
                                "judge 16 of 40: 0.4000 [0.1910, 0.6379]; 0 images alone, c0005 "
                                "12'"),
                     1);
    run_fixture_close(&f);
}

static void test_store_until_race_stops_losers(void **state)
{
    (void)state;
    static const ggdm_until_state states[] = {GGDM_UNTIL_LOST, GGDM_UNTIL_LOST, GGDM_UNTIL_AT_MOST,
                                              GGDM_UNTIL_LOST, GGDM_UNTIL_AT_MOST};
    static const int32_t images[] = {20, 40, 50, 50, 50};
    run_fixture f;
    run_fixture_open_until(&f, RACE);
    assert_int_equal(finish(&f), 5);
    expect(&f, states, images);
    run_fixture_close(&f);
}

/* Whoever is left alone has won, and gets no more images. */
static void test_store_until_race_ends_with_a_winner(void **state)
{
    (void)state;
    static const ggdm_until_state states[] = {GGDM_UNTIL_LOST, GGDM_UNTIL_LOST, GGDM_UNTIL_LOST,
                                              GGDM_UNTIL_LOST, GGDM_UNTIL_BEST};
    run_fixture f;
    run_fixture_open_until(&f, "{best: 0.6, at_most: 2000, block: 10}");
    finish(&f);
    const verdicts all = read_verdicts(f.store);
    for (int t = 0; t < RUN_TRAJECTORIES; t++)
        assert_int_equal(all.of[shown[t]].state, states[t]);
    assert_true(all.of[8].n < 500 && ggdm_store_counts_get(f.store)->cells_open == 0);
    run_fixture_close(&f);
}

/* Killed between the last result and the decision, between decisions, while one was made. */
static void test_store_until_goes_on_after_every_opening(void **state)
{
    (void)state;
    run_fixture f;
    ggdm_store_decided d;
    run_fixture_open_until(&f, WIDTH);
    while (!ggdm_store_is_done(f.store)) {
        run_fixture_work(&f, 1, 1);
        run_fixture_reopen(&f, NULL);
        if (!ggdm_store_at_rest(f.store))
            continue;
        const ggdm_store_counts before = *ggdm_store_counts_get(f.store);
        const double cost = ggdm_store_cost(f.store);
        const ggdm_growth none = {.coster = f.growth->coster}; /* units of no size */
        if (ggdm_store_decide(f.store, 1, &none, &d, &err) != GGDM_OK) {
            assert_memory_equal(&before, ggdm_store_counts_get(f.store), sizeof before);
            assert_true(ggdm_store_cost(f.store) == cost);
        }
        run_fixture_reopen(&f, NULL);
        if (ggdm_store_at_rest(f.store))
            decide(&f);
        run_fixture_reopen(&f, NULL);
    }
    expect(&f, by_width, images_by_width);
    run_fixture_close(&f);
}

/* ---- what is missing ---- */

/* Claim all units; those of trajectory 4's tree with these images are given up, others are done. */
static void work_without(run_fixture *f, int32_t from, int32_t to)
{
    double now = 1e6;
    for (bool left = true; left; now += 10) {
        ggdm_unit unit;
        int32_t n = 0, count;
        bool accepted;
        ggdm_test_ok(ggdm_store_begin(f->store, now, &err), &err);
        ggdm_test_ok(ggdm_store_claim(f->store, 1, GGDM_CLAIM_ANY, 1, &unit, &n, &err), &err);
        left = n == 1;
        bool bad = false;
        for (int32_t i = 0; left && i < unit.n_segments; i++)
            bad = bad || (unit.segments[i].trajectory == 4 && unit.image_first >= from &&
                          unit.image_first < to);
        if (left && bad) {
            ggdm_test_ok(ggdm_store_fail(f->store, unit.id, unit.attempt, "bad", NULL, &err), &err);
        } else if (left) {
            ggdm_sample *samples = run_fixture_samples(&unit, 1, &count);
            ggdm_test_ok(
                ggdm_store_finish(f->store, unit.id, unit.attempt, samples, count, &accepted, &err),
                &err);
            run_fixture_free_samples(samples, count);
        }
        if (left)
            ggdm_unit_deinit(&unit);
        ggdm_test_ok(ggdm_store_commit(f->store, &err), &err);
    }
}

static void test_store_until_counts_missing_images_as_wrong(void **state)
{
    (void)state;
    run_fixture f;
    run_fixture_open_until(&f, WIDTH);
    work_without(&f, 0, 4); /* images 0 to 3 of the third tree: trajectories 3 and 4 */
    assert_int_equal(ggdm_store_counts_get(f.store)->units[GGDM_UNIT_QUARANTINED], 1);
    decide(&f);
    verdicts all = read_verdicts(f.store);
    assert_true(all.of[7].n == 10 && all.of[7].share.p == 0.2); /* 4 and 5 of 0 to 5 */
    assert_true(all.of[8].n == 10 && all.of[8].share.p == 0.6);
    /* What retry brings counts from the next decision on, and revises none. */
    ggdm_test_ok(ggdm_store_begin(f.store, 1, &err), &err);
    ggdm_test_ok(ggdm_store_retry(f.store, NULL, true, NULL, &err), &err);
    ggdm_test_ok(ggdm_store_commit(f.store, &err), &err);
    run_fixture_work(&f, INT32_MAX, 1);
    all = read_verdicts(f.store);
    assert_true(all.of[8].n == 10 && all.of[8].share.p == 0.6);
    finish(&f);
    expect(&f, by_width, images_by_width);
    run_fixture_close(&f);
}

static void test_store_until_leaves_out_who_is_cancelled(void **state)
{
    (void)state;
    run_fixture f;
    bool cells[RUN_CELLS] = {[4] = true};
    run_fixture_open_until(&f, WIDTH);
    run_fixture_work(&f, INT32_MAX, 1);
    ggdm_test_ok(ggdm_store_begin(f.store, 1, &err), &err);
    ggdm_test_ok(ggdm_store_cancel(f.store, cells, NULL, &err), &err);
    ggdm_test_ok(ggdm_store_commit(f.store, &err), &err);
    decide(&f);
    ggdm_test_ok(ggdm_store_begin(f.store, 1, &err), &err);
    ggdm_test_ok(ggdm_store_retry(f.store, NULL, false, NULL, &err), &err);
    ggdm_test_ok(ggdm_store_commit(f.store, &err), &err);
    finish(&f);
    ggdm_store_cell cell;
    ggdm_test_ok(ggdm_store_cell_get(f.store, 4, &cell, &err), &err);
    const verdicts all = read_verdicts(f.store);
    assert_int_equal(all.of[4].state, GGDM_UNTIL_CANCELLED);
    assert_true(cell.wanted == 10 && cell.done == 10 && !cell.cancelled);
    assert_int_equal(all.of[5].state, GGDM_UNTIL_NARROW);
    run_fixture_close(&f);
}

/* ---- sweeps that are added ---- */

/* The same cells by another rule: nobody joins the race that is over, and what is there is not made
 * again. */
static void test_store_until_of_an_added_sweep_is_its_own(void **state)
{
    (void)state;
    run_fixture f;
    run_sweep other;
    ggdm_store_matched matched;
    ggdm_plan plan = {.n_trees = 0};
    run_fixture_open_until(&f, RACE);
    finish(&f);
    const int64_t images = ggdm_store_counts_get(f.store)->images_done;
    run_sweep_init(&other, RUN_AXES, RUN_SAMPLES, RUN_JUDGES "\nuntil: " WIDTH);
    ggdm_test_ok(ggdm_store_match(f.store, &other.cells, &matched, &err), &err);
    assert_int_equal(other.cells.n_trajectories, 0);
    const ggdm_store_batch batch = run_fixture_batch(&other, &plan);
    ggdm_test_ok(ggdm_store_add(f.store, 1000, &batch, &err), &err);
    assert_true(ggdm_store_at_rest(f.store) && !ggdm_store_is_done(f.store));
    ggdm_store_decided d = decide(&f); /* from 10 to 20 all is there */
    assert_true(d.open == RUN_CELLS && d.images == 0);
    finish(&f);
    const verdicts all = read_verdicts(f.store);
    assert_int_equal(all.n, 2 * RUN_CELLS);
    for (int i = 0; i < RUN_CELLS; i++)
        assert_true(all.of[RUN_CELLS + i].state == by_width[trajectory_of[i]] &&
                    all.of[RUN_CELLS + i].n == images_by_width[trajectory_of[i]]);
    assert_int_equal(all.of[0].state, GGDM_UNTIL_LOST);
    /* 10 more of the first trajectory, 10 of the second. */
    assert_int_equal(ggdm_store_counts_get(f.store)->images_done, images + 20);
    run_sweep_deinit(&other);
    run_fixture_close(&f);
}

/* ---- what is shown ---- */

static void test_results_of_until_have_intervals_that_hold(void **state)
{
    (void)state;
    run_fixture f;
    ggdm_results r;
    char text[200];
    run_fixture_open_until(&f, RACE);
    finish(&f);
    ggdm_test_ok(ggdm_results_read(f.store, &r, &err), &err);
    const ggdm_measured *judge = ggdm_results_verdict(&r, &r.rows[4]); /* 16 of 40 */
    const ggdm_share want = ggdm_sequence_share(16, 40, 0.05);
    assert_true(judge->n == 40 && judge->right == 16);
    assert_true(judge->accuracy.lo == want.lo && judge->accuracy.hi == want.hi);
    assert_true(r.rows[4].verdict.state == GGDM_UNTIL_LOST && r.rows[4].verdict.n == 40);
    ggdm_results_interval(&r, text);
    assert_string_equal(text, "time-uniform 95 %");
    ggdm_results_verdicts_text(&r, text, sizeof text);
    assert_string_equal(text, "2 at-most, 7 lost; left: c0005, c0008");
    ggdm_results_deinit(&r);
    run_fixture_close(&f);
}

/* ---- damage ---- */

static void test_store_until_damaged_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *message;
    } rows[] = {
        {"UPDATE run SET value = '{}' WHERE key = 'until 1'", "run.until 1 is '{}'"},
        {"UPDATE run SET value = 'x' WHERE key = 'until 1'", "run.until 1 is 'x'"},
        {"UPDATE run SET value = replace(value, '0.2', '9') WHERE key = 'until 1'", "run.until 1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        run_fixture f;
        run_fixture_open_until(&f, WIDTH);
        ggdm_store_close(&f.store);
        run_fixture_sql(f.dir, rows[i].sql);
        ggdm_test_error(ggdm_store_open(f.dir, NULL, &f.store, &err), &err, GGDM_EFORMAT,
                        rows[i].message);
        run_fixture_close(&f);
    }
    run_fixture f;
    run_fixture_open_until(&f, WIDTH);
    run_fixture_work(&f, INT32_MAX, 1);
    ggdm_store_close(&f.store);
    run_fixture_sql(f.dir, "UPDATE result SET settings = 'odd' WHERE cell = 3");
    ggdm_test_ok(ggdm_store_open(f.dir, NULL, &f.store, &err), &err);
    verdicts all = {.n = 0};
    ggdm_test_error(ggdm_store_each_verdict(f.store, take_verdict, &all, &err), &err, GGDM_EFORMAT,
                    "until of cell 3 is 'odd'");
    run_fixture_close(&f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_until_keeps_the_rule_and_opens_all_cells),
        RUN_FIXTURE_TEST(test_store_without_until_has_no_rule),
        cmocka_unit_test(test_store_until_halfwidth_decides_round_by_round),
        cmocka_unit_test(test_store_until_writes_events_and_units_of_one_round),
        cmocka_unit_test(test_store_until_race_stops_losers),
        cmocka_unit_test(test_store_until_race_ends_with_a_winner),
        cmocka_unit_test(test_store_until_goes_on_after_every_opening),
        cmocka_unit_test(test_store_until_counts_missing_images_as_wrong),
        cmocka_unit_test(test_store_until_leaves_out_who_is_cancelled),
        cmocka_unit_test(test_store_until_of_an_added_sweep_is_its_own),
        cmocka_unit_test(test_results_of_until_have_intervals_that_hold),
        cmocka_unit_test(test_store_until_damaged_is_refused),
    };
    return ggdm_test_main(tests);
}
