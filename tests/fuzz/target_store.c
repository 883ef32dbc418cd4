/* Databases that somebody else has changed.  An input is a list of changes of a good one:
 *
 *   0, where u32, n u8, bytes [n]         these bytes, there in the file
 *   1, column u8, row u8, kind u8, value  this value, in a row of a table's column (SQLite's own
 *                                         checks are off): NULL, i64, f64, text or blob [n u8]
 *   2, table u8, row u8                   without this row */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/png_image.h"
#include "coordinator/run/progress.h"
#include "jobs/results.h"
#include "jobs/store_audit.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/run_fixture.h"

/* A good database, and its tables and columns. */
typedef struct fixture {
    char *bytes;
    size_t size;
    char columns[128][2][40]; /* table, column */
    int n_columns;
} fixture;

static int keep_column(void *context, int n, char **values, char **names)
{
    (void)n, (void)names;
    fixture *f = context;
    assert_in_range(f->n_columns, 0, 127);
    snprintf(f->columns[f->n_columns][0], 40, "%s", values[0]);
    snprintf(f->columns[f->n_columns++][1], 40, "%s", values[1]);
    return 0;
}

/* One unit failed, and one that runs was saved in the middle. */
static void leave_traces(ggdm_store *store)
{
    ggdm_unit units[2] = {{0}};
    int32_t n = 0;
    ggdm_error err;
    ggdm_test_ok(ggdm_store_begin(store, 1, &err), &err);
    ggdm_test_ok(ggdm_store_claim(store, 1, GGDM_CLAIM_ANY, 2, units, &n, &err), &err);
    for (int32_t i = 0; i < n; i++) {
        ggdm_test_ok(i == 0 ? ggdm_store_fail(store, units[i].id, 1, "why", NULL, &err)
                            : ggdm_store_checkpoint(store, units[i].id, 1, 7, "state", 5, &err),
                     &err);
        ggdm_unit_deinit(&units[i]);
    }
    ggdm_test_ok(ggdm_store_commit(store, &err), &err);
}

/* The fixture's run, or one of two shards of it, of whose units so many are done. */
static void make(fixture *out, int shard, int shards, int work)
{
    /* A file in WAL mode cannot be changed in memory. */
    const ggdm_store_options options = {.mode = GGDM_STORE_RUN, .force_rollback_journal = true};
    static const ggdm_store_asset asset = {.digest = "00ff",
                                           .media = "image/raw",
                                           .height = 1,
                                           .width = 3,
                                           .channels = 1,
                                           .data = "abc",
                                           .size = 3};
    static const ggdm_store_model file = {"00ff", "a.png"};
    run_fixture f;
    ggdm_error err;
    sqlite3 *db = NULL;
    ggdm_fuzz_dir();
    run_fixture_plan(&f);
    f.batch.assets = &asset;
    f.batch.files = &file;
    f.batch.n_assets = f.batch.n_files = 1;
    if (shards)
        ggdm_test_ok(ggdm_plan_keep_shard(&f.plan, shard, shards, &err), &err);
    else
        f.sweep.spec.until = (ggdm_until){
            .measure = "judge", .best = 0.9, .level = 0.05, .at_most = 40, .block = 10};
    run_fixture_create(&f);
    run_fixture_work(&f, work, 1);
    run_fixture_reopen(&f, &options);
    leave_traces(f.store);
    ggdm_store_close(&f.store);
    char *path = ggdm_test_path(f.dir, GGDM_STORE_FILE);
    out->bytes = ggdm_test_read(path, &out->size);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_exec(db,
                 "SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c "
                 "WHERE t.type = 'table' ORDER BY 1, 2",
                 keep_column, out, NULL);
    sqlite3_close(db);
    free(path);
    run_fixture_close(&f);
}

/* ---- changing it ---- */

static void bind_value(sqlite3_stmt *stmt, ggdm_wire *in)
{
    int kind = ggdm_get_u8(in) % 5;
    if (kind == 1)
        sqlite3_bind_int64(stmt, 1, ggdm_get_i64(in));
    if (kind == 2)
        sqlite3_bind_double(stmt, 1, ggdm_get_f64(in));
    if (kind < 3)
        return;
    char bytes[256];
    int n = ggdm_get_u8(in);
    ggdm_get_raw(in, bytes, (size_t)n);
    if (kind == 3)
        sqlite3_bind_text(stmt, 1, bytes, n, SQLITE_TRANSIENT);
    else
        sqlite3_bind_blob(stmt, 1, bytes, n, SQLITE_TRANSIENT);
}

static void change_row(const fixture *f, sqlite3 *db, bool drop, ggdm_wire *in)
{
    const char(*column)[40] = f->columns[ggdm_get_u8(in) % f->n_columns];
    int row = ggdm_get_u8(in);
    char sql[300];
    sqlite3_stmt *stmt = NULL;
    if (drop)
        snprintf(sql, sizeof sql,
                 "DELETE FROM \"%s\" WHERE \"%s\" = (SELECT \"%s\" FROM \"%s\" LIMIT 1 OFFSET %d)",
                 column[0], column[1], column[1], column[0], row);
    else
        snprintf(sql, sizeof sql,
                 "UPDATE OR IGNORE \"%s\" SET \"%s\" = ?1 WHERE \"%s\" = (SELECT \"%s\" FROM "
                 "\"%s\" LIMIT 1 OFFSET %d)",
                 column[0], column[1], column[1], column[1], column[0], row);
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK) {
        if (!drop)
            bind_value(stmt, in);
        sqlite3_step(stmt);
    }
    sqlite3_finalize(stmt);
}

/* A run directory NAME with the fixture's database, changed by what is in the wire. */
static char *put_run(const fixture *f, const char *name, ggdm_wire *in)
{
    ggdm_error err;
    char *dir = ggdm_test_path(ggdm_fuzz_dir(), name);
    char *path = ggdm_test_path(dir, GGDM_STORE_FILE);
    char *bytes = ggdm_test_alloc(f->size, 1);
    memcpy(bytes, f->bytes, f->size);
    sqlite3 *db = NULL;
    /* In memory; the file is written once. */
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    sqlite3_deserialize(db, "main", (unsigned char *)bytes, (sqlite3_int64)f->size,
                        (sqlite3_int64)f->size, 0);
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA ignore_check_constraints = ON; "
                                  "SELECT count(*) FROM unit",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    while (in && in->status == GGDM_OK && in->pos < in->size) {
        int kind = ggdm_get_u8(in) % 3;
        if (kind > 0) {
            change_row(f, db, kind == 2, in);
        } else {
            uint32_t at = ggdm_get_u32(in) % (uint32_t)f->size;
            for (int n = ggdm_get_u8(in); n > 0 && at < f->size && in->status == GGDM_OK; n--)
                bytes[at++] = (char)ggdm_get_u8(in);
        }
    }
    sqlite3_close(db);
    ggdm_remove_tree(dir);
    ggdm_test_ok(ggdm_make_dirs(dir, &err), &err);
    ggdm_test_write(path, bytes, f->size);
    free(bytes);
    free(path);
    return dir;
}

/* ---- using it ---- */

static ggdm_status look_at(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    ggdm_pixels pixels;
    (void)context;
    if (ggdm_png_decode(sample->data, sample->size, 100, &pixels, err) == GGDM_OK)
        ggdm_pixels_deinit(&pixels);
    return GGDM_OK;
}

static ggdm_status look_at_trouble(void *context, const ggdm_store_trouble *t, ggdm_error *err)
{
    (void)err;
    *(size_t *)context += strlen(t->message);
    return GGDM_OK;
}

static ggdm_status look_at_message(void *context, const ggdm_message_audit *m, ggdm_error *err)
{
    (void)err;
    *(size_t *)context += strlen(m->message);
    return GGDM_OK;
}

static ggdm_status look_at_session(void *context, const ggdm_session_audit *s, ggdm_error *err)
{
    char text[16];
    (void)err;
    *(size_t *)context += strlen(ggdm_duration_text(s->last - s->first, text));
    return GGDM_OK;
}

static ggdm_status look_at_asset(void *context, const ggdm_store_asset *a, ggdm_error *err)
{
    (void)err;
    assert_true(a->height > 0 && a->width > 0 && a->channels > 0 && a->size <= GGDM_MAX_ASSET);
    for (size_t i = 0; i < a->size; i++)
        *(size_t *)context += ((const uint8_t *)a->data)[i];
    *(size_t *)context += strlen(a->digest) + strlen(a->media);
    return GGDM_OK;
}

static void look_at_text(void *context, const char *text)
{
    *(size_t *)context += strlen(text);
}

/* What commands do with a run at rest. */
static void read_store(ggdm_store *store)
{
    size_t text = 0, size;
    double due;
    char *status = NULL;
    ggdm_tree_audit *trees = NULL;
    int32_t n = 0;
    ggdm_results results;
    ggdm_results_read(store, &results, NULL);
    ggdm_results_deinit(&results);
    for (int64_t i = 0; i < 20; i++) {
        char *recipe = NULL;
        ggdm_store_each_sample(store, i, 100, true, NULL, 0, look_at, NULL, NULL);
        if (ggdm_store_recipe(store, i, &recipe, NULL) == GGDM_OK)
            free(recipe);
    }
    ggdm_store_each_asset(store, look_at_asset, &text, NULL);
    ggdm_store_each_trouble(store, 10, look_at_trouble, &text, NULL);
    ggdm_store_audit_messages(store, 10, look_at_message, &text, NULL);
    ggdm_store_audit_sessions(store, look_at_session, &text, NULL);
    ggdm_store_audit_integrity(store, look_at_text, &text, NULL);
    if (ggdm_store_audit_trees(store, &trees, &n, NULL) == GGDM_OK)
        ggdm_tree_audits_free(&trees, n);
    ggdm_store_next_due(store, &due, NULL);
    if (ggdm_progress_at_rest(store, &status, &size, NULL) == GGDM_OK)
        free(status);
}

static void finish_unit(ggdm_store *store, const ggdm_unit *unit)
{
    /* A damaged tree may name other trajectories than the fixture has images for. */
    bool known = unit->image_count <= RUN_SAMPLES && unit->n_segments <= 10, accepted;
    int32_t n;
    for (int32_t k = 0; known && k < unit->n_segments; k++)
        known = unit->segments[k].trajectory < RUN_TRAJECTORIES;
    if (known) {
        ggdm_sample *samples = run_fixture_samples(unit, 1, &n);
        ggdm_store_finish(store, unit->id, unit->attempt, samples, n, &accepted, NULL);
        run_fixture_free_samples(samples, n);
    }
    ggdm_store_fail(store, unit->id, unit->attempt, "x", NULL, NULL);
}

/* What a coordinator does. */
static void work_on(ggdm_store *store)
{
    ggdm_unit units[4];
    int32_t n = 0;
    if (ggdm_store_begin(store, 1e10, NULL) != GGDM_OK)
        return;
    ggdm_store_cancel(store, NULL, NULL, NULL);
    ggdm_store_retry(store, NULL, false, NULL, NULL);
    ggdm_store_claim(store, 1, GGDM_CLAIM_ANY, 4, units, &n, NULL);
    for (int32_t i = 0; i < n; i++) {
        finish_unit(store, &units[i]);
        ggdm_unit_deinit(&units[i]);
    }
    if (ggdm_store_commit(store, NULL) != GGDM_OK)
        assert_false(ggdm_store_in_turn(store));
    ggdm_store_decided decided;
    ggdm_store_decide(store, 1e10, &run_fixture_growth, &decided, NULL);
}

bool ggdm_fuzz_store(const uint8_t *data, size_t size)
{
    static fixture good;
    const ggdm_store_options options = {.mode = GGDM_STORE_RUN, .force_rollback_journal = true};
    ggdm_error err = {0};
    ggdm_store *store = NULL;
    ggdm_wire in;
    if (!good.bytes)
        make(&good, 0, 0, 5);
    ggdm_wire_read(&in, data, size);
    char *dir = put_run(&good, "run", &in);
    ggdm_status st = ggdm_store_read(dir, &store, &err);
    if (st != GGDM_EIO) /* SQLite's word for some damage */
        ggdm_fuzz_clean(st, &err);
    if (st == GGDM_OK)
        read_store(store);
    ggdm_store_close(&store);
    st = ggdm_store_open(dir, &options, &store, &err);
    if (st != GGDM_EIO)
        ggdm_fuzz_clean(st, &err);
    if (st == GGDM_OK)
        work_on(store);
    ggdm_store_close(&store);
    free(dir);
    return st == GGDM_OK;
}

/* The second of two shards is the changed one. */
bool ggdm_fuzz_merge(const uint8_t *data, size_t size)
{
    static fixture good[2];
    ggdm_error err = {0};
    ggdm_wire in;
    if (!good[0].bytes)
        for (int i = 0; i < 2; i++)
            make(&good[i], i, 2, RUN_UNITS);
    ggdm_wire_read(&in, data, size);
    char *shards[] = {put_run(&good[0], "shard0", NULL), put_run(&good[1], "shard1", &in)};
    char *dir = ggdm_test_path(ggdm_fuzz_dir(), "merged");
    ggdm_remove_tree(dir);
    ggdm_test_ok(ggdm_make_dirs(dir, &err), &err);
    ggdm_status st = ggdm_store_merge(dir, shards, 2, &err);
    ggdm_store *store = NULL;
    const ggdm_store_options inspect = {.mode = GGDM_STORE_INSPECT};
    if (st == GGDM_OK && ggdm_store_open(dir, &inspect, &store, NULL) == GGDM_OK)
        read_store(store);
    ggdm_store_close(&store);
    free(shards[0]);
    free(shards[1]);
    free(dir);
    return st == GGDM_OK;
}
