/* RUN/archive/CELL/{samples.tar, samples.npz, sheet.png}: a pure function of the store.
 *
 * samples.tar  WebDataset shard: for each image in index order c0007_000042.png (the stored bytes)
 *              and c0007_000042.json (cell, its parameters, index, diverged, label and probability
 *              by the guide and by the judge); no key is twice in the shards of a run
 * samples.npz  arr_0 u8 [N, H, W, C] (grey: C = 1), arr_1 i64 [N]: the cell's target, or -1
 * sheet.png    contact sheet (jobs/sheet.h) */
#ifndef GGDM_JOBS_ARCHIVE_H
#define GGDM_JOBS_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"
#include "jobs/sheet.h"
#include "jobs/store.h"

/** Write the archive of one cell below run directory dir and note it in the store; not inside a
 * turn. Errors: GGDM_ESTATE when images of the cell are missing, or inside a turn; GGDM_EFORMAT
 * (damaged image); GGDM_ESHAPE (images of unequal size); GGDM_EIO; GGDM_ESTORE. */
ggdm_status ggdm_archive_cell(ggdm_store *store, const char *dir, int32_t cell, ggdm_error *err);

/** Write the archives of all complete cells: those not yet written or no longer there, or, with
 *  force, all.  *written, *incomplete (may be NULL): number of cells. */
ggdm_status ggdm_archive_run(ggdm_store *store, const char *dir, bool force, int32_t *written,
                             int32_t *incomplete, ggdm_error *err);

/** The frame of an image on a contact sheet.  The judge decides; without a judge, the guide. */
ggdm_frame ggdm_frame_of(const ggdm_image *image, int32_t target);

typedef enum ggdm_export_format {
    GGDM_EXPORT_TAR, /* samples.tar */
    GGDM_EXPORT_NPZ, /* samples.npz */
    GGDM_EXPORT_PNG  /* 000042.png, ... */
} ggdm_export_format;

/** Write the images of one complete cell below directory out, as out/CELL/FILE.  Errors: as for
 *  ggdm_archive_cell. */
ggdm_status ggdm_archive_export(ggdm_store *store, const char *out, int32_t cell,
                                ggdm_export_format format, ggdm_error *err);

#endif
