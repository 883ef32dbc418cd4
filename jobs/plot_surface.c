#include "jobs/plot_surface.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/json_write.h"
#include "common/mem.h"
#include "common/temp.h"
#include "jobs/gnuplot.h"
#include "jobs/findings.h"

/* Of an axis: labels that are nearer would touch. */
#define GAP_ACROSS 0.11
#define GAP_UP 0.05

/* ---- surface.dat ----------------------------------------------------------------------------- */

/* Two axes: an empty line after each row of the grid, as gnuplot's surfaces want it. */
static void put_data(FILE *f, const ggdm_surface *s)
{
    fputs("#", f);
    for (int i = 0; i < s->n_axes; i++)
        fprintf(f, " place_%d", i + 1);
    fprintf(f, " accuracy accuracy_lo accuracy_hi may_be_best");
    for (int i = 0; i < s->n_axes; i++)
        fprintf(f, " %s", s->axes[i].column->name);
    fputs("\n", f);
    for (int32_t i = 0; i < s->n; i++) {
        const ggdm_surface_place *p = &s->grid[i];
        for (int k = 0; k < s->n_axes; k++)
            fprintf(f, "%.6g ", p->x[k]);
        fprintf(f, "%.6g %.6g %.6g %d", p->p, p->lo, p->hi, s->may_be_best[i]);
        for (int k = 0; k < s->n_axes; k++)
            fprintf(f, " %.6g", p->at[k]);
        fputs(s->n_axes == 2 && (i + 1) % s->axes[0].n == 0 ? "\n\n" : "\n", f);
    }
}

/* ---- surface.gp ------------------------------------------------------------------------------ */

static int by_place(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Marks at the values that were swept, labels where there is room. */
static ggdm_status put_axis(FILE *f, const ggdm_surface *s, int axis, const char *letter,
                            ggdm_error *err)
{
    const ggdm_store_column *c = s->axes[axis].column;
    const double gap = axis ? GAP_UP : GAP_ACROSS;
    double *marks = NULL, last = -1;
    char text[300];
    GGDM_TRY(ggdm_alloc(&marks, 2 * (size_t)s->n_places, sizeof *marks, err));
    for (int32_t i = 0; i < s->n_places; i++) {
        marks[2 * i] = s->places[i].x[axis];
        marks[2 * i + 1] = s->places[i].at[axis];
    }
    qsort(marks, (size_t)s->n_places, 2 * sizeof *marks, by_place);
    fprintf(f, "set %stics (", letter);
    for (int32_t i = 0; i < s->n_places; i++) {
        if (i && marks[2 * i] == marks[2 * i - 2])
            continue;
        const bool labelled = last < 0 || marks[2 * i] - last > gap;
        ggdm_number_text(marks[2 * i + 1], text);
        fprintf(f, "%s'%s' %.6g", i ? ", " : "", labelled ? text : "", marks[2 * i]);
        last = labelled ? marks[2 * i] : last;
    }
    free(marks);
    snprintf(text, sizeof text, strcmp(c->name, c->label) == 0 ? "%.120s" : "%.120s (%.120s)",
             c->name, c->label);
    fprintf(f, ")\nset %slabel ", letter);
    ggdm_gnuplot_quoted(f, text);
    fputs("\n", f);
    return GGDM_OK;
}

static void put_points(FILE *f, const char *name, const ggdm_surface_place *p, int32_t n, int axes)
{
    fprintf(f, "$%s << END\n", name);
    for (int32_t i = 0; i < n; i++)
        fprintf(f, "%.6g %.6g %.6g %.6g %.6g\n", p[i].x[0], axes == 2 ? p[i].x[1] : p[i].p, p[i].p,
                p[i].lo, p[i].hi);
    fputs("END\n", f);
}

static void put_title(FILE *f, const ggdm_results *r)
{
    const ggdm_surface *s = r->surface;
    char text[500], n[60];
    snprintf(n, sizeof n, s->n_least == s->n_most ? "n = %d" : "n = %d to %d", s->n_least,
             s->n_most);
    snprintf(text, sizeof text, "%.120s: accuracy (%.120s), %s images per place", r->info->name,
             s->measure, n);
    ggdm_gnuplot_quoted(f, text);
}

/* The accuracy beside the width of its band. */
static void put_maps(FILE *f)
{
    static const char *const legend =
        " $swept using 1:2 with points pt 6 ps 0.5 lc rgb 'black' title 'swept', \\\n"
        "  $next using 1:2 with points pt 2 ps 1 lw 1.5 lc rgb '#d62728' title 'to try next', \\\n"
        "  $best using 1:2 with points pt 3 ps 1.6 lw 2 lc rgb 'black' title 'highest', \\\n"
        "  $may with lines lw 2.5 lc rgb 'black' title 'may lie within'\n";
    fputs("set title 'accuracy, median'\nset cbrange [0:1]\nset key at screen 0.5, "
          "screen 0.02 center bottom vertical maxrows 2 samplen 2\nplot "
          "'surface.dat' using 1:2:3 with image notitle, \\\n  $levels with lines lw 0.7 lc rgb "
          "'#444444' notitle, \\\n ",
          f);
    fputs(legend, f);
    fputs("set title 'width of its 95 % band'\nset cbrange [0:*]\nset key off\nset ylabel ''\nplot "
          "'surface.dat' using 1:2:($5-$4) with image notitle, \\\n ",
          f);
    fputs(legend, f);
}

static void put_line(FILE *f)
{
    fputs("set title ''\nset ylabel 'accuracy'\nset yrange [-0.02:1.02]\nset grid ytics lt 1 lc "
          "rgb '#cccccc'\nset key at screen 0.5, screen 0.02 center bottom vertical maxrows 3 "
          "samplen 2\nplot 'surface.dat' using "
          "1:3:4 with filledcurves lc rgb '#bcd7e6' title 'its 95 % band', \\\n  '' using "
          "1:($5 > 0 ? -0.01 : NaN) with lines lw 4 lc rgb '#5ec962' title 'optimum may lie "
          "here', \\\n  '' using 1:2 with lines lw 2 lc rgb '#21918c' title 'median', \\\n  $swept "
          "using 1:3:4:5 with yerrorbars pt 7 ps 0.6 lc rgb 'black' title 'swept, Wilson 95 %', "
          "\\\n  $next using 1:2 with points pt 2 ps 1 lw 1.5 lc rgb '#d62728' title 'to try "
          "next', \\\n  $best using 1:2 with points pt 3 ps 1.4 lw 2 lc rgb '#440154' title "
          "'highest'\n",
          f);
}

static const char preamble[] =
    "set encoding utf8\n"
    "set border 3\n"
    "set tics nomirror out\n"
    "set palette defined (0 '#440154', 0.25 '#3b528b', 0.5 '#21918c', 0.75 '#5ec962', 1 "
    "'#fde725')\n"
    "set xrange [-0.02:1.02]\n";

/* Lines of equal accuracy, and around where the optimum may lie. */
static const char contours[] = "set contour base\n"
                               "unset surface\n"
                               "set cntrparam levels incremental 0.1,0.1,0.9\n"
                               "set table $levels\n"
                               "splot 'surface.dat' using 1:2:3\n"
                               "unset table\n"
                               "set cntrparam levels discrete 0.5\n"
                               "set table $may\n"
                               "splot 'surface.dat' using 1:2:6\n"
                               "unset table\n"
                               "unset contour\n"
                               "set surface\n"
                               "set yrange [-0.02:1.02]\n";

static ggdm_status put_script(FILE *f, const ggdm_results *r, ggdm_error *err)
{
    enum { WIDTH = 560, HEIGHT = 480 };
    const ggdm_surface *s = r->surface;
    ggdm_gnuplot_names(f, GGDM_SURFACE_FIGURE, 1);
    put_points(f, "swept", s->places, s->n_places, s->n_axes);
    put_points(f, "next", s->next, s->n_next, s->n_axes);
    put_points(f, "best", &s->grid[s->best], 1, s->n_axes);
    fputs(preamble, f);
    fputs(s->n_axes == 2 ? contours : "", f);
    for (int kind = 0; kind < GGDM_GNUPLOT_KINDS; kind++) {
        ggdm_gnuplot_begin_page(f, kind, 1, WIDTH * s->n_axes, HEIGHT);
        fputs(s->n_axes == 2 ? "set multiplot layout 1,2 margins 0.09,0.92,0.23,0.86 spacing 0.16 "
                             : "set multiplot layout 1,1 margins 0.12,0.97,0.31,0.9 ",
              f);
        fputs("title ", f);
        put_title(f, r);
        fputs("\n", f);
        GGDM_TRY(put_axis(f, s, 0, "x", err));
        if (s->n_axes == 2)
            GGDM_TRY(put_axis(f, s, 1, "y", err));
        if (s->n_axes == 2)
            put_maps(f);
        else
            put_line(f);
        fputs("unset multiplot\nset output\n", f);
    }
    return GGDM_OK;
}

/* ---- the figure ------------------------------------------------------------------------------ */

static ggdm_status write_text(const char *dir, const char *name, const ggdm_results *r, bool script,
                              ggdm_error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for %s", name);
    ggdm_status st = GGDM_OK;
    if (script)
        st = put_script(f, r, err);
    else
        put_data(f, r->surface);
    const bool bad = ferror(f) != 0;
    if ((fclose(f) != 0 || bad) && st == GGDM_OK)
        st = GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for %s", name);
    if (st == GGDM_OK)
        st = ggdm_replace_file_in(dir, name, text, size, err);
    free(text);
    return st;
}

ggdm_status ggdm_plot_surface(const ggdm_results *r, const char *dir, ggdm_error *err)
{
    char *figures = NULL;
    bool drawn;
    ggdm_status st;
    if (!r->surface)
        return GGDM_OK;
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, "figures", &figures, err), done);
    GGDM_TRY_GOTO(st, ggdm_make_dirs(figures, err), done);
    GGDM_TRY_GOTO(st, write_text(figures, GGDM_SURFACE_FIGURE ".dat", r, false, err), done);
    GGDM_TRY_GOTO(st, write_text(figures, GGDM_SURFACE_FIGURE ".gp", r, true, err), done);
    st = ggdm_gnuplot_draw(figures, GGDM_SURFACE_FIGURE, 1, &drawn, err);
done:
    free(figures);
    return st;
}
