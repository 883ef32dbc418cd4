/* The folder of a training: one process at a time trains into it, and only into its own. */
#ifndef GGDM_MODELS_TRAIN_FOLDER_H
#define GGDM_MODELS_TRAIN_FOLDER_H

#include <stdbool.h>

#include "common/owner.h"
#include "common/status.h"

typedef struct ggdm_folder {
    char *dir, *checkpoint, *curve; /* paths; owned */
    ggdm_owner *owner;              /* NULL on ranks that only read */
} ggdm_folder;

/** The names in dir; where own is set, it is made and taken.  take_over: see common/owner.h.
 *  Errors: GGDM_ESTATE when another training is in it; GGDM_EIO. */
ggdm_status ggdm_folder_open(const char *dir, bool own, bool take_over, ggdm_folder *out,
                             ggdm_error *err);

/** There is no checkpoint yet: nothing else must be there that the training would overwrite.
 *  Errors: GGDM_ESTATE naming it. */
ggdm_status ggdm_folder_check_free(const ggdm_folder *folder, const char *weights_file,
                                   ggdm_error *err);

/** Give it back.  Safe on a zeroed folder and twice. */
void ggdm_folder_close(ggdm_folder *folder);

#endif
