#include "coordinator/show/paper.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/fs.h"
#include "common/mem.h"
#include "common/plural.h"
#include "common/temp.h"
#include "coordinator/show/grid.h"
#include "coordinator/show/paper_cells.h"
#include "coordinator/show/report_surface.h"
#include "jobs/gnuplot.h"
#include "jobs/mosaic.h"
#include "jobs/plot.h"
#include "jobs/plot_surface.h"
#include "jobs/results_until.h"

/* ---- what is shown --------------------------------------------------------------------------- */

static bool anywhere(const ggdm_results *r, ggdm_quantity q)
{
    for (int32_t i = 0; i < r->n_rows; i++)
        if (ggdm_quantity_applies(r, q, &r->rows[i]))
            return true;
    return false;
}

static void add(ggdm_paper *p, ggdm_quantity q)
{
    p->shown[p->n++] = (ggdm_shown){q, ggdm_quantity_decimals(p->r, q)};
}

/* The accuracies, or where nothing is aimed at the means of what is measured; then metrics. */
static ggdm_status find_shown(ggdm_paper *p, ggdm_error *err)
{
    const ggdm_results *r = p->r;
    const size_t most = (size_t)r->n_measures + (size_t)r->n_metrics;
    GGDM_TRY(ggdm_arena_alloc(&p->arena, most * sizeof *p->shown, &p->shown, err));
    for (int32_t i = 0; i < r->n_measures; i++) {
        const ggdm_quantity q = {GGDM_ACCURACY, r->shown[i]};
        if (r->measures[q.index].output == GGDM_OUTPUT_CLASSES && anywhere(r, q))
            add(p, q);
    }
    const bool aimed = p->n > 0;
    for (int32_t i = 0; i < r->n_measures && !aimed; i++) {
        const ggdm_quantity q = {GGDM_MEAN, r->shown[i]};
        if (ggdm_quantity_says_something(r, q))
            add(p, q);
    }
    for (int32_t i = 0; i < r->n_metrics; i++) {
        const ggdm_quantity q = {GGDM_METRIC, i};
        if (anywhere(r, q))
            add(p, q);
    }
    return GGDM_OK;
}

/* ---- one parameter by another ---------------------------------------------------------------- */

static const char *interval_of(const ggdm_results *r, ggdm_quantity_kind kind,
                               char text[GGDM_INTERVAL_SIZE])
{
    if (kind == GGDM_ACCURACY)
        ggdm_results_interval(r, text);
    else
        snprintf(text, GGDM_INTERVAL_SIZE, kind == GGDM_MEAN ? "normal 95 %%" : "95 %%");
    return text;
}

static bool has_interval(const ggdm_grid *g)
{
    for (int32_t i = 0; i < g->n; i++)
        if (!isnan(ggdm_quantity_value(g->r, g->what, &g->r->rows[g->rows[i]]).lo))
            return true;
    return false;
}

static void caption_of(const ggdm_grid *g, char *text, size_t size)
{
    static const char *const diverged[] = {[GGDM_ACCURACY] = ", diverged ones count as wrong",
                                           [GGDM_MEAN] = ", diverged ones left out",
                                           [GGDM_METRIC] = ""};
    char name[500], group[1000], n[64], note[160], interval[GGDM_INTERVAL_SIZE];
    ggdm_quantity_name(g->r, g->what, &g->r->rows[g->rows[0]], name, sizeof name);
    ggdm_grid_group(g, group, sizeof group);
    ggdm_grid_n(g, n);
    name[0] = (char)toupper((unsigned char)name[0]);
    ggdm_grid_note(g, note);
    const bool with = has_interval(g);
    snprintf(text, size, "%s%s%s: %s image%s a cell%s%s%s%s.%s%s%s", name,
             g->what.kind == GGDM_ACCURACY ? " in %" : "", group, n, ggdm_plural(g->n_most),
             diverged[g->what.kind], with ? ", with " : "",
             with ? interval_of(g->r, g->what.kind, interval) : "", with ? " intervals" : "",
             *note ? " (" : "", note, *note ? ".)" : "");
}

/* "duration (t~)" */
static void title_of(const ggdm_axis *axis, char *text, size_t size)
{
    const ggdm_store_column *c = axis->column;
    snprintf(text, size, strcmp(c->name, c->label) == 0 ? "%s" : "%s (%s)", c->name, c->label);
}

/* The quantity that grids are of. */
typedef struct subject {
    ggdm_paper *p;
    int decimals;
} subject;

static void put_values(const subject *s, const ggdm_grid *g, const ggdm_table_head *head,
                       const ggdm_axis *down)
{
    static const ggdm_metric_value none = {(double)NAN, (double)NAN, (double)NAN, 0, ""};
    const ggdm_markup *m = s->p->markup;
    char label[GGDM_LABEL_SIZE];
    for (int32_t y = 0; y < g->n_ys; y++) {
        ggdm_markup_put_text(s->p->out, m, 0, ggdm_axis_label(down, g->ys[y], label));
        for (int32_t x = 0; x < g->n_xs; x++) {
            const ggdm_row *row = ggdm_grid_row(g, y, x);
            const ggdm_metric_value v = row ? ggdm_quantity_value(g->r, g->what, row) : none;
            ggdm_markup_put_number(s->p->out, m, head, x + 1, (const double[]){v.value, v.lo, v.hi},
                                   s->decimals);
        }
        m->end_row(s->p->out);
    }
}

static ggdm_status put_grid(void *context, const ggdm_grid *g, ggdm_error *err)
{
    ggdm_paper *p = ((const subject *)context)->p;
    const ggdm_axis *x = &g->axes->axes[g->x], *y = &g->axes->axes[g->y];
    char caption[2000], across[300], down[300];
    const char **names = NULL;
    GGDM_TRY(ggdm_arena_alloc(&p->arena, (size_t)(g->n_xs + 1) * sizeof *names, &names, err));
    title_of(x, across, sizeof across);
    title_of(y, down, sizeof down);
    caption_of(g, caption, sizeof caption);
    names[0] = down;
    for (int32_t i = 0; i < g->n_xs; i++)
        names[i + 1] = ggdm_axis_text(x, g->xs[i]);
    const ggdm_table_head head = {.caption = caption,
                                  .run = p->r->info->name,
                                  .number = ++p->tables,
                                  .names = names,
                                  .columns = g->n_xs + 1,
                                  .across = across};
    p->markup->begin(p->out, &head);
    put_values(context, g, &head, y);
    p->markup->end(p->out);
    return GGDM_OK;
}

static ggdm_status put_grids(ggdm_paper *p, const ggdm_axes *axes, ggdm_error *err)
{
    const ggdm_grid_limits limits = {
        .columns = p->markup->columns, .rows = p->markup->rows, .grids = 50};
    bool any_cut = false;
    for (int32_t i = 0; i < p->n; i++) {
        bool cut = false;
        subject s = {p, p->shown[i].decimals};
        GGDM_TRY(ggdm_each_grid(p->r, axes, p->shown[i].quantity, &limits, put_grid, &s, NULL, &cut,
                                err));
        any_cut = any_cut || cut;
    }
    if (any_cut)
        p->markup->text(p->out, "Not all cells fit into these tables: see summary.csv.");
    fputs(any_cut ? "\n\n" : "", p->out);
    return GGDM_OK;
}

/* ---- the page -------------------------------------------------------------------------------- */

static ggdm_status put_figure(const ggdm_paper *p, const char *dir, const char *name,
                              const char *title, ggdm_error *err)
{
    char *path = NULL;
    GGDM_TRY(ggdm_asprintf(&path, err, "%s/figures/%s", dir, name));
    if (ggdm_exists(path))
        fprintf(p->out, "![%s](figures/%s)\n\n", title, name);
    free(path);
    return GGDM_OK;
}

/* The pages of a figure. */
static ggdm_status put_pages(const ggdm_paper *p, const char *dir, const char *figure,
                             const char *title, ggdm_error *err)
{
    for (int page = 1; page <= GGDM_GNUPLOT_PAGES; page++) {
        char name[GGDM_GNUPLOT_NAME_SIZE];
        ggdm_gnuplot_page(figure, page, "svg", name);
        GGDM_TRY(put_figure(p, dir, name, title, err));
    }
    return GGDM_OK;
}

static ggdm_status put_figures(const ggdm_paper *p, const char *dir, ggdm_error *err)
{
    GGDM_TRY(put_pages(p, dir, GGDM_PLOT_FIGURE, "Accuracy", err));
    if (p->r->surface)
        GGDM_TRY(put_figure(p, dir, GGDM_SURFACE_FIGURE ".svg", "Accuracy, fitted", err));
    return put_pages(p, dir, GGDM_MOSAIC_FIGURE, "Images of all cells", err);
}

static ggdm_status put_head(const ggdm_paper *p, const char *dir, ggdm_error *err)
{
    const ggdm_run_info *info = p->r->info;
    p->markup->begin_file(p->out, info->name, info->version);
    if (!p->markup->is_document)
        return GGDM_OK;
    fprintf(p->out, ", %d cell%s", p->r->n_rows, ggdm_plural(p->r->n_rows));
    for (int32_t i = 0; i < p->r->n_models; i++) {
        fputs(i ? ", " : ", with ", p->out);
        p->markup->text(p->out, p->r->models[i].name);
    }
    fprintf(p->out, "; %s, %s.\n\n", ggdm_precision_names[info->precision], info->isa);
    return put_figures(p, dir, err);
}

/* What the cells aim at is a parameter like others here. */
static ggdm_status put_page(ggdm_paper *p, const char *dir, ggdm_error *err)
{
    GGDM_TRY(find_shown(p, err));
    GGDM_TRY(put_head(p, dir, err));
    ggdm_axes axes = {0};
    ggdm_status st = ggdm_axes_find(p->r, &axes, err);
    if (axes.curve < 0) {
        axes.curve = axes.aim;
        axes.aim = -1;
    }
    const bool two = st == GGDM_OK && axes.x >= 0 && axes.curve >= 0;
    if (two)
        st = put_grids(p, &axes, err);
    if (st == GGDM_OK)
        st = ggdm_paper_put_surface(p, err);
    if (st == GGDM_OK && (!two || p->markup->is_document))
        st = ggdm_paper_put_cells(p, two, err);
    ggdm_axes_deinit(&axes);
    return st;
}

ggdm_status ggdm_paper_write(const ggdm_results *r, const ggdm_markup *markup, const char *dir,
                             const char *name, ggdm_error *err)
{
    ggdm_paper p = {.r = r, .markup = markup};
    char *text = NULL;
    size_t size = 0;
    p.out = open_memstream(&text, &size);
    if (!p.out)
        return GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for %s", name);
    ggdm_status st = put_page(&p, dir, err);
    const bool bad = ferror(p.out) != 0;
    if ((fclose(p.out) != 0 || bad) && st == GGDM_OK)
        st = GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for %s", name);
    if (st == GGDM_OK)
        st = ggdm_replace_file_in(dir, name, text, size, err);
    free(text);
    ggdm_arena_deinit(&p.arena);
    return st;
}
