/* What is wrong with the files of a data set: all of them are looked at, and the first few are
 * told, so that nobody has to find them one by one. */
#ifndef GGDM_MODELS_TRAIN_FAULTS_H
#define GGDM_MODELS_TRAIN_FAULTS_H

#include <stdint.h>

#include "common/status.h"

/* Empty when zeroed. */
typedef struct ggdm_faults {
    int64_t n;
    ggdm_error first; /* as it was */
    char more[700];   /* a line each, as far as there is room */
    int shown;        /* of n, in more */
} ggdm_faults;

/** Note what became of a file: nothing where own is empty, as it is afterwards; its message names
 *  the file.  Errors: that of own where it is not the file's: no memory. */
ggdm_status ggdm_faults_note(ggdm_faults *faults, ggdm_error *own, ggdm_error *err);

/** GGDM_OK where nothing was noted; the failure where one was; else that of the first, with all of
 *  them that there is room for, of the n files of the data set `where`. */
ggdm_status ggdm_faults_tell(const ggdm_faults *faults, const char *where, int64_t n,
                             ggdm_error *err);

#endif
