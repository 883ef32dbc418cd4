/* A loss of the finished sample. */
#include "worker/kinds.h"

static const ggdm_param rows[] = {
    {.key = "of",
     .type = GGDM_PARAM_NODE,
     .required = true,
     .family = GGDM_FAMILY_LOSS,
     .help = "The loss, in data units; its weight counts."},
};

static ggdm_val loss_emit(ggdm_emit *e, const ggdm_item *scorer, ggdm_val x)
{
    return ggdm_emit_loss(e, ggdm_item_child(scorer, "of"), x);
}

const ggdm_scorer_kind ggdm_scorer_loss = {.kind = {.family = GGDM_FAMILY_SCORER,
                                                    .name = "loss",
                                                    .help = "A loss of the finished sample.",
                                                    GGDM_PARAMS(rows),
                                                    .output = GGDM_OUTPUT_NUMBER},
                                           .emit = loss_emit};
