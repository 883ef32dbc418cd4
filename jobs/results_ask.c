/* What is asked of a table of results (jobs/results.h). */
#include "jobs/results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

ggdm_store_value ggdm_results_value(const ggdm_results *r, const ggdm_row *row, int32_t column)
{
    return r->values[(size_t)(row - r->rows) * (size_t)r->n_columns + (size_t)column];
}

const ggdm_results_panel *ggdm_results_panel_of(const ggdm_results *r, const ggdm_row *row)
{
    return &r->panels[row->cell.panel];
}

const ggdm_measured *ggdm_results_verdict(const ggdm_results *r, const ggdm_row *row)
{
    const ggdm_results_panel *p = ggdm_results_panel_of(r, row);
    return p->verdict < 0 ? NULL : &row->measured[p->measure[p->verdict]];
}

const char *ggdm_results_aim_name(const ggdm_results *r)
{
    const char *name = r->columns[r->aim_column].name, *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

const char *ggdm_results_verdict_name(const ggdm_results *r, const ggdm_row *row)
{
    const ggdm_results_panel *p = ggdm_results_panel_of(r, row);
    return p->verdict < 0 ? NULL : r->measures[p->measure[p->verdict]].name;
}

void ggdm_results_put_value(ggdm_json *j, const ggdm_store_column *column, ggdm_store_value value)
{
    if (!*value.text)
        ggdm_json_put_null(j, column->name);
    else if (column->type == GGDM_PARAM_FLAG)
        ggdm_json_put_bool(j, column->name, strcmp(value.text, "true") == 0);
    else if (column->type == GGDM_PARAM_WHOLE ||
             (column->type == GGDM_PARAM_CLASS && isfinite(value.number)))
        ggdm_json_put_int(j, column->name, strtoll(value.text, NULL, 10)); /* more than a double */
    else if (isfinite(value.number))
        ggdm_json_put_double(j, column->name, value.number);
    else
        ggdm_json_put_string(j, column->name, value.text);
}

const char *ggdm_results_model(const ggdm_results *r, const ggdm_row *row, int32_t measure)
{
    int32_t n = 0;
    const ggdm_store_measure *panel = ggdm_store_panel(r->store, row->cell.panel, &n);
    for (int32_t k = 0; k < n; k++)
        for (int32_t i = 0; i < r->n_models; i++)
            if (ggdm_results_panel_of(r, row)->measure[k] == measure &&
                strstr(panel[k].text, r->models[i].digest))
                return r->models[i].name;
    return NULL;
}

void ggdm_results_put_histograms(ggdm_json *j, const ggdm_results *r, const ggdm_row *row,
                                 int32_t most)
{
    ggdm_json_begin_object(j, "histograms");
    for (int32_t i = 0; i < r->n_measures; i++) {
        const ggdm_measured *m = &row->measured[i];
        if (!m->histogram || m->classes > most)
            continue;
        ggdm_json_begin_array(j, r->measures[i].name);
        for (int32_t c = 0; c < m->classes; c++)
            ggdm_json_put_int(j, NULL, m->histogram[c]);
        ggdm_json_end(j);
    }
    ggdm_json_end(j);
}
