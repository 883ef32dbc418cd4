#include "worker/executor.h"

#include <stdlib.h>

#include "common/mem.h"
#include "common/threads.h"
#include "worker/generate.h"

struct ggdm_executor {
    ggdm_tools tools;
    const ggdm_walk *walk; /* of the unit that runs; NULL: none that can be saved */
};

ggdm_status ggdm_executor_create(const ggdm_job *job, const ggdm_catalogue *catalogue,
                                 const ggdm_models *models, ggdm_executor **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    ggdm_tools *t = &(*out)->tools;
    *t = (ggdm_tools){.job = *job, .catalogue = catalogue, .models = models};
    ggdm_use_threads(job->threads);
    ggdm_status st =
        ggdm_programs_create(catalogue, models, job->precision, job->batch, &t->programs, err);
    if (st == GGDM_OK)
        st = ggdm_head_cache_create(catalogue, models, &t->heads, err);
    if (st != GGDM_OK)
        ggdm_executor_destroy(out);
    return st;
}

void ggdm_executor_destroy(ggdm_executor **executor)
{
    if (!*executor)
        return;
    ggdm_programs_destroy(&(*executor)->tools.programs);
    ggdm_head_cache_destroy(&(*executor)->tools.heads);
    free(*executor);
    *executor = NULL;
}

ggdm_status ggdm_executor_run(ggdm_executor *e, const ggdm_unit *unit,
                              const ggdm_executor_sink *sink, ggdm_error *err)
{
    ggdm_status st = unit->kind == GGDM_UNIT_SCORE
                         ? ggdm_rescore(&e->tools, unit, sink, err)
                         : ggdm_generate(&e->tools, unit, sink, &e->walk, err);
    if (st != GGDM_OK)
        ggdm_error_prefix(err, "unit %lld", (long long)unit->id);
    return st;
}

ggdm_status ggdm_executor_save(const ggdm_executor *e, ggdm_wire *out, int32_t *step,
                               ggdm_error *err)
{
    if (!e->walk)
        return GGDM_FAIL(err, GGDM_EINTERNAL, "no unit runs that has a state");
    *step = e->walk->step;
    return ggdm_walk_save(e->walk, out, err);
}
