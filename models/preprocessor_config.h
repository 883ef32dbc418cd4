/* preprocessor_config.json as transformers writes it beside an encoder of images: what of it is a
 * part of the network, how pixels are normalised.  (How images are brought to its size is not.) */
#ifndef GGDM_MODELS_PREPROCESSOR_CONFIG_H
#define GGDM_MODELS_PREPROCESSOR_CONFIG_H

#include "models/arch/arch.h"

#define GGDM_PREPROCESSOR_FILE "preprocessor_config.json"

/** What a text says of normal, whose other numbers stay; where names it in errors.
 *  Errors: GGDM_EINVAL with the field, GGDM_EFORMAT, GGDM_ENOMEM. */
ggdm_status ggdm_preprocessor_config_read(const char *json, const char *where, ggdm_normal *normal,
                                          ggdm_error *err);

/** The meaning of such a text in one form, a JSON object in *out (owned). */
ggdm_status ggdm_preprocessor_config_text(const ggdm_normal *normal, char **out, ggdm_error *err);

#endif
