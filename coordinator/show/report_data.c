#include "coordinator/show/report_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/show/report_columns.h"
#include "coordinator/show/report_images.h"
#include "coordinator/show/report_records.h"
#include "coordinator/show/report_run.h"
#include "coordinator/show/report_sources.h"
#include "coordinator/show/report_surface.h"
#include "jobs/axes.h"
#include "jobs/results_until.h"

enum {
    MOST_CLASSES = 100, /* that are counted one by one */
    DIGITS = 6          /* of numbers: more than any interval leaves */
};

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
    ggdm_json_put_rounded(j, NULL, v->value, DIGITS);
    ggdm_json_put_rounded(j, NULL, v->lo, DIGITS);
    ggdm_json_put_rounded(j, NULL, v->hi, DIGITS);
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

/* Of each measure, images whose scores are not finite: they are in no number. */
static void put_unscored(ggdm_json *j, const ggdm_results *r, const ggdm_row *row)
{
    ggdm_json_begin_object(j, "unscored");
    for (int32_t i = 0; i < r->n_measures; i++)
        if (row->measured[i].unscored)
            ggdm_json_put_int(j, r->measures[i].name, row->measured[i].unscored);
    ggdm_json_end(j);
}

typedef struct table {
    const ggdm_results *r;
    ggdm_axes axes;              /* owned */
    ggdm_report_columns columns; /* owned */
    ggdm_report_recipes recipes; /* owned */
} table;

static void put_cell(ggdm_json *j, const table *t, int32_t i)
{
    const ggdm_row *row = &t->r->rows[i];
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_string(j, "cell", row->cell.name);
    ggdm_json_begin_array(j, "at");
    for (int32_t k = 0; k < t->axes.n; k++)
        ggdm_json_put_int(j, NULL, t->axes.axes[k].rank[i]);
    ggdm_json_end(j);
    ggdm_json_put_int(j, "trajectory", row->cell.trajectory);
    ggdm_json_put_bool(j, "unguided", t->recipes.known && t->recipes.unguided[i]);
    if (row->aim >= 0)
        ggdm_json_put_int(j, "aim", row->aim);
    ggdm_json_put_int(j, "n", row->n);
    ggdm_json_put_int(j, "wanted", row->cell.wanted);
    ggdm_json_put_bool(j, "complete", row->n == row->cell.wanted);
    if (row->cell.cancelled)
        ggdm_json_put_bool(j, "cancelled", true);
    if (row->until)
        ggdm_json_put_string(j, "until", ggdm_until_state_names[row->verdict.state]);
    ggdm_json_put_int(j, "diverged", row->diverged);
    put_values(j, &t->columns, row);
    put_unscored(j, t->r, row);
    ggdm_results_put_histograms(j, t->r, row, MOST_CLASSES);
    ggdm_json_end(j);
}

/* ---- who measures ---------------------------------------------------------------------------- */

/* Classes that it chooses from, where that is the same for all cells; else 0. */
static int32_t classes_of(const ggdm_results *r, int32_t measure)
{
    int32_t classes = 0;
    for (int32_t i = 0; i < r->n_rows; i++) {
        const int32_t here = r->rows[i].measured[measure].classes;
        if (here && classes && here != classes)
            return 0;
        classes = here ? here : classes;
    }
    return classes;
}

static void put_classifier(ggdm_json *j, const char *key, const ggdm_results *r, int32_t measure)
{
    const char *title = NULL;
    char column[GGDM_MAX_TEXT + 20];
    if (measure < 0) {
        ggdm_json_put_null(j, key);
        return;
    }
    for (int32_t i = 0; i < r->n_rows && !title; i++)
        title = ggdm_results_model(r, &r->rows[i], measure);
    const int32_t classes = classes_of(r, measure);
    snprintf(column, sizeof column, "%s_accuracy", r->measures[measure].name);
    ggdm_json_begin_object(j, key);
    ggdm_json_put_string(j, "name", r->measures[measure].name);
    ggdm_json_put_string(j, "title", title);
    ggdm_json_put_string(j, "column", column);
    ggdm_json_put_double(j, "chance", classes ? 1.0 / classes : (double)NAN);
    ggdm_json_end(j);
}

/* The guide is the classifier that has guided; a judge is one that had no part in it. */
static void put_classifiers(ggdm_json *j, const ggdm_results *r)
{
    int32_t judge = -1, guide = -1;
    for (int32_t i = 0; i < r->n_measures; i++)
        if (r->measures[i].output == GGDM_OUTPUT_CLASSES &&
            strcmp(r->measures[i].name, "guide") == 0)
            guide = i;
    for (int32_t i = 0; i < r->n_rows && judge < 0; i++) {
        const ggdm_results_panel *p = ggdm_results_panel_of(r, &r->rows[i]);
        if (p->verdict >= 0 && p->measure[p->verdict] != guide)
            judge = p->measure[p->verdict];
    }
    put_classifier(j, "judge", r, judge);
    put_classifier(j, "guide", r, guide);
}

static ggdm_status put_table(ggdm_json *j, table *t, ggdm_error *err)
{
    const ggdm_results *r = t->r;
    char interval[GGDM_INTERVAL_SIZE], verdicts[400];
    GGDM_TRY(ggdm_axes_find(r, &t->axes, err));
    GGDM_TRY(ggdm_report_columns_find(r, &t->columns, err));
    GGDM_TRY(ggdm_report_put_recipes(j, r, &t->recipes, err));
    ggdm_report_put_parameters(j, r, &t->recipes);
    put_axes(j, &t->axes);
    put_classifiers(j, r);
    ggdm_results_interval(r, interval);
    ggdm_json_put_string(j, "interval", interval);
    ggdm_results_verdicts_text(r, verdicts, sizeof verdicts);
    ggdm_json_put_string(j, "until", *verdicts ? verdicts : NULL);
    put_columns(j, &t->columns);
    ggdm_json_begin_array(j, "cells");
    for (int32_t i = 0; i < r->n_rows; i++)
        put_cell(j, t, i);
    ggdm_json_end(j);
    ggdm_report_put_findings(j, r);
    return GGDM_OK;
}

static ggdm_status put_results(ggdm_json *j, const ggdm_results *r, ggdm_error *err)
{
    table t = {.r = r};
    ggdm_status st = put_table(j, &t, err);
    ggdm_report_recipes_deinit(&t.recipes);
    ggdm_report_columns_deinit(&t.columns);
    ggdm_axes_deinit(&t.axes);
    return st;
}

/* ---- images ---------------------------------------------------------------------------------- */

/* Last, when it is known how much room there is. */
static void put_sprites(ggdm_json *j, const ggdm_report_facts *facts, bool *in_page)
{
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
    GGDM_TRY(put_results(j, r, err));
    GGDM_TRY(ggdm_report_put_records(j, r, err));
    GGDM_TRY(ggdm_report_put_sources(j, r, err));
    GGDM_TRY(ggdm_report_put_files(j, r, facts->dir, facts->summary, err));
    GGDM_TRY(ggdm_report_put_trajectories(j, r, facts->sprites, err));
    put_sprites(j, facts, in_page);
    ggdm_json_end(j);
    return GGDM_OK;
}
