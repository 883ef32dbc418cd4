/* What SQLite would decide by itself: which names it can use, which modes files have, what closing
 * does to a database that another process owns by now. */
#include "jobs/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/owner.h"
#include "tests/support/run_fixture.h"

static ggdm_error err;

/* A fixture whose run directory is dir below its own; gives the directory to remove. */
static char *plan_in(run_fixture *f, const char *dir)
{
    run_fixture_plan(f);
    char *top = f->dir;
    f->dir = ggdm_test_path(top, dir);
    return top;
}

static void close_in(run_fixture *f, char *top)
{
    ggdm_store_close(&f->store);
    free(f->dir);
    f->dir = top;
    run_fixture_close(f);
}

static void snapshot(const run_fixture *f)
{
    char *path = ggdm_test_path(f->dir, GGDM_STORE_SNAPSHOT_FILE);
    ggdm_test_ok(ggdm_store_snapshot(f->store, path, &err), &err);
    free(path);
}

static void test_store_in_names_that_look_like_uris_is_a_file(void **state)
{
    (void)state;
    static const char *const names[] = {"file:x?mode=memory", "file:%41", "%41?b#c&d", "a'b\"c d",
                                        ":memory:"};
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        run_fixture f;
        char *top = plan_in(&f, names[i]);
        ggdm_test_ok(ggdm_make_dirs(f.dir, &err), &err);
        assert_int_equal(chdir(top), 0);
        free(f.dir);
        ggdm_test_ok(ggdm_strdup(names[i], &f.dir, &err), &err);
        run_fixture_create(&f);
        run_fixture_work(&f, 1, 1);
        snapshot(&f);
        char *path = ggdm_test_path(f.dir, GGDM_STORE_FILE),
             *copy = ggdm_test_path(f.dir, GGDM_STORE_SNAPSHOT_FILE);
        assert_true(ggdm_exists(path));
        assert_true(ggdm_exists(copy));
        free(path), free(copy);
        run_fixture_reopen(&f, NULL);
        assert_int_equal(ggdm_store_counts_get(f.store)->units[GGDM_UNIT_DONE], 1);
        ggdm_store_close(&f.store);
        assert_int_equal(chdir(here), 0);
        close_in(&f, top);
    }
}

/* A directory whose absolute path has n bytes, below dir. */
static char *long_path(const char *dir, size_t n)
{
    char *out = ggdm_test_alloc(n + 1, 1), *real = realpath(dir, NULL);
    size_t at = (size_t)snprintf(out, n + 1, "%s", real);
    free(real);
    while (at < n) {
        out[at++] = '/';
        for (int i = 0; i < 100 && at < n && (at + 1 != n - 1 || i == 0); i++)
            out[at++] = 'd';
    }
    out[n] = '\0';
    return out;
}

static void test_store_fits_what_sqlite_takes_and_refuses_the_rest(void **state)
{
    (void)state;
    for (size_t n = 430; n < 450; n++) {
        run_fixture f;
        char *top = plan_in(&f, "");
        free(f.dir);
        f.dir = long_path(top, n);
        bool fits = ggdm_store_fits(f.dir, &err) == GGDM_OK;
        assert_true(fits == (n <= 440));
        if (!fits)
            assert_non_null(strstr(err.msg, "path is too long"));
        if (n < 439 || n > 440) {
            close_in(&f, top);
            continue;
        }
        ggdm_test_ok(ggdm_make_dirs(f.dir, &err), &err);
        run_fixture_create(&f);
        run_fixture_work(&f, 1, 1);
        snapshot(&f);
        close_in(&f, top);
    }
}

static void assert_mode(const run_fixture *f, const char *name, unsigned mode)
{
    char *path = ggdm_test_path(f->dir, name);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    if ((info.st_mode & 0777) != mode)
        ggdm_test_fail("%s has mode %o, expected %o", name, info.st_mode & 0777, mode);
    free(path);
}

static void test_store_files_have_the_mode_of_the_umask(void **state)
{
    (void)state;
    static const mode_t masks[] = {002, 022, 077, 007};
    static const char *const names[] = {GGDM_STORE_FILE, GGDM_STORE_FILE "-wal",
                                        GGDM_STORE_FILE GGDM_OWNER_SUFFIX,
                                        GGDM_STORE_SNAPSHOT_FILE};
    const mode_t old = umask(0);
    for (size_t m = 0; m < sizeof masks / sizeof *masks; m++) {
        run_fixture f;
        umask(masks[m]);
        run_fixture_open(&f);
        run_fixture_work(&f, 1, 1);
        snapshot(&f);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            assert_mode(&f, names[i], 0666 & ~masks[m]);
        run_fixture_close(&f);
    }
    umask(old);
}

/* ---- taken over ------------------------------------------------------------------------------ */

typedef struct bytes {
    char *data;
    size_t size;
} bytes;

static const char *const files[] = {GGDM_STORE_FILE, GGDM_STORE_FILE "-wal",
                                    GGDM_STORE_FILE "-journal", GGDM_STORE_FILE GGDM_OWNER_SUFFIX};
enum { N_FILES = sizeof files / sizeof *files };

static void read_all(const run_fixture *f, bytes out[N_FILES])
{
    for (int i = 0; i < N_FILES; i++) {
        char *path = ggdm_test_path(f->dir, files[i]);
        out[i] = (bytes){0};
        if (ggdm_exists(path))
            out[i].data = ggdm_test_read(path, &out[i].size);
        free(path);
    }
}

/* In the midst of a turn, with pages written already; another one has the record now. */
static void begin_and_lose(run_fixture *f, bool wal)
{
    const ggdm_store_options options = {.mode = GGDM_STORE_RUN, .force_rollback_journal = !wal};
    size_t size;
    run_fixture_plan(f);
    ggdm_test_ok(ggdm_store_create(f->dir, &f->info, &f->batch, &err), &err);
    ggdm_test_ok(ggdm_store_open(f->dir, &options, &f->store, &err), &err);
    run_fixture_work(f, 2, 1);
    ggdm_test_ok(ggdm_store_begin(f->store, 1, &err), &err);
    ggdm_test_ok(ggdm_store_cancel(f->store, NULL, NULL, &err), &err);
    char *record = ggdm_test_path(f->dir, GGDM_STORE_FILE GGDM_OWNER_SUFFIX);
    char *text = ggdm_test_read(record, &size);
    memcpy(strstr(text, "token ") + 6, "another", 7);
    ggdm_test_write(record, text, size);
    free(text), free(record);
}

/* Locks that do not reach another host: it took over while this owner was away.  Nothing more is
 * written, not even by closing. */
static void test_store_taken_over_by_another_host_writes_nothing(void **state)
{
    (void)state;
    run_fixture f[2];
    bytes before[N_FILES], after[N_FILES];
    for (int wal = 0; wal < 2; wal++)
        begin_and_lose(&f[wal], wal);
    const double seconds = 1.1 * GGDM_OWNER_BEAT;
    nanosleep(&(struct timespec){(time_t)seconds, (long)(1e9 * (seconds - (time_t)seconds))}, NULL);
    for (int wal = 0; wal < 2; wal++) {
        read_all(&f[wal], before);
        ggdm_test_error(ggdm_store_commit(f[wal].store, &err), &err, GGDM_ESTATE,
                        "in use by another");
        ggdm_test_error(ggdm_store_begin(f[wal].store, 2, &err), &err, GGDM_ESTATE, "taken over");
        ggdm_store_close(&f[wal].store);
        read_all(&f[wal], after);
        for (int i = 0; i < N_FILES; i++) {
            assert_int_equal(before[i].size, after[i].size);
            if (before[i].size)
                assert_memory_equal(before[i].data, after[i].data, before[i].size);
            free(before[i].data), free(after[i].data);
        }
        run_fixture_close(&f[wal]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_in_names_that_look_like_uris_is_a_file),
        cmocka_unit_test(test_store_fits_what_sqlite_takes_and_refuses_the_rest),
        cmocka_unit_test(test_store_files_have_the_mode_of_the_umask),
        cmocka_unit_test(test_store_taken_over_by_another_host_writes_nothing),
    };
    setenv("GGDM_LOG", "error", 1);
    return ggdm_test_main(tests);
}
