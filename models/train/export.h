/* The finished model as a Hugging Face style directory. */
#ifndef GGDM_MODELS_TRAIN_EXPORT_H
#define GGDM_MODELS_TRAIN_EXPORT_H

#include "common/status.h"
#include "models/arch/arch.h"
#include "models/train/adamw.h"
#include "models/train/checkpoint.h"
#include "models/train/curve.h"
#include "models/train/dataset.h"
#include "models/train/objective.h"
#include "models/train/train_recipe.h"

typedef struct ggdm_export {
    const char *dir;     /* exists */
    const char *command; /* that trained it */
    const ggdm_recipe *recipe;
    const ggdm_text_condition *texts; /* that the network looks at; NULL: none */
    const ggdm_arch_info *arch;
    const ggdm_flat *flat;
    const ggdm_data *data;
    const ggdm_train_state *state;
    const ggdm_curve *curve;
    const ggdm_evaluation *final; /* on the test set, of the weights that are written */
} ggdm_export;

/** Where the weights are put, from the directory on. */
const char *ggdm_export_weights_file(const ggdm_arch_info *info);

/** Round the averaged weights to the precision in which they will be written.  Errors:
 * GGDM_ENUMERIC where one is too large for it. */
ggdm_status ggdm_export_round(const ggdm_recipe *recipe, ggdm_flat *flat, ggdm_error *err);

/** Write config.json, scheduler_config.json (of what takes timesteps), the EMA weights and the
 * model card README.md; each file atomically, the weights first.  A diffusion model that looks at
 * texts is written as a pipeline of diffusers, with its network in unet/. */
ggdm_status ggdm_export_model(const ggdm_export *e, ggdm_error *err);

#endif
