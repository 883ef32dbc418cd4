/* Looking at a run that others own: what a reader sees, and that it leaves no trace. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/hash.h"
#include "common/owner.h"
#include "tests/support/run_fixture.h"

enum { LISTING = 4096 };

static ggdm_error err;

static int inside(const struct dirent *entry)
{
    return strcmp(entry->d_name, "..") != 0;
}

/* Names, times and bytes of all that is in dir. */
static void list(const char *dir, char out[LISTING])
{
    struct dirent **names;
    int n = scandir(dir, &names, inside, alphasort), used = 0;
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        char *path = ggdm_test_path(dir, names[i]->d_name);
        struct stat info;
        char hex[GGDM_HASH_TEXT_SIZE] = "-";
        assert_int_equal(stat(path, &info), 0);
        if (S_ISREG(info.st_mode)) {
            size_t size;
            uint8_t digest[GGDM_HASH_SIZE];
            char *bytes = ggdm_test_read(path, &size);
            ggdm_hash_buffer(bytes, size, digest);
            ggdm_hash_hex(digest, hex);
            free(bytes);
        }
        used +=
            snprintf(out + used, LISTING - (size_t)used, "%s %lld.%09ld %.16s\n", names[i]->d_name,
                     (long long)info.st_mtim.tv_sec, info.st_mtim.tv_nsec, hex);
        assert_true(used < LISTING);
        free(path);
        free(names[i]);
    }
    free(names);
}

static bool is_there(const char *dir, const char *name)
{
    char *path = ggdm_test_path(dir, name);
    bool yes = ggdm_exists(path);
    free(path);
    return yes;
}

/* A reader finds so many units done, in the database or in a snapshot, and changes nothing. */
static void assert_reader_finds(const char *dir, int64_t done, bool snapshot)
{
    char before[LISTING], after[LISTING];
    ggdm_store *reader;
    ggdm_store_cell cell;
    list(dir, before);
    ggdm_test_ok(ggdm_store_read(dir, &reader, &err), &err);
    assert_int_equal(ggdm_store_counts_get(reader)->units[GGDM_UNIT_DONE], done);
    assert_int_equal(ggdm_store_snapshot_time(reader) > 0, snapshot);
    ggdm_test_ok(ggdm_store_cell_get(reader, RUN_CELLS - 1, &cell, &err), &err);
    assert_string_equal(cell.name, "c0008");
    ggdm_test_ok(ggdm_store_check_unchanged(reader, &err), &err);
    ggdm_store_close(&reader);
    list(dir, after);
    assert_string_equal(before, after);
}

static void test_store_reader_of_resting_run_sees_all(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 4, 1);
    ggdm_store_close(&f->store);
    assert_reader_finds(f->dir, 4, false);
}

/* One file without a log: whoever may only read opens it with any program. */
static void test_store_at_rest_is_one_file_without_log(void **state)
{
    run_fixture *f = *state;
    ggdm_store_publish(f->store);
    assert_true(is_there(f->dir, GGDM_STORE_SNAPSHOT_FILE));
    run_fixture_work(f, 4, 1);
    ggdm_store_close(&f->store);
    char *path = ggdm_test_path(f->dir, GGDM_STORE_FILE), *bytes = ggdm_test_read(path, NULL);
    assert_int_equal(bytes[18], 1); /* 2: needs a write-ahead log */
    assert_int_equal(bytes[19], 1);
    assert_false(is_there(f->dir, GGDM_STORE_FILE "-wal"));
    assert_false(is_there(f->dir, GGDM_STORE_SNAPSHOT_FILE));
    free(bytes);
    free(path);
}

static void test_store_reader_of_running_run_sees_the_snapshot(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 3, 1);
    ggdm_store_publish(f->store);
    run_fixture_work(f, 2, 1);
    assert_reader_finds(f->dir, 3, true);
    ggdm_store_publish(f->store);
    assert_reader_finds(f->dir, 5, true);
    run_fixture_work(f, 100, 1); /* its owner was not disturbed */
    assert_int_equal(ggdm_store_counts_get(f->store)->units[GGDM_UNIT_DONE], RUN_UNITS);
}

static void test_store_snapshot_is_for_all_who_may_read_the_database(void **state)
{
    run_fixture *f = *state;
    char *path = ggdm_test_path(f->dir, GGDM_STORE_FILE);
    char *copy = ggdm_test_path(f->dir, GGDM_STORE_SNAPSHOT_FILE);
    struct stat info;
    assert_int_equal(chmod(path, 0660), 0);
    ggdm_store_publish(f->store);
    assert_int_equal(stat(copy, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0660);
    free(path);
    free(copy);
}

/* Killed, with results in the log that the database does not have yet. */
static void kill_owner(run_fixture *f, int units)
{
    ggdm_store_close(&f->store);
    pid_t child = fork();
    if (child == 0) {
        if (ggdm_store_open(f->dir, NULL, &f->store, &err) != GGDM_OK)
            _exit(1);
        ggdm_store_publish(f->store);
        _exit(run_fixture_work(f, units, 1) != units);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(is_there(f->dir, GGDM_STORE_FILE "-wal"));
}

static void test_store_reader_of_killed_run_sees_all_that_was_committed(void **state)
{
    run_fixture *f = *state;
    kill_owner(f, 4);
    assert_reader_finds(f->dir, 4, false);
    run_fixture_reopen(f, NULL); /* what the log held is there for the next owner, too */
    assert_int_equal(ggdm_store_counts_get(f->store)->units[GGDM_UNIT_DONE], 4);
}

/* Without a write-ahead log, in the middle of a change: what is in the file is not to be trusted.
 */
static void test_store_reader_of_run_killed_in_a_change_sees_the_snapshot(void **state)
{
    run_fixture *f = *state;
    const ggdm_store_options truncate = {.mode = GGDM_STORE_RUN, .force_rollback_journal = true};
    ggdm_store_close(&f->store);
    pid_t child = fork();
    if (child == 0) {
        ggdm_unit unit;
        int32_t n;
        if (ggdm_store_open(f->dir, &truncate, &f->store, &err) != GGDM_OK ||
            run_fixture_work(f, 2, 1) != 2)
            _exit(1);
        ggdm_store_publish(f->store);
        _exit(ggdm_store_begin(f->store, 1, &err) != GGDM_OK ||
              ggdm_store_claim(f->store, 1, GGDM_CLAIM_ANY, 1, &unit, &n, &err) != GGDM_OK);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_reader_finds(f->dir, 2, true);
    char *path = ggdm_test_path(f->dir, GGDM_STORE_SNAPSHOT_FILE);
    assert_int_equal(unlink(path), 0);
    free(path);
    ggdm_store *reader;
    ggdm_test_error(ggdm_store_read(f->dir, &reader, &err), &err, GGDM_EIO,
                    "was left in the middle of a change");
    run_fixture_reopen(f, NULL);
    ggdm_store_close(&f->store);
    assert_reader_finds(f->dir, 2, false);
}

/* Somebody elsewhere owns it, or did: nobody here can tell. */
static void own_elsewhere(const run_fixture *f)
{
    char *path = ggdm_test_path(f->dir, GGDM_STORE_FILE GGDM_OWNER_SUFFIX);
    const char record[] = "token 0123 host elsewhere boot b space s pid 1 started 1 job 77 epoch 1 "
                          "file 0 beat 1 at 1";
    ggdm_test_write(path, record, sizeof record - 1);
    free(path);
}

static void test_store_reader_does_not_wait_for_an_owner_elsewhere(void **state)
{
    run_fixture *f = *state;
    kill_owner(f, 4);
    own_elsewhere(f);
    assert_reader_finds(f->dir, 0, true);
    char *path = ggdm_test_path(f->dir, GGDM_STORE_SNAPSHOT_FILE);
    assert_int_equal(unlink(path), 0);
    free(path);
    assert_reader_finds(f->dir, 4, false);
}

static void test_store_reader_notices_an_owner_that_came_meanwhile(void **state)
{
    run_fixture *f = *state;
    ggdm_store *reader;
    ggdm_store_close(&f->store);
    ggdm_test_ok(ggdm_store_read(f->dir, &reader, &err), &err);
    ggdm_test_ok(ggdm_store_check_unchanged(reader, &err), &err);
    run_fixture_reopen(f, NULL);
    ggdm_test_error(ggdm_store_check_unchanged(reader, &err), &err, GGDM_ESTATE,
                    "was changed while it was read");
    ggdm_store_close(&reader);
}

static void test_store_reader_cannot_change_anything(void **state)
{
    run_fixture *f = *state;
    ggdm_store *reader;
    ggdm_store_close(&f->store);
    ggdm_test_ok(ggdm_store_read(f->dir, &reader, &err), &err);
    assert_int_not_equal(ggdm_store_cell_archived(reader, 0, &err), GGDM_OK);
    ggdm_store_close(&reader);
}

static void test_store_reader_takes_names_as_they_are(void **state)
{
    run_fixture *f = *state;
    char *odd = ggdm_test_path(f->dir, "a b?mode=x#y%41:\xc3\xa9");
    char *from = ggdm_test_path(f->dir, GGDM_STORE_FILE);
    char *to = ggdm_test_path(odd, GGDM_STORE_FILE);
    ggdm_store_close(&f->store);
    assert_int_equal(mkdir(odd, 0777), 0);
    assert_int_equal(rename(from, to), 0);
    assert_reader_finds(odd, 0, false);
    free(odd);
    free(from);
    free(to);
}

static void test_store_reader_without_a_run_says_so(void **state)
{
    (void)state;
    char *dir = ggdm_test_mkdtemp();
    ggdm_store *reader;
    ggdm_test_error(ggdm_store_read(dir, &reader, &err), &err, GGDM_EFORMAT, "no run here");
    assert_null(reader);
    ggdm_test_rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FIXTURE_TEST(test_store_reader_of_resting_run_sees_all),
        RUN_FIXTURE_TEST(test_store_at_rest_is_one_file_without_log),
        RUN_FIXTURE_TEST(test_store_reader_of_running_run_sees_the_snapshot),
        RUN_FIXTURE_TEST(test_store_snapshot_is_for_all_who_may_read_the_database),
        RUN_FIXTURE_TEST(test_store_reader_of_killed_run_sees_all_that_was_committed),
        RUN_FIXTURE_TEST(test_store_reader_of_run_killed_in_a_change_sees_the_snapshot),
        RUN_FIXTURE_TEST(test_store_reader_does_not_wait_for_an_owner_elsewhere),
        RUN_FIXTURE_TEST(test_store_reader_notices_an_owner_that_came_meanwhile),
        RUN_FIXTURE_TEST(test_store_reader_cannot_change_anything),
        RUN_FIXTURE_TEST(test_store_reader_takes_names_as_they_are),
        cmocka_unit_test(test_store_reader_without_a_run_says_so),
    };
    return ggdm_test_main(tests);
}
