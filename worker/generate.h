/* The two kinds of units. */
#ifndef GGDM_WORKER_GENERATE_H
#define GGDM_WORKER_GENERATE_H

#include "worker/executor.h"
#include "worker/tools.h"
#include "worker/walk.h"

/** Walk the trajectory tree of a unit, present and score its samples.  *walk is set while it can be
 *  saved.  Errors: as ggdm_executor_run. */
ggdm_status ggdm_generate(const ggdm_tools *tools, const ggdm_unit *unit,
                          const ggdm_executor_sink *sink, const ggdm_walk **walk, ggdm_error *err);

/** Score the samples in a unit's state; they are reported without bytes.  Errors: as above. */
ggdm_status ggdm_rescore(const ggdm_tools *tools, const ggdm_unit *unit,
                         const ggdm_executor_sink *sink, ggdm_error *err);

#endif
