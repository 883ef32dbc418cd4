#include "coordinator/show/tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/plural.h"
#include "jobs/axes.h"

#define MAX_COLUMNS 11 /* in one printed table */
#define MAX_ROWS 64
#define MAX_TABLES 20
#define MAX_WIDTH 20 /* of a column */
#define MAX_NAME 40

typedef struct table {
    FILE *out;
    const ggdm_results *r;
    const ggdm_axes *axes;
    int32_t metric, mean; /* what it shows: a metric, or the mean of a measure; both -1: the
                             accuracy by whom the verdict is */
    const int32_t *rows;  /* [n] of the results: the cells of this table */
    int32_t n;
    int32_t x, curve;                          /* axes of columns and rows; -1: none */
    int32_t xs[MAX_COLUMNS], curves[MAX_ROWS]; /* ranks */
    int n_xs, n_curves;
    int32_t cell[MAX_ROWS][MAX_COLUMNS]; /* index into the results' rows; -1: none */
    bool cut;                            /* not all rows and columns fit, in this or one before */
} table;

static int compare_groups(const ggdm_axes *a, int32_t x, int32_t y)
{
    int32_t p = ggdm_axes_rank(a, a->aim, x), q = ggdm_axes_rank(a, a->aim, y);
    return p != q ? (p > q) - (p < q) : ggdm_axes_compare(a, x, y);
}

/* ---- layout ---------------------------------------------------------------------------------- */

/* The place of a rank among at most max, in their order; -1: no room. */
static int find_rank(const int32_t *ranks, int n, int32_t rank)
{
    for (int i = 0; i < n; i++)
        if (ranks[i] == rank)
            return i;
    return -1;
}

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static void collect_ranks(const table *t, int32_t axis, int32_t *ranks, int *n, int max, bool *cut)
{
    *n = 0;
    for (int32_t i = 0; i < t->n; i++) {
        int32_t rank = ggdm_axes_rank(t->axes, axis, t->rows[i]);
        if (find_rank(ranks, *n, rank) >= 0)
            continue;
        *cut = *cut || *n == max;
        if (*n < max)
            ranks[(*n)++] = rank;
    }
    qsort(ranks, (size_t)*n, sizeof *ranks, by_number);
}

/* One axis alone goes down where it is too long to go across. */
static void choose_axes(table *t)
{
    bool cut = false;
    t->x = t->axes->x;
    t->curve = t->axes->curve;
    collect_ranks(t, t->x, t->xs, &t->n_xs, MAX_COLUMNS, &cut);
    if (cut && t->curve < 0) {
        t->curve = t->x;
        t->x = -1;
    }
}

static void lay_out(table *t)
{
    const ggdm_axes *a = t->axes;
    choose_axes(t);
    collect_ranks(t, t->x, t->xs, &t->n_xs, MAX_COLUMNS, &t->cut);
    collect_ranks(t, t->curve, t->curves, &t->n_curves, MAX_ROWS, &t->cut);
    memset(t->cell, -1, sizeof t->cell);
    for (int32_t i = 0; i < t->n; i++) {
        int x = find_rank(t->xs, t->n_xs, ggdm_axes_rank(a, t->x, t->rows[i]));
        int curve = find_rank(t->curves, t->n_curves, ggdm_axes_rank(a, t->curve, t->rows[i]));
        if (x < 0 || curve < 0)
            continue;
        /* Of cells that are there again, in a sweep that was added, the one with most images. */
        int32_t *place = &t->cell[curve][x];
        if (*place < 0 || t->r->rows[t->rows[i]].n > t->r->rows[*place].n)
            *place = t->rows[i];
    }
}

/* ---- numbers ----------------------------------------------------------------------------------
 */

static bool is_accuracy(const table *t)
{
    return t->metric < 0 && t->mean < 0;
}

/* Of a row, as it is printed; NAN: it has none. */
static double number_of(const table *t, const ggdm_row *row)
{
    if (t->metric >= 0)
        return row->metrics[t->metric].value;
    if (t->mean >= 0)
        return row->measured[t->mean].mean;
    const ggdm_measured *m = ggdm_results_verdict(t->r, row);
    return m ? 100 * m->accuracy.p : (double)NAN;
}

/* How many images it is of. */
static int64_t images_of(const table *t, const ggdm_row *row)
{
    if (t->mean >= 0)
        return row->measured[t->mean].n_mean;
    return t->metric >= 0 ? row->metrics[t->metric].n : row->cell.wanted;
}

/* Does a row belong into the tables at all? */
static bool is_shown(const table *t, const ggdm_row *row)
{
    if (t->metric >= 0 || t->mean >= 0)
        return images_of(t, row) > 0;
    return row->aim >= 0 && ggdm_results_verdict(t->r, row);
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

static int width_of(const ggdm_axes *a, int32_t axis, const int32_t *ranks, int n, int least)
{
    for (int i = 0; i < n; i++) {
        int length = (int)strlen(text_of(a, axis, ranks[i]));
        least = length > least ? length : least;
    }
    return least < MAX_WIDTH ? least : MAX_WIDTH;
}

static void print_table(const table *t)
{
    const ggdm_axes *a = t->axes;
    char corner[2 * MAX_NAME + 8];
    snprintf(corner, sizeof corner, "%.*s%s%.*s", MAX_NAME, name_of(a, t->curve),
             t->curve < 0 || t->x < 0 ? "" : " \\ ", MAX_NAME, name_of(a, t->x));
    const int wide = width_of(a, t->x, t->xs, t->n_xs, 7);
    const int head = width_of(a, t->curve, t->curves, t->n_curves, 10);
    const int first = (int)strlen(corner) > head ? (int)strlen(corner) : head;
    fprintf(t->out, "    %*s", first, corner);
    for (int x = 0; x < t->n_xs; x++)
        fprintf(t->out, " %*.*s", wide, MAX_WIDTH, text_of(a, t->x, t->xs[x]));
    fprintf(t->out, "\n");
    for (int c = 0; c < t->n_curves; c++) {
        fprintf(t->out, "    %*.*s", first, MAX_WIDTH, text_of(a, t->curve, t->curves[c]));
        for (int x = 0; x < t->n_xs; x++) {
            const ggdm_row *row = t->cell[c][x] < 0 ? NULL : &t->r->rows[t->cell[c][x]];
            const double number = row ? number_of(t, row) : (double)NAN;
            if (!isnan(number))
                fprintf(t->out, " %*.*f", wide, is_accuracy(t) ? 1 : t->mean < 0 ? 2 : 3, number);
            else
                fprintf(t->out, " %*s", wide, "-");
        }
        fprintf(t->out, "\n");
    }
}

static void print_heading(const table *t)
{
    const ggdm_axes *a = t->axes;
    const ggdm_results *r = t->r;
    const ggdm_row *row = &r->rows[t->rows[0]];
    int64_t least = images_of(t, row), most = least;
    for (int32_t i = 0; i < t->n; i++) {
        const int64_t n = images_of(t, &r->rows[t->rows[i]]);
        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    if (is_accuracy(t))
        fprintf(t->out, "\n  accuracy by the %s", ggdm_results_verdict_name(r, row));
    else if (t->mean >= 0)
        fprintf(t->out, "\n  mean %s", r->measures[t->mean].name);
    else
        fprintf(t->out, "\n  %s by %s", r->metrics[t->metric].metric,
                r->metrics[t->metric].settings);
    if (r->aim_column >= 0 && (a->x < 0 || a->axes[a->x].column != &r->columns[r->aim_column]))
        fprintf(t->out, " for %s %s", ggdm_results_aim_name(r),
                ggdm_results_value(r, row, r->aim_column).text);
    for (int32_t i = 0; i < a->n_others; i++)
        fprintf(t->out, ", %s %s", name_of(a, a->others[i]),
                text_of(a, a->others[i], ggdm_axes_rank(a, a->others[i], t->rows[0])));
    fprintf(t->out, ", %sn = %lld", is_accuracy(t) ? "% of " : "", (long long)least);
    if (most > least)
        fprintf(t->out, " to %lld", (long long)most);
    fprintf(t->out, " image%s (diverged ones %s)\n", ggdm_plural(most),
            is_accuracy(t) ? "count as wrong" : "left out");
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int by_group(const void *a, const void *b, void *context)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    int order = compare_groups(context, x, y);
    return order ? order : (x > y) - (x < y);
}

static void print_tables(table *t, int32_t *rows, int32_t n)
{
    int tables = 0;
    t->cut = false;
    for (int32_t i = 0; i < n; i += t->n) {
        t->rows = &rows[i];
        for (t->n = 0; i + t->n < n && compare_groups(t->axes, rows[i], rows[i + t->n]) == 0;
             t->n++)
            ;
        if (tables++ == MAX_TABLES) {
            t->cut = true;
            break;
        }
        lay_out(t);
        print_heading(t);
        print_table(t);
    }
    if (t->cut)
        fprintf(t->out, "    (not all cells fit here: see summary.csv)\n");
}

/* Tables of one thing; whether a cell has it. */
static bool print_all(table *t, int32_t *rows)
{
    int32_t n = 0;
    for (int32_t i = 0; i < t->r->n_rows; i++)
        if (is_shown(t, &t->r->rows[i]))
            rows[n++] = i;
    qsort_r(rows, (size_t)n, sizeof *rows, by_group, (void *)t->axes);
    print_tables(t, rows, n);
    return n > 0;
}

/* Is the mean of a measure a number that is not 0 everywhere? */
static bool says_something(const ggdm_results *r, int32_t measure)
{
    for (int32_t i = 0; r->measures[measure].output == GGDM_OUTPUT_NUMBER && i < r->n_rows; i++)
        if (r->rows[i].measured[measure].n_mean > 0 && r->rows[i].measured[measure].mean != 0)
            return true;
    return false;
}

/* The accuracy, or where nothing is aimed at the means of what is measured; then metrics. */
static void print_figures(table *t, int32_t *rows)
{
    t->metric = t->mean = -1;
    const bool aimed = print_all(t, rows);
    for (int32_t i = 0; !aimed && i < t->r->n_measures; i++) {
        t->mean = t->r->shown[i];
        if (says_something(t->r, t->mean))
            print_all(t, rows);
    }
    t->mean = -1;
    for (t->metric = 0; t->metric < t->r->n_metrics; t->metric++)
        print_all(t, rows);
}

ggdm_status ggdm_tables_print(FILE *out, const ggdm_results *r, ggdm_error *err)
{
    ggdm_axes axes = {0};
    table *t = NULL;
    int32_t *rows = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_axes_find(r, &axes, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&t, 1, sizeof *t, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&rows, (size_t)r->n_rows, sizeof *rows, err), done);
    t->out = out;
    t->r = r;
    t->axes = &axes;
    print_figures(t, rows);
done:
    free(rows);
    free(t);
    ggdm_axes_deinit(&axes);
    return st;
}
