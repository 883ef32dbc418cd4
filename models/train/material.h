/* What a training learns from: its images, what is said of them, and who reads that. */
#ifndef GGDM_MODELS_TRAIN_MATERIAL_H
#define GGDM_MODELS_TRAIN_MATERIAL_H

#include "models/arch/arch.h"
#include "models/train/dataset.h"
#include "models/train/text_condition.h"
#include "models/train/train_recipe.h"

typedef struct ggdm_material {
    ggdm_data data;
    ggdm_text_condition *texts; /* of a network that looks at texts; NULL */
} ggdm_material;

/** Open what the recipe names as the network needs it; captions become ids.  tells: say what was
 *  left out of the data.  *out: close, also after an error; it may not be moved.
 *  Errors: those of the parts; GGDM_EINVAL where recipe and network do not go together. */
ggdm_status ggdm_material_open(const ggdm_recipe *recipe, const ggdm_arch_info *info, bool tells,
                               ggdm_material *out, ggdm_error *err);
/** Safe on a zeroed struct and twice. */
void ggdm_material_close(ggdm_material *material);

#endif
