/* summary.csv and summary.json: the same names in both. */
#include "jobs/summary.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/fs.h"
#include "common/hash.h"
#include "common/json_write.h"

enum { KEY_DIGITS = 12 };

/* ---- columns: one table for both files ------------------------------------------------------ */

typedef enum form {
    NOTHING, /* it does not apply: empty, null */
    WHOLE,
    MEASURE,   /* six digits in the table, all in JSON */
    PARAMETER, /* as many digits as it takes to read it back */
    FLAG,      /* 1, 0; true, false */
    TEXT,
    DIGEST /* its first digits in the table */
} form;

typedef struct field {
    form form;
    double number;
    char text[GGDM_HASH_TEXT_SIZE];
} field;

typedef field (*field_of)(const ggdm_cell_summary *s);

static field number(form f, double v)
{
    return (field){.form = f, .number = v};
}

static field of_cell(const ggdm_cell_summary *s)
{
    field f = {.form = TEXT};
    snprintf(f.text, sizeof f.text, "%s", s->cell.name);
    return f;
}

static field of_kappa(const ggdm_cell_summary *s)
{
    return number(PARAMETER, s->cell.cell.kappa);
}

static field of_start(const ggdm_cell_summary *s)
{
    return number(WHOLE, s->cell.cell.start);
}

static field of_duration(const ggdm_cell_summary *s)
{
    return number(WHOLE, s->cell.cell.duration);
}

static field of_target(const ggdm_cell_summary *s)
{
    return number(s->cell.cell.target >= 0 ? WHOLE : NOTHING, s->cell.cell.target);
}

static field of_n(const ggdm_cell_summary *s)
{
    return number(WHOLE, s->n);
}

static field of_complete(const ggdm_cell_summary *s)
{
    return number(FLAG, s->n == s->expected);
}

static field of_diverged(const ggdm_cell_summary *s)
{
    return number(WHOLE, s->diverged);
}

static field of_key(const ggdm_cell_summary *s)
{
    field f = {.form = DIGEST};
    ggdm_hash_hex(s->cell.cell.key, f.text);
    return f;
}

/* The same fields of the two classifiers. */
#define COUNT(who, name)                                                                           \
    static field who##_##name(const ggdm_cell_summary *s)                                          \
    {                                                                                              \
        return number(s->who.known ? WHOLE : NOTHING, s->who.name);                                \
    }
#define SCORE(who, name, condition, value)                                                         \
    static field who##_##name(const ggdm_cell_summary *s)                                          \
    {                                                                                              \
        return number(s->who.condition ? MEASURE : NOTHING, s->who.value);                         \
    }
#define SCORES(who)                                                                                \
    SCORE(who, accuracy, has_accuracy, accuracy.p)                                                 \
    SCORE(who, accuracy_lo, has_accuracy, accuracy.lo)                                             \
    SCORE(who, accuracy_hi, has_accuracy, accuracy.hi)                                             \
    SCORE(who, loss, has_loss, loss)                                                               \
    SCORE(who, confidence, has_mean, confidence)                                                   \
    SCORE(who, confident, has_share, confident / (double)s->who.n)                                 \
    COUNT(who, unscored)
SCORES(guide)
SCORES(judge)

/* Their order is a promise (docs/DESIGN.md, "What a user sees"). */
static const struct {
    const char *name;
    field_of get;
} columns[] = {
    /* clang-format off: a row each */
    {"cell", of_cell},
    {"kappa", of_kappa},
    {"start", of_start},
    {"duration", of_duration},
    {"target", of_target},
    {"n", of_n},
    {"complete", of_complete},
    {"diverged", of_diverged},
    {"guide_accuracy", guide_accuracy},
    {"guide_accuracy_lo", guide_accuracy_lo},
    {"guide_accuracy_hi", guide_accuracy_hi},
    {"guide_loss", guide_loss},
    {"guide_confidence", guide_confidence},
    {"guide_confident", guide_confident},
    {"judge_accuracy", judge_accuracy},
    {"judge_accuracy_lo", judge_accuracy_lo},
    {"judge_accuracy_hi", judge_accuracy_hi},
    {"judge_loss", judge_loss},
    {"judge_confidence", judge_confidence},
    {"judge_confident", judge_confident},
    {"key", of_key},
    {"guide_unscored", guide_unscored},
    {"judge_unscored", judge_unscored},
    /* clang-format on */
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

/* ---- CSV ------------------------------------------------------------------------------------ */

/* No field has a comma, a quote or a line end. */
static void put_field(FILE *csv, const field *f)
{
    char parameter[GGDM_NUMBER_SIZE];
    switch (f->form) {
    case NOTHING:
        return;
    case WHOLE:
    case FLAG:
        fprintf(csv, "%.0f", f->number);
        return;
    case MEASURE:
        fprintf(csv, "%.6g", f->number);
        return;
    case PARAMETER:
        ggdm_number_text(f->number, parameter);
        fputs(parameter, csv);
        return;
    case TEXT:
        fputs(f->text, csv);
        return;
    case DIGEST:
        fprintf(csv, "%.*s", KEY_DIGITS, f->text);
        return;
    }
}

static void put_header(FILE *csv)
{
    for (int i = 0; i < N_COLUMNS; i++)
        fprintf(csv, "%s%s", i ? "," : "", columns[i].name);
    fputc('\n', csv);
}

static void put_line(FILE *csv, const ggdm_cell_summary *s)
{
    for (int i = 0; i < N_COLUMNS; i++) {
        const field f = columns[i].get(s);
        if (i)
            fputc(',', csv);
        put_field(csv, &f);
    }
    fputc('\n', csv);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void put_member(ggdm_json *j, const char *key, const field *f)
{
    switch (f->form) {
    case NOTHING:
        ggdm_json_put_null(j, key);
        return;
    case WHOLE:
        ggdm_json_put_int(j, key, (int64_t)f->number);
        return;
    case MEASURE:
    case PARAMETER:
        ggdm_json_put_double(j, key, f->number);
        return;
    case FLAG:
        ggdm_json_put_bool(j, key, f->number != 0);
        return;
    case TEXT:
    case DIGEST:
        ggdm_json_put_string(j, key, f->text);
        return;
    }
}

/* How often each class was the likeliest, which no column can hold. */
static void put_histogram(ggdm_json *j, const char *key, const ggdm_scores *scores)
{
    if (!scores->known) {
        ggdm_json_put_null(j, key);
        return;
    }
    ggdm_json_begin_array(j, key);
    for (int32_t c = 0; c < scores->classes; c++)
        ggdm_json_put_int(j, NULL, scores->histogram[c]);
    ggdm_json_end(j);
}

static void put_cell(ggdm_json *j, const ggdm_cell_summary *s)
{
    ggdm_json_begin_object(j, NULL);
    for (int i = 0; i < N_COLUMNS; i++) {
        const field f = columns[i].get(s);
        put_member(j, columns[i].name, &f);
    }
    put_histogram(j, "guide_histogram", &s->guide);
    put_histogram(j, "judge_histogram", &s->judge);
    ggdm_json_end(j);
}

static void put_model(ggdm_json *j, const char *role, const char *name, const char *digest)
{
    if (!name || !*name) {
        ggdm_json_put_null(j, role);
        return;
    }
    ggdm_json_begin_object(j, role);
    ggdm_json_put_string(j, "name", name);
    ggdm_json_put_string(j, "digest", digest);
    ggdm_json_end(j);
}

static void put_run(ggdm_json *j, const ggdm_run_info *info)
{
    const ggdm_job *job = &info->job;
    ggdm_json_put_string(j, "name", info->name);
    put_model(j, "model", info->model, info->model_digest);
    put_model(j, "guide", info->guide, info->guide_digest);
    put_model(j, "judge", info->judge, info->judge_digest);
    ggdm_json_put_int(j, "samples", info->samples);
    ggdm_json_put_uint(j, "seed", job->seed);
    ggdm_json_put_int(j, "steps", job->steps);
    ggdm_json_put_string(j, "variance", ggdm_variance_names[job->variance]);
    ggdm_json_put_bool(j, "clip_x0", job->clip_x0);
    ggdm_json_put_string(j, "gradient", ggdm_gradient_names[job->gradient]);
    ggdm_json_put_string(j, "form", ggdm_loss_form_names[job->form]);
    ggdm_json_put_string(j, "precision", ggdm_precision_names[job->precision]);
    ggdm_json_put_string(j, "isa", info->isa);
    ggdm_json_put_string(j, "library", info->library);
    ggdm_json_put_string(j, "processor", info->processor);
    ggdm_json_put_string(j, "version", info->version);
    ggdm_json_put_string(j, "interval", "Wilson, 95 %");
}

/* ---- both ----------------------------------------------------------------------------------- */

static ggdm_status put_cells(ggdm_store *store, FILE *csv, ggdm_json *j, ggdm_error *err)
{
    for (int32_t i = 0; i < ggdm_store_n_cells(store); i++) {
        ggdm_cell_summary s;
        GGDM_TRY(ggdm_cell_summarise(store, i, &s, err));
        put_line(csv, &s);
        put_cell(j, &s);
        ggdm_cell_summary_deinit(&s);
    }
    return GGDM_OK;
}

ggdm_status ggdm_summary_write(ggdm_store *store, const char *dir, ggdm_error *err)
{
    char *csv_text = NULL, *json_text = NULL;
    size_t csv_size = 0, json_size = 0;
    ggdm_json j;
    FILE *csv = open_memstream(&csv_text, &csv_size);
    if (!csv)
        return GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for summary.csv");
    ggdm_json_init(&j, true);
    ggdm_json_begin_object(&j, NULL);
    put_run(&j, ggdm_store_run_info(store));
    ggdm_json_begin_array(&j, "cells");
    put_header(csv);
    ggdm_status st = put_cells(store, csv, &j, err);
    ggdm_json_end(&j);
    ggdm_json_end(&j);
    bool bad = ferror(csv) != 0;
    if ((fclose(csv) != 0 || bad) && st == GGDM_OK)
        st = GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for summary.csv");
    if (st != GGDM_OK) {
        ggdm_json_deinit(&j);
        goto done;
    }
    GGDM_TRY_GOTO(st, ggdm_json_finish(&j, &json_text, &json_size, err), done);
    GGDM_TRY_GOTO(st, ggdm_replace_file_in(dir, "summary.csv", csv_text, csv_size, err), done);
    st = ggdm_replace_file_in(dir, "summary.json", json_text, json_size, err);
done:
    free(csv_text);
    free(json_text);
    return st;
}
