/* What the images of cells noted on their way, in the report's document (docs/REPORT.md). */
#ifndef GGDM_COORDINATOR_SHOW_REPORT_RECORDS_H
#define GGDM_COORDINATOR_SHOW_REPORT_RECORDS_H

#include "jobs/results.h"

/** A cell's bands under its name; nothing where none of its images has a record.
 *  Errors: GGDM_EFORMAT, GGDM_ESTORE, GGDM_ENOMEM. */
ggdm_status ggdm_report_put_record(ggdm_json *j, const ggdm_results *r, const ggdm_row *row,
                                   ggdm_error *err);
/** Those of all cells, as `records`. */
ggdm_status ggdm_report_put_records(ggdm_json *j, const ggdm_results *r, ggdm_error *err);

#endif
