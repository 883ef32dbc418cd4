/* What is trained on and what is measured on, and the order in which training sees them. */
#ifndef GGDM_MODELS_TRAIN_DATASET_H
#define GGDM_MODELS_TRAIN_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "common/hash.h"
#include "common/status.h"
#include "models/train/images.h"

/* Which part of the training set: the halves are disjoint, cut from one fixed permutation. */
typedef enum ggdm_part { GGDM_PART_ALL, GGDM_PART_FIRST, GGDM_PART_SECOND } ggdm_part;
extern const char *const ggdm_part_names[]; /* "all", "first", "second", NULL */

/* Some of a set of images, in an order. */
typedef struct ggdm_dataset {
    const ggdm_images *from; /* borrowed */
    int32_t n;
    int32_t *index; /* [n]: which of from; owned */
} ggdm_dataset;

typedef struct ggdm_data_spec {
    const char *dir; /* a directory, or one .npz or .tar */
    ggdm_part part;
    double test_share; /* of the images, where the data have no test set of their own */
    ggdm_image_want want;
} ggdm_data_spec;

typedef struct ggdm_data {
    ggdm_images images[2]; /* of the splits; no test images: they are held out of the others */
    ggdm_dataset train, test;
    char sha256[GGDM_HASH_TEXT_SIZE]; /* of both */
} ggdm_data;

/** Read what is in spec->dir, in whatever format of models/train/images.h it is, and choose from
 * it. *out may not be moved: the sets point into it. Errors: GGDM_EINVAL saying what was looked
 * for; those of the formats, naming the file. */
ggdm_status ggdm_data_open(const ggdm_data_spec *spec, ggdm_data *out, ggdm_error *err);
/** The images of one split of what is in dir, all of them, in *out.  Errors: those of
 * ggdm_data_open; GGDM_EINVAL where there are none of this split. */
ggdm_status ggdm_data_read_split(const char *dir, ggdm_data_split split,
                                 const ggdm_image_want *want, ggdm_images *out, ggdm_error *err);
/** Safe on zeroed data and twice. */
void ggdm_data_close(ggdm_data *data);

/** Image i (0 <= i < n) as f32 in [-1, 1]: out [H, W, C] = u8 / 127.5 - 1. */
void ggdm_dataset_image(const ggdm_dataset *set, int32_t i, float *out);
int32_t ggdm_dataset_label(const ggdm_dataset *set, int32_t i);
/** What a classifier shall say of image i: its label, or its class of each attribute that was
 *  wanted. */
const int32_t *ggdm_dataset_targets(const ggdm_dataset *set, int32_t i);

/* Endless shuffled passes: position k of the stream is image perm_e(k mod n) with e = k / n, a pure
 * function of (seed, k).  The permutation of the current pass is cached. */
typedef struct ggdm_order {
    uint64_t seed;
    int32_t n;
    int64_t epoch; /* (below 2^32) whose permutation perm holds; -1: none */
    int32_t *perm; /* [n], owned */
} ggdm_order;

ggdm_status ggdm_order_init(ggdm_order *order, uint64_t seed, int32_t n, ggdm_error *err);
void ggdm_order_deinit(ggdm_order *order);
/** The image at position k of the stream. */
int32_t ggdm_order_at(ggdm_order *order, int64_t k);

/** Fill perm[0..n) with a uniform permutation of 0..n-1 that depends on (seed, epoch). */
void ggdm_permutation(uint64_t seed, uint32_t epoch, int32_t n, int32_t *perm);

#endif
