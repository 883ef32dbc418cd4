/* What a classifier sees in a sample. */
#include "worker/kinds.h"

static const ggdm_param rows[] = {
    GGDM_CLASSIFIER_MODEL("A classifier of the images.", NULL),
};

static ggdm_val probabilities_emit(ggdm_emit *e, const ggdm_item *scorer, ggdm_val x)
{
    return ggdm_emit_classifier(e, scorer, "model", x, false);
}

const ggdm_scorer_kind ggdm_scorer_classifier = {
    .kind = {.family = GGDM_FAMILY_SCORER,
             .name = "classifier",
             .implied = true,
             .help = "Log probabilities of the classes.",
             GGDM_PARAMS(rows),
             .output = GGDM_OUTPUT_CLASSES},
    .emit = probabilities_emit};
