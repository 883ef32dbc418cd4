/* Runs units: walks the trajectory tree by sampler step, advances all images that stand at the same
 * step in common batches (guided and unguided apart), scores the finished images and encodes them.
 * Promise 1 of docs/DESIGN.md: the bits of an image depend on nothing else than weights, segment
 * settings, seed and image index. */
#ifndef GGDM_WORKER_EXECUTOR_H
#define GGDM_WORKER_EXECUTOR_H

#include <stdbool.h>

#include "common/status.h"
#include "jobs/messages.h"
#include "models/model.h"

typedef struct ggdm_executor ggdm_executor;

/* Called by ggdm_executor_run between batches and for every finished image. */
typedef struct ggdm_executor_sink {
    void *context;
    /** After each batch: done of total (image-steps of the whole unit), for heartbeats.  Here
     *  ggdm_executor_save may be called.  Return false to stop the unit: run returns
     *  GGDM_ECANCELLED. */
    bool (*step)(void *context, int64_t done, int64_t total);
    /** A finished image; the sink borrows it for the call. */
    ggdm_status (*image)(void *context, const ggdm_image *image, ggdm_error *err);
} ggdm_executor_sink;

/** Build the networks for a job.  guide may be NULL (no guided segment may then occur), judge may
 *  be NULL.  The models are borrowed and must outlive the executor.
 *  Errors: GGDM_ESHAPE where the classifiers do not fit the diffusion model's images. */
ggdm_status ggdm_executor_create(const ggdm_job *job, const ggdm_model *diffusion,
                                 const ggdm_model *guide, const ggdm_model *judge,
                                 ggdm_executor **out, ggdm_error *err);
void ggdm_executor_destroy(ggdm_executor **executor);

/** Run one unit, from its saved state where it has one; one that is of no use is worth a warning,
 *  and the unit starts from the beginning.
 *  Errors: those of the sink; GGDM_ECANCELLED; GGDM_EINVAL for a malformed tree. */
ggdm_status ggdm_executor_run(ggdm_executor *executor, const ggdm_unit *unit,
                              const ggdm_executor_sink *sink, ggdm_error *err);

/** From the sink's step: append the state of the unit that runs to out (what ggdm_unit.state
 * takes), *step gets its sampler step.  Errors: those of ggdm_walk_save. */
ggdm_status ggdm_executor_save(const ggdm_executor *executor, ggdm_wire *out, int32_t *step,
                               ggdm_error *err);

#endif
