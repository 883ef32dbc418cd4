/* Adaptive projected guidance (Sadat et al. 2024), without momentum: classifier-free guidance whose
 * way is not longer than it may be, and goes less along eps itself, which saturates images. */
#include <math.h>

#include "worker/sources/sources.h"

static const ggdm_param rows[] = {
    {.key = "s",
     .type = GGDM_PARAM_REAL,
     .required = true,
     .neutral = GGDM_REAL(1),
     .help = "How far: 1 is the network with the label."},
    {.key = "longest",
     .label = "r",
     .type = GGDM_PARAM_REAL,
     .lo = 0,
     .hi = INFINITY,
     .fallback = GGDM_REAL(15),
     .help = "Length that eps(label) - eps0 of an image has at most."},
    {.key = "parallel",
     .label = "\u03b7",
     .type = GGDM_PARAM_REAL,
     .lo = 0,
     .hi = INFINITY,
     .fallback = GGDM_REAL(1),
     .help = "Share that is kept of its part along eps(label); 0 is what the paper uses."},
    GGDM_SOURCE_WINDOW,
};

/* The way of each image, made as long as it may be where it is longer. */
static ggdm_val shortened(ggdm_emit *e, ggdm_val way, ggdm_val longest)
{
    ggdm_graph *g = e->graph;
    ggdm_val length =
        ggdm_sqrt(g, ggdm_clamp(g, ggdm_dot(g, way, way), GGDM_SOURCE_TINY, INFINITY));
    return ggdm_scale_rows(g, way, ggdm_clamp(g, ggdm_div(g, longest, length), 0, 1));
}

static ggdm_val apg_emit(ggdm_emit *e, const ggdm_item *source)
{
    ggdm_graph *g = e->graph;
    const ggdm_eps_pair p = ggdm_source_pair(e);
    ggdm_val way = shortened(e, ggdm_source_minus(e, p.with, p.without),
                             ggdm_emit_value(e, source, "longest"));
    ggdm_val lost = ggdm_source_minus(e, ggdm_emit_ones(e), ggdm_emit_value(e, source, "parallel"));
    ggdm_val along = ggdm_mul(g, ggdm_source_share(e, way, p.with), lost);
    way = ggdm_source_minus(e, way, ggdm_scale_rows(g, p.with, along));
    ggdm_val beyond = ggdm_source_minus(e, ggdm_emit_value(e, source, "s"), ggdm_emit_ones(e));
    return ggdm_lincomb(g, p.with, way, ggdm_emit_ones(e), beyond);
}

const ggdm_source_kind ggdm_source_apg = {
    .kind = {.family = GGDM_FAMILY_SOURCE,
             .name = "apg",
             .help = "Classifier-free guidance, limited in length, less along eps itself.",
             .equation =
                 "eps = eps(label) + (s - 1) (d - (1 - parallel) (d c) c), d = eps(label) - "
                 "eps0, at most longest, c = eps(label) / |eps(label)|",
             GGDM_PARAMS(rows)},
    .emit = apg_emit};
