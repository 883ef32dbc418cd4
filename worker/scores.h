/* The end of samples: each is scored by the scorers that its trajectory has in the unit, in batches
 * across trajectories (scorers of one program share them), and then given to the sink. */
#ifndef GGDM_WORKER_SCORES_H
#define GGDM_WORKER_SCORES_H

#include "worker/executor.h"
#include "worker/tools.h"

/* A sample that has yet to be scored. */
typedef struct ggdm_finished {
    ggdm_sample sample; /* owned */
    float *seen;        /* [H, W, C] the archived image in data units; owned */
    float saturated;    /* share of values beyond 1.5 times the data range; NAN: not known */
} ggdm_finished;

typedef struct ggdm_scores ggdm_scores;

/** The scorers of a unit, untrusted texts.  All is borrowed.  Errors: those of ggdm_recipe_parse,
 *  naming the scorer; GGDM_EINVAL where it has models that are not there. */
ggdm_status ggdm_scores_create(const ggdm_tools *tools, const ggdm_unit *unit, ggdm_scores **out,
                               ggdm_error *err);
void ggdm_scores_destroy(ggdm_scores **scores);

/** Get ready for images of this shape; no sample may wait.  Errors: those of
 *  ggdm_programs_score. */
ggdm_status ggdm_scores_shape(ggdm_scores *scores, ggdm_image_shape shape, ggdm_error *err);
/** Is there room for another sample of this shape? */
bool ggdm_scores_take(const ggdm_scores *scores, ggdm_image_shape shape);
/** Add a sample of a segment, moved; there must be room. */
void ggdm_scores_add(ggdm_scores *scores, const ggdm_segment *segment, ggdm_finished *sample);
/** Score and hand over what waits.  Errors: those of the sink, GGDM_ENOMEM. */
ggdm_status ggdm_scores_flush(ggdm_scores *scores, const ggdm_executor_sink *sink, ggdm_error *err);

#endif
