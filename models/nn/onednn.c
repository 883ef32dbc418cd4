/* All calls of oneDNN, but for what its versions 2 and 3 call differently (onednn_versions.h).
 *
 * Activations are NHWC as the rest of the program has them; only weights are reordered, once, into
 * the blocked layout that the chosen kernel asks for.  Scratch memory is the caller's
 * (scratchpad_mode_user), so that a run allocates nothing. */
#include "models/nn/onednn.h"

#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/threads.h"
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

/* What one thread runs the primitive with: its own handles of memory. */
typedef struct seat {
    dnnl_memory_t mem[MAX_ARGS]; /* each owned, or NULL */
    dnnl_exec_arg_t args[MAX_ARGS];
    int n_args;
} seat;

/* Places in seat.mem. */
enum { MEM_A, MEM_B, MEM_C, MEM_BIAS, MEM_SCRATCH };

struct ggdm_prim {
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t primitive;
    seat *seats; /* [n_seats], owned */
    int n_seats;
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

static ggdm_status check_dnnl(dnnl_status_t status, const char *what, ggdm_error *err)
{
    if (status == dnnl_success)
        return GGDM_OK;
    ggdm_status code = status == dnnl_out_of_memory ? GGDM_ENOMEM : GGDM_EUNSUPPORTED;
    return GGDM_FAIL(err, code, "oneDNN: %s failed with status %d", what, (int)status);
}

#define DNNL_TRY(call) GGDM_TRY(check_dnnl((call), #call, err))

static dnnl_data_type_t data_type(ggdm_dtype dtype)
{
    return dtype == GGDM_BF16 ? dnnl_bf16 : dnnl_f32;
}

/* In each seat a memory object without memory, for a layout of the primitive. */
static ggdm_status add_arg(ggdm_prim *p, layout_ref md, int arg, int mem, ggdm_error *err)
{
    if (!md)
        return GGDM_FAIL(err, GGDM_EINTERNAL, "oneDNN: no layout for argument %d", arg);
    for (int i = 0; i < p->n_seats; i++) {
        seat *t = &p->seats[i];
        DNNL_TRY(dnnl_memory_create(&t->mem[mem], md, engine, DNNL_MEMORY_NONE));
        t->args[t->n_args++] = (dnnl_exec_arg_t){arg, t->mem[mem]};
    }
    return GGDM_OK;
}

static layout_ref queried(const ggdm_prim *p, dnnl_query_t what)
{
    return dnnl_primitive_desc_query_md(p->desc, what, 0);
}

static ggdm_status new_attr(dnnl_primitive_attr_t *attr, ggdm_error *err)
{
    DNNL_TRY(dnnl_primitive_attr_create(attr));
    DNNL_TRY(dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user));
    return GGDM_OK;
}

/* The primitive and its scratch, from p->desc. */
static ggdm_status finish_primitive(ggdm_prim *p, ggdm_error *err)
{
    DNNL_TRY(dnnl_primitive_create(&p->primitive, p->desc));
    layout_ref scratch = queried(p, dnnl_query_scratchpad_md);
    GGDM_TRY(add_arg(p, scratch, DNNL_ARG_SCRATCHPAD, MEM_SCRATCH, err));
    p->pad_bytes = ggdm_align_up(dnnl_memory_desc_get_size(scratch));
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
        return GGDM_OK;
    }
    dnnl_primitive_desc_t hint;
    DNNL_TRY(ggdm_dnnl_conv_forward_desc(engine, l, s->bias, true, &c, NULL, &hint));
    dnnl_status_t status =
        pass == GGDM_CONV_BACKWARD_DATA
            ? ggdm_dnnl_conv_data_desc(engine, l, &c, hint, attr, out)
            : ggdm_dnnl_conv_weights_desc(engine, l, s->bias, &c, hint, attr, out);
    dnnl_primitive_desc_destroy(hint);
    return check_dnnl(status, "convolution backward", err);
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

static void pack_weights(const packing *p, const float *plain, void *packed)
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

static void unpack_weights(const packing *p, const float *packed, float *plain)
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
    layout_ref md = queried(p, k->query_weights);
    p->gradient = pass == GGDM_CONV_BACKWARD_WEIGHTS;
    p->packed_bytes = ggdm_align_up(dnnl_memory_desc_get_size(md));
    GGDM_TRY(add_arg(p, md, k->weights, MEM_B, err));
    ggdm_dtype dtype = p->gradient ? GGDM_F32 : pass == GGDM_CONV_BACKWARD_DATA ? s->dst : s->src;
    ggdm_pack_form form;
    GGDM_TRY(packing_init(&p->packing, s, md, dtype, &form, err));
    if (p->gradient)
        return GGDM_OK;
    bool filled;
    GGDM_TRY(ggdm_pack_place(packs, plain, &form, p->packed_bytes, &p->pack, &filled, err));
    for (int i = 0; i < p->n_seats; i++)
        DNNL_TRY(dnnl_memory_set_data_handle(p->seats[i].mem[MEM_B], p->pack.data));
    if (!filled)
        ggdm_prim_pack(p, plain);
    return GGDM_OK;
}

static ggdm_status conv_build(ggdm_prim *p, const ggdm_conv_shape *s, ggdm_conv_pass pass,
                              dnnl_primitive_attr_t attr, conv_layouts *l, ggdm_error *err)
{
    const struct conv_args *k = &conv_args[pass];
    GGDM_TRY(conv_layouts_init(s, pass, l, err));
    GGDM_TRY(conv_desc(s, pass, l, attr, &p->desc, err));
    GGDM_TRY(add_arg(p, queried(p, k->query_a), k->a, MEM_A, err));
    if (k->c)
        GGDM_TRY(add_arg(p, queried(p, k->query_c), k->c, MEM_C, err));
    if (k->b) /* backward weights: b is the gradient of dst, the weights are the result */
        GGDM_TRY(add_arg(p, queried(p, k->query_b), k->b, MEM_C, err));
    if (s->bias && k->bias)
        GGDM_TRY(add_arg(p, ggdm_dnnl_layout_ref(&l->bias), k->bias, MEM_BIAS, err));
    return finish_primitive(p, err);
}

static ggdm_status create_primitive(ggdm_prim **out, int seats, dnnl_primitive_attr_t *attr,
                                    ggdm_error *err)
{
    pthread_once(&engine_once, engine_start);
    GGDM_TRY(check_dnnl(engine_status, "starting the CPU engine", err));
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    (*out)->n_seats = seats;
    GGDM_TRY(ggdm_alloc(&(*out)->seats, (size_t)seats, sizeof *(*out)->seats, err));
    return new_attr(attr, err);
}

ggdm_status ggdm_prim_conv(const ggdm_conv_shape *s, ggdm_conv_pass pass, const void *plain,
                           ggdm_packs *packs, ggdm_prim **out, ggdm_error *err)
{
    const bool alone = pass != GGDM_CONV_BACKWARD_WEIGHTS;
    const int threads = ggdm_use_threads(alone ? 1 : 0); /* which the library reads now */
    dnnl_primitive_attr_t attr = NULL;
    conv_layouts l = {0};
    *out = NULL;
    ggdm_status st = create_primitive(out, alone ? threads : 1, &attr, err);
    if (st == GGDM_OK)
        st = conv_build(*out, s, pass, attr, &l, err);
    ggdm_use_threads(threads);
    if (st == GGDM_OK)
        st = conv_weights(*out, s, pass, plain, packs, err);
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
    /* A batch dimension of extent one is dropped: the plain kernels are the fast ones. */
    const int skip = s->b == 1;
    dnnl_dims_t dims[3] = {{s->b, s->m, s->k}, {s->b, s->k, s->n}, {s->b, s->m, s->n}};
    const int64_t *strides[3] = {s->a_strides, s->b_strides, s->c_strides};
    for (int i = 0; i < 3; i++)
        DNNL_TRY(ggdm_dnnl_layout_by_strides(&l[i], 3 - skip, dims[i] + skip, types[i],
                                             strides[i] + skip));
    return GGDM_OK;
}

static ggdm_status matmul_build(ggdm_prim *p, const ggdm_matmul_shape *s,
                                dnnl_primitive_attr_t attr, layout *l, ggdm_error *err)
{
    GGDM_TRY(matmul_layouts_init(s, l, err));
    if (s->add)
        DNNL_TRY(ggdm_dnnl_add_to_result(attr));
    DNNL_TRY(
        ggdm_dnnl_matmul_desc(engine, &l[MATMUL_A], &l[MATMUL_B], &l[MATMUL_C], attr, &p->desc));
    GGDM_TRY(add_arg(p, queried(p, dnnl_query_src_md), DNNL_ARG_SRC, MEM_A, err));
    GGDM_TRY(add_arg(p, queried(p, dnnl_query_weights_md), DNNL_ARG_WEIGHTS, MEM_B, err));
    GGDM_TRY(add_arg(p, queried(p, dnnl_query_dst_md), DNNL_ARG_DST, MEM_C, err));
    return finish_primitive(p, err);
}

ggdm_status ggdm_prim_matmul(const ggdm_matmul_shape *s, ggdm_prim **out, ggdm_error *err)
{
    const int threads = ggdm_use_threads(1);
    dnnl_primitive_attr_t attr = NULL;
    layout l[MATMUL_LAYOUTS] = {0};
    *out = NULL;
    ggdm_status st = create_primitive(out, threads, &attr, err);
    if (st == GGDM_OK)
        st = matmul_build(*out, s, attr, l, err);
    ggdm_use_threads(threads);
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
    for (int i = 0; p->seats && i < p->n_seats; i++)
        for (int m = 0; m < MAX_ARGS; m++)
            if (p->seats[i].mem[m])
                dnnl_memory_destroy(p->seats[i].mem[m]);
    free(p->seats);
    if (p->primitive)
        dnnl_primitive_destroy(p->primitive);
    if (p->desc)
        dnnl_primitive_desc_destroy(p->desc);
    ggdm_pack_drop(&p->pack);
    free(p->packing.at[0]);
    free(p);
    *prim = NULL;
}

int ggdm_prim_seats(const ggdm_prim *prim)
{
    return prim->n_seats;
}

size_t ggdm_prim_scratch(const ggdm_prim *prim)
{
    return prim->pad_bytes + (prim->gradient ? prim->packed_bytes : 0);
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
    pack_weights(&prim->packing, plain, prim->pack.data);
}

void ggdm_prim_run(const ggdm_prim *prim, int at, const void *a, const void *b, void *c,
                   const void *bias, void *scratch)
{
    const seat *t = &prim->seats[at];
    void *gradient = (char *)scratch + prim->pad_bytes;
    dnnl_memory_set_data_handle(t->mem[MEM_A], (void *)a);
    dnnl_memory_set_data_handle(t->mem[MEM_SCRATCH], scratch);
    if (t->mem[MEM_BIAS])
        dnnl_memory_set_data_handle(t->mem[MEM_BIAS], (void *)bias);
    dnnl_memory_set_data_handle(t->mem[MEM_C], prim->gradient ? (void *)b : c);
    if (prim->gradient)
        dnnl_memory_set_data_handle(t->mem[MEM_B], gradient);
    else if (!prim->pack.data)
        dnnl_memory_set_data_handle(t->mem[MEM_B], (void *)b);
    execute(prim->primitive, t->n_args, t->args);
    if (prim->gradient)
        unpack_weights(&prim->packing, gradient, c);
}

void ggdm_prim_share(const ggdm_prim *prim, int at, int64_t pieces, ggdm_piece_fn *run,
                     const void *with)
{
    if (at >= 0) {
        for (int64_t i = 0; i < pieces; i++)
            run(with, i, at);
        return;
    }
    int threads = ggdm_threads_for(prim->n_seats);
    if (threads > pieces)
        threads = (int)pieces;
#pragma omp parallel num_threads(threads)
    {
        const int own = omp_get_thread_num();
        ggdm_use_threads(1); /* here: a piece is not to be shared once more */
#pragma omp for
        for (int64_t i = 0; i < pieces; i++)
            run(with, i, own);
    }
}
