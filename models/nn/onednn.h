/* The operations that oneDNN computes, without its types.  Only onednn.c knows the library.
 *
 * How the library cuts one operation among threads, and in which order it then sums, is its choice
 * and may depend on their number, the batch and the processor.  So what an image's bits depend on
 * is never left to it: products, convolutions and their gradients to the input are made for one
 * thread and for a piece of one image, and the pieces are shared among threads by
 * ggdm_prim_share (decision 015).  Only gradients of weights, sums over a batch, are shared by the
 * library. */
#ifndef GGDM_MODELS_NN_ONEDNN_H
#define GGDM_MODELS_NN_ONEDNN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "models/nn/ops.h"
#include "models/nn/packs.h"

/** Name and version of the library, "oneDNN 2.6.3": bits may depend on it. */
const char *ggdm_onednn_version(void);

/* A primitive has a seat for each thread that OpenMP had when it was made (the gradient of weights:
 * one): several threads run it at a time, each in its seat. */
typedef struct ggdm_prim ggdm_prim;

/* A convolution: src [n, ih, iw, ic], dst [n, oh, ow, oc], weights [oc, ic, kh, kw] (plain). */
typedef struct ggdm_conv_shape {
    int64_t n, ih, iw, ic, oh, ow, oc, kh, kw;
    ggdm_conv conv;
    bool bias;
    ggdm_dtype src, dst; /* of the tensors or their gradients; weights are computed in the former
                            (backward data: the latter), their gradients are f32 */
} ggdm_conv_shape;

typedef enum ggdm_conv_pass {
    GGDM_CONV_FORWARD,         /* a = src, weights, bias; c = dst */
    GGDM_CONV_BACKWARD_DATA,   /* a = gradient of dst, weights; c = gradient of src */
    GGDM_CONV_BACKWARD_WEIGHTS /* a = src, b = gradient of dst; c = gradient of weights (plain),
                                  bias = gradient of bias (written) */
} ggdm_conv_pass;

/* A batch of matrix products C = A B: extents [b, m, k], [b, k, n], [b, m, n], each with its
 * strides in elements, so that transposes and heads are views. */
typedef struct ggdm_matmul_shape {
    int64_t b, m, n, k;
    int64_t a_strides[3], b_strides[3], c_strides[3];
    ggdm_dtype dtype; /* of A and B */
    ggdm_dtype c_dtype;
    bool add; /* C += A B */
} ggdm_matmul_shape;

/** A convolution; plain: its f32 weights (forward, backward data), which are packed into the layout
 *  and dtype that the chosen kernel wants.  With packs (borrowed, or NULL) the packed form is kept
 *  there and shared with every other convolution of the same weights that wants the same form.
 *  Errors: GGDM_EUNSUPPORTED with oneDNN's status where it has no implementation, GGDM_ENOMEM. */
ggdm_status ggdm_prim_conv(const ggdm_conv_shape *s, ggdm_conv_pass pass, const void *plain,
                           ggdm_packs *packs, ggdm_prim **out, ggdm_error *err);
/** Errors: GGDM_EUNSUPPORTED as above. */
ggdm_status ggdm_prim_matmul(const ggdm_matmul_shape *s, ggdm_prim **out, ggdm_error *err);
void ggdm_prim_destroy(ggdm_prim **prim);

int ggdm_prim_seats(const ggdm_prim *prim);

/** Bytes of scratch memory that each seat wants, 64-byte aligned. */
size_t ggdm_prim_scratch(const ggdm_prim *prim);

/** Pack the weights again after their content has changed. */
void ggdm_prim_pack(ggdm_prim *prim, const void *plain);

/** Execute in a seat, with scratch memory of its own; arguments as listed at ggdm_conv_pass (a, b,
 * c, bias), or A, B, C. */
void ggdm_prim_run(const ggdm_prim *prim, int seat, const void *a, const void *b, void *c,
                   const void *bias, void *scratch);

#define GGDM_ALL_SEATS (-1)

/** Run pieces 0 .. pieces-1: by the calling thread in its seat, or (GGDM_ALL_SEATS) shared among
 *  threads, each of which has a seat of prim (and of any primitive made at the same time). */
typedef void ggdm_piece_fn(const void *with, int64_t piece, int seat);
void ggdm_prim_share(const ggdm_prim *prim, int at, int64_t pieces, ggdm_piece_fn *run,
                     const void *with);

#endif
