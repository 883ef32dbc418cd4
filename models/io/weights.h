/* The weights of a model directory in the ways in which they are published:
 *
 *   NAME.safetensors, or several files and NAME.safetensors.index.json that says which tensor is in
 *   which of them (save_pretrained of large models); F32, or F16 and BF16, which are widened: that
 *   is exact.  F64 is refused: to narrow it would round.
 *
 * What comes out is the bytes of one safetensors file, F32 and aligned.  A file that is that
 * already is used as it is; of others a copy is made, with the tensors in the order of their names
 * and without metadata: the same for the same numbers, however they were stored. */
#ifndef GGDM_MODELS_IO_WEIGHTS_H
#define GGDM_MODELS_IO_WEIGHTS_H

#include <stddef.h>

#include "common/status.h"
#include "models/io/safetensors.h"

typedef struct ggdm_weights {
    char *where;             /* path of the file, or of the index; owned */
    ggdm_st_tensor *tensors; /* of all files, as stored; owned */
    size_t n_tensors;
    struct ggdm_weights_file *files; /* owned */
    size_t n_files;
    const void *data; /* ggdm_weights_load: 64-byte aligned */
    size_t size;      /* bytes */
    void *copy;       /* owned memory behind data, or NULL where that is the file's content */
} ggdm_weights;

/** Read the headers, and no more, of the weights NAME (NULL: of a network without any, for which no
 *  file is looked at) in directory dir.  *out: ggdm_weights_close,
 *  also after an error.  Errors: GGDM_EINVAL when they are not there, naming what is and how to
 *  convert it; GGDM_EFORMAT, GGDM_EUNSUPPORTED, GGDM_EIO with the file. */
ggdm_status ggdm_weights_open(const char *dir, const char *name, ggdm_weights *out,
                              ggdm_error *err);

/** The same, of tensors of any type, all of them.  For those who look into other people's files. */
ggdm_status ggdm_weights_list(const char *dir, const char *name, ggdm_weights *out,
                              ggdm_error *err);

/** Make data and size; tensors[].data must not be used any more where copy is set.
 *  Errors: GGDM_ENOMEM, GGDM_EIO. */
ggdm_status ggdm_weights_load(ggdm_weights *weights, ggdm_error *err);

/** What is done with tensor i, whose data are there during the call. */
typedef ggdm_status (*ggdm_weights_take)(void *context, size_t i, ggdm_error *err);
/** Call take for each tensor, file by file, of which one is in memory at a time: once, and instead
 *  of ggdm_weights_load.  Errors: GGDM_EIO, those of take. */
ggdm_status ggdm_weights_each(ggdm_weights *weights, ggdm_weights_take take, void *context,
                              ggdm_error *err);
/** The files, by number. */
size_t ggdm_weights_n_files(const ggdm_weights *weights);
const char *ggdm_weights_path(const ggdm_weights *weights, size_t file);

/** Fail with what is in dir instead of the weights at path, and what to do with it. */
ggdm_status ggdm_weights_missing(const char *dir, const char *path, ggdm_error *err);

void ggdm_weights_close(ggdm_weights *weights);

#endif
