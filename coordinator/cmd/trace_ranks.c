#include "coordinator/cmd/trace_ranks.h"

#include <limits.h>
#include <stdlib.h>

#include "common/fs.h"
#include "common/limits.h"
#include "common/log.h"
#include "coordinator/cmd/command.h"
#include "coordinator/run/model_paths.h"
#include "models/model.h"

#define RANK_BYTES ((uint64_t)64 << 20) /* beside models */

int ggdm_trace_room(uint64_t memory, int64_t parameters)
{
    /* Weights, packed ones, and as much again for activations; a quarter is for others. */
    const uint64_t rank = RANK_BYTES + 3 * sizeof(float) * (uint64_t)parameters;
    const uint64_t room = memory / 4 * 3 / rank;
    return room < 1 ? 1 : room < INT_MAX ? (int)room : INT_MAX;
}

/* Of all models of the run, judges too; that one is not there shows when it is needed. */
static ggdm_status count_parameters(const ggdm_results *r, const char *dir, int64_t *out,
                                    ggdm_error *err)
{
    char *sweep = NULL;
    *out = 0;
    GGDM_TRY(ggdm_path_join(dir, "sweep.yaml", &sweep, err));
    ggdm_status st = GGDM_OK;
    for (int32_t i = 0; i < r->n_models && st == GGDM_OK; i++) {
        ggdm_model_view view;
        char *path = NULL;
        st = ggdm_model_path_find(dir, sweep, r->models[i].name, &path, err);
        if (st == GGDM_OK && ggdm_model_look(path, &view, NULL) == GGDM_OK)
            *out += view.parameters;
        free(path);
    }
    free(sweep);
    return st;
}

ggdm_status ggdm_trace_has_room(const ggdm_results *r, const char *dir, bool *has, ggdm_error *err)
{
    int64_t parameters;
    GGDM_TRY(count_parameters(r, dir, &parameters, err));
    *has = ggdm_command_local_rank() < ggdm_trace_room(ggdm_usable_memory(), parameters);
    return GGDM_OK;
}

ggdm_status ggdm_trace_turns(ggdm_world *world, bool works, int *turn, int *turns, ggdm_error *err)
{
    const int rank = ggdm_world_rank(world), size = ggdm_world_size(world);
    double *at_work = NULL;
    GGDM_TRY(ggdm_world_alloc(world, &at_work, (size_t)size, sizeof *at_work, err));
    at_work[rank] = works;
    ggdm_status st = ggdm_world_sum_few(world, at_work, (size_t)size, err);
    *turn = works ? 0 : -1;
    *turns = 0;
    for (int k = 0; k < size && st == GGDM_OK; k++) {
        *turn += works && k < rank && at_work[k] > 0;
        *turns += at_work[k] > 0;
    }
    if (st == GGDM_OK && rank == 0 && *turns < size)
        ggdm_log(GGDM_LOG_INFO, "%d of %d ranks trace: there is no memory for the models of more",
                 *turns, size);
    free(at_work);
    return st;
}
