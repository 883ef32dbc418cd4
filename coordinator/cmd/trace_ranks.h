/* Which ranks of a world trace: each holds the models for itself, and all of a machine share its
 * memory. */
#ifndef GGDM_COORDINATOR_TRACE_RANKS_H
#define GGDM_COORDINATOR_TRACE_RANKS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/collective.h"
#include "jobs/results.h"

/** How many ranks a machine with so much memory (bytes) has room for, with models of so many
 *  parameters.  At least 1. */
int ggdm_trace_room(uint64_t memory, int64_t parameters);

/** Is this rank among those that the machine it is on has room for, with the models of the run in
 *  dir?  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_trace_has_room(const ggdm_results *r, const char *dir, bool *has, ggdm_error *err);

/** Which of the ranks that work this one is, from 0, and how many they are; *turn -1: it does not.
 *  Rank 0 tells of those that do not.  Collective. */
ggdm_status ggdm_trace_turns(ggdm_world *world, bool works, int *turn, int *turns, ggdm_error *err);

#endif
