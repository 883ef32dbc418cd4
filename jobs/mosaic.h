/* RUN/figures/sheet.{png,svg,pdf}: the contact sheet over all cells.
 *
 * The layout is that of jobs/axes.h: a column for each value of x, a line for each value of the
 * curve (where there is none: of what the cells aim at), under a heading for each combination of
 * the rest.  Texts that are all that varies, as prompts, go down.  A block has the first `per_cell`
 * images of a cell, side by side where lines are texts, framed as in its own sheet (jobs/tile.h);
 * blocks without an image are grey.  What is too large for a page goes on in
 * sheet-2.png, ..., columns before lines.
 *
 * The images are composed here, to the pixel, in figures/sheet-tiles.png; gnuplot puts texts around
 * them by figures/sheet.gp.  Both stay there. */
#ifndef GGDM_JOBS_MOSAIC_H
#define GGDM_JOBS_MOSAIC_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"
#include "jobs/gnuplot.h"
#include "jobs/results.h"

#define GGDM_MOSAIC_FIGURE "sheet"

/* All in pixels but the numbers of images, columns and lines. */
typedef struct ggdm_mosaic_size {
    int32_t per_cell, across, down; /* images of a block, beside and below each other */
    int32_t box_w, box_h;           /* of an image */
    int32_t block_w, block_h;       /* of a cell: its images with frames */
    int32_t columns, lines;         /* of blocks on a page, at most */
} ggdm_mosaic_size;

/** Of a sheet with per_cell in [1, GGDM_MAX_SHEET] images of each cell, width x height pixels.
 *  in_rows: side by side where a page is wide enough, else in a square. */
ggdm_mosaic_size ggdm_mosaic_size_of(int32_t per_cell, int32_t width, int32_t height, bool in_rows);
/** Pixels of the blocks of a page of so many columns and lines, without headings and texts. */
void ggdm_mosaic_pixels(const ggdm_mosaic_size *size, int32_t columns, int32_t lines,
                        int32_t *width, int32_t *height);
/** Pages of so many columns and lines; GGDM_GNUPLOT_PAGES of them are drawn. */
int64_t ggdm_mosaic_pages(const ggdm_mosaic_size *size, int64_t columns, int64_t lines);

/** Draw the sheet of a run below dir, with per_cell images of each cell (0: as many as the run
 * says, else 1); of a run of one cell there is none.  *drawn (may be NULL) = false, with a warning
 * in the log and no error, when gnuplot is not installed or fails, or when there is no image.
 *  Errors: GGDM_EFORMAT (damaged image), GGDM_EIO, GGDM_ESTORE, GGDM_ENOMEM. */
ggdm_status ggdm_mosaic_run(const ggdm_results *r, const char *dir, int32_t per_cell, bool *drawn,
                            ggdm_error *err);

#endif
