/* `ggdm evaluate`: the metrics of a run's cells, then its summary and figures anew. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_write.h"
#include "common/log.h"
#include "common/plural.h"
#include "coordinator/cmd/command.h"
#include "coordinator/cmd/evaluations.h"
#include "coordinator/cmd/pooled.h"
#include "coordinator/run/dir_args.h"
#include "coordinator/run/run_dir.h"
#include "coordinator/show/finish.h"
#include "coordinator/show/report.h"
#include "coordinator/show/report_surface.h"
#include "evaluate/evaluate.h"
#include "jobs/plot.h"
#include "jobs/summary.h"

typedef struct evaluate_options {
    ggdm_dir_options where;
    const char *out, *features, *against;
    ggdm_reference reference;
    bool json, quiet, pooled;
    ggdm_evaluate_options asked;
    bool wanting; /* some cells have no number; on rank 0 */
} evaluate_options;

/* ---- metrics ---- */

static void tell(const ggdm_evaluated *e, const ggdm_evaluate_options *o)
{
    ggdm_log(GGDM_LOG_INFO, "%d number%s computed, %d there already, of features %s", e->made,
             ggdm_plural(e->made), e->kept, ggdm_features_name(o->features, 0));
    for (int32_t k = 0; k < o->n_metrics; k++)
        if (e->few_of[k])
            ggdm_log(GGDM_LOG_WARN,
                     "%s: %d number%s could not be given: fewer images than needed (%lld) that did "
                     "not diverge",
                     o->metrics[k]->kind.name, e->few_of[k], ggdm_plural(e->few_of[k]),
                     (long long)o->metrics[k]->least);
}

static bool want_logits(const ggdm_evaluate_options *o)
{
    bool any = false;
    for (int32_t k = 0; k < o->n_metrics; k++)
        any |= o->metrics[k]->logits;
    return any;
}

/* Does a metric compare with a reference, and which needs the features of each of its images? */
static bool want_reference(const ggdm_evaluate_options *o, const char **needs)
{
    bool any = false;
    *needs = NULL;
    for (int32_t k = 0; k < o->n_metrics; k++) {
        any |= o->metrics[k]->reference;
        if (o->metrics[k]->reference_rows)
            *needs = o->metrics[k]->kind.name;
    }
    return any;
}

static ggdm_status open_reference(evaluate_options *o, ggdm_world *world, ggdm_error *err)
{
    const char *needs;
    if (!want_reference(&o->asked, &needs))
        return GGDM_OK;
    GGDM_TRY(ggdm_reference_open(world, o->against, o->asked.features, needs, &o->reference, err));
    o->asked.reference = &o->reference;
    return GGDM_OK;
}

/* What a rank needs; *store is the run's, owned by rank 0. */
static ggdm_status prepare(evaluate_options *o, bool first, ggdm_store **store, ggdm_error *err)
{
    GGDM_TRY(ggdm_features_open(o->features, want_logits(&o->asked), ggdm_evaluations_find,
                                (void *)o->where.dir, &o->asked.features, err));
    if (!first)
        return GGDM_OK;
    GGDM_TRY(ggdm_dir_open(o->where.dir, store, err));
    ggdm_store_publish(*store);
    return GGDM_OK;
}

/* Of all images as one set, which is printed and not kept. */
static ggdm_status pool(const evaluate_options *o, ggdm_world *world, ggdm_store *store,
                        ggdm_evaluated *out, ggdm_error *err)
{
    ggdm_pooled pooled;
    GGDM_TRY(ggdm_evaluate_pooled(world, store, &o->asked, &pooled, err));
    out->few = pooled.few;
    out->odd = pooled.odd;
    if (!store)
        return GGDM_OK;
    if (pooled.few)
        ggdm_log(GGDM_LOG_WARN, "%d metric%s could not be given: fewer images than needed",
                 pooled.few, ggdm_plural(pooled.few));
    return ggdm_pooled_print(&o->asked, &pooled, o->json, err);
}

static ggdm_status compute(evaluate_options *o, ggdm_world *world, ggdm_store **store,
                           ggdm_evaluated *out, ggdm_error *err)
{
    ggdm_status st = ggdm_evaluations_pin(world, err);
    if (st == GGDM_OK)
        st = ggdm_world_agree(world, prepare(o, ggdm_world_rank(world) == 0, store, err), err);
    if (st == GGDM_OK)
        st = open_reference(o, world, err);
    if (st == GGDM_OK)
        st = o->pooled ? pool(o, world, *store, out, err)
                       : ggdm_evaluate_run(world, *store, &o->asked, out, err);
    if (st == GGDM_OK && *store && !o->pooled)
        tell(out, &o->asked);
    ggdm_reference_close(&o->reference);
    ggdm_features_close(&o->asked.features);
    return st;
}

/* ---- what comes of it ---- */

static void put_metric(ggdm_json *j, const ggdm_metric *metric, const ggdm_metric_value *v)
{
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_string(j, "metric", metric->metric);
    ggdm_json_put_string(j, "settings", metric->settings);
    ggdm_json_put_double(j, "value", v->value);
    ggdm_json_put_double(j, "lo", v->lo);
    ggdm_json_put_double(j, "hi", v->hi);
    ggdm_json_put_int(j, "n", v->n);
    if (*v->note)
        ggdm_json_put_string(j, "note", v->note);
    ggdm_json_end(j);
}

static ggdm_status print_json(const ggdm_results *r, ggdm_error *err)
{
    ggdm_json j;
    char *text = NULL;
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_string(&j, "name", r->info->name);
    ggdm_json_begin_array(&j, "cells");
    for (int32_t i = 0; i < r->n_rows; i++) {
        const ggdm_row *row = &r->rows[i];
        ggdm_json_begin_object(&j, NULL);
        ggdm_json_put_string(&j, "cell", row->cell.name);
        ggdm_json_begin_object(&j, "parameters");
        for (int32_t k = 0; k < r->n_varying; k++)
            ggdm_results_put_value(&j, &r->columns[r->varying[k]],
                                   ggdm_results_value(r, row, r->varying[k]));
        ggdm_json_end(&j);
        ggdm_json_put_int(&j, "n", row->n);
        ggdm_json_put_int(&j, "diverged", row->diverged);
        ggdm_json_begin_array(&j, "metrics");
        for (int32_t k = 0; k < r->n_metrics; k++)
            if (row->metrics[k].n > 0)
                put_metric(&j, &r->metrics[k], &row->metrics[k]);
        ggdm_json_end(&j);
        ggdm_json_end(&j);
    }
    ggdm_json_end(&j);
    ggdm_json_end(&j);
    GGDM_TRY(ggdm_json_finish(&j, &text, NULL, err));
    fputs(text, stdout);
    free(text);
    return GGDM_OK;
}

/* The report has metrics, too: where there are new ones it is written as well. */
static ggdm_status write_all(const evaluate_options *o, ggdm_results *r, const char *place,
                             ggdm_error *err)
{
    GGDM_TRY(ggdm_plot_run(r, place, NULL, err));
    GGDM_TRY(ggdm_surface_products(r, place, err));
    if (o->features)
        GGDM_TRY(ggdm_report_write(r, place, GGDM_REPORT_FILE, NULL, err));
    GGDM_TRY(ggdm_summary_write(r, place, err));
    return o->json ? print_json(r, err) : o->quiet ? GGDM_OK : ggdm_finish_print(r, place, err);
}

/* On rank 0. */
static ggdm_status present(const evaluate_options *o, ggdm_store *store, ggdm_error *err)
{
    ggdm_results r = {0};
    const char *place;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_dir_to_write(o->where.dir, o->out, "summary.csv", &place, err), done);
    GGDM_TRY_GOTO(st, ggdm_results_read(store, &r, err), done);
    st = write_all(o, &r, place, err);
done:
    ggdm_results_deinit(&r);
    return st;
}

static ggdm_status evaluate(void *options, ggdm_world *world, ggdm_error *err)
{
    evaluate_options *o = options;
    ggdm_evaluated done = {0};
    ggdm_store *store = NULL;
    ggdm_status st = GGDM_OK;
    if (o->features)
        st = compute(o, world, &store, &done, err);
    else if (ggdm_world_rank(world) == 0)
        st = ggdm_dir_read(o->where.dir, &store, err);
    o->wanting = ggdm_world_rank(world) == 0 && done.few + done.odd;
    if (st == GGDM_OK && ggdm_world_rank(world) == 0 && !o->pooled)
        st = present(o, store, err);
    if (!o->features && store)
        return ggdm_dir_done(&store, st, err);
    ggdm_store_close(&store);
    return st;
}

/* ---- arguments ---- */

enum { KEY_METRICS = 256, KEY_FEATURES, KEY_REFERENCE, KEY_POOLED };

static const struct argp_option arguments[] = {
    {"metrics", KEY_METRICS, "NAME,...", 0,
     "give each cell these metrics (`ggdm methods metric' lists them; FID is frechet by the "
     "features "
     "of inception)",
     0},
    {"features", KEY_FEATURES, "SOURCE", 0,
     "what images are compared by: pixels (default), or a layer of a classifier as MODEL:LAYER, of "
     "features "
     "(what its last layer takes) and logits; MODEL alone: the first of them that it has",
     0},
    {"reference", KEY_REFERENCE, "SET", 0,
     "what images are compared with, where a metric compares: the images of a data set, as "
     "mnist-test (NAME-train or NAME-test, of data/NAME or the directory NAME), or FILE.npz: what "
     "`ggdm reference' wrote, mu and sigma of others, or images (arr_0)",
     0},
    {"pooled", KEY_POOLED, NULL, 0,
     "the metrics of all images of the run as one set, not of each cell; printed, not kept", 0},
    {"json", 'j', NULL, 0, "print the metrics of all cells as one JSON object", 0},
    {"quiet", 'q', NULL, 0, "print no tables", 0},
    {"out", 'o', "DIR", 0, "write files below this directory (default: the run directory)", 0},
    {0},
};

static void parse_metrics(const struct argp_state *state, const char *list,
                          ggdm_evaluate_options *asked)
{
    const char *names[GGDM_MAX_METRICS + 1] = {NULL};
    char name[64];
    for (int k = 0; ggdm_metric_kinds[k]; k++)
        names[k] = ggdm_metric_kinds[k]->kind.name;
    for (const char *end = list; *end; list = end + 1) {
        end = strchrnul(list, ',');
        snprintf(name, sizeof name, "%.*s", (int)(end - list), list);
        const ggdm_metric_kind *kind =
            ggdm_metric_kinds[ggdm_command_choice(state, "--metrics", name, names)];
        for (int32_t k = 0; k < asked->n_metrics; k++)
            if (asked->metrics[k] == kind)
                argp_error(state, "--metrics: %s twice", name);
        asked->metrics[asked->n_metrics++] = kind;
    }
}

static void check_reference(const struct argp_state *state, const evaluate_options *o)
{
    bool any = false;
    for (int32_t k = 0; k < o->asked.n_metrics; k++) {
        const ggdm_metric_kind *metric = o->asked.metrics[k];
        any |= metric->reference;
        if (metric->reference && !o->against)
            argp_error(state,
                       "%s compares with a reference, expected --reference with it, as mnist-test",
                       metric->kind.name);
    }
    if (o->against && !any)
        argp_error(state, "--reference: expected a metric that compares with one");
}

static error_t parse_evaluate(int key, char *arg, struct argp_state *state)
{
    evaluate_options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->where;
        break;
    case KEY_METRICS:
        parse_metrics(state, arg, &o->asked);
        break;
    case KEY_FEATURES:
        o->features = arg;
        break;
    case KEY_REFERENCE:
        o->against = arg;
        break;
    case KEY_POOLED:
        o->pooled = true;
        break;
    case 'j':
        o->json = true;
        break;
    case 'q':
        o->quiet = true;
        break;
    case 'o':
        o->out = arg;
        break;
    case ARGP_KEY_END:
        if (o->features && !o->asked.n_metrics)
            argp_error(state, "--features: expected --metrics with it");
        if (o->pooled && !o->asked.n_metrics)
            argp_error(state, "--pooled: expected --metrics with it");
        if (o->asked.n_metrics && !o->features)
            o->features = "pixels";
        check_reference(state, o);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int ggdm_cmd_evaluate(int argc, char **argv)
{
    static const struct argp argp = {
        arguments,
        parse_evaluate,
        "DIR",
        "Give the cells of the run in DIR metrics of all their images, and write summary.csv, "
        "summary.json, the figures and report.html anew.  Without --metrics nothing is computed: "
        "summary and figures are written from the database or, while the run goes on, from its "
        "latest snapshot.\v"
        "Metrics are kept in the database: what is there of the same features and as many images "
        "is not computed again.  They are of the images that did not diverge.  Under mpirun or "
        "srun all ranks share the work, and give the same numbers.\n\n"
        "Example:\n  ggdm evaluate runs/figure4 --metrics vendi --features mnist-judge\n"
        "  ggdm evaluate r --metrics kid --features mnist-judge --reference mnist-test\n"
        "  mpirun -n 8 ggdm evaluate runs/night --metrics vendi --pooled",
        ggdm_dir_children,
        NULL,
        NULL};
    evaluate_options o = {.out = NULL};
    if (ggdm_command_parse(&argp, argc, argv, &o))
        return GGDM_EXIT_USAGE;
    const int code = ggdm_command_together("evaluate", evaluate, &o);
    return code == GGDM_EXIT_OK && o.wanting ? GGDM_EXIT_FAILED_UNITS : code;
}
