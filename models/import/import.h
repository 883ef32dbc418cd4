/* Other people's weights become a model of ours: a file or directory is recognised
 * (models/import/recognise.h), its tensors are renamed and reshaped by the rules of its layout, and
 * what comes out is checked as any model is.  Nothing is written but by ggdm_import_write. */
#ifndef GGDM_MODELS_IMPORT_IMPORT_H
#define GGDM_MODELS_IMPORT_IMPORT_H

#include "models/import/recognise.h"
#include "models/model.h"

/* Where the parts of a source are; all owned. */
typedef struct ggdm_import_paths {
    char *dir;       /* of all that lies beside the weights */
    char *weights;   /* a file, or an index */
    char *config;    /* config.json, or what the user named; NULL: there is none */
    char *scheduler; /* scheduler_config.json, or NULL */
} ggdm_import_paths;

/** Find the parts of what the user named: a file of weights, a directory with one, or a pipeline of
 *  diffusers, of which that is its unet/.  config: another file for that part, or NULL.
 *  Errors: GGDM_EINVAL saying what was looked for. */
ggdm_status ggdm_import_find(const char *source, const char *config, ggdm_import_paths *out,
                             ggdm_error *err);
void ggdm_import_paths_deinit(ggdm_import_paths *paths);

/** Has the user named what ggdm can only use once it is imported: a file, or a directory whose
 *  weights are not those that a model of ours has? */
bool ggdm_import_is_needed(const char *source);

typedef struct ggdm_import_source {
    const char *path;
    const char *config; /* file instead of the config.json beside the weights; NULL: that */
    const char *state;  /* which of several sets of weights; NULL: there is one */
} ggdm_import_source;

/* A tensor of the network, and what of the source it is made of. */
typedef struct ggdm_import_part {
    char *name; /* owned */
    ggdm_shape shape;
    size_t source; /* number of the source's tensor */
    ggdm_layout_how how;
    int part;  /* of GGDM_LAYOUT_SPLIT */
    size_t at; /* byte of the weights */
} ggdm_import_part;

typedef struct ggdm_import {
    ggdm_import_paths paths;
    ggdm_foreign foreign;
    ggdm_recognised is;
    ggdm_import_part *parts; /* by name; owned */
    size_t n_parts;
    size_t n_outside, n_integers, n_rounded; /* tensors: outside of the prefix and integers, which
                                                are left out; F64, which are rounded */
    ggdm_model_files files;                  /* config, scheduler and weights in memory */
    void *bytes;                             /* of the weights; owned */
    ggdm_model *model;                       /* of files */
} ggdm_import;

/** Read, recognise, convert and check all of it.  *out: ggdm_import_close, also after an error.
 *  Memory: the weights as F32, and one storage of the source.
 *  Errors: those of recognising; GGDM_EFORMAT and GGDM_ESHAPE where tensors do not fit the network,
 *  or are not finite, naming them; GGDM_EINVAL where a config.json is missing. */
ggdm_status ggdm_import_open(const ggdm_import_source *source, ggdm_import *out, ggdm_error *err);
void ggdm_import_close(ggdm_import *import);

/** Write it as a model directory, which must not exist: config.json, the weights,
 *  scheduler_config.json and the tokenizer's files where the source has them, and a README.md that
 *  says where they are from.  All or nothing.  Errors: GGDM_EINVAL: dir is there; GGDM_EIO. */
ggdm_status ggdm_import_write(const ggdm_import *import, const char *dir, ggdm_error *err);

/** The first of these errors, before anything is read. */
ggdm_status ggdm_import_check_new(const char *dir, ggdm_error *err);

/* Its parts, in import_parts.c: the tensors that there will be, and their numbers. */
ggdm_status ggdm_import_list_parts(ggdm_import *import, ggdm_error *err);
ggdm_status ggdm_import_load_parts(ggdm_import *import, ggdm_error *err);

#endif
