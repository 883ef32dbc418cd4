/* What a sweep's `evaluate:` and `trace:` ask for, done by `ggdm evaluate` and `ggdm trace` when
 * all images are there. */
#ifndef GGDM_COORDINATOR_EVALUATIONS_H
#define GGDM_COORDINATOR_EVALUATIONS_H

#include <stdbool.h>

#include "common/collective.h"
#include "coordinator/world/launch.h"
#include "jobs/spec.h"

/** Look for a model of features as the run in dir would (evaluate/features.h). */
ggdm_status ggdm_evaluations_find(void *dir, const char *name, char **path, ggdm_error *err);

/** From now on networks compute as they do in runs in f32, on all ranks of the world alike.
 *  Errors: those of ggdm_isa_choose. */
ggdm_status ggdm_evaluations_pin(ggdm_world *world, ggdm_error *err);

/** Are there such metrics, and such features, and may there be such references?  The instruction
 *  set is pinned.
 *  Errors: GGDM_EINVAL with file, position and field. */
ggdm_status ggdm_evaluations_check(const ggdm_spec *spec, const char *run_dir, ggdm_error *err);

/** A warning for each reference that is not there: it may still come, or be where the run goes on.
 */
void ggdm_evaluations_warn(const ggdm_spec *spec);

/** Is there anything to trace that is not traced yet?  A run that cannot be read has nothing. */
bool ggdm_evaluations_untraced(const ggdm_spec *spec, const char *run_dir);

/** Evaluate the run in run_dir, one `evaluate:` after the other, then trace it, and tell of it;
 *  what is there is not computed again.
 *  evaluate, trace  worlds to do each in, of which args are set here; NULL: this process
 *  *code            exit code, the first that is not 0: raised to it where it is 0
 *  Errors: those of starting a world. */
ggdm_status ggdm_evaluations_run(const ggdm_spec *spec, const char *run_dir,
                                 const ggdm_launch *evaluate, const ggdm_launch *trace, int *code,
                                 ggdm_error *err);

#endif
