/* Databases of older programs, as they are kept in tests/support/data (tests/mpi/
 * make_store_fixture.c says what is in them): opened, brought up to date, and finished. */
#include "jobs/store_schema.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "tests/support/run_fixture.h"

static ggdm_error err;

/* The kept database of a schema version, as the run of a fixture that is planned only. */
static void put_old(run_fixture *f, int version)
{
    char name[64];
    size_t size;
    snprintf(name, sizeof name, "tests/support/data/store-v%d.db", version);
    char *bytes = ggdm_test_read(name, &size), *path = ggdm_test_path(f->dir, GGDM_STORE_FILE);
    ggdm_test_write(path, bytes, size);
    free(path);
    free(bytes);
}

static int64_t version_of(const char *dir, const char *name)
{
    char *path = ggdm_test_path(dir, name);
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t version = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    free(path);
    return version;
}

static void assert_half_way(const ggdm_store *store)
{
    const ggdm_store_counts *c = ggdm_store_counts_get(store);
    assert_int_equal(c->units[GGDM_UNIT_DONE], 3);
    assert_int_equal(c->units[GGDM_UNIT_FAILED], 1);
    assert_int_equal(c->units[GGDM_UNIT_READY], 5);
    assert_int_equal(c->suspects, 0); /* lost once: not yet */
    assert_int_equal(ggdm_store_requeued(store), 1);
}

static void test_store_of_every_version_is_migrated_and_finished(void **state)
{
    (void)state;
    for (int version = 1; version <= GGDM_STORE_VERSION; version++) {
        run_fixture f;
        char copy[32];
        bool there;
        run_fixture_plan(&f);
        put_old(&f, version);
        ggdm_test_ok(ggdm_store_present(f.dir, &there, &err), &err);
        assert_true(there);
        assert_int_equal(version_of(f.dir, GGDM_STORE_FILE), version);
        ggdm_test_ok(ggdm_store_open(f.dir, NULL, &f.store, &err), &err);
        assert_half_way(f.store);
        ggdm_test_ok(ggdm_store_begin(f.store, 1000, &err), &err);
        ggdm_test_ok(ggdm_store_retry(f.store, NULL, 0, NULL, &err), &err);
        ggdm_test_ok(ggdm_store_commit(f.store, &err), &err);
        run_fixture_work(&f, 100, 1);
        assert_int_equal(ggdm_store_counts_get(f.store)->units[GGDM_UNIT_DONE], RUN_UNITS);
        ggdm_store_close(&f.store);
        assert_int_equal(version_of(f.dir, GGDM_STORE_FILE), GGDM_STORE_VERSION);
        snprintf(copy, sizeof copy, GGDM_STORE_FILE ".v%d", version);
        char *path = ggdm_test_path(f.dir, copy);
        assert_int_equal(ggdm_exists(path), version < GGDM_STORE_VERSION);
        if (version < GGDM_STORE_VERSION)
            assert_int_equal(version_of(f.dir, copy), version);
        free(path);
        run_fixture_close(&f);
    }
}

/* Version 2 kept one text, a character a cell, which was too short for cells that were added: they
 * are wanted. */
static void test_store_whose_cancelled_cells_are_too_few_is_repaired(void **state)
{
    (void)state;
    run_fixture f;
    bool *cancelled;
    run_fixture_plan(&f);
    put_old(&f, 2);
    run_fixture_sql(f.dir, "INSERT INTO run VALUES ('cancelled_cells', '0000010')");
    ggdm_test_ok(ggdm_store_open(f.dir, NULL, &f.store, &err), &err);
    ggdm_test_ok(ggdm_store_cancelled_cells(f.store, &cancelled, &err), &err);
    assert_non_null(cancelled);
    for (int i = 0; i < RUN_CELLS; i++)
        assert_int_equal(cancelled[i], i == 5);
    free(cancelled);
    const bool last[RUN_CELLS] = {[RUN_CELLS - 1] = true};
    ggdm_test_ok(ggdm_store_begin(f.store, 1000, &err), &err);
    ggdm_test_ok(ggdm_store_cancel(f.store, last, NULL, &err), &err);
    ggdm_test_ok(ggdm_store_retry(f.store, NULL, false, NULL, &err), &err);
    ggdm_test_ok(ggdm_store_commit(f.store, &err), &err);
    run_fixture_work(&f, 100, 1);
    assert_int_equal(ggdm_store_counts_get(f.store)->units[GGDM_UNIT_DONE], RUN_UNITS);
    run_fixture_close(&f);
}

/* What cannot become our schema stays as it was. */
static void test_store_migration_that_fails_changes_nothing(void **state)
{
    (void)state;
    run_fixture f;
    run_fixture_plan(&f);
    put_old(&f, 1);
    run_fixture_sql(f.dir, "CREATE TABLE checkpoint (other INTEGER)");
    ggdm_status st = ggdm_store_open(f.dir, NULL, &f.store, &err);
    ggdm_test_error(st, &err, GGDM_ESTORE, "already exists");
    assert_int_equal(version_of(f.dir, GGDM_STORE_FILE), 1);
    run_fixture_sql(f.dir, "DROP TABLE checkpoint; CREATE TABLE guest (x INTEGER)");
    st = ggdm_store_open(f.dir, NULL, &f.store, &err);
    ggdm_test_error(st, &err, GGDM_EFORMAT, "'guest' is not as schema version");
    assert_int_equal(version_of(f.dir, GGDM_STORE_FILE), 1);
    run_fixture_sql(f.dir, "DROP TABLE guest");
    ggdm_test_ok(ggdm_store_open(f.dir, NULL, &f.store, &err), &err);
    assert_half_way(f.store);
    run_fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_of_every_version_is_migrated_and_finished),
        cmocka_unit_test(test_store_whose_cancelled_cells_are_too_few_is_repaired),
        cmocka_unit_test(test_store_migration_that_fails_changes_nothing),
    };
    setenv("GGDM_LOG", "warn", 1);
    return ggdm_test_main(tests);
}
