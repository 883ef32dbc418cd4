/* Panels, scorers and models in memory. */
#include "jobs/store_internal.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* ---- reading -------------------------------------------------------------------------------- */

static ggdm_status panel_text(ggdm_store *s, sqlite3_stmt *stmt, int column, const char **out,
                              ggdm_error *err)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return ggdm_arena_text(&s->sheet.arena, text ? text : "", out, err);
}

/* stmt: id, place, scorer, name, output, text. */
static ggdm_status take_measure(ggdm_store *s, sqlite3_stmt *stmt, ggdm_store_measure *m,
                                ggdm_error *err)
{
    const char *output = (const char *)sqlite3_column_text(stmt, 4);
    m->scorer = sqlite3_column_int64(stmt, 2);
    m->output = output && strcmp(output, ggdm_output_names[GGDM_OUTPUT_CLASSES]) == 0
                    ? GGDM_OUTPUT_CLASSES
                    : GGDM_OUTPUT_NUMBER;
    GGDM_TRY(panel_text(s, stmt, 3, &m->name, err));
    return panel_text(s, stmt, 5, &m->text, err);
}

static ggdm_status read_panels(ggdm_store *s, int64_t n, ggdm_error *err)
{
    ggdm_store_sheet *h = &s->sheet;
    ggdm_store_measure *all = NULL;
    sqlite3_stmt *stmt = NULL;
    ggdm_status st = GGDM_OK;
    bool row;
    GGDM_TRY(ggdm_arena_alloc(&h->arena, (size_t)n * sizeof *all, &all, err));
    GGDM_TRY(ggdm_arena_alloc(&h->arena, (size_t)n * sizeof *h->panels, &h->panels, err));
    GGDM_TRY(ggdm_store_prepare(s,
                                "SELECT p.id, p.place, p.scorer, p.name, s.output, s.text FROM "
                                "panel AS p LEFT JOIN scorer AS s ON s.id = p.scorer "
                                "ORDER BY p.id, p.place",
                                &stmt, err));
    for (int64_t i = 0; i < n; i++) {
        GGDM_TRY_GOTO(st, ggdm_store_step(s, stmt, &row, err), done);
        int64_t id = row ? sqlite3_column_int64(stmt, 0) : -1;
        if (id == h->n_panels)
            h->panels[h->n_panels++].measures = &all[i];
        else if (id < 0 || id != h->n_panels - 1) {
            st = GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: panels are not numbered 0, 1, ...",
                           s->path);
            goto done;
        }
        h->panels[id].n++;
        GGDM_TRY_GOTO(st, take_measure(s, stmt, &all[i], err), done);
    }
done:
    sqlite3_finalize(stmt);
    return st;
}

static ggdm_status read_models(ggdm_store *s, int64_t n, ggdm_error *err)
{
    ggdm_store_sheet *h = &s->sheet;
    sqlite3_stmt *stmt = NULL;
    ggdm_status st = GGDM_OK;
    bool row = true;
    GGDM_TRY(ggdm_arena_alloc(&h->arena, (size_t)n * sizeof *h->models, &h->models, err));
    GGDM_TRY(ggdm_store_prepare(s, "SELECT digest, name FROM model ORDER BY digest", &stmt, err));
    while (h->n_models < n) {
        GGDM_TRY_GOTO(st, ggdm_store_step(s, stmt, &row, err), done);
        if (!row)
            break;
        ggdm_store_model *m = &h->models[h->n_models++];
        GGDM_TRY_GOTO(st, panel_text(s, stmt, 0, &m->digest, err), done);
        GGDM_TRY_GOTO(st, panel_text(s, stmt, 1, &m->name, err), done);
    }
done:
    sqlite3_finalize(stmt);
    return st;
}

ggdm_status ggdm_store_load_panels(ggdm_store *store, ggdm_error *err)
{
    int64_t n;
    GGDM_TRY(ggdm_store_ask_int(store, "SELECT count(*) FROM panel", &n, err));
    GGDM_TRY(read_panels(store, n, err));
    GGDM_TRY(ggdm_store_ask_int(store, "SELECT count(*) FROM model", &n, err));
    return read_models(store, n, err);
}

const ggdm_store_measure *ggdm_store_panel(const ggdm_store *store, int32_t panel, int32_t *n)
{
    bool known = panel >= 0 && panel < store->sheet.n_panels;
    *n = known ? store->sheet.panels[panel].n : 0;
    return known ? store->sheet.panels[panel].measures : NULL;
}

const ggdm_store_model *ggdm_store_models(const ggdm_store *store, int32_t *n)
{
    *n = store->sheet.n_models;
    return store->sheet.models;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* The number of a panel of the store that says the same, or -1. */
static int32_t find_panel(const ggdm_store *s, const ggdm_panel *panel, const int64_t *scorers)
{
    for (int32_t i = 0; i < s->sheet.n_panels; i++) {
        const ggdm_store_panel_list *there = &s->sheet.panels[i];
        int32_t k = 0;
        while (k < there->n && k < panel->n &&
               there->measures[k].scorer == scorers[panel->entries[k].scorer] &&
               strcmp(there->measures[k].name, panel->entries[k].name) == 0)
            k++;
        if (k == there->n && k == panel->n)
            return i;
    }
    return -1;
}

static ggdm_status put_panel(ggdm_store *s, int32_t id, const ggdm_panel *panel,
                             const int64_t *scorers, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    for (int32_t k = 0; k < panel->n; k++) {
        GGDM_TRY(ggdm_store_use(s, GGDM_SQL_PUT_PANEL, &stmt, err));
        sqlite3_bind_int(stmt, 1, id);
        sqlite3_bind_int(stmt, 2, k);
        sqlite3_bind_int64(stmt, 3, scorers[panel->entries[k].scorer]);
        sqlite3_bind_text(stmt, 4, panel->entries[k].name, -1, SQLITE_STATIC);
        GGDM_TRY(ggdm_store_run(s, stmt, err));
    }
    return GGDM_OK;
}

ggdm_status ggdm_store_put_panels(ggdm_store *store, const ggdm_cells *cells, int32_t *ids,
                                  ggdm_error *err)
{
    int64_t *scorers = NULL;
    int32_t next = store->sheet.n_panels;
    ggdm_status st = GGDM_OK;
    GGDM_TRY(ggdm_alloc(&scorers, (size_t)cells->n_scorers, sizeof *scorers, err));
    for (int32_t i = 0; i < cells->n_scorers && st == GGDM_OK; i++)
        st = ggdm_store_put_text(store, GGDM_STORE_SCORERS, cells->scorers[i].text,
                                 cells->scorers[i].output, &scorers[i], err);
    for (int32_t i = 0; i < cells->n_panels && st == GGDM_OK; i++) {
        const ggdm_panel *panel = &cells->panels[i];
        ids[i] = panel->n ? find_panel(store, panel, scorers) : -1;
        if (ids[i] < 0 && panel->n) {
            ids[i] = next++;
            st = put_panel(store, ids[i], panel, scorers, err);
        }
    }
    free(scorers);
    return st;
}
