/* A model with the weights of a fresh initialisation, for measurements: speed does not depend on
 * what a network has learnt. */
#ifndef GGDM_MODELS_RANDOM_MODEL_H
#define GGDM_MODELS_RANDOM_MODEL_H

#include "models/model.h"

typedef struct ggdm_random_model {
    ggdm_model_files files;
    ggdm_model *model; /* views into the other members */
    ggdm_graph *names; /* owns the parameters' names */
    float *weights;
} ggdm_random_model;

/** Read the config.json at path and initialise its network as the trainer would, but with no
 *  parameter zero throughout.  Owned: ggdm_random_model_deinit (safe after errors).
 *  Errors: those of the file and of the architecture. */
ggdm_status ggdm_random_model_make(const char *path, ggdm_random_model *out, ggdm_error *err);
void ggdm_random_model_deinit(ggdm_random_model *m);

#endif
