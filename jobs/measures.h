/* Every image's measures as a table: what `ggdm export --format csv` writes. */
#ifndef GGDM_JOBS_MEASURES_H
#define GGDM_JOBS_MEASURES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"
#include "jobs/store.h"

/** Write a line for each image that is there, of the chosen cells, into path, which is replaced.
 *  Columns: cell, its parameters, image, diverged, diverged_step, saturated, then of guide and
 * judge label, right, confidence (probability of the label), probability (of the target), loss
 * (-log of that); empty where nobody says. chosen    [n_cells]; NULL: all n_images  lines written
 *  Errors: GGDM_EIO, GGDM_EFULL, GGDM_EFORMAT, GGDM_ESTORE. */
ggdm_status ggdm_measures_write(ggdm_store *store, const bool *chosen, const char *path,
                                int64_t *n_images, ggdm_error *err);

#endif
