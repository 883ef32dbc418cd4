/* Weights in several files, and the index that says which tensor is in which of them, as
 * save_pretrained writes it for large models:
 *
 *   NAME.safetensors.index.json    NAME-00001-of-00002.safetensors, ...
 *   NAME.bin.index.json            NAME-00001-of-00002.bin, ...
 *
 * {"weight_map": {"conv_in.weight": "NAME-00001-of-00002.safetensors", ...}} */
#ifndef GGDM_MODELS_IO_SHARDS_H
#define GGDM_MODELS_IO_SHARDS_H

#include <stddef.h>

#include "common/json.h"
#include "common/status.h"

#define GGDM_INDEX_END ".index.json"

typedef struct ggdm_shard {
    const char *name; /* beside the index; the document's */
    const char *some; /* a tensor that is in it, for messages */
    char *path;       /* owned */
} ggdm_shard;

typedef struct ggdm_shards {
    char *where; /* path of the index; owned */
    char *dir;   /* its folder; owned */
    char *stem;  /* NAME; owned */
    char *end;   /* ".safetensors"; owned */
    ggdm_doc *doc;
    const ggdm_node **entries; /* [n] by tensor: it is the key, the name of its file the text */
    size_t n;
    ggdm_shard *files; /* [n_files] by name */
    size_t n_files;
} ggdm_shards;

/** Read the index at path, which ends in ".END" GGDM_INDEX_END.  *out: ggdm_shards_close, also
 *  after an error.
 *  Errors: GGDM_EFORMAT, GGDM_EINVAL for what is no index, for names that leave the folder or have
 *  another end; GGDM_EUNSUPPORTED for too many. */
ggdm_status ggdm_shards_open(const char *path, ggdm_shards *out, ggdm_error *err);
/** Safe on a zeroed struct and twice. */
void ggdm_shards_close(ggdm_shards *shards);

/* A tensor that a file has. */
typedef struct ggdm_shard_tensor {
    const char *name, *file;
} ggdm_shard_tensor;
/** Do the files have just the tensors that the index says, and is none beside them that it does not
 *  name?  Sorts the tensors.  Errors: GGDM_EFORMAT. */
ggdm_status ggdm_shards_check(const ggdm_shards *shards, ggdm_shard_tensor *tensors, size_t n,
                              ggdm_error *err);

#endif
