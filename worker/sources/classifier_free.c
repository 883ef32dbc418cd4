/* Classifier-free guidance (Ho and Salimans 2022): from the network without a label towards the
 * network with it, both in one batch. */
#include "models/nn/ops.h"
#include "worker/kinds.h"

static const ggdm_param rows[] = {
    {.key = "s",
     .type = GGDM_PARAM_REAL,
     .required = true,
     .neutral = GGDM_REAL(1),
     .help = "How far: 0 is the network without the label, 1 with it."},
    GGDM_SOURCE_WINDOW,
};

static ggdm_val classifier_free_emit(ggdm_emit *e, const ggdm_item *source)
{
    ggdm_graph *g = e->graph;
    ggdm_val both = ggdm_emit_network(e, e->head, "model", GGDM_GIVEN_BOTH);
    ggdm_val with = ggdm_split(g, both, 2, 0), without = ggdm_split(g, both, 2, 1);
    ggdm_val way = ggdm_lincomb(g, with, without, ggdm_emit_ones(e), ggdm_emit_number(e, -1));
    return ggdm_lincomb(g, without, way, ggdm_emit_ones(e), ggdm_emit_value(e, source, "s"));
}

const ggdm_source_kind ggdm_source_classifier_free = {
    .kind = {.family = GGDM_FAMILY_SOURCE,
             .name = "classifier-free",
             .help = "From the network without a label towards the network with it.",
             .equation = "eps = eps0 + s (eps(label) - eps0)",
             GGDM_PARAMS(rows)},
    .emit = classifier_free_emit};
