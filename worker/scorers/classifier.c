/* What a classifier sees in a sample. */
#include <string.h>

#include "models/nn/ops.h"
#include "worker/kinds.h"

static const ggdm_param rows[] = {
    GGDM_CLASSIFIER_MODEL("A classifier of the images.", NULL),
    {.key = "group",
     .type = GGDM_PARAM_TEXT,
     .structure = true,
     .help =
         "Which question of a classifier that answers several, as hair_colour; that of the target "
         "if absent."},
};

/* The classes of one group. */
static ggdm_val of_group(ggdm_emit *e, const ggdm_item *scorer, ggdm_val logits)
{
    const ggdm_model *model = ggdm_emit_model(e, scorer, "model");
    const ggdm_class_groups *groups = model ? model->info.classes : NULL;
    const char *name = ggdm_item_text(scorer, "group");
    for (int32_t i = 0; groups && i < groups->n; i++)
        if (strcmp(groups->items[i].name, name) == 0)
            return ggdm_slice_channels(e->graph, logits, groups->items[i].first,
                                       (int)groups->items[i].classes.count);
    ggdm_emit_fail_at(e, GGDM_EINVAL, scorer, "group", "the classifier answers no question '%.80s'",
                      name);
    return -1;
}

static ggdm_val probabilities_emit(ggdm_emit *e, const ggdm_item *scorer, ggdm_val x)
{
    ggdm_val logits = ggdm_emit_classifier(e, scorer, "model", x, false);
    return ggdm_item_text(scorer, "group") ? of_group(e, scorer, logits) : logits;
}

const ggdm_scorer_kind ggdm_scorer_classifier = {
    .kind = {.family = GGDM_FAMILY_SCORER,
             .name = "classifier",
             .implied = true,
             .help = "Log probabilities of the classes.",
             GGDM_PARAMS(rows),
             .output = GGDM_OUTPUT_CLASSES},
    .emit = probabilities_emit};
