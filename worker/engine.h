/* What a worker does with its units.  The worker loop is the same for all engines: the sampler of a
 * run, and the stand-in that `ggdm bench dispatch` measures the coordinator with. */
#ifndef GGDM_WORKER_ENGINE_H
#define GGDM_WORKER_ENGINE_H

#include "common/status.h"
#include "jobs/messages.h"
#include "worker/executor.h"
#include "worker/startup.h"

typedef struct ggdm_engine {
    void *context;
    /** Get ready for the outfit's job; what it borrows from outfit lives as long as the engine.
     *  Errors are told to the coordinator. */
    ggdm_status (*create)(void *context, const ggdm_outfit *outfit, void **self, ggdm_error *err);
    /** Safe on NULL and after a failed create. */
    void (*destroy)(void **self);
    /** Run one unit: contract of ggdm_executor_run. */
    ggdm_status (*run)(void *self, const ggdm_unit *unit, const ggdm_executor_sink *sink,
                       ggdm_error *err);
    /** Contract of ggdm_executor_save; NULL: units of this engine have no checkpoints. */
    ggdm_status (*save)(void *self, ggdm_wire *out, int32_t *step, ggdm_error *err);
} ggdm_engine;

/* Networks and samplers: what `ggdm run` uses. */
extern const ggdm_engine ggdm_engine_sampler;

#endif
