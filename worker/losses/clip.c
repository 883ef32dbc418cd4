/* How far an image is from a prompt, by a network of images and texts (CLIP). */
#include <math.h>

#include "models/nn/ops.h"
#include "worker/kinds.h"

enum { COSINE, SPHERICAL, DOT };
static const char *const forms[] = {
    [COSINE] = "cosine", [SPHERICAL] = "spherical", [DOT] = "dot", NULL};

enum { MIN_MAX, RANGE };
static const char *const ranges[] = {[MIN_MAX] = "minmax", [RANGE] = "range", NULL};

static const char *const resizes[] = {
    [GGDM_RESAMPLE_TORCH] = "bicubic", [GGDM_RESAMPLE_PIL] = "antialiased", NULL};

static const ggdm_param rows[] = {
    GGDM_LOSS_WEIGHT,
    GGDM_PROMPT_MODEL("The guide: a network of images and texts."),
    GGDM_PROMPT("What the images are to show."),
    GGDM_PROMPT_TRUNCATE,
    {.key = "form",
     .type = GGDM_PARAM_CHOICE,
     .structure = true,
     .choices = forms,
     .fallback = GGDM_WHOLE(COSINE),
     .help =
         "Minus the cosine of both embeddings, half of the square of the angle between them, or "
         "minus the cosine times the network's scale (GLIDE's, with `at: xt` and a network that "
         "is told t)."},
    {.key = "normalize",
     .type = GGDM_PARAM_CHOICE,
     .structure = true,
     .choices = ranges,
     .fallback = GGDM_WHOLE(MIN_MAX),
     .help =
         "Whether what the network sees goes from its own least value to its largest, as in the "
         "code of the GGDM paper, or is taken as it is."},
    {.key = "resize",
     .type = GGDM_PARAM_CHOICE,
     .structure = true,
     .choices = resizes,
     .fallback = GGDM_WHOLE(GGDM_RESAMPLE_TORCH),
     .help = "How images of another size than the network's are made such: bicubic as PyTorch has "
             "it, or as Pillow has it."},
    {.key = "cutouts",
     .type = GGDM_PARAM_WHOLE,
     .structure = true,
     .lo = 0,
     .hi = GGDM_MAX_CUTOUTS,
     .fallback = GGDM_WHOLE(0),
     .help = "The mean over so many squares cut out at random, anew in each step; 0: the whole "
             "image."},
    {.key = "cut_power",
     .type = GGDM_PARAM_REAL,
     .structure = true,
     .lo = 0,
     .hi = 100,
     .above = true,
     .fallback = GGDM_REAL(1),
     .help =
         "Sides of cut-outs are u^cut_power of the way from the least to the largest, u uniform: "
         "above 1 small ones are more frequent."},
    {.key = "cut_scale",
     .type = GGDM_PARAM_REAL,
     .structure = true,
     .lo = 1,
     .hi = 16,
     .help =
         "What cut-outs are of: the image resized to so many times the network's size; the image "
         "as it is if absent."},
};

static ggdm_status clip_check(const ggdm_item *loss, ggdm_error *err)
{
    static const char *const of_cutouts[] = {"cut_power", "cut_scale"};
    for (int i = 0; i < 2 && ggdm_item_whole(loss, "cutouts") == 0; i++)
        if (ggdm_item_value(loss, of_cutouts[i])->set)
            return ggdm_item_fail(loss, of_cutouts[i], err,
                                  "there are no cut-outs, expected "
                                  "cutouts: N beside it");
    return GGDM_OK;
}

static ggdm_val resized(ggdm_emit *e, const ggdm_item *loss, ggdm_val x, int size)
{
    const int64_t *d = ggdm_graph_shape(e->graph, x)->d;
    return d[1] == size && d[2] == size
               ? x
               : ggdm_resample(e->graph, x, size, size,
                               (ggdm_resample_form)ggdm_item_whole(loss, "resize"));
}

/* Squares of the image, n for each of its rows -> [rows n, size, size, C]; rows are then so many.
 */
static ggdm_val cut_out(ggdm_emit *e, const ggdm_item *loss, ggdm_val x, int size, int32_t n)
{
    if (ggdm_item_value(loss, "cut_scale")->set)
        x = resized(e, loss, x, (int)lround(size * ggdm_item_real(loss, "cut_scale")));
    if (x < 0)
        return -1;
    const int64_t *d = ggdm_graph_shape(e->graph, x)->d;
    if (d[1] <= size || d[2] <= size)
        ggdm_emit_fail_at(
            e, GGDM_ESHAPE, loss, "cutouts",
            "images of %lldx%lld are not larger than what the network takes (%dx%d), so "
            "that each cut-out would be all of it; expected cut_scale above 1, as 1.25",
            (long long)d[1], (long long)d[2], size, size);
    x = ggdm_repeat(e->graph, x, n);
    e->copies *= n;
    return ggdm_crop(e->graph, x, ggdm_emit_windows(e, ggdm_item_real(loss, "cut_power")), size);
}

/* What the network sees: images of its size, in [-1, 1]. */
static ggdm_val seen(ggdm_emit *e, const ggdm_item *loss, ggdm_val x, int size, int32_t cutouts)
{
    x = cutouts ? cut_out(e, loss, x, size, cutouts) : resized(e, loss, x, size);
    if (ggdm_item_whole(loss, "normalize") == MIN_MAX)
        x = ggdm_affine(e->graph, ggdm_min_max(e->graph, x), 2, -1);
    return x;
}

/* The loss of embeddings of length one, [rows, E] -> [rows]. */
static ggdm_val distance(ggdm_emit *e, const ggdm_item *loss, ggdm_val a, ggdm_val b,
                         ggdm_val scale)
{
    ggdm_graph *g = e->graph;
    const int64_t form = ggdm_item_whole(loss, "form");
    if (form == SPHERICAL) {
        ggdm_val way = ggdm_sub(g, a, b);
        return ggdm_arc(g, ggdm_dot(g, way, way));
    }
    ggdm_val minus = ggdm_mul(g, ggdm_dot(g, a, b), ggdm_emit_number(e, -1));
    return form == DOT ? ggdm_mul(g, minus, ggdm_repeat(g, scale, ggdm_emit_rows(e))) : minus;
}

static ggdm_val clip_emit(ggdm_emit *e, const ggdm_item *loss, ggdm_val x0)
{
    ggdm_graph *g = e->graph;
    const int32_t n = (int32_t)ggdm_item_whole(loss, "cutouts"), copies = e->copies;
    const int size = ggdm_emit_image_size(e, loss, "model");
    if (size == 0 || x0 < 0)
        return -1;
    ggdm_val scale = -1;
    ggdm_val image = seen(e, loss, x0, size, n);
    image = ggdm_emit_embedding(e, loss, "model", image, &scale);
    ggdm_val text = ggdm_emit_prompt(e, loss, "model", "prompt");
    ggdm_val losses = distance(e, loss, ggdm_normalize(g, image), ggdm_normalize(g, text), scale);
    if (n) {
        ggdm_val shares = ggdm_join(g, ggdm_emit_number(e, 1.0 / n), n);
        losses = ggdm_dot(g, ggdm_join(g, losses, n), shares);
    }
    e->copies = copies;
    return losses;
}

const ggdm_loss_kind ggdm_loss_clip = {
    .kind = {.family = GGDM_FAMILY_LOSS,
             .name = "clip",
             .help = "How far the image is from a prompt, by a network of images and texts.",
             .equation = "-cos(embedding(x0hat), embedding(prompt))",
             GGDM_PARAMS(rows),
             .scorer = "clip",
             .measure = "clip",
             .check = clip_check},
    .emit = clip_emit};
