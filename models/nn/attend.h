/* Attention head by head and by blocks of positions, forward and gradient.
 *
 * Of the scores q k^T only those of one block of positions of one head against all keys exist, in
 * each seat; the gradient computes them again.  A piece is a head of an image (forward: a block of
 * its positions), whose products are calls of oneDNN for one thread.  How positions are cut depends
 * on the shape of one image alone, so no bit depends on batch or threads. */
#ifndef GGDM_MODELS_NN_ATTEND_H
#define GGDM_MODELS_NN_ATTEND_H

#include "models/nn/onednn.h"

typedef struct ggdm_attend_shape {
    int64_t images, positions, keys, channels;
    ggdm_heads heads;
    ggdm_dtype dtype; /* of all tensors */
    bool gradient;
} ggdm_attend_shape;

/* q, gy and what has their shape: [images, positions, channels]; k, v: [images, keys, channels]. */
typedef struct ggdm_attend_data {
    const void *q, *k, *v;
    const int32_t *n_keys; /* [images], or NULL: all */
    void *y;               /* forward */
    const void *gy;        /* gradient */
    void *gq, *gk, *gv;    /* NULL where not wanted */
} ggdm_attend_data;

typedef struct ggdm_attend ggdm_attend;

/** It will run on as many threads as OpenMP has now, at most.  Errors: those of ggdm_prim_matmul.
 */
ggdm_status ggdm_attend_create(const ggdm_attend_shape *s, ggdm_attend **out, ggdm_error *err);
void ggdm_attend_destroy(ggdm_attend **attend);

/** Bytes of scratch memory that a run wants in each seat, 64-byte aligned. */
size_t ggdm_attend_scratch(const ggdm_attend *attend);

/** images: at most those of the shape, of one seat, whose scratch it is, or of GGDM_ALL_SEATS,
 * whose scratch is contiguous. */
void ggdm_attend_run(const ggdm_attend *attend, const ggdm_attend_data *data, int64_t images,
                     int seat, void *scratch);

#endif
