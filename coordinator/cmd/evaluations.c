#include "coordinator/cmd/evaluations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/plural.h"
#include "coordinator/cmd/command.h"
#include "coordinator/cmd/trace.h"
#include "coordinator/run/dir_args.h"
#include "coordinator/run/model_paths.h"
#include "coordinator/show/finish.h"
#include "coordinator/world/world.h"
#include "evaluate/metrics.h"
#include "evaluate/reference.h"
#include "worker/startup.h"

ggdm_status ggdm_evaluations_find(void *dir, const char *name, char **path, ggdm_error *err)
{
    return ggdm_model_path_find(dir, "", name, path, err);
}

ggdm_status ggdm_evaluations_pin(ggdm_world *world, ggdm_error *err)
{
    ggdm_precision precision = GGDM_PRECISION_FP32;
    ggdm_isa isa;
    int agreed;
    ggdm_status st = ggdm_isa_choose(&isa, err);
    if (st == GGDM_OK)
        st = ggdm_startup_precision(&precision, &isa, err);
    GGDM_TRY(ggdm_world_agree(world, st, err));
    GGDM_TRY(ggdm_world_min(world, (int)isa, &agreed, err));
    return ggdm_isa_pin((ggdm_isa)agreed, err);
}

/* ---- checking ---- */

static const ggdm_metric_kind *find_metric(const char *name, size_t size)
{
    for (int k = 0; ggdm_metric_kinds[k]; k++) {
        const char *known = ggdm_metric_kinds[k]->kind.name;
        if (strncmp(known, name, size) == 0 && known[size] == '\0')
            return ggdm_metric_kinds[k];
    }
    return NULL;
}

static ggdm_status check_metrics(const ggdm_evaluation *e, bool *logits, ggdm_error *err)
{
    for (const char *name = e->metrics; *name; name += strcspn(name, ","), name += *name == ',') {
        const int size = (int)strcspn(name, ",");
        const ggdm_metric_kind *metric = find_metric(name, (size_t)size);
        if (!metric)
            return ggdm_node_fail(
                e->at, err, "value '%.*s', expected a metric (`ggdm methods metric')", size, name);
        if (metric->reference && !e->reference)
            return ggdm_node_fail(e->at, err,
                                  "%.*s compares with a reference, expected `reference' beside it",
                                  size, name);
        *logits |= metric->logits;
    }
    return GGDM_OK;
}

ggdm_status ggdm_evaluations_check(const ggdm_spec *spec, const char *run_dir, ggdm_error *err)
{
    for (int32_t i = 0; i < spec->n_evaluations; i++) {
        const ggdm_evaluation *e = &spec->evaluations[i];
        ggdm_features *features = NULL;
        bool logits = false;
        char *path = NULL;
        GGDM_TRY(check_metrics(e, &logits, err));
        ggdm_status st = ggdm_features_open(ggdm_evaluation_features(e), logits,
                                            ggdm_evaluations_find, (void *)run_dir, &features, err);
        if (st == GGDM_OK && e->reference)
            st = ggdm_reference_find(e->reference, &path, err);
        free(path);
        ggdm_features_close(&features);
        if (st != GGDM_OK)
            return ggdm_spec_blame(spec, "evaluate", err);
    }
    return GGDM_OK;
}

void ggdm_evaluations_warn(const ggdm_spec *spec)
{
    for (int32_t i = 0; i < spec->n_evaluations; i++) {
        const char *reference = spec->evaluations[i].reference;
        ggdm_error err = {0};
        char *path = NULL;
        if (reference && ggdm_reference_find(reference, &path, &err) == GGDM_OK &&
            !ggdm_exists(path))
            ggdm_log(GGDM_LOG_WARN,
                     "evaluate: reference %s: no %s is there; it is needed once all images are",
                     reference, path);
        free(path);
    }
}

/* ---- doing ---- */

/* `ggdm ARGS` in every rank of a world; its exit code. */
static ggdm_status run_world(const ggdm_launch *launch, char **args, int *code, ggdm_error *err)
{
    ggdm_launch world = *launch;
    ggdm_stop_watch stops;
    ggdm_world_end end;
    world.args = args;
    world.workers--; /* there is none beside them */
    world.may_be_silent = true;
    GGDM_TRY(ggdm_stop_watch_begin(&stops, err));
    const ggdm_status st = ggdm_world_run(&world, "nobody", &stops, &end, err);
    ggdm_stop_watch_end(&stops);
    *code = stops.stops                  ? GGDM_EXIT_INTERRUPTED
            : WIFEXITED(end.wait_status) ? WEXITSTATUS(end.wait_status)
                                         : GGDM_EXIT_INTERNAL;
    return st;
}

/* ARGS in a world, or here. */
static ggdm_status run_command(const ggdm_launch *launch, int (*command)(int argc, char **argv),
                               char **args, int n, int *code, ggdm_error *err)
{
    if (launch)
        return run_world(launch, args, code, err);
    *code = command(n, args);
    return GGDM_OK;
}

static ggdm_status evaluate(const ggdm_evaluation *e, const char *run_dir,
                            const ggdm_launch *launch, int *code, ggdm_error *err)
{
    char name[] = "evaluate", metrics[] = "--metrics", features[] = "--features",
         reference[] = "--reference", quiet[] = "--quiet";
    char *args[10] = {name,     (char *)run_dir,
                      metrics,  (char *)e->metrics,
                      features, (char *)ggdm_evaluation_features(e)};
    int n = 6;
    if (e->reference) {
        args[n++] = reference;
        args[n++] = e->reference;
    }
    args[n++] = quiet;
    ggdm_log(GGDM_LOG_INFO, "evaluating: %s by %s%s%s", e->metrics, ggdm_evaluation_features(e),
             e->reference ? " against " : "", e->reference ? e->reference : "");
    return run_command(launch, ggdm_cmd_evaluate, args, n, code, err);
}

static ggdm_status count_untraced(const ggdm_spec *spec, const char *run_dir, int32_t *n,
                                  ggdm_error *err)
{
    ggdm_store *store = NULL;
    *n = 0;
    if (!spec->trace.images)
        return GGDM_OK;
    GGDM_TRY(ggdm_store_read(run_dir, &store, err));
    const ggdm_status st = ggdm_trace_missing(store, run_dir, &spec->trace, n, err);
    ggdm_store_close(&store);
    return st;
}

bool ggdm_evaluations_untraced(const ggdm_spec *spec, const char *run_dir)
{
    int32_t n;
    return count_untraced(spec, run_dir, &n, NULL) == GGDM_OK && n > 0;
}

/* No more ranks than there are trajectories. */
static ggdm_status trace(const ggdm_spec *spec, const char *run_dir, const ggdm_launch *launch,
                         int *code, ggdm_error *err)
{
    char name[] = "trace", images[] = "--images", every[] = "--every", number[16], steps[16];
    char *args[7] = {name, (char *)run_dir, images, number};
    int n = 4;
    int32_t left;
    GGDM_TRY(count_untraced(spec, run_dir, &left, err));
    if (left == 0)
        return GGDM_OK;
    snprintf(number, sizeof number, "%d", spec->trace.images);
    snprintf(steps, sizeof steps, "%d", spec->trace.every);
    if (spec->trace.every) {
        args[n++] = every;
        args[n++] = steps;
    }
    ggdm_launch world = launch ? *launch : (ggdm_launch){.workers = 0};
    world.workers = left < world.workers ? left : world.workers;
    ggdm_log(GGDM_LOG_INFO, "tracing %d image%s of each cell", spec->trace.images,
             ggdm_plural(spec->trace.images));
    return run_command(launch ? &world : NULL, ggdm_cmd_trace, args, n, code, err);
}

/* What there is to tell of the run, with all its metrics or without. */
static ggdm_status tell(const char *run_dir, ggdm_error *err)
{
    ggdm_store *store = NULL;
    GGDM_TRY(ggdm_dir_read(run_dir, &store, err));
    return ggdm_dir_done(&store, ggdm_finish_run(store, run_dir, GGDM_FINISH_TELL, err), err);
}

ggdm_status ggdm_evaluations_run(const ggdm_spec *spec, const char *run_dir,
                                 const ggdm_launch *evaluate_in, const ggdm_launch *trace_in,
                                 int *code, ggdm_error *err)
{
    int one = GGDM_EXIT_OK;
    for (int32_t i = 0; i < spec->n_evaluations && one <= GGDM_EXIT_FAILED_UNITS; i++) {
        GGDM_TRY(evaluate(&spec->evaluations[i], run_dir, evaluate_in, &one, err));
        *code = *code == GGDM_EXIT_OK ? one : *code;
    }
    if (one <= GGDM_EXIT_FAILED_UNITS) {
        GGDM_TRY(trace(spec, run_dir, trace_in, &one, err));
        *code = *code == GGDM_EXIT_OK ? one : *code;
    }
    if (one > GGDM_EXIT_FAILED_UNITS)
        ggdm_log(GGDM_LOG_WARN,
                 "not all is evaluated and traced; images, archives and summary are in %s, and the "
                 "same command goes on",
                 run_dir);
    return tell(run_dir, err);
}
