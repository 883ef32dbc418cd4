/* Runs units: walks the trajectory tree by tick, advances all images whose settings have one
 * program in common batches, presents the finished samples and scores them; or scores samples that
 * are there.
 *
 * Promise 1: the bits of an image depend on nothing else than weights, head, settings and image
 * index. */
#ifndef GGDM_WORKER_EXECUTOR_H
#define GGDM_WORKER_EXECUTOR_H

#include <stdbool.h>

#include "common/status.h"
#include "jobs/messages.h"
#include "worker/emit.h"

typedef struct ggdm_executor ggdm_executor;

/* A term of the guidance in a tick. */
typedef struct ggdm_tick_term {
    const char *name;      /* of its loss, "classifier"; the second of that loss: "classifier-2" */
    float loss;            /* before any weight */
    const float *gradient; /* [elements] times factor; of terms that share a backward pass of their
                              weighted sum; NULL: the loss depends on nothing */
    float factor;          /* weights that are in the gradient */
} ggdm_tick_term;

/* One image at one tick: what the network made of it, before the step. */
typedef struct ggdm_tick_view {
    int32_t image, segment;           /* indices in the unit */
    int32_t step, steps;              /* of the chain */
    int32_t t;                        /* timestep */
    int32_t tick, repeat, evaluation; /* of the step; what they stand for in it */
    ggdm_image_shape shape;
    int64_t elements;
    const float *x, *eps, *x0; /* [elements] */
    int32_t n_terms;           /* those that act in this tick, as the setting has them */
    ggdm_tick_term terms[GGDM_MAX_TERMS];
} ggdm_tick_view;

/* Called by ggdm_executor_run between batches and for every finished sample. */
typedef struct ggdm_executor_sink {
    void *context;
    /** After each batch: done of total (ticks of one image each; of a SCORE unit bytes), for
     *  heartbeats.  Here ggdm_executor_save may be called.  Return false to stop the unit: run
     *  returns GGDM_ECANCELLED. */
    bool (*step)(void *context, int64_t done, int64_t total);
    /** A finished sample; the sink borrows it for the call. */
    ggdm_status (*sample)(void *context, const ggdm_sample *sample, ggdm_error *err);
    /** Every tick of every image, once, but for images that have diverged; NULL: nobody looks. */
    void (*watch)(void *context, const ggdm_tick_view *view);
} ggdm_executor_sink;

/** Get ready for a job.  Catalogue and models are borrowed and must outlive the executor. */
ggdm_status ggdm_executor_create(const ggdm_job *job, const ggdm_catalogue *catalogue,
                                 const ggdm_models *models, ggdm_executor **out, ggdm_error *err);
void ggdm_executor_destroy(ggdm_executor **executor);

/** Run one unit, from its saved state where it has one; one that is of no use is worth a warning,
 *  and the unit starts from the beginning.  Its texts are untrusted; its numbers are as
 *  ggdm_unit_unpack leaves them.
 *  Errors: those of the sink; GGDM_ECANCELLED; those of ggdm_recipe_parse,
 *  naming head, setting or scorer; GGDM_EINVAL where models are not there; of a SCORE unit those of
 * ggdm_present_read.
 */
ggdm_status ggdm_executor_run(ggdm_executor *executor, const ggdm_unit *unit,
                              const ggdm_executor_sink *sink, ggdm_error *err);

/** From the sink's step, of a unit that generates: append its state to out (what ggdm_unit.state
 *  takes), *step gets its sampler step.  Errors: those of ggdm_walk_save. */
ggdm_status ggdm_executor_save(const ggdm_executor *executor, ggdm_wire *out, int32_t *step,
                               ggdm_error *err);

#endif
