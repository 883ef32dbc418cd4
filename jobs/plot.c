#include "jobs/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/temp.h"
#include "common/utf8.h"
#include "jobs/axes.h"
#include "jobs/gnuplot.h"
#include "jobs/plot_points.h"
#include "jobs/results_until.h"

#define MAX_GROUPS 6   /* rows of panels on a page */
#define MAX_LABELS 60  /* of categories on an axis */
#define LOG_DECADES 2. /* more than these are a logarithmic axis */

/* The axis of x: a scale, or places 0, 1, ... */
typedef struct scale {
    const ggdm_axis *axis; /* NULL: nothing varies, there is one place */
    bool numeric, log;
    bool ordered;  /* one place leads to the next: a line says so */
    double lo, hi; /* of the values */
} scale;

static scale scale_of(const ggdm_axes *a)
{
    scale s = {.axis = a->x >= 0 ? &a->axes[a->x] : NULL};
    if (!s.axis)
        return s;
    s.numeric = s.axis->numeric;
    s.ordered = s.numeric || s.axis->column->type == GGDM_PARAM_WINDOW;
    s.lo = s.numeric ? s.axis->values[0].number : 0;
    s.hi = s.numeric ? s.axis->values[s.axis->n - 1].number : s.axis->n - 1;
    s.log = s.numeric && s.lo > 0 && log10(s.hi / s.lo) > LOG_DECADES;
    return s;
}

/* ---- accuracy.dat ---------------------------------------------------------------------------- */

static void put_share(FILE *f, const ggdm_plot_share *s)
{
    if (s->known)
        fprintf(f, " %.6g %.6g %.6g", s->p_sum, s->lo, s->hi);
    else
        fputs(" ? ? ?", f);
}

static bool same_curve(const ggdm_plot_point *a, const ggdm_plot_point *b)
{
    return a->group == b->group && a->curve == b->curve;
}

/* "eta = 0.1, model = a", of the axes of groups; with_curve: of curves, too. */
static void place_text(const ggdm_plot_points *d, const ggdm_plot_point *p, bool with_curve,
                       char *text, size_t size)
{
    const ggdm_axes *a = d->axes;
    char value[GGDM_LABEL_SIZE];
    size_t n = 0;
    text[0] = '\0';
    for (int32_t i = with_curve && a->curve >= 0 ? -1 : 0; i < a->n_others && n < size; i++) {
        const ggdm_axis *axis = &a->axes[i < 0 ? a->curve : a->others[i]];
        n += (size_t)snprintf(text + n, size - n, "%s%s = %s", n ? ", " : "", axis->column->label,
                              ggdm_axis_label(axis, axis->rank[p->row], value));
    }
}

/* One block per curve, two empty lines between: gnuplot's `index`. */
static void put_data(FILE *f, const ggdm_plot_points *d, const scale *s)
{
    char text[1000];
    fputs(s->numeric ? "# x" : "# place", f);
    for (int32_t k = 0; k < d->n_shown; k++) {
        const char *name = d->r->measures[d->shown[k]].name;
        fprintf(f, " %s_accuracy %s_accuracy_lo %s_accuracy_hi", name, name, name);
    }
    fputs(" diverged_share diverged_share_lo diverged_share_hi n\n", f);
    for (int32_t i = 0; i < d->n; i++) {
        const ggdm_plot_point *p = &d->points[i];
        ggdm_share diverged = ggdm_results_share(&d->r->rows[p->row], p->diverged, p->n);
        if (i == 0 || !same_curve(p, p - 1)) {
            place_text(d, p, true, text, sizeof text);
            fprintf(f, "%s# %s\n", i ? "\n\n" : "", text);
        }
        fprintf(f, "%.15g", s->numeric ? s->axis->values[p->x].number : p->x);
        for (int32_t k = 0; k < d->n_shown; k++)
            put_share(f, &p->shares[d->shown[k]]);
        fprintf(f, " %.6g %.6g %.6g %d\n", diverged.p, diverged.lo, diverged.hi, p->n);
    }
}

/* ---- accuracy.gp: pieces --------------------------------------------------------------------- */

/* A curve whose parameter is 0 is grey; the others run through viridis from dark to light. */
static unsigned curve_color(const ggdm_axis *axis, int32_t rank)
{
    static const double anchors[][3] = {
        {68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {214, 186, 0}};
    enum { LAST = sizeof anchors / sizeof *anchors - 1 };
    int32_t first = axis && axis->values[0].number == 0, n = axis ? axis->n - first : 1;
    if (axis && axis->values[rank].number == 0)
        return 0x888888;
    double at = n > 1 ? fmax(rank - first, 0) / (n - 1) * LAST : 0;
    int k = (int)at < LAST ? (int)at : LAST - 1;
    unsigned color = 0;
    for (int c = 0; c < 3; c++)
        color = color << 8 |
                (unsigned)lround(anchors[k][c] + (at - k) * (anchors[k + 1][c] - anchors[k][c]));
    return color;
}

static const ggdm_axis *curve_axis(const ggdm_plot_points *d)
{
    return d->axes->curve >= 0 ? &d->axes->axes[d->axes->curve] : NULL;
}

/* x of a curve, moved a little, so that the error bars of curves do not hide each other. */
static void put_shifted_x(FILE *f, const ggdm_plot_points *d, const scale *s, int32_t curve)
{
    const ggdm_axis *axis = curve_axis(d);
    double shift = 0.004 * (curve - 0.5 * ((axis ? axis->n : 1) - 1));
    if (s->log)
        fprintf(f, "($1*%.6g)", pow(s->hi / s->lo, shift));
    else
        fprintf(f, "($1+%.6g)", shift * (s->numeric ? s->hi - s->lo : s->hi + 1));
}

static void put_curves(FILE *f, const ggdm_plot_points *d, const scale *s, int32_t group,
                       int column)
{
    const ggdm_axis *axis = curve_axis(d);
    const char *separator = "";
    int32_t block = -1;
    for (int32_t i = 0; i < d->n; i++) {
        const ggdm_plot_point *p = &d->points[i];
        char title[300] = "", value[GGDM_LABEL_SIZE];
        if (i > 0 && same_curve(p, p - 1))
            continue;
        block++;
        if (p->group != group)
            continue;
        fprintf(f, "%s \\\n  '" GGDM_PLOT_FIGURE ".dat' index %d using ", separator, block);
        put_shifted_x(f, d, s, p->curve);
        fprintf(f, ":%d:%d:%d title ", column, column + 1, column + 2);
        if (axis)
            snprintf(title, sizeof title, "%.90s = %s", axis->column->label,
                     ggdm_axis_label(axis, p->curve, value));
        ggdm_gnuplot_quoted(f, title);
        fprintf(f, " lc rgb '#%06x' lw 1.5 pt 7 ps 0.7", curve_color(axis, p->curve));
        separator = ",";
    }
    fputs("\n", f);
}

/* ---- accuracy.gp: pages ---------------------------------------------------------------------- */

static void put_title(FILE *f, const ggdm_plot_points *d)
{
    const ggdm_results *r = d->r;
    char text[500], n[60], aim[200] = "", interval[GGDM_INTERVAL_SIZE];
    if (d->n_min == d->n_max)
        snprintf(n, sizeof n, "n = %d", d->n_max);
    else
        snprintf(n, sizeof n, "n = %d to %d", d->n_min, d->n_max);
    const ggdm_store_column *column = r->aim_column >= 0 ? &r->columns[r->aim_column] : NULL;
    if (d->axes->aim >= 0)
        snprintf(aim, sizeof aim, ", mean over %d values of %.100s", d->axes->axes[d->axes->aim].n,
                 ggdm_results_aim_name(r));
    else if (column && !column->varies)
        snprintf(aim, sizeof aim, ", %.100s %.60s", ggdm_results_aim_name(r),
                 ggdm_results_value(r, &r->rows[d->points[0].row], r->aim_column).text);
    ggdm_results_interval(r, interval);
    snprintf(text, sizeof text, "%.120s: %s images per point%s, %s", r->info->name, n, aim,
             interval);
    ggdm_gnuplot_quoted(f, text);
}

static void put_x_label(FILE *f, const scale *s)
{
    char label[300] = "";
    if (s->axis) {
        const ggdm_store_column *c = s->axis->column;
        const char *unit = s->numeric || c->type != GGDM_PARAM_WINDOW ? "" : ": start+length";
        bool same = strcmp(c->name, c->label) == 0;
        snprintf(label, sizeof label, same ? "%.120s%.0s%s" : "%.120s (%.100s)%s", c->name,
                 c->label, unit);
    }
    fputs("set xlabel ", f);
    ggdm_gnuplot_quoted(f, label);
    fputs("\n", f);
}

static void put_x_axis(FILE *f, const ggdm_plot_points *d, const scale *s)
{
    const double margin = 0.02 * (s->hi - s->lo);
    if (s->log)
        fprintf(f, "set logscale x\nset xrange [%.6g:%.6g]\n", s->lo / pow(s->hi / s->lo, 0.02),
                s->hi * pow(s->hi / s->lo, 0.02));
    else if (s->numeric)
        fprintf(f, "set xrange [%.6g:%.6g]\n", s->lo - margin, s->hi + margin);
    else
        fprintf(f, "set xrange [-0.5:%.0f.5]\nset xtics rotate by -45 (", s->hi);
    if (s->numeric)
        return;
    const int32_t n = s->axis ? s->axis->n : 1, step = n / MAX_LABELS + 1;
    char value[GGDM_LABEL_SIZE];
    for (int32_t i = 0; i < n; i += step) {
        fputs(i ? ", " : "", f);
        ggdm_gnuplot_quoted(f, s->axis ? ggdm_axis_label(s->axis, i, value)
                                       : d->r->rows[d->points[0].row].cell.name);
        fprintf(f, " %d", i);
    }
    fputs(")\n", f);
}

/* A panel: one share of one group. */
static void put_panel(FILE *f, const ggdm_plot_points *d, const scale *s, int32_t group,
                      int32_t share, bool is_first)
{
    char text[400];
    fprintf(f, "set key %s\n",
            is_first ? "at screen 0.5, screen 0.02 center bottom horizontal maxrows 2" : "off");
    for (int32_t i = 0; i < d->n; i++)
        if (d->points[i].group == group) {
            place_text(d, &d->points[i], false, text, sizeof text);
            break;
        }
    fputs("set title ", f);
    ggdm_gnuplot_quoted(f, text);
    if (share < d->n_shown)
        snprintf(text, sizeof text, "accuracy (%.200s)", d->r->measures[d->shown[share]].name);
    else
        snprintf(text, sizeof text, "diverged (share)");
    fputs("\nset ylabel ", f);
    ggdm_gnuplot_quoted(f, text);
    fputs("\nplot", f);
    put_curves(f, d, s, group, 2 + 3 * share);
}

/* How many curves gnuplot names beside each other in a page of so many pixels. */
static int key_columns(const ggdm_axis *axis, int width)
{
    enum { LETTER_W = 9, SAMPLE_W = 80 };
    char label[GGDM_LABEL_SIZE];
    size_t longest = 0;
    for (int32_t i = 0; axis && i < axis->n; i++) {
        const size_t n = ggdm_utf8_length(axis->column->label) +
                         ggdm_utf8_length(ggdm_axis_label(axis, i, label));
        longest = n > longest ? n : longest;
    }
    return width / ((int)longest * LETTER_W + SAMPLE_W) < 2 ? 1 : 2;
}

static void put_page(FILE *f, const ggdm_plot_points *d, const scale *s, int32_t first, int kind,
                     int page)
{
    enum { PANEL_W = 520, EDGE_W = 80, PANEL_H = 312, TOP = 48, BOTTOM = 120, GAP = 80 };
    enum { KEY_ROWS = 2, KEY_H = 24 };
    const int32_t columns = d->n_shown + d->any_diverged;
    const int32_t rows = d->n_groups - first < MAX_GROUPS ? d->n_groups - first : MAX_GROUPS;
    const ggdm_axis *curves = curve_axis(d);
    const int width = EDGE_W + columns * PANEL_W, across = key_columns(curves, width);
    const int keys = ((curves ? curves->n : 1) + across - 1) / across;
    const int bottom = BOTTOM + (keys > KEY_ROWS ? keys - KEY_ROWS : 0) * KEY_H;
    const int top = d->axes->n_others ? TOP + 24 : TOP;
    const int height = top + bottom + rows * PANEL_H + (rows - 1) * GAP;
    const double left = 95.0 / width;
    ggdm_gnuplot_begin_page(f, kind, page, width, height);
    fprintf(f, "set multiplot layout %d,%d margins %.4f,%.4f,%.4f,%.4f spacing %.4f,%.4f title ",
            rows, columns, left, s->numeric ? 0.985 : 1 - 0.5 * left, (double)bottom / height,
            1 - (double)top / height, left, (double)GAP / height);
    put_title(f, d);
    fputs("\nset xlabel ''\n", f);
    for (int32_t g = 0; g < rows; g++) {
        if (g == rows - 1)
            put_x_label(f, s);
        for (int32_t c = 0; c < columns; c++)
            put_panel(f, d, s, first + g, c, g == 0 && c == 0);
    }
    fputs("unset multiplot\nset output\n", f);
}

static void put_script(FILE *f, const ggdm_plot_points *d, const scale *s, int pages)
{
    ggdm_gnuplot_names(f, GGDM_PLOT_FIGURE, pages);
    fputs("set encoding utf8\n"
          "set datafile missing '?'\n"
          "set errorbars small\n"
          "set grid ytics lt 1 lc rgb '#cccccc'\n"
          "set border 3\n"
          "set tics nomirror out\n"
          "set yrange [-0.02:1.02]\n",
          f);
    fprintf(f, "set style data %s\n", s->ordered ? "yerrorlines" : "yerrorbars");
    put_x_axis(f, d, s);
    for (int page = 1; page <= pages; page++)
        for (int kind = 0; kind < GGDM_GNUPLOT_KINDS; kind++)
            put_page(f, d, s, (page - 1) * MAX_GROUPS, kind, page);
}

/* ---- the figure ------------------------------------------------------------------------------ */

/* The data (pages 0) or the script. */
static ggdm_status write_text(const char *dir, const char *ending, const ggdm_plot_points *d,
                              int pages, ggdm_error *err)
{
    char *text = NULL, name[GGDM_GNUPLOT_NAME_SIZE];
    size_t size = 0;
    const scale s = scale_of(d->axes);
    ggdm_gnuplot_page(GGDM_PLOT_FIGURE, 1, ending, name);
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for %s", name);
    if (pages)
        put_script(f, d, &s, pages);
    else
        put_data(f, d, &s);
    bool bad = ferror(f) != 0;
    ggdm_status st = fclose(f) != 0 || bad
                         ? GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for %s", name)
                         : ggdm_replace_file_in(dir, name, text, size, err);
    free(text);
    return st;
}

static ggdm_status draw_figures(const ggdm_plot_points *d, const char *dir, bool *drawn,
                                ggdm_error *err)
{
    char *figures = NULL;
    ggdm_status st;
    int32_t pages = (d->n_groups + MAX_GROUPS - 1) / MAX_GROUPS;
    if (pages > GGDM_GNUPLOT_PAGES) {
        pages = GGDM_GNUPLOT_PAGES;
        ggdm_log(GGDM_LOG_WARN, "the figure shows %d of %d combinations: see summary.csv for all",
                 pages * MAX_GROUPS, d->n_groups);
    }
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, "figures", &figures, err), done);
    GGDM_TRY_GOTO(st, ggdm_make_dirs(figures, err), done);
    GGDM_TRY_GOTO(st, write_text(figures, "dat", d, 0, err), done);
    GGDM_TRY_GOTO(st, write_text(figures, "gp", d, pages, err), done);
    st = ggdm_gnuplot_draw(figures, GGDM_PLOT_FIGURE, pages, drawn, err);
done:
    free(figures);
    return st;
}

ggdm_status ggdm_plot_run(const ggdm_results *r, const char *dir, bool *drawn, ggdm_error *err)
{
    ggdm_axes axes = {0};
    ggdm_plot_points d = {0};
    ggdm_status st;
    bool done = false;
    GGDM_TRY_GOTO(st, ggdm_axes_find(r, &axes, err), done);
    GGDM_TRY_GOTO(st, ggdm_plot_points_find(r, &axes, &d, err), done);
    if (d.n == 0)
        ggdm_log(GGDM_LOG_INFO,
                 "no accuracy figure: no cell has a class to aim at and a classifier's score");
    else
        st = draw_figures(&d, dir, &done, err);
done:
    ggdm_plot_points_deinit(&d);
    ggdm_axes_deinit(&axes);
    if (drawn)
        *drawn = done;
    return st;
}
