/* summary.csv (RFC 4180) and summary.json. */
#include "jobs/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/hash.h"
#include "common/json_write.h"

enum { KEY_DIGITS = 12, NUMBER_SIZE = 40 };

/* ---- columns -------------------------------------------------------------------------------- */

/* Text of one field; empty where it does not apply. */
typedef void (*field_text)(const ggdm_cell_summary *s, char out[NUMBER_SIZE]);

static void number(char out[NUMBER_SIZE], double v)
{
    snprintf(out, NUMBER_SIZE, "%.6g", v);
}

static void integer(char out[NUMBER_SIZE], int64_t v)
{
    snprintf(out, NUMBER_SIZE, "%" PRId64, v);
}

static void of_cell(const ggdm_cell_summary *s, char out[NUMBER_SIZE])
{
    snprintf(out, NUMBER_SIZE, "%s", s->cell.name);
}

/* A parameter, not a measurement: as many digits as it takes to read it back. */
static void of_kappa(const ggdm_cell_summary *s, char out[NUMBER_SIZE])
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(out, NUMBER_SIZE, "%.*g", digits, s->cell.cell.kappa);
        if (strtod(out, NULL) == s->cell.cell.kappa)
            break;
    }
}

static void of_duration(const ggdm_cell_summary *s, char out[NUMBER_SIZE])
{
    integer(out, s->cell.cell.duration);
}

static void of_start(const ggdm_cell_summary *s, char out[NUMBER_SIZE])
{
    integer(out, s->cell.cell.start);
}

static void of_target(const ggdm_cell_summary *s, char out[NUMBER_SIZE])
{
    if (s->cell.cell.target >= 0)
        integer(out, s->cell.cell.target);
}

static void of_nothing(const ggdm_cell_summary *s, char out[NUMBER_SIZE])
{
    (void)s;
    (void)out;
}

static void of_n(const ggdm_cell_summary *s, char out[NUMBER_SIZE])
{
    integer(out, s->n);
}

static void of_diverged(const ggdm_cell_summary *s, char out[NUMBER_SIZE])
{
    if (s->n)
        number(out, (double)s->diverged / s->n);
}

/* Nine fields of the two classifiers that differ in one expression. */
#define SCORE(name, who, condition, value)                                                         \
    static void name(const ggdm_cell_summary *s, char out[NUMBER_SIZE])                            \
    {                                                                                              \
        if (s->who.condition)                                                                      \
            number(out, s->who.value);                                                             \
    }
SCORE(of_guide_p, guide, has_accuracy, accuracy.p)
SCORE(of_guide_lo, guide, has_accuracy, accuracy.lo)
SCORE(of_guide_hi, guide, has_accuracy, accuracy.hi)
SCORE(of_judge_p, judge, has_accuracy, accuracy.p)
SCORE(of_judge_lo, judge, has_accuracy, accuracy.lo)
SCORE(of_judge_hi, judge, has_accuracy, accuracy.hi)
SCORE(of_loss, guide, has_loss, loss)
SCORE(of_guide_confidence, guide, known, confidence)
SCORE(of_judge_confidence, judge, known, confidence)

static void of_judge_confident(const ggdm_cell_summary *s, char out[NUMBER_SIZE])
{
    if (s->judge.known)
        number(out, (double)s->judge.confident / s->n);
}

static void of_complete(const ggdm_cell_summary *s, char out[NUMBER_SIZE])
{
    integer(out, s->n == s->expected);
}

static void of_key(const ggdm_cell_summary *s, char out[NUMBER_SIZE])
{
    char hex[GGDM_HASH_TEXT_SIZE];
    ggdm_hash_hex(s->cell.cell.key, hex);
    snprintf(out, NUMBER_SIZE, "%.*s", KEY_DIGITS, hex);
}

static const struct {
    const char *name;
    field_text text;
} columns[] = {
    /* The first fourteen are a promise (DESIGN.md section 1). */
    {"cell", of_cell},
    {"kappa", of_kappa},
    {"duration", of_duration},
    {"target", of_target},
    {"prompt", of_nothing},
    {"n", of_n},
    {"diverged", of_diverged},
    {"accuracy", of_guide_p},
    {"accuracy_lo", of_guide_lo},
    {"accuracy_hi", of_guide_hi},
    {"judge_accuracy", of_judge_p},
    {"judge_lo", of_judge_lo},
    {"judge_hi", of_judge_hi},
    {"mean_loss", of_loss},
    {"guide_confidence", of_guide_confidence},
    {"judge_confidence", of_judge_confidence},
    {"judge_confident", of_judge_confident},
    {"complete", of_complete},
    {"key", of_key},
    {"start", of_start},
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

/* ---- CSV ------------------------------------------------------------------------------------ */

/* RFC 4180: quotes where there is a comma, a quote or a line end; quotes doubled; CRLF. */
static void put_field(FILE *csv, int column, const char *text)
{
    if (column)
        fputc(',', csv);
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, csv);
        return;
    }
    fputc('"', csv);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', csv);
        fputc(*text, csv);
    }
    fputc('"', csv);
}

static void put_header(FILE *csv)
{
    for (int i = 0; i < N_COLUMNS; i++)
        put_field(csv, i, columns[i].name);
    fputs("\r\n", csv);
}

static void put_line(FILE *csv, const ggdm_cell_summary *s)
{
    for (int i = 0; i < N_COLUMNS; i++) {
        char text[NUMBER_SIZE] = "";
        columns[i].text(s, text);
        put_field(csv, i, text);
    }
    fputs("\r\n", csv);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void put_scores(ggdm_json *j, const char *who, const ggdm_scores *scores, int32_t n)
{
    if (!scores->known) {
        ggdm_json_put_null(j, who);
        return;
    }
    ggdm_json_begin_object(j, who);
    if (scores->has_accuracy) {
        ggdm_json_put_int(j, "right", scores->right);
        ggdm_json_put_double(j, "accuracy", scores->accuracy.p);
        ggdm_json_put_double(j, "accuracy_lo", scores->accuracy.lo);
        ggdm_json_put_double(j, "accuracy_hi", scores->accuracy.hi);
    }
    if (scores->has_loss)
        ggdm_json_put_double(j, "mean_loss", scores->loss);
    ggdm_json_put_double(j, "confidence", scores->confidence);
    ggdm_json_put_double(j, "confident", (double)scores->confident / n);
    ggdm_json_begin_array(j, "histogram");
    for (int32_t c = 0; c < scores->classes; c++)
        ggdm_json_put_int(j, NULL, scores->histogram[c]);
    ggdm_json_end(j);
    ggdm_json_end(j);
}

static void put_cell(ggdm_json *j, const ggdm_cell_summary *s)
{
    char key[GGDM_HASH_TEXT_SIZE];
    ggdm_hash_hex(s->cell.cell.key, key);
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_string(j, "cell", s->cell.name);
    ggdm_json_put_double(j, "kappa", s->cell.cell.kappa);
    ggdm_json_put_int(j, "start", s->cell.cell.start);
    ggdm_json_put_int(j, "duration", s->cell.cell.duration);
    if (s->cell.cell.target >= 0)
        ggdm_json_put_int(j, "target", s->cell.cell.target);
    else
        ggdm_json_put_null(j, "target");
    ggdm_json_put_null(j, "prompt");
    ggdm_json_put_int(j, "n", s->n);
    ggdm_json_put_bool(j, "complete", s->n == s->expected);
    ggdm_json_put_int(j, "diverged", s->diverged);
    put_scores(j, "guide", &s->guide, s->n);
    put_scores(j, "judge", &s->judge, s->n);
    ggdm_json_put_string(j, "key", key);
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
