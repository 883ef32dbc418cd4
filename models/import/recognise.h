/* Which of a file's tensors are the weights that are meant, and in which layout. */
#ifndef GGDM_MODELS_IMPORT_RECOGNISE_H
#define GGDM_MODELS_IMPORT_RECOGNISE_H

#include "models/import/layout.h"
#include "models/io/foreign.h"

typedef struct ggdm_recognised {
    const ggdm_layout *layout; /* NULL: the names are those of the config's network */
    size_t state;              /* of the file */
    char *prefix;              /* in front of all names that count, "" or "module."; owned */
    size_t n_tensors;          /* of these names */
} ggdm_recognised;

/** Find them.  A set of weights is a state dict, or all tensors in it whose names begin alike
 *  ("model.", "ema_model." of a training's wrapper); it goes by the name of the dict and this,
 *  "state_dict.model".
 *  wanted      its name, or NULL: there must be one only that is of a known layout
 *  class_name  of the config.json that belongs to it, or NULL
 *  *out.prefix is owned.
 *  Errors: GGDM_EINVAL listing those there are, where there are several and none is wanted, or the
 *  wanted one is not among them; GGDM_EUNSUPPORTED for no known layout, listing these. */
ggdm_status ggdm_recognise(ggdm_foreign *foreign, const char *wanted, const char *class_name,
                           ggdm_recognised *out, ggdm_error *err);

#endif
