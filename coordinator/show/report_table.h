/* The cells of a run as a plain table in HTML, for readers without JavaScript. */
#ifndef GGDM_COORDINATOR_REPORT_TABLE_H
#define GGDM_COORDINATOR_REPORT_TABLE_H

#include <stdio.h>

#include "jobs/results.h"

/** Write it. */
ggdm_status ggdm_report_table(FILE *f, const ggdm_results *r, ggdm_error *err);

#endif
