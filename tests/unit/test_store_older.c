/* Databases of older programs, as they are kept in tests/support/data (tests/mpi/
 * make_store_fixture.c says what is in them): who looks sees all, who wants to write is sent to the
 * program that made them, and the file stays as it was. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "jobs/results.h"
#include "jobs/store_audit.h"
#include "jobs/store_record.h"
#include "jobs/store_schema.h"
#include "tests/support/run_fixture.h"

static ggdm_error err;

/* A run directory with the kept database of a schema version; owned. */
static char *put_old(int version)
{
    char name[64], *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, GGDM_STORE_FILE);
    size_t size;
    snprintf(name, sizeof name, "tests/support/data/store-v%d.db", version);
    char *bytes = ggdm_test_read(name, &size);
    ggdm_test_write(path, bytes, size);
    free(path);
    free(bytes);
    return dir;
}

static void assert_unchanged(const char *dir, int version)
{
    char name[64], *path = ggdm_test_path(dir, GGDM_STORE_FILE);
    size_t n, m;
    snprintf(name, sizeof name, "tests/support/data/store-v%d.db", version);
    char *want = ggdm_test_read(name, &n), *got = ggdm_test_read(path, &m);
    assert_int_equal(n, m);
    assert_memory_equal(want, got, n);
    free(path);
    free(want);
    free(got);
}

static void assert_half_way(const ggdm_store *store)
{
    const ggdm_store_counts *c = ggdm_store_counts_get(store);
    assert_int_equal(c->units[GGDM_UNIT_DONE], 3);
    assert_int_equal(c->units[GGDM_UNIT_FAILED], 1);
    assert_int_equal(c->units[GGDM_UNIT_RUNNING], 1);
    assert_int_equal(c->units[GGDM_UNIT_READY], 4);
    assert_int_equal(c->images_done, RUN_SAMPLES);
    assert_int_equal(c->images_total, RUN_TRAJECTORIES * RUN_SAMPLES);
}

static void assert_parameters(ggdm_store *store)
{
    static const char *const names[] = {"kappa", "duration", "target"};
    int32_t n;
    ggdm_store_cell cell;
    const ggdm_store_column *columns = ggdm_store_columns(store, &n);
    assert_int_equal(n, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(columns[i].name, names[i]);
        assert_int_equal(columns[i].varies, i < 2);
        assert_int_equal(columns[i].aim, i == 2);
    }
    ggdm_test_ok(ggdm_store_cell_get(store, 4, &cell, &err), &err);
    assert_true(ggdm_store_value_of(store, &cell, 0).number == 0.1);
    assert_string_equal(ggdm_store_value_of(store, &cell, 1).text, "500");
    assert_int_equal(ggdm_store_aim(store, &cell), RUN_TARGET);
    assert_int_equal(cell.wanted, RUN_SAMPLES);
    assert_int_equal(cell.trajectory, 1);
}

static ggdm_status check_sample(void *context, const ggdm_sample *sample, ggdm_error *e)
{
    int32_t *next = context;
    (void)e;
    assert_int_equal(sample->index, (*next)++);
    assert_int_equal(sample->n_scores, 3);
    assert_int_equal(sample->scores[0].n, RUN_CLASSES);
    assert_true(fabsf(sample->scores[0].data[sample->index] - logf(0.9F)) < 1e-6F);
    assert_int_equal(sample->scores[1].n, RUN_CLASSES);
    assert_int_equal(sample->scores[2].n, 1);
    assert_true(sample->scores[2].data[0] == 0);
    assert_memory_equal(sample->data, "\x89PNG", 4);
    return GGDM_OK;
}

static void assert_samples(ggdm_store *store)
{
    static const char *const names[] = {"guide", "judge", "saturation"};
    int64_t scorers[3];
    int32_t n, next = 0;
    const ggdm_store_measure *panel = ggdm_store_panel(store, 0, &n);
    assert_int_equal(n, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(panel[i].name, names[i]);
        scorers[i] = panel[i].scorer;
    }
    ggdm_test_ok(ggdm_store_each_sample(store, 0, 100, true, scorers, 3, check_sample, &next, &err),
                 &err);
    assert_int_equal(next, RUN_SAMPLES);
}

static void listen(void *context, const char *text)
{
    (void)context;
    ggdm_test_fail("%s", text);
}

static void test_older_run_is_looked_at_in_a_copy(void **state)
{
    (void)state;
    for (int version = 1; version < GGDM_STORE_OLDEST; version++) {
        char *dir = put_old(version), *text;
        ggdm_store *store;
        ggdm_store_work work;
        int32_t n;
        ggdm_test_ok(ggdm_store_read(dir, &store, &err), &err);
        assert_int_equal(ggdm_store_older_version(store), version);
        assert_half_way(store);
        assert_parameters(store);
        assert_samples(store);
        ggdm_test_ok(ggdm_store_work_get(store, &work, &err), &err);
        assert_true(work.done == RUN_SAMPLES * RUN_STEPS);
        ggdm_test_ok(ggdm_store_n_sweeps(store, &n, &err), &err);
        assert_int_equal(n, 1);
        ggdm_test_ok(ggdm_store_sweep_text(store, 1, &text, &err), &err);
        assert_string_equal(text, "name: fixture\n");
        free(text);
        ggdm_store_models(store, &n);
        assert_int_equal(n, 3);
        ggdm_test_error(ggdm_store_recipe(store, 0, &text, &err), &err, GGDM_EUNSUPPORTED,
                        "has no recipes, as ggdm test made it");
        ggdm_test_error(ggdm_store_check_version(store, &err), &err, GGDM_EUNSUPPORTED,
                        "this one only looks at it");
        ggdm_test_ok(ggdm_store_audit_integrity(store, listen, NULL, &err), &err);
        ggdm_store_close(&store);
        assert_unchanged(dir, version);
        ggdm_test_rmdir(dir);
    }
}

static void test_older_run_is_not_written_to(void **state)
{
    (void)state;
    const ggdm_store_options inspect = {.mode = GGDM_STORE_INSPECT};
    for (int version = 1; version < GGDM_STORE_OLDEST; version++) {
        char *dir = put_old(version), want[64];
        ggdm_store *store;
        bool there;
        ggdm_test_ok(ggdm_store_present(dir, &there, &err), &err);
        assert_true(there);
        snprintf(want, sizeof want, "is of ggdm test (schema version %d)", version);
        ggdm_test_error(ggdm_store_open(dir, NULL, &store, &err), &err, GGDM_EUNSUPPORTED, want);
        ggdm_test_error(ggdm_store_open(dir, &inspect, &store, &err), &err, GGDM_EUNSUPPORTED,
                        want);
        assert_unchanged(dir, version);
        ggdm_test_rmdir(dir);
    }
}

/* Version 2 kept one text, a character a cell, which was too short for cells that were added: they
 * are wanted. */
static void test_older_run_with_too_few_cancelled_cells_is_read(void **state)
{
    (void)state;
    char *dir = put_old(2);
    ggdm_store *store;
    bool *cancelled;
    run_fixture_sql(dir, "INSERT INTO run VALUES ('cancelled_cells', '0000010')");
    ggdm_test_ok(ggdm_store_read(dir, &store, &err), &err);
    cancelled = run_fixture_cancelled(store, NULL);
    assert_non_null(cancelled);
    for (int i = 0; i < RUN_CELLS; i++)
        assert_int_equal(cancelled[i], i == 5);
    free(cancelled);
    ggdm_store_close(&store);
    ggdm_test_rmdir(dir);
}

/* Windows that start later, no target, no judge, and a second sweep. */
static void test_older_run_with_other_values_is_read(void **state)
{
    (void)state;
    char *dir = put_old(3), *text;
    ggdm_store *store;
    ggdm_store_cell cell;
    int32_t n;
    run_fixture_sql(dir, "UPDATE cell SET start = 250 WHERE idx = 4; UPDATE cell SET target = -1; "
                         "UPDATE run SET value = '' WHERE key IN ('judge', 'judge_digest'); "
                         "UPDATE image SET judge_logp = X''; "
                         "INSERT INTO run VALUES ('sweep_text.2', 'two'), ('sweep_digest.2', 'x')");
    ggdm_test_ok(ggdm_store_read(dir, &store, &err), &err);
    ggdm_test_ok(ggdm_store_cell_get(store, 4, &cell, &err), &err);
    assert_string_equal(ggdm_store_value_of(store, &cell, 1).text, "250+500");
    assert_true(isnan(ggdm_store_value_of(store, &cell, 1).number));
    assert_string_equal(ggdm_store_value_of(store, &cell, 2).text, "");
    assert_int_equal(ggdm_store_aim(store, &cell), -1);
    assert_string_equal(ggdm_store_panel(store, 0, &n)[1].name, "saturation");
    assert_int_equal(n, 2);
    ggdm_test_ok(ggdm_store_sweep_text(store, 2, &text, &err), &err);
    assert_string_equal(text, "two");
    free(text);
    ggdm_store_close(&store);
    ggdm_test_rmdir(dir);
}

static void test_older_run_that_is_damaged_says_so(void **state)
{
    (void)state;
    static const char *const damage[][2] = {
        {"CREATE TABLE head (other INTEGER)", "no column named id"},
        {"CREATE TABLE guest (x INTEGER)", "'guest' is not as schema version"},
        {"UPDATE tree SET data = X'00' WHERE id = 1", "is damaged: message 'tree'"},
        {"DELETE FROM run WHERE key = 'samples'", "NOT NULL"},
    };
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        char *dir = put_old(3);
        ggdm_store *store;
        run_fixture_sql(dir, damage[i][0]);
        ggdm_status st = ggdm_store_read(dir, &store, &err);
        assert_int_not_equal(st, GGDM_OK);
        ggdm_test_error(st, &err, st, damage[i][1]);
        ggdm_test_rmdir(dir);
    }
}

/* ... but for what only grew since: it is brought up to date, and goes on, in place; images of
 * before have no records, those that are made now do. */
static void check_goes_on(int version, const char *result)
{
    char *dir = put_old(version), *text;
    ggdm_store *store;
    ggdm_record *records;
    int32_t n;
    ggdm_test_ok(ggdm_store_read(dir, &store, &err), &err);
    assert_int_equal(ggdm_store_older_version(store), 0);
    assert_half_way(store);
    ggdm_test_ok(ggdm_store_recipe(store, 0, &text, &err), &err);
    free(text);
    ggdm_test_ok(ggdm_store_records(store, 0, RUN_SAMPLES, &records, &n, &err), &err);
    assert_int_equal(n, 0);
    ggdm_test_ok(ggdm_store_audit_integrity(store, listen, NULL, &err), &err);
    ggdm_store_close(&store);
    assert_unchanged(dir, version);

    run_fixture_sql(dir, result);
    run_fixture_sql(dir, "UPDATE unit SET not_before = 0");
    for (int time = 0; time < 2; time++) {
        run_fixture f = {.dir = dir};
        ggdm_test_ok(ggdm_store_open(dir, NULL, &f.store, &err), &err);
        assert_int_equal(ggdm_store_counts_get(f.store)->images_done,
                         (time == 0 ? 1 : RUN_TRAJECTORIES) * RUN_SAMPLES);
        ggdm_results r;
        ggdm_test_ok(ggdm_results_read(f.store, &r, &err), &err);
        assert_int_equal(r.n_metrics, 1);
        assert_true(r.rows[1].metrics[0].value == 3.5 && isnan(r.rows[1].metrics[0].hi));
        ggdm_results_deinit(&r);
        assert_int_equal(run_fixture_work(&f, 100, 1), time == 0 ? RUN_UNITS - 3 : 0);
        ggdm_store_close(&f.store);
    }
    ggdm_test_ok(ggdm_store_read(dir, &store, &err), &err);
    run_fixture_check_records(store, RUN_TRAJECTORIES - 1);
    ggdm_test_ok(ggdm_store_audit_integrity(store, listen, NULL, &err), &err);
    ggdm_store_close(&store);
    ggdm_test_rmdir(dir);
}

static void test_run_of_version_4_or_5_goes_on(void **state)
{
    (void)state;
    check_goes_on(4, "INSERT INTO result VALUES (1, 'vendi', 'pixels', 3.5, 3, NULL, 8)");
    check_goes_on(5, "INSERT INTO result VALUES (1, 'vendi', 'pixels', 3.5, 3, NULL, 8, '')");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_older_run_is_looked_at_in_a_copy),
        cmocka_unit_test(test_older_run_is_not_written_to),
        cmocka_unit_test(test_older_run_with_too_few_cancelled_cells_is_read),
        cmocka_unit_test(test_older_run_with_other_values_is_read),
        cmocka_unit_test(test_older_run_that_is_damaged_says_so),
        cmocka_unit_test(test_run_of_version_4_or_5_goes_on),
    };
    setenv("GGDM_LOG", "warn", 1);
    return ggdm_test_main(tests);
}
