/* What `ggdm doctor` says of a database in which two places do not agree. */
#include "jobs/store_audit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/run_fixture.h"

enum { SAID = 4000 };

static ggdm_error err;

static void listen(void *context, const char *text)
{
    char *said = context;
    size_t n = strlen(said);
    snprintf(said + n, SAID - n, "%s\n", text);
}

/* Everything that is found in the store of f, which is closed. */
static void audit(const run_fixture *f, char said[SAID])
{
    ggdm_store *store;
    *said = '\0';
    ggdm_test_ok(ggdm_store_read(f->dir, &store, &err), &err);
    ggdm_test_ok(ggdm_store_audit_integrity(store, listen, said, &err), &err);
    ggdm_store_close(&store);
}

static void test_audit_of_sound_runs_finds_nothing(void **state)
{
    run_fixture *f = *state;
    char said[SAID];
    for (int work = 0; work < 4; work++) { /* fresh, begun, half way, done */
        run_fixture_reopen(f, NULL);
        run_fixture_work(f, work == 3 ? 100 : work, 1);
        ggdm_store_close(&f->store);
        audit(f, said);
        assert_string_equal(said, "");
    }
}

/* One change each, made as a program with an error would, and the one thing that is said of it. */
static const struct {
    const char *change, *said;
} cases[] = {
    {"UPDATE trajectory SET done = done - 1 WHERE id = 4; "
     "UPDATE counter SET value = value - 1 WHERE name = 'images'",
     "trajectory 4 counts 9 images, 3 diverged; it has 10, 3\n"},
    {"UPDATE unit SET state = 'ready' WHERE id = 0; "
     "UPDATE counter SET value = value - 1 WHERE name = 'done'; "
     "UPDATE counter SET value = value + 1 WHERE name = 'ready'",
     "unit 0 is ready but has images\n"},
    {"INSERT INTO checkpoint VALUES (2, 1, 1, X'00')", "unit 2 is done but keeps a checkpoint\n"},
    {"UPDATE score SET data = X'0000000000000000' WHERE trajectory = 1 AND scorer = 2 AND first = "
     "8",
     "there are scores of scorer 2 of 4 and of 40 bytes\n"},
    {"UPDATE score SET first = 9 WHERE trajectory = 1 AND scorer = 2 AND first = 8",
     "images 9+2 of trajectory 1 have scores of scorer 2; 1 of them are there\n"},
    {"UPDATE score SET first = 3 WHERE trajectory = 1 AND scorer = 2 AND first = 4",
     "images from 3 of trajectory 1 have scores of scorer 2 twice\n"},
    {"UPDATE trajectory SET key = zeroblob(32) WHERE id = 3",
     "trajectory 3: DB is damaged: it has another key than its text\n"},
    {"UPDATE setting SET text = text || ' ' WHERE text <> '{}' AND id = 2",
     "trajectory 1: DB is damaged: it has another key than its text\n"
     "trajectory 2: DB is damaged: it has another key than its text\n"},
    {"UPDATE trajectory SET runs = '1:500' WHERE id = 0",
     "trajectory 0: DB is damaged: it has another key than its text\n"},
    {"UPDATE trajectory SET runs = '1:500,' WHERE id = 0",
     "trajectory 0: DB is damaged: runs '1:500,'\n"},
    {"UPDATE trajectory SET runs = '99:1000' WHERE id = 0",
     "trajectory 0: DB is damaged: there is no setting 99\n"},
    {"UPDATE cell SET wanted = 11 WHERE idx = 5; UPDATE counter SET value = 91 WHERE name = "
     "'asked'",
     "cell c0005 wants 11 images of the 10 of its trajectory 2\n"},
    {"UPDATE record SET idx = 77 WHERE trajectory = 3 AND idx = 2",
     "trajectory 3 has a record of image 77, which is missing\n"},
    {"UPDATE record SET data = X'01000001' WHERE trajectory = 0 AND idx = 5",
     "image 5 of trajectory 0: record of an image: 1 bytes of points of 2 numbers\n"},
    {"UPDATE cell SET panel = 7 WHERE idx = 5", "cell c0005 has panel 7, which is missing\n"},
};

/* text with the name of the database for DB; owned. */
static char *with_path(const run_fixture *f, const char *text)
{
    char *path = ggdm_test_path(f->dir, GGDM_STORE_FILE), *out = NULL;
    size_t size;
    FILE *file = open_memstream(&out, &size);
    for (const char *db; (db = strstr(text, "DB")); text = db + 2)
        fprintf(file, "%.*s%s", (int)(db - text), text, path);
    fputs(text, file);
    fclose(file);
    free(path);
    return out;
}

static void test_audit_says_what_does_not_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_fixture f;
        char said[SAID];
        run_fixture_open(&f);
        run_fixture_work(&f, 100, 1);
        ggdm_store_close(&f.store);
        run_fixture_sql(f.dir, cases[i].change);
        audit(&f, said);
        char *want = with_path(&f, cases[i].said);
        assert_string_equal(said, want);
        free(want);
        run_fixture_close(&f);
    }
}

static void test_audit_of_lost_units_says_so(void **state)
{
    run_fixture *f = *state;
    char said[SAID];
    ggdm_store_close(&f->store);
    run_fixture_sql(f->dir, "DELETE FROM unit WHERE id = 8; "
                            "UPDATE counter SET value = value - 1 WHERE name = 'ready'");
    audit(f, said);
    assert_non_null(strstr(said, "the units of trajectory 3 make "));
    assert_non_null(strstr(said, " of 10 images\n"));
}

/* The cell is archived, then one of its images is lost, with all counts. */
static void test_audit_of_lost_images_says_so(void **state)
{
    run_fixture *f = *state;
    char said[SAID];
    run_fixture_work(f, 100, 1);
    ggdm_test_ok(ggdm_store_cell_archived(f->store, 8, &err), &err);
    ggdm_store_close(&f->store);
    run_fixture_sql(f->dir, "DELETE FROM sample WHERE trajectory = 4 AND idx = 9; "
                            "UPDATE trajectory SET done = done - 1 WHERE id = 4; "
                            "UPDATE counter SET value = value - 1 WHERE name = 'images'");
    audit(f, said);
    assert_non_null(strstr(said, " is done and makes "));
    assert_non_null(strstr(said, "cell c0008 was archived with 9 of 10 images\n"));
}

/* A small store is not even opened then. */
static void test_audit_of_large_store_compares_its_counters(void **state)
{
    run_fixture *f = *state;
    char said[SAID];
    ggdm_store_close(&f->store);
    run_fixture_sql(f->dir, "WITH RECURSIVE k (i) AS (SELECT 9 UNION ALL SELECT i + 1 FROM k "
                            "WHERE i < 21000) INSERT INTO unit (id, tree, image_first, "
                            "image_count) SELECT i, 0, 9, 2 FROM k; "
                            "UPDATE counter SET value = value + 20992 WHERE name = 'ready'");
    run_fixture_sql(f->dir, "UPDATE counter SET value = value + 1 WHERE name = 'ready'");
    audit(f, said);
    assert_non_null(strstr(said, "the units of trajectory 0 make "));
    assert_non_null(strstr(said, "counter ready is 21002, but there are 21001\n"));
}

/* What cells are given and what was decided of them. */
static void test_audit_finds_verdicts_that_do_not_fit(void **state)
{
    (void)state;
    static const struct {
        const char *change, *said;
    } rows[] = {
        {"SELECT 1", ""},
        {"DELETE FROM result WHERE cell = 2", "cell c0002 has 0 verdicts of until\n"},
        {"UPDATE result SET settings = 'narrow', n = 5 WHERE cell = 4",
         "cell c0004 is narrow after 5 images and wants 20\n"},
        {"UPDATE result SET n = 20 WHERE cell = 4",
         "cell c0004 is open after 20 images and wants 20\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        run_fixture f;
        char said[SAID];
        ggdm_store_decided decided;
        run_fixture_open_until(&f, "{halfwidth: 0.1, at_most: 40, block: 10}");
        run_fixture_work(&f, INT32_MAX, 1);
        ggdm_test_ok(ggdm_store_decide(f.store, 1, f.growth, &decided, &err), &err);
        ggdm_store_close(&f.store);
        run_fixture_sql(f.dir, rows[i].change);
        audit(&f, said);
        assert_string_equal(said, rows[i].said);
        run_fixture_close(&f);
    }
}

/* Worker 1 has two units at once; worker 2 dies with one; a second world has other threads. */
static void test_audit_of_time_counts_what_workers_were_busy(void **state)
{
    run_fixture *f = *state;
    ggdm_time_audit time;
    ggdm_store_close(&f->store);
    run_fixture_sql(f->dir,
                    "DELETE FROM event;"
                    "INSERT INTO event (at, epoch, unit, from_state, to_state, attempt, worker) "
                    "VALUES (10, 1, 0, 'ready', 'running', 1, 1), (10, 1, 1, 'ready', 'running', "
                    "1, 1), (12, 1, 2, 'ready', 'running', 1, 2), (13, 1, 2, 'running', 'done', 1, "
                    "2), (14, 1, 0, 'running', 'done', 1, 1), (15, 1, 3, 'ready', 'running', 1, "
                    "2), (20, 1, 1, 'running', 'failed', 1, 1), (100, 2, 3, 'running', 'ready', 1, "
                    "2), (101, 2, 3, 'ready', 'running', 2, 1), (102, 2, 3, 'running', 'running', "
                    "2, 2), (103, 2, 3, 'running', 'done', 2, 1);"
                    "INSERT INTO run VALUES ('threads 1', '4'), ('threads 2', '2')");
    ggdm_test_ok(ggdm_store_read(f->dir, &f->store, &err), &err);
    ggdm_test_ok(ggdm_store_audit_time(f->store, &time, &err), &err);
    assert_true(time.worker_seconds == (10 + 1 + 5) + 2);
    assert_true(time.core_seconds == 4 * (10 + 1 + 5) + 2 * 2);
    ggdm_store_close(&f->store);
    run_fixture_sql(f->dir, "UPDATE run SET value = '' WHERE key = 'threads 2'");
    ggdm_test_ok(ggdm_store_read(f->dir, &f->store, &err), &err);
    ggdm_test_ok(ggdm_store_audit_time(f->store, &time, &err), &err);
    assert_true(isnan(time.core_seconds) && time.worker_seconds == 18);
}

/* Whoever opens a run says how many threads each of its workers has. */
static void test_store_remembers_the_threads_of_each_epoch(void **state)
{
    run_fixture *f = *state;
    ggdm_time_audit time;
    run_fixture_reopen(f, &(ggdm_store_options){.threads = 3});
    run_fixture_work(f, 4, 1);
    ggdm_store_close(&f->store);
    run_fixture_sql(f->dir, "UPDATE event SET at = id");
    ggdm_test_ok(ggdm_store_read(f->dir, &f->store, &err), &err);
    ggdm_test_ok(ggdm_store_audit_time(f->store, &time, &err), &err);
    assert_true(time.worker_seconds == 4 && time.core_seconds == 3 * 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FIXTURE_TEST(test_audit_of_sound_runs_finds_nothing),
        cmocka_unit_test(test_audit_says_what_does_not_agree),
        RUN_FIXTURE_TEST(test_audit_of_lost_units_says_so),
        RUN_FIXTURE_TEST(test_audit_of_lost_images_says_so),
        RUN_FIXTURE_TEST(test_audit_of_large_store_compares_its_counters),
        cmocka_unit_test(test_audit_finds_verdicts_that_do_not_fit),
        RUN_FIXTURE_TEST(test_audit_of_time_counts_what_workers_were_busy),
        RUN_FIXTURE_TEST(test_store_remembers_the_threads_of_each_epoch),
    };
    return ggdm_test_main(tests);
}
