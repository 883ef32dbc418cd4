/* Labelled image sets in memory, and the order in which training sees them. */
#ifndef GGDM_MODELS_TRAIN_DATASET_H
#define GGDM_MODELS_TRAIN_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "common/fs.h"
#include "common/hash.h"
#include "common/status.h"

/* Which part of the training set: the halves are disjoint, cut from one fixed permutation. */
typedef enum ggdm_part { GGDM_PART_ALL, GGDM_PART_FIRST, GGDM_PART_SECOND } ggdm_part;
extern const char *const ggdm_part_names[]; /* "all", "first", "second", NULL */

typedef struct ggdm_dataset {
    int height, width, channels, n_classes;
    int32_t n;             /* images of this part */
    const uint8_t *images; /* [all, H, W, C] u8 */
    const uint8_t *labels; /* [all] */
    int32_t *index;        /* [n]: which of all; owned */
    ggdm_bytes image_file, label_file;
    char image_sha256[GGDM_HASH_TEXT_SIZE], label_sha256[GGDM_HASH_TEXT_SIZE]; /* of the files */
} ggdm_dataset;

typedef enum ggdm_split { GGDM_SPLIT_TRAIN, GGDM_SPLIT_TEST } ggdm_split;

/** Read the MNIST-format files {train,t10k}-{images-idx3,labels-idx1}-ubyte of a split from dir.
 *  Errors: GGDM_EIO naming the file and the command that obtains it; GGDM_EFORMAT; GGDM_ESHAPE
 * where images and labels do not match; a label >= 10. */
ggdm_status ggdm_dataset_open(const char *dir, ggdm_split split, ggdm_part part, ggdm_dataset *out,
                              ggdm_error *err);
void ggdm_dataset_close(ggdm_dataset *set);

/** Image i (0 <= i < n) as f32 in [-1, 1]: out [H, W, C] = u8 / 127.5 - 1. */
void ggdm_dataset_image(const ggdm_dataset *set, int32_t i, float *out);
int32_t ggdm_dataset_label(const ggdm_dataset *set, int32_t i);

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
