/* The two versions of oneDNN's C API, for onednn.c alone.
 *
 * Version 2 describes a tensor by a struct and an operation by another one, from which the
 * primitive's descriptor is made.  In version 3 descriptions of tensors are handles, and the
 * primitive's descriptor is made directly.  Here a tensor's description is a `layout`, to be freed
 * (which does nothing where it holds nothing), and passed on as layout_ref. */
#ifndef GGDM_MODELS_NN_ONEDNN_VERSIONS_H
#define GGDM_MODELS_NN_ONEDNN_VERSIONS_H

#include <dnnl.h>
#include <stdbool.h>

#include "models/nn/onednn.h"

#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t layout_ref;
#else
typedef const dnnl_memory_desc_t *layout_ref;
#endif

typedef struct layout {
    dnnl_memory_desc_t md;
} layout;

typedef struct conv_layouts {
    layout src, weights, weights_gradient, bias, dst;
} conv_layouts;

/* A blocked layout: strides of the blocks, and the blocks inside of each other, innermost last. */
typedef struct blocking {
    const dnnl_dim_t *strides, *inner, *inner_dim;
    int n_inner;
} blocking;

typedef struct conv_geometry {
    dnnl_dims_t stride, begin, end;
} conv_geometry;

layout_ref ggdm_dnnl_layout_ref(const layout *l);
void ggdm_dnnl_layout_free(layout *l);
dnnl_status_t ggdm_dnnl_layout_by_tag(layout *l, int n, const dnnl_dims_t dims,
                                      dnnl_data_type_t type, dnnl_format_tag_t tag);
dnnl_status_t ggdm_dnnl_layout_by_strides(layout *l, int n, const dnnl_dims_t dims,
                                          dnnl_data_type_t type, const dnnl_dims_t strides);

/** How a blocked layout is laid out; what *b points to lives as long as md.
 *  dnnl_unimplemented: it is another kind of layout. */
dnnl_status_t ggdm_dnnl_layout_blocking(layout_ref md, blocking *b);

/** Descriptors of convolutions and products, in *out (owned).  training: it is the hint for the
 *  gradients. */
dnnl_status_t ggdm_dnnl_conv_forward_desc(dnnl_engine_t engine, const conv_layouts *l, bool bias,
                                          bool training, const conv_geometry *c,
                                          dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *out);
dnnl_status_t ggdm_dnnl_conv_data_desc(dnnl_engine_t engine, const conv_layouts *l,
                                       const conv_geometry *c, dnnl_primitive_desc_t hint,
                                       dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *out);
dnnl_status_t ggdm_dnnl_conv_weights_desc(dnnl_engine_t engine, const conv_layouts *l, bool bias,
                                          const conv_geometry *c, dnnl_primitive_desc_t hint,
                                          dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *out);
dnnl_status_t ggdm_dnnl_matmul_desc(dnnl_engine_t engine, const layout *a, const layout *b,
                                    const layout *c, dnnl_primitive_attr_t attr,
                                    dnnl_primitive_desc_t *out);

/** The operation's result is added to what its destination holds. */
dnnl_status_t ggdm_dnnl_add_to_result(dnnl_primitive_attr_t attr);

#endif
