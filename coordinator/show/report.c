#include "coordinator/show/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/json_write.h"
#include "common/mem.h"
#include "common/png_image.h"
#include "coordinator/run/progress.h"
#include "coordinator/run/run_dir.h"
#include "jobs/archive.h"
#include "jobs/sheet.h"
#include "jobs/store_audit.h"
#include "jobs/summary.h"

#define MAX_FIGURE ((size_t)8 << 20) /* bytes of accuracy.svg */
#define THUMBS 12                    /* images of a cell that are shown ... */
#define MAX_THUMB_CELLS 120          /* ... of so many cells */
#define MAX_SIDE 4096                /* pixels of a generated image */

static const char style[] =
    "<style>"
    "body{font:15px/1.5 system-ui,sans-serif;color:#1d2530;background:#f5f6f8;margin:0}"
    "main{max-width:1180px;margin:0 auto;padding:24px}"
    "h1{margin:0 0 4px;font-size:28px}h2{margin:0 0 12px;font-size:18px}"
    ".sub{color:#5b6675;margin:0 0 20px}"
    "section{background:#fff;border:1px solid #e1e5ea;border-radius:8px;padding:18px 20px;"
    "margin:0 0 18px;overflow-x:auto}"
    ".tiles{display:flex;flex-wrap:wrap;gap:12px;margin:0 0 18px}"
    ".tile{background:#fff;border:1px solid #e1e5ea;border-radius:8px;padding:10px 16px;"
    "min-width:110px}.tile b{display:block;font-size:20px}.tile span{color:#5b6675;font-size:13px}"
    "table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}"
    "th,td{padding:3px 12px 3px 0;text-align:right;white-space:nowrap}"
    "th{border-bottom:1px solid #c9d0d8;font-weight:600}td.l,th.l{text-align:left}"
    "tr:nth-child(even) td{background:#fafbfc}"
    ".bar{display:inline-block;width:90px;height:9px;background:#e8ecf0;border-radius:2px;"
    "margin-right:8px;position:relative;vertical-align:middle}"
    ".bar i{position:absolute;left:0;top:0;bottom:0;background:#21918c;border-radius:2px}"
    ".bar u{position:absolute;top:3px;height:3px;background:#1d253080}"
    ".bad{color:#b3261e}.row{display:flex;gap:14px;margin:0 0 14px}"
    ".card{flex:none;width:190px;font-size:12.5px;color:#39424e}"
    ".card img{display:block;width:170px;image-rendering:pixelated;border-radius:4px;border:1px "
    "solid #d7dce2;margin-bottom:3px}"
    "svg{max-width:100%;height:auto}pre{font-size:13px;background:#f5f6f8;padding:12px;"
    "border-radius:6px;overflow-x:auto;margin:12px 0 0}"
    ".time{position:relative;width:420px;height:12px;background:#e8ecf0;border-radius:2px}"
    ".time i{position:absolute;top:0;bottom:0;background:#3b528b;border-radius:2px;min-width:2px}"
    "code{font-size:13px}</style>\n";

/* ---- pieces --------------------------------------------------------------------------------- */

static void put_text(FILE *f, const char *text)
{
    for (; text && *text; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", f);
            break;
        case '>':
            fputs("&gt;", f);
            break;
        case '&':
            fputs("&amp;", f);
            break;
        case '"':
            fputs("&quot;", f);
            break;
        default:
            fputc(*text, f);
        }
    }
}

static void put_base64(FILE *f, const uint8_t *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        uint32_t v = (uint32_t)data[i] << 16;
        v |= i + 1 < size ? (uint32_t)data[i + 1] << 8 : 0;
        v |= i + 2 < size ? data[i + 2] : 0;
        fputc(digits[v >> 18], f);
        fputc(digits[v >> 12 & 63], f);
        fputc(i + 1 < size ? digits[v >> 6 & 63] : '=', f);
        fputc(i + 2 < size ? digits[v & 63] : '=', f);
    }
}

static void put_tile(FILE *f, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void put_tile(FILE *f, const char *label, const char *format, ...)
{
    char text[100];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fputs("<div class=tile><b>", f);
    put_text(f, text);
    fprintf(f, "</b><span>%s</span></div>", label);
}

static const char *time_text(double when, char text[32])
{
    time_t seconds = ggdm_to_int(when, 0, GGDM_LAST_SECOND);
    struct tm parts;
    text[0] = '\0';
    if (gmtime_r(&seconds, &parts))
        strftime(text, 32, "%Y-%m-%d %H:%M:%S", &parts);
    return text;
}

/* ---- head and figure ------------------------------------------------------------------------ */

static void put_head(FILE *f, ggdm_store *store)
{
    const ggdm_run_info *info = ggdm_store_run_info(store);
    const ggdm_store_counts *c = ggdm_store_counts_get(store);
    fputs("<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>\n<meta name=viewport "
          "content=\"width=device-width,initial-scale=1\">\n<title>",
          f);
    put_text(f, info->name);
    fprintf(f, "</title>\n%s</head><body><main>\n<h1>", style);
    put_text(f, info->name);
    fputs("</h1><p class=sub>Gradient-guided diffusion with ", f);
    put_text(f, info->model);
    if (info->guide && *info->guide) {
        fputs(", guided by ", f);
        put_text(f, info->guide);
    }
    if (info->judge && *info->judge) {
        fputs(", judged by ", f);
        put_text(f, info->judge);
    }
    fputs("</p>\n<div class=tiles>", f);
    put_tile(f, "cells", "%d", ggdm_store_n_cells(store));
    put_tile(f, "images a cell (n)", "%d", info->samples);
    if (c->images_asked > c->images_total)
        put_tile(f, "images asked for", "%lld", (long long)c->images_asked);
    put_tile(f, "distinct images", "%lld / %lld", (long long)c->images_done,
             (long long)c->images_total);
    put_tile(f, "diverged images", "%lld", (long long)c->images_diverged);
    put_tile(f, "units done", "%lld / %lld", (long long)c->units[GGDM_UNIT_DONE],
             (long long)c->units_total);
    int64_t bad = c->units[GGDM_UNIT_FAILED] + c->units[GGDM_UNIT_QUARANTINED];
    put_tile(f, "units given up", "%lld", (long long)bad);
    put_tile(f, "precision, instruction set", "%s, %s", ggdm_precision_names[info->job.precision],
             info->isa);
    fputs("</div>\n", f);
}

static ggdm_status put_figure(FILE *f, const char *dir, ggdm_error *err)
{
    char *path = NULL, *svg = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, "figures/accuracy.svg", &path, err), done);
    if (!ggdm_exists(path))
        goto done;
    GGDM_TRY_GOTO(st, ggdm_read_file(path, MAX_FIGURE, &svg, NULL, err), done);
    const char *begin = strstr(svg, "<svg"); /* without the XML prologue */
    if (begin)
        fprintf(f, "<section><h2>Accuracy against conditioning duration</h2>\n%s</section>\n",
                begin);
done:
    free(svg);
    free(path);
    return st;
}

/* ---- thumbnails ----------------------------------------------------------------------------- */

typedef struct thumbs {
    ggdm_sheet *sheet; /* owned */
    int32_t wanted, target;
} thumbs;

static ggdm_status add_thumb(void *context, const ggdm_image *image, ggdm_error *err)
{
    thumbs *t = context;
    ggdm_pixels pixels;
    GGDM_TRY(ggdm_png_decode(image->png, image->png_size, MAX_SIDE, &pixels, err));
    ggdm_status st = GGDM_OK;
    if (!t->sheet)
        st = ggdm_sheet_create(t->wanted, pixels.width, pixels.height, pixels.channels, &t->sheet,
                               err);
    if (st == GGDM_OK)
        ggdm_sheet_add(t->sheet, pixels.data, ggdm_frame_of(image, t->target));
    ggdm_pixels_deinit(&pixels);
    return st;
}

static ggdm_status put_thumbs(FILE *f, ggdm_store *store, const ggdm_cell_summary *s,
                              ggdm_error *err)
{
    thumbs t = {.wanted = s->n < THUMBS ? s->n : THUMBS, .target = s->cell.cell.target};
    uint8_t *png = NULL;
    size_t size = 0;
    ggdm_status st;
    GGDM_TRY_GOTO(
        st, ggdm_store_first_images(store, s->cell.cell.trajectory, THUMBS, add_thumb, &t, err),
        done);
    if (!t.sheet)
        goto done;
    GGDM_TRY_GOTO(st, ggdm_sheet_encode(t.sheet, &png, &size, err), done);
    fprintf(f, "<img alt=%s src=\"data:image/png;base64,", s->cell.name);
    put_base64(f, png, size);
    fputs("\">", f);
done:
    ggdm_sheet_destroy(&t.sheet);
    free(png);
    return st;
}

static const ggdm_scores *scores_of(const ggdm_cell_summary *s)
{
    return s->judge.known ? &s->judge : &s->guide;
}

/* A row of cards for each kappa: in a product of kappa and duration the columns are durations. */
typedef struct gallery {
    bool open; /* a row */
    double kappa;
} gallery;

static ggdm_status put_card(FILE *f, ggdm_store *store, int32_t i, gallery *g, ggdm_error *err)
{
    ggdm_cell_summary s;
    char window[GGDM_WINDOW_LABEL_SIZE];
    GGDM_TRY(ggdm_cell_summarise(store, i, &s, err));
    const ggdm_cell *c = &s.cell.cell;
    ggdm_status st = GGDM_OK;
    if (s.n > 0) {
        if (!g->open || c->kappa != g->kappa)
            fprintf(f, "%s<div class=row>", g->open ? "</div>\n" : "");
        *g = (gallery){.open = true, .kappa = c->kappa};
        fputs("<div class=card>", f);
        st = put_thumbs(f, store, &s, err);
        ggdm_window_label(c->start, c->duration, window);
        fprintf(f, "<b>%s</b> &kappa; = %g, t&#771; = %s", s.cell.name, c->kappa, window);
        if (c->target >= 0)
            fprintf(f, ", target %d", c->target);
        if (scores_of(&s)->has_accuracy)
            fprintf(f, "<br>%.1f %% right of n = %d", 100 * scores_of(&s)->accuracy.p,
                    scores_of(&s)->n);
        else if (scores_of(&s)->unscored)
            fputs("<br>&ndash;", f);
        if (scores_of(&s)->unscored)
            fprintf(f, ", <span class=bad>%d without a score</span>", scores_of(&s)->unscored);
        if (s.diverged)
            fprintf(f, ", <span class=bad>%d diverged</span>", s.diverged);
        fputs("</div>", f);
    }
    ggdm_cell_summary_deinit(&s);
    return st;
}

static ggdm_status put_gallery(FILE *f, ggdm_store *store, ggdm_error *err)
{
    int32_t n = ggdm_store_n_cells(store);
    int32_t shown = n < MAX_THUMB_CELLS ? n : MAX_THUMB_CELLS;
    gallery g = {0};
    fprintf(f,
            "<section><h2>Images</h2><p class=sub>The first %d of each cell; frame green: right, "
            "orange: wrong, hatched: diverged.",
            THUMBS);
    if (shown < n)
        fprintf(f, " The first %d of %d cells; all are in archive/.", shown, n);
    fputs("</p>\n", f);
    for (int32_t i = 0; i < shown; i++)
        GGDM_TRY(put_card(f, store, i, &g, err));
    fprintf(f, "%s</section>\n", g.open ? "</div>" : "");
    return GGDM_OK;
}

/* ---- the table ------------------------------------------------------------------------------ */

static void put_share(FILE *f, const ggdm_scores *s)
{
    if (!s->has_accuracy && s->unscored)
        fprintf(f, "<td>&ndash;</td><td class=bad>%d without a score</td>", s->unscored);
    else if (!s->has_accuracy)
        fputs("<td>&ndash;</td><td></td>", f);
    if (!s->has_accuracy)
        return;
    const ggdm_share *a = &s->accuracy;
    fprintf(f,
            "<td><span class=bar><i style=\"width:%.1f%%\"></i><u "
            "style=\"left:%.1f%%;width:%.1f%%\"></u></span>%.1f %%</td><td>[%.1f, %.1f]",
            100 * a->p, 100 * a->lo, 100 * (a->hi - a->lo), 100 * a->p, 100 * a->lo, 100 * a->hi);
    if (s->unscored)
        fprintf(f, ", <span class=bad>%d without a score</span>", s->unscored);
    fputs("</td>", f);
}

static void put_line(FILE *f, const ggdm_cell_summary *s)
{
    const ggdm_cell *c = &s->cell.cell;
    char kappa[GGDM_NUMBER_SIZE], window[GGDM_WINDOW_LABEL_SIZE];
    ggdm_number_text(c->kappa, kappa);
    ggdm_window_label(c->start, c->duration, window);
    fprintf(f, "<tr><td class=l>%s</td><td>%s</td><td>%s</td>", s->cell.name, kappa, window);
    if (c->target >= 0)
        fprintf(f, "<td>%d</td>", c->target);
    else
        fputs("<td>&ndash;</td>", f);
    fprintf(f, "<td%s>%d</td>", s->n < s->expected ? " class=bad" : "", s->n);
    fprintf(f, "<td%s>%d</td>", s->diverged ? " class=bad" : "", s->diverged);
    put_share(f, &s->judge);
    put_share(f, &s->guide);
    if (s->guide.has_loss)
        fprintf(f, "<td>%.4g</td></tr>\n", s->guide.loss);
    else
        fputs("<td>&ndash;</td></tr>\n", f);
}

static ggdm_status put_table(FILE *f, ggdm_store *store, ggdm_error *err)
{
    fputs("<section><h2>Cells</h2><p class=sub>Share of the images that are taken for the target, "
          "with Wilson 95 % intervals; diverged images count as wrong, "
          "images without a score (it was not finite) not at all.</p>\n<table><tr><th class=l>"
          "cell<th>&kappa;<th>t&#771;<th>target<th>n<th>diverged<th>judge<th>95 %<th>guide<th>95 %"
          "<th>mean loss</tr>\n",
          f);
    for (int32_t i = 0; i < ggdm_store_n_cells(store); i++) {
        ggdm_cell_summary s;
        GGDM_TRY(ggdm_cell_summarise(store, i, &s, err));
        put_line(f, &s);
        ggdm_cell_summary_deinit(&s);
    }
    fputs("</table></section>\n", f);
    return GGDM_OK;
}

/* ---- parameters ----------------------------------------------------------------------------- */

static void put_row(FILE *f, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    fprintf(f, "<tr><td class=l>%s</td><td class=l><code>", name);
    put_text(f, value);
    fputs("</code></td></tr>\n", f);
}

static void put_parameters(FILE *f, ggdm_store *store)
{
    const ggdm_run_info *info = ggdm_store_run_info(store);
    const ggdm_job *job = &info->job;
    char number[32];
    fputs("<section><h2>Parameters</h2><table>\n", f);
    snprintf(number, sizeof number, "%" PRIu64, job->seed);
    put_row(f, "seed", number);
    snprintf(number, sizeof number, "%d", job->steps);
    put_row(f, "sampler steps", number);
    put_row(f, "variance", ggdm_variance_names[job->variance]);
    put_row(f, "gradient", ggdm_gradient_names[job->gradient]);
    put_row(f, "loss", ggdm_loss_form_names[job->form]);
    put_row(f, "precision", ggdm_precision_names[job->precision]);
    put_row(f, "instruction set", info->isa);
    put_row(f, "began on", info->processor);
    put_row(f, "library", info->library);
    put_row(f, "model, SHA-256", info->model_digest);
    put_row(f, "guide, SHA-256", info->guide_digest);
    put_row(f, "judge, SHA-256", info->judge_digest);
    put_row(f, "started by ggdm", info->version);
    put_row(f, "notes", info->notes);
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
        put_row(f, "SHA-256", digest);
        fputs("</table>\n<pre>", f);
        put_text(f, text);
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

/* ---- the page ------------------------------------------------------------------------------- */

static ggdm_status put_page(FILE *f, ggdm_store *store, const char *dir, ggdm_error *err)
{
    put_head(f, store);
    GGDM_TRY(put_figure(f, dir, err));
    GGDM_TRY(put_gallery(f, store, err));
    GGDM_TRY(put_table(f, store, err));
    GGDM_TRY(put_timeline(f, store, err));
    put_parameters(f, store);
    GGDM_TRY(put_sweeps(f, store, err));
    fprintf(f, "</main></body></html>\n");
    return GGDM_OK;
}

ggdm_status ggdm_report_write(ggdm_store *store, const char *dir, ggdm_error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for " GGDM_REPORT_FILE);
    ggdm_status st = put_page(f, store, dir, err);
    bool bad = ferror(f) != 0;
    if ((fclose(f) != 0 || bad) && st == GGDM_OK)
        st = GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for " GGDM_REPORT_FILE);
    if (st == GGDM_OK)
        st = ggdm_replace_file_in(dir, GGDM_REPORT_FILE, text, size, err);
    free(text);
    return st;
}
