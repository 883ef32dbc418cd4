/* The actions of `ggdm model` that have a file of their own. */
#ifndef GGDM_COORDINATOR_CMD_MODEL_H
#define GGDM_COORDINATOR_CMD_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "jobs/messages.h"
#include "models/model.h"

typedef struct ggdm_apply_options {
    const char *in, *out; /* safetensors files */
    bool vjp;
    ggdm_precision precision;
    int threads;
} ggdm_apply_options;

/** Run model on the tensors of options->in and write the results to options->out:
 *    x [N, C, H, W] F32, t [N] I64 (diffusion), label [N] I64 (class-conditional; -1: none),
 *    context [N, S, C] F32 (cross-attention), ids [M, T] I64 (tokens of texts), as it takes them;
 *    integers may be I32, too; of a network with two towers x or ids may be missing
 *    -> y [N, C, H, W] (eps), or [N, K] (log probabilities of a classifier, embedding of images or,
 *    without x, of texts), y_text [M, K] (of texts beside images), sequence [M, T, C] (of texts)
 *    with vjp: gy of y's shape -> gx, the gradient of <gy, y> with respect to x.
 *  Pins the instruction set of this process.
 *  Errors: GGDM_EIO, GGDM_EFORMAT, GGDM_EINVAL or GGDM_ESHAPE naming file, tensor and what was
 *  expected; GGDM_EUNSUPPORTED for a precision that this machine does not have. */
ggdm_status ggdm_model_apply(const ggdm_model *model, const ggdm_apply_options *options,
                             ggdm_error *err);

/** Print the models of directory dir, or of the zoos where that is NULL, each with what it is for.
 *  Errors: GGDM_EINVAL when there is no such directory. */
ggdm_status ggdm_model_list(const char *dir, ggdm_error *err);

typedef struct ggdm_tokenize_options {
    char **texts; /* [n_texts], or @FILE with a text a line; borrowed */
    size_t n_texts;
    bool truncate, json;
} ggdm_tokenize_options;

/** Print the token ids of texts, a line each, as the network of model directory (or name) gets
 * them, without padding; with json a line is an object of text, context and ids. Errors:
 * GGDM_EINVAL where there is no tokenizer; those of ggdm_tokenizer_open and encode. */
ggdm_status ggdm_model_tokenize(const char *name, const ggdm_tokenize_options *options,
                                ggdm_error *err);

typedef struct ggdm_import_options {
    const char *out;            /* directory to make; NULL: only look whether one could be made */
    const char *config, *state; /* as in ggdm_import_source */
} ggdm_import_options;

/** Make a model directory of other people's weights and print what came of it, or say what they
 *  are and what would come.  Errors: those of ggdm_import_open and ggdm_import_write. */
ggdm_status ggdm_model_import(const char *source, const ggdm_import_options *options,
                              ggdm_error *err);

#endif
