#include "coordinator/show/status_view.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/plural.h"
#include "common/utf8.h"
#include "coordinator/run/progress.h"

#define STALE_SECONDS 30.0 /* a coordinator writes every second */
#define FRESH_SECONDS 3.0  /* whatever its process looks like from here */
#define BAR 30             /* columns of the run's bar ... */
#define CELL_BAR 10        /* ... and of a cell's */

/* ---- fields; what is not there is 0, "" or the value given ---- */

static long long get_int(const ggdm_node *map, const char *key)
{
    return (long long)ggdm_node_count(map, key, 0);
}

static double get_real(const ggdm_node *map, const char *key, double missing)
{
    const ggdm_node *n = ggdm_node_get(map, key);
    return n && (n->kind == GGDM_NODE_INT || n->kind == GGDM_NODE_REAL) ? n->real : missing;
}

static const char *get_text(const ggdm_node *map, const char *key)
{
    const ggdm_node *n = ggdm_node_get(map, key);
    return n && n->kind == GGDM_NODE_STRING ? n->text : "";
}

/* ---- is anybody there ---- */

ggdm_liveness ggdm_status_liveness(const ggdm_node *root)
{
    char host[256] = "";
    const char *phase = get_text(root, "phase");
    double age = ggdm_wall_clock() - get_real(root, "updated", 0);
    if (strcmp(phase, "running") != 0 && strcmp(phase, "stopping") != 0 &&
        strcmp(phase, "finishing") != 0)
        return GGDM_AT_REST;
    if (age > STALE_SECONDS)
        return GGDM_AT_REST;
    gethostname(host, sizeof host - 1);
    long long pid = get_int(root, "pid");
    bool here = strcmp(host, get_text(root, "host")) == 0;
    bool gone = here && pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
    return gone && age > FRESH_SECONDS ? GGDM_LOST : GGDM_LIVE;
}

/* ---- the head ---- */

static void print_bar(FILE *out, double share, int width)
{
    static const char full[] = "##############################";
    static const char rest[] = "..............................";
    int n = (int)ggdm_to_int(share * width + 1e-9, 0, width);
    fprintf(out, "[%.*s%.*s]", n, full, width - n, rest);
}

static void print_state(FILE *out, const ggdm_node *root, ggdm_liveness live)
{
    const ggdm_node *code = ggdm_node_get(root, "exit_code");
    double age = ggdm_wall_clock() - get_real(root, "updated", 0);
    fprintf(out, "  state      ");
    if (live == GGDM_LIVE)
        fprintf(out, "%s: coordinator on %s, process %lld, heard %.0f s ago\n",
                get_text(root, "phase"), get_text(root, "host"), get_int(root, "pid"),
                age > 0 ? age : 0);
    else if (live == GGDM_LOST)
        fprintf(out, "its coordinator (process %lld) is gone since %.0f s at most\n",
                get_int(root, "pid"), age);
    else if (code && code->kind == GGDM_NODE_INT)
        fprintf(out, "at rest: %s (exit code %s)\n", get_text(root, "phase"), code->text);
    else
        fprintf(out, "at rest: nothing was heard of its coordinator for %.0f s\n", age);
    if (*get_text(root, "message"))
        fprintf(out, "             %s\n", get_text(root, "message"));
}

static void print_session(FILE *out, const ggdm_node *root)
{
    char when[40] = "";
    long long session = get_int(root, "session"), requeued = get_int(root, "requeued");
    time_t started = ggdm_to_int(get_real(root, "started", 0), 0, GGDM_LAST_SECOND);
    struct tm local;
    if (session < 1)
        return;
    if (started > 0 && localtime_r(&started, &local))
        strftime(when, sizeof when, ", since %Y-%m-%d %H:%M:%S", &local);
    fprintf(out, "  session    %lld%s", session, when);
    if (session > 1)
        fprintf(out, ": restarted %lld time%s", session - 1, ggdm_plural(session - 1));
    if (requeued)
        fprintf(out, ", the last time with %lld unit%s under way", requeued, ggdm_plural(requeued));
    fprintf(out, "\n");
}

static const char *images_of(const ggdm_node *root, char text[96])
{
    const ggdm_node *images = ggdm_node_get(root, "images");
    return ggdm_images_text(get_int(images, "done"), get_int(images, "total"),
                            get_int(images, "asked"), text);
}

static void print_images(FILE *out, const ggdm_node *root, bool live)
{
    char elapsed[16], eta[16], text[96];
    const ggdm_node *images = ggdm_node_get(root, "images");
    fprintf(out, "  images     %s", images_of(root, text));
    if (get_int(images, "diverged"))
        fprintf(out, ", %lld diverged", get_int(images, "diverged"));
    if (live)
        fprintf(out, "; %.3g images/s, %s elapsed, ETA %s", get_real(root, "rate", 0),
                ggdm_duration_text(get_real(root, "elapsed", -1), elapsed),
                ggdm_duration_text(get_real(root, "eta", -1), eta));
    fprintf(out, "\n");
    const long long open = get_int(root, "cells_open");
    if (open)
        fprintf(out,
                "  until      %lld cell%s open: images, bar and ETA are of the rounds so far\n",
                open, ggdm_plural(open));
    const ggdm_node *workers = ggdm_node_get(root, "workers");
    if (live) {
        fprintf(out, "  workers    %lld of %lld busy", get_int(workers, "busy"),
                get_int(workers, "total"));
        if (get_int(workers, "lost"))
            fprintf(out, ", %lld lost", get_int(workers, "lost"));
        fprintf(out, " (%s)\n", get_text(root, "isa"));
    }
}

static void print_units(FILE *out, const ggdm_node *root)
{
    const ggdm_node *units = ggdm_node_get(root, "units");
    const char *separator = ":";
    fprintf(out, "  units      %lld", get_int(units, "total"));
    for (const ggdm_node *n = ggdm_node_entries(units); n; n = n->next) {
        if (strcmp(n->key, "total") == 0 || n->kind != GGDM_NODE_INT || !n->magnitude)
            continue;
        fprintf(out, "%s %s %s", separator, n->text, n->key);
        separator = ",";
    }
    fprintf(out, "\n");
    const ggdm_node *troubles = ggdm_node_get(root, "troubles");
    for (const ggdm_node *n = troubles ? troubles->first : NULL; n; n = n->next)
        fprintf(out, "             unit %lld %s (%lld failure%s, %lld loss%s): %s\n",
                get_int(n, "unit"), get_text(n, "state"), get_int(n, "failures"),
                ggdm_plural(get_int(n, "failures")), get_int(n, "losses"),
                get_int(n, "losses") == 1 ? "" : "es", get_text(n, "message"));
}

/* What to do next, where a run rests. */
static void print_next(FILE *out, const ggdm_node *root, const char *dir)
{
    const ggdm_node *units = ggdm_node_get(root, "units");
    long long bad = get_int(units, "quarantined");
    long long left = get_int(units, "ready") + get_int(units, "running") + get_int(units, "failed");
    if (left || strcmp(get_text(root, "phase"), "done") != 0)
        fprintf(out, "  continue   ggdm run %s/sweep.yaml --run %s\n", dir, dir);
    if (bad)
        fprintf(out,
                "  %lld unit%s given up: `ggdm introspect %s` tells which, `ggdm retry %s "
                "--failed` puts %s back\n",
                bad, bad == 1 ? " was" : "s were", dir, dir, bad == 1 ? "it" : "them");
}

/* ---- cells ---- */

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
    return get_real(measure, "accuracy", -1) >= 0 || get_int(measure, "unscored");
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
    double share = get_real(measure, "accuracy", -1);
    char text[ACCURACY_WIDTH + 32] = "      -";
    if (share >= 0)
        snprintf(text, sizeof text, "%5.1f %% [%.1f, %.1f]", 100 * share,
                 100 * get_real(measure, "accuracy_lo", 0),
                 100 * get_real(measure, "accuracy_hi", 1));
    fprintf(out, "  %-*s", width, text);
}

/* "narrow     9.8 points of 50": what was decided last, and on what. */
static void print_until(FILE *out, const ggdm_node *until)
{
    fprintf(out, "  %-9s", until ? get_text(until, "state") : "-");
    if (get_int(until, "n"))
        fprintf(out, " %5.1f of %lld", 100 * get_real(until, "halfwidth", 0), get_int(until, "n"));
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
    long long done = get_int(cell, "done"), wanted = get_int(cell, "wanted");
    const ggdm_node *measures = ggdm_node_get(cell, "measures");
    fprintf(out, "  %-7s", get_text(cell, "cell"));
    for (int i = 0; i < c->n_parameters; i++)
        print_text(out, value_text(cell, c->parameters[i]), c->widths[i]);
    fprintf(out, "  ");
    print_bar(out, wanted ? (double)done / (double)wanted : 0, CELL_BAR);
    fprintf(out, " %6lld %-9s", done, get_text(cell, "state"));
    if (get_int(cell, "diverged"))
        fprintf(out, " %8lld", get_int(cell, "diverged"));
    else
        fprintf(out, " %8s", "-");
    for (int i = c->n_measures - 1; i >= 0; i--)
        if (c->said[i])
            print_accuracy(out, ggdm_node_get(measures, c->measures[i]), c->accuracy_widths[i]);
    fprintf(out, "  %4lld", get_int(cell, "n"));
    if (c->until)
        print_until(out, ggdm_node_get(cell, "until"));
    for (int i = c->n_measures - 1; i >= 0; i--) {
        long long unscored = get_int(ggdm_node_get(measures, c->measures[i]), "unscored");
        if (unscored)
            fprintf(out, "  %lld without a score of the %s", unscored, c->measures[i]);
    }
    fputc('\n', out);
}

static void print_cells(FILE *out, const ggdm_node *root)
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

void ggdm_status_print(FILE *out, const ggdm_node *root, const char *dir)
{
    ggdm_liveness live = ggdm_status_liveness(root);
    double fraction = get_real(root, "fraction", 0);
    fprintf(out, "%s  ", get_text(root, "name"));
    print_bar(out, fraction, BAR);
    fprintf(out, " %5.1f %%\n", 100 * fraction);
    print_state(out, root, live);
    print_session(out, root);
    print_images(out, root, live != GGDM_AT_REST);
    print_units(out, root);
    if (live == GGDM_AT_REST)
        print_next(out, root, dir);
    print_cells(out, root);
}

static const char *state_of(const ggdm_node *root)
{
    return ggdm_status_liveness(root) == GGDM_LOST ? "its coordinator is gone"
                                                   : get_text(root, "phase");
}

void ggdm_status_print_line(FILE *out, const ggdm_node *root)
{
    const ggdm_node *units = ggdm_node_get(root, "units");
    long long bad = get_int(units, "failed") + get_int(units, "quarantined");
    char text[96];
    print_bar(out, get_real(root, "fraction", 0), BAR);
    fprintf(out, " %5.1f %%  %s, %s", 100 * get_real(root, "fraction", 0), images_of(root, text),
            state_of(root));
    if (bad)
        fprintf(out, ", %lld unit%s failed", bad, ggdm_plural(bad));
    fprintf(out, "\n");
}

void ggdm_status_put_line(ggdm_json *j, const ggdm_node *root)
{
    const ggdm_node *images = ggdm_node_get(root, "images"), *units = ggdm_node_get(root, "units");
    ggdm_json_put_string(j, "name", get_text(root, "name"));
    ggdm_json_put_string(j, "state", state_of(root));
    ggdm_json_put_double(j, "fraction", get_real(root, "fraction", 0));
    ggdm_json_put_int(j, "images", get_int(images, "done"));
    ggdm_json_put_int(j, "images_total", get_int(images, "total"));
    ggdm_json_put_int(j, "units_failed", get_int(units, "failed") + get_int(units, "quarantined"));
}
