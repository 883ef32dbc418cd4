/* Table run: what holds for the whole run, as key and text. */
#include "jobs/store_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static const struct {
    const char *key;
    size_t offset; /* of a char * in ggdm_run_info */
} text_fields[] = {
    {"name", offsetof(ggdm_run_info, name)},
    {"isa", offsetof(ggdm_run_info, isa)},
    {"version", offsetof(ggdm_run_info, version)},
    {"library", offsetof(ggdm_run_info, library)},
    {"processor", offsetof(ggdm_run_info, processor)},
    {"bits", offsetof(ggdm_run_info, bits)},
    {"notes", offsetof(ggdm_run_info, notes)},
};
enum { N_TEXT_FIELDS = sizeof text_fields / sizeof *text_fields };

static char **text_of(const ggdm_run_info *info, size_t field)
{
    return (char **)((char *)(uintptr_t)info + text_fields[field].offset);
}

void ggdm_run_info_deinit(ggdm_run_info *info)
{
    for (size_t i = 0; i < N_TEXT_FIELDS; i++) {
        free(*text_of(info, i));
        *text_of(info, i) = NULL;
    }
}

ggdm_status ggdm_store_put_run(ggdm_store *store, const char *key, const char *value,
                               ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(store, GGDM_SQL_PUT_RUN, &stmt, err));
    sqlite3_bind_text(stmt, 1, key, -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(stmt, 2, value ? value : "", -1, SQLITE_TRANSIENT);
    return ggdm_store_run(store, stmt, err);
}

ggdm_status ggdm_store_get_run(ggdm_store *store, const char *key, char **out, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    *out = NULL;
    GGDM_TRY(ggdm_store_use(store, GGDM_SQL_GET_RUN, &stmt, err));
    sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
    bool row;
    ggdm_status st = ggdm_store_step(store, stmt, &row, err);
    const char *text = st == GGDM_OK && row ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    if (text)
        st = ggdm_strdup(text, out, err);
    else if (st == GGDM_OK)
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: table run has no key '%s'", store->path,
                       key);
    ggdm_store_reset(stmt);
    return st;
}

ggdm_status ggdm_store_get_run_int(ggdm_store *store, const char *key, int64_t lo, int64_t hi,
                                   int64_t *out, ggdm_error *err)
{
    char *text = NULL, *end = NULL;
    GGDM_TRY(ggdm_store_get_run(store, key, &text, err));
    ggdm_status st = GGDM_OK;
    errno = 0;
    *out = strtoll(text, &end, 10);
    if (errno || end == text || *end || *out < lo || *out > hi)
        st = GGDM_FAIL(err, GGDM_EFORMAT,
                       "%s is damaged: run.%s is '%.40s', expected an integer in [%" PRId64
                       ", %" PRId64 "]",
                       store->path, key, text, lo, hi);
    free(text);
    return st;
}

ggdm_status ggdm_store_put_cost(ggdm_store *store, double cost, ggdm_error *err)
{
    char text[32];
    snprintf(text, sizeof text, "%.17g", cost);
    store->cost = cost;
    return ggdm_store_put_run(store, "cost", text, err);
}

ggdm_status ggdm_store_put_threads(ggdm_store *store, ggdm_error *err)
{
    char key[40], text[16];
    snprintf(key, sizeof key, "threads %" PRId64, store->epoch);
    snprintf(text, sizeof text, "%" PRId32, store->options.threads);
    return ggdm_store_put_run(store, key, text, err);
}

/* "2/8 1200": shard 2 of 8, which makes 1200 images. */
ggdm_status ggdm_store_put_shard(ggdm_store *store, const ggdm_plan *plan, ggdm_error *err)
{
    char text[64];
    if (!plan->shards)
        return GGDM_OK;
    snprintf(text, sizeof text, "%d/%d %" PRId64, plan->shard, plan->shards, plan->n_images);
    return ggdm_store_put_run(store, "shard", text, err);
}

static ggdm_status load_shard(ggdm_store *store, ggdm_error *err)
{
    ggdm_run_info *info = &store->info;
    char text[64];
    GGDM_TRY(ggdm_store_ask_text(store, "SELECT value FROM run WHERE key = 'shard'", text,
                                 sizeof text, err));
    if (*text &&
        (sscanf(text, "%d/%d %" SCNd64, &info->shard, &info->shards, &info->shard_images) != 3 ||
         info->shards < 1 || info->shard < 0 || info->shard >= info->shards ||
         info->shard_images < 1))
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: run.shard is '%s'", store->path, text);
    return GGDM_OK;
}

double ggdm_store_cost(const ggdm_store *store)
{
    return store->cost;
}

static ggdm_status load_cost(ggdm_store *store, ggdm_error *err)
{
    char *text = NULL, *end = NULL;
    GGDM_TRY(ggdm_store_get_run(store, "cost", &text, err));
    ggdm_status st = GGDM_OK;
    store->cost = strtod(text, &end);
    if (end == text || *end || !isfinite(store->cost) || store->cost < 0)
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: run.cost is '%.40s'", store->path, text);
    free(text);
    return st;
}

ggdm_status ggdm_store_save_info(ggdm_store *store, const ggdm_run_info *info, ggdm_error *err)
{
    for (size_t i = 0; i < N_TEXT_FIELDS; i++)
        GGDM_TRY(ggdm_store_put_run(store, text_fields[i].key, *text_of(info, i), err));
    if (info->sheet) {
        char text[16];
        snprintf(text, sizeof text, "%d", info->sheet);
        GGDM_TRY(ggdm_store_put_run(store, "sheet", text, err));
    }
    return ggdm_store_put_run(store, "precision", ggdm_precision_names[info->precision], err);
}

static ggdm_status load_sheet(ggdm_store *store, ggdm_error *err)
{
    char text[16], *end = NULL;
    GGDM_TRY(ggdm_store_ask_text(store, "SELECT value FROM run WHERE key = 'sheet'", text,
                                 sizeof text, err));
    const long n = strtol(text, &end, 10);
    if (*end || n < 0 || n > GGDM_MAX_SHEET)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: run.sheet is '%s'", store->path, text);
    store->info.sheet = (int32_t)n;
    return GGDM_OK;
}

/* Position of run.KEY in a NULL-terminated list of names. */
static ggdm_status get_name(ggdm_store *store, const char *key, const char *const *names, int *out,
                            ggdm_error *err)
{
    char *text = NULL;
    GGDM_TRY(ggdm_store_get_run(store, key, &text, err));
    ggdm_status st = GGDM_OK;
    int i = 0;
    while (names[i] && strcmp(names[i], text) != 0)
        i++;
    if (!names[i])
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: run.%s is '%.40s'", store->path, key,
                       text);
    *out = i;
    free(text);
    return st;
}

ggdm_status ggdm_store_load_info(ggdm_store *store, ggdm_error *err)
{
    ggdm_run_info *info = &store->info;
    int name;
    for (size_t i = 0; i < N_TEXT_FIELDS; i++)
        GGDM_TRY(ggdm_store_get_run(store, text_fields[i].key, text_of(info, i), err));
    GGDM_TRY(load_cost(store, err));
    GGDM_TRY(load_shard(store, err));
    GGDM_TRY(load_sheet(store, err));
    GGDM_TRY(get_name(store, "precision", ggdm_precision_names, &name, err));
    info->precision = (ggdm_precision)name;
    return GGDM_OK;
}

const ggdm_run_info *ggdm_store_run_info(const ggdm_store *store)
{
    return &store->info;
}
