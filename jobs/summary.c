#include "jobs/summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/csv.h"
#include "common/hash.h"
#include "common/json_write.h"
#include "common/temp.h"
#include "jobs/results_until.h"
#include "jobs/surface_json.h"

enum { KEY_DIGITS = 12 };

/* ---- columns: one list for both files -------------------------------------------------------- */

/* Numbers that nobody can give are NAN: empty, null. */
typedef enum form {
    WHOLE,
    REAL, /* six digits in the table, all in JSON */
    FLAG, /* 1, 0; true, false */
    TEXT,
    DIGEST /* its first digits in the table */
} form;

static const char *const form_names[] = {
    [WHOLE] = "whole", [REAL] = "real", [FLAG] = "flag", [TEXT] = "text", [DIGEST] = "text"};

typedef struct field {
    double number;
    const char *text; /* borrowed, or hex */
    char hex[GGDM_HASH_TEXT_SIZE];
} field;

typedef struct column column;
struct column {
    const char *name;
    form form;
    int32_t index;     /* of the parameter's column, the measure, the metric */
    int32_t of_figure; /* which of its figures */
    void (*get)(const ggdm_results *r, const ggdm_row *row, const column *c, field *out);
};

static void get_cell(const ggdm_results *r, const ggdm_row *row, const column *c, field *out)
{
    (void)r, (void)c;
    out->text = row->cell.name;
}

static void get_parameter(const ggdm_results *r, const ggdm_row *row, const column *c, field *out)
{
    const ggdm_store_value v = ggdm_results_value(r, row, c->index);
    out->number = v.number;
    out->text = v.text;
}

static void get_n(const ggdm_results *r, const ggdm_row *row, const column *c, field *out)
{
    (void)r, (void)c;
    out->number = row->n;
}

static void get_complete(const ggdm_results *r, const ggdm_row *row, const column *c, field *out)
{
    (void)r, (void)c;
    out->number = row->n == row->cell.wanted;
}

static void get_diverged(const ggdm_results *r, const ggdm_row *row, const column *c, field *out)
{
    (void)r, (void)c;
    out->number = row->diverged;
}

static void get_until(const ggdm_results *r, const ggdm_row *row, const column *c, field *out)
{
    (void)r, (void)c;
    out->text = row->until ? ggdm_until_state_names[row->verdict.state] : "";
}

static void get_key(const ggdm_results *r, const ggdm_row *row, const column *c, field *out)
{
    (void)r, (void)c;
    ggdm_hash_hex(row->cell.key, out->hex);
    out->text = out->hex;
}

/* The figures of a measure; their order is a promise. */
typedef struct figure {
    const char *suffix;
    form form;
    double (*get)(const ggdm_measured *m);
} figure;

#define FIGURE(name, value)                                                                        \
    static double figure_##name(const ggdm_measured *m)                                            \
    {                                                                                              \
        return value;                                                                              \
    }
FIGURE(accuracy, m->accuracy.p)
FIGURE(accuracy_lo, m->accuracy.lo)
FIGURE(accuracy_hi, m->accuracy.hi)
FIGURE(loss, m->loss)
FIGURE(confidence, m->confidence)
FIGURE(confident, m->confident)
FIGURE(mean, m->mean)
FIGURE(deviation, m->deviation)
FIGURE(n, m->known ? m->n_mean : (double)NAN)
FIGURE(unscored, m->known ? m->unscored : (double)NAN)

static const figure of_classes[] = {
    {"accuracy", REAL, figure_accuracy},       {"accuracy_lo", REAL, figure_accuracy_lo},
    {"accuracy_hi", REAL, figure_accuracy_hi}, {"loss", REAL, figure_loss},
    {"confidence", REAL, figure_confidence},   {"confident", REAL, figure_confident},
    {"unscored", WHOLE, figure_unscored},      {0},
};
static const figure of_number[] = {
    {"mean", REAL, figure_mean},
    {"deviation", REAL, figure_deviation},
    {"n", WHOLE, figure_n},
    {"unscored", WHOLE, figure_unscored},
    {0},
};
static const figure *const figures[] = {
    [GGDM_OUTPUT_NUMBER] = of_number, [GGDM_OUTPUT_CLASSES] = of_classes};

static void get_measure(const ggdm_results *r, const ggdm_row *row, const column *c, field *out)
{
    out->number = figures[r->measures[c->index].output][c->of_figure].get(&row->measured[c->index]);
}

static const char *const metric_suffixes[] = {"", "_lo", "_hi", "_n"};

static void get_metric(const ggdm_results *r, const ggdm_row *row, const column *c, field *out)
{
    (void)r;
    const ggdm_metric_value *v = &row->metrics[c->index];
    const double numbers[] = {v->value, v->lo, v->hi, v->n ? (double)v->n : (double)NAN};
    out->number = numbers[c->of_figure];
}

static void get_note(const ggdm_results *r, const ggdm_row *row, const column *c, field *out)
{
    (void)r;
    out->text = row->metrics[c->index].note;
}

/* Is anything to be said with a number of this metric? */
static bool has_notes(const ggdm_results *r, int32_t metric)
{
    for (int32_t i = 0; i < r->n_rows; i++)
        if (*r->rows[i].metrics[metric].note)
            return true;
    return false;
}

typedef struct table {
    const ggdm_results *r;
    ggdm_arena arena;
    column *columns; /* [n] */
    int32_t n;
} table;

static void add_column(table *t, const char *name, form f,
                       void (*get)(const ggdm_results *, const ggdm_row *, const column *, field *))
{
    t->columns[t->n++] = (column){.name = name, .form = f, .get = get};
}

/* "NAME_suffix". */
static ggdm_status add_figure(table *t, const char *name, const char *separator, const char *suffix,
                              column c, ggdm_error *err)
{
    char text[GGDM_MAX_TEXT + 100];
    snprintf(text, sizeof text, "%s%s%s", name, separator, suffix);
    GGDM_TRY(ggdm_arena_text(&t->arena, text, &c.name, err));
    t->columns[t->n++] = c;
    return GGDM_OK;
}

static ggdm_status make_columns(table *t, ggdm_error *err)
{
    enum { FIXED = 6, FIGURES = 8 };
    const ggdm_results *r = t->r;
    const size_t most =
        FIXED + (size_t)r->n_varying + FIGURES * ((size_t)r->n_measures + (size_t)r->n_metrics);
    GGDM_TRY(ggdm_arena_alloc(&t->arena, most * sizeof *t->columns, &t->columns, err));
    add_column(t, "cell", TEXT, get_cell);
    for (int32_t i = 0; i < r->n_varying; i++) {
        const ggdm_store_column *p = &r->columns[r->varying[i]];
        add_column(t, p->name, TEXT, get_parameter);
        t->columns[t->n - 1].index = r->varying[i];
    }
    add_column(t, "n", WHOLE, get_n);
    add_column(t, "complete", FLAG, get_complete);
    add_column(t, "diverged", WHOLE, get_diverged);
    if (ggdm_results_any_until(r))
        add_column(t, "until", TEXT, get_until);
    for (int32_t i = 0; i < r->n_measures; i++) {
        const figure *f = figures[r->measures[i].output];
        for (int32_t k = 0; f[k].suffix; k++)
            GGDM_TRY(add_figure(
                t, r->measures[i].name, "_", f[k].suffix,
                (column){.form = f[k].form, .index = i, .of_figure = k, .get = get_measure}, err));
    }
    for (int32_t i = 0; i < r->n_metrics; i++) {
        const char *name = r->metrics[i].name;
        for (int32_t k = 0; k < 4; k++)
            GGDM_TRY(add_figure(
                t, name, "", metric_suffixes[k],
                (column){
                    .form = k == 3 ? WHOLE : REAL, .index = i, .of_figure = k, .get = get_metric},
                err));
        if (has_notes(r, i))
            GGDM_TRY(add_figure(t, name, "", "_note",
                                (column){.form = TEXT, .index = i, .get = get_note}, err));
    }
    add_column(t, "key", DIGEST, get_key);
    return GGDM_OK;
}

/* ---- CSV ------------------------------------------------------------------------------------- */

static void put_field(FILE *csv, const column *c, const field *f)
{
    if (c->form == TEXT)
        ggdm_csv_put(csv, f->text);
    else if (c->form == DIGEST)
        fprintf(csv, "%.*s", KEY_DIGITS, f->text);
    else if (!isnan(f->number))
        fprintf(csv, c->form == REAL ? "%.6g" : "%.0f", f->number);
}

static void put_header(FILE *csv, const table *t)
{
    for (int32_t i = 0; i < t->n; i++) {
        if (i)
            fputc(',', csv);
        ggdm_csv_put(csv, t->columns[i].name);
    }
    fputc('\n', csv);
}

static void put_line(FILE *csv, const table *t, const ggdm_row *row)
{
    for (int32_t i = 0; i < t->n; i++) {
        field f = {0};
        t->columns[i].get(t->r, row, &t->columns[i], &f);
        if (i)
            fputc(',', csv);
        put_field(csv, &t->columns[i], &f);
    }
    fputc('\n', csv);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void put_member(ggdm_json *j, const table *t, const column *c, const field *f)
{
    if (c->get == get_parameter)
        ggdm_results_put_value(j, &t->r->columns[c->index], (ggdm_store_value){f->number, f->text});
    else if (c->form == TEXT || c->form == DIGEST)
        ggdm_json_put_string(j, c->name, f->text);
    else if (c->form == FLAG)
        ggdm_json_put_bool(j, c->name, f->number != 0);
    else
        ggdm_json_put_double(j, c->name, f->number);
}

static void put_cell(ggdm_json *j, const table *t, const ggdm_row *row)
{
    ggdm_json_begin_object(j, NULL);
    for (int32_t i = 0; i < t->n; i++) {
        field f = {0};
        t->columns[i].get(t->r, row, &t->columns[i], &f);
        put_member(j, t, &t->columns[i], &f);
    }
    ggdm_json_put_int(j, "wanted", row->cell.wanted);
    ggdm_json_put_bool(j, "cancelled", row->cell.cancelled);
    ggdm_results_put_histograms(j, t->r, row, INT32_MAX); /* which no column can hold */
    ggdm_json_end(j);
}

/* What the columns are, and the parameters that all cells have in common. */
static void put_columns(ggdm_json *j, const table *t)
{
    const ggdm_results *r = t->r;
    ggdm_json_begin_array(j, "columns");
    for (int32_t i = 0; i < t->n; i++) {
        const column *c = &t->columns[i];
        const ggdm_store_column *p = c->get == get_parameter ? &r->columns[c->index] : NULL;
        ggdm_json_begin_object(j, NULL);
        ggdm_json_put_string(j, "name", c->name);
        ggdm_json_put_string(j, "type", p ? ggdm_param_type_names[p->type] : form_names[c->form]);
        if (p) {
            ggdm_json_put_string(j, "path", p->path);
            ggdm_json_put_string(j, "label", p->label);
        }
        ggdm_json_end(j);
    }
    ggdm_json_end(j);
}

static void put_common(ggdm_json *j, const ggdm_results *r)
{
    ggdm_json_begin_object(j, "parameters");
    for (int32_t i = 0; i < r->n_columns && r->n_rows; i++)
        if (!r->columns[i].varies)
            ggdm_results_put_value(j, &r->columns[i], ggdm_results_value(r, r->rows, i));
    ggdm_json_end(j);
}

static void put_models(ggdm_json *j, const ggdm_results *r)
{
    ggdm_json_begin_array(j, "models");
    for (int32_t i = 0; i < r->n_models; i++) {
        ggdm_json_begin_object(j, NULL);
        ggdm_json_put_string(j, "name", r->models[i].name);
        ggdm_json_put_string(j, "digest", r->models[i].digest);
        ggdm_json_end(j);
    }
    ggdm_json_end(j);
}

static void put_run(ggdm_json *j, const ggdm_results *r)
{
    const ggdm_run_info *info = r->info;
    char interval[GGDM_INTERVAL_SIZE];
    ggdm_results_interval(r, interval);
    ggdm_json_put_int(j, "schema", GGDM_SUMMARY_SCHEMA);
    ggdm_json_put_string(j, "name", info->name);
    ggdm_json_put_string(j, "precision", ggdm_precision_names[info->precision]);
    ggdm_json_put_string(j, "isa", info->isa);
    ggdm_json_put_string(j, "library", info->library);
    ggdm_json_put_string(j, "processor", info->processor);
    ggdm_json_put_string(j, "version", info->version);
    ggdm_json_put_string(j, "interval", ggdm_results_any_until(r) ? interval : "Wilson, 95 %");
}

/* ---- both ------------------------------------------------------------------------------------ */

static ggdm_status csv_text(const table *t, char **text, size_t *size, ggdm_error *err)
{
    FILE *csv = open_memstream(text, size);
    if (!csv)
        return GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for summary.csv");
    put_header(csv, t);
    for (int32_t i = 0; i < t->r->n_rows; i++)
        put_line(csv, t, &t->r->rows[i]);
    bool bad = ferror(csv) != 0;
    return fclose(csv) != 0 || bad ? GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for summary.csv")
                                   : GGDM_OK;
}

static ggdm_status json_text(const table *t, char **text, size_t *size, ggdm_error *err)
{
    ggdm_json j;
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&j, NULL);
    put_run(&j, t->r);
    put_models(&j, t->r);
    put_common(&j, t->r);
    ggdm_surface_put(&j, t->r);
    put_columns(&j, t);
    ggdm_json_begin_array(&j, "cells");
    for (int32_t i = 0; i < t->r->n_rows; i++)
        put_cell(&j, t, &t->r->rows[i]);
    ggdm_json_end(&j);
    ggdm_json_end(&j);
    return ggdm_json_finish(&j, text, size, err);
}

ggdm_status ggdm_summary_write(const ggdm_results *r, const char *dir, ggdm_error *err)
{
    table t = {.r = r};
    char *csv = NULL, *json = NULL;
    size_t csv_size = 0, json_size = 0;
    ggdm_status st;
    GGDM_TRY_GOTO(st, make_columns(&t, err), done);
    GGDM_TRY_GOTO(st, csv_text(&t, &csv, &csv_size, err), done);
    GGDM_TRY_GOTO(st, json_text(&t, &json, &json_size, err), done);
    GGDM_TRY_GOTO(st, ggdm_replace_file_in(dir, "summary.csv", csv, csv_size, err), done);
    st = ggdm_replace_file_in(dir, "summary.json", json, json_size, err);
done:
    free(csv);
    free(json);
    ggdm_arena_deinit(&t.arena);
    return st;
}
