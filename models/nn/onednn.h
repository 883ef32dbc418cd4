/* The operations that oneDNN computes, without its types.  Only onednn.c knows the library. */
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

/* A batched matrix product C = A B: extents [b0, b1, m, k], [b0, b1, k, n], [b0, b1, m, n], each
 * with its strides in elements, so that transposes and heads are views. */
typedef struct ggdm_matmul_shape {
    int64_t b0, b1, m, n, k;
    int64_t a[4], b[4], c[4]; /* strides */
    ggdm_dtype dtype;         /* of A and B */
    ggdm_dtype c_dtype;
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

/** Bytes of scratch memory that a run wants, 64-byte aligned. */
size_t ggdm_prim_scratch(const ggdm_prim *prim);

/** Pack the weights again after their content has changed. */
void ggdm_prim_pack(ggdm_prim *prim, const void *plain);

/** Execute; arguments as listed at ggdm_conv_pass (a, b, c, bias), or A, B, C. */
void ggdm_prim_run(const ggdm_prim *prim, const void *a, const void *b, void *c, const void *bias,
                   void *scratch);

/** Name of the implementation that oneDNN chose ("brgconv:avx512_core"). */
const char *ggdm_prim_impl(const ggdm_prim *prim);

#endif
