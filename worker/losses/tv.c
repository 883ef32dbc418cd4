/* Total variation: how much neighbouring pixels differ. */
#include "models/nn/ops.h"
#include "worker/kinds.h"

static const ggdm_param rows[] = {GGDM_LOSS_WEIGHT};

static ggdm_val tv_emit(ggdm_emit *e, const ggdm_item *loss, ggdm_val x0)
{
    (void)loss;
    return ggdm_total_variation(e->graph, x0);
}

const ggdm_loss_kind ggdm_loss_tv = {
    .kind = {.family = GGDM_FAMILY_LOSS,
             .name = "tv",
             .help = "Total variation: the mean of squared differences of neighbouring values.",
             .equation = "1/(H W C) sum ((x0hat[i+1,j] - x0hat[i,j])^2 + "
                         "(x0hat[i,j+1] - x0hat[i,j])^2)",
             GGDM_PARAMS(rows),
             .scorer = "loss",
             .measure = "tv"},
    .emit = tv_emit};
