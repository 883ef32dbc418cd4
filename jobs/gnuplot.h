/* Figures drawn by gnuplot from a script. */
#ifndef GGDM_JOBS_GNUPLOT_H
#define GGDM_JOBS_GNUPLOT_H

#include <stdbool.h>
#include <stdio.h>

#include "common/status.h"

#define GGDM_GNUPLOT_PAGES 4
#define GGDM_GNUPLOT_KINDS 3      /* files of a page: PNG, SVG, PDF */
#define GGDM_GNUPLOT_NAME_SIZE 64 /* bytes */

/** The file of a page, from 1: "accuracy.png", "accuracy-2.png". */
void ggdm_gnuplot_page(const char *figure, int page, const char *ending,
                       char name[GGDM_GNUPLOT_NAME_SIZE]);

/* Pieces of a script. */
/** Its beginning: the variables that name its outputs, where nobody has set them. */
void ggdm_gnuplot_names(FILE *script, const char *figure, int pages);
/** What follows is drawn into a page's file of this kind, of so many pixels (points). */
void ggdm_gnuplot_begin_page(FILE *script, int kind, int page, int width, int height);
/** A text in single quotes, where gnuplot knows no escapes but the doubled quote. */
void ggdm_gnuplot_quoted(FILE *script, const char *text);

/** Run dir/FIGURE.gp and put the pages in place, each in all kinds; the same script gives the same
 *  bytes.  Pages beyond the last are removed.
 *  *drawn = false, with a warning in the log and no error, when gnuplot is not installed or fails:
 *  the figures of before stay.  Errors: GGDM_EIO, GGDM_ENOMEM. */
ggdm_status ggdm_gnuplot_draw(const char *dir, const char *figure, int pages, bool *drawn,
                              ggdm_error *err);

#endif
