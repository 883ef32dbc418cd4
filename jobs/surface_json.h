/* The part of summary.json that evaluate/ has found out. */
#ifndef GGDM_JOBS_SURFACE_JSON_H
#define GGDM_JOBS_SURFACE_JSON_H

#include "common/json_write.h"
#include "jobs/results.h"

/** Put "surface" and "front" where the results have them. */
void ggdm_surface_put(ggdm_json *j, const ggdm_results *r);

#endif
