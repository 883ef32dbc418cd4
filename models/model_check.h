/* The self-check of a model's own network, at its own sizes. */
#ifndef GGDM_MODELS_MODEL_CHECK_H
#define GGDM_MODELS_MODEL_CHECK_H

#include "models/model.h"

/** Whether the bits of one image, output and gradient to it, depend on batch and threads.
 *  Errors: those of ggdm_nn_check. */
ggdm_status ggdm_model_check(const ggdm_model *model, ggdm_dtype dtype, ggdm_error *err);

#endif
