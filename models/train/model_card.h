/* README.md of a trained model: how it was trained, on what, how good it is. */
#ifndef GGDM_MODELS_TRAIN_MODEL_CARD_H
#define GGDM_MODELS_TRAIN_MODEL_CARD_H

#include "models/train/export.h"

/** Write it into e->dir, where the weights are already. */
ggdm_status ggdm_model_card_write(const ggdm_export *e, ggdm_error *err);

#endif
