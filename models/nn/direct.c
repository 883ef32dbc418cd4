/* Direct convolutions by oneDNN, forward and gradient to the input: what no other method takes.
 *
 * Each image is a piece of its own, or is cut into bands of rows where one has work for several
 * threads.  A piece is one call of oneDNN for one thread, whose size is that of the image's shape
 * alone, so no bit depends on batch or threads. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "models/nn/convolve.h"

/* An image with less work for each of two bands is not cut: a call costs about 2 us. */
#define BAND_FLOPS 16e6
#define MAX_BANDS 64

/* Rows [y_first, y_first + y_rows) of the result, and what of x they depend on. */
typedef struct band {
    int64_t y_first, y_rows, x_first, x_rows;
    int top, bottom; /* padding of the band as a convolution */
    int prim;        /* which of the primitives computes it */
} band;

typedef struct direct {
    ggdm_convolve head;
    int n_bands, n_prims;
    band bands[MAX_BANDS];
    ggdm_prim *prims[MAX_BANDS]; /* owned; most bands of an image have the same shape */
    size_t x_row, y_row;         /* bytes */
    int64_t x_rows, y_rows;      /* of an image */
    size_t seat_bytes;           /* of scratch */
} direct;

static bool fits(const ggdm_conv_shape *s, ggdm_conv_pass pass)
{
    (void)s, (void)pass;
    return true;
}

/* ---- cutting ---- */

/* The most bands of equal height that have enough work each. */
static int count_bands(const ggdm_conv_shape *s, int64_t y_rows)
{
    const double flops = 2.0 * (double)(s->oh * s->ow * s->oc) * (double)(s->ic * s->kh * s->kw);
    int bands = 1;
    for (int b = 2; b <= MAX_BANDS && s->conv.stride == 1; b++)
        if (y_rows % b == 0 && flops / b >= BAND_FLOPS)
            bands = b;
    return bands;
}

/* Result rows from first on.  Row i of the source takes part in row o of the destination where
 * o = i + top - k, 0 <= k < kh (stride 1). */
static band cut_band(const ggdm_conv_shape *s, bool backward, int64_t first, int64_t rows)
{
    const int64_t kh = s->kh, top = s->conv.top, x_rows = backward ? s->oh : s->ih;
    const int64_t lead = backward ? kh - 1 - top : top; /* rows of x before the first of y */
    band b = {.y_first = first, .y_rows = rows};
    int64_t end = first - lead + rows + kh - 1;
    b.x_first = first > lead ? first - lead : 0;
    b.x_rows = (end < x_rows ? end : x_rows) - b.x_first;
    b.top = (int)(backward ? first + top - b.x_first : b.x_first - (first - lead));
    b.bottom =
        (int)(backward ? b.x_rows + kh - 1 - rows - b.top : rows + kh - 1 - b.x_rows - b.top);
    return b;
}

static void cut_all(direct *d, const ggdm_conv_shape *s, bool backward)
{
    d->n_bands = count_bands(s, d->y_rows);
    if (d->n_bands == 1)
        d->bands[0] = (band){
            .y_rows = d->y_rows, .x_rows = d->x_rows, .top = s->conv.top, .bottom = s->conv.bottom};
    const int64_t rows = d->y_rows / d->n_bands;
    for (int i = 0; d->n_bands > 1 && i < d->n_bands; i++)
        d->bands[i] = cut_band(s, backward, i * rows, rows);
}

/* ---- building ---- */

static bool same_shape(const band *a, const band *b)
{
    return a->x_rows == b->x_rows && a->top == b->top && a->bottom == b->bottom;
}

static ggdm_status make_prim(direct *d, int at, const ggdm_conv_shape *image, bool backward,
                             const void *plain, ggdm_packs *packs, ggdm_error *err)
{
    band *b = &d->bands[at];
    for (int i = 0; i < at; i++)
        if (same_shape(&d->bands[i], b)) {
            b->prim = d->bands[i].prim;
            return GGDM_OK;
        }
    ggdm_conv_shape s = *image;
    s.n = 1;
    s.ih = backward ? b->y_rows : b->x_rows;
    s.oh = backward ? b->x_rows : b->y_rows;
    s.conv.top = b->top;
    s.conv.bottom = b->bottom;
    b->prim = d->n_prims++;
    GGDM_TRY(ggdm_prim_conv(&s, backward ? GGDM_CONV_BACKWARD_DATA : GGDM_CONV_FORWARD, plain,
                            packs, &d->prims[b->prim], err));
    size_t bytes = ggdm_prim_scratch(d->prims[b->prim]);
    d->seat_bytes = bytes > d->seat_bytes ? bytes : d->seat_bytes;
    return GGDM_OK;
}

static ggdm_status create(const ggdm_conv_shape *s, ggdm_conv_pass pass, const void *plain,
                          ggdm_packs *packs, ggdm_convolve **out, ggdm_error *err)
{
    const bool backward = pass == GGDM_CONV_BACKWARD_DATA;
    const size_t src_row = (size_t)(s->iw * s->ic) * ggdm_dtype_size(s->src);
    const size_t dst_row = (size_t)(s->ow * s->oc) * ggdm_dtype_size(s->dst);
    direct *d;
    GGDM_TRY(ggdm_alloc(&d, 1, sizeof *d, err));
    *out = &d->head;
    d->head.method = &ggdm_direct;
    d->x_row = backward ? dst_row : src_row;
    d->y_row = backward ? src_row : dst_row;
    d->x_rows = backward ? s->oh : s->ih;
    d->y_rows = backward ? s->ih : s->oh;
    cut_all(d, s, backward);
    ggdm_status st = GGDM_OK;
    for (int i = 0; i < d->n_bands && st == GGDM_OK; i++)
        st = make_prim(d, i, s, backward, plain, packs, err);
    return st;
}

static void destroy(ggdm_convolve *c)
{
    direct *d = (direct *)c;
    for (int i = 0; i < d->n_prims; i++)
        ggdm_prim_destroy(&d->prims[i]);
    free(d);
}

static void pack(ggdm_convolve *c, const void *plain)
{
    direct *d = (direct *)c;
    for (int i = 0; i < d->n_prims; i++)
        ggdm_prim_pack(d->prims[i], plain);
}

/* ---- running ---- */

static size_t scratch_bytes(const ggdm_convolve *c)
{
    const direct *d = (const direct *)c;
    return d->seat_bytes;
}

typedef struct direct_call {
    const direct *d;
    const char *x;
    char *y;
    const float *bias;
    char *scratch;
    size_t step; /* from a seat's scratch to the next one's */
} direct_call;

static void run_direct_band(const void *with, int64_t piece, int seat)
{
    const direct_call *call = with;
    const direct *d = call->d;
    const band *b = &d->bands[piece % d->n_bands];
    const int64_t image = piece / d->n_bands;
    ggdm_prim_run(d->prims[b->prim], seat,
                  call->x + (size_t)(image * d->x_rows + b->x_first) * d->x_row, NULL,
                  call->y + (size_t)(image * d->y_rows + b->y_first) * d->y_row, call->bias,
                  call->scratch + (size_t)seat * call->step);
}

static void run(const ggdm_convolve *c, const void *x, const float *bias, void *y, int64_t images,
                int seat, void *scratch)
{
    const direct *d = (const direct *)c;
    const direct_call call = {d, x, y, bias, scratch, seat < 0 ? d->seat_bytes : 0};
    ggdm_prim_share(d->prims[0], seat, images * d->n_bands, run_direct_band, &call);
}

const ggdm_convolve_method ggdm_direct = {fits, create, destroy, scratch_bytes, pack, run};
