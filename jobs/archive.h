/* RUN/archive/CELL/{samples.tar, samples.npz, sheet.png}: a pure function of the store.
 *
 * samples.tar  WebDataset shard: for each image in index order c0007_000042.png (the stored
 *              picture with what it says of itself, jobs/caption.h) and c0007_000042.json (cell,
 * its parameters, index, diverged, and of each measure label and probability, or its number); no
 * key is twice in the shards of a run samples.npz  arr_0 u8 [N, H, W, C] (grey: C = 1), arr_1 i64
 * [N]: what the cell aims at, or -1 sheet.png    contact sheet (jobs/sheet.h) */
#ifndef GGDM_JOBS_ARCHIVE_H
#define GGDM_JOBS_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"
#include "jobs/results.h"
#include "jobs/sheet.h"

/* All need no more than an open table (ggdm_results_open). */

/** Write the archive of one cell below run directory dir and, as the store's owner, note it there;
 * not inside a turn. Errors: GGDM_ESTATE when images of the cell are missing, or inside a turn;
 * GGDM_EFORMAT (damaged image); GGDM_ESHAPE (images of unequal size); GGDM_EIO; GGDM_ESTORE. */
ggdm_status ggdm_archive_cell(const ggdm_results *r, const char *dir, int32_t cell,
                              ggdm_error *err);

/** Write the archives of all complete cells: those not yet written or no longer there, or, with
 *  force, all.  *written, *incomplete (may be NULL): number of cells. */
ggdm_status ggdm_archive_run(const ggdm_results *r, const char *dir, bool force, int32_t *written,
                             int32_t *incomplete, ggdm_error *err);

/** The frame of an image on a contact sheet: what the panel's verdict says of it.  sample: with the
 *  scores of the panel. */
ggdm_frame ggdm_frame_of(const ggdm_sample *sample, const ggdm_results_panel *panel, int32_t aim);

typedef enum ggdm_export_format {
    GGDM_EXPORT_TAR, /* samples.tar */
    GGDM_EXPORT_NPZ, /* samples.npz */
    GGDM_EXPORT_PNG  /* 000042.png, ... */
} ggdm_export_format;

/** Write the images of one complete cell below directory out, as out/CELL/FILE.  Errors: as for
 *  ggdm_archive_cell. */
ggdm_status ggdm_archive_export(const ggdm_results *r, const char *out, int32_t cell,
                                ggdm_export_format format, ggdm_error *err);

#endif
