/* Schedules over t: what a weight, or a deviation, is multiplied by in each step
 * (docs/GUIDANCE.md, "Schedules of weights"). */
#ifndef GGDM_WORKER_SCHEDULES_H
#define GGDM_WORKER_SCHEDULES_H

#include <stdint.h>

typedef enum ggdm_schedule {
    GGDM_SCHEDULE_CONSTANT,
    GGDM_SCHEDULE_INCREASING, /* alpha from t to the next t; their mean over the chain is 1 */
    GGDM_SCHEDULE_DECREASING, /* 1 - alpha, likewise */
    GGDM_SCHEDULE_NOISE,      /* sqrt(1 - ab) */
    GGDM_SCHEDULE_SIGNAL,     /* sqrt(ab) */
    GGDM_SCHEDULE_SIGMA,      /* sqrt((1 - ab) / ab) */
    GGDM_SCHEDULE_SINE,       /* the largest Sigma of the chain times sin(pi t / T) */
    GGDM_SCHEDULE_EPS,        /* (1 - alpha) / sqrt(alpha (1 - ab)): ddpm's factor of eps */
    GGDM_N_SCHEDULES
} ggdm_schedule;

/* "constant", "increasing", ..., NULL: the choices of a row. */
extern const char *const ggdm_schedule_names[];

/* ggdm_step.schedule of all steps of a chain whose other numbers are there. */
struct ggdm_chain;
void ggdm_schedules_fill(int32_t train_steps, struct ggdm_chain *chain);

#endif
