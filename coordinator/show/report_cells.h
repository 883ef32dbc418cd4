/* The part of report.html that is about cells. */
#ifndef GGDM_COORDINATOR_REPORT_CELLS_H
#define GGDM_COORDINATOR_REPORT_CELLS_H

#include <stdio.h>

#include "common/status.h"
#include "jobs/results.h"

/** Some images of each cell, as cards; after every row of them the slowest parameter changes. */
ggdm_status ggdm_report_gallery(FILE *f, const ggdm_results *r, ggdm_error *err);
/** The table of all cells. */
void ggdm_report_table(FILE *f, const ggdm_results *r);
/** What is computed for the cells, folded up. */
ggdm_status ggdm_report_recipes(FILE *f, const ggdm_results *r, ggdm_error *err);

#endif
