/* 3x3 convolutions of stride 1 to a few channels, and gradients to an input of a few channels: the
 * last and the first layer of a network of images.  A result is a scalar product over three rows of
 * pixels with all their channels, which are contiguous; oneDNN's kernels fill their vectors with
 * result channels and run at a fifteenth of the peak here. */
#include <omp.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/threads.h"
#include "models/nn/convolve.h"
#include "models/nn/kernels.h"

enum { SIDE = 3, MOST_CHANNELS = 4, LEAST_SUMMED = 16 };

typedef struct narrow {
    ggdm_convolve head;
    int64_t rows; /* of results of an image */
    ggdm_dtype from, to;
    ggdm_narrow_args args;
    bool turned;    /* backward data: weights turned by half a circle, channels exchanged */
    float *weights; /* owned; args.weights */
    int seats;
    size_t seat_bytes;
} narrow;

static bool fits(const ggdm_conv_shape *s, ggdm_conv_pass pass)
{
    const bool turned = pass == GGDM_CONV_BACKWARD_DATA;
    return s->kh == SIDE && s->kw == SIDE && s->conv.stride == 1 &&
           (turned ? s->ic : s->oc) <= MOST_CHANNELS && (turned ? s->oc : s->ic) >= LEAST_SUMMED;
}

/* plain [oc, ic, 3, 3] to [3, result channels, 3, summed channels]. */
static void pack(ggdm_convolve *c, const void *plain)
{
    narrow *n = (narrow *)c;
    const int64_t outs = n->args.out_c, ins = n->args.c;
    for (int64_t i = 0; i < SIDE; i++)
        for (int64_t o = 0; o < outs; o++)
            for (int64_t j = 0; j < SIDE; j++)
                for (int64_t k = 0; k < ins; k++) {
                    const int64_t at = n->turned ? (k * outs + o) * SIDE * SIDE + 8 - SIDE * i - j
                                                 : (o * ins + k) * SIDE * SIDE + SIDE * i + j;
                    n->weights[((i * outs + o) * SIDE + j) * ins + k] = ((const float *)plain)[at];
                }
}

static ggdm_status create(const ggdm_conv_shape *s, ggdm_conv_pass pass, const void *plain,
                          ggdm_packs *packs, ggdm_convolve **out, ggdm_error *err)
{
    (void)packs; /* a few kB, not worth sharing */
    narrow *n;
    GGDM_TRY(ggdm_alloc(&n, 1, sizeof *n, err));
    *out = &n->head;
    n->head.method = &ggdm_narrow;
    n->turned = pass == GGDM_CONV_BACKWARD_DATA;
    n->rows = n->turned ? s->ih : s->oh;
    n->from = n->turned ? s->dst : s->src;
    n->to = n->turned ? s->src : s->dst;
    n->args = n->turned ? (ggdm_narrow_args){.h = s->oh,
                                             .w = s->ow,
                                             .c = s->oc,
                                             .out_w = s->iw,
                                             .out_c = s->ic,
                                             .top = SIDE - 1 - s->conv.top,
                                             .left = SIDE - 1 - s->conv.left}
                        : (ggdm_narrow_args){.h = s->ih,
                                             .w = s->iw,
                                             .c = s->ic,
                                             .out_w = s->ow,
                                             .out_c = s->oc,
                                             .top = s->conv.top,
                                             .left = s->conv.left};
    n->seats = omp_get_max_threads();
    n->seat_bytes = ggdm_align_up((size_t)(n->args.out_w * n->args.out_c) * sizeof(float));
    GGDM_TRY(ggdm_alloc(&n->weights, (size_t)(SIDE * SIDE * n->args.out_c * n->args.c),
                        sizeof(float), err));
    n->args.weights = n->weights;
    pack(*out, plain);
    return GGDM_OK;
}

static void destroy(ggdm_convolve *c)
{
    free(((narrow *)c)->weights);
    free(c);
}

static size_t scratch_bytes(const ggdm_convolve *c)
{
    return ((const narrow *)c)->seat_bytes;
}

static void run(const ggdm_convolve *c, const void *x, const float *bias, void *y, int64_t images,
                int seat, void *scratch)
{
    const narrow *n = (const narrow *)c;
    const ggdm_narrow_args *a = &n->args;
    const int64_t row = a->out_w * a->out_c;
    const size_t image = (size_t)(a->h * a->w * a->c) * ggdm_dtype_size(n->from);
#pragma omp parallel for schedule(static) num_threads(ggdm_threads_for(n->seats)) if (seat < 0)
    for (int64_t i = 0; i < images * n->rows; i++) {
        float *sums = (float *)((char *)scratch + (size_t)omp_get_thread_num() * n->seat_bytes);
        ggdm_kernels_of(n->from)->narrow_row(a, (const char *)x + (size_t)(i / n->rows) * image,
                                             bias, i % n->rows, sums);
        ggdm_kernels_of(n->to)->from_f32(
            sums, (char *)y + (size_t)(i * row) * ggdm_dtype_size(n->to), row);
    }
}

const ggdm_convolve_method ggdm_narrow = {fits, create, destroy, scratch_bytes, pack, run};
