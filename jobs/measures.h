/* Every image's measures as a table: what `ggdm export --format csv` writes. */
#ifndef GGDM_JOBS_MEASURES_H
#define GGDM_JOBS_MEASURES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"
#include "jobs/results.h"

/** Write a line for each image that is there, of the chosen cells, into path, which is replaced.
 *  Columns: cell, the parameters that vary, image, diverged, diverged_step, then of each measure:
 *  of a classifier NAME_label, _right, _confidence (probability of the label), _probability (of
 *  what the cell aims at), _loss (-log of that); of a number NAME.  Empty where nobody says.
 *  r         an open table suffices (ggdm_results_open)
 *  chosen    [n_rows]; NULL: all
 *  n_images  lines written
 *  Errors: GGDM_EIO, GGDM_EFULL, GGDM_EFORMAT, GGDM_ESTORE. */
ggdm_status ggdm_measures_write(const ggdm_results *r, const bool *chosen, const char *path,
                                int64_t *n_images, ggdm_error *err);

#endif
