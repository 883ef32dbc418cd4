#include "coordinator/show/report_columns.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/show/quantity.h"
#include "evaluate/metrics.h"
#include "jobs/results_until.h"

/* ---- values ---------------------------------------------------------------------------------- */

static ggdm_metric_value plain(double value, int64_t n)
{
    return (ggdm_metric_value){value, (double)NAN, (double)NAN, n, ""};
}

static ggdm_metric_value of_share(ggdm_share share, int64_t n)
{
    return (ggdm_metric_value){share.p, share.lo, share.hi, n, ""};
}

/* Images that have no finite score are in no number, which is said with the first of a measure. */
static ggdm_metric_value with_unscored(ggdm_metric_value v, const ggdm_measured *m)
{
    if (m->unscored)
        snprintf(v.note, sizeof v.note, "%d without a score", m->unscored);
    return v;
}

static ggdm_metric_value get_accuracy(const ggdm_row *row, int32_t index)
{
    const ggdm_measured *m = &row->measured[index];
    return with_unscored(of_share(m->accuracy, m->n), m);
}

static ggdm_metric_value get_confidence(const ggdm_row *row, int32_t index)
{
    return plain(row->measured[index].confidence, row->measured[index].n_mean);
}

static ggdm_metric_value get_confident(const ggdm_row *row, int32_t index)
{
    return plain(row->measured[index].confident, row->measured[index].n);
}

static ggdm_metric_value get_loss(const ggdm_row *row, int32_t index)
{
    return plain(row->measured[index].loss, row->measured[index].n_mean);
}

static ggdm_metric_value get_mean(const ggdm_row *row, int32_t index)
{
    const ggdm_measured *m = &row->measured[index];
    return with_unscored(ggdm_measured_mean(m), m);
}

static ggdm_metric_value get_metric(const ggdm_row *row, int32_t index)
{
    return row->metrics[index];
}

static ggdm_metric_value get_diverged(const ggdm_row *row, int32_t index)
{
    (void)index;
    return row->n ? of_share(ggdm_results_share(row, row->diverged, row->n), row->n)
                  : plain((double)NAN, 0);
}

static ggdm_metric_value get_operations(const ggdm_row *row, int32_t index)
{
    (void)index;
    return plain(row->cell.cost > 0 ? row->cell.cost : (double)NAN, 0);
}

bool ggdm_report_value_known(const ggdm_metric_value *value)
{
    return isfinite(value->value) || *value->note;
}

/* ---- the list -------------------------------------------------------------------------------- */

/* %s: what the measure is called. */
static const ggdm_report_column of_classes[] = {
    {"%s_accuracy", "accuracy by the %s", "share", "measure", "up",
     "images that it takes for what the cell aims at; diverged ones count against it", 0,
     get_accuracy},
    {"%s_loss", "mean loss of the %s", "number", "measure", "down",
     "-log of the probability that it gives to what the cell aims at, in nats", 0, get_loss},
    {"%s_confidence", "confidence of the %s", "share", "measure", NULL,
     "mean probability of the class that it takes an image for", 0, get_confidence},
    {"%s_confident", "images of which the %s is sure", "share", "measure", NULL,
     "to which it gives some class with a probability of at least 0.9", 0, get_confident},
};
static const ggdm_report_column of_number[] = {
    {"%s_mean", "mean %s", "number", "measure", NULL, NULL, 0, get_mean},
};
static const struct {
    const ggdm_report_column *columns;
    int n;
} of_outputs[] = {
    [GGDM_OUTPUT_CLASSES] = {of_classes, sizeof of_classes / sizeof *of_classes},
    [GGDM_OUTPUT_NUMBER] = {of_number, sizeof of_number / sizeof *of_number},
};
static const ggdm_report_column of_cell[] = {
    {"diverged_share", "diverged images", "share", "measure", "down",
     "that are not finite, or far beyond the range of images", 0, get_diverged},
    {"operations", "operations of an image", "operations", "cost", "down",
     "of an image on its own; images that share a part of their way share its cost", 0,
     get_operations},
};

static bool says_something(const ggdm_results *r, const ggdm_report_column *c)
{
    for (int32_t i = 0; i < r->n_rows; i++) {
        const ggdm_metric_value v = c->get(&r->rows[i], c->index);
        if (ggdm_report_value_known(&v))
            return true;
    }
    return false;
}

/* Put the name in where a text says so. */
static ggdm_status fill(ggdm_report_columns *out, const char *pattern, const char *name,
                        const char **text, ggdm_error *err)
{
    char filled[GGDM_MAX_TEXT + 200];
    const char *at = strstr(pattern, "%s");
    *text = pattern;
    if (!at)
        return GGDM_OK;
    snprintf(filled, sizeof filled, "%.*s%s%s", (int)(at - pattern), pattern, name, at + 2);
    return ggdm_arena_text(&out->arena, filled, text, err);
}

static ggdm_status add(ggdm_report_columns *out, const ggdm_results *r, ggdm_report_column c,
                       const char *name, ggdm_error *err)
{
    if (!says_something(r, &c))
        return GGDM_OK;
    GGDM_TRY(fill(out, c.name, name, &c.name, err));
    GGDM_TRY(fill(out, c.label, name, &c.label, err));
    out->columns[out->n++] = c;
    return GGDM_OK;
}

static ggdm_status add_metric(ggdm_report_columns *out, const ggdm_results *r, int32_t i,
                              ggdm_error *err)
{
    char label[GGDM_MAX_TEXT + 200];
    const ggdm_quantity q = {GGDM_METRIC, i};
    const ggdm_metric_kind *kind = ggdm_metric_of_number(r->metrics[i].metric);
    ggdm_report_column c = {r->metrics[i].name, NULL, "number", "metric", NULL, NULL, i,
                            get_metric};
    if (kind) {
        c.better = kind->distance ? "down" : "up";
        c.note = kind->kind.help;
    }
    ggdm_quantity_name(r, q, NULL, label, sizeof label);
    GGDM_TRY(ggdm_arena_text(&out->arena, label, &c.label, err));
    return add(out, r, c, "", err);
}

ggdm_status ggdm_report_columns_find(const ggdm_results *r, ggdm_report_columns *out,
                                     ggdm_error *err)
{
    enum { MOST = 4, FIXED = sizeof of_cell / sizeof *of_cell };
    const size_t most = MOST * (size_t)r->n_measures + (size_t)r->n_metrics + FIXED;
    *out = (ggdm_report_columns){0};
    GGDM_TRY(ggdm_arena_alloc(&out->arena, most * sizeof *out->columns, &out->columns, err));
    for (int32_t i = 0; i < r->n_measures; i++) {
        const int32_t measure = r->shown[i];
        const ggdm_output output = r->measures[measure].output;
        for (int k = 0; k < of_outputs[output].n; k++) {
            ggdm_report_column c = of_outputs[output].columns[k];
            c.index = measure;
            GGDM_TRY(add(out, r, c, r->measures[measure].name, err));
        }
    }
    for (int32_t i = 0; i < r->n_metrics; i++)
        GGDM_TRY(add_metric(out, r, i, err));
    for (int k = 0; k < FIXED; k++)
        GGDM_TRY(add(out, r, of_cell[k], "", err));
    return GGDM_OK;
}

void ggdm_report_columns_deinit(ggdm_report_columns *columns)
{
    ggdm_arena_deinit(&columns->arena);
    *columns = (ggdm_report_columns){0};
}
