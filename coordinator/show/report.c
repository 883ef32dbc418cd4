#include "coordinator/show/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/mem.h"
#include "common/temp.h"
#include "coordinator/run/progress.h"
#include "coordinator/run/run_dir.h"
#include "coordinator/show/html.h"
#include "coordinator/show/page_text.h"
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

#define MAX_PAGE ((size_t)50000000) /* bytes; sprites beyond that are files beside it */

/* What goes into the page, and where it comes from. */
typedef struct page {
    FILE *f;
    const ggdm_results *r;
    const char *dir;
    char *sprites_dir; /* name of the directory beside the page; owned */
    ggdm_report_options options;
    ggdm_sprites sprites;
    bool in_page; /* the sprites */
} page;

static ggdm_status put_title(page *p, ggdm_error *err)
{
    (void)err;
    ggdm_html_text(p->f, p->r->info->name);
    return GGDM_OK;
}

static ggdm_status put_body(page *p, ggdm_error *err)
{
    put_head(p->f, p->r);
    GGDM_TRY(put_figures(p->f, p->dir, err));
    GGDM_TRY(ggdm_report_surface(p->f, p->r, p->dir, err));
    GGDM_TRY(put_sheet(p->f, p->dir, err));
    GGDM_TRY(ggdm_report_gallery(p->f, p->r, err));
    ggdm_report_table(p->f, p->r);
    GGDM_TRY(ggdm_report_recipes(p->f, p->r, err));
    GGDM_TRY(put_timeline(p->f, p->r->store, err));
    put_parameters(p->f, p->r);
    return put_sweeps(p->f, p->r->store, err);
}

/* As JSON that a script element may hold: nothing in it can end the element. */
static void put_script_text(FILE *f, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] == '<')
            fputs("\\u003c", f);
        else
            fputc(text[i], f);
}

static ggdm_status put_data(page *p, ggdm_error *err)
{
    const size_t rest = strlen(ggdm_page_text), before = (size_t)ftell(p->f);
    const ggdm_report_facts facts = {.dir = p->dir,
                                     .live = p->options.live,
                                     .summary = p->options.summary,
                                     .sprites = &p->sprites,
                                     .sprites_dir = p->sprites_dir,
                                     .room =
                                         before + rest < MAX_PAGE ? MAX_PAGE - before - rest : 0};
    ggdm_json j;
    char *text = NULL;
    size_t size = 0;
    ggdm_json_init(&j, GGDM_JSON_COMPACT);
    ggdm_status st = ggdm_report_data(&j, p->r, &facts, &p->in_page, err);
    if (st == GGDM_OK)
        st = ggdm_json_finish(&j, &text, &size, err);
    else
        ggdm_json_deinit(&j);
    if (st == GGDM_OK)
        put_script_text(p->f, text, size);
    free(text);
    return st;
}

static ggdm_status put_sprites(page *p, ggdm_error *err)
{
    if (!p->in_page) {
        char *dir = NULL;
        GGDM_TRY(ggdm_path_join(p->dir, p->sprites_dir, &dir, err));
        ggdm_status st = ggdm_sprites_write(&p->sprites, dir, err);
        free(dir);
        return st;
    }
    for (int32_t i = 0; i < p->sprites.n; i++) {
        const ggdm_sprite *s = &p->sprites.sprites[i];
        if (!s->size)
            continue;
        fprintf(p->f, "<script type=\"text/plain\" id=\"sprite-%lld\">", (long long)s->trajectory);
        GGDM_TRY(ggdm_sprite_put_base64(&p->sprites, i, p->f, err));
        fputs("</script>\n", p->f);
    }
    return GGDM_OK;
}

#define MARK "<!--ggdm:"

static const struct {
    const char *mark;
    ggdm_status (*put)(page *p, ggdm_error *err);
} parts[] = {
    {MARK "title-->", put_title},
    {MARK "body-->", put_body},
    {MARK "data-->", put_data},
    {MARK "sprites-->", put_sprites},
};
enum { N_PARTS = sizeof parts / sizeof *parts };

static ggdm_status put_page(page *p, ggdm_error *err)
{
    const char *text = ggdm_page_text;
    for (const char *at; (at = strstr(text, MARK)); text = at) {
        int i = 0;
        while (i < N_PARTS && strncmp(at, parts[i].mark, strlen(parts[i].mark)) != 0)
            i++;
        if (i == N_PARTS)
            return GGDM_FAIL(err, GGDM_EINTERNAL, "the report's page: nobody fills %.20s", at);
        fwrite(text, 1, (size_t)(at - text), p->f);
        GGDM_TRY(parts[i].put(p, err));
        at += strlen(parts[i].mark);
    }
    fputs(text, p->f);
    return GGDM_OK;
}

static ggdm_status write_page(page *p, int fd, const char *path, ggdm_error *err)
{
    p->f = fdopen(fd, "w");
    if (!p->f) {
        const int why = errno;
        close(fd);
        return GGDM_FAIL_ERRNO(err, why, "%s: cannot be written", path);
    }
    ggdm_status st = put_page(p, err);
    const bool bad = ferror(p->f) != 0;
    errno = EIO; /* where an earlier write failed, and this does not say why */
    if ((fclose(p->f) != 0 || bad) && st == GGDM_OK)
        st = GGDM_FAIL_ERRNO(err, errno, "%s: cannot be written", path);
    return st;
}

static ggdm_status replace_page(page *p, const char *path, ggdm_error *err)
{
    ggdm_temp temp;
    GGDM_TRY(ggdm_temp_open(path, &temp, err));
    const int fd = dup(temp.fd); /* the stream closes its own */
    ggdm_status st = fd >= 0 ? write_page(p, fd, path, err)
                             : GGDM_FAIL_ERRNO(err, errno, "%s: cannot be written", path);
    if (st == GGDM_OK)
        return ggdm_temp_commit(&temp, err);
    ggdm_temp_abort(&temp);
    return st;
}

ggdm_status ggdm_report_write(const ggdm_results *r, const char *dir, const char *name,
                              const ggdm_report_options *options, ggdm_error *err)
{
    page p = {.r = r, .dir = dir, .options = options ? *options : (ggdm_report_options){0}};
    char *path = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, name, &path, err), done);
    GGDM_TRY_GOTO(
        st, ggdm_asprintf(&p.sprites_dir, err, "%.*s_files/", (int)strcspn(name, "."), name), done);
    GGDM_TRY_GOTO(st, ggdm_sprites_make(r, dir, &p.sprites, err), done);
    st = replace_page(&p, path, err);
done:
    ggdm_sprites_deinit(&p.sprites);
    free(p.sprites_dir);
    free(path);
    return st;
}
