#include "models/nn/winograd.h"

#include <stdlib.h>

#include "common/isa.h"
#include "common/mem.h"
#include "models/nn/kernels.h"

/* Fewer channels: the transforms cost more than the products save. */
#define MIN_CHANNELS 32
/* Bytes of a band's transformed pixels and products, which stay in the second-level cache; a row of
 * tiles may have more. */
#define BAND_BYTES ((size_t)512 << 10)
#define MAX_ROW_BYTES ((size_t)4 << 20)
/* Bytes: parts so far apart would all share one set of the first-level cache. */
#define CACHE_WAY 4096
enum { POINTS = 16, FORM = -1 /* no dtype: not a form of onednn.c */ };

struct ggdm_winograd {
    int64_t images, bands; /* of an image */
    ggdm_tiles_args in, out;
    bool turned; /* backward data: weights turned by half a circle, channels exchanged */
    size_t in_bytes, product_bytes, seat_bytes; /* of scratch; seat_bytes: all of one seat */
    ggdm_prim *product;                         /* owned */
    ggdm_pack weights;                          /* [16, channels in, channels out] */
    float *zeros;                               /* owned */
};

/* Transformed pixels and products of a row of tiles. */
static size_t row_bytes(int64_t width, int64_t channels)
{
    return (size_t)(POINTS * ((width + 1) / 2) * channels) * sizeof(float);
}

bool ggdm_winograd_fits(const ggdm_conv_shape *s)
{
    ggdm_isa isa;
    return s->kh == 3 && s->kw == 3 && s->conv.stride == 1 &&
           row_bytes(s->iw > s->ow ? s->iw : s->ow, s->ic + s->oc) <= MAX_ROW_BYTES &&
           s->ic >= MIN_CHANNELS && s->oc >= MIN_CHANNELS && s->src == GGDM_F32 &&
           s->dst == GGDM_F32 && ggdm_isa_pinned(&isa, NULL) == GGDM_OK && isa >= GGDM_ISA_AVX2;
}

/* ---- the weights ---- */

/* G v of three values, step apart. */
static void transform(const double *v, int step, double *out, int out_step)
{
    const double a = v[0], b = v[step], c = v[2 * step];
    out[0] = a;
    out[out_step] = (a + b + c) / 2;
    out[2 * out_step] = (a - b + c) / 2;
    out[3 * out_step] = c;
}

static void transform_weights(const float *g, bool turned, float *out, int64_t part)
{
    double v[9], half[12], u[POINTS];
    for (int i = 0; i < 9; i++)
        v[i] = g[turned ? 8 - i : i];
    for (int j = 0; j < 3; j++)
        transform(v + j, 3, half + j, 3);
    for (int i = 0; i < 4; i++)
        transform(half + 3 * i, 1, u + 4 * i, 1);
    for (int i = 0; i < POINTS; i++)
        out[i * part] = (float)u[i];
}

void ggdm_winograd_pack(ggdm_winograd *w, const void *plain)
{
    const int64_t in = w->in.c, out = w->out.c;
    float *to = w->weights.data;
#pragma omp parallel for
    for (int64_t i = 0; i < in; i++)
        for (int64_t o = 0; o < out; o++)
            transform_weights((const float *)plain + 9 * (w->turned ? i * out + o : o * in + i),
                              w->turned, to + i * out + o, in * out);
}

/* ---- building ---- */

/* Backward data is the convolution of the gradient with the turned weights. */
static void set_geometry(ggdm_winograd *w, const ggdm_conv_shape *s, ggdm_conv_pass pass)
{
    w->images = s->n;
    w->turned = pass == GGDM_CONV_BACKWARD_DATA;
    w->in = (ggdm_tiles_args){
        .h = s->ih, .w = s->iw, .c = s->ic, .top = s->conv.top, .left = s->conv.left};
    w->out = (ggdm_tiles_args){.h = s->oh, .w = s->ow, .c = s->oc};
    if (w->turned) {
        const ggdm_tiles_args src = w->in;
        w->in = w->out;
        w->out = src;
        w->in.top = 2 - s->conv.top;
        w->in.left = 2 - s->conv.left;
    }
}

/* As many rows of tiles in a band as fit, all bands alike. */
static void cut_bands(ggdm_winograd *w)
{
    const int64_t rows = (w->out.h + 1) / 2, columns = (w->out.w + 1) / 2;
    const size_t bytes = row_bytes(w->out.w, w->in.c + w->out.c);
    int64_t band = rows;
    while (band > 1 && (rows % band != 0 || (size_t)band * bytes > BAND_BYTES))
        band--;
    w->bands = rows / band;
    w->in.rows = w->out.rows = band;
    w->in.columns = w->out.columns = columns;
    int64_t tiles = band * columns;
    if (tiles * w->in.c * 4 % CACHE_WAY == 0 || tiles * w->out.c * 4 % CACHE_WAY == 0)
        tiles++; /* one that is not used: the library wants parts without gaps */
    w->in.part = tiles * w->in.c;
    w->out.part = tiles * w->out.c;
    w->in_bytes = ggdm_align_up((size_t)(POINTS * w->in.part) * sizeof(float));
    w->product_bytes = ggdm_align_up((size_t)(POINTS * w->out.part) * sizeof(float));
}

static ggdm_status make_product(ggdm_winograd *w, ggdm_error *err)
{
    const int64_t k = w->in.c, n = w->out.c, m = w->in.part / k;
    const ggdm_matmul_shape shape = {.b = POINTS,
                                     .m = m,
                                     .n = n,
                                     .k = k,
                                     .a_strides = {m * k, k, 1},
                                     .b_strides = {k * n, n, 1},
                                     .c_strides = {m * n, n, 1},
                                     .dtype = GGDM_F32,
                                     .c_dtype = GGDM_F32};
    GGDM_TRY(ggdm_prim_matmul(&shape, &w->product, err));
    w->seat_bytes = w->in_bytes + w->product_bytes + ggdm_prim_scratch(w->product);
    return GGDM_OK;
}

static ggdm_status make_weights(ggdm_winograd *w, const void *plain, ggdm_packs *packs,
                                ggdm_error *err)
{
    const ggdm_pack_form form = {{FORM, w->turned, w->in.c, w->out.c}, 4};
    bool filled;
    GGDM_TRY(ggdm_pack_place(packs, plain, &form,
                             (size_t)(POINTS * w->in.c * w->out.c) * sizeof(float), &w->weights,
                             &filled, err));
    if (!filled)
        ggdm_winograd_pack(w, plain);
    return GGDM_OK;
}

ggdm_status ggdm_winograd_create(const ggdm_conv_shape *s, ggdm_conv_pass pass, const void *plain,
                                 ggdm_packs *packs, ggdm_winograd **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    ggdm_winograd *w = *out;
    set_geometry(w, s, pass);
    cut_bands(w);
    ggdm_status st = ggdm_alloc(&w->zeros, (size_t)w->in.c, sizeof(float), err);
    w->in.zeros = w->zeros;
    if (st == GGDM_OK)
        st = make_product(w, err);
    if (st == GGDM_OK)
        st = make_weights(w, plain, packs, err);
    if (st != GGDM_OK)
        ggdm_winograd_destroy(out);
    return st;
}

void ggdm_winograd_destroy(ggdm_winograd **winograd)
{
    ggdm_winograd *w = *winograd;
    if (!w)
        return;
    ggdm_prim_destroy(&w->product);
    ggdm_pack_drop(&w->weights);
    free(w->zeros);
    free(w);
    *winograd = NULL;
}

/* ---- running ---- */

size_t ggdm_winograd_scratch(const ggdm_winograd *w)
{
    return (size_t)ggdm_prim_seats(w->product) * w->seat_bytes;
}

typedef struct winograd_call {
    const ggdm_winograd *w;
    const float *x, *bias;
    float *y;
    char *scratch;
} winograd_call;

static void run_winograd_band(const void *with, int64_t piece, int seat)
{
    const winograd_call *call = with;
    const ggdm_winograd *w = call->w;
    const int64_t image = piece / w->bands, band = piece % w->bands;
    const ggdm_kernels *k = ggdm_kernels_of(GGDM_F32);
    ggdm_tiles_args in = w->in, out = w->out;
    char *mine = call->scratch + (size_t)seat * w->seat_bytes;
    float *pixels = (float *)mine, *products = (float *)(mine + w->in_bytes);
    in.first = out.first = band * in.rows;
    k->tiles_in(&in, call->x + image * in.h * in.w * in.c, pixels);
    ggdm_prim_run(w->product, seat, pixels, w->weights.data, products, NULL,
                  mine + w->in_bytes + w->product_bytes);
    k->tiles_out(&out, products, call->bias, call->y + image * out.h * out.w * out.c);
}

void ggdm_winograd_run(const ggdm_winograd *w, const float *x, const float *bias, float *y,
                       void *scratch)
{
    const winograd_call call = {w, x, bias, y, scratch};
    ggdm_prim_share(w->product, w->images * w->bands, run_winograd_band, &call);
}
