#include "coordinator/cmd/bench_run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fs.h"
#include "common/mem.h"
#include "jobs/planner.h"
#include "jobs/store.h"

/* A sweep whose images nobody makes needs neither networks nor scorers. */
static const ggdm_param chain_rows[] = {{.key = "steps",
                                         .type = GGDM_PARAM_WHOLE,
                                         .structure = true,
                                         .lo = 1,
                                         .hi = GGDM_BENCH_STEPS,
                                         .fallback = GGDM_WHOLE(GGDM_BENCH_STEPS),
                                         .help = "Steps of a chain."}};
static const ggdm_kind chain_kind = {.family = GGDM_FAMILY_SAMPLER,
                                     .name = "none",
                                     .standard = true,
                                     .help = "Does nothing.",
                                     GGDM_PARAMS(chain_rows)};
static const ggdm_kind *const bench_kinds[] = {&ggdm_kind_stage, &chain_kind};
static const ggdm_catalogue bench_catalogue = {bench_kinds,
                                               sizeof bench_kinds / sizeof *bench_kinds};

static ggdm_status cost_nothing(void *context, const char *head, const char *setting,
                                ggdm_step_cost *out, ggdm_error *err)
{
    (void)context, (void)head, (void)setting, (void)err;
    *out = (ggdm_step_cost){.operations = 1, .evaluations = 1, .state_bytes = 4};
    return GGDM_OK;
}

static ggdm_status store_sweep(ggdm_spec *spec, const char *text, int32_t images,
                               ggdm_bench_run *run, ggdm_error *err)
{
    const ggdm_plan_options options = {.unit_cost = (double)images * GGDM_BENCH_STEPS,
                                       .min_units = 1,
                                       .min_block = images,
                                       .max_trajectories = 1,
                                       .max_state_bytes = SIZE_MAX};
    const ggdm_coster coster = {.cost = cost_nothing};
    ggdm_cells cells = {.n_cells = 0};
    ggdm_plan plan = {.n_units = 0};
    char name[] = "bench";
    const ggdm_run_info info = {.name = name, .precision = GGDM_PRECISION_FP32};
    const ggdm_store_batch batch = {
        .sweep = {.text = text, .digest = ""}, .cells = &cells, .plan = &plan};
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_cells_expand(spec, NULL, &cells, err), done);
    GGDM_TRY_GOTO(st, ggdm_plan_make(&cells, &coster, &options, &plan, err), done);
    run->job = (ggdm_job){.precision = GGDM_PRECISION_FP32, .batch = 1, .threads = 1};
    st = ggdm_store_create(run->dir, &info, &batch, err);
done:
    ggdm_plan_deinit(&plan);
    ggdm_cells_deinit(&cells);
    return st;
}

ggdm_status ggdm_bench_run_create(const char *parent, const char *name, int32_t units,
                                  int32_t images, ggdm_bench_run *run, ggdm_error *err)
{
    const bool ten = units % 10 == 0;
    char *text = NULL;
    ggdm_spec spec = {.n_cells = 0};
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_path_join(parent, name, &run->dir, err), done);
    GGDM_TRY_GOTO(st, ggdm_make_dirs(run->dir, err), done);
    GGDM_TRY_GOTO(st,
                  ggdm_asprintf(&text, err,
                                "name: bench\nmodel: none\nsweep: {seed: {from: 1, to: %d, step: "
                                "1}}\nsamples: %d\n",
                                ten ? 10 : 1, (ten ? units / 10 : units) * images),
                  done);
    GGDM_TRY_GOTO(
        st,
        ggdm_spec_parse(&bench_catalogue, text, strlen(text), "sweep.yaml", NULL, 0, &spec, err),
        done);
    st = store_sweep(&spec, text, images, run, err);
done:
    ggdm_spec_deinit(&spec);
    free(text);
    return st;
}

void ggdm_bench_run_deinit(ggdm_bench_run *run)
{
    free(run->dir);
}

double ggdm_bench_run_bytes(const ggdm_bench_run *run)
{
    char *path = NULL;
    struct stat s = {0};
    if (ggdm_path_join(run->dir, GGDM_STORE_FILE, &path, NULL) == GGDM_OK)
        stat(path, &s);
    free(path);
    return (double)s.st_size;
}
