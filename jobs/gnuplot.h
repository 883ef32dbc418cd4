/* Figures drawn by gnuplot from a script. */
#ifndef GGDM_JOBS_GNUPLOT_H
#define GGDM_JOBS_GNUPLOT_H

#include <stdbool.h>

#include "common/status.h"

#define GGDM_GNUPLOT_PAGES 4
#define GGDM_GNUPLOT_NAME_SIZE 64 /* bytes */

/** The file of a page, from 1: "accuracy.png", "accuracy-2.png". */
void ggdm_gnuplot_page(const char *figure, int page, const char *ending,
                       char name[GGDM_GNUPLOT_NAME_SIZE]);

/** Run dir/FIGURE.gp, which writes page N to the files that its variables pngN and svgN name, and
 *  put the pages in place, each as PNG and SVG; pages beyond the last are removed.
 *  *drawn = false, with a warning in the log and no error, when gnuplot is not installed or fails:
 *  the figures of before stay.  Errors: GGDM_EIO, GGDM_ENOMEM. */
ggdm_status ggdm_gnuplot_draw(const char *dir, const char *figure, int pages, bool *drawn,
                              ggdm_error *err);

#endif
