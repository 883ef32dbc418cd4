/* A sum of losses, each times its weight. */
#include <math.h>

#include "models/nn/ops.h"
#include "worker/kinds.h"

#define MAX_WEIGHT 1e9 /* as GGDM_LOSS_WEIGHT says */

static const ggdm_param rows[] = {
    GGDM_LOSS_WEIGHT,
    {.key = "of",
     .type = GGDM_PARAM_NODES,
     .required = true,
     .lo = 1,
     .hi = 16,
     .family = GGDM_FAMILY_LOSS,
     .help = "The losses that are added, each times its weight."},
};

static ggdm_val sum_emit(ggdm_emit *e, const ggdm_item *loss, ggdm_val x0)
{
    const ggdm_item *member = ggdm_item_child(loss, "of");
    ggdm_val sum = ggdm_emit_loss(e, member, x0);
    for (member = member->next; member; member = member->next)
        sum = ggdm_lincomb(e->graph, sum, ggdm_emit_loss(e, member, x0), ggdm_emit_ones(e),
                           ggdm_emit_ones(e));
    return sum;
}

/* A sum of one is that one with both weights, if a weight can be so large. */
static ggdm_item *reduce(ggdm_arena *arena, ggdm_item *item)
{
    ggdm_item *member = ggdm_item_child(item, "of");
    const double weight = ggdm_item_real(item, "weight") * ggdm_item_real(member, "weight");
    (void)arena;
    if (member->next || fabs(weight) > MAX_WEIGHT)
        return item;
    ggdm_item_set(member, "weight", (ggdm_scalar){.real = weight});
    return member;
}

const ggdm_loss_kind ggdm_loss_sum = {.kind = {.family = GGDM_FAMILY_LOSS,
                                               .name = "sum",
                                               .help = "A weighted sum of losses.",
                                               .equation = "sum of weight_k loss_k",
                                               GGDM_PARAMS(rows),
                                               .reduce = reduce},
                                      .emit = sum_emit};
