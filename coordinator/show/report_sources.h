/* The parts of the report's document that say where things come from and where they are. */
#ifndef GGDM_COORDINATOR_REPORT_SOURCES_H
#define GGDM_COORDINATOR_REPORT_SOURCES_H

#include "common/json_write.h"
#include "jobs/results.h"

/** "models", "sweeps". */
ggdm_status ggdm_report_put_sources(ggdm_json *j, const ggdm_results *r, ggdm_error *err);
/** "traces", "files": what is there below dir, where the page is.
 *  summary  summary.csv and summary.json will be there */
ggdm_status ggdm_report_put_files(ggdm_json *j, const ggdm_results *r, const char *dir,
                                  bool summary, ggdm_error *err);

#endif
