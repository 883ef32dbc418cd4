/* When a sweep is done: the rule of `until:`, and what it says of images that were judged
 * (docs/decisions/020-until.md).  Numbers in, verdicts out: no store, no clock. */
#ifndef GGDM_JOBS_UNTIL_H
#define GGDM_JOBS_UNTIL_H

#include <stdbool.h>
#include <stdint.h>

#include "jobs/sequence.h"

typedef struct ggdm_until {
    const char *measure; /* the classifier that says what is right, as results call it */
    double halfwidth;    /* of an interval that is narrow enough; 0: the rule is a race */
    double best;         /* probability that the race's winner is among those left; 0: no race */
    double level;        /* of the intervals: they hold with probability 1 - level */
    int32_t at_most;     /* images of a cell; 0: the sweep has no rule */
    int32_t block;       /* images of a round after the first */
} ggdm_until;

typedef enum ggdm_until_state {
    GGDM_UNTIL_OPEN,      /* it gets a further round */
    GGDM_UNTIL_NARROW,    /* its interval is narrow enough */
    GGDM_UNTIL_AT_MOST,   /* it has all images it may have; in a race: it was not beaten */
    GGDM_UNTIL_LOST,      /* another one is better */
    GGDM_UNTIL_BEST,      /* all others have lost */
    GGDM_UNTIL_CANCELLED, /* nobody wanted it when its round was decided */
    GGDM_UNTIL_STATES
} ggdm_until_state;

/* As they stand in the database and in tables, indexed by state, NULL-terminated. */
extern const char *const ggdm_until_state_names[];

/* An open cell, or several that are the same, in a decision. */
typedef struct ggdm_contestant {
    int32_t k;             /* right of the first n images */
    const uint64_t *right; /* [(n + 63) / 64] bit i % 64 of word i / 64: image i; of races only */
    /* the verdict: */
    ggdm_until_state state;
    ggdm_share share;
    int32_t lost_to;        /* index of a better one; -1 */
    int32_t alone, against; /* images that it had right and the better one not, and the reverse */
} ggdm_contestant;

/** Decide when all of c [n_c] have n images each.  field: contestants the race began with. */
void ggdm_until_decide(const ggdm_until *rule, int32_t n, ggdm_contestant *c, int32_t n_c,
                       int32_t field);

/** Images of an open cell after the next round: n and a block, at most at_most. */
int32_t ggdm_until_next(const ggdm_until *rule, int32_t n);

static inline double ggdm_share_halfwidth(ggdm_share s)
{
    return (s.hi - s.lo) / 2;
}

#endif
