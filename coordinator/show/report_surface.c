#include "coordinator/show/report_surface.h"

#include <math.h>
#include <stdlib.h>

#include "common/json_write.h"
#include "common/log.h"
#include "evaluate/front.h"
#include "evaluate/next_sweep.h"
#include "evaluate/surface.h"
#include "jobs/plot_surface.h"

enum {
    MOST_CELLS = 40, /* of a front that are shown */
    DIGITS = 4       /* of numbers in the document */
};

ggdm_status ggdm_surface_find_all(ggdm_results *r, ggdm_error *err)
{
    ggdm_status st = ggdm_surface_find(r, err);
    if (st == GGDM_ENUMERIC) {
        ggdm_log(GGDM_LOG_WARN, "no response surface: %s", err->msg);
        *err = (ggdm_error){0};
        st = GGDM_OK;
    }
    GGDM_TRY(st);
    return ggdm_front_find(r, err);
}

ggdm_status ggdm_surface_products(ggdm_results *r, const char *dir, ggdm_error *err)
{
    GGDM_TRY(ggdm_surface_find_all(r, err));
    GGDM_TRY(ggdm_plot_surface(r, dir, err));
    return ggdm_next_sweep_write(r, dir, err);
}

/* ---- texts ----------------------------------------------------------------------------------- */

static void put_readable(char *text, size_t size, const ggdm_surface_axis *axis, double value)
{
    snprintf(text, size, axis->whole ? "%.0f" : "%.3g", value);
}

/* "s 0.18 to 1, steps 42 to 100" */
static void range_text(const ggdm_surface *s, char *text, size_t size)
{
    size_t n = 0;
    for (int i = s->n_axes - 1; i >= 0 && n < size; i--) {
        char from[40], to[40];
        put_readable(from, sizeof from, &s->axes[i], s->axes[i].from);
        put_readable(to, sizeof to, &s->axes[i], s->axes[i].to);
        n += (size_t)snprintf(text + n, size - n, "%s%s %s to %s", n ? ", " : "",
                              s->axes[i].column->name, from, to);
    }
}

static void surface_text(const ggdm_surface *s, char *text, size_t size)
{
    char within[400], n[60];
    range_text(s, within, sizeof within);
    snprintf(n, sizeof n, s->n_least == s->n_most ? "%d" : "%d to %d", s->n_least, s->n_most);
    snprintf(
        text, size,
        "Accuracy by the %s in %%, fitted to %d places of n = %s images by a Gaussian process "
        "of shares, with 95 %% bands. The optimum of what was swept may lie within %s (%.0f %% "
        "of it).",
        s->measure, s->n_places, n, within, 100 * s->may_share);
}

static const char *label_of(const ggdm_surface *s, const ggdm_surface_place *p)
{
    return p == &s->grid[s->best] ? "highest"
           : p->unsure            ? "to try next: least known"
                                  : "to try next: may be better";
}

/* Number i of those that the table shows. */
static const ggdm_surface_place *shown_place(const ggdm_surface *s, int32_t i)
{
    return i == 0 ? &s->grid[s->best] : &s->next[i - 1];
}

static void front_text(const ggdm_results *r, char *text, size_t size)
{
    const ggdm_front *front = r->front;
    snprintf(
        text, size,
        "Cells that no other one beats in accuracy%s%s%s; by the numbers as they are, whatever "
        "their intervals.%s",
        front->diversity >= 0 ? ", diversity by " : "",
        front->diversity >= 0 ? r->metrics[front->diversity].name : "",
        front->cost ? ", operations of an image on its own" : "",
        front->n > MOST_CELLS ? " The first 40." : "");
}

static int32_t front_rows(const ggdm_front *front)
{
    return front->n < MOST_CELLS ? front->n : MOST_CELLS;
}

/* What costs are counted in, and how they are shown: the largest has four digits. */
typedef struct cost_unit {
    double operations;
    const char *name;
    int decimals;
} cost_unit;

static cost_unit unit_of(const ggdm_results *r)
{
    double most = 0;
    for (int32_t i = 0; i < front_rows(r->front); i++)
        most = fmax(most, r->rows[r->front->rows[i]].cell.cost);
    cost_unit unit = {1e9, "billion operations", 0};
    if (most < 1e6)
        unit = (cost_unit){1, "operations", 0};
    unit.decimals = ggdm_decimals(most / unit.operations);
    return unit;
}

/* ---- the document ---------------------------------------------------------------------------- */

/* [p, lo, hi] */
static void put_place(ggdm_json *j, const char *key, const ggdm_surface_place *p)
{
    ggdm_json_begin_array(j, key);
    ggdm_json_put_rounded(j, NULL, p->p, DIGITS);
    ggdm_json_put_rounded(j, NULL, p->lo, DIGITS);
    ggdm_json_put_rounded(j, NULL, p->hi, DIGITS);
    ggdm_json_end(j);
}

static void put_surface_axes(ggdm_json *j, const ggdm_surface *s)
{
    ggdm_json_begin_array(j, "axes");
    for (int i = 0; i < s->n_axes; i++) {
        const ggdm_surface_axis *axis = &s->axes[i];
        ggdm_json_begin_object(j, NULL);
        ggdm_json_put_string(j, "name", axis->column->name);
        ggdm_json_put_bool(j, "log", axis->log);
        ggdm_json_put_double(j, "unit", axis->unit);
        ggdm_json_begin_array(j, "within");
        ggdm_json_put_rounded(j, NULL, axis->from, DIGITS);
        ggdm_json_put_rounded(j, NULL, axis->to, DIGITS);
        ggdm_json_end(j);
        ggdm_json_begin_array(j, "values");
        for (int32_t k = 0; k < axis->n; k++)
            ggdm_json_put_rounded(j, NULL, axis->values[k], DIGITS);
        ggdm_json_end(j);
        ggdm_json_end(j);
    }
    ggdm_json_end(j);
}

static void put_suggestions(ggdm_json *j, const ggdm_surface *s)
{
    ggdm_json_begin_array(j, "places");
    for (int32_t i = 0; i <= s->n_next; i++) {
        const ggdm_surface_place *p = shown_place(s, i);
        ggdm_json_begin_object(j, NULL);
        ggdm_json_put_string(j, "label", label_of(s, p));
        ggdm_json_begin_array(j, "at");
        for (int k = 0; k < s->n_axes; k++)
            ggdm_json_put_rounded(j, NULL, p->at[k], DIGITS);
        ggdm_json_end(j);
        put_place(j, "accuracy", p);
        ggdm_json_end(j);
    }
    ggdm_json_end(j);
}

static void put_surface_value(ggdm_json *j, const ggdm_surface *s)
{
    char text[1500];
    surface_text(s, text, sizeof text);
    ggdm_json_begin_object(j, "surface");
    ggdm_json_put_string(j, "measure", s->measure);
    ggdm_json_put_string(j, "text", text);
    put_surface_axes(j, s);
    ggdm_json_begin_array(j, "grid");
    for (int32_t i = 0; i < s->n; i++)
        put_place(j, NULL, &s->grid[i]);
    ggdm_json_end(j);
    ggdm_json_begin_array(j, "may_be_best");
    for (int32_t i = 0; i < s->n; i++)
        ggdm_json_put_int(j, NULL, s->may_be_best[i]);
    ggdm_json_end(j);
    put_suggestions(j, s);
    ggdm_json_end(j);
}

static void put_front_value(ggdm_json *j, const ggdm_results *r)
{
    const ggdm_front *front = r->front;
    char text[1000];
    front_text(r, text, sizeof text);
    ggdm_json_begin_object(j, "front");
    ggdm_json_put_string(j, "text", text);
    ggdm_json_put_string(j, "diversity",
                         front->diversity >= 0 ? r->metrics[front->diversity].name : NULL);
    ggdm_json_put_string(j, "cost", front->cost ? "operations" : NULL);
    ggdm_json_begin_array(j, "cells");
    for (int32_t i = 0; i < front->n; i++)
        ggdm_json_put_string(j, NULL, r->rows[front->rows[i]].cell.name);
    ggdm_json_end(j);
    ggdm_json_end(j);
}

void ggdm_report_put_findings(ggdm_json *j, const ggdm_results *r)
{
    if (r->surface)
        put_surface_value(j, r->surface);
    else
        ggdm_json_put_null(j, "surface");
    if (r->front)
        put_front_value(j, r);
    else
        ggdm_json_put_null(j, "front");
}

/* ---- report.md, report.tex ------------------------------------------------------------------- */

static void put_percent(ggdm_paper *p, const ggdm_table_head *head, int32_t column, double share,
                        double lo, double hi)
{
    ggdm_markup_put_number(p->out, p->markup, head, column,
                           (const double[]){100 * share, 100 * lo, 100 * hi}, 1);
}

static void put_surface_table(ggdm_paper *p, const ggdm_surface *s)
{
    char caption[1500], text[40];
    const char *names[2 + GGDM_SURFACE_AXES] = {"place"};
    const bool wraps[2 + GGDM_SURFACE_AXES] = {true};
    surface_text(s, caption, sizeof caption);
    for (int i = 0; i < s->n_axes; i++)
        names[s->n_axes - i] = s->axes[i].column->label;
    names[1 + s->n_axes] = "accuracy";
    const ggdm_table_head head = {.caption = caption,
                                  .run = p->r->info->name,
                                  .number = ++p->tables,
                                  .names = names,
                                  .wraps = wraps,
                                  .columns = 2 + s->n_axes};
    p->markup->begin(p->out, &head);
    for (int32_t i = 0; i <= s->n_next; i++) {
        const ggdm_surface_place *place = shown_place(s, i);
        ggdm_markup_put_text(p->out, p->markup, 0, label_of(s, place));
        for (int k = s->n_axes - 1; k >= 0; k--) {
            put_readable(text, sizeof text, &s->axes[k], place->at[k]);
            ggdm_markup_put_text(p->out, p->markup, s->n_axes - k, text);
        }
        put_percent(p, &head, 1 + s->n_axes, place->p, place->lo, place->hi);
        p->markup->end_row(p->out);
    }
    p->markup->end(p->out);
}

static ggdm_status put_front_table(ggdm_paper *p, ggdm_error *err)
{
    const ggdm_results *r = p->r;
    const ggdm_front *front = r->front;
    const cost_unit unit = unit_of(r);
    char caption[1000];
    const char **names = NULL;
    int32_t n = 0;
    GGDM_TRY(ggdm_arena_alloc(&p->arena, (size_t)(r->n_varying + 4) * sizeof *names, &names, err));
    front_text(r, caption, sizeof caption);
    names[n++] = "cell";
    for (int32_t i = 0; i < r->n_varying; i++)
        names[n++] = r->columns[r->varying[i]].label;
    names[n++] = "accuracy in %";
    if (front->diversity >= 0)
        names[n++] = r->metrics[front->diversity].name;
    if (front->cost)
        names[n++] = unit.name;
    const ggdm_table_head head = {.caption = caption,
                                  .run = r->info->name,
                                  .number = ++p->tables,
                                  .names = names,
                                  .columns = n};
    p->markup->begin(p->out, &head);
    for (int32_t i = 0; i < front_rows(front); i++) {
        const ggdm_row *row = &r->rows[front->rows[i]];
        const ggdm_share *a = &ggdm_results_verdict(r, row)->accuracy;
        int32_t column = 0;
        ggdm_markup_put_text(p->out, p->markup, column++, row->cell.name);
        for (int32_t k = 0; k < r->n_varying; k++)
            ggdm_markup_put_text(p->out, p->markup, column++,
                                 ggdm_results_value(r, row, r->varying[k]).text);
        put_percent(p, &head, column++, a->p, a->lo, a->hi);
        if (front->diversity >= 0) {
            const ggdm_metric_value *v = &row->metrics[front->diversity];
            ggdm_markup_put_number(p->out, p->markup, &head, column++,
                                   (const double[]){v->value, v->lo, v->hi}, 2);
        }
        if (front->cost)
            ggdm_markup_put_number(
                p->out, p->markup, &head, column++,
                (const double[]){row->cell.cost / unit.operations, (double)NAN, (double)NAN},
                unit.decimals);
        p->markup->end_row(p->out);
    }
    p->markup->end(p->out);
    return GGDM_OK;
}

ggdm_status ggdm_paper_put_surface(ggdm_paper *p, ggdm_error *err)
{
    if (p->r->surface)
        put_surface_table(p, p->r->surface);
    return p->r->front ? put_front_table(p, err) : GGDM_OK;
}
