/* The state of a training in one file, from which it goes on: checkpoint.c specifies it. */
#ifndef GGDM_MODELS_TRAIN_CHECKPOINT_H
#define GGDM_MODELS_TRAIN_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/hash.h"
#include "common/status.h"
#include "models/train/adamw.h"
#include "models/train/warm_start.h"

typedef struct ggdm_train_state {
    int64_t step;                     /* steps done */
    double loss;                      /* smoothed training loss */
    double seconds;                   /* of training so far */
    char recipe[GGDM_HASH_TEXT_SIZE]; /* digest of the recipe */
    char data[GGDM_HASH_TEXT_SIZE];   /* digest of the data */
    int32_t ranks, threads;           /* sums depend on them, and on the next, to the last bit */
    char isa[16];                     /* name of the instruction set */
    ggdm_warm_start from;             /* with what it began */
} ggdm_train_state;

/** Replace the checkpoint at path atomically. */
ggdm_status ggdm_checkpoint_write(const char *path, const ggdm_flat *flat,
                                  const ggdm_train_state *state, ggdm_error *err);

/** Read the checkpoint at path into flat and state, which says whose it must be (recipe, data).
 *  *found is false when there is none.
 *  Errors: GGDM_ESTATE: of another recipe or other data; GGDM_EFORMAT, also for a file that is not
 *  as it was written; GGDM_ESHAPE naming the tensor. */
ggdm_status ggdm_checkpoint_read(const char *path, ggdm_flat *flat, ggdm_train_state *state,
                                 bool *found, ggdm_error *err);

#endif
