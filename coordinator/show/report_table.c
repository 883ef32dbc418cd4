#include "coordinator/show/report_table.h"

#include <math.h>
#include <string.h>

#include "coordinator/show/html.h"
#include "coordinator/show/report_columns.h"
#include "jobs/results_until.h"

/* Whatever people wrote stands by itself, whichever way it is read. */
static void put_text(FILE *f, const char *element, const char *text)
{
    fprintf(f, "<%s><bdi>", element);
    ggdm_html_text(f, *text ? text : "\u2013");
    fprintf(f, "</bdi></%s>", element);
}

static void put_head(FILE *f, const ggdm_results *r, const ggdm_report_columns *columns)
{
    char interval[GGDM_INTERVAL_SIZE];
    ggdm_results_interval(r, interval);
    fprintf(f,
            "<table>\n<caption>The numbers of all cells; shares in per cent, with %s "
            "intervals.</caption>\n<tr><th>cell</th>",
            interval);
    for (int32_t i = 0; i < r->n_varying; i++)
        put_text(f, "th", r->columns[r->varying[i]].label);
    fputs("<th>n</th>", f);
    for (int32_t i = 0; i < columns->n; i++)
        put_text(f, "th", columns->columns[i].label);
    fputs("</tr>\n", f);
}

static void put_value(FILE *f, const ggdm_report_column *c, const ggdm_row *row)
{
    const ggdm_metric_value v = c->get(row, c->index);
    const bool share = strcmp(c->kind, "share") == 0;
    const double unit = share ? 100 : 1;
    fputs("<td>", f);
    if (!isfinite(v.value))
        fputs("\u2013", f);
    else
        fprintf(f, share ? "%.1f %%" : "%.4g", unit * v.value);
    if (isfinite(v.lo) && isfinite(v.hi) && isfinite(v.value))
        fprintf(f, share ? " [%.1f, %.1f]" : " [%.4g, %.4g]", unit * v.lo, unit * v.hi);
    if (*v.note) {
        fputs(" (", f);
        ggdm_html_text(f, v.note);
        fputs(")", f);
    }
    fputs("</td>", f);
}

static void put_row(FILE *f, const ggdm_results *r, const ggdm_row *row,
                    const ggdm_report_columns *columns)
{
    fprintf(f, "<tr><th>%s</th>", row->cell.name);
    for (int32_t i = 0; i < r->n_varying; i++)
        put_text(f, "td", ggdm_results_value(r, row, r->varying[i]).text);
    if (row->n < row->cell.wanted)
        fprintf(f, "<td>%d of %d</td>", row->n, row->cell.wanted);
    else
        fprintf(f, "<td>%d</td>", row->n);
    for (int32_t i = 0; i < columns->n; i++)
        put_value(f, &columns->columns[i], row);
    fputs("</tr>\n", f);
}

ggdm_status ggdm_report_table(FILE *f, const ggdm_results *r, ggdm_error *err)
{
    ggdm_report_columns columns;
    ggdm_status st = ggdm_report_columns_find(r, &columns, err);
    if (st == GGDM_OK) {
        put_head(f, r, &columns);
        for (int32_t i = 0; i < r->n_rows; i++)
            put_row(f, r, &r->rows[i], &columns);
        fputs("</table>\n", f);
    }
    ggdm_report_columns_deinit(&columns);
    return st;
}
