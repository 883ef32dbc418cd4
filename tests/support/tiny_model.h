/* Tiny random-weight models on disk, for tests that need a model and not its quality. */
#ifndef GGDM_TESTS_SUPPORT_TINY_MODEL_H
#define GGDM_TESTS_SUPPORT_TINY_MODEL_H

#include <stdint.h>

#include "models/model.h"

extern const char ggdm_tiny_unet_config[];   /* 8x8x1, one attention, about 5k parameters */
extern const char ggdm_tiny_labels_config[]; /* the same with 10 class labels */
extern const char ggdm_tiny_null_config[];   /* with 10 classes and a null label */
extern const char ggdm_tiny_range_config[];  /* with a variance: twice the outputs */
extern const char ggdm_tiny_wide_config[];   /* that of 16x16x1, without labels */
extern const char ggdm_tiny_cnn_config[];    /* 8x8x1, 10 classes */
extern const char ggdm_tiny_noisy_config[];  /* the same, told the timestep */

extern const char ggdm_tiny_attributes_config[]; /* 8x8x1, glasses and hair_colour */
extern const char ggdm_tiny_clip_config[];       /* 8x8x1, texts of 24 tokens, vectors of 6 */
extern const char ggdm_tiny_noisy_clip_config[]; /* the same, told the timestep */
extern const char ggdm_tiny_texts_config[];      /* CLIPTextModel of 8 channels */

extern const char ggdm_tiny_words_config[]; /* UNet2DConditionModel of 8x8x1 that looks at them */

/** Write DIR/NAME with config.json (this text) and seeded random weights, the way the trainer lays
 *  out a model; returns the directory as owned text. */
char *ggdm_tiny_model_write(const char *dir, const char *name, const char *config, uint64_t seed);

/** Put a vocabulary of printable ASCII, a token for each letter, into a model's directory. */
void ggdm_tiny_vocabulary_write(const char *model_dir);
/** Both: a network that reads texts. */
char *ggdm_tiny_reader_write(const char *dir, const char *name, const char *config, uint64_t seed);

/** A pipeline of diffusers: a text-conditional U-Net, its scheduler, who reads its prompts. */
char *ggdm_tiny_pipeline_write(const char *dir, const char *name, uint64_t seed);

/** Load the model of a directory; it is owned, and so are its files, which must live as long. */
ggdm_model *ggdm_tiny_model_open(const char *path, ggdm_model_files *files);

/* The three models of a guided job, loaded. */
typedef struct ggdm_tiny_models {
    char *dir;
    ggdm_model_files files[3];
    ggdm_model *model[3]; /* diffusion, guide, judge */
} ggdm_tiny_models;

void ggdm_tiny_models_open(ggdm_tiny_models *m);
void ggdm_tiny_models_close(ggdm_tiny_models *m);

#endif
