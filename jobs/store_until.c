/* The rules of sweeps that end themselves, and what these have said of cells: a key `until N` of
 * table run, and rows of table result (docs/decisions/020-until.md). */
#include "jobs/store_grow.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/json_write.h"

#define MAX_RULE 4096 /* bytes of its text */

/* ---- rules ---------------------------------------------------------------------------------- */

#define AT(member) offsetof(stored, member)

typedef struct stored {
    char *measure;
    ggdm_until rule;
} stored;

static const ggdm_field table[] = {
    {.key = "measure", .type = GGDM_FIELD_STRING, .offset = AT(measure), .required = true},
    {.key = "halfwidth", .type = GGDM_FIELD_DOUBLE, .offset = AT(rule.halfwidth), .hi = 1},
    {.key = "best", .type = GGDM_FIELD_DOUBLE, .offset = AT(rule.best), .hi = 1},
    {.key = "level", .type = GGDM_FIELD_DOUBLE, .offset = AT(rule.level), .lo = 1e-9, .hi = 1},
    {.key = "at_most",
     .type = GGDM_FIELD_INT32,
     .offset = AT(rule.at_most),
     .lo = 1,
     .hi = GGDM_MAX_SAMPLES},
    {.key = "block",
     .type = GGDM_FIELD_INT32,
     .offset = AT(rule.block),
     .lo = 1,
     .hi = GGDM_MAX_SAMPLES},
    {.key = NULL}};

static void name_key(int32_t sweep, char key[24])
{
    snprintf(key, 24, "until %d", sweep);
}

static ggdm_status put_rule(ggdm_store *s, int32_t sweep, const ggdm_until *rule, ggdm_error *err)
{
    ggdm_json j;
    char *text = NULL, key[24];
    name_key(sweep, key);
    ggdm_json_init(&j, GGDM_JSON_COMPACT);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_string(&j, "measure", rule->measure);
    if (rule->halfwidth > 0)
        ggdm_json_put_double(&j, "halfwidth", rule->halfwidth);
    if (rule->best > 0)
        ggdm_json_put_double(&j, "best", rule->best);
    ggdm_json_put_double(&j, "level", rule->level);
    ggdm_json_put_int(&j, "at_most", rule->at_most);
    ggdm_json_put_int(&j, "block", rule->block);
    ggdm_json_end(&j);
    GGDM_TRY(ggdm_json_finish(&j, &text, NULL, err));
    ggdm_status st = ggdm_store_put_run(s, key, text, err);
    free(text);
    return st;
}

static ggdm_status parse_rule(ggdm_store *s, const char *text, const char *key, ggdm_until *out,
                              ggdm_error *err)
{
    ggdm_doc *doc = NULL;
    ggdm_error why = {0};
    stored in = {.measure = NULL};
    ggdm_status st = ggdm_json_parse(text, strlen(text), MAX_RULE, key, &doc, &why);
    if (st == GGDM_OK)
        st = ggdm_fields_read(doc->root, table, NULL, &in, &why);
    *out = in.rule;
    if (st == GGDM_OK)
        st = ggdm_arena_text(&s->sheet.arena, in.measure, &out->measure, &why);
    bool whole = out->at_most > 0 && out->block > 0 && out->level > 0 &&
                 (out->halfwidth > 0) != (out->best > 0);
    ggdm_fields_release(table, &in);
    ggdm_doc_destroy(&doc);
    if (st == GGDM_OK && whole)
        return st;
    return GGDM_FAIL(err, st == GGDM_ENOMEM ? st : GGDM_EFORMAT, "%s is damaged: run.%s is '%s'",
                     s->path, key, text);
}

ggdm_status ggdm_store_load_untils(ggdm_store *store, ggdm_error *err)
{
    ggdm_store_sheet *h = &store->sheet;
    GGDM_TRY(ggdm_arena_alloc(&h->arena, (size_t)h->n_sweeps * sizeof *h->until, &h->until, err));
    for (int32_t i = 0; i < h->n_sweeps; i++) {
        char key[24], sql[80], text[MAX_RULE];
        name_key(i + 1, key);
        snprintf(sql, sizeof sql, "SELECT value FROM run WHERE key = '%s'", key);
        GGDM_TRY(ggdm_store_ask_text(store, sql, text, sizeof text, err));
        if (*text)
            GGDM_TRY(parse_rule(store, text, key, &h->until[i], err));
    }
    return GGDM_OK;
}

const ggdm_until *ggdm_store_until(const ggdm_store *store, int32_t sweep)
{
    const ggdm_until *rule = &store->sheet.until[sweep - 1];
    return rule->at_most ? rule : NULL;
}

/* ---- verdicts ------------------------------------------------------------------------------- */

ggdm_status ggdm_store_put_verdict(ggdm_store *store, const ggdm_store_verdict *v, ggdm_error *err)
{
    const ggdm_store_result row = {.cell = v->cell,
                                   .metric = "until",
                                   .settings = ggdm_until_state_names[v->state],
                                   .value = v->share.p,
                                   .lo = v->share.lo,
                                   .hi = v->share.hi,
                                   .n = v->n};
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(store, GGDM_SQL_DROP_VERDICT, &stmt, err));
    sqlite3_bind_int(stmt, 1, v->cell);
    GGDM_TRY(ggdm_store_run(store, stmt, err));
    return ggdm_store_put_result(store, &row, err);
}

ggdm_status ggdm_store_put_until(ggdm_store *store, int32_t sweep, const ggdm_spec *spec,
                                 int32_t first_cell, ggdm_error *err)
{
    if (spec->until.at_most == 0)
        return GGDM_OK;
    GGDM_TRY(put_rule(store, sweep, &spec->until, err));
    for (int32_t i = first_cell; i < store->n_cells; i++) {
        const ggdm_store_verdict v = {.cell = i, .share = {(double)NAN, (double)NAN, (double)NAN}};
        GGDM_TRY(ggdm_store_put_verdict(store, &v, err));
    }
    return GGDM_OK;
}

static double number_of(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL ? (double)NAN
                                                            : sqlite3_column_double(stmt, column);
}

static ggdm_status read_verdict(ggdm_store *s, sqlite3_stmt *stmt, ggdm_store_verdict *out,
                                ggdm_error *err)
{
    const char *word = (const char *)sqlite3_column_text(stmt, 1);
    int state = 0;
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 0, 0, s->n_cells - 1, &out->cell, err));
    while (state < GGDM_UNTIL_STATES && word && strcmp(word, ggdm_until_state_names[state]) != 0)
        state++;
    if (!word || state == GGDM_UNTIL_STATES)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: until of cell %d is '%s'", s->path,
                         out->cell, word ? word : "");
    out->state = (ggdm_until_state)state;
    out->share = (ggdm_share){number_of(stmt, 2), number_of(stmt, 3), number_of(stmt, 4)};
    out->n = sqlite3_column_int64(stmt, 5);
    return GGDM_OK;
}

ggdm_status ggdm_store_each_verdict(ggdm_store *store, ggdm_verdict_visitor visit, void *context,
                                    ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    ggdm_status st;
    bool row, any = false;
    for (int32_t i = 0; i < store->sheet.n_sweeps; i++)
        any = any || store->sheet.until[i].at_most;
    if (!any)
        return GGDM_OK;
    GGDM_TRY(ggdm_store_prepare(store, ggdm_store_sql_verdicts, &stmt, err));
    for (;;) {
        ggdm_store_verdict v;
        GGDM_TRY_GOTO(st, ggdm_store_step(store, stmt, &row, err), done);
        if (!row)
            break;
        GGDM_TRY_GOTO(st, read_verdict(store, stmt, &v, err), done);
        GGDM_TRY_GOTO(st, visit(context, &v, err), done);
    }
done:
    sqlite3_finalize(stmt);
    return st;
}
