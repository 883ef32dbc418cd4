#include "coordinator/cmd/core_use.h"

#include <glob.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/limits.h"
#include "common/threads.h"
#include "coordinator/cmd/bench_program.h"
#include "coordinator/cmd/bench_timing.h"
#include "coordinator/cmd/command.h"

#define BATCH 8 /* of one thread, as of a worker */
#define MAX_BATCH 256
#define SECONDS 0.7 /* of each measurement */

static int count_memories(void)
{
    glob_t found;
    int n =
        glob("/sys/devices/system/node/node[0-9]*", 0, NULL, &found) == 0 ? (int)found.gl_pathc : 1;
    globfree(&found);
    return n;
}

/* A graph with memory of its own. */
typedef struct network {
    ggdm_bench_programs programs;
    ggdm_graph *graph; /* borrowed from them */
} network;

static ggdm_status make_network(const ggdm_model *model, int batch, network *out, ggdm_error *err)
{
    const ggdm_program *p = NULL;
    GGDM_TRY(
        ggdm_bench_programs_init(&out->programs, model, NULL, GGDM_PRECISION_FP32, batch, err));
    GGDM_TRY(ggdm_programs_get(out->programs.programs, out->programs.plain, batch, &p, err));
    out->graph = p->graph;
    return GGDM_OK;
}

/* All at once on as many threads; images/s of their sum. */
static double time_apart(const network *nets, int n)
{
    double rate = 0;
#pragma omp parallel for num_threads(n) schedule(static, 1) reduction(+ : rate)
    for (int i = 0; i < n; i++)
        rate += BATCH / ggdm_bench_graph(nets[i].graph, SECONDS).median;
    return rate;
}

static ggdm_status measure_cores(const ggdm_model *model, ggdm_core_use *out, network *nets,
                                 ggdm_error *err)
{
    const int n = out->cores, batch = BATCH * n < MAX_BATCH ? BATCH * n : MAX_BATCH;
    for (int i = 0; i < n; i++)
        GGDM_TRY(make_network(model, BATCH, &nets[i], err));
    out->alone = BATCH / ggdm_bench_graph(nets[0].graph, SECONDS).median;
    out->apart = time_apart(nets, n);
    ggdm_use_threads(n);
    GGDM_TRY(make_network(model, batch, &nets[n], err));
    out->together = batch / ggdm_bench_graph(nets[n].graph, SECONDS).median;
    return GGDM_OK;
}

ggdm_status ggdm_core_use_measure(ggdm_core_use *out, ggdm_error *err)
{
    ggdm_model_files files = {0};
    ggdm_model *model = NULL;
    network *nets = NULL;
    const int threads = ggdm_use_threads(1); /* graphs are made for so many */
    ggdm_status st;
    *out = (ggdm_core_use){.cores = ggdm_usable_cores(), .memories = count_memories()};
    GGDM_TRY_GOTO(st, ggdm_model_files_open("mnist-ddpm", &files, err), done);
    GGDM_TRY_GOTO(st, ggdm_model_create(&files, &model, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&nets, (size_t)out->cores + 1, sizeof *nets, err), done);
    st = measure_cores(model, out, nets, err);
done:
    ggdm_use_threads(threads);
    for (int i = 0; nets && i <= out->cores; i++)
        ggdm_bench_programs_deinit(&nets[i].programs);
    free(nets);
    ggdm_model_destroy(&model);
    ggdm_model_files_close(&files);
    return st;
}
