/* `ggdm introspect`: for each axis of the sweep, which of its values fail, are quarantined or
 * diverge; and the messages with which units failed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_write.h"
#include "common/mem.h"
#include "common/plural.h"
#include "common/utf8.h"
#include "coordinator/cmd/command.h"
#include "coordinator/run/dir_args.h"
#include "jobs/axes.h"
#include "jobs/store_audit.h"

#define MAX_MESSAGES 10
#define MAX_LINES 20  /* values of one axis in the table: the worst */
#define MAX_NUMBERS 4 /* measures in the table */
#define MAX_WIDTH 30  /* of a value */

typedef struct introspect_options {
    ggdm_dir_options where;
    bool json;
} introspect_options;

/* One value of one axis: what came of the trajectories that its cells show, each counted once, and
 * of the units that make them. */
typedef struct axis_value {
    int32_t rank; /* of the axis */
    int32_t cells;
    int64_t units, failed, quarantined;
    int64_t images, diverged;
    struct {
        double sum;
        int64_t n;
    } numbers[MAX_NUMBERS]; /* of images that did not diverge */
} axis_value;

typedef struct findings {
    ggdm_results results;
    ggdm_axes axes;
    ggdm_tree_audit *trees; /* [n_trees], owned */
    int32_t n_trees;
    int32_t numbers[MAX_NUMBERS]; /* measures that are a number */
    int n_numbers;
    axis_value **values; /* [axes.n][of the axis], worst first; owned */
} findings;

/* Share of units that were given up or wait for another attempt, and of images that diverged. */
static double badness(const axis_value *v)
{
    double units = v->units ? (double)(v->failed + v->quarantined) / (double)v->units : 0;
    double images = v->images ? (double)v->diverged / (double)v->images : 0;
    return units + images;
}

static int worst_first(const void *a, const void *b)
{
    const axis_value *p = a, *q = b;
    double x = badness(p), y = badness(q);
    if (x != y)
        return x > y ? -1 : 1;
    return (p->rank > q->rank) - (p->rank < q->rank);
}

/* ---- counting: a pass over the cells of each axis -------------------------------------------- */

/* A cell that shows a trajectory under a value of the axis. */
typedef struct showing {
    int64_t trajectory;
    int32_t rank, row;
} showing;

static int by_trajectory(const void *a, const void *b)
{
    const showing *x = a, *y = b;
    if (x->trajectory != y->trajectory)
        return x->trajectory < y->trajectory ? -1 : 1;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

static void add_row(const findings *f, const ggdm_row *row, axis_value *v)
{
    v->images += row->n;
    v->diverged += row->diverged;
    for (int k = 0; k < f->n_numbers; k++) {
        const ggdm_measured *m = &row->measured[f->numbers[k]];
        v->numbers[k].sum += m->n_mean ? m->mean * m->n_mean : 0;
        v->numbers[k].n += m->n_mean;
    }
}

static double mean_of(const axis_value *v, int number)
{
    return v->numbers[number].n ? v->numbers[number].sum / (double)v->numbers[number].n
                                : (double)NAN;
}

/* Leaves each trajectory once for each value; of its cells that with most images counts. */
static int32_t count_images(const findings *f, showing *s, axis_value *values)
{
    const ggdm_row *rows = f->results.rows;
    int32_t n = 0;
    for (int32_t i = 0, k; i < f->results.n_rows; i = k) {
        int32_t most = s[i].row;
        for (k = i; k < f->results.n_rows && by_trajectory(&s[i], &s[k]) == 0; k++)
            most = rows[s[k].row].n > rows[most].n ? s[k].row : most;
        values[s[i].rank].cells += k - i;
        add_row(f, &rows[most], &values[s[i].rank]);
        s[n++] = s[i];
    }
    return n;
}

/* Where a trajectory begins in the sorted showings. */
static int32_t find_trajectory(const showing *s, int32_t n, int64_t trajectory)
{
    int32_t lo = 0, hi = n;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (s[mid].trajectory < trajectory)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* last: of each value the tree that it has counted last. */
static void count_units(const findings *f, const showing *s, int32_t n, int32_t *last,
                        axis_value *values)
{
    for (int32_t i = 0; i < f->n_trees; i++) {
        const ggdm_tree_audit *t = &f->trees[i];
        for (int32_t k = 0; k < t->n; k++) {
            int32_t at = find_trajectory(s, n, t->trajectories[k]);
            for (; at < n && s[at].trajectory == t->trajectories[k]; at++) {
                axis_value *v = &values[s[at].rank];
                if (last[s[at].rank] == i + 1)
                    continue;
                last[s[at].rank] = i + 1;
                for (int state = 0; state < GGDM_UNIT_STATES; state++)
                    v->units += t->units[state];
                v->failed += t->units[GGDM_UNIT_FAILED];
                v->quarantined += t->units[GGDM_UNIT_QUARANTINED];
            }
        }
    }
}

static ggdm_status count_axis(findings *f, int32_t axis, ggdm_error *err)
{
    const ggdm_axis *a = &f->axes.axes[axis];
    const size_t n_values = (size_t)a->n, n_rows = (size_t)f->results.n_rows;
    showing *s = NULL;
    int32_t *last = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_alloc(&s, n_rows, sizeof *s, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&last, n_values, sizeof *last, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&f->values[axis], n_values, sizeof **f->values, err), done);
    for (int32_t i = 0; i < f->results.n_rows; i++)
        s[i] = (showing){f->results.rows[i].cell.trajectory, a->rank[i], i};
    for (int32_t i = 0; i < a->n; i++)
        f->values[axis][i].rank = i;
    qsort(s, n_rows, sizeof *s, by_trajectory);
    int32_t n = count_images(f, s, f->values[axis]);
    count_units(f, s, n, last, f->values[axis]);
    qsort(f->values[axis], n_values, sizeof **f->values, worst_first);
done:
    free(s);
    free(last);
    return st;
}

static ggdm_status find_trouble(ggdm_store *store, findings *f, ggdm_error *err)
{
    GGDM_TRY(ggdm_results_read(store, &f->results, err));
    GGDM_TRY(ggdm_axes_find(&f->results, &f->axes, err));
    GGDM_TRY(ggdm_store_audit_trees(store, &f->trees, &f->n_trees, err));
    for (int32_t k = 0; k < f->results.n_measures && f->n_numbers < MAX_NUMBERS; k++)
        if (f->results.measures[k].output == GGDM_OUTPUT_NUMBER)
            f->numbers[f->n_numbers++] = k;
    GGDM_TRY(ggdm_alloc(&f->values, (size_t)f->axes.n, sizeof *f->values, err));
    for (int32_t i = 0; i < f->axes.n; i++)
        GGDM_TRY(count_axis(f, i, err));
    return GGDM_OK;
}

static void free_findings(findings *f)
{
    for (int32_t i = 0; f->values && i < f->axes.n; i++)
        free(f->values[i]);
    free(f->values);
    ggdm_tree_audits_free(&f->trees, f->n_trees);
    ggdm_axes_deinit(&f->axes);
    ggdm_results_deinit(&f->results);
}

/* ---- text ---- */

static void print_axis(const findings *f, int32_t axis)
{
    const ggdm_axis *a = &f->axes.axes[axis];
    char label[GGDM_LABEL_SIZE];
    int width = (int)strnlen(a->column->name, MAX_WIDTH);
    for (int32_t i = 0; i < a->n && i < MAX_LINES; i++) {
        int length = (int)ggdm_utf8_length(ggdm_axis_label(a, f->values[axis][i].rank, label));
        width = length > width ? length : width;
    }
    printf("\n  %-*.*s %6s %8s %8s %12s %9s  %-26s", width, MAX_WIDTH, a->column->name, "cells",
           "units", "failed", "quarantined", "images", "diverged, 95 %");
    for (int k = 0; k < f->n_numbers; k++)
        printf(" %12.12s", f->results.measures[f->numbers[k]].name);
    printf("\n");
    for (int32_t i = 0; i < a->n && i < MAX_LINES; i++) {
        const axis_value *v = &f->values[axis][i];
        ggdm_share share = ggdm_wilson(v->diverged, v->images);
        char text[64] = "-";
        if (v->images)
            snprintf(text, sizeof text, "%.1f %% [%.1f, %.1f]", 100 * share.p, 100 * share.lo,
                     100 * share.hi);
        const int after = width - (int)ggdm_utf8_length(ggdm_axis_label(a, v->rank, label));
        printf("  %s%*s %6d %8lld %8lld %12lld %9lld  %-26s", label, after, "", v->cells,
               (long long)v->units, (long long)v->failed, (long long)v->quarantined,
               (long long)v->images, text);
        for (int k = 0; k < f->n_numbers; k++)
            if (v->numbers[k].n)
                printf(" %12.4g", mean_of(v, k));
            else
                printf(" %12s", "-");
        printf("\n");
    }
    if (a->n > MAX_LINES)
        printf("  (and %d better value%s)\n", a->n - MAX_LINES, ggdm_plural(a->n - MAX_LINES));
}

static ggdm_status print_message(void *context, const ggdm_message_audit *m, ggdm_error *err)
{
    (void)err;
    int *n = context;
    if (!(*n)++)
        printf("\n  messages of failed attempts, commonest first\n");
    printf("  %6lld x  %s\n            units %lld", (long long)m->times, m->message,
           (long long)m->first_unit);
    if (m->last_unit != m->first_unit)
        printf(" ... %lld (%lld of them)", (long long)m->last_unit, (long long)m->units);
    printf("\n");
    return GGDM_OK;
}

static ggdm_status print_findings_text(ggdm_store *store, const findings *f, ggdm_error *err)
{
    const ggdm_store_counts *c = ggdm_store_counts_get(store);
    int n = 0;
    printf("%s: %lld unit%s, %lld failed, %lld quarantined; %lld image%s, %lld diverged\n",
           ggdm_store_run_info(store)->name, (long long)c->units_total, ggdm_plural(c->units_total),
           (long long)c->units[GGDM_UNIT_FAILED], (long long)c->units[GGDM_UNIT_QUARANTINED],
           (long long)c->images_done, ggdm_plural(c->images_done), (long long)c->images_diverged);
    for (int32_t axis = 0; axis < f->axes.n; axis++)
        print_axis(f, axis);
    GGDM_TRY(ggdm_store_audit_messages(store, MAX_MESSAGES, print_message, &n, err));
    if (!n)
        printf("\n  no attempt has failed\n");
    return GGDM_OK;
}

/* ---- JSON ---- */

static void put_value(ggdm_json *j, const findings *f, const ggdm_axis *axis, const axis_value *v)
{
    ggdm_store_column column = *axis->column;
    column.name = "value";
    ggdm_share share = ggdm_wilson(v->diverged, v->images);
    ggdm_json_begin_object(j, NULL);
    ggdm_results_put_value(j, &column, axis->values[v->rank]);
    ggdm_json_put_int(j, "cells", v->cells);
    ggdm_json_put_int(j, "units", v->units);
    ggdm_json_put_int(j, "failed", v->failed);
    ggdm_json_put_int(j, "quarantined", v->quarantined);
    ggdm_json_put_int(j, "images", v->images);
    ggdm_json_put_int(j, "diverged", v->diverged);
    ggdm_json_put_double(j, "diverged_share", share.p);
    ggdm_json_put_double(j, "diverged_lo", share.lo);
    ggdm_json_put_double(j, "diverged_hi", share.hi);
    ggdm_json_begin_object(j, "means");
    for (int k = 0; k < f->n_numbers; k++)
        ggdm_json_put_double(j, f->results.measures[f->numbers[k]].name, mean_of(v, k));
    ggdm_json_end(j);
    ggdm_json_end(j);
}

static ggdm_status put_message(void *context, const ggdm_message_audit *m, ggdm_error *err)
{
    (void)err;
    ggdm_json *j = context;
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_string(j, "message", m->message);
    ggdm_json_put_int(j, "times", m->times);
    ggdm_json_put_int(j, "units", m->units);
    ggdm_json_put_int(j, "first_unit", m->first_unit);
    ggdm_json_put_int(j, "last_unit", m->last_unit);
    ggdm_json_end(j);
    return GGDM_OK;
}

static ggdm_status print_findings_json(ggdm_store *store, const findings *f, ggdm_error *err)
{
    ggdm_json j;
    char *text = NULL;
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_string(&j, "name", ggdm_store_run_info(store)->name);
    ggdm_json_begin_object(&j, "axes");
    for (int32_t axis = 0; axis < f->axes.n; axis++) {
        const ggdm_axis *a = &f->axes.axes[axis];
        ggdm_json_begin_array(&j, a->column->name);
        for (int32_t i = 0; i < a->n; i++)
            put_value(&j, f, a, &f->values[axis][i]);
        ggdm_json_end(&j);
    }
    ggdm_json_end(&j);
    ggdm_json_begin_array(&j, "messages");
    ggdm_status st = ggdm_store_audit_messages(store, MAX_MESSAGES, put_message, &j, err);
    if (st != GGDM_OK) {
        ggdm_json_deinit(&j);
        return st;
    }
    ggdm_json_end(&j);
    ggdm_json_end(&j);
    GGDM_TRY(ggdm_json_finish(&j, &text, NULL, err));
    fputs(text, stdout);
    free(text);
    return st;
}

static ggdm_status introspect(const introspect_options *o, ggdm_error *err)
{
    ggdm_store *store = NULL;
    findings f = {0};
    GGDM_TRY(ggdm_dir_read(o->where.dir, &store, err));
    ggdm_status st = find_trouble(store, &f, err);
    if (st == GGDM_OK)
        st = o->json ? print_findings_json(store, &f, err) : print_findings_text(store, &f, err);
    free_findings(&f);
    return ggdm_dir_done(&store, st, err);
}

static const struct argp_option arguments[] = {
    {"json", 'j', NULL, 0, "print one JSON object", 0},
    {0},
};

static error_t parse_introspect(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    introspect_options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->where;
        break;
    case 'j':
        o->json = true;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int ggdm_cmd_introspect(int argc, char **argv)
{
    static const struct argp argp = {
        arguments,
        parse_introspect,
        "DIR",
        "Which values of the parameters that vary fail, are quarantined or diverge, worst first, "
        "and with which messages.  For a run at rest.\v"
        "Trajectories that several cells show count once for each value; a unit counts for every "
        "value that needs it.  Means are of "
        "images that did not diverge.\n\n"
        "Example:\n  ggdm introspect runs/figure4",
        ggdm_dir_children,
        NULL,
        NULL};
    introspect_options options = {0};
    ggdm_error err = {0};
    if (ggdm_command_parse(&argp, argc, argv, &options))
        return GGDM_EXIT_USAGE;
    return introspect(&options, &err) == GGDM_OK ? GGDM_EXIT_OK
                                                 : ggdm_command_fail("introspect", &err);
}
