/* What torch.save writes (.pt, .pth, .bin, .ckpt), in both of its forms, read without running
 * anything (models/io/pickle.h).
 *
 *   zip (since PyTorch 1.6)    ROOT/data.pkl, a pickle; ROOT/data/KEY, the bytes of each storage;
 *                              ROOT/byteorder, "little" where it is there; all stored
 *   legacy                     five pickles: a number that tells the form, 1001, facts about the
 *                              machine, the object, a list of storage keys; then of each storage in
 *                              the order of this list its elements' number, 8 bytes, and its bytes
 *
 * In the pickle a tensor is a call of torch._utils._rebuild_tensor_v2 with a storage, an offset, a
 * shape and strides; several may share a storage.  A state dict is a dict with tensors under names;
 * it is the object itself or in it, as {"model": {...}, "ema": {...}, "epoch": 3} has two. */
#ifndef GGDM_MODELS_IO_TORCH_FILE_H
#define GGDM_MODELS_IO_TORCH_FILE_H

#include "models/io/pickle.h"
#include "models/io/safetensors.h"

/* Bytes of a file, which tensors share. */
typedef struct ggdm_torch_storage {
    const char *key;
    ggdm_st_dtype dtype;
    size_t count;    /* elements */
    size_t at;       /* legacy: where it begins in the file, bytes */
    size_t first, n; /* tensors that lie in it, of those that were chosen */
    bool there;      /* its bytes were found */
} ggdm_torch_storage;

typedef struct ggdm_torch_tensor {
    ggdm_st_tensor is;             /* name, dtype and shape; no data */
    size_t storage;                /* its number */
    int64_t offset;                /* elements */
    int64_t stride[GGDM_MAX_DIMS]; /* elements */
} ggdm_torch_tensor;

typedef struct ggdm_torch_state {
    char *name; /* "model.ema"; "" of the object itself; owned */
    const ggdm_pickle_value *dict;
    size_t n_tensors;
} ggdm_torch_state;

typedef struct ggdm_torch_file {
    ggdm_file file;
    char *root; /* of a zip, with '/'; NULL: legacy; owned */
    ggdm_pickle pickle;
    ggdm_torch_storage *storages; /* by key; owned */
    size_t n_storages;
    ggdm_torch_state *states; /* as they are found; owned */
    size_t n_states;
    ggdm_torch_tensor *tensors; /* of the state that was chosen, by storage; owned */
    size_t n_tensors;
} ggdm_torch_file;

/** Is this the begin of such a file?  n: bytes at begin. */
bool ggdm_torch_is_zip(const unsigned char *begin, size_t n);
bool ggdm_torch_is_legacy(const unsigned char *begin, size_t n);

/** Read all but the tensors' numbers of the file at path (borrowed), which must be one of these.
 *  *out: ggdm_torch_close, also after an error.
 *  Errors: those of ggdm_pickle_read; GGDM_EUNSUPPORTED for TorchScript, with what to do instead;
 *  GGDM_EFORMAT for what does not fit together; GGDM_EIO. */
ggdm_status ggdm_torch_open(const char *path, ggdm_torch_file *out, ggdm_error *err);
void ggdm_torch_close(ggdm_torch_file *file);

/** From now on the tensors are those of this state.  Errors: GGDM_EFORMAT, GGDM_EUNSUPPORTED naming
 *  the tensor. */
ggdm_status ggdm_torch_choose(ggdm_torch_file *file, size_t state, ggdm_error *err);

/** What is done with the numbers of tensor i: data [as its shape says], borrowed. */
typedef ggdm_status (*ggdm_torch_take)(void *context, size_t i, const float *data, ggdm_error *err);
/** Call take for each tensor of floats once, in any order, widened to f32 (F64: rounded).
 *  Memory: one storage and one tensor at a time.  Errors: GGDM_EFORMAT for missing or damaged
 *  storages, GGDM_EIO, GGDM_ENOMEM, those of take. */
ggdm_status ggdm_torch_load(ggdm_torch_file *file, ggdm_torch_take take, void *context,
                            ggdm_error *err);

/* Its parts, in torch_state.c: which names a pickle may have; what it says about storages, and
 * where its state dicts are. */
extern const ggdm_pickle_global ggdm_torch_globals[];
ggdm_status ggdm_torch_list_storages(ggdm_torch_file *file, ggdm_error *err);
ggdm_status ggdm_torch_find_states(ggdm_torch_file *file, ggdm_error *err);
/** The storage of this key, or NULL. */
ggdm_torch_storage *ggdm_torch_find_storage(const ggdm_torch_file *file, const char *key);

#endif
