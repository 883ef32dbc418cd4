#include "coordinator/show/report_cells.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/mem.h"
#include "common/plural.h"
#include "common/png_image.h"
#include "coordinator/show/html.h"
#include "jobs/archive.h"
#include "jobs/axes.h"
#include "jobs/results_until.h"
#include "jobs/sheet.h"

#define THUMBS 12       /* images of a cell that are shown ... */
#define MAX_CELLS 120   /* ... of so many cells */
#define MAX_SIDE 4096   /* pixels of a generated image */
#define MAX_RECIPES 500 /* that are shown */

/* ---- images ---------------------------------------------------------------------------------- */

typedef struct thumbs {
    ggdm_sheet *sheet; /* owned */
    int32_t wanted, aim;
    const ggdm_results_panel *panel;
} thumbs;

static ggdm_status add_thumb(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    thumbs *t = context;
    ggdm_pixels pixels;
    GGDM_TRY(ggdm_png_decode(sample->data, sample->size, MAX_SIDE, &pixels, err));
    ggdm_status st = GGDM_OK;
    if (!t->sheet)
        st = ggdm_sheet_create(t->wanted, pixels.width, pixels.height, pixels.channels, &t->sheet,
                               err);
    if (st == GGDM_OK)
        ggdm_sheet_add(t->sheet, pixels.data, ggdm_frame_of(sample, t->panel, t->aim));
    ggdm_pixels_deinit(&pixels);
    return st;
}

static ggdm_status put_thumbs(FILE *f, const ggdm_results *r, const ggdm_row *row, ggdm_error *err)
{
    thumbs t = {.wanted = row->n < THUMBS ? row->n : THUMBS,
                .aim = row->aim,
                .panel = ggdm_results_panel_of(r, row)};
    uint8_t *png = NULL;
    size_t size = 0;
    ggdm_status st;
    GGDM_TRY_GOTO(st,
                  ggdm_store_each_sample(r->store, row->cell.trajectory, t.wanted, true,
                                         t.panel->scorers, t.panel->n, add_thumb, &t, err),
                  done);
    if (!t.sheet)
        goto done;
    GGDM_TRY_GOTO(st, ggdm_sheet_encode(t.sheet, &png, &size, err), done);
    fprintf(f, "<img alt=%s src=\"data:image/png;base64,", row->cell.name);
    ggdm_html_base64(f, png, size);
    fputs("\">", f);
done:
    ggdm_sheet_destroy(&t.sheet);
    free(png);
    return st;
}

static void put_parameters(FILE *f, const ggdm_results *r, const ggdm_row *row)
{
    const char *separator = " ";
    for (int32_t i = 0; i < r->n_varying; i++) {
        const ggdm_store_column *c = &r->columns[r->varying[i]];
        const char *text = ggdm_results_value(r, row, r->varying[i]).text;
        if (!*text)
            continue;
        fputs(separator, f);
        ggdm_html_text(f, c->label);
        fputs(" = ", f);
        ggdm_html_text(f, text);
        separator = ", ";
    }
}

static ggdm_status put_card(FILE *f, const ggdm_results *r, const ggdm_row *row, ggdm_error *err)
{
    const ggdm_measured *m = ggdm_results_verdict(r, row);
    fputs("<div class=card>", f);
    GGDM_TRY(put_thumbs(f, r, row, err));
    fprintf(f, "<b>%s</b>", row->cell.name);
    put_parameters(f, r, row);
    if (m && !isnan(m->accuracy.p))
        fprintf(f, "<br>%.1f %% right of n = %d", 100 * m->accuracy.p, m->n);
    else if (m && m->unscored)
        fputs("<br>&ndash;", f);
    if (m && m->unscored)
        fprintf(f, ", <span class=bad>%d without a score</span>", m->unscored);
    if (row->diverged)
        fprintf(f, ", <span class=bad>%d diverged</span>", row->diverged);
    fputs("</div>", f);
    return GGDM_OK;
}

/* The axis whose value changes least often from cell to cell; NULL: there is none. */
static const ggdm_axis *slowest(const ggdm_axes *a, int32_t n_rows)
{
    const ggdm_axis *best = NULL;
    int32_t least = 0;
    for (int32_t i = 0; i < a->n; i++) {
        int32_t changes = 0;
        for (int32_t k = 1; k < n_rows; k++)
            changes += a->axes[i].rank[k] != a->axes[i].rank[k - 1];
        if (!best || changes < least) {
            best = &a->axes[i];
            least = changes;
        }
    }
    return best;
}

static ggdm_status put_cards(FILE *f, const ggdm_results *r, int32_t n, const ggdm_axis *axis,
                             ggdm_error *err)
{
    int32_t before = -1;
    for (int32_t i = 0; i < n; i++) {
        if (r->rows[i].n == 0)
            continue;
        if (before < 0 || (axis && axis->rank[i] != axis->rank[before]))
            fprintf(f, "%s<div class=row>", before < 0 ? "" : "</div>\n");
        before = i;
        GGDM_TRY(put_card(f, r, &r->rows[i], err));
    }
    fprintf(f, "%s</section>\n", before < 0 ? "" : "</div>");
    return GGDM_OK;
}

ggdm_status ggdm_report_gallery(FILE *f, const ggdm_results *r, ggdm_error *err)
{
    int32_t shown = r->n_rows < MAX_CELLS ? r->n_rows : MAX_CELLS;
    ggdm_axes axes;
    fprintf(f,
            "<section><h2>Images</h2><p class=sub>The first %d of each cell; frame green: right, "
            "orange: wrong, hatched: diverged.",
            THUMBS);
    if (shown < r->n_rows)
        fprintf(f, " The first %d of %d cells; all are in archive/.", shown, r->n_rows);
    fputs("</p>\n", f);
    ggdm_status st = ggdm_axes_find(r, &axes, err);
    if (st == GGDM_OK)
        st = put_cards(f, r, shown, slowest(&axes, r->n_rows), err);
    ggdm_axes_deinit(&axes);
    return st;
}

/* ---- the table ------------------------------------------------------------------------------- */

static void put_cell_text(FILE *f, const char *text)
{
    fputs("<td>", f);
    if (*text)
        ggdm_html_text(f, text);
    else
        fputs("&ndash;", f);
    fputs("</td>", f);
}

static void put_number(FILE *f, double v)
{
    if (isnan(v))
        fputs("<td>&ndash;</td>", f);
    else
        fprintf(f, "<td>%.4g</td>", v);
}

static void put_share(FILE *f, const ggdm_measured *m)
{
    const ggdm_share *a = &m->accuracy;
    if (!isnan(a->p))
        fprintf(f,
                "<td><span class=bar><i style=\"width:%.1f%%\"></i><u "
                "style=\"left:%.1f%%;width:%.1f%%\"></u></span>%.1f %%</td><td>[%.1f, %.1f]",
                100 * a->p, 100 * a->lo, 100 * (a->hi - a->lo), 100 * a->p, 100 * a->lo,
                100 * a->hi);
    else
        fputs("<td>&ndash;</td><td>", f);
    if (m->unscored)
        fprintf(f, "%s<span class=bad>%d without a score</span>", isnan(a->p) ? "" : ", ",
                m->unscored);
    fputs("</td>", f);
}

static void put_metric(FILE *f, const ggdm_metric_value *v)
{
    if (isnan(v->value))
        fputs("<td>&ndash;</td>", f);
    else
        fprintf(f, "<td>%.4g%s</td>", v->value, *v->note ? " *" : "");
    if (isnan(v->lo))
        fputs("<td>&ndash;</td>", f);
    else
        fprintf(f, "<td>[%.4g, %.4g]</td>", v->lo, v->hi);
}

/* What a metric is of, and what is to be said with its numbers. */
static void put_legend(FILE *f, const ggdm_results *r, int32_t metric)
{
    const char *note = NULL;
    int32_t noted = 0;
    bool differ = false;
    for (int32_t i = 0; i < r->n_rows; i++) {
        const char *said = r->rows[i].metrics[metric].note;
        noted += *said != '\0';
        note = *said && !note ? said : note;
        differ = differ || (*said && strcmp(said, note) != 0);
    }
    fputs("<p class=sub>", f);
    ggdm_html_text(f, r->metrics[metric].metric);
    fputs(" by ", f);
    ggdm_html_text(f, r->metrics[metric].settings);
    if (note) {
        fprintf(f, "; * %d cell%s%s: ", noted, ggdm_plural(noted), differ ? ", such as" : "");
        ggdm_html_text(f, note);
    }
    fputs("</p>\n", f);
}

static void put_head(FILE *f, const ggdm_results *r)
{
    fputs("<table><tr><th class=l>cell", f);
    for (int32_t i = 0; i < r->n_varying; i++) {
        fputs("<th>", f);
        ggdm_html_text(f, r->columns[r->varying[i]].label);
    }
    fputs("<th>n<th>diverged", f);
    if (ggdm_results_any_until(r))
        fputs("<th>until", f);
    for (int32_t i = 0; i < r->n_measures; i++) {
        const int32_t k = r->shown[i];
        fputs("<th>", f);
        ggdm_html_text(f, r->measures[k].name);
        fputs(r->measures[k].output == GGDM_OUTPUT_CLASSES ? "<th>95 %<th>mean loss"
                                                           : ", mean<th>deviation",
              f);
    }
    for (int32_t i = 0; i < r->n_metrics; i++) {
        fputs("<th>", f);
        ggdm_html_text(f, r->metrics[i].name);
        fputs("<th>95 %", f);
    }
    fputs("</tr>\n", f);
}

static void put_line(FILE *f, const ggdm_results *r, const ggdm_row *row, bool any_until)
{
    fprintf(f, "<tr><td class=l>%s</td>", row->cell.name);
    for (int32_t i = 0; i < r->n_varying; i++)
        put_cell_text(f, ggdm_results_value(r, row, r->varying[i]).text);
    fprintf(f, "<td%s>%d</td>", row->n < row->cell.wanted ? " class=bad" : "", row->n);
    fprintf(f, "<td%s>%d</td>", row->diverged ? " class=bad" : "", row->diverged);
    if (any_until)
        put_cell_text(f, row->until ? ggdm_until_state_names[row->verdict.state] : "");
    for (int32_t i = 0; i < r->n_measures; i++) {
        const int32_t k = r->shown[i];
        const ggdm_measured *m = &row->measured[k];
        if (r->measures[k].output == GGDM_OUTPUT_CLASSES) {
            put_share(f, m);
            put_number(f, m->loss);
        } else {
            put_number(f, m->mean);
            put_number(f, m->deviation);
        }
    }
    for (int32_t i = 0; i < r->n_metrics; i++)
        put_metric(f, &row->metrics[i]);
    fputs("</tr>\n", f);
}

void ggdm_report_table(FILE *f, const ggdm_results *r)
{
    char interval[GGDM_INTERVAL_SIZE], verdicts[400];
    ggdm_results_interval(r, interval);
    fprintf(f,
            "<section><h2>Cells</h2><p class=sub>Share of the images that are taken for what the "
            "cell aims at, with %s intervals; diverged images count as wrong, images "
            "without a score (it was not finite) not at all.  Means are of images that did not "
            "diverge.</p>\n",
            interval);
    ggdm_results_verdicts_text(r, verdicts, sizeof verdicts);
    if (*verdicts)
        fprintf(f, "<p class=sub>The sweep ends itself (until): %s.</p>\n", verdicts);
    const bool any_until = ggdm_results_any_until(r);
    put_head(f, r);
    for (int32_t i = 0; i < r->n_rows; i++)
        put_line(f, r, &r->rows[i], any_until);
    fputs("</table>\n", f);
    for (int32_t i = 0; i < r->n_metrics; i++)
        put_legend(f, r, i);
    fputs("</section>\n", f);
}

/* ---- recipes --------------------------------------------------------------------------------- */

static ggdm_status put_recipe(FILE *f, const ggdm_results *r, const ggdm_store_cell *cell,
                              ggdm_error *err)
{
    char key[GGDM_HASH_TEXT_SIZE], *text = NULL;
    GGDM_TRY(ggdm_store_recipe(r->store, cell->trajectory, &text, err));
    ggdm_hash_hex(cell->key, key);
    fprintf(f, "<details><summary>%s <code>%.12s</code></summary><pre>", cell->name, key);
    ggdm_html_text(f, text);
    fputs("</pre></details>\n", f);
    free(text);
    return GGDM_OK;
}

/* Cells of equal recipes show it once, where the first of them stands. */
static ggdm_status put_recipes(FILE *f, const ggdm_results *r, bool *seen, ggdm_error *err)
{
    int32_t shown = 0;
    for (int32_t i = 0; i < r->n_rows && shown < MAX_RECIPES; i++) {
        const ggdm_store_cell *c = &r->rows[i].cell;
        if (seen[c->trajectory])
            continue;
        seen[c->trajectory] = true;
        shown++;
        GGDM_TRY(put_recipe(f, r, c, err));
    }
    return GGDM_OK;
}

ggdm_status ggdm_report_recipes(FILE *f, const ggdm_results *r, ggdm_error *err)
{
    bool *seen = NULL; /* by trajectory */
    int64_t most = 0;
    for (int32_t i = 0; i < r->n_rows; i++)
        most = r->rows[i].cell.trajectory > most ? r->rows[i].cell.trajectory : most;
    GGDM_TRY(ggdm_alloc(&seen, (size_t)most + 1, sizeof *seen, err));
    fputs("<section><h2>Recipes</h2><p class=sub>What is computed, of all cells that share it at "
          "the first; its key is made of this text.</p>\n",
          f);
    ggdm_status st = put_recipes(f, r, seen, err);
    if (st == GGDM_EUNSUPPORTED) { /* a run of an older program, which had none */
        fputs("<p>None: an older program made this run.</p>\n", f);
        st = GGDM_OK;
    }
    fputs("</section>\n", f);
    free(seen);
    return st;
}
