/* What a classifier says of one class. */
#include "models/nn/ops.h"
#include "worker/kinds.h"

static const char *const forms[] = {"nll", "prob", NULL};
static ggdm_val (*const losses[])(ggdm_graph *, ggdm_val, ggdm_val) = {ggdm_nll, ggdm_neg_prob};

static const ggdm_param rows[] = {
    GGDM_LOSS_WEIGHT,
    {.key = "model",
     .type = GGDM_PARAM_MODEL,
     .required = true,
     .structure = true,
     .port = "logits",
     .help = "The guide: a classifier of the images that the diffusion model makes."},
    {.key = "form",
     .type = GGDM_PARAM_CHOICE,
     .structure = true,
     .choices = forms,
     .fallback = GGDM_WHOLE(0),
     .help = "Minus the logarithm of the class's probability, or minus the probability."},
    {.key = "target",
     .type = GGDM_PARAM_CLASS,
     .required = true,
     .of = "model",
     .help = "The class that the images are to show."},
};

static ggdm_val classifier_emit(ggdm_emit *e, const ggdm_item *loss, ggdm_val x0)
{
    ggdm_val target = ggdm_emit_value(e, loss, "target");
    ggdm_val logp = ggdm_emit_classifier(e, loss, "model", x0, false);
    return losses[ggdm_item_whole(loss, "form")](e->graph, logp, target);
}

const ggdm_loss_kind ggdm_loss_classifier = {.kind = {.family = GGDM_FAMILY_LOSS,
                                                      .name = "classifier",
                                                      .help = "The class that a classifier sees.",
                                                      .equation = "-log p(target | x0hat)",
                                                      GGDM_PARAMS(rows),
                                                      .scorer = "classifier",
                                                      .measure = "guide"},
                                             .emit = classifier_emit};
