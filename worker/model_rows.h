/* What the rows of a tree say of models and pictures, against those that there are: texts come from
 * elsewhere. */
#ifndef GGDM_WORKER_MODEL_ROWS_H
#define GGDM_WORKER_MODEL_ROWS_H

#include "worker/emit.h"

/** Are the pictures and models in a tree there, with the ports that its rows ask for, and are its
 * classes ones of theirs?  stage: whose model is meant where a class is of none beside it; NULL:
 * there is none. Errors: GGDM_EINVAL naming the row by its path. */
ggdm_status ggdm_model_rows_check(const ggdm_models *models, const ggdm_item *stage,
                                  ggdm_item *tree, ggdm_error *err);

#endif
