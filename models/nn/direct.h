/* Direct convolutions by oneDNN, forward and gradient to the input: those that winograd.h does not
 * compute.
 *
 * Each image is a piece of its own, or is cut into bands of rows where one has work for several
 * threads.  A piece is one call of oneDNN for one thread, whose size is that of the image's shape
 * alone, so no bit depends on batch or threads. */
#ifndef GGDM_MODELS_NN_DIRECT_H
#define GGDM_MODELS_NN_DIRECT_H

#include "models/nn/onednn.h"

typedef struct ggdm_direct ggdm_direct;

/** Arguments and errors as those of ggdm_prim_conv; pass: forward or backward data.  It will run on
 *  as many threads as OpenMP has now, at most. */
ggdm_status ggdm_direct_create(const ggdm_conv_shape *s, ggdm_conv_pass pass, const void *plain,
                               ggdm_packs *packs, ggdm_direct **out, ggdm_error *err);
void ggdm_direct_destroy(ggdm_direct **direct);

/** Bytes of scratch memory that a run wants, 64-byte aligned. */
size_t ggdm_direct_scratch(const ggdm_direct *direct);

/** Pack the weights again after their content has changed. */
void ggdm_direct_pack(ggdm_direct *direct, const void *plain);

/** x: src, or gradient of dst; y: dst, or gradient of src; bias [channels of y] or NULL. */
void ggdm_direct_run(const ggdm_direct *direct, const void *x, const float *bias, void *y,
                     void *scratch);

#endif
