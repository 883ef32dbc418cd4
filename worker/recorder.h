/* The flight recorder: what an image notes on its way (docs/decisions/025).  The notes are part of
 * its state (worker/walk.h), so that they branch and are saved with it; at the end they become its
 * record (jobs/record.h). */
#ifndef GGDM_WORKER_RECORDER_H
#define GGDM_WORKER_RECORDER_H

#include "worker/executor.h"
#include "worker/unit_steps.h"

/* A term in a tick. */
typedef struct ggdm_term_numbers {
    float loss;
    float norm;   /* L2 of its gradient, without weights; data units.  NAN: it has none */
    float cosine; /* of the angle between the gradient and eps; NAN where one of them is 0 */
} ggdm_term_numbers;

typedef struct ggdm_tick_numbers {
    float clamped;   /* share of x0-hat's values beyond [-1, 1]; not finite counts */
    int32_t n_terms; /* 0: unguided */
    ggdm_term_numbers terms[GGDM_MAX_TERMS];
} ggdm_tick_numbers;

/** What a tick of an image was.  Sums are in double, in the order of elements, by one thread: the
 *  same bits wherever it is asked.  Errors: none. */
void ggdm_tick_measure(const ggdm_tick_view *view, ggdm_tick_numbers *out);

/** Does an image with a record note this tick of its?  finite: is x still finite behind it? */
bool ggdm_recorder_wants(const ggdm_recorder *recorder, const ggdm_unit *unit,
                         const ggdm_live *live, bool finite);
/** Note it, in live->record. */
void ggdm_recorder_note(const ggdm_recorder *recorder, const ggdm_unit_evaluation *first,
                        const ggdm_unit *unit, const ggdm_live *live, const ggdm_tick_view *view,
                        bool finite);
/** The record of an image that has made all its steps, as bytes in *out (owned), *size. */
ggdm_status ggdm_recorder_finish(const ggdm_unit_steps *steps, const ggdm_unit *unit,
                                 const ggdm_live *live, uint8_t **out, uint32_t *size,
                                 ggdm_error *err);

#endif
