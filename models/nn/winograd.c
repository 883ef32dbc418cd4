/* 3x3 convolutions of stride 1, and their gradients to the input, by Winograd's F(4x4, 3x3) (Lavin
 * and Gray 2016, arXiv 1509.09308): 36 products for 4 x 4 results, where the sum itself has 144;
 * where a side is no multiple of four, some tiles have three lines and lack a point.
 *
 *   Y = A' [(G g G') . (B' d B)] A,   g the 3x3 weights, d 6x6 pixels, Y 4x4 pixels
 *
 * with the points 0, 3/4, -3/4, 3/2, -3/2 and infinity (decision 014; matrices: kernels_conv.inc,
 * ref_winograd.c).  The tiles of all images are cut into pieces, which threads share: pixels are
 * transformed, then multiplied with the weights over the channels, 36 matrix products, and
 * transformed back while they are in the cache.  Arithmetic of a tile knows nothing of its
 * neighbours, so no bit depends on batch, threads or pieces; it is the same on every instruction
 * set.  Sums and transforms are f32, activations f32 or bf16. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "common/isa.h"
#include "common/mem.h"
#include "common/threads.h"
#include "models/nn/convolve.h"
#include "models/nn/kernels.h"
#include "models/nn/winograd.h"

/* Transformed weights are four times the plain ones, for each process and direction: not where
 * these are large. */
#define MAX_PAIRS ((int64_t)512 * 256)
enum {
    IN = 6,
    POINTS = IN * IN,
    SIDE = 4,
    MIN_SIDE = 3,
    LANES = 16,
    FORM = -1 /* no dtype: not a form of onednn.c */
};
/* Tiles that go through the three stages together, at most: many enough to load weights for, and
 * few enough that their pixels and products stay in the second-level cache, or nearly so. */
#define MAX_PIECE 25

typedef struct winograd {
    ggdm_convolve head;
    ggdm_dtype dtype;
    int64_t tiles; /* of an image */
    int64_t piece; /* of tiles, at most */
    int seats;
    ggdm_tiles_args in, out;
    bool turned; /* backward data: weights turned by half a circle, channels exchanged */
    size_t in_bytes, seat_bytes; /* of scratch; seat_bytes: all of one seat */
    ggdm_pack weights;           /* [36, channels in, out.line] */
    float *zeros;                /* owned */
} winograd;

static bool fits(const ggdm_conv_shape *s, ggdm_conv_pass pass)
{
    (void)pass;
    ggdm_isa isa;
    if (s->kh != 3 || s->kw != 3 || s->conv.stride != 1 || s->ic < GGDM_WINOGRAD_CHANNELS ||
        s->oc < GGDM_WINOGRAD_CHANNELS || s->ic * s->oc > MAX_PAIRS || s->src != s->dst ||
        s->oh < MIN_SIDE || s->ow < MIN_SIDE)
        return false;
    /* AMX multiplies bf16 faster than this saves; the plain kernels are no match for oneDNN's. */
    return ggdm_isa_pinned(&isa, NULL) == GGDM_OK && isa >= GGDM_ISA_AVX2 &&
           (s->src == GGDM_F32 || isa < GGDM_ISA_AMX);
}

/* ---- the weights ---- */

/* G v of three values, step apart: rows (1, x, xx) / product of the differences of x to the other
 * finite points, and (0, 0, 1). */
static void transform(const double *v, int step, double *out, int out_step)
{
    static const double points[] = {0, 0.75, -0.75, 1.5, -1.5};
    static const double divisors[] = {1.265625, -1.8984375, -1.8984375, 7.59375, 7.59375};
    for (int i = 0; i < 5; i++)
        out[i * out_step] = (v[0] + points[i] * (v[step] + points[i] * v[2 * step])) / divisors[i];
    out[5 * out_step] = v[2 * step];
}

static void transform_weights(const float *g, bool turned, float *out, int64_t part)
{
    double v[9], half[18], u[POINTS];
    for (int i = 0; i < 9; i++)
        v[i] = g[turned ? 8 - i : i];
    for (int j = 0; j < 3; j++)
        transform(v + j, 3, half + j, 3);
    for (int i = 0; i < IN; i++)
        transform(half + 3 * i, 1, u + IN * i, 1);
    for (int i = 0; i < POINTS; i++)
        out[i * part] = (float)u[i];
}

/* Where the weight of channels i and o stands in one of the 36 parts (kernels.h, tiles_product). */
static int64_t place_in_panels(const winograd *w, int64_t i, int64_t o)
{
    const int64_t wide = ggdm_kernels_of(w->dtype)->tiles_panel, first = o / wide * wide;
    const int64_t left = w->out.line - first;
    return first * w->in.c + i * (left < wide ? left : wide) + o - first;
}

static void pack(ggdm_convolve *c, const void *plain)
{
    winograd *w = (winograd *)c;
    const int64_t in = w->in.c, out = w->out.c;
    float *to = w->weights.data;
#pragma omp parallel for
    for (int64_t i = 0; i < in; i++)
        for (int64_t o = 0; o < out; o++)
            transform_weights((const float *)plain + 9 * (w->turned ? i * out + o : o * in + i),
                              w->turned, to + place_in_panels(w, i, o), in * w->out.line);
}

/* ---- building ---- */

/* Tiles along a side: as few as there can be, and as many of three pixels that none is beyond it.
 */
static int64_t cut_side(int64_t pixels, int64_t *fours)
{
    const int64_t tiles = (pixels + SIDE - 1) / SIDE, threes = SIDE * tiles - pixels;
    *fours = tiles > threes ? tiles - threes : 0;
    return tiles;
}

/* Backward data is the convolution of the gradient with the turned weights. */
static void set_geometry(winograd *w, const ggdm_conv_shape *s, ggdm_conv_pass pass)
{
    w->dtype = s->src;
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
    w->in.rows = w->out.rows = cut_side(w->out.h, &w->out.fours[0]);
    w->in.columns = w->out.columns = cut_side(w->out.w, &w->out.fours[1]);
    memcpy(w->in.fours, w->out.fours, sizeof w->in.fours);
    w->tiles = w->out.rows * w->out.columns;
}

static void lay_out_scratch(winograd *w, int64_t images)
{
    w->in.line = w->in.c;
    w->out.line = (w->out.c + LANES - 1) / LANES * LANES;
    w->seats = omp_get_max_threads();
    w->piece = images * w->tiles < MAX_PIECE ? images * w->tiles : MAX_PIECE;
    w->in.part = w->piece * w->in.line + LANES; /* parts in different sets of the cache */
    w->out.part = w->piece * w->out.line + LANES;
    w->in_bytes = ggdm_align_up((size_t)(POINTS * w->in.part) * sizeof(float));
    w->seat_bytes = w->in_bytes + ggdm_align_up((size_t)(POINTS * w->out.part) * sizeof(float));
}

static ggdm_status make_weights(winograd *w, const void *plain, ggdm_packs *packs, ggdm_error *err)
{
    const ggdm_pack_form form = {{FORM, w->turned, w->in.c, w->out.c}, 4};
    bool filled;
    GGDM_TRY(ggdm_pack_place(packs, plain, &form,
                             (size_t)(POINTS * w->in.c * w->out.line) * sizeof(float), &w->weights,
                             &filled, err));
    if (!filled)
        pack(&w->head, plain);
    return GGDM_OK;
}

static ggdm_status create(const ggdm_conv_shape *s, ggdm_conv_pass pass, const void *plain,
                          ggdm_packs *packs, ggdm_convolve **out, ggdm_error *err)
{
    winograd *w;
    GGDM_TRY(ggdm_alloc(&w, 1, sizeof *w, err));
    *out = &w->head;
    w->head.method = &ggdm_winograd;
    set_geometry(w, s, pass);
    lay_out_scratch(w, s->n);
    GGDM_TRY(ggdm_alloc(&w->zeros, (size_t)w->in.c, sizeof(float), err));
    w->in.zeros = w->zeros;
    return make_weights(w, plain, packs, err);
}

static void destroy(ggdm_convolve *c)
{
    winograd *w = (winograd *)c;
    ggdm_pack_drop(&w->weights);
    free(w->zeros);
    free(w);
}

/* ---- running ---- */

static size_t scratch_bytes(const ggdm_convolve *c)
{
    return ((const winograd *)c)->seat_bytes;
}

/* Some tiles from the first on, of all images behind x. */
static void run_piece(const winograd *w, const void *x, const float *bias, void *y, int64_t first,
                      int64_t n, char *scratch)
{
    const ggdm_kernels *k = ggdm_kernels_of(w->dtype);
    float *pixels = (float *)scratch, *products = (float *)(scratch + w->in_bytes);
    const float *weights = w->weights.data;
    int64_t rows[GGDM_TILE_KINDS];
    k->tiles_in(&w->in, x, first, n, pixels, rows);
    for (int i = 0; i < POINTS; i++)
        k->tiles_product(pixels + i * w->in.part, weights + i * w->in.c * w->out.line,
                         products + i * w->out.part, rows[GGDM_TILE_KIND(i / IN, i % IN)], w->in.c,
                         w->out.line);
    k->tiles_out(&w->out, products, bias, first, n, y);
}

/* Pieces of equal size, as many for each thread as for any other. */
static void run(const ggdm_convolve *c, const void *x, const float *bias, void *y, int64_t images,
                int seat, void *scratch)
{
    const winograd *w = (const winograd *)c;
    const int threads = seat < 0 ? ggdm_threads_for(w->seats) : 1;
    const int64_t tiles = images * w->tiles, most = w->piece * threads;
    const int64_t pieces = (tiles + most - 1) / most * threads,
                  size = (tiles + pieces - 1) / pieces;
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
    for (int64_t i = 0; i < pieces; i++)
        if (i * size < tiles)
            run_piece(w, x, bias, y, i * size, tiles - i * size < size ? tiles - i * size : size,
                      (char *)scratch + (size_t)omp_get_thread_num() * w->seat_bytes);
}

const ggdm_convolve_method ggdm_winograd = {fits, create, destroy, scratch_bytes, pack, run};
