/* A training recipe: everything that decides the weights, read from YAML. */
#ifndef GGDM_MODELS_TRAIN_TRAIN_RECIPE_H
#define GGDM_MODELS_TRAIN_TRAIN_RECIPE_H

#include <stdint.h>
#include <stdio.h>

#include "common/hash.h"
#include "common/status.h"
#include "models/train/adamw.h"
#include "models/train/augment.h"
#include "models/train/dataset.h"

typedef enum ggdm_objective {
    GGDM_OBJECTIVE_DDPM,             /* MSE on epsilon, Ho et al. 2020, algorithm 1 */
    GGDM_OBJECTIVE_CLASSIFIER,       /* cross entropy on augmented images */
    GGDM_OBJECTIVE_NOISY_CLASSIFIER, /* cross entropy on these at random t of the forward process */
    GGDM_OBJECTIVE_CONTRASTIVE,      /* images and their captions, Radford et al. 2021 */
    GGDM_OBJECTIVE_NOISY_CONTRASTIVE /* the same of images at random t */
} ggdm_objective;
extern const char *const ggdm_objective_names[];

/* Of activations and weights inside the network in training; parameters, gradients, the optimiser
 * and evaluations are f32 in both. */
typedef enum ggdm_train_precision { GGDM_TRAIN_FP32, GGDM_TRAIN_BF16 } ggdm_train_precision;

/* Of the weights that are written in the end. */
typedef enum ggdm_weights_form {
    GGDM_WEIGHTS_F32,
    GGDM_WEIGHTS_F16,
    GGDM_WEIGHTS_BF16
} ggdm_weights_form;
extern const char *const ggdm_weights_form_names[]; /* "f32", "f16", "bf16", NULL */

typedef struct ggdm_recipe {
    char *path, *text;  /* the recipe file and its content; owned */
    char *config;       /* text of the config.json it names; owned */
    char *name;         /* of the model; owned */
    char *data_dir;     /* owned */
    char *tokenizer;    /* the directory of that of the captions; NULL: none; owned */
    char *text_encoder; /* the model that reads captions for a diffusion model; NULL: none; owned */
    char *from;         /* the model whose weights it begins with; NULL: none; owned */
    ggdm_objective objective;
    ggdm_train_precision precision;
    ggdm_weights_form weights;
    uint64_t seed;
    ggdm_part part;
    double test_share; /* of the images, where the data have no test set */
    ggdm_cropping crop;
    int32_t shorter; /* pixels of pictures' shorter side before they are cropped; 0: as cropped */
    int64_t images;  /* training images in all, repetitions counted */
    int32_t batch;   /* images of one step over all ranks */
    ggdm_optim optim;
    ggdm_augment augment;
    double label_smoothing; /* 0: none */
    double caption_dropout; /* share of the captions that become the empty one; 0: none */
    double label_dropout;   /* share of the labels that become the null label; 0: none */
    int32_t timesteps;      /* T of the forward process */
    double beta_start, beta_end;
    int betas;                        /* ggdm_beta_schedule */
    int prediction;                   /* ggdm_prediction: what a diffusion model learns to find */
    bool zero_snr;                    /* betas are rescaled to noise alone at the last timestep */
    int64_t evaluate_steps;           /* evaluate every so many steps; the last step always */
    int64_t curve_steps;              /* a row of curve.csv every so many steps */
    int64_t checkpoint_steps;         /* 0: by time only */
    double checkpoint_seconds;        /* 0: by steps only */
    char digest[GGDM_HASH_TEXT_SIZE]; /* SHA-256 of recipe text and config text */
} ggdm_recipe;

/** Read and check a recipe; unknown keys are errors with line and column.
 *  Errors: GGDM_EIO, GGDM_EINVAL naming file, line, field, value and what was expected. */
ggdm_status ggdm_recipe_read(const char *path, ggdm_recipe *out, ggdm_error *err);
/** All keys, from the tables that read them, as a table in Markdown. */
void ggdm_recipe_print_keys(FILE *out);
void ggdm_recipe_deinit(ggdm_recipe *recipe);

/** Number of steps: images / batch, rounded up. */
int64_t ggdm_recipe_steps(const ggdm_recipe *recipe);

#endif
