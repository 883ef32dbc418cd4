/* What evaluate/ finds out about a run's parameters: response surface and Pareto front. */
#ifndef GGDM_COORDINATOR_REPORT_SURFACE_H
#define GGDM_COORDINATOR_REPORT_SURFACE_H

#include "common/json_write.h"
#include "coordinator/show/paper_cells.h"
#include "jobs/results.h"

/** Find both, into r.  A surface that cannot be fitted is left out, with a warning.
 *  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_surface_find_all(ggdm_results *r, ggdm_error *err);
/** The same, for all that shows results, and write below dir what is made of them:
 *  figures/surface.*, next.yaml.
 *  Errors: GGDM_EIO, GGDM_ENOMEM, those of the store. */
ggdm_status ggdm_surface_products(ggdm_results *r, const char *dir, ggdm_error *err);

/** "surface" and "front" of the report's document; null where there are none. */
void ggdm_report_put_findings(ggdm_json *j, const ggdm_results *r);
/** Their tables in report.md and report.tex. */
ggdm_status ggdm_paper_put_surface(ggdm_paper *p, ggdm_error *err);

#endif
