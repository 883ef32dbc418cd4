/* The flight recorder: what an image notes on its way (docs/decisions/025). */
#ifndef GGDM_WORKER_RECORDER_H
#define GGDM_WORKER_RECORDER_H

#include "worker/executor.h"

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

#endif
