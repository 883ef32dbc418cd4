/* What stands beside the weights of a model of images and texts. */
#ifndef GGDM_MODELS_TRAIN_EXPORT_TEXT_H
#define GGDM_MODELS_TRAIN_EXPORT_TEXT_H

#include "common/status.h"
#include "models/arch/arch.h"
#include "models/io/safetensors.h"
#include "models/train/text_condition.h"

/** preprocessor_config.json in dir, as transformers' CLIPImageProcessor writes it: how images
 * become what the network has learnt from. */
ggdm_status ggdm_export_preprocessor(const ggdm_arch_info *info, const char *dir, ggdm_error *err);

/** Beside a diffusion model that looks at texts, in the directory of its pipeline: text_encoder/, a
 *  CLIPTextModel, tokenizer/ and model_index.json.  weights: their precision, where it changes none
 *  of them, else f32.  Errors: GGDM_EIO. */
ggdm_status ggdm_export_pipeline(const ggdm_text_condition *texts, ggdm_st_dtype weights,
                                 const char *dir, ggdm_error *err);

#endif
