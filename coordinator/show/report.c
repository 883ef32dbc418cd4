#include "coordinator/show/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/mem.h"
#include "common/temp.h"
#include "coordinator/run/progress.h"
#include "coordinator/run/run_dir.h"
#include "coordinator/show/html.h"
#include "coordinator/show/report_cells.h"
#include "coordinator/show/report_surface.h"
#include "jobs/gnuplot.h"
#include "jobs/mosaic.h"
#include "jobs/plot.h"
#include "jobs/store_audit.h"

/* ---- head and figure ------------------------------------------------------------------------- */

static void put_models(FILE *f, const ggdm_results *r)
{
    fputs("<p class=sub>Guided diffusion", f);
    for (int32_t i = 0; i < r->n_models; i++) {
        fputs(i ? ", " : " with ", f);
        ggdm_html_text(f, r->models[i].name);
    }
    fputs("</p>\n", f);
}

/* "200", or, where cells want different numbers, "100 to 200". */
static void put_wanted(FILE *f, const ggdm_results *r)
{
    int32_t least = r->n_rows ? r->rows[0].cell.wanted : 0, most = least;
    for (int32_t i = 0; i < r->n_rows; i++) {
        least = r->rows[i].cell.wanted < least ? r->rows[i].cell.wanted : least;
        most = r->rows[i].cell.wanted > most ? r->rows[i].cell.wanted : most;
    }
    if (least == most)
        ggdm_html_tile(f, "images a cell (n)", "%d", most);
    else
        ggdm_html_tile(f, "images a cell (n)", "%d to %d", least, most);
}

static void put_head(FILE *f, const ggdm_results *r)
{
    const ggdm_run_info *info = r->info;
    const ggdm_store_counts *c = ggdm_store_counts_get(r->store);
    ggdm_html_begin(f, info->name);
    fputs("<h1>", f);
    ggdm_html_text(f, info->name);
    fputs("</h1>", f);
    put_models(f, r);
    fputs("<div class=tiles>", f);
    ggdm_html_tile(f, "cells", "%d", r->n_rows);
    put_wanted(f, r);
    if (c->images_asked > c->images_total)
        ggdm_html_tile(f, "images asked for", "%lld", (long long)c->images_asked);
    ggdm_html_tile(f, "distinct images", "%lld / %lld", (long long)c->images_done,
                   (long long)c->images_total);
    ggdm_html_tile(f, "diverged images", "%lld", (long long)c->images_diverged);
    ggdm_html_tile(f, "units done", "%lld / %lld", (long long)c->units[GGDM_UNIT_DONE],
                   (long long)c->units_total);
    int64_t bad = c->units[GGDM_UNIT_FAILED] + c->units[GGDM_UNIT_QUARANTINED];
    ggdm_html_tile(f, "units given up", "%lld", (long long)bad);
    ggdm_html_tile(f, "precision, instruction set", "%s, %s", ggdm_precision_names[info->precision],
                   info->isa);
    fputs("</div>\n", f);
}

static ggdm_status put_figures(FILE *f, const char *dir, ggdm_error *err)
{
    for (int page = 1; page <= GGDM_GNUPLOT_PAGES; page++) {
        char name[GGDM_GNUPLOT_NAME_SIZE];
        ggdm_gnuplot_page(GGDM_PLOT_FIGURE, page, "svg", name);
        GGDM_TRY(ggdm_html_figure(f, dir, name, "Accuracy", err));
    }
    return GGDM_OK;
}

/* Its first page; the others stay files beside this one, which would grow by megabytes. */
static ggdm_status put_sheet(FILE *f, const char *dir, ggdm_error *err)
{
    char *second = NULL;
    GGDM_TRY(ggdm_asprintf(&second, err, "%s/figures/" GGDM_MOSAIC_FIGURE "-2.png", dir));
    const char *title = ggdm_exists(second)
                            ? "All cells, first page; it goes on in figures/sheet-2.png"
                            : "All cells";
    free(second);
    return ggdm_html_figure(f, dir, GGDM_MOSAIC_FIGURE ".svg", title, err);
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* What all cells have in common; the others have columns in the table of cells. */
static void put_parameters(FILE *f, const ggdm_results *r)
{
    const ggdm_run_info *info = r->info;
    fputs("<section><h2>Parameters</h2><table>\n", f);
    for (int32_t i = 0; i < r->n_columns && r->n_rows; i++)
        if (!r->columns[i].varies)
            ggdm_html_row(f, r->columns[i].path, ggdm_results_value(r, r->rows, i).text);
    ggdm_html_row(f, "precision", ggdm_precision_names[info->precision]);
    ggdm_html_row(f, "instruction set", info->isa);
    ggdm_html_row(f, "began on", info->processor);
    ggdm_html_row(f, "library", info->library);
    for (int32_t i = 0; i < r->n_models; i++) {
        char name[GGDM_MAX_TEXT + 20];
        snprintf(name, sizeof name, "%s, SHA-256", r->models[i].name);
        ggdm_html_row(f, name, r->models[i].digest);
    }
    ggdm_html_row(f, "started by ggdm", info->version);
    ggdm_html_row(f, "notes", info->notes);
    fputs("</table></section>\n", f);
}

/* The sweep that the run was made from, and those that were added. */
static ggdm_status put_sweep(FILE *f, ggdm_store *store, int32_t i, ggdm_error *err)
{
    char name[GGDM_SWEEP_NAME_SIZE], *text = NULL, *digest = NULL;
    ggdm_sweep_file_name(i, name);
    ggdm_status st = ggdm_store_sweep_text(store, i, &text, err);
    if (st == GGDM_OK)
        st = ggdm_store_sweep_digest(store, i, &digest, err);
    if (st == GGDM_OK) {
        fprintf(f, "<section><h2>%s%s</h2><table>\n", i == 1 ? "" : "Added: ", name);
        ggdm_html_row(f, "SHA-256", digest);
        fputs("</table>\n<pre>", f);
        ggdm_html_text(f, text);
        fputs("</pre></section>\n", f);
    }
    free(text);
    free(digest);
    return st;
}

static ggdm_status put_sweeps(FILE *f, ggdm_store *store, ggdm_error *err)
{
    int32_t n = 0;
    GGDM_TRY(ggdm_store_n_sweeps(store, &n, err));
    for (int32_t i = 1; i <= n; i++)
        GGDM_TRY(put_sweep(f, store, i, err));
    return GGDM_OK;
}

/* ---- timeline ------------------------------------------------------------------------------- */

static const char *time_text(double when, char text[32])
{
    time_t seconds = ggdm_to_int(when, 0, GGDM_LAST_SECOND);
    struct tm parts;
    text[0] = '\0';
    if (gmtime_r(&seconds, &parts))
        strftime(text, 32, "%Y-%m-%d %H:%M:%S", &parts);
    return text;
}

typedef struct timeline {
    FILE *f;
    double first, last;
    int64_t n;
} timeline;

static ggdm_status measure_session(void *context, const ggdm_session_audit *s, ggdm_error *err)
{
    (void)err;
    timeline *t = context;
    t->first = t->n == 0 || s->first < t->first ? s->first : t->first;
    t->last = t->n == 0 || s->last > t->last ? s->last : t->last;
    t->n++;
    return GGDM_OK;
}

static ggdm_status put_session(void *context, const ggdm_session_audit *s, ggdm_error *err)
{
    (void)err;
    timeline *t = context;
    char first[32], last[16];
    double span = t->last > t->first ? t->last - t->first : 1;
    fprintf(t->f,
            "<tr><td class=l>%lld</td><td class=l>%s</td><td>%s</td><td>%lld</td><td>%lld</td>"
            "<td>%lld</td><td><div class=time><i style=\"left:%.2f%%;width:%.2f%%\"></i></div></td>"
            "</tr>\n",
            (long long)s->session, time_text(s->first, first),
            ggdm_duration_text(s->last - s->first, last), (long long)s->done, (long long)s->failed,
            (long long)s->requeued, 100 * (s->first - t->first) / span,
            100 * (s->last - s->first) / span);
    return GGDM_OK;
}

static ggdm_status put_timeline(FILE *f, ggdm_store *store, ggdm_error *err)
{
    timeline t = {.f = f};
    GGDM_TRY(ggdm_store_audit_sessions(store, measure_session, &t, err));
    if (t.n == 0)
        return GGDM_OK;
    fputs("<section><h2>Timeline</h2><p class=sub>One line for each start of a coordinator; times "
          "are UTC, of the first and the last event.</p>\n<table><tr><th class=l>session<th "
          "class=l>from<th>for<th>units done<th>failed attempts<th>given back<th></tr>\n",
          f);
    GGDM_TRY(ggdm_store_audit_sessions(store, put_session, &t, err));
    fputs("</table></section>\n", f);
    return GGDM_OK;
}

/* ---- the page -------------------------------------------------------------------------------- */

static ggdm_status put_page(FILE *f, const ggdm_results *r, const char *dir, ggdm_error *err)
{
    put_head(f, r);
    GGDM_TRY(put_figures(f, dir, err));
    GGDM_TRY(ggdm_report_surface(f, r, dir, err));
    GGDM_TRY(put_sheet(f, dir, err));
    GGDM_TRY(ggdm_report_gallery(f, r, err));
    ggdm_report_table(f, r);
    GGDM_TRY(ggdm_report_recipes(f, r, err));
    GGDM_TRY(put_timeline(f, r->store, err));
    put_parameters(f, r);
    GGDM_TRY(put_sweeps(f, r->store, err));
    ggdm_html_end(f);
    return GGDM_OK;
}

ggdm_status ggdm_report_write(const ggdm_results *r, const char *dir, const char *name,
                              ggdm_error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for %s", name);
    ggdm_status st = put_page(f, r, dir, err);
    bool bad = ferror(f) != 0;
    if ((fclose(f) != 0 || bad) && st == GGDM_OK)
        st = GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for %s", name);
    if (st == GGDM_OK)
        st = ggdm_replace_file_in(dir, name, text, size, err);
    free(text);
    return st;
}
