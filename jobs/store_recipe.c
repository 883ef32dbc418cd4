/* The recipe of a trajectory, put together again from its head and its runs, and checked against
 * its key: text and key cannot part. */
#include "jobs/store_grow.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static ggdm_status take_text(ggdm_store *s, ggdm_store_parts *p, ggdm_store_texts table, int64_t id,
                             const char **out, ggdm_error *err)
{
    char *text = NULL;
    GGDM_TRY(ggdm_store_get_text(s, table, id, &text, err));
    ggdm_status st = ggdm_arena_text(&p->arena, text, out, err);
    free(text);
    return st;
}

/* "3:500,1:1000" */
static ggdm_status take_runs(ggdm_store *s, ggdm_store_parts *p, const char *runs, ggdm_error *err)
{
    int32_t most = 1;
    for (const char *c = runs; *c; c++)
        most += *c == ',';
    if (most > GGDM_MAX_RUNS)
        most = GGDM_MAX_RUNS;
    GGDM_TRY(
        ggdm_arena_alloc(&p->arena, (size_t)most * sizeof *p->recipe.runs, &p->recipe.runs, err));
    const char *at = runs;
    while (p->recipe.n_runs < most) {
        ggdm_run_text *run = &p->recipe.runs[p->recipe.n_runs];
        int64_t setting;
        int used = 0;
        if (sscanf(at, "%" SCNd64 ":%" SCNd32 "%n", &setting, &run->end, &used) != 2 ||
            run->end <= p->recipe.steps || run->end > GGDM_MAX_STEPS)
            break;
        GGDM_TRY(take_text(s, p, GGDM_STORE_SETTINGS, setting, &run->setting, err));
        p->recipe.steps = run->end;
        p->recipe.n_runs++;
        at += used;
        if (*at != ',')
            break;
        at++;
    }
    if (*at || p->recipe.n_runs != most)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: runs '%.100s'", s->path, runs);
    return GGDM_OK;
}

static ggdm_status take_parts(ggdm_store *s, int64_t trajectory, ggdm_store_parts *p,
                              ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    char *runs = NULL;
    const void *key;
    size_t size;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_GET_TRAJECTORY, &stmt, err));
    sqlite3_bind_int64(stmt, 1, trajectory);
    ggdm_status st = ggdm_store_step(s, stmt, &row, err);
    if (st == GGDM_OK && !row)
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: it is missing", s->path);
    if (st == GGDM_OK)
        st = ggdm_store_column_blob(s, stmt, 0, sizeof p->key, sizeof p->key, &key, &size, err);
    if (st == GGDM_OK && size)
        memcpy(p->key, key, size);
    int64_t head = st == GGDM_OK ? sqlite3_column_int64(stmt, 1) : 0;
    const char *text = st == GGDM_OK ? (const char *)sqlite3_column_text(stmt, 2) : NULL;
    if (st == GGDM_OK)
        st = ggdm_strdup(text ? text : "", &runs, err);
    ggdm_store_reset(stmt);
    if (st == GGDM_OK)
        st = take_text(s, p, GGDM_STORE_HEADS, head, &p->recipe.head, err);
    if (st == GGDM_OK)
        st = take_runs(s, p, runs, err);
    free(runs);
    return st;
}

static ggdm_status check_key(ggdm_store *s, const ggdm_store_parts *p, ggdm_error *err)
{
    uint8_t key[GGDM_HASH_SIZE];
    ggdm_recipe_key(&p->recipe, ggdm_precision_names[s->info.precision], s->info.isa, key);
    if (memcmp(key, p->key, sizeof key) == 0)
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: it has another key than its text", s->path);
}

ggdm_status ggdm_store_get_parts(ggdm_store *store, int64_t trajectory, ggdm_store_parts *out,
                                 ggdm_error *err)
{
    *out = (ggdm_store_parts){.recipe.n_runs = 0};
    if (store->version < GGDM_STORE_OLDEST)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                         "%s has no recipes, as ggdm %s made it (schema version %" PRId64 ")",
                         store->path, store->info.version, store->version);
    ggdm_status st = take_parts(store, trajectory, out, err);
    if (st == GGDM_OK)
        st = check_key(store, out, err);
    return st == GGDM_OK ? st : ggdm_error_prefix(err, "trajectory %" PRId64, trajectory);
}

ggdm_status ggdm_store_recipe(ggdm_store *store, int64_t trajectory, char **out, ggdm_error *err)
{
    ggdm_store_parts p;
    *out = NULL;
    ggdm_status st = ggdm_store_get_parts(store, trajectory, &p, err);
    if (st == GGDM_OK)
        st = ggdm_recipe_text(&p.recipe, out, err);
    ggdm_arena_deinit(&p.arena);
    return st;
}
