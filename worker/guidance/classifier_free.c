/* Classifier-free guidance (Ho and Salimans 2022): a source of eps, in both of the conventions that
 * papers have for its strength; terms may stand beside it. */
#include <stdio.h>
#include <stdlib.h>

#include "worker/guidance/terms.h"

static const ggdm_param rows[] = {
    {.key = "label",
     .type = GGDM_PARAM_CLASS,
     .of = "model",
     .shorthand = "condition",
     .help = "The class that is drawn: the label of the condition."},
    {.key = "prompt",
     .type = GGDM_PARAM_TEXT,
     .of = "model",
     .shorthand = "condition",
     .help = "What is drawn: the prompt of the condition."},
    {.key = "negative_prompt",
     .type = GGDM_PARAM_TEXT,
     .of = "model",
     .shorthand = "condition",
     .help = "What it leads away from: that of the condition."},
    {.key = "s",
     .type = GGDM_PARAM_REAL,
     .help = "How far from eps without the condition (0) towards eps with it (1), and beyond."},
    {.key = "w",
     .type = GGDM_PARAM_REAL,
     .help = "The same as (1 + w) eps(c) - w eps0: s is 1 + w."},
    {.key = "window",
     .type = GGDM_PARAM_WINDOW,
     .help = "Steps that are guided; in the others eps is that with the condition."},
    GGDM_SOURCE_RESCALE,
    {.key = "terms",
     .type = GGDM_PARAM_NODES,
     .lo = 1,
     .hi = GGDM_MAX_TERMS,
     .family = GGDM_FAMILY_TERM,
     .help = "Act beside it, differentiated through its eps."},
    {.key = "recurrence",
     .type = GGDM_PARAM_NODE,
     .family = GGDM_FAMILY_RECURRENCE,
     .help = "Whether steps are made more than once."},
};

static ggdm_status classifier_free_check(const ggdm_item *preset, ggdm_error *err)
{
    const bool s = ggdm_item_value(preset, "s")->set, w = ggdm_item_value(preset, "w")->set;
    if (s && w)
        return ggdm_item_fail(preset, "w", err, "value '%g', expected s or w, not both: s is 1 + w",
                              ggdm_item_real(preset, "w"));
    if (!s && !w)
        return ggdm_item_fail(preset, NULL, err,
                              "expected s or w, a finite number, here or as an axis of the sweep");
    return GGDM_OK;
}

/* 1 + w as one would write it: 1.14 and not 1.1400000000000001. */
static double scale_of(double w)
{
    char text[40];
    snprintf(text, sizeof text, "%.15g", 1 + w);
    return strtod(text, NULL);
}

static ggdm_status classifier_free_expand(const ggdm_catalogue *c, ggdm_arena *arena,
                                          const ggdm_item *preset, ggdm_item **out, ggdm_error *err)
{
    ggdm_item *source = NULL;
    GGDM_TRY(ggdm_item_create(arena, ggdm_catalogue_find(c, GGDM_FAMILY_GUIDANCE, NULL), out, err));
    GGDM_TRY(ggdm_item_create(arena, ggdm_catalogue_find(c, GGDM_FAMILY_SOURCE, "classifier-free"),
                              &source, err));
    (*out)->at = source->at = preset->at;
    *ggdm_item_value(source, "s") = *ggdm_item_value(preset, "s");
    if (ggdm_item_value(preset, "w")->set) {
        ggdm_item_set(source, "s", (ggdm_scalar){.real = scale_of(ggdm_item_real(preset, "w"))});
        ggdm_item_value(source, "s")->at = ggdm_item_value(preset, "w")->at;
    }
    *ggdm_item_value(source, "window") = *ggdm_item_value(preset, "window");
    *ggdm_item_value(source, "rescale") = *ggdm_item_value(preset, "rescale");
    ggdm_item_set_child(*out, "eps", source);
    ggdm_item_set_child(*out, "terms", ggdm_item_child(preset, "terms"));
    ggdm_item_set_child(*out, "recurrence", ggdm_item_child(preset, "recurrence"));
    return GGDM_OK;
}

const ggdm_guidance_kind ggdm_guidance_classifier_free = {
    .kind = {.family = GGDM_FAMILY_GUIDANCE,
             .name = "classifier-free",
             .help = "From eps without a condition towards eps with it, and beyond.",
             .equation = "eps <- eps0 + s (eps(c) - eps0)",
             GGDM_PARAMS(rows),
             .expand = classifier_free_expand,
             .check = classifier_free_check}};
