/* What the sheet over all cells of a sweep will be (jobs/mosaic.h), before there are cells. */
#ifndef GGDM_COORDINATOR_SETUP_SHEET_H
#define GGDM_COORDINATOR_SETUP_SHEET_H

#include "coordinator/run/setup.h"
#include "jobs/mosaic.h"

typedef struct ggdm_setup_sheet {
    int32_t per_cell;                /* 0: there is none, of one cell */
    int64_t columns, lines;          /* of cells */
    int32_t image_size, channels;    /* of an image: pixels of a side */
    int64_t pages;                   /* of which GGDM_GNUPLOT_PAGES are drawn */
    int32_t page_width, page_height; /* pixels of the largest page's images */
} ggdm_setup_sheet;

/** Of a product of axes, as it is; where two sweeps come together it may be laid out otherwise. */
ggdm_setup_sheet ggdm_setup_sheet_of(const ggdm_setup *setup);
/** Errors: GGDM_EINVAL, with its position, for a `sheet` that asks for more pages than are drawn.
 */
ggdm_status ggdm_setup_check_sheet(const ggdm_setup *setup, ggdm_error *err);

#endif
