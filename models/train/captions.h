/* Captions as the ids of tokens, made once. */
#ifndef GGDM_MODELS_TRAIN_CAPTIONS_H
#define GGDM_MODELS_TRAIN_CAPTIONS_H

#include <stdbool.h>

#include "models/io/tokenizer.h"
#include "models/train/dataset.h"

/** Set the ids of all captions of images, which may have none, padded to context.
 *  Errors: those of ggdm_tokenizer_encode, naming the images, of all captions (faults.h). */
ggdm_status ggdm_captions_encode(ggdm_images *images, const ggdm_tokenizer *tokenizer, int context,
                                 ggdm_error *err);

/** That of all the images of data, whose digest then is also of who reads them (a tokenizer's, a
 *  text encoder's; GGDM_HASH_SIZE bytes). */
ggdm_status ggdm_data_encode(ggdm_data *data, const ggdm_tokenizer *tokenizer, int context,
                             const uint8_t *reader, ggdm_error *err);

/** How many captions image i of a set has: wordings of the same. */
int32_t ggdm_dataset_wordings(const ggdm_dataset *set, int32_t i);
/** The number of one of them among all captions of the images, and its ids [context]. */
int32_t ggdm_dataset_caption(const ggdm_dataset *set, int32_t i, int32_t wording);
const int32_t *ggdm_dataset_ids(const ggdm_dataset *set, int32_t caption);
/** Have images i and j the same first caption? */
bool ggdm_dataset_same_caption(const ggdm_dataset *set, int32_t i, int32_t j);

#endif
