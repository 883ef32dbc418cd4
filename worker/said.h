/* What the scheduler_config.json of a model says of a chain: the authors' sampler, which a sweep
 * may leave as it is (docs/decisions/016-the-text.md). */
#ifndef GGDM_WORKER_SAID_H
#define GGDM_WORKER_SAID_H

#include "jobs/item.h"

/** Rows of a sampler item that are not set take what the text (NULL: none) says; where names it in
 *  errors.  They stay "not set": what is written into recipes are their values.
 *  notes   (owned; NULL: nothing to say) a line for each row that did, and for what is assumed of
 *          the noise because the text does not say it; notes itself NULL: not asked for
 *  Errors: those of ggdm_noise_levels_read; GGDM_EINVAL with the field where the text says what the
 *  sampler does not do. */
ggdm_status ggdm_said_follow(const char *json, const char *where, ggdm_item *sampler, char **notes,
                             ggdm_error *err);

#endif
