/* The sweeps of a run, as people wrote them, with the values of their parameters. */
#include "jobs/store_internal.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>

#include "common/mem.h"
#include "jobs/spec.h"

/* ---- writing -------------------------------------------------------------------------------- */

/* As a number where it can be compared as one (store_schema.c). */
static void bind_value(sqlite3_stmt *stmt, int place, const ggdm_param *row, const ggdm_scalar *v)
{
    char text[GGDM_MAX_TEXT];
    switch (v->text && row->type == GGDM_PARAM_CLASS ? GGDM_PARAM_TEXT : row->type) {
    case GGDM_PARAM_REAL:
        sqlite3_bind_double(stmt, place, v->real);
        return;
    case GGDM_PARAM_WHOLE:
    case GGDM_PARAM_CLASS:
    case GGDM_PARAM_FLAG:
        sqlite3_bind_int64(stmt, place, v->whole);
        return;
    case GGDM_PARAM_WINDOW:
        if (v->start > 0)
            break;
        if (v->length_share)
            sqlite3_bind_double(stmt, place, v->real);
        else
            sqlite3_bind_int64(stmt, place, (int64_t)v->real);
        return;
    default:
        break;
    }
    ggdm_scalar_text(row, v, text, sizeof text);
    sqlite3_bind_text(stmt, place, text, -1, SQLITE_TRANSIENT);
}

static ggdm_status put_values(ggdm_store *s, int64_t id, const ggdm_parameter *p, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    for (int32_t n = 0; n < p->count; n++) {
        GGDM_TRY(ggdm_store_use(s, GGDM_SQL_PUT_VALUE, &stmt, err));
        sqlite3_bind_int64(stmt, 1, id);
        sqlite3_bind_int(stmt, 2, n);
        bind_value(stmt, 3, p->row, &p->values[n]);
        GGDM_TRY(ggdm_store_run(s, stmt, err));
    }
    return GGDM_OK;
}

static ggdm_status put_parameter(ggdm_store *s, int32_t sweep, int32_t place,
                                 const ggdm_parameter *p, int aim, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_PUT_PARAMETER, &stmt, err));
    sqlite3_bind_int(stmt, 1, sweep);
    sqlite3_bind_int(stmt, 2, place);
    sqlite3_bind_text(stmt, 3, p->path, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 4, p->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 5, p->label, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 6, ggdm_param_type_names[p->row->type], -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 7, p->stride > 0 ? p->stride : 1);
    sqlite3_bind_int(stmt, 8, p->count);
    sqlite3_bind_int(stmt, 9, aim);
    GGDM_TRY(ggdm_store_run(s, stmt, err));
    return put_values(s, sqlite3_last_insert_rowid(s->db), p, err);
}

/* 1: what the cells aim at, 2: the same as numbers. */
static int aim_of(const ggdm_spec *spec, int32_t parameter)
{
    return parameter == spec->class_parameter ? 1 : parameter == spec->class_numbers ? 2 : 0;
}

ggdm_status ggdm_store_put_sweep(ggdm_store *store, int32_t n, int32_t first_cell,
                                 const ggdm_sweep_text *sweep, const ggdm_spec *spec,
                                 ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(store, GGDM_SQL_PUT_SWEEP, &stmt, err));
    sqlite3_bind_int(stmt, 1, n);
    sqlite3_bind_int(stmt, 2, first_cell);
    sqlite3_bind_int(stmt, 3, spec->samples);
    sqlite3_bind_text(stmt, 4, sweep->digest, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 5, sweep->text, -1, SQLITE_STATIC);
    GGDM_TRY(ggdm_store_run(store, stmt, err));
    for (int32_t i = 0; i < spec->n_parameters; i++)
        if (spec->parameters[i].known)
            GGDM_TRY(put_parameter(store, n, i, &spec->parameters[i], aim_of(spec, i), err));
    return GGDM_OK;
}

/* ---- reading -------------------------------------------------------------------------------- */

ggdm_status ggdm_store_n_sweeps(ggdm_store *store, int32_t *n, ggdm_error *err)
{
    (void)err;
    *n = store->sheet.n_sweeps;
    return GGDM_OK;
}

static ggdm_status sweep_text(ggdm_store *s, int32_t i, int column, char **out, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    *out = NULL;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_GET_SWEEP, &stmt, err));
    sqlite3_bind_int(stmt, 1, i);
    ggdm_status st = ggdm_store_step(s, stmt, &row, err);
    const char *text =
        st == GGDM_OK && row ? (const char *)sqlite3_column_text(stmt, column) : NULL;
    if (text)
        st = ggdm_strdup(text, out, err);
    else if (st == GGDM_OK)
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: there is no sweep %" PRId32, s->path, i);
    ggdm_store_reset(stmt);
    return st;
}

ggdm_status ggdm_store_sweep_text(ggdm_store *store, int32_t i, char **out, ggdm_error *err)
{
    return sweep_text(store, i, 0, out, err);
}

ggdm_status ggdm_store_sweep_digest(ggdm_store *store, int32_t i, char **out, ggdm_error *err)
{
    return sweep_text(store, i, 1, out, err);
}

void ggdm_sweep_file_name(int32_t i, char name[GGDM_SWEEP_NAME_SIZE])
{
    if (i == 1)
        snprintf(name, GGDM_SWEEP_NAME_SIZE, "sweep.yaml");
    else
        snprintf(name, GGDM_SWEEP_NAME_SIZE, "sweep-%d.yaml", i);
}

ggdm_status ggdm_store_has_sweep(ggdm_store *store, const char *digest, bool *has, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(store, GGDM_SQL_FIND_SWEEP, &stmt, err));
    sqlite3_bind_text(stmt, 1, digest, -1, SQLITE_STATIC);
    GGDM_TRY(ggdm_store_step(store, stmt, has, err));
    ggdm_store_reset(stmt);
    return GGDM_OK;
}
