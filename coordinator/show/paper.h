/* RUN/report.md and RUN/report.tex: the numbers of a run as tables for pages and papers. */
#ifndef GGDM_COORDINATOR_PAPER_H
#define GGDM_COORDINATOR_PAPER_H

#include "common/status.h"
#include "coordinator/show/markup.h"
#include "jobs/results.h"

/** Write dir/name: where two parameters vary at least a table of one by the other (as the figure
 *  and the end of a run have them) for each classifier's accuracy and each metric, with intervals;
 *  else, and in a document besides, a table with a row for each cell.  A document shows the figures
 *  that are below dir.  Errors: GGDM_EIO, GGDM_ENOMEM. */
ggdm_status ggdm_paper_write(const ggdm_results *r, const ggdm_markup *markup, const char *dir,
                             const char *name, ggdm_error *err);

#endif
