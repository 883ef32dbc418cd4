/* The counters of the store, and who pays when a world ends with several units in a worker's
 * hands. */
#include <stdlib.h>

#include "tests/support/run_fixture.h"

static ggdm_error err;

static void begin(run_fixture *f)
{
    ggdm_test_ok(ggdm_store_begin(f->store, 1, &err), &err);
}

static void commit(run_fixture *f)
{
    ggdm_test_ok(ggdm_store_commit(f->store, &err), &err);
}

/* n units for a worker; their ids. */
static void claim(run_fixture *f, int32_t worker, int32_t n, int64_t *ids)
{
    ggdm_unit units[RUN_UNITS];
    int32_t got;
    ggdm_test_ok(ggdm_store_claim(f->store, worker, GGDM_CLAIM_ANY, n, units, &got, &err), &err);
    assert_int_equal(got, n);
    for (int32_t i = 0; i < n; i++) {
        ids[i] = units[i].id;
        ggdm_unit_deinit(&units[i]);
    }
}

static void test_counters_that_are_wrong_are_found(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 3, 1);
    ggdm_store_close(&f->store);
    static const char *const damage[][2] = {
        {"UPDATE counter SET value = value + 1 WHERE name = 'ready'", "counter 'ready' is 7"},
        {"UPDATE counter SET value = value - 1 WHERE name = 'images'", "counter 'images'"},
        {"UPDATE counter SET value = -1 WHERE name = 'failed'", "counter 'failed' is -1"},
        {"UPDATE counter SET value = 4 WHERE name = 'cells'", "counter 'cells' is 4"},
        {"DELETE FROM counter WHERE name = 'done'", "counter 'done'"},
        {"UPDATE trajectory SET id = 100 WHERE id = 4", "numbered 0, 1"},
    };
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        char *path = ggdm_test_path(f->dir, GGDM_STORE_FILE);
        size_t size;
        char *whole = ggdm_test_read(path, &size);
        run_fixture_sql(f->dir, damage[i][0]);
        ggdm_test_error(ggdm_store_open(f->dir, NULL, &f->store, &err), &err, GGDM_EFORMAT,
                        damage[i][1]);
        ggdm_test_write(path, whole, size);
        free(whole);
        free(path);
    }
    ggdm_test_ok(ggdm_store_open(f->dir, NULL, &f->store, &err), &err);
}

/* Opening compares them with what is there, so that it is enough to reopen. */
static void test_counters_follow_every_change(void **state)
{
    run_fixture *f = *state;
    int64_t ids[4];
    const ggdm_store_options inspect = {.mode = GGDM_STORE_INSPECT};
    run_fixture_work(f, 2, 1);
    begin(f);
    claim(f, 1, 4, ids);
    ggdm_test_ok(ggdm_store_fail(f->store, ids[0], 1, "made to fail", NULL, &err), &err);
    ggdm_test_ok(ggdm_store_lose(f->store, ids[1], 1, "made to be lost", NULL, &err), &err);
    ggdm_test_ok(ggdm_store_release(f->store, ids[2], 1, NULL, &err), &err);
    commit(f);
    run_fixture_reopen(f, &inspect);
    const ggdm_store_counts *c = ggdm_store_counts_get(f->store);
    assert_int_equal(c->units[GGDM_UNIT_DONE], 2);
    assert_int_equal(c->units[GGDM_UNIT_RUNNING], 1);
    assert_int_equal(c->units[GGDM_UNIT_FAILED], 1);
    assert_int_equal(c->units[GGDM_UNIT_READY], RUN_UNITS - 4);
    assert_int_equal(c->units_total, RUN_UNITS);
    begin(f);
    ggdm_test_ok(ggdm_store_cancel(f->store, NULL, NULL, &err), &err);
    ggdm_store_rollback(f->store);
    begin(f);
    ggdm_test_ok(ggdm_store_retry(f->store, NULL, false, NULL, &err), &err);
    commit(f);
    run_fixture_reopen(f, &inspect);
    c = ggdm_store_counts_get(f->store);
    assert_int_equal(c->units[GGDM_UNIT_FAILED], 0);
    assert_int_equal(c->units[GGDM_UNIT_CANCELLED], 0);
}

/* Each worker runs its units in the order of the claims: when the world ends, one unit of each
 * worker was at work, and it alone counts a loss. */
static void test_only_the_first_unit_of_a_worker_pays_for_a_lost_world(void **state)
{
    run_fixture *f = *state;
    int64_t a[3], b[3], more[1];
    const ggdm_store_options blame = {
        .mode = GGDM_STORE_RUN, .count_losses = true, .max_losses = 1};
    begin(f);
    claim(f, 1, 1, a);
    ggdm_test_ok(ggdm_store_fail(f->store, a[0], 1, "made to fail", NULL, &err), &err);
    claim(f, 1, 2, a + 1);
    claim(f, 2, 3, b);
    commit(f);
    /* The unit that failed comes back: it has the lowest number of worker 1, but is its last. */
    ggdm_test_ok(ggdm_store_begin(f->store, 1000, &err), &err);
    claim(f, 1, 1, more);
    assert_int_equal(more[0], a[0]);
    ggdm_test_ok(ggdm_store_release(f->store, b[0], 1, NULL, &err), &err); /* b[1] is the first */
    commit(f);
    run_fixture_reopen(f, &blame);
    assert_int_equal(ggdm_store_requeued(f->store), 5);
    const ggdm_store_counts *c = ggdm_store_counts_get(f->store);
    assert_int_equal(c->units[GGDM_UNIT_QUARANTINED], 2);
    assert_int_equal(c->units[GGDM_UNIT_RUNNING], 0);
    int64_t left[RUN_UNITS - 2];
    begin(f);
    claim(f, 1, RUN_UNITS - 2, left);
    for (int i = 0; i < RUN_UNITS - 2; i++) {
        assert_int_not_equal(left[i], a[1]);
        assert_int_not_equal(left[i], b[1]);
    }
    commit(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FIXTURE_TEST(test_counters_that_are_wrong_are_found),
        RUN_FIXTURE_TEST(test_counters_follow_every_change),
        RUN_FIXTURE_TEST(test_only_the_first_unit_of_a_worker_pays_for_a_lost_world),
    };
    return ggdm_test_main(tests);
}
