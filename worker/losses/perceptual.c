/* Distance of an image's features to those of a picture. */
#include "models/nn/ops.h"
#include "worker/kinds.h"

static const ggdm_param rows[] = {
    GGDM_LOSS_WEIGHT,
    {.key = "model",
     .type = GGDM_PARAM_MODEL,
     .required = true,
     .structure = true,
     .port = "features",
     .help = "A network with features of the images that the diffusion model makes."},
    {.key = "layer",
     .type = GGDM_PARAM_TEXT,
     .structure = true,
     .help =
         "Whose values are the features, as layers.3 of a GgdmCNN; what its last layer takes if "
         "absent."},
    {.key = "image",
     .type = GGDM_PARAM_FILE,
     .required = true,
     .help = "A PNG of the size and with the channels of the images, or grey."},
};

static ggdm_val perceptual_emit(ggdm_emit *e, const ggdm_item *loss, ggdm_val x0)
{
    if (x0 < 0)
        return -1;
    const int64_t *d = ggdm_graph_shape(e->graph, x0)->d;
    const ggdm_image_shape shape = {(int32_t)d[1], (int32_t)d[2], (int32_t)d[3]};
    ggdm_val of_image = ggdm_emit_features(e, loss, "model", "layer", x0);
    ggdm_val picture = ggdm_emit_picture(e, loss, "image", shape);
    ggdm_val of_picture = ggdm_emit_features(e, loss, "model", "layer", picture);
    return ggdm_mse(e->graph, of_image, of_picture);
}

const ggdm_loss_kind ggdm_loss_perceptual = {
    .kind = {.family = GGDM_FAMILY_LOSS,
             .name = "perceptual",
             .help = "Distance to a picture, of features of a network.",
             .equation = "mean of (features(x0hat) - features(y))^2",
             GGDM_PARAMS(rows),
             .scorer = "loss",
             .measure = "perceptual"},
    .emit = perceptual_emit};
