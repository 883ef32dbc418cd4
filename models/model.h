/* A model: the files of a Hugging Face style directory, parsed, checked and digested. */
#ifndef GGDM_MODELS_MODEL_H
#define GGDM_MODELS_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "models/arch/arch.h"
#include "models/io/tokenizer.h"
#include "models/nn/graph.h"
#include "models/schedule_config.h"

/* The raw files, as rank 0 reads them and broadcasts them. */
typedef struct ggdm_model_files {
    char *path;           /* directory, for messages; owned */
    char *config;         /* config.json, NUL-terminated; owned */
    char *scheduler;      /* scheduler_config.json, NUL-terminated, or NULL; owned */
    char *scheduler_path; /* where that was read, or would be; NULL in a worker; owned */
    char *tokenizer;      /* of a network that takes text, its one text (models/io/tokenizer.h), or
                             NULL: there is none; owned */
    char *preprocessor;   /* preprocessor_config.json, NUL-terminated, or NULL; owned */
    const void *weights;  /* safetensors bytes, F32, 64-byte aligned */
    size_t weights_size;
    struct ggdm_weights *stored; /* behind weights; owned; NULL where they are borrowed */
    uint8_t digest[32];          /* SHA-256 over what they mean: the model's identity */
} ggdm_model_files;

/** Find a model (models/find.h), read its texts, check that its weights are those of the
 * architecture, and digest them: nothing that does not fit is read beyond its headers.  The
 * directory may be that of a pipeline of diffusers (model_index.json) whose components are unet/,
 * scheduler/ and, where the network looks at texts, text_encoder/ and tokenizer/.  Errors:
 * GGDM_EINVAL saying where it was looked for; GGDM_EIO naming the file; those of
 * ggdm_model_files_digest. */
ggdm_status ggdm_model_files_open(const char *name, ggdm_model_files *out, ggdm_error *err);
void ggdm_model_files_close(ggdm_model_files *files);
/** Read what else counts of what lies beside the weights, in files->path: the tokenizer of a
 * network that takes text, how one that takes images has pixels normalised, where they are there.
 *  Errors: those of ggdm_tokenizer_read; GGDM_EIO and GGDM_EFORMAT naming the file. */
ggdm_status ggdm_model_files_beside(ggdm_model_files *files, const ggdm_arch_info *info,
                                    ggdm_error *err);
/** From now on the weights are these, the same bytes elsewhere, borrowed; own ones are freed. */
void ggdm_model_files_lend(ggdm_model_files *files, const void *weights);
/** SHA-256 over what the files mean, as in files->digest, at the cost of hashing the weights once:
 *  for models that are stored otherwise (in half precision, in several files, under older names,
 *  with other line ends) it is the same, and it proves what came over a network.
 *  Errors: those of ggdm_model_create and ggdm_schedule_config_read. */
ggdm_status ggdm_model_files_digest(const ggdm_model_files *files, uint8_t digest[32],
                                    ggdm_error *err);

typedef struct ggdm_model_view {
    ggdm_arch_info info;
    int64_t parameters;
    size_t bytes; /* of the weights, as stored */
} ggdm_model_view;

/** What a model is, from its texts and headers alone.  Errors: as ggdm_model_files_open. */
ggdm_status ggdm_model_look(const char *name, ggdm_model_view *out, ggdm_error *err);

typedef struct ggdm_model {
    const ggdm_model_files *files; /* borrowed */
    ggdm_arch *arch;
    ggdm_arch_info info;
    ggdm_prediction prediction; /* what its output is, where it is a diffusion model */
    ggdm_params params;         /* views into files->weights */
    char *names;                /* storage of the parameters' names */
    ggdm_tokenizer *tokenizer;  /* of files->tokenizer; NULL: there is none */
} ggdm_model;

/** Parse files into a model and check that the weights are exactly those of the architecture.
 *  files is borrowed for the model's lifetime.
 *  Errors: GGDM_EFORMAT, GGDM_ESHAPE (tensor, shape found, shape expected), GGDM_EUNSUPPORTED. */
ggdm_status ggdm_model_create(const ggdm_model_files *files, ggdm_model **out, ggdm_error *err);
/** Its two steps, for weights whose headers alone are read: the network that config.json describes,
 *  then these n tensors as its parameters, where they are exactly those.  where: for messages. */
struct ggdm_st_tensor;
ggdm_status ggdm_model_begin(const ggdm_model_files *files, ggdm_model **out, ggdm_error *err);
ggdm_status ggdm_model_fit(ggdm_model *model, const struct ggdm_st_tensor *tensors, size_t n,
                           const char *where, ggdm_error *err);
void ggdm_model_destroy(ggdm_model **model);
/** How many numbers its parameters have. */
int64_t ggdm_model_count(const ggdm_model *model);

/** Does a network that takes text go with a tokenizer?  where: for messages.
 *  Errors: GGDM_EINVAL: more tokens than it knows, or texts that end elsewhere than it looks. */
ggdm_status ggdm_model_check_tokenizer(const ggdm_arch_info *info, const ggdm_tokenizer *tokenizer,
                                       const char *where, ggdm_error *err);

/** Look at every weight once (memory's speed: less than hashing them).
 *  Errors: GGDM_EFORMAT naming the tensor and the first element that is not finite. */
ggdm_status ggdm_model_check_finite(const ggdm_model *model, ggdm_error *err);

#endif
