/* What `until` has said of the cells of a table, and which intervals hold because of it. */
#ifndef GGDM_JOBS_RESULTS_UNTIL_H
#define GGDM_JOBS_RESULTS_UNTIL_H

#include "jobs/results.h"

/** Read the verdicts of all rows, instead of what was read before. */
ggdm_status ggdm_results_read_verdicts(ggdm_results *r, ggdm_error *err);

/** k of n images with the interval that holds for a row: Wilson's, or, where its sweep ends itself,
 *  a confidence sequence. */
ggdm_share ggdm_results_share(const ggdm_row *row, int64_t k, int64_t n);

/** Does the rule of any row's sweep say when that is done? */
bool ggdm_results_any_until(const ggdm_results *r);

/** What people call the intervals of accuracies: "Wilson 95 %", "time-uniform 95 %" (of all cells),
 *  or both. */
#define GGDM_INTERVAL_SIZE 80
void ggdm_results_interval(const ggdm_results *r, char text[GGDM_INTERVAL_SIZE]);

/** "12 narrow, 3 at-most": how many cells are in which state; in a race that is over also which are
 *  left: "17 lost, 2 at-most: c0005, c0008".  "": no row has a rule. */
void ggdm_results_verdicts_text(const ggdm_results *r, char *text, size_t size);

#endif
