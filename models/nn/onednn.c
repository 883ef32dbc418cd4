/* All calls of oneDNN, but for what its versions 2 and 3 call differently (onednn_versions.h).
 *
 * Activations are NHWC as the rest of the program has them; only weights are reordered, once, into
 * the blocked layout that the chosen kernel asks for.  Scratch memory is the caller's
 * (scratchpad_mode_user), so that a run allocates nothing. */
#include "models/nn/onednn.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "models/nn/onednn_versions.h"

#define MAX_ARGS 5

/* Where the kernel wants the weights: element [o, i, x] (x: places of the kernel window) is at
 * at[0][o] + at[1][i] + at[2][x]; the places between are zero.  We pack ourselves, because the
 * reorders of oneDNN 3.7 lose elements where channels are padded (decision 011). */
typedef struct packing {
    int64_t extent[3];
    int64_t *at[3]; /* one array, owned: at[0] */
    ggdm_dtype dtype;
} packing;

struct ggdm_prim {
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t primitive;
    dnnl_memory_t mem_a, mem_b, mem_c, mem_bias, mem_scratch;
    dnnl_exec_arg_t args[MAX_ARGS];
    int n_args;
    size_t pad_bytes; /* library scratch, aligned; packed gradient of weights follows it */
    size_t packed_bytes;
    packing packing;
    ggdm_pack pack; /* weights in the kernel's layout; none for matmul and backward weights */
    bool gradient;  /* backward weights: the result is in the kernel's layout, to be unpacked */
};

static dnnl_engine_t engine;
static dnnl_stream_t stream;
static dnnl_status_t engine_status;
static pthread_once_t engine_once = PTHREAD_ONCE_INIT;

const char *ggdm_onednn_version(void)
{
    static char text[48];
    const dnnl_version_t *v = dnnl_version();
    snprintf(text, sizeof text, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
    return text;
}

static void engine_start(void)
{
    engine_status = dnnl_engine_create(&engine, dnnl_cpu, 0);
    if (engine_status == dnnl_success)
        engine_status = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
}

static ggdm_status check(dnnl_status_t status, const char *what, ggdm_error *err)
{
    if (status == dnnl_success)
        return GGDM_OK;
    ggdm_status code = status == dnnl_out_of_memory ? GGDM_ENOMEM : GGDM_EUNSUPPORTED;
    return GGDM_FAIL(err, code, "oneDNN: %s failed with status %d", what, (int)status);
}

#define DNNL_TRY(call) GGDM_TRY(check((call), #call, err))

static dnnl_data_type_t data_type(ggdm_dtype dtype)
{
    return dtype == GGDM_BF16 ? dnnl_bf16 : dnnl_f32;
}

/* A memory object without memory, for the layout that the primitive has for a query. */
static ggdm_status new_memory(layout_ref md, dnnl_memory_t *out, ggdm_error *err)
{
    DNNL_TRY(dnnl_memory_create(out, md, engine, DNNL_MEMORY_NONE));
    return GGDM_OK;
}

static void add_arg(ggdm_prim *p, int arg, dnnl_memory_t mem)
{
    p->args[p->n_args++] = (dnnl_exec_arg_t){arg, mem};
}

static ggdm_status query_memory(ggdm_prim *p, dnnl_query_t what, int index, int arg,
                                dnnl_memory_t *out, ggdm_error *err)
{
    layout_ref md = dnnl_primitive_desc_query_md(p->desc, what, index);
    if (!md)
        return GGDM_FAIL(err, GGDM_EINTERNAL, "oneDNN: no layout for argument %d", arg);
    GGDM_TRY(new_memory(md, out, err));
    add_arg(p, arg, *out);
    return GGDM_OK;
}

static ggdm_status new_attr(dnnl_primitive_attr_t *attr, ggdm_error *err)
{
    DNNL_TRY(dnnl_primitive_attr_create(attr));
    DNNL_TRY(dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user));
    return GGDM_OK;
}

/* The primitive and its scratch, from p->desc. */
static ggdm_status finish(ggdm_prim *p, ggdm_error *err)
{
    DNNL_TRY(dnnl_primitive_create(&p->primitive, p->desc));
    GGDM_TRY(
        query_memory(p, dnnl_query_scratchpad_md, 0, DNNL_ARG_SCRATCHPAD, &p->mem_scratch, err));
    p->pad_bytes = ggdm_align_up(dnnl_memory_desc_get_size(
        dnnl_primitive_desc_query_md(p->desc, dnnl_query_scratchpad_md, 0)));
    return GGDM_OK;
}

static ggdm_status conv_layouts_init(const ggdm_conv_shape *s, ggdm_conv_pass pass, conv_layouts *l,
                                     ggdm_error *err)
{
    dnnl_data_type_t src_type = data_type(s->src), dst_type = data_type(s->dst);
    dnnl_data_type_t weights_type = pass == GGDM_CONV_BACKWARD_DATA ? dst_type : src_type;
    dnnl_dims_t src = {s->n, s->ic, s->ih, s->iw}, dst = {s->n, s->oc, s->oh, s->ow};
    dnnl_dims_t weights = {s->oc, s->ic, s->kh, s->kw}, bias = {s->oc};
    DNNL_TRY(ggdm_dnnl_layout_by_tag(&l->src, 4, src, src_type, dnnl_nhwc));
    DNNL_TRY(ggdm_dnnl_layout_by_tag(&l->dst, 4, dst, dst_type, dnnl_nhwc));
    DNNL_TRY(ggdm_dnnl_layout_by_tag(&l->weights, 4, weights, weights_type, dnnl_format_tag_any));
    DNNL_TRY(
        ggdm_dnnl_layout_by_tag(&l->weights_gradient, 4, weights, dnnl_f32, dnnl_format_tag_any));
    DNNL_TRY(ggdm_dnnl_layout_by_tag(&l->bias, 1, bias, dnnl_f32, dnnl_a));
    return GGDM_OK;
}

static void conv_layouts_free(conv_layouts *l)
{
    layout *const all[] = {&l->src, &l->weights, &l->weights_gradient, &l->bias, &l->dst};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        ggdm_dnnl_layout_free(all[i]);
}

static ggdm_status conv_desc(const ggdm_conv_shape *s, ggdm_conv_pass pass, const conv_layouts *l,
                             dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *out,
                             ggdm_error *err)
{
    const conv_geometry c = {{s->conv.stride, s->conv.stride},
                             {s->conv.top, s->conv.left},
                             {s->conv.bottom, s->conv.right}};
    if (pass == GGDM_CONV_FORWARD) {
        DNNL_TRY(ggdm_dnnl_conv_forward_desc(engine, l, s->bias, false, &c, attr, out));
        DNNL_TRY(ggdm_dnnl_conv_settle(s, *out));
        return GGDM_OK;
    }
    dnnl_primitive_desc_t hint;
    DNNL_TRY(ggdm_dnnl_conv_forward_desc(engine, l, s->bias, true, &c, NULL, &hint));
    dnnl_status_t status =
        pass == GGDM_CONV_BACKWARD_DATA
            ? ggdm_dnnl_conv_data_desc(engine, l, &c, hint, attr, out)
            : ggdm_dnnl_conv_weights_desc(engine, l, s->bias, &c, hint, attr, out);
    if (status == dnnl_success)
        status = ggdm_dnnl_conv_settle(s, *out); /* looks at the hint again */
    dnnl_primitive_desc_destroy(hint);
    return check(status, "convolution backward", err);
}

/* Where each pass has its tensors, in the order a, b, c, weights. */
static const struct conv_args {
    int a, b, c, weights, bias; /* execution arguments; 0: none */
    dnnl_query_t query_a, query_b, query_c, query_weights;
} conv_args[] = {
    [GGDM_CONV_FORWARD] = {DNNL_ARG_SRC, 0, DNNL_ARG_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS,
                           dnnl_query_src_md, 0, dnnl_query_dst_md, dnnl_query_weights_md},
    [GGDM_CONV_BACKWARD_DATA] = {DNNL_ARG_DIFF_DST, 0, DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, 0,
                                 dnnl_query_diff_dst_md, 0, dnnl_query_diff_src_md,
                                 dnnl_query_weights_md},
    [GGDM_CONV_BACKWARD_WEIGHTS] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, 0, DNNL_ARG_DIFF_WEIGHTS,
                                    DNNL_ARG_DIFF_BIAS, dnnl_query_src_md, dnnl_query_diff_dst_md,
                                    0, dnnl_query_diff_weights_md},
};

/* Offset of index i of a dimension. */
static int64_t offset(const blocking *b, int dim, int64_t i)
{
    int64_t at = 0, stride = 1;
    for (int k = b->n_inner - 1; k >= 0; stride *= b->inner[k--])
        if (b->inner_dim[k] == dim) {
            at += i % b->inner[k] * stride;
            i /= b->inner[k];
        }
    return at + i * b->strides[dim];
}

static void add_numbers(ggdm_pack_form *form, const int64_t *v, int n)
{
    memcpy(form->v + form->n, v, (size_t)n * sizeof *v);
    form->n += n;
}

/* All that the places depend on. */
static ggdm_pack_form form_of(const packing *p, const blocking *b)
{
    ggdm_pack_form form = {{p->dtype}, 1};
    add_numbers(&form, p->extent, 3);
    add_numbers(&form, b->strides, 4);
    add_numbers(&form, b->inner, b->n_inner);
    add_numbers(&form, b->inner_dim, b->n_inner);
    return form;
}

static ggdm_status packing_init(packing *p, const ggdm_conv_shape *s, layout_ref md,
                                ggdm_dtype dtype, ggdm_pack_form *form, ggdm_error *err)
{
    const int64_t window = s->kh * s->kw;
    blocking b;
    DNNL_TRY(ggdm_dnnl_layout_blocking(md, &b));
    if (2 * b.n_inner > GGDM_PACK_FORM_MAX - 8)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "oneDNN: weights in %d nested blocks", b.n_inner);
    GGDM_TRY(ggdm_alloc(&p->at[0], (size_t)(s->oc + s->ic + window), sizeof *p->at[0], err));
    p->at[1] = p->at[0] + s->oc;
    p->at[2] = p->at[1] + s->ic;
    p->dtype = dtype;
    memcpy(p->extent, (int64_t[]){s->oc, s->ic, window}, sizeof p->extent);
    for (int64_t o = 0; o < s->oc; o++)
        p->at[0][o] = offset(&b, 0, o);
    for (int64_t i = 0; i < s->ic; i++)
        p->at[1][i] = offset(&b, 1, i);
    for (int64_t x = 0; x < window; x++)
        p->at[2][x] = offset(&b, 2, x / s->kw) + offset(&b, 3, x % s->kw);
    *form = form_of(p, &b);
    return GGDM_OK;
}

/* To nearest even; NaN stays NaN, what is below the smallest normal number becomes zero, as in the
 * kernels. */
static uint16_t to_bf16(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    uint32_t exponent = u & 0x7f800000;
    if (exponent == 0)
        return (uint16_t)(u >> 16 & 0x8000);
    if (exponent == 0x7f800000)
        return (uint16_t)(u >> 16 | (u & 0x7fffff ? 0x40 : 0));
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static void pack(const packing *p, const float *plain, void *packed)
{
    const int64_t *n = p->extent;
#pragma omp parallel for
    for (int64_t o = 0; o < n[0]; o++)
        for (int64_t i = 0; i < n[1]; i++) {
            const float *from = plain + (o * n[1] + i) * n[2];
            int64_t to = p->at[0][o] + p->at[1][i];
            for (int64_t x = 0; x < n[2]; x++)
                if (p->dtype == GGDM_BF16)
                    ((uint16_t *)packed)[to + p->at[2][x]] = to_bf16(from[x]);
                else
                    ((float *)packed)[to + p->at[2][x]] = from[x];
        }
}

static void unpack(const packing *p, const float *packed, float *plain)
{
    const int64_t *n = p->extent;
#pragma omp parallel for
    for (int64_t o = 0; o < n[0]; o++)
        for (int64_t i = 0; i < n[1]; i++)
            for (int64_t x = 0; x < n[2]; x++)
                plain[(o * n[1] + i) * n[2] + x] = packed[p->at[0][o] + p->at[1][i] + p->at[2][x]];
}

/* The memory of the packed weights, or of their gradient, and what packs and unpacks it. */
static ggdm_status conv_weights(ggdm_prim *p, const ggdm_conv_shape *s, ggdm_conv_pass pass,
                                const void *plain, ggdm_packs *packs, ggdm_error *err)
{
    const struct conv_args *k = &conv_args[pass];
    layout_ref md = dnnl_primitive_desc_query_md(p->desc, k->query_weights, 0);
    p->gradient = pass == GGDM_CONV_BACKWARD_WEIGHTS;
    p->packed_bytes = ggdm_align_up(dnnl_memory_desc_get_size(md));
    GGDM_TRY(query_memory(p, k->query_weights, 0, k->weights, &p->mem_b, err));
    ggdm_dtype dtype = p->gradient ? GGDM_F32 : pass == GGDM_CONV_BACKWARD_DATA ? s->dst : s->src;
    ggdm_pack_form form;
    GGDM_TRY(packing_init(&p->packing, s, md, dtype, &form, err));
    if (p->gradient)
        return GGDM_OK;
    bool filled;
    GGDM_TRY(ggdm_pack_place(packs, plain, &form, p->packed_bytes, &p->pack, &filled, err));
    DNNL_TRY(dnnl_memory_set_data_handle(p->mem_b, p->pack.data));
    if (!filled)
        ggdm_prim_pack(p, plain);
    return GGDM_OK;
}

static ggdm_status conv_build(ggdm_prim *p, const ggdm_conv_shape *s, ggdm_conv_pass pass,
                              const void *plain, ggdm_packs *packs, dnnl_primitive_attr_t attr,
                              conv_layouts *l, ggdm_error *err)
{
    const struct conv_args *k = &conv_args[pass];
    GGDM_TRY(conv_layouts_init(s, pass, l, err));
    GGDM_TRY(conv_desc(s, pass, l, attr, &p->desc, err));
    GGDM_TRY(query_memory(p, k->query_a, 0, k->a, &p->mem_a, err));
    if (k->c)
        GGDM_TRY(query_memory(p, k->query_c, 0, k->c, &p->mem_c, err));
    if (k->b) /* backward weights: b is the gradient of dst, the weights are the result */
        GGDM_TRY(query_memory(p, k->query_b, 0, k->b, &p->mem_c, err));
    if (s->bias && k->bias) {
        GGDM_TRY(new_memory(ggdm_dnnl_layout_ref(&l->bias), &p->mem_bias, err));
        add_arg(p, k->bias, p->mem_bias);
    }
    return conv_weights(p, s, pass, plain, packs, err);
}

static ggdm_status create(ggdm_prim **out, dnnl_primitive_attr_t *attr, ggdm_error *err)
{
    pthread_once(&engine_once, engine_start);
    GGDM_TRY(check(engine_status, "starting the CPU engine", err));
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    return new_attr(attr, err);
}

ggdm_status ggdm_prim_conv(const ggdm_conv_shape *s, ggdm_conv_pass pass, const void *plain,
                           ggdm_packs *packs, ggdm_prim **out, ggdm_error *err)
{
    dnnl_primitive_attr_t attr = NULL;
    conv_layouts l = {0};
    *out = NULL;
    ggdm_status st = create(out, &attr, err);
    if (st == GGDM_OK)
        st = conv_build(*out, s, pass, plain, packs, attr, &l, err);
    if (st == GGDM_OK)
        st = finish(*out, err);
    conv_layouts_free(&l);
    dnnl_primitive_attr_destroy(attr);
    if (st != GGDM_OK)
        ggdm_prim_destroy(out);
    return st;
}

enum { MATMUL_A, MATMUL_B, MATMUL_C, MATMUL_LAYOUTS };

static ggdm_status matmul_layouts_init(const ggdm_matmul_shape *s, layout *l, ggdm_error *err)
{
    const dnnl_data_type_t types[3] = {data_type(s->dtype), data_type(s->dtype),
                                       data_type(s->c_dtype)};
    /* Batch dimensions of extent one are dropped: the plain kernels are the fast ones. */
    int skip = s->b0 == 1 && s->b1 == 1 ? 2 : s->b1 == 1 ? 1 : 0;
    int64_t dims[3][4] = {
        {s->b0, s->b1, s->m, s->k}, {s->b0, s->b1, s->k, s->n}, {s->b0, s->b1, s->m, s->n}};
    const int64_t *strides[3] = {s->a, s->b, s->c};
    for (int i = 0; i < 3; i++) {
        dnnl_dims_t d = {0}, st = {0};
        for (int j = skip; j < 4; j++) {
            int from = skip == 1 && j == 1 ? 0 : j; /* keep b0, drop b1 */
            d[j - skip] = dims[i][from];
            st[j - skip] = strides[i][from];
        }
        DNNL_TRY(ggdm_dnnl_layout_by_strides(&l[i], 4 - skip, d, types[i], st));
    }
    return GGDM_OK;
}

static ggdm_status matmul_build(ggdm_prim *p, const ggdm_matmul_shape *s,
                                dnnl_primitive_attr_t attr, layout *l, ggdm_error *err)
{
    GGDM_TRY(matmul_layouts_init(s, l, err));
    DNNL_TRY(
        ggdm_dnnl_matmul_desc(engine, &l[MATMUL_A], &l[MATMUL_B], &l[MATMUL_C], attr, &p->desc));
    GGDM_TRY(query_memory(p, dnnl_query_src_md, 0, DNNL_ARG_SRC, &p->mem_a, err));
    GGDM_TRY(query_memory(p, dnnl_query_weights_md, 0, DNNL_ARG_WEIGHTS, &p->mem_b, err));
    GGDM_TRY(query_memory(p, dnnl_query_dst_md, 0, DNNL_ARG_DST, &p->mem_c, err));
    return GGDM_OK;
}

ggdm_status ggdm_prim_matmul(const ggdm_matmul_shape *s, ggdm_prim **out, ggdm_error *err)
{
    dnnl_primitive_attr_t attr = NULL;
    layout l[MATMUL_LAYOUTS] = {0};
    *out = NULL;
    ggdm_status st = create(out, &attr, err);
    if (st == GGDM_OK)
        st = matmul_build(*out, s, attr, l, err);
    if (st == GGDM_OK)
        st = finish(*out, err);
    for (int i = 0; i < MATMUL_LAYOUTS; i++)
        ggdm_dnnl_layout_free(&l[i]);
    dnnl_primitive_attr_destroy(attr);
    if (st != GGDM_OK)
        ggdm_prim_destroy(out);
    return st;
}

void ggdm_prim_destroy(ggdm_prim **prim)
{
    ggdm_prim *p = *prim;
    if (!p)
        return;
    dnnl_memory_t memories[] = {p->mem_a, p->mem_b, p->mem_c, p->mem_bias, p->mem_scratch};
    for (size_t i = 0; i < sizeof memories / sizeof *memories; i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    if (p->primitive)
        dnnl_primitive_destroy(p->primitive);
    if (p->desc)
        dnnl_primitive_desc_destroy(p->desc);
    ggdm_pack_drop(&p->pack);
    free(p->packing.at[0]);
    free(p);
    *prim = NULL;
}

size_t ggdm_prim_scratch(const ggdm_prim *prim)
{
    return prim->pad_bytes + (prim->pack.data ? 0 : prim->packed_bytes);
}

/* Everything that can be wrong was checked when the primitive was made; what is left (no memory
 * inside the library) leaves a result that must not be used, and nothing to go on with: the process
 * ends, its unit is done by another one. */
static void execute(const_dnnl_primitive_t primitive, int n, const dnnl_exec_arg_t *args)
{
    dnnl_status_t status = dnnl_primitive_execute(primitive, stream, n, args);
    if (status == dnnl_success)
        return;
    ggdm_log(GGDM_LOG_ERROR, "oneDNN: executing a primitive failed with status %d", (int)status);
    abort();
}

void ggdm_prim_pack(ggdm_prim *prim, const void *plain)
{
    pack(&prim->packing, plain, prim->pack.data);
}

void ggdm_prim_run(const ggdm_prim *prim, const void *a, const void *b, void *c, const void *bias,
                   void *scratch)
{
    dnnl_memory_set_data_handle(prim->mem_a, (void *)a);
    dnnl_memory_set_data_handle(prim->mem_scratch, scratch);
    if (prim->mem_bias)
        dnnl_memory_set_data_handle(prim->mem_bias, (void *)bias);
    void *gradient = (char *)scratch + prim->pad_bytes;
    if (prim->gradient) {
        dnnl_memory_set_data_handle(prim->mem_c, (void *)b);
        dnnl_memory_set_data_handle(prim->mem_b, gradient);
    } else {
        dnnl_memory_set_data_handle(prim->mem_c, c);
        if (!prim->pack.data)
            dnnl_memory_set_data_handle(prim->mem_b, (void *)b);
    }
    execute(prim->primitive, prim->n_args, prim->args);
    if (prim->gradient)
        unpack(&prim->packing, gradient, c);
}

const char *ggdm_prim_impl(const ggdm_prim *prim)
{
    const char *name = "unknown";
    dnnl_primitive_desc_query(prim->desc, dnnl_query_impl_info_str, 0, &name);
    return name;
}
