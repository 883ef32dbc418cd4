/* Values that no image has. */
#include "models/nn/ops.h"
#include "worker/kinds.h"

static const ggdm_param rows[] = {GGDM_LOSS_WEIGHT};

static ggdm_val range_emit(ggdm_emit *e, const ggdm_item *loss, ggdm_val x0)
{
    (void)loss;
    return ggdm_mse(e->graph, x0, ggdm_clamp(e->graph, x0, -1, 1));
}

/* Without a scorer: archived images are clamped. */
const ggdm_loss_kind ggdm_loss_range = {
    .kind = {.family = GGDM_FAMILY_LOSS,
             .name = "range",
             .help = "How far values are beyond the range of images: the mean of squares.",
             .equation = "mean of (x0hat - clamp(x0hat, -1, 1))^2",
             GGDM_PARAMS(rows)},
    .emit = range_emit};
