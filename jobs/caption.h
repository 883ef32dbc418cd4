/* What a picture of a run says of itself, as texts in its PNG, so that it can be told, and computed
 * again, when it is found alone:
 *
 *   Software        "ggdm 0.1.0": the program that started the run
 *   ggdm:sweep      name of the run's first sweep
 *   ggdm:cell       "c0007"
 *   ggdm:image      index in the cell; not in a contact sheet
 *   ggdm:seed, ggdm:precision, ggdm:isa    what with index and recipe makes the pixels
 *   ggdm:recipe     canonical text (jobs/recipe.h) of what was computed
 *
 * All are facts of the store: the same run gives the same texts, whichever program archives it. */
#ifndef GGDM_JOBS_CAPTION_H
#define GGDM_JOBS_CAPTION_H

#include "common/status.h"
#include "jobs/results.h"

typedef struct ggdm_caption {
    const ggdm_results *r; /* borrowed, with row */
    const ggdm_row *row;
    char *recipe; /* owned */
    char software[80];
} ggdm_caption;

/** Of the pictures of a cell.  *out is owned: ggdm_caption_deinit.  Errors: GGDM_ESTORE,
 *  GGDM_ENOMEM. */
ggdm_status ggdm_caption_make(const ggdm_results *r, const ggdm_row *row, ggdm_caption *out,
                              ggdm_error *err);
/** Safe on a zeroed struct and twice. */
void ggdm_caption_deinit(ggdm_caption *caption);

/** A PNG with the texts of image index (-1: of the cell) in it: *out (owned: free()) gets *out_size
 *  bytes.  Errors: those of ggdm_png_label. */
ggdm_status ggdm_caption_put(const ggdm_caption *caption, int32_t index, const void *png,
                             size_t size, uint8_t **out, size_t *out_size, ggdm_error *err);

#endif
