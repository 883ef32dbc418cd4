#include "coordinator/show/quantity.h"

#include <math.h>
#include <stdio.h>

#define Z 1.959963984540054 /* the 97.5 % quantile of the normal distribution */

static ggdm_metric_value accuracy_of(const ggdm_measured *m, int64_t n)
{
    return (ggdm_metric_value){100 * m->accuracy.p, 100 * m->accuracy.lo, 100 * m->accuracy.hi, n,
                               ""};
}

ggdm_metric_value ggdm_measured_mean(const ggdm_measured *m)
{
    const double half = Z * m->deviation / sqrt(m->n_mean);
    return (ggdm_metric_value){m->mean, m->mean - half, m->mean + half, m->n_mean, ""};
}

ggdm_metric_value ggdm_quantity_value(const ggdm_results *r, ggdm_quantity q, const ggdm_row *row)
{
    const ggdm_measured *verdict;
    switch (q.kind) {
    case GGDM_ACCURACY:
        return accuracy_of(&row->measured[q.index], row->measured[q.index].n);
    case GGDM_MEAN:
        return ggdm_measured_mean(&row->measured[q.index]);
    case GGDM_METRIC:
        return row->metrics[q.index];
    case GGDM_VERDICT:
        break;
    }
    verdict = ggdm_results_verdict(r, row);
    return verdict ? accuracy_of(verdict, row->cell.wanted)
                   : (ggdm_metric_value){(double)NAN, (double)NAN, (double)NAN, 0, ""};
}

int ggdm_decimals(double largest)
{
    const double decimals = largest > 0 ? 3 - floor(log10(largest)) : 0;
    return decimals < 0 ? 0 : decimals > 12 ? 12 : (int)decimals;
}

int ggdm_quantity_decimals(const ggdm_results *r, ggdm_quantity q)
{
    double most = 0, least_half = INFINITY;
    if (q.kind == GGDM_VERDICT || q.kind == GGDM_ACCURACY)
        return 1;
    for (int32_t i = 0; i < r->n_rows; i++) {
        const ggdm_metric_value v = ggdm_quantity_value(r, q, &r->rows[i]);
        const double half = (v.hi - v.lo) / 2;
        most = isfinite(v.value) && fabs(v.value) > most ? fabs(v.value) : most;
        least_half = half > 0 && half < least_half ? half : least_half;
    }
    if (most == 0)
        return 0;
    const double least = ggdm_decimals(most);
    return (int)fmax(least, fmin(least + 2, 1 - floor(log10(least_half))));
}

const char *ggdm_quantity_note(ggdm_quantity q, const ggdm_row *row)
{
    return q.kind == GGDM_METRIC ? row->metrics[q.index].note : "";
}

bool ggdm_quantity_applies(const ggdm_results *r, ggdm_quantity q, const ggdm_row *row)
{
    switch (q.kind) {
    case GGDM_VERDICT:
        return row->aim >= 0 && ggdm_results_verdict(r, row);
    case GGDM_ACCURACY:
        return row->aim >= 0 && row->measured[q.index].n > 0;
    case GGDM_MEAN:
    case GGDM_METRIC:
        break;
    }
    return ggdm_quantity_value(r, q, row).n > 0;
}

bool ggdm_quantity_says_something(const ggdm_results *r, ggdm_quantity q)
{
    for (int32_t i = 0; r->measures[q.index].output == GGDM_OUTPUT_NUMBER && i < r->n_rows; i++)
        if (ggdm_quantity_applies(r, q, &r->rows[i]) && r->rows[i].measured[q.index].mean != 0)
            return true;
    return false;
}

void ggdm_quantity_name(const ggdm_results *r, ggdm_quantity q, const ggdm_row *row, char *text,
                        size_t size)
{
    switch (q.kind) {
    case GGDM_VERDICT:
        snprintf(text, size, "accuracy by the %s", ggdm_results_verdict_name(r, row));
        break;
    case GGDM_ACCURACY:
        snprintf(text, size, "accuracy by the %s", r->measures[q.index].name);
        break;
    case GGDM_MEAN:
        snprintf(text, size, "mean %s", r->measures[q.index].name);
        break;
    case GGDM_METRIC:
        snprintf(text, size, "%s by %s", r->metrics[q.index].metric, r->metrics[q.index].settings);
        break;
    }
}
