/* Models by name: a directory, from here, or a name in one of the zoos. */
#ifndef GGDM_MODELS_FIND_H
#define GGDM_MODELS_FIND_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"

#define GGDM_PIPELINE_FILE "model_index.json" /* of a pipeline of diffusers */

/** Is there a file of this name in dir? */
bool ggdm_has_file(const char *dir, const char *name);

/** The directory of a model, of a pipeline, or of a component of one in a zoo
 *  ("NAME/text_encoder"), in *out (owned).  Errors: GGDM_EINVAL saying where it was looked for. */
ggdm_status ggdm_model_find(const char *name, char **out, ggdm_error *err);

/** Is there a model of this name?  (Whether it is a good one shows when it is opened.) */
bool ggdm_model_exists(const char *name);

enum { GGDM_N_ZOOS = 4 };

/* Where names are looked for, in this order: $GGDM_ZOO, models/zoo of the tree in which the program
 * was built, share/ggdm/zoo beside it, models/zoo. */
typedef struct ggdm_zoos {
    char *dir[GGDM_N_ZOOS]; /* owned; NULL where there is none */
} ggdm_zoos;

ggdm_status ggdm_zoos_find(ggdm_zoos *out, ggdm_error *err);
void ggdm_zoos_deinit(ggdm_zoos *zoos);

/** The names of the models in a directory, sorted: [*n] in *out, owned, each and all by free().  A
 *  directory that is not there has none.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_models_in(const char *dir, char ***out, size_t *n, ggdm_error *err);

#endif
