#include "coordinator/run/estimate.h"

#include <limits.h>
#include <omp.h>
#include <string.h>

#include "common/clock.h"
#include "common/limits.h"
#include "worker/networks.h"

#define MEASURE_SECONDS 0.5
#define MIB ((uint64_t)1 << 20)
#define PROGRAM_BYTES (48 * MIB)  /* of a rank: MPI, oneDNN's code, the heap */
#define ADDRESS_BYTES (512 * MIB) /* libraries and stacks, of which little is in memory */

/* Best time of a run, after one that warms up. */
static double time_network(const ggdm_network *net)
{
    double begun = ggdm_now(), best = 0;
    for (int i = 0; i == 0 || ggdm_now() - begun < MEASURE_SECONDS; i++) {
        double t = ggdm_now();
        ggdm_graph_run(net->graph);
        t = ggdm_now() - t;
        if (best == 0 || t < best)
            best = t;
    }
    return best;
}

static ggdm_status measure(const ggdm_setup *s, ggdm_networks *nets, ggdm_estimate *out,
                           ggdm_error *err)
{
    const ggdm_job *job = &s->outfit.job;
    for (int purpose = 0; purpose < GGDM_NET_PURPOSES; purpose++) {
        bool guide = purpose == GGDM_NET_GUIDED || purpose == GGDM_NET_GUIDE_SCORE;
        if ((guide && !s->outfit.files[GGDM_ROLE_GUIDE].config) ||
            (purpose == GGDM_NET_JUDGE_SCORE && !s->outfit.files[GGDM_ROLE_JUDGE].config))
            continue;
        ggdm_network *net = NULL;
        GGDM_TRY(ggdm_networks_get(nets, (ggdm_purpose)purpose, job->batch, &net, err));
        out->arenas += ggdm_graph_arena_bytes(net->graph);
        if (purpose == GGDM_NET_GUIDED)
            out->guided = time_network(net) / net->batch;
        if (purpose != GGDM_NET_EPS)
            continue;
        out->flops_forward = ggdm_graph_flops(net->graph) / net->batch;
        out->seconds = time_network(net) / net->batch;
    }
    return GGDM_OK;
}

double ggdm_estimate_seconds(const ggdm_estimate *e, const ggdm_plan_count *work)
{
    return (double)(work->forwards - work->guided) * e->seconds + (double)work->guided * e->guided;
}

ggdm_status ggdm_estimate_make(const ggdm_setup *s, ggdm_estimate *out, ggdm_error *err)
{
    ggdm_model *models[GGDM_N_ROLES] = {NULL};
    ggdm_networks *nets = NULL;
    ggdm_status st = GGDM_OK;
    *out = (ggdm_estimate){.states = ggdm_plan_state_bytes(&s->plan, s->image_bytes)};
    omp_set_num_threads(s->outfit.job.threads);
    for (int role = 0; role < GGDM_N_ROLES && st == GGDM_OK; role++) {
        out->weights += s->outfit.files[role].weights_size;
        if (s->outfit.files[role].config)
            st = ggdm_model_create(&s->outfit.files[role], &models[role], err);
    }
    if (st == GGDM_OK)
        st = ggdm_networks_create(&s->outfit.job, models[GGDM_ROLE_DIFFUSION],
                                  models[GGDM_ROLE_GUIDE], models[GGDM_ROLE_JUDGE], &nets, err);
    if (st == GGDM_OK)
        st = measure(s, nets, out, err);
    ggdm_networks_destroy(&nets);
    for (int role = 0; role < GGDM_N_ROLES; role++)
        ggdm_model_destroy(&models[role]);
    return st;
}

uint64_t ggdm_estimate_worker_bytes(const ggdm_estimate *e)
{
    return (uint64_t)e->arenas + e->states + e->weights /* packed */ + PROGRAM_BYTES;
}

int ggdm_estimate_room(const ggdm_estimate *e)
{
    const uint64_t all = ggdm_usable_memory(), worker = ggdm_estimate_worker_bytes(e);
    if (all < e->weights || ggdm_address_space() < worker + e->weights + ADDRESS_BYTES)
        return 0;
    const uint64_t n = (all - e->weights) / worker;
    return n < INT_MAX ? (int)n : INT_MAX;
}
