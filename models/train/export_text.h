/* What stands beside the weights of a model of images and texts. */
#ifndef GGDM_MODELS_TRAIN_EXPORT_TEXT_H
#define GGDM_MODELS_TRAIN_EXPORT_TEXT_H

#include "common/status.h"
#include "models/arch/arch.h"

/** Copy the files of the tokenizer in the directory from (or in its tokenizer/) to dir, which
 *  exists.  Errors: GGDM_EIO. */
ggdm_status ggdm_export_tokenizer(const char *from, const char *dir, ggdm_error *err);

/** preprocessor_config.json in dir, as transformers' CLIPImageProcessor writes it: how images
 * become what the network has learnt from. */
ggdm_status ggdm_export_preprocessor(const ggdm_arch_info *info, const char *dir, ggdm_error *err);

#endif
