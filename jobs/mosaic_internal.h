/* The layout of the sheet over all cells (mosaic.c), which mosaic_draw.c draws. */
#ifndef GGDM_JOBS_MOSAIC_INTERNAL_H
#define GGDM_JOBS_MOSAIC_INTERNAL_H

#include <stdio.h>

#include "common/png_image.h"
#include "jobs/axes.h"
#include "jobs/mosaic.h"
#include "jobs/tile.h"

#define GGDM_MOSAIC_TILES GGDM_MOSAIC_FIGURE "-tiles"
#define GGDM_MOSAIC_GAP 6     /* pixels between blocks, and around all */
#define GGDM_MOSAIC_TEXT_H 20 /* pixels of a line of text */

/* The cells of one place on the y axis and of one group. */
typedef struct ggdm_mosaic_line {
    int32_t first, end; /* of ggdm_mosaic.rows */
    int32_t group;
} ggdm_mosaic_line;

typedef struct ggdm_mosaic {
    const ggdm_results *r;
    ggdm_axes axes;
    int32_t y;       /* axis of the lines; -1: there is one in each group */
    bool aim_groups; /* what is aimed at makes groups, too */
    int32_t *rows;   /* [r->n_rows] of the table, line by line, in a line by x */
    ggdm_mosaic_line *lines;
    int32_t n_lines, n_columns, n_groups;
    ggdm_mosaic_size size;
} ggdm_mosaic;

/* One page: columns [c0, c1), lines [l0, l1). */
typedef struct ggdm_mosaic_page {
    int number, of; /* from 1 */
    int32_t c0, c1, l0, l1;
    int32_t *tops;   /* [l1 - l0], owned: of the blocks, in the picture of the tiles */
    int32_t w, h;    /* of that picture */
    ggdm_pixels out; /* owned */
} ggdm_mosaic_page;

/** Lay out cells whose images are width x height pixels.  *out is owned: ggdm_mosaic_deinit, also
 *  after an error. */
ggdm_status ggdm_mosaic_lay_out(const ggdm_results *r, int32_t per_cell, int32_t width,
                                int32_t height, ggdm_mosaic *out, ggdm_error *err);
void ggdm_mosaic_deinit(ggdm_mosaic *mosaic);

/** "target = 3, eta = 0.1": what the cells of a line's group have in common. */
void ggdm_mosaic_heading(const ggdm_mosaic *m, int32_t line, char *text, size_t size);
/** The value at a column or a line; "" where nothing varies there. */
const char *ggdm_mosaic_column_text(const ggdm_mosaic *m, int32_t column);
const char *ggdm_mosaic_line_text(const ggdm_mosaic *m, int32_t line);

/** Left edge of a column's blocks on a page, pixels of its picture of tiles. */
int32_t ggdm_mosaic_left(const ggdm_mosaic *m, const ggdm_mosaic_page *p, int32_t column);
/** Does a heading stand above this line of a page? */
bool ggdm_mosaic_has_heading(const ggdm_mosaic *m, const ggdm_mosaic_page *p, int32_t line);

/** Draw a page: its picture of tiles and texts around it.  frames [GGDM_FRAMES]: which there are.
 */
void ggdm_mosaic_put_page(FILE *script, const ggdm_mosaic *m, const ggdm_mosaic_page *p,
                          const bool *frames);

#endif
