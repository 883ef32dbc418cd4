#include "models/train/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

const char *const ggdm_crop_names[] = {"none", "center", NULL};

/* --- one axis: which pixels make up a new one, and how much of each --- */

enum { PRECISION = 22 /* bits of a weight behind the point, as the PIL has them */ };

typedef struct axis {
    int32_t *first, *n; /* [out]: pixels of the old axis; owned */
    int32_t *weights;   /* [out, most]; owned */
    int32_t most;
} axis;

static void axis_deinit(axis *a)
{
    free(a->first);
    free(a->n);
    free(a->weights);
}

/* Keys' cubic of support 2, a = -1/2, in the PIL's order of operations. */
static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    return x < 1   ? ((a + 2) * x - (a + 3)) * x * x + 1
           : x < 2 ? (((x - 5) * x + 8) * x - 4) * a
                   : 0;
}

/* Weights of new pixel i, whose middle is at center, on an old axis of size pixels. */
static void weigh(axis *a, int32_t i, double center, double scale, int32_t size)
{
    const double wide = scale > 1 ? scale : 1, support = 2 * wide, per = 1 / wide;
    const double from = center - support + 0.5, to = center + support + 0.5;
    const int32_t first = from < 0 ? 0 : (int32_t)from, end = to > size ? size : (int32_t)to;
    int32_t *weights = a->weights + (size_t)i * (size_t)a->most;
    double sum = 0;
    for (int32_t k = first; k < end; k++)
        sum += cubic((k - center + 0.5) * per);
    for (int32_t k = first; k < end; k++) {
        const double w = cubic((k - center + 0.5) * per) / sum * (1 << PRECISION);
        weights[k - first] = (int32_t)(w < 0 ? w - 0.5 : w + 0.5);
    }
    a->first[i] = first;
    a->n[i] = end - first;
}

/* out new pixels of the length from `at` on of an old axis of size pixels. */
static ggdm_status axis_init(axis *a, int32_t size, double at, double length, int32_t out,
                             ggdm_error *err)
{
    const double scale = length / out;
    a->most = 2 * (int32_t)ceil(2 * (scale > 1 ? scale : 1)) + 1;
    GGDM_TRY(ggdm_alloc(&a->first, (size_t)out, sizeof *a->first, err));
    GGDM_TRY(ggdm_alloc(&a->n, (size_t)out, sizeof *a->n, err));
    GGDM_TRY(ggdm_alloc(&a->weights, (size_t)out * (size_t)a->most, sizeof *a->weights, err));
    for (int32_t i = 0; i < out; i++)
        weigh(a, i, at + (i + 0.5) * scale, scale, size);
    return GGDM_OK;
}

/* One new pixel of c channels, from old ones that are step bytes apart. */
static void weighted(const axis *a, int32_t i, const uint8_t *from, size_t step, size_t c,
                     uint8_t *out)
{
    const int32_t *w = a->weights + (size_t)i * (size_t)a->most;
    for (size_t k = 0; k < c; k++) {
        int64_t sum = 1 << (PRECISION - 1);
        for (int32_t j = 0; j < a->n[i]; j++)
            sum += (int64_t)w[j] * from[(size_t)j * step + k];
        sum >>= PRECISION;
        out[k] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
    }
}

/* --- scaling --- */

/* x makes rows of side pixels, of the old rows that y looks at; y makes side rows of these. */
static ggdm_status scale_both(const ggdm_pixels *p, const axis *x, const axis *y, int32_t side,
                              uint8_t *out, ggdm_error *err)
{
    const size_t c = (size_t)p->channels, row = (size_t)side * c, old_row = (size_t)p->width * c;
    const int32_t top = y->first[0], bottom = y->first[side - 1] + y->n[side - 1];
    uint8_t *narrow = NULL;
    GGDM_TRY(ggdm_alloc(&narrow, (size_t)(bottom - top), row, err));
    for (int32_t r = top; r < bottom; r++)
        for (int32_t i = 0; i < side; i++)
            weighted(x, i, p->data + (size_t)r * old_row + (size_t)x->first[i] * c, c, c,
                     narrow + (size_t)(r - top) * row + (size_t)i * c);
    for (int32_t r = 0; r < side; r++)
        weighted(y, r, narrow + (size_t)(y->first[r] - top) * row, row, row, out + (size_t)r * row);
    free(narrow);
    return GGDM_OK;
}

/* The middle square of a picture, side x side pixels of whose shorter edge there would be
 * shorter, into out [side, side, channels of the picture]. */
static ggdm_status scale_middle(const ggdm_pixels *p, int32_t side, int32_t shorter, uint8_t *out,
                                ggdm_error *err)
{
    const int32_t edge = p->width < p->height ? p->width : p->height;
    const double length = (double)edge * side / shorter;
    axis x = {0}, y = {0};
    ggdm_status st = axis_init(&x, p->width, (p->width - length) / 2, length, side, err);
    if (st == GGDM_OK)
        st = axis_init(&y, p->height, (p->height - length) / 2, length, side, err);
    if (st == GGDM_OK)
        st = scale_both(p, &x, &y, side, out, err);
    axis_deinit(&x);
    axis_deinit(&y);
    return st;
}

/* --- colours --- */

/* n pixels of `from` channels as such of `to`. */
static void convert(const uint8_t *in, int from, uint8_t *out, int to, size_t n)
{
    for (size_t i = 0; i < n; i++, in += from, out += to) {
        if (from == to)
            memcpy(out, in, (size_t)to);
        else if (to == 3)
            memset(out, in[0], 3);
        else
            out[0] = (uint8_t)((in[0] * 19595u + in[1] * 38470u + in[2] * 7471u + 0x8000u) >> 16);
    }
}

static const char *colours(int channels)
{
    return channels == 1 ? "grey" : "RGB";
}

ggdm_status ggdm_picture_fit(const ggdm_pixels *p, const ggdm_image_want *want, uint8_t *out,
                             ggdm_error *err)
{
    const size_t n = (size_t)want->size * (size_t)want->size;
    const bool fits = p->width == want->size && p->height == want->size;
    if (want->crop == GGDM_CROP_NONE && (!fits || p->channels > want->channels))
        return GGDM_FAIL(err, GGDM_ESHAPE,
                         "%d x %d %s, the network takes %d x %d %s (height x width); `crop: "
                         "center` in the recipe's data makes pictures fit",
                         p->height, p->width, colours(p->channels), want->size, want->size,
                         colours(want->channels));
    const int32_t shorter = want->shorter > 0 ? want->shorter : want->size;
    uint8_t *scaled = NULL;
    if (fits && shorter == want->size) {
        convert(p->data, p->channels, out, want->channels, n);
        return GGDM_OK;
    }
    GGDM_TRY(ggdm_alloc(&scaled, n, (size_t)p->channels, err));
    ggdm_status st = scale_middle(p, want->size, shorter, scaled, err);
    if (st == GGDM_OK)
        convert(scaled, p->channels, out, want->channels, n);
    free(scaled);
    return st;
}
