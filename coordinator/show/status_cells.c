/* The cells of a status document as a table. */
#include <string.h>

#include "common/utf8.h"
#include "coordinator/show/status_parts.h"

#define CELL_BAR 10 /* columns */

enum { MAX_PARAMETERS = 6, MAX_MEASURES = 8, MAX_TEXT = 32, ACCURACY_WIDTH = 22 };

static const char right_by[] = "right by the ";

/* The columns of the table of cells, whose parameters and measures have their names in the
 * document. */
typedef struct cell_columns {
    const char *parameters[MAX_PARAMETERS]; /* those that vary */
    int widths[MAX_PARAMETERS];
    const char *measures[MAX_MEASURES]; /* classifiers ... */
    bool said[MAX_MEASURES];            /* ... whether they said something of any cell ... */
    int accuracy_widths[MAX_MEASURES];  /* ... and their columns */
    int n_parameters, n_measures;
    bool until; /* cells have a state by a rule */
} cell_columns;

static const char *value_text(const ggdm_node *cell, const char *parameter)
{
    const ggdm_node *n = ggdm_node_get(ggdm_node_get(cell, "parameters"), parameter);
    return n && n->kind != GGDM_NODE_NULL && *n->text ? n->text : "-";
}

static bool says_something(const ggdm_node *measure)
{
    return ggdm_status_real(measure, "accuracy", -1) >= 0 || ggdm_status_int(measure, "unscored");
}

static int find_name(const char *const *names, int n, const char *name)
{
    int i = 0;
    while (i < n && strcmp(names[i], name) != 0)
        i++;
    return i;
}

static void add_cell(cell_columns *c, const ggdm_node *cell)
{
    const ggdm_node *n = ggdm_node_entries(ggdm_node_get(cell, "parameters"));
    for (; n; n = n->next) {
        int i = find_name(c->parameters, c->n_parameters, n->key);
        if (i == MAX_PARAMETERS)
            break;
        if (i == c->n_parameters) {
            c->parameters[c->n_parameters++] = n->key;
            c->widths[i] = (int)strnlen(n->key, MAX_TEXT);
        }
        int width = (int)ggdm_utf8_length(value_text(cell, n->key));
        width = width < MAX_TEXT ? width : MAX_TEXT;
        c->widths[i] = width > c->widths[i] ? width : c->widths[i];
    }
    c->until = c->until || ggdm_node_get(cell, "until");
    n = ggdm_node_entries(ggdm_node_get(cell, "measures"));
    for (; n; n = n->next) {
        int i = find_name(c->measures, c->n_measures, n->key);
        if (i == MAX_MEASURES)
            break;
        if (i == c->n_measures) {
            int width = (int)(strlen(right_by) + strnlen(n->key, MAX_TEXT));
            c->measures[c->n_measures++] = n->key;
            c->accuracy_widths[i] = width > ACCURACY_WIDTH ? width : ACCURACY_WIDTH;
        }
        c->said[i] = c->said[i] || says_something(n);
    }
}

static void print_accuracy(FILE *out, const ggdm_node *measure, int width)
{
    double share = ggdm_status_real(measure, "accuracy", -1);
    char text[ACCURACY_WIDTH + 32] = "      -";
    if (share >= 0)
        snprintf(text, sizeof text, "%5.1f %% [%.1f, %.1f]", 100 * share,
                 100 * ggdm_status_real(measure, "accuracy_lo", 0),
                 100 * ggdm_status_real(measure, "accuracy_hi", 1));
    fprintf(out, "  %-*s", width, text);
}

/* "narrow     9.8 points of 50": what was decided last, and on what. */
static void print_until(FILE *out, const ggdm_node *until)
{
    fprintf(out, "  %-9s", until ? ggdm_status_text_of(until, "state") : "-");
    if (ggdm_status_int(until, "n"))
        fprintf(out, " %5.1f of %lld", 100 * ggdm_status_real(until, "halfwidth", 0),
                ggdm_status_int(until, "n"));
}

static void print_text(FILE *out, const char *text, int width)
{
    fputs("  ", out);
    ggdm_utf8_print(out, text, MAX_TEXT, (size_t)width);
}

/* The judges, which are last, come first: what the guide says is what the images were made to
 * please. */
static void print_cell(FILE *out, const ggdm_node *cell, const cell_columns *c)
{
    long long done = ggdm_status_int(cell, "done"), wanted = ggdm_status_int(cell, "wanted");
    const ggdm_node *measures = ggdm_node_get(cell, "measures");
    fprintf(out, "  %-7s", ggdm_status_text_of(cell, "cell"));
    for (int i = 0; i < c->n_parameters; i++)
        print_text(out, value_text(cell, c->parameters[i]), c->widths[i]);
    fprintf(out, "  ");
    ggdm_status_print_bar(out, wanted ? (double)done / (double)wanted : 0, CELL_BAR);
    fprintf(out, " %6lld %-9s", done, ggdm_status_text_of(cell, "state"));
    if (ggdm_status_int(cell, "diverged"))
        fprintf(out, " %8lld", ggdm_status_int(cell, "diverged"));
    else
        fprintf(out, " %8s", "-");
    for (int i = c->n_measures - 1; i >= 0; i--)
        if (c->said[i])
            print_accuracy(out, ggdm_node_get(measures, c->measures[i]), c->accuracy_widths[i]);
    fprintf(out, "  %4lld", ggdm_status_int(cell, "n"));
    if (c->until)
        print_until(out, ggdm_node_get(cell, "until"));
    for (int i = c->n_measures - 1; i >= 0; i--) {
        long long unscored = ggdm_status_int(ggdm_node_get(measures, c->measures[i]), "unscored");
        if (unscored)
            fprintf(out, "  %lld without a score of the %s", unscored, c->measures[i]);
    }
    fputc('\n', out);
}

void ggdm_status_print_cells(FILE *out, const ggdm_node *root)
{
    const ggdm_node *cells = ggdm_node_get(root, "cells");
    cell_columns c = {.n_parameters = 0};
    if (!cells) {
        fprintf(out, "\n  (more than 2000 cells: when they are complete, see summary.csv)\n");
        return;
    }
    for (const ggdm_node *n = cells->first; n; n = n->next)
        add_cell(&c, n);
    fprintf(out, "\n  %-7s", "cell");
    for (int i = 0; i < c.n_parameters; i++)
        print_text(out, c.parameters[i], c.widths[i]);
    fprintf(out, "  %-*s %6s %-9s %8s", CELL_BAR + 2, "images", "", "state", "diverged");
    for (int i = c.n_measures - 1; i >= 0; i--)
        if (c.said[i])
            fprintf(out, "  %s%-*.*s", right_by, c.accuracy_widths[i] - (int)strlen(right_by),
                    MAX_TEXT, c.measures[i]);
    fprintf(out, "  %4s%s\n", "of n", c.until ? "  until     half width" : "");
    for (const ggdm_node *n = cells->first; n; n = n->next)
        print_cell(out, n, &c);
}
