/* 3x3 convolutions of stride 1, and their gradients to the input, by Winograd's F(2x2, 3x3) (Lavin
 * and Gray 2016, arXiv 1509.09308): 16 products for 2 x 2 results, where the sum itself has 36.
 *
 *   Y = A' [(G g G') . (B' d B)] A,   g the 3x3 weights, d 4x4 pixels, Y 2x2 pixels
 *
 * An image is cut into bands of tile rows.  The products of a band, over all channels, are sixteen
 * matrix products, one batched call of oneDNN for one thread.  Its size is that of the image alone,
 * so no bit depends on batch or threads. */
#ifndef GGDM_MODELS_NN_WINOGRAD_H
#define GGDM_MODELS_NN_WINOGRAD_H

#include "models/nn/onednn.h"

typedef struct ggdm_winograd ggdm_winograd;

/** Whether a convolution, and its gradient to the input, is computed so: by its shape, dtype and
 * the instruction set alone. */
bool ggdm_winograd_fits(const ggdm_conv_shape *s);

/** Arguments and errors as those of ggdm_prim_conv; pass: forward or backward data.  It will run on
 *  as many threads as OpenMP has now, at most. */
ggdm_status ggdm_winograd_create(const ggdm_conv_shape *s, ggdm_conv_pass pass, const void *plain,
                                 ggdm_packs *packs, ggdm_winograd **out, ggdm_error *err);
void ggdm_winograd_destroy(ggdm_winograd **winograd);

/** Bytes of scratch memory that a run wants, 64-byte aligned. */
size_t ggdm_winograd_scratch(const ggdm_winograd *winograd);

/** Transform the weights again after their content has changed. */
void ggdm_winograd_pack(ggdm_winograd *winograd, const void *plain);

/** x: src, or gradient of dst; y: dst, or gradient of src; bias [channels of y] or NULL. */
void ggdm_winograd_run(const ggdm_winograd *winograd, const float *x, const float *bias, float *y,
                       void *scratch);

#endif
