/* Tensors in whatever file people have them: safetensors and what torch.save writes, one or several
 * with an index.  A single file may hold several dicts of them (models/io/torch_file.h). */
#ifndef GGDM_MODELS_IO_FOREIGN_H
#define GGDM_MODELS_IO_FOREIGN_H

#include "models/io/shards.h"
#include "models/io/torch_file.h"
#include "models/io/weights.h"

typedef struct ggdm_foreign {
    char *path;              /* owned */
    const char *form;        /* "safetensors", "PyTorch (zip)", "... (legacy)", ...; static */
    ggdm_st_tensor *tensors; /* of the state that was chosen, at first 0; no data; owned */
    size_t n_tensors;
    ggdm_weights weights;   /* safetensors; else: */
    ggdm_torch_file *torch; /* [n_torch] in the order of their tensors; owned */
    size_t n_torch;
    ggdm_shards shards; /* which they are, where they are several */
} ggdm_foreign;

/** Read the headers of the file at path, which may be an index (models/io/shards.h).  *out:
 *  ggdm_foreign_close, also after an error.
 *  Errors: GGDM_EFORMAT for what is none of these, saying what it is where that is known; those of
 *  ggdm_torch_open and ggdm_weights_list. */
ggdm_status ggdm_foreign_open(const char *path, ggdm_foreign *out, ggdm_error *err);
void ggdm_foreign_close(ggdm_foreign *foreign);

/** Its dicts of tensors, by number, and their names ("" where it is the only one). */
size_t ggdm_foreign_n_states(const ggdm_foreign *foreign);
const char *ggdm_foreign_state(const ggdm_foreign *foreign, size_t i);
/** From now on tensors are those of this one.  Errors: those of ggdm_torch_choose. */
ggdm_status ggdm_foreign_choose(ggdm_foreign *foreign, size_t state, ggdm_error *err);

/** Call take once for each tensor of floats, in any order, widened to f32 (F64: rounded).
 *  Errors: those of ggdm_torch_load, ggdm_weights_each and take. */
ggdm_status ggdm_foreign_load(ggdm_foreign *foreign, ggdm_torch_take take, void *context,
                              ggdm_error *err);

/** The files behind it, by number (of an index several). */
size_t ggdm_foreign_n_files(const ggdm_foreign *foreign);
const char *ggdm_foreign_file(const ggdm_foreign *foreign, size_t i);

#endif
