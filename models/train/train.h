/* The training loop: a recipe in, a Hugging Face style model directory out. */
#ifndef GGDM_MODELS_TRAIN_TRAIN_H
#define GGDM_MODELS_TRAIN_TRAIN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/isa.h"
#include "common/status.h"
#include "models/train/train_recipe.h"
#include "common/collective.h"

typedef struct ggdm_train_progress {
    int64_t step, steps; /* done, in all */
    double epoch;        /* passes over the data */
    double loss;         /* smoothed training loss */
    double lr;
    double rate;                   /* images per second, since the last report */
    double eta;                    /* seconds to go */
    bool evaluated;                /* the next fields are fresh */
    double val_loss, val_accuracy; /* on the test set with the EMA weights; accuracy 0..1, or -1 */
    const char *accuracy_name;     /* "accuracy", "recall@1" */
} ggdm_train_progress;

typedef struct ggdm_train_options {
    const char *out;     /* model directory; made if missing */
    const char *command; /* for the model card */
    bool take_over;      /* the folder's owner on another host is surely dead */
    int threads;         /* OpenMP threads of this rank */
    ggdm_isa isa;        /* the instruction set that is pinned, the same on all ranks */
    int64_t stop_after;  /* stop like at a signal after this many steps of this call; 0: never */
    const volatile sig_atomic_t *stop; /* becomes non-zero when asked to stop; may be NULL */
    /** Called on rank 0 after every step; cheap.  May be NULL. */
    void (*progress)(void *context, const ggdm_train_progress *progress);
    void *context;
} ggdm_train_options;

/** Train, resuming from OUT/checkpoint.safetensors if it is there, and write config.json,
 *  scheduler_config.json (where the network takes timesteps), the weights, README.md and curve.csv
 * to OUT.  Collective. Errors: GGDM_ECANCELLED after a checkpoint when asked to stop; GGDM_ESTATE
 * for a folder that is in use or holds something else, and for a checkpoint of another recipe or of
 * other data; GGDM_EFULL: as far as the last checkpoint all is kept; GGDM_ENUMERIC when the loss is
 * not finite. */
ggdm_status ggdm_train(const ggdm_recipe *recipe, const ggdm_train_options *options,
                       ggdm_world *world, ggdm_error *err);

#endif
