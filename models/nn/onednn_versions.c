#include "models/nn/onednn_versions.h"

#if DNNL_VERSION_MAJOR >= 3

layout_ref ggdm_dnnl_layout_ref(const layout *l)
{
    return l->md;
}

void ggdm_dnnl_layout_free(layout *l)
{
    if (l->md)
        dnnl_memory_desc_destroy(l->md);
    l->md = NULL;
}

dnnl_status_t ggdm_dnnl_layout_by_tag(layout *l, int n, const dnnl_dims_t dims,
                                      dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_create_with_tag(&l->md, n, dims, type, tag);
}

dnnl_status_t ggdm_dnnl_layout_by_strides(layout *l, int n, const dnnl_dims_t dims,
                                          dnnl_data_type_t type, const dnnl_dims_t strides)
{
    return dnnl_memory_desc_create_with_strides(&l->md, n, dims, type, strides);
}

dnnl_status_t ggdm_dnnl_conv_forward_desc(dnnl_engine_t engine, const conv_layouts *l, bool bias,
                                          bool training, const conv_geometry *c,
                                          dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *out)
{
    return dnnl_convolution_forward_primitive_desc_create(
        out, engine, training ? dnnl_forward_training : dnnl_forward_inference,
        dnnl_convolution_direct, l->src.md, l->weights.md, bias ? l->bias.md : NULL, l->dst.md,
        c->stride, NULL, c->begin, c->end, attr);
}

dnnl_status_t ggdm_dnnl_conv_data_desc(dnnl_engine_t engine, const conv_layouts *l,
                                       const conv_geometry *c, dnnl_primitive_desc_t hint,
                                       dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *out)
{
    return dnnl_convolution_backward_data_primitive_desc_create(
        out, engine, dnnl_convolution_direct, l->src.md, l->weights.md, l->dst.md, c->stride, NULL,
        c->begin, c->end, hint, attr);
}

dnnl_status_t ggdm_dnnl_conv_weights_desc(dnnl_engine_t engine, const conv_layouts *l, bool bias,
                                          const conv_geometry *c, dnnl_primitive_desc_t hint,
                                          dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *out)
{
    return dnnl_convolution_backward_weights_primitive_desc_create(
        out, engine, dnnl_convolution_direct, l->src.md, l->weights_gradient.md,
        bias ? l->bias.md : NULL, l->dst.md, c->stride, NULL, c->begin, c->end, hint, attr);
}

dnnl_status_t ggdm_dnnl_matmul_desc(dnnl_engine_t engine, const layout *a, const layout *b,
                                    const layout *c, dnnl_primitive_attr_t attr,
                                    dnnl_primitive_desc_t *out)
{
    return dnnl_matmul_primitive_desc_create(out, engine, a->md, b->md, NULL, c->md, attr);
}

dnnl_status_t ggdm_dnnl_layout_blocking(layout_ref md, blocking *b)
{
    const dnnl_dims_t *strides, *inner, *inner_dim;
    dnnl_format_kind_t kind;
    dnnl_status_t status = dnnl_memory_desc_query(md, dnnl_query_format_kind, &kind);
    if (status == dnnl_success && kind != dnnl_blocked)
        status = dnnl_unimplemented;
    const struct {
        dnnl_query_t what;
        void *out;
    } queries[] = {{dnnl_query_strides, &strides},
                   {dnnl_query_inner_blks, &inner},
                   {dnnl_query_inner_idxs, &inner_dim},
                   {dnnl_query_inner_nblks_s32, &b->n_inner}};
    for (size_t i = 0; status == dnnl_success && i < sizeof queries / sizeof *queries; i++)
        status = dnnl_memory_desc_query(md, queries[i].what, queries[i].out);
    if (status == dnnl_success) {
        b->strides = *strides;
        b->inner = *inner;
        b->inner_dim = *inner_dim;
    }
    return status;
}

#else

layout_ref ggdm_dnnl_layout_ref(const layout *l)
{
    return &l->md;
}

void ggdm_dnnl_layout_free(layout *l)
{
    (void)l;
}

dnnl_status_t ggdm_dnnl_layout_by_tag(layout *l, int n, const dnnl_dims_t dims,
                                      dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_init_by_tag(&l->md, n, dims, type, tag);
}

dnnl_status_t ggdm_dnnl_layout_by_strides(layout *l, int n, const dnnl_dims_t dims,
                                          dnnl_data_type_t type, const dnnl_dims_t strides)
{
    return dnnl_memory_desc_init_by_strides(&l->md, n, dims, type, strides);
}

dnnl_status_t ggdm_dnnl_conv_forward_desc(dnnl_engine_t engine, const conv_layouts *l, bool bias,
                                          bool training, const conv_geometry *c,
                                          dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *out)
{
    dnnl_convolution_desc_t op;
    dnnl_status_t status = dnnl_convolution_forward_desc_init(
        &op, training ? dnnl_forward_training : dnnl_forward_inference, dnnl_convolution_direct,
        &l->src.md, &l->weights.md, bias ? &l->bias.md : NULL, &l->dst.md, c->stride, c->begin,
        c->end);
    return status ? status : dnnl_primitive_desc_create(out, &op, attr, engine, NULL);
}

dnnl_status_t ggdm_dnnl_conv_data_desc(dnnl_engine_t engine, const conv_layouts *l,
                                       const conv_geometry *c, dnnl_primitive_desc_t hint,
                                       dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *out)
{
    dnnl_convolution_desc_t op;
    dnnl_status_t status = dnnl_convolution_backward_data_desc_init(
        &op, dnnl_convolution_direct, &l->src.md, &l->weights.md, &l->dst.md, c->stride, c->begin,
        c->end);
    return status ? status : dnnl_primitive_desc_create(out, &op, attr, engine, hint);
}

dnnl_status_t ggdm_dnnl_conv_weights_desc(dnnl_engine_t engine, const conv_layouts *l, bool bias,
                                          const conv_geometry *c, dnnl_primitive_desc_t hint,
                                          dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *out)
{
    dnnl_convolution_desc_t op;
    dnnl_status_t status = dnnl_convolution_backward_weights_desc_init(
        &op, dnnl_convolution_direct, &l->src.md, &l->weights_gradient.md,
        bias ? &l->bias.md : NULL, &l->dst.md, c->stride, c->begin, c->end);
    return status ? status : dnnl_primitive_desc_create(out, &op, attr, engine, hint);
}

dnnl_status_t ggdm_dnnl_matmul_desc(dnnl_engine_t engine, const layout *a, const layout *b,
                                    const layout *c, dnnl_primitive_attr_t attr,
                                    dnnl_primitive_desc_t *out)
{
    dnnl_matmul_desc_t op;
    dnnl_status_t status = dnnl_matmul_desc_init(&op, &a->md, &b->md, NULL, &c->md);
    return status ? status : dnnl_primitive_desc_create(out, &op, attr, engine, NULL);
}

dnnl_status_t ggdm_dnnl_layout_blocking(layout_ref md, blocking *b)
{
    const dnnl_blocking_desc_t *d = &md->format_desc.blocking;
    *b = (blocking){d->strides, d->inner_blks, d->inner_idxs, d->inner_nblks};
    return md->format_kind == dnnl_blocked && md->extra.flags == 0 ? dnnl_success
                                                                   : dnnl_unimplemented;
}

#endif

static dnnl_status_t append_sum(dnnl_post_ops_t ops)
{
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_post_ops_append_sum(ops, 1.0f, 0, dnnl_data_type_undef);
#else
    return dnnl_post_ops_append_sum(ops, 1.0f);
#endif
}

dnnl_status_t ggdm_dnnl_add_to_result(dnnl_primitive_attr_t attr)
{
    dnnl_post_ops_t ops;
    dnnl_status_t status = dnnl_post_ops_create(&ops);
    if (status != dnnl_success)
        return status;
    status = append_sum(ops);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_post_ops(attr, ops);
    dnnl_post_ops_destroy(ops);
    return status;
}
