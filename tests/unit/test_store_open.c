/* Creating and opening the job store: ownership, damage, crashes. */
#include "jobs/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/owner.h"
#include "tests/support/run_fixture.h"

static ggdm_error err;

static void create(run_fixture *f)
{
    ggdm_test_ok(ggdm_store_create(f->dir, &f->info, &f->batch, &err), &err);
}

static bool present(run_fixture *f)
{
    bool yes = false;
    ggdm_test_ok(ggdm_store_present(f->dir, &yes, &err), &err);
    return yes;
}

static char *db_path(const run_fixture *f)
{
    return ggdm_test_path(f->dir, GGDM_STORE_FILE);
}

/* Change bytes of the closed database file. */
static void patch(run_fixture *f, long at, const void *bytes, size_t size)
{
    char *path = db_path(f);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, at), (ssize_t)size);
    close(fd);
    free(path);
}

static ggdm_status open_store(run_fixture *f)
{
    return ggdm_store_open(f->dir, NULL, &f->store, &err);
}

static void pause_us(int64_t us)
{
    nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

/* ---- creating -------------------------------------------------------------------------------- */

static void test_store_create_in_fresh_directory_is_present(void **state)
{
    run_fixture *f = *state;
    assert_false(present(f));
    create(f);
    assert_true(present(f));
    ggdm_test_error(ggdm_store_create(f->dir, &f->info, &f->batch, &err), &err, GGDM_ESTATE,
                    "a run already");
    ggdm_test_ok(open_store(f), &err);
}

static void test_store_create_over_empty_file_works(void **state)
{
    run_fixture *f = *state;
    char *path = db_path(f);
    ggdm_test_write(path, "", 0);
    free(path);
    assert_false(present(f));
    ggdm_test_error(open_store(f), &err, GGDM_EFORMAT, "never completed");
    create(f);
    ggdm_test_ok(open_store(f), &err);
}

static void test_store_create_with_bad_plan_writes_nothing(void **state)
{
    run_fixture *f = *state;
    char *path = db_path(f);
    f->unit[3].image_count = RUN_SAMPLES + 1;
    ggdm_test_error(ggdm_store_create(f->dir, &f->info, &f->batch, &err), &err, GGDM_EINVAL,
                    "unit 3");
    f->unit[3].image_count = 4;
    f->sweep.cells.cells[2].trajectory = RUN_TRAJECTORIES;
    ggdm_test_error(ggdm_store_create(f->dir, &f->info, &f->batch, &err), &err, GGDM_EINVAL,
                    "cell 2");
    f->sweep.cells.cells[2].trajectory = 0;
    f->segment[1][1].trajectory = RUN_TRAJECTORIES;
    ggdm_test_error(ggdm_store_create(f->dir, &f->info, &f->batch, &err), &err, GGDM_EINVAL,
                    "tree 1");
    f->segment[1][1].trajectory = 1;
    f->info.precision = GGDM_PRECISION_AUTO;
    ggdm_test_error(ggdm_store_create(f->dir, &f->info, &f->batch, &err), &err, GGDM_EINVAL,
                    "precision");
    assert_false(ggdm_exists(path));
    free(path);
}

static void test_store_create_in_missing_directory_names_it(void **state)
{
    run_fixture *f = *state;
    ggdm_test_error(ggdm_store_create("/nonexistent/run", &f->info, &f->batch, &err), &err,
                    GGDM_EIO, "/nonexistent/run");
}

/* A start killed at any moment leaves nothing, or all. */
static void test_store_create_killed_leaves_all_or_nothing(void **state)
{
    run_fixture *f = *state;
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    for (int i = 0; i < 6; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            ggdm_store_create(f->dir, &f->info, &f->batch, NULL);
            _exit(0);
        }
        pause_us(ggdm_test_below(&rng, 15000));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        if (!present(f))
            create(f);
        ggdm_test_ok(open_store(f), &err);
        assert_int_equal(ggdm_store_counts_get(f->store)->units[GGDM_UNIT_READY], RUN_UNITS);
        ggdm_store_close(&f->store);
        ggdm_test_rmdir(f->dir);
        f->dir = ggdm_test_mkdtemp();
    }
}

/* ---- ownership ------------------------------------------------------------------------------- */

static void test_store_open_twice_is_refused(void **state)
{
    run_fixture *f = *state;
    int ready[2], go[2];
    char byte = 0;
    create(f);
    assert_int_equal(pipe(ready) | pipe(go), 0);
    pid_t pid = fork(); /* a lock does not bind the process that holds it */
    assert_true(pid >= 0);
    if (pid == 0) {
        ggdm_store *other = NULL;
        bool ok = ggdm_store_open(f->dir, NULL, &other, NULL) == GGDM_OK &&
                  write(ready[1], "x", 1) == 1 && read(go[0], &byte, 1) == 1;
        ggdm_store_close(&other);
        _exit(!ok);
    }
    const ggdm_store_options options = {.mode = GGDM_STORE_RUN, .busy_timeout = 20};
    assert_int_equal(read(ready[0], &byte, 1), 1);
    ggdm_test_error(ggdm_store_open(f->dir, &options, &f->store, &err), &err, GGDM_ESTATE,
                    "in use by another ggdm");
    int status = -1;
    assert_int_equal(write(go[1], "x", 1), 1);
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    ggdm_test_ok(open_store(f), &err);
    assert_int_equal(ggdm_store_epoch(f->store), 2);
    close(ready[0]), close(ready[1]), close(go[0]), close(go[1]);
}

static void test_store_without_wal_works(void **state)
{
    run_fixture *f = *state;
    const ggdm_store_options options = {.mode = GGDM_STORE_RUN, .force_rollback_journal = true};
    create(f);
    ggdm_test_ok(ggdm_store_open(f->dir, &options, &f->store, &err), &err);
    assert_string_equal(ggdm_store_journal(f->store), "truncate");
    assert_int_equal(run_fixture_work(f, 2, 1), 2);
    run_fixture_reopen(f, NULL);
    assert_string_equal(ggdm_store_journal(f->store), "wal");
    assert_int_equal(run_fixture_work(f, 100, 1), RUN_UNITS - 2);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void test_store_open_missing_says_so(void **state)
{
    run_fixture *f = *state;
    ggdm_test_error(open_store(f), &err, GGDM_EFORMAT, "no run here");
    assert_null(f->store);
}

static void test_store_open_garbage_is_refused(void **state)
{
    run_fixture *f = *state;
    char *path = db_path(f), garbage[5000];
    memset(garbage, 'x', sizeof garbage);
    ggdm_test_write(path, garbage, sizeof garbage);
    ggdm_test_error(open_store(f), &err, GGDM_EFORMAT, "not a database");
    bool yes;
    ggdm_test_error(ggdm_store_present(f->dir, &yes, &err), &err, GGDM_EFORMAT, path);
    ggdm_test_error(ggdm_store_create(f->dir, &f->info, &f->batch, &err), &err, GGDM_EFORMAT, path);
    free(path);
}

static void test_store_open_directory_is_refused(void **state)
{
    run_fixture *f = *state;
    char *path = db_path(f);
    mkdir(path, 0777);
    ggdm_test_error(open_store(f), &err, GGDM_EFORMAT, "not a regular file");
    free(path);
}

static void test_store_open_newer_schema_is_refused(void **state)
{
    run_fixture *f = *state;
    create(f);
    patch(f, 60, "\0\0\0\x7f", 4); /* user_version */
    ggdm_test_error(open_store(f), &err, GGDM_EUNSUPPORTED, "schema version 127");
}

static void test_store_open_other_application_is_refused(void **state)
{
    run_fixture *f = *state;
    create(f);
    patch(f, 68, "\1\2\3\4", 4); /* application_id */
    ggdm_test_error(open_store(f), &err, GGDM_EFORMAT, "another program");
}

static void test_store_open_truncated_file_is_refused(void **state)
{
    run_fixture *f = *state;
    char *path = db_path(f);
    struct stat info;
    create(f);
    ggdm_test_ok(open_store(f), &err);
    run_fixture_work(f, 100, 1);
    ggdm_store_close(&f->store);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(truncate(path, info.st_size / 2), 0);
    ggdm_test_error(open_store(f), &err, GGDM_EFORMAT, "damaged");
    free(path);
}

/* One letter of a CREATE statement. */
static void test_store_open_altered_schema_is_refused(void **state)
{
    run_fixture *f = *state;
    char *path = db_path(f);
    size_t size;
    create(f);
    char *bytes = ggdm_test_read(path, &size);
    char *at = memmem(bytes, size, "DEFAULT 'ready'", 15);
    assert_non_null(at);
    patch(f, at - bytes, "DEFAULT 'redyy'", 15);
    ggdm_test_error(open_store(f), &err, GGDM_EFORMAT, "'unit' is not as schema version");
    free(bytes);
    free(path);
}

/* A copy of a fixture in a directory of its own. */
static void close_copy(run_fixture *copy)
{
    ggdm_store_close(&copy->store);
    ggdm_test_rmdir(copy->dir);
}

/* ---- crashes --------------------------------------------------------------------------------- */

/* What a power cut would find: database and log while a turn is open. */
static void test_store_copied_in_a_turn_holds_the_last_commit(void **state)
{
    run_fixture *f = *state, copy = *f;
    static const char *const suffixes[] = {"", "-wal"};
    ggdm_unit unit;
    int32_t n;
    create(f);
    ggdm_test_ok(open_store(f), &err);
    run_fixture_work(f, 4, 1);
    ggdm_test_ok(ggdm_store_begin(f->store, 1, &err), &err);
    ggdm_test_ok(ggdm_store_claim(f->store, 1, GGDM_CLAIM_ANY, 1, &unit, &n, &err), &err);
    ggdm_unit_deinit(&unit);
    copy.dir = ggdm_test_mkdtemp();
    copy.store = NULL;
    for (int i = 0; i < 2; i++) {
        char *from = NULL, *to = NULL;
        size_t size;
        assert_true(asprintf(&from, "%s/ggdm.db%s", f->dir, suffixes[i]) > 0);
        assert_true(asprintf(&to, "%s/ggdm.db%s", copy.dir, suffixes[i]) > 0);
        char *bytes = ggdm_test_read(from, &size);
        ggdm_test_write(to, bytes, size);
        free(bytes);
        free(from);
        free(to);
    }
    ggdm_test_ok(open_store(&copy), &err);
    assert_int_equal(ggdm_store_counts_get(copy.store)->units[GGDM_UNIT_DONE], 4);
    assert_int_equal(ggdm_store_counts_get(copy.store)->units[GGDM_UNIT_READY], RUN_UNITS - 4);
    assert_int_equal(ggdm_store_requeued(copy.store), 0);
    assert_int_equal(run_fixture_work(&copy, 100, 1), RUN_UNITS - 4);
    close_copy(&copy);
}

static ggdm_status count_sample(void *context, const ggdm_sample *sample, ggdm_error *e)
{
    (void)e;
    int32_t *next = context;
    assert_int_equal(sample->index, (*next)++);
    return GGDM_OK;
}

/* kill -9 of the owner, again and again: every image is there once at the end. */
static void test_store_owner_killed_repeatedly_finishes(void **state)
{
    run_fixture *f = *state;
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    create(f);
    for (int i = 0; i < 10; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            if (ggdm_store_open(f->dir, NULL, &f->store, NULL) == GGDM_OK)
                run_fixture_work(f, 2, 1);
            _exit(0);
        }
        pause_us(ggdm_test_below(&rng, 40000));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    ggdm_test_ok(open_store(f), &err);
    run_fixture_work(f, 100, 1);
    const ggdm_store_counts *c = ggdm_store_counts_get(f->store);
    assert_int_equal(c->units[GGDM_UNIT_DONE], RUN_UNITS);
    assert_int_equal(c->images_done, RUN_SAMPLES * RUN_TRAJECTORIES);
    for (int64_t t = 0; t < RUN_TRAJECTORIES; t++) {
        int32_t next = 0;
        ggdm_test_ok(
            ggdm_store_each_sample(f->store, t, 100, false, NULL, 0, count_sample, &next, &err),
            &err);
        assert_int_equal(next, RUN_SAMPLES);
    }
}

/* Run turns until the file may not grow any more; returns how many were committed. */
static int work_until_full(run_fixture *f)
{
    int committed = 0;
    for (;; committed++) {
        ggdm_unit unit;
        int32_t n, n_samples;
        bool accepted;
        ggdm_status st = ggdm_store_begin(f->store, 1, &err);
        if (st == GGDM_OK)
            st = ggdm_store_claim(f->store, 1, GGDM_CLAIM_ANY, 1, &unit, &n, &err);
        if (st == GGDM_OK && n == 1) {
            ggdm_sample *samples = run_fixture_samples(&unit, 1, &n_samples);
            st = ggdm_store_finish(f->store, unit.id, unit.attempt, samples, n_samples, &accepted,
                                   &err);
            run_fixture_free_samples(samples, n_samples);
            ggdm_unit_deinit(&unit);
        }
        if (st == GGDM_OK)
            st = ggdm_store_commit(f->store, &err);
        if (st != GGDM_OK)
            break;
        if (n == 0)
            return -1;
    }
    ggdm_store_rollback(f->store);
    return committed;
}

static void test_store_full_disk_loses_the_turn_and_nothing_else(void **state)
{
    run_fixture *f = *state;
    create(f);
    for (size_t room = 50000; room < 80000; room += 11000) {
        ggdm_test_ok(open_store(f), &err);
        int64_t before = ggdm_store_counts_get(f->store)->units[GGDM_UNIT_DONE];
        ggdm_test_limit_files(room);
        int committed = work_until_full(f);
        ggdm_test_limit_files(SIZE_MAX);
        assert_true(committed >= 0);
        assert_int_equal(err.code, GGDM_EFULL);
        assert_int_equal(ggdm_store_counts_get(f->store)->units[GGDM_UNIT_DONE],
                         before + committed);
        run_fixture_reopen(f, NULL);
        assert_int_equal(ggdm_store_counts_get(f->store)->units[GGDM_UNIT_DONE],
                         before + committed);
        ggdm_store_close(&f->store);
    }
    ggdm_test_ok(open_store(f), &err);
    run_fixture_work(f, 100, 1);
    assert_int_equal(ggdm_store_counts_get(f->store)->units[GGDM_UNIT_DONE], RUN_UNITS);
}

static void test_store_snapshot_opens_as_a_store(void **state)
{
    run_fixture *f = *state, copy = *f;
    create(f);
    ggdm_test_ok(open_store(f), &err);
    run_fixture_work(f, 3, 1);
    copy.dir = ggdm_test_mkdtemp();
    char *path = db_path(&copy);
    ggdm_test_ok(ggdm_store_snapshot(f->store, path, &err), &err);
    copy.store = NULL;
    ggdm_test_ok(open_store(&copy), &err);
    assert_int_equal(ggdm_store_counts_get(copy.store)->units[GGDM_UNIT_DONE], 3);
    close_copy(&copy);
    free(path);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, run_fixture_setup_plan, run_fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_store_create_in_fresh_directory_is_present),
        TEST(test_store_create_over_empty_file_works),
        TEST(test_store_create_with_bad_plan_writes_nothing),
        TEST(test_store_create_in_missing_directory_names_it),
        TEST(test_store_create_killed_leaves_all_or_nothing),
        TEST(test_store_open_twice_is_refused),
        TEST(test_store_without_wal_works),
        TEST(test_store_open_missing_says_so),
        TEST(test_store_open_garbage_is_refused),
        TEST(test_store_open_directory_is_refused),
        TEST(test_store_open_newer_schema_is_refused),
        TEST(test_store_open_other_application_is_refused),
        TEST(test_store_open_truncated_file_is_refused),
        TEST(test_store_open_altered_schema_is_refused),
        TEST(test_store_copied_in_a_turn_holds_the_last_commit),
        TEST(test_store_owner_killed_repeatedly_finishes),
        TEST(test_store_full_disk_loses_the_turn_and_nothing_else),
        TEST(test_store_snapshot_opens_as_a_store),
    };
    return ggdm_test_main(tests);
}
