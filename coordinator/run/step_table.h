/* What every step of an image was, as a table: the numbers of the flight recorder
 * (worker/recorder.h) without its gaps.
 *
 *     step,t,clamped,loss.TERM,norm.TERM,cosine.TERM
 *
 * A line for each step, with columns for each term that acts in one of them; where a step is made
 * several times (recurrence) a line for each repeat, which then has a column behind t.  What a step
 * does not have is empty. */
#ifndef GGDM_COORDINATOR_STEP_TABLE_H
#define GGDM_COORDINATOR_STEP_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "worker/executor.h"

typedef struct ggdm_step_table {
    struct ggdm_step_line *lines; /* [n], owned */
    struct ggdm_step_term *terms; /* [n_terms] of the lines, owned */
    char **names;                 /* [n_names] of terms, owned */
    size_t n, n_terms, n_names, lines_cap, terms_cap, names_cap;
    int32_t repeats; /* the most of a step */
} ggdm_step_table;

/** Safe on zeros. */
void ggdm_step_table_deinit(ggdm_step_table *table);
/** Note a tick, where it is the first evaluation of its repeat.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_step_table_see(ggdm_step_table *table, const ggdm_tick_view *view,
                                ggdm_error *err);
/** The table as text, *csv owned: free().  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_step_table_text(const ggdm_step_table *table, char **csv, size_t *size,
                                 ggdm_error *err);

#endif
