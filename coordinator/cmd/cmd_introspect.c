/* `ggdm introspect`: for each axis of the sweep, which of its values fail, are quarantined or
 * diverge; and the messages with which units failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_write.h"
#include "common/mem.h"
#include "common/plural.h"
#include "coordinator/cmd/command.h"
#include "coordinator/run/dir_args.h"
#include "jobs/store_audit.h"
#include "jobs/summary.h"
#include "jobs/sweep.h"

#define MAX_MESSAGES 10
#define MAX_LINES 20 /* values of one axis in the table: the worst */

typedef struct introspect_options {
    ggdm_dir_options where;
    bool json;
} introspect_options;

/* One value of one axis: what came of the trajectories that its cells show, each counted once, and
 * of the units that make them. */
typedef struct axis_value {
    double value;
    int32_t cells;
    int64_t units, failed, quarantined;
    int64_t images, diverged;
    double saturated; /* sum */
} axis_value;

typedef struct findings {
    ggdm_cell *cells; /* [n_cells], owned */
    int32_t n_cells, n_trajectories, n_trees;
    ggdm_trajectory_audit *trajectories; /* owned */
    ggdm_tree_audit *trees;              /* owned */
    axis_value *values[GGDM_N_AXES];     /* owned, worst first */
    int32_t n_values[GGDM_N_AXES];
} findings;

static double axis_of(const ggdm_cell *c, int axis)
{
    return axis == GGDM_AXIS_KAPPA      ? c->kappa
           : axis == GGDM_AXIS_DURATION ? c->duration
           : axis == GGDM_AXIS_START    ? c->start
                                        : c->target;
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Share of units that were given up or wait for another attempt, and of images that diverged. */
static double badness(const axis_value *v)
{
    double units = v->units ? (double)(v->failed + v->quarantined) / (double)v->units : 0;
    double images = v->images ? (double)v->diverged / (double)v->images : 0;
    return units + images;
}

static int worst_first(const void *a, const void *b)
{
    double x = badness(a), y = badness(b);
    if (x != y)
        return x > y ? -1 : 1;
    return by_number(&((const axis_value *)a)->value, &((const axis_value *)b)->value);
}

/* ---- counting ---- */

static void count_trees(const findings *f, const bool *mine, axis_value *v)
{
    for (int32_t i = 0; i < f->n_trees; i++) {
        const ggdm_tree_audit *t = &f->trees[i];
        bool any = false;
        for (int32_t k = 0; k < t->n && !any; k++)
            any = mine[t->trajectories[k]];
        for (int s = 0; any && s < GGDM_UNIT_STATES; s++)
            v->units += t->units[s];
        v->failed += any ? t->units[GGDM_UNIT_FAILED] : 0;
        v->quarantined += any ? t->units[GGDM_UNIT_QUARANTINED] : 0;
    }
}

static void count_value(const findings *f, int axis, bool *mine, axis_value *v)
{
    memset(mine, 0, (size_t)f->n_trajectories * sizeof *mine);
    for (int32_t i = 0; i < f->n_cells; i++) {
        const ggdm_cell *c = &f->cells[i];
        if (axis_of(c, axis) != v->value)
            continue;
        v->cells++;
        if (mine[c->trajectory])
            continue;
        mine[c->trajectory] = true;
        v->images += f->trajectories[c->trajectory].images;
        v->diverged += f->trajectories[c->trajectory].diverged;
        v->saturated += f->trajectories[c->trajectory].saturated;
    }
    count_trees(f, mine, v);
}

static ggdm_status count_axis(findings *f, int axis, ggdm_error *err)
{
    double *numbers = NULL;
    bool *mine = NULL;
    ggdm_status st;
    int32_t n = 0;
    GGDM_TRY_GOTO(st, ggdm_alloc(&numbers, (size_t)f->n_cells, sizeof *numbers, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&mine, (size_t)f->n_trajectories, sizeof *mine, err), done);
    for (int32_t i = 0; i < f->n_cells; i++)
        numbers[i] = axis_of(&f->cells[i], axis);
    qsort(numbers, (size_t)f->n_cells, sizeof *numbers, by_number);
    for (int32_t i = 0; i < f->n_cells; i++)
        if (i == 0 || numbers[i] != numbers[i - 1])
            numbers[n++] = numbers[i];
    GGDM_TRY_GOTO(st, ggdm_alloc(&f->values[axis], (size_t)n, sizeof **f->values, err), done);
    f->n_values[axis] = n;
    for (int32_t i = 0; i < n; i++) {
        f->values[axis][i].value = numbers[i];
        count_value(f, axis, mine, &f->values[axis][i]);
    }
    qsort(f->values[axis], (size_t)n, sizeof **f->values, worst_first);
done:
    free(numbers);
    free(mine);
    return st;
}

static ggdm_status find(ggdm_store *store, findings *f, ggdm_error *err)
{
    f->n_cells = ggdm_store_n_cells(store);
    GGDM_TRY(ggdm_alloc(&f->cells, (size_t)f->n_cells, sizeof *f->cells, err));
    for (int32_t i = 0; i < f->n_cells; i++) {
        ggdm_store_cell cell;
        GGDM_TRY(ggdm_store_cell_get(store, i, &cell, err));
        f->cells[i] = cell.cell;
    }
    GGDM_TRY(ggdm_store_audit_trajectories(store, &f->trajectories, &f->n_trajectories, err));
    GGDM_TRY(ggdm_store_audit_trees(store, &f->trees, &f->n_trees, err));
    for (int axis = 0; axis < GGDM_N_AXES; axis++)
        GGDM_TRY(count_axis(f, axis, err));
    return GGDM_OK;
}

static void free_findings(findings *f)
{
    free(f->cells);
    free(f->trajectories);
    ggdm_tree_audits_free(&f->trees, f->n_trees);
    for (int axis = 0; axis < GGDM_N_AXES; axis++)
        free(f->values[axis]);
}

/* ---- text ---- */

static void print_axis(const findings *f, int axis)
{
    int32_t n = f->n_values[axis];
    printf("\n  %-10s %6s %8s %8s %12s %9s  %-26s %10s\n", ggdm_axis_names[axis], "cells", "units",
           "failed", "quarantined", "images", "diverged, 95 %", "saturated");
    for (int32_t i = 0; i < n && i < MAX_LINES; i++) {
        const axis_value *v = &f->values[axis][i];
        ggdm_share share = ggdm_wilson(v->diverged, v->images);
        char text[64] = "-";
        if (v->images)
            snprintf(text, sizeof text, "%.1f %% [%.1f, %.1f]", 100 * share.p, 100 * share.lo,
                     100 * share.hi);
        printf("  %-10g %6d %8lld %8lld %12lld %9lld  %-26s", v->value, v->cells,
               (long long)v->units, (long long)v->failed, (long long)v->quarantined,
               (long long)v->images, text);
        if (v->images)
            printf(" %8.2f %%", 100 * v->saturated / (double)v->images);
        printf("\n");
    }
    if (n > MAX_LINES)
        printf("  (and %d better value%s)\n", n - MAX_LINES, ggdm_plural(n - MAX_LINES));
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

static ggdm_status print_text(ggdm_store *store, const findings *f, ggdm_error *err)
{
    const ggdm_store_counts *c = ggdm_store_counts_get(store);
    int n = 0;
    printf("%s: %lld unit%s, %lld failed, %lld quarantined; %lld image%s, %lld diverged\n",
           ggdm_store_run_info(store)->name, (long long)c->units_total, ggdm_plural(c->units_total),
           (long long)c->units[GGDM_UNIT_FAILED], (long long)c->units[GGDM_UNIT_QUARANTINED],
           (long long)c->images_done, ggdm_plural(c->images_done), (long long)c->images_diverged);
    for (int axis = 0; axis < GGDM_N_AXES; axis++)
        if (f->n_values[axis] > 1)
            print_axis(f, axis);
    GGDM_TRY(ggdm_store_audit_messages(store, MAX_MESSAGES, print_message, &n, err));
    if (!n)
        printf("\n  no attempt has failed\n");
    return GGDM_OK;
}

/* ---- JSON ---- */

static void put_value(ggdm_json *j, const axis_value *v)
{
    ggdm_share share = ggdm_wilson(v->diverged, v->images);
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_double(j, "value", v->value);
    ggdm_json_put_int(j, "cells", v->cells);
    ggdm_json_put_int(j, "units", v->units);
    ggdm_json_put_int(j, "failed", v->failed);
    ggdm_json_put_int(j, "quarantined", v->quarantined);
    ggdm_json_put_int(j, "images", v->images);
    ggdm_json_put_int(j, "diverged", v->diverged);
    ggdm_json_put_double(j, "diverged_share", share.p);
    ggdm_json_put_double(j, "diverged_lo", share.lo);
    ggdm_json_put_double(j, "diverged_hi", share.hi);
    if (v->images)
        ggdm_json_put_double(j, "mean_saturated", v->saturated / (double)v->images);
    else
        ggdm_json_put_null(j, "mean_saturated");
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

static ggdm_status print_json(ggdm_store *store, const findings *f, ggdm_error *err)
{
    ggdm_json j;
    char *text = NULL;
    ggdm_json_init(&j, true);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_string(&j, "name", ggdm_store_run_info(store)->name);
    ggdm_json_begin_object(&j, "axes");
    for (int axis = 0; axis < GGDM_N_AXES; axis++) {
        ggdm_json_begin_array(&j, ggdm_axis_names[axis]);
        for (int32_t i = 0; i < f->n_values[axis]; i++)
            put_value(&j, &f->values[axis][i]);
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
    ggdm_status st = find(store, &f, err);
    if (st == GGDM_OK)
        st = o->json ? print_json(store, &f, err) : print_text(store, &f, err);
    free_findings(&f);
    return ggdm_dir_done(&store, st, err);
}

static const struct argp_option arguments[] = {
    {"json", 'j', NULL, 0, "print one JSON object", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
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
        parse,
        "DIR",
        "Which values of kappa, duration and target fail, are quarantined or diverge, worst first, "
        "and with which messages.  For a run at rest.\v"
        "Trajectories that several cells show count once for each value; a unit counts for every "
        "value that needs it.\n\n"
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
