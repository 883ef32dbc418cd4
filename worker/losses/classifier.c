/* What a classifier says of one class. */
#include "models/nn/ops.h"
#include "worker/kinds.h"

static const char *const forms[] = {[GGDM_FORM_NLL] = "nll",
                                    [GGDM_FORM_PROB] = "prob",
                                    [GGDM_FORM_LOGIT] = "logit",
                                    [GGDM_FORM_ELUCD] = "elucd",
                                    NULL};

static const ggdm_param rows[] = {
    GGDM_LOSS_WEIGHT,
    GGDM_CLASSIFIER_MODEL("The guide: a classifier of the images that the diffusion model makes.",
                          NULL),
    {.key = "form",
     .type = GGDM_PARAM_CHOICE,
     .structure = true,
     .choices = forms,
     .fallback = GGDM_WHOLE(GGDM_FORM_NLL),
     .help = "Minus the logarithm of the class's probability, the probability, its logit, or "
             "EluCD's tau1 logit - log sum exp(tau2 logits)."},
    GGDM_CLASSIFIER_TARGET,
    {.key = "tau1",
     .type = GGDM_PARAM_REAL,
     .fallback = GGDM_REAL(1),
     .help = "Of form elucd: the factor of the class's logit."},
    {.key = "tau2",
     .type = GGDM_PARAM_REAL,
     .fallback = GGDM_REAL(0.5),
     .help = "Of form elucd: the factor of the logits in the sum."},
};

static ggdm_status classifier_check(const ggdm_item *loss, ggdm_error *err)
{
    static const char *const taus[] = {"tau1", "tau2"};
    for (int i = 0; i < 2 && ggdm_item_whole(loss, "form") != GGDM_FORM_ELUCD; i++)
        if (ggdm_item_value(loss, taus[i])->set)
            return ggdm_item_fail(loss, taus[i], err, "form: %s has no %s, expected form: elucd",
                                  ggdm_item_text(loss, "form"), taus[i]);
    return GGDM_OK;
}

/* -(tau1 logit - log sum exp(tau2 logits)) */
static ggdm_val elucd(ggdm_emit *e, const ggdm_item *loss, ggdm_val logits, ggdm_val target)
{
    ggdm_graph *g = e->graph;
    ggdm_val cool = ggdm_scale_rows(g, logits, ggdm_emit_value(e, loss, "tau2"));
    return ggdm_lincomb(g, ggdm_nll(g, logits, target), ggdm_log_sum_exp(g, cool),
                        ggdm_emit_value(e, loss, "tau1"), ggdm_emit_ones(e));
}

static ggdm_val classifier_emit(ggdm_emit *e, const ggdm_item *loss, ggdm_val x0)
{
    ggdm_val target = ggdm_emit_value(e, loss, "target");
    const int64_t form = ggdm_item_whole(loss, "form");
    const bool raw = form == GGDM_FORM_LOGIT || form == GGDM_FORM_ELUCD;
    ggdm_val logits = ggdm_emit_classifier(e, loss, "model", x0, raw);
    if (form == GGDM_FORM_ELUCD)
        return elucd(e, loss, logits, target);
    return form == GGDM_FORM_PROB ? ggdm_neg_prob(e->graph, logits, target)
                                  : ggdm_nll(e->graph, logits, target);
}

const ggdm_loss_kind ggdm_loss_classifier = {.kind = {.family = GGDM_FAMILY_LOSS,
                                                      .name = "classifier",
                                                      .help = "The class that a classifier sees.",
                                                      .equation = "-log p(target | x0hat)",
                                                      GGDM_PARAMS(rows),
                                                      .scorer = "classifier",
                                                      .measure = "guide",
                                                      .check = classifier_check},
                                             .emit = classifier_emit};
