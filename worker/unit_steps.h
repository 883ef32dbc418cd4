/* What a unit's texts say of its steps: head, settings, programs.  They are untrusted; the unit's
 * numbers were checked when it was unpacked. */
#ifndef GGDM_WORKER_UNIT_STEPS_H
#define GGDM_WORKER_UNIT_STEPS_H

#include "worker/heads.h"
#include "worker/programs.h"
#include "worker/tools.h"

/* An evaluation of a step. */
typedef struct ggdm_unit_evaluation {
    ggdm_values values;
    int32_t program;
    int32_t n_terms;
    const ggdm_term_name *terms; /* [n_terms] what they are called */
} ggdm_unit_evaluation;

/* What happens in a step: in its first evaluation, in those after it. */
typedef struct ggdm_unit_setting {
    ggdm_unit_evaluation first, later;
    int32_t repeats;
    int32_t carries; /* arrays like x, from step to step */
} ggdm_unit_setting;

/* A segment among those of its program. */
typedef struct ggdm_unit_place {
    int32_t program, segment;
} ggdm_unit_place;

/* How records lie in the states of its images: a row for each point, and one for where the image
 * diverged; in it what was clamped, and loss, norm and cosine of each term as the step's setting
 * has them. */
typedef struct ggdm_recorder {
    int32_t wished; /* points that a sweep asks for */
    int32_t points; /* that the chain has */
    int32_t terms;  /* the most that a setting has */
} ggdm_recorder;

/* Numbers of a row. */
#define GGDM_RECORDER_ROW(terms) (1 + 3 * (terms))

typedef struct ggdm_unit_steps {
    const ggdm_head *head;       /* borrowed until the next is asked for */
    ggdm_state_shape state;      /* of all its images: what one setting carries, all have */
    ggdm_recorder recorder;      /* where state.recorded is not 0 */
    ggdm_unit_setting *settings; /* [n_settings] */
    int32_t *ticks;              /* [n_segments] of a step */
    ggdm_unit_place *first;      /* [n_segments] by program, in the first evaluation of a step */
    ggdm_unit_place *later;      /* the same, in those after it */
} ggdm_unit_steps;

/** The arena's.  Errors: those of ggdm_recipe_parse, naming head or setting; GGDM_EINVAL where
 *  models are not there or the chain has another length. */
ggdm_status ggdm_unit_steps_read(const ggdm_tools *tools, const ggdm_unit *unit, ggdm_arena *arena,
                                 ggdm_unit_steps *out, ggdm_error *err);

#endif
