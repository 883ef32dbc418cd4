#include "coordinator/show/tables.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/plural.h"
#include "common/utf8.h"
#include "coordinator/show/grid.h"

#define MAX_WIDTH 20 /* of a column */
#define MAX_HEAD 40  /* of what stands in front of a line */
#define MAX_NAME 40

static const ggdm_grid_limits limits = {.columns = 11, .rows = 64, .grids = 20};

static bool is_accuracy(const ggdm_grid *g)
{
    return g->what.kind == GGDM_VERDICT;
}

/* ---- text ------------------------------------------------------------------------------------ */

static const char *name_of(const ggdm_axes *a, int32_t axis)
{
    return axis < 0 ? "" : a->axes[axis].column->name;
}

static const char *text_of(const ggdm_axes *a, int32_t axis, int32_t rank)
{
    return axis < 0 ? "" : ggdm_axis_text(&a->axes[axis], rank);
}

static int width_of(const ggdm_axes *a, int32_t axis, const int32_t *ranks, int32_t n, int least,
                    int most)
{
    for (int32_t i = 0; i < n; i++) {
        int length = (int)ggdm_utf8_length(text_of(a, axis, ranks[i]));
        least = length > least ? length : least;
    }
    return least < most ? least : most;
}

static void print_number(FILE *out, const ggdm_grid *g, int32_t y, int32_t x, int wide,
                         int decimals)
{
    const ggdm_row *row = ggdm_grid_row(g, y, x);
    const double number = row ? ggdm_quantity_value(g->r, g->what, row).value : (double)NAN;
    if (isnan(number))
        fprintf(out, " %*s", wide, "-");
    else
        fprintf(out, " %*.*f", wide, decimals, number);
}

static void print_table(FILE *out, const ggdm_grid *g)
{
    const ggdm_axes *a = g->axes;
    char corner[2 * MAX_NAME + 8];
    snprintf(corner, sizeof corner, "%.*s%s%.*s", MAX_NAME, name_of(a, g->y),
             g->y < 0 || g->x < 0 ? "" : " \\ ", MAX_NAME, name_of(a, g->x));
    const int decimals = ggdm_quantity_decimals(g->r, g->what);
    const int wide = width_of(a, g->x, g->xs, g->n_xs, decimals < 5 ? 7 : decimals + 3, MAX_WIDTH);
    const int head = width_of(a, g->y, g->ys, g->n_ys, 10, MAX_HEAD);
    const int first = (int)strlen(corner) > head ? (int)strlen(corner) : head;
    fprintf(out, "    %*s", first, corner);
    for (int32_t x = 0; x < g->n_xs; x++) {
        fputc(' ', out);
        ggdm_utf8_print(out, text_of(a, g->x, g->xs[x]), MAX_WIDTH, (size_t)wide);
    }
    fprintf(out, "\n");
    for (int32_t y = 0; y < g->n_ys; y++) {
        fputs("    ", out);
        ggdm_utf8_print(out, text_of(a, g->y, g->ys[y]), MAX_HEAD, (size_t)first);
        for (int32_t x = 0; x < g->n_xs; x++)
            print_number(out, g, y, x, wide, decimals);
        fprintf(out, "\n");
    }
}

static ggdm_status print_grid(void *context, const ggdm_grid *g, ggdm_error *err)
{
    (void)err;
    FILE *out = context;
    char name[1000], group[1000], n[64], note[160];
    ggdm_quantity_name(g->r, g->what, &g->r->rows[g->rows[0]], name, sizeof name);
    ggdm_grid_group(g, group, sizeof group);
    ggdm_grid_n(g, n);
    fprintf(out, "\n  %s%s, %s%s image%s (diverged ones %s)\n", name, group,
            is_accuracy(g) ? "% of " : "", n, ggdm_plural(g->n_most),
            is_accuracy(g) ? "count as wrong" : "left out");
    print_table(out, g);
    ggdm_grid_note(g, note);
    if (*note)
        fprintf(out, "    (%s)\n", note);
    return GGDM_OK;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static ggdm_status print_all(FILE *out, const ggdm_results *r, const ggdm_axes *axes,
                             ggdm_quantity what, bool *found, ggdm_error *err)
{
    bool cut = false;
    GGDM_TRY(ggdm_each_grid(r, axes, what, &limits, print_grid, out, found, &cut, err));
    if (cut)
        fprintf(out, "    (not all cells fit here: see summary.csv)\n");
    return GGDM_OK;
}

/* The accuracy, or where nothing is aimed at the means of what is measured; then metrics. */
static ggdm_status print_figures(FILE *out, const ggdm_results *r, const ggdm_axes *axes,
                                 ggdm_error *err)
{
    bool aimed = false;
    GGDM_TRY(print_all(out, r, axes, (ggdm_quantity){GGDM_VERDICT, 0}, &aimed, err));
    for (int32_t i = 0; !aimed && i < r->n_measures; i++) {
        const ggdm_quantity mean = {GGDM_MEAN, r->shown[i]};
        if (ggdm_quantity_says_something(r, mean))
            GGDM_TRY(print_all(out, r, axes, mean, NULL, err));
    }
    for (int32_t i = 0; i < r->n_metrics; i++)
        GGDM_TRY(print_all(out, r, axes, (ggdm_quantity){GGDM_METRIC, i}, NULL, err));
    return GGDM_OK;
}

ggdm_status ggdm_tables_print(FILE *out, const ggdm_results *r, ggdm_error *err)
{
    ggdm_axes axes = {0};
    ggdm_status st = ggdm_axes_find(r, &axes, err);
    if (st == GGDM_OK)
        st = print_figures(out, r, &axes, err);
    ggdm_axes_deinit(&axes);
    return st;
}
