/* The noise that a diffusion model was trained with, as its scheduler_config.json says. */
#ifndef GGDM_WORKER_NOISE_LEVELS_H
#define GGDM_WORKER_NOISE_LEVELS_H

#include "models/model.h"
#include "worker/chain.h"

/** From scheduler_config.json text (diffusers; NULL: T = 1000, beta linear 1e-4 .. 0.02).
 *  where names the text in errors.  *out is owned: ggdm_noise_levels_deinit (safe after an error).
 *  Errors: GGDM_EINVAL with the field (a schedule or prediction type that is not supported; a key
 *  that is not known), GGDM_EFORMAT, GGDM_ENOMEM. */
ggdm_status ggdm_noise_levels_read(const char *json, const char *where, ggdm_noise_levels *out,
                                   ggdm_error *err);
/** Do two models' t stand for the same noise: alpha_bar to 1e-6, at all t?  Equal texts are not
 *  read.  Errors: as above. */
ggdm_status ggdm_noise_levels_same(const ggdm_model_files *a, const ggdm_model_files *b, bool *same,
                                   ggdm_error *err);
void ggdm_noise_levels_deinit(ggdm_noise_levels *levels);

#endif
