/* Parameters in memory: a column for each name that a sweep of the run has. */
#include "jobs/store_grow.h"

#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <string.h>

#include "common/mem.h"

/* ---- reading -------------------------------------------------------------------------------- */

static ggdm_status sheet_damaged(const ggdm_store *s, const char *what, int64_t i, ggdm_error *err)
{
    return GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: %s %" PRId64, s->path, what, i);
}

static ggdm_status ask_count(ggdm_store *s, const char *sql, int32_t *out, ggdm_error *err)
{
    int64_t n;
    GGDM_TRY(ggdm_store_ask_int(s, sql, &n, err));
    if (n < 0 || n > INT32_MAX)
        return sheet_damaged(s, "it cannot have so many rows of a table:", n, err);
    *out = (int32_t)n;
    return GGDM_OK;
}

/* Sweeps 1, 2, ... with their first cells. */
static ggdm_status read_sweeps(ggdm_store *s, ggdm_error *err)
{
    ggdm_store_sheet *h = &s->sheet;
    sqlite3_stmt *stmt = NULL;
    ggdm_status st;
    bool row;
    GGDM_TRY(ask_count(s, "SELECT count(*) FROM sweep", &h->n_sweeps, err));
    if (h->n_sweeps < 1)
        return sheet_damaged(s, "number of sweeps is", 0, err);
    GGDM_TRY(ggdm_arena_alloc(&h->arena, (size_t)h->n_sweeps * sizeof *h->first_cell,
                              &h->first_cell, err));
    GGDM_TRY(ggdm_arena_alloc(&h->arena, (size_t)h->n_sweeps * sizeof *h->aim, &h->aim, err));
    GGDM_TRY(ggdm_store_prepare(s, "SELECT n, first_cell FROM sweep ORDER BY n", &stmt, err));
    for (int32_t i = 0; i < h->n_sweeps; i++) {
        h->aim[i] = -1;
        GGDM_TRY_GOTO(st, ggdm_store_step(s, stmt, &row, err), done);
        if (!row || sqlite3_column_int64(stmt, 0) != i + 1) {
            st = sheet_damaged(s, "there is no sweep", i + 1, err);
            goto done;
        }
        GGDM_TRY_GOTO(st,
                      ggdm_store_column_i32(s, stmt, 1, i ? h->first_cell[i - 1] : 0,
                                            i ? s->n_cells : 0, &h->first_cell[i], err),
                      done);
    }
done:
    sqlite3_finalize(stmt);
    return st;
}

static ggdm_status column_text(ggdm_store *s, sqlite3_stmt *stmt, int column, const char **out,
                               ggdm_error *err)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return ggdm_arena_text(&s->sheet.arena, text ? text : "", out, err);
}

/* The column of this name, made where it is not there; h->columns has room for it. */
static ggdm_status take_column(ggdm_store *s, sqlite3_stmt *stmt, int32_t *out, ggdm_error *err)
{
    ggdm_store_sheet *h = &s->sheet;
    const char *name = (const char *)sqlite3_column_text(stmt, 3);
    const char *type = (const char *)sqlite3_column_text(stmt, 5);
    int t = 0;
    int32_t i = 0;
    while (i < h->n_columns && name && strcmp(h->columns[i].name, name) != 0)
        i++;
    *out = i;
    if (i < h->n_columns)
        return GGDM_OK;
    while (t < GGDM_PARAM_TYPES && type && strcmp(ggdm_param_type_names[t], type) != 0)
        t++;
    if (!name || !type || t == GGDM_PARAM_TYPES)
        return sheet_damaged(s, "nobody knows the name or type of parameter",
                             sqlite3_column_int64(stmt, 0), err);
    ggdm_store_column *c = &h->columns[h->n_columns++];
    c->type = (ggdm_param_type)t;
    GGDM_TRY(column_text(s, stmt, 2, &c->path, err));
    GGDM_TRY(column_text(s, stmt, 3, &c->name, err));
    return column_text(s, stmt, 4, &c->label, err);
}

/* A parameter of a sweep. */
typedef struct place {
    int64_t id;
    int32_t sweep, column, count;
    int64_t stride;
    ggdm_store_value *values; /* the arena's, [count] */
} place;

/* stmt: id, sweep, path, name, label, type, stride, count, aim. */
static ggdm_status take_parameter(ggdm_store *s, sqlite3_stmt *stmt, place *p, ggdm_error *err)
{
    ggdm_store_sheet *h = &s->sheet;
    int32_t aim;
    p->id = sqlite3_column_int64(stmt, 0);
    p->stride = sqlite3_column_int64(stmt, 6);
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 1, 1, h->n_sweeps, &p->sweep, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 7, 1, s->n_cells, &p->count, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 8, 0, 2, &aim, err));
    GGDM_TRY(take_column(s, stmt, &p->column, err));
    if (p->stride < 1)
        return sheet_damaged(s, "a stride below 1 has parameter", p->id, err);
    if (aim) /* (the numbers come behind what they are numbers of) */
        h->aim[p->sweep - 1] = p->column;
    h->columns[p->column].aim |= aim == 1;
    h->columns[p->column].numbers |= aim == 2;
    GGDM_TRY(ggdm_arena_alloc(&h->arena, (size_t)p->count * sizeof *p->values, &p->values, err));
    for (int32_t n = 0; n < p->count; n++)
        p->values[n] = (ggdm_store_value){.number = NAN, .text = ""};
    return GGDM_OK;
}

/* A value as it was written by bind_value of store_sweep.c. */
static ggdm_status take_value(ggdm_store *s, sqlite3_stmt *stmt, int column, ggdm_param_type type,
                              ggdm_store_value *out, ggdm_error *err)
{
    const ggdm_param row = {.type = type};
    ggdm_scalar v = {0};
    char text[GGDM_MAX_TEXT];
    int storage = sqlite3_column_type(stmt, column);
    if (storage != SQLITE_INTEGER && storage != SQLITE_FLOAT)
        return column_text(s, stmt, column, &out->text, err);
    v.real = out->number = sqlite3_column_double(stmt, column);
    v.whole = sqlite3_column_int64(stmt, column);
    v.length_share = storage == SQLITE_FLOAT;
    v.text = (const char *)sqlite3_column_text(stmt, column);
    if (type == GGDM_PARAM_CHOICE)
        return column_text(s, stmt, column, &out->text, err);
    ggdm_scalar_text(&row, &v, text, sizeof text);
    return ggdm_arena_text(&s->sheet.arena, text, &out->text, err);
}

static ggdm_status read_values(ggdm_store *s, place *places, int32_t n_places, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    ggdm_status st;
    bool row;
    int32_t at = 0, n;
    GGDM_TRY(ggdm_store_prepare(
        s, "SELECT parameter, n, value FROM parameter_value ORDER BY parameter, n", &stmt, err));
    for (;;) {
        GGDM_TRY_GOTO(st, ggdm_store_step(s, stmt, &row, err), done);
        if (!row)
            break;
        int64_t id = sqlite3_column_int64(stmt, 0);
        while (at < n_places && places[at].id < id)
            at++;
        if (at == n_places || places[at].id != id) {
            st = sheet_damaged(s, "there are values without parameter", id, err);
            goto done;
        }
        place *p = &places[at];
        GGDM_TRY_GOTO(st, ggdm_store_column_i32(s, stmt, 1, 0, p->count - 1, &n, err), done);
        GGDM_TRY_GOTO(
            st, take_value(s, stmt, 2, s->sheet.columns[p->column].type, &p->values[n], err), done);
    }
done:
    sqlite3_finalize(stmt);
    return st;
}

static ggdm_status read_parameters(ggdm_store *s, place *places, int32_t n, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    ggdm_status st = GGDM_OK;
    bool row;
    GGDM_TRY(ggdm_store_prepare(s,
                                "SELECT id, sweep, path, name, label, type, stride, count, aim "
                                "FROM parameter ORDER BY id",
                                &stmt, err));
    for (int32_t i = 0; i < n && st == GGDM_OK; i++) {
        st = ggdm_store_step(s, stmt, &row, err);
        if (st == GGDM_OK)
            st = row ? take_parameter(s, stmt, &places[i], err)
                     : sheet_damaged(s, "there is no parameter", i, err);
    }
    sqlite3_finalize(stmt);
    return st;
}

/* ---- what varies ---------------------------------------------------------------------------- */

/* Has a sweep cells of its own? */
static bool has_cells(const ggdm_store *s, int32_t sweep)
{
    const ggdm_store_sheet *h = &s->sheet;
    return (sweep + 1 < h->n_sweeps ? h->first_cell[sweep + 1] : s->n_cells) > h->first_cell[sweep];
}

static bool column_varies(const ggdm_store *s, int32_t column)
{
    const ggdm_store_sheet *h = &s->sheet;
    const char *first = NULL;
    for (int32_t i = 0; i < h->n_sweeps; i++) {
        const ggdm_store_parameter *p = &h->parameters[i * h->n_columns + column];
        for (int32_t n = 0; has_cells(s, i) && n < (p->count ? p->count : 1); n++) {
            const char *text = p->count ? p->values[n].text : "";
            if (first && strcmp(first, text) != 0)
                return true;
            first = text;
        }
    }
    return false;
}

static ggdm_status spread_parameters(ggdm_store *s, const place *places, int32_t n, ggdm_error *err)
{
    ggdm_store_sheet *h = &s->sheet;
    size_t cells = (size_t)h->n_sweeps * (size_t)h->n_columns;
    GGDM_TRY(ggdm_arena_alloc(&h->arena, cells * sizeof *h->parameters, &h->parameters, err));
    for (int32_t i = 0; i < n; i++)
        h->parameters[(places[i].sweep - 1) * h->n_columns + places[i].column] =
            (ggdm_store_parameter){places[i].id, places[i].stride, places[i].count,
                                   places[i].values};
    for (int32_t i = 0; i < h->n_columns; i++)
        h->columns[i].varies = !h->columns[i].numbers && column_varies(s, i);
    return GGDM_OK;
}

ggdm_status ggdm_store_load_columns(ggdm_store *store, ggdm_error *err)
{
    ggdm_store_sheet *h = &store->sheet;
    place *places = NULL;
    int32_t n = 0;
    GGDM_TRY(read_sweeps(store, err));
    GGDM_TRY(ask_count(store, "SELECT count(*) FROM parameter", &n, err));
    GGDM_TRY(ggdm_arena_alloc(&h->arena, (size_t)n * sizeof *places, &places, err));
    GGDM_TRY(ggdm_arena_alloc(&h->arena, (size_t)n * sizeof *h->columns, &h->columns, err));
    GGDM_TRY(read_parameters(store, places, n, err));
    GGDM_TRY(read_values(store, places, n, err));
    return spread_parameters(store, places, n, err);
}

ggdm_status ggdm_store_load_sheet(ggdm_store *store, ggdm_error *err)
{
    ggdm_arena_deinit(&store->sheet.arena);
    store->sheet = (ggdm_store_sheet){0};
    GGDM_TRY(ggdm_store_load_columns(store, err));
    GGDM_TRY(ggdm_store_load_untils(store, err));
    return ggdm_store_load_panels(store, err);
}

/* ---- asking --------------------------------------------------------------------------------- */

const ggdm_store_column *ggdm_store_columns(const ggdm_store *store, int32_t *n)
{
    *n = store->sheet.n_columns;
    return store->sheet.columns;
}

ggdm_store_value ggdm_store_value_of(const ggdm_store *store, const ggdm_store_cell *cell,
                                     int32_t column)
{
    const ggdm_store_sheet *h = &store->sheet;
    const ggdm_store_parameter *p = &h->parameters[(cell->sweep - 1) * h->n_columns + column];
    if (p->count == 0)
        return (ggdm_store_value){.number = NAN, .text = ""};
    return p->values[(cell->index - h->first_cell[cell->sweep - 1]) / p->stride % p->count];
}

int32_t ggdm_store_aim(const ggdm_store *store, const ggdm_store_cell *cell)
{
    int32_t column = store->sheet.aim[cell->sweep - 1];
    if (column < 0)
        return -1;
    double number = ggdm_store_value_of(store, cell, column).number;
    return number >= 0 && number < GGDM_MAX_CLASSES ? (int32_t)number : -1;
}
