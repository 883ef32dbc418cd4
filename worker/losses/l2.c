/* Distance to a picture of what an image looks like through a linear operator: inpainting (a mask),
 * super-resolution (downsample), deblurring (blur). */
#include <math.h>

#include "models/nn/ops.h"
#include "worker/kinds.h"

#define MAX_BLUR (GGDM_BLUR_RADIUS / 4)

enum { NORM, SQUARED, MEAN };
static const char *const forms[] = {[NORM] = "norm", [SQUARED] = "squared", [MEAN] = "mean", NULL};

static const ggdm_param rows[] = {
    GGDM_LOSS_WEIGHT,
    {.key = "image",
     .type = GGDM_PARAM_FILE,
     .required = true,
     .help = "y: a PNG of the size that A makes, with the channels of the images, or grey."},
    {.key = "mask",
     .type = GGDM_PARAM_FILE,
     .help = "m: a PNG of that size: white counts, black does not; all counts without it."},
    {.key = "blur",
     .type = GGDM_PARAM_REAL,
     .structure = true,
     .lo = 0,
     .hi = MAX_BLUR,
     .fallback = GGDM_REAL(0),
     .help = "A begins with a Gaussian blur of this standard deviation in pixels, out to four of "
             "them."},
    {.key = "downsample",
     .type = GGDM_PARAM_WHOLE,
     .structure = true,
     .lo = 1,
     .hi = 1024,
     .fallback = GGDM_WHOLE(1),
     .help = "Then A averages squares of so many pixels on a side, which the images' sides must be "
             "multiples of."},
    {.key = "form",
     .type = GGDM_PARAM_CHOICE,
     .structure = true,
     .choices = forms,
     .fallback = GGDM_WHOLE(NORM),
     .help = "The norm as it is, its square, or the mean of squares of what counts."},
};

static ggdm_val blur(ggdm_emit *e, const ggdm_item *loss, ggdm_val x)
{
    const int64_t *d = ggdm_graph_shape(e->graph, x)->d;
    const double sigma = ggdm_item_real(loss, "blur");
    const double side = (double)(d[1] < d[2] ? d[1] : d[2]);
    return sigma > 0 ? ggdm_blur(e->graph, x, sigma, (int)fmin(ceil(4 * sigma), side - 1)) : x;
}

/* A x. */
static ggdm_val operate(ggdm_emit *e, const ggdm_item *loss, ggdm_val x, ggdm_image_shape *shape)
{
    const int32_t k = (int32_t)ggdm_item_whole(loss, "downsample");
    const int64_t *d = ggdm_graph_shape(e->graph, x)->d;
    if (d[1] % k || d[2] % k)
        ggdm_emit_fail_at(e, GGDM_ESHAPE, loss, "downsample",
                          "value '%d' for images of %dx%d, expected a divisor of their sides", k,
                          (int)d[1], (int)d[2]);
    *shape = (ggdm_image_shape){(int32_t)d[1] / k, (int32_t)d[2] / k, (int32_t)d[3]};
    if (e->status != GGDM_OK)
        return -1;
    x = blur(e, loss, x);
    return k > 1 ? ggdm_avg_pool_f32(e->graph, x, k) : x;
}

static ggdm_val l2_emit(ggdm_emit *e, const ggdm_item *loss, ggdm_val x0)
{
    const int64_t form = ggdm_item_whole(loss, "form");
    ggdm_graph *g = e->graph;
    ggdm_image_shape shape;
    if (x0 < 0)
        return -1;
    ggdm_val x = operate(e, loss, x0, &shape), y = ggdm_emit_picture(e, loss, "image", shape);
    if (form == MEAN && !ggdm_item_text(loss, "mask"))
        return ggdm_mse(g, x, y);
    ggdm_val d = ggdm_sub(g, x, y), mask = -1;
    if (ggdm_item_text(loss, "mask")) {
        mask = ggdm_emit_mask(e, loss, "mask", shape);
        d = ggdm_mul(g, d, mask);
    }
    ggdm_val sum = ggdm_dot(g, d, d);
    if (form == MEAN) /* where nothing counts, 0 */
        return ggdm_div(g, sum, ggdm_clamp(g, ggdm_dot(g, mask, mask), 1e-6, 1e30));
    return form == NORM ? ggdm_sqrt(g, sum) : sum;
}

const ggdm_loss_kind ggdm_loss_l2 = {
    .kind = {.family = GGDM_FAMILY_LOSS,
             .name = "l2",
             .help = "Distance to a picture, of what A makes of the image.",
             .equation = "||m (A x0hat - y)||",
             GGDM_PARAMS(rows),
             .scorer = "loss",
             .measure = "l2"},
    .emit = l2_emit};
