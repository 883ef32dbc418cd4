/* Which timesteps a chain visits (docs/GUIDANCE.md, "Chains"), by rows that samplers share. */
#ifndef GGDM_WORKER_TIMESTEPS_H
#define GGDM_WORKER_TIMESTEPS_H

#include "worker/chain.h"

/* Of the rows GGDM_SAMPLER_SPACING, _OFFSET and _RESPACING (worker/kinds.h), of which a sampler has
 * all three or none; one without them visits the leading timesteps. */
enum { GGDM_LEADING, GGDM_TRAILING, GGDM_LINSPACE, GGDM_KARRAS };
extern const char *const ggdm_spacing_names[]; /* ended by NULL */

/** Fill the t of every step's first tick.  Errors: GGDM_EINVAL at the row that does not fit. */
ggdm_status ggdm_timesteps(const ggdm_item *sampler, const ggdm_noise_levels *levels,
                           ggdm_chain *out, ggdm_error *err);

/** alpha_bar at step i of a chain that has its timesteps; 1 behind the last. */
double ggdm_alpha_bar_at(const ggdm_noise_levels *levels, const ggdm_chain *chain, int32_t i);

/** The steps of a respacing; -1: it is none. */
int64_t ggdm_respacing_steps(const char *text);

#endif
