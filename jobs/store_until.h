/* Sweeps that end themselves, in a store: their rules, what these have said of cells, and
 * decisions.
 */
#ifndef GGDM_JOBS_STORE_UNTIL_H
#define GGDM_JOBS_STORE_UNTIL_H

#include "jobs/store.h"
#include "jobs/until.h"

/** The rule that says when a sweep (from 1) is done; NULL: when it has its images. */
const ggdm_until *ggdm_store_until(const ggdm_store *store, int32_t sweep);

/* What the rule has said of a cell. */
typedef struct ggdm_store_verdict {
    int32_t cell;
    ggdm_until_state state;
    ggdm_share share; /* of the first n images; NAN: none are decided on yet */
    int64_t n;
} ggdm_store_verdict;
typedef ggdm_status (*ggdm_verdict_visitor)(void *context, const ggdm_store_verdict *verdict,
                                            ggdm_error *err);
/** Visit the cells of sweeps with `until`, in order.  Errors: GGDM_EFORMAT, the visitor's. */
ggdm_status ggdm_store_each_verdict(ggdm_store *store, ggdm_verdict_visitor visit, void *context,
                                    ggdm_error *err);

/* How units of further rounds are planned, by whoever runs the store. */
typedef struct ggdm_growth {
    const ggdm_coster *coster;
    ggdm_order order;
    ggdm_plan_options options;
} ggdm_growth;
/* What came of a decision, of all sweeps. */
typedef struct ggdm_store_decided {
    int32_t closed, open; /* cells: now, and that go on */
    int64_t images;       /* that are to be made for these */
} ggdm_store_decided;

/** A round of every sweep with `until` is complete, as no unit is ready, running or failed: decide
 *  which of its open cells go on (docs/decisions/020-until.md), and plan what they lack; not inside
 *  a turn.  Where all images of the next round are there already no unit comes, and the next
 *  decision is due.
 *  Errors: GGDM_EINTERNAL while units are left; GGDM_EFORMAT, those of planning, GGDM_ESTORE. */
ggdm_status ggdm_store_decide(ggdm_store *store, double now, const ggdm_growth *how,
                              ggdm_store_decided *out, ggdm_error *err);

#endif
