/* The parts of the report's document that are about the run as a whole. */
#ifndef GGDM_COORDINATOR_REPORT_RUN_H
#define GGDM_COORDINATOR_REPORT_RUN_H

#include "common/json_write.h"
#include "jobs/results.h"

/** "run", "chain", "constants". */
ggdm_status ggdm_report_put_run(ggdm_json *j, const ggdm_results *r, ggdm_error *err);
/** "models", "sweeps", "recipes", "sessions", "files"; dir: the run directory. */
ggdm_status ggdm_report_put_sources(ggdm_json *j, const ggdm_results *r, const char *dir,
                                    ggdm_error *err);

#endif
