/* A training that begins with the weights of another. */
#ifndef GGDM_MODELS_TRAIN_WARM_START_H
#define GGDM_MODELS_TRAIN_WARM_START_H

#include <stdint.h>

#include "common/hash.h"
#include "common/status.h"
#include "models/train/adamw.h"

typedef struct ggdm_warm_start {
    char digest[GGDM_HASH_TEXT_SIZE]; /* of the model; "": weights are all new */
    int32_t taken, fresh;             /* tensors: from the model, and initialised */
} ggdm_warm_start;

/** Of a model, by its name or directory, take the tensors that have the name and the shape of a
 *  parameter, into weights and average; the others stay as they are.
 *  Errors: those of ggdm_model_files_open; GGDM_EINVAL where there is none. */
ggdm_status ggdm_warm_start_from(const char *model, ggdm_flat *flat, ggdm_warm_start *out,
                                 ggdm_error *err);

#endif
