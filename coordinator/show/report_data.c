#include "coordinator/show/report_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/show/report_columns.h"
#include "coordinator/show/report_run.h"
#include "jobs/axes.h"

/* What is shown of a number: six digits are more than any interval leaves. */
static void put_number(ggdm_json *j, const char *key, double v)
{
    char text[40];
    snprintf(text, sizeof text, "%.6g", v);
    ggdm_json_put_double(j, key, strtod(text, NULL) + 0.0);
}

/* ---- axes ------------------------------------------------------------------------------------ */

static const char *type_of(const ggdm_axis *axis)
{
    return axis->column->type == GGDM_PARAM_WINDOW ? "window"
           : axis->column->type == GGDM_PARAM_FLAG ? "flag"
           : axis->numeric                         ? "number"
                                                   : "text";
}

static void put_axis_value(ggdm_json *j, const ggdm_axis *axis, int32_t rank)
{
    const ggdm_store_value v = axis->values[rank];
    if (!*v.text)
        ggdm_json_put_null(j, NULL);
    else if (axis->column->type == GGDM_PARAM_FLAG)
        ggdm_json_put_bool(j, NULL, strcmp(v.text, "true") == 0);
    else if (isfinite(v.number))
        ggdm_json_put_double(j, NULL, v.number);
    else
        ggdm_json_put_string(j, NULL, v.text);
}

static void put_axes(ggdm_json *j, const ggdm_axes *axes)
{
    ggdm_json_begin_array(j, "axes");
    for (int32_t i = 0; i < axes->n; i++) {
        const ggdm_axis *axis = &axes->axes[i];
        ggdm_json_begin_object(j, NULL);
        ggdm_json_put_string(j, "name", axis->column->name);
        ggdm_json_put_string(j, "label", axis->column->label);
        ggdm_json_put_string(j, "path", axis->column->path);
        ggdm_json_put_string(j, "type", type_of(axis));
        ggdm_json_put_bool(j, "aim", axis->column->aim);
        ggdm_json_begin_array(j, "values");
        for (int32_t k = 0; k < axis->n; k++)
            put_axis_value(j, axis, k);
        ggdm_json_end(j);
        ggdm_json_end(j);
    }
    ggdm_json_end(j);
}

/* ---- cells ----------------------------------------------------------------------------------- */

static void put_columns(ggdm_json *j, const ggdm_report_columns *columns)
{
    ggdm_json_begin_array(j, "columns");
    for (int32_t i = 0; i < columns->n; i++) {
        const ggdm_report_column *c = &columns->columns[i];
        ggdm_json_begin_object(j, NULL);
        ggdm_json_put_string(j, "name", c->name);
        ggdm_json_put_string(j, "label", c->label);
        ggdm_json_put_string(j, "kind", c->kind);
        ggdm_json_put_string(j, "group", c->group);
        ggdm_json_put_string(j, "better", c->better);
        ggdm_json_put_string(j, "note", c->note);
        ggdm_json_end(j);
    }
    ggdm_json_end(j);
}

static void put_value(ggdm_json *j, const char *name, const ggdm_metric_value *v)
{
    ggdm_json_begin_array(j, name);
    put_number(j, NULL, v->value);
    put_number(j, NULL, v->lo);
    put_number(j, NULL, v->hi);
    ggdm_json_put_int(j, NULL, v->n);
    if (*v->note)
        ggdm_json_put_string(j, NULL, v->note);
    ggdm_json_end(j);
}

static void put_values(ggdm_json *j, const ggdm_report_columns *columns, const ggdm_row *row)
{
    ggdm_json_begin_object(j, "columns");
    for (int32_t i = 0; i < columns->n; i++) {
        const ggdm_report_column *c = &columns->columns[i];
        const ggdm_metric_value v = c->get(row, c->index);
        if (ggdm_report_value_known(&v))
            put_value(j, c->name, &v);
    }
    ggdm_json_end(j);
}

static void put_cell(ggdm_json *j, const ggdm_axes *axes, const ggdm_report_columns *columns,
                     const ggdm_row *row, int32_t i)
{
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_string(j, "cell", row->cell.name);
    ggdm_json_begin_array(j, "at");
    for (int32_t k = 0; k < axes->n; k++)
        ggdm_json_put_int(j, NULL, axes->axes[k].rank[i]);
    ggdm_json_end(j);
    ggdm_json_put_int(j, "trajectory", row->cell.trajectory);
    ggdm_json_put_int(j, "n", row->n);
    ggdm_json_put_int(j, "wanted", row->cell.wanted);
    ggdm_json_put_bool(j, "complete", row->n == row->cell.wanted);
    ggdm_json_put_int(j, "diverged", row->diverged);
    put_values(j, columns, row);
    ggdm_json_end(j);
}

static ggdm_status put_cells(ggdm_json *j, const ggdm_results *r, ggdm_error *err)
{
    ggdm_axes axes;
    ggdm_report_columns columns = {0};
    ggdm_status st = ggdm_axes_find(r, &axes, err);
    if (st == GGDM_OK)
        st = ggdm_report_columns_find(r, &columns, err);
    if (st == GGDM_OK) {
        put_axes(j, &axes);
        put_columns(j, &columns);
        ggdm_json_begin_array(j, "cells");
        for (int32_t i = 0; i < r->n_rows; i++)
            put_cell(j, &axes, &columns, &r->rows[i], i);
        ggdm_json_end(j);
    }
    ggdm_report_columns_deinit(&columns);
    ggdm_axes_deinit(&axes);
    return st;
}

/* ---- images ---------------------------------------------------------------------------------- */

static void put_trajectory(ggdm_json *j, const ggdm_sprite *s)
{
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_int(j, "id", s->trajectory);
    ggdm_json_put_int(j, "images", s->images);
    ggdm_json_put_int(j, "shown", s->shown);
    ggdm_json_begin_array(j, "tile");
    ggdm_json_put_int(j, NULL, s->width);
    ggdm_json_put_int(j, NULL, s->height);
    ggdm_json_end(j);
    ggdm_json_put_int(j, "columns", s->columns);
    ggdm_json_begin_array(j, "missing");
    for (int32_t i = 0; i < s->n_missing; i++)
        ggdm_json_put_int(j, NULL, s->missing[i]);
    ggdm_json_end(j);
    ggdm_json_begin_array(j, "diverged");
    for (int32_t i = 0; i < s->diverged; i++) {
        ggdm_json_begin_array(j, NULL);
        ggdm_json_put_int(j, NULL, s->diverged_images[i]);
        ggdm_json_put_int(j, NULL, s->diverged_steps[i]);
        ggdm_json_end(j);
    }
    ggdm_json_end(j);
    ggdm_json_end(j);
}

/* Last, when it is known how much room there is. */
static void put_sprites(ggdm_json *j, const ggdm_report_facts *facts, bool *in_page)
{
    ggdm_json_begin_array(j, "trajectories");
    for (int32_t i = 0; i < facts->sprites->n; i++)
        put_trajectory(j, &facts->sprites->sprites[i]);
    ggdm_json_end(j);
    *in_page = j->size + facts->sprites->bytes < facts->room;
    ggdm_json_begin_object(j, "sprites");
    ggdm_json_put_string(j, "where", *in_page ? "page" : facts->sprites_dir);
    ggdm_json_end(j);
}

static void put_live(ggdm_json *j, const ggdm_report_live *live)
{
    if (!live) {
        ggdm_json_put_null(j, "live");
        return;
    }
    ggdm_json_begin_object(j, "live");
    ggdm_json_put_double(j, "every", live->every);
    ggdm_json_put_double(j, "fraction", live->fraction);
    ggdm_json_put_double(j, "eta_seconds", live->eta_seconds);
    ggdm_json_end(j);
}

ggdm_status ggdm_report_data(ggdm_json *j, const ggdm_results *r, const ggdm_report_facts *facts,
                             bool *in_page, ggdm_error *err)
{
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_int(j, "schema", GGDM_REPORT_SCHEMA);
    put_live(j, facts->live);
    GGDM_TRY(ggdm_report_put_run(j, r, err));
    GGDM_TRY(put_cells(j, r, err));
    GGDM_TRY(ggdm_report_put_sources(j, r, facts->dir, err));
    put_sprites(j, facts, in_page);
    ggdm_json_end(j);
    return GGDM_OK;
}
