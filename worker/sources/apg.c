/* Adaptive projected guidance (Sadat et al. 2024): classifier-free guidance whose way is not longer
 * than it may be, and goes less along eps itself, which saturates images; with momentum it is the
 * sum of the ways of all steps, each before weighing less (or, below 0, the other way). */
#include <math.h>

#include "worker/sources/sources.h"

static const ggdm_param rows[] = {
    {.key = "s",
     .type = GGDM_PARAM_REAL,
     .required = true,
     .neutral = GGDM_REAL(1),
     .help = "How far: 1 is the network with the condition."},
    {.key = "longest",
     .label = "r",
     .type = GGDM_PARAM_REAL,
     .lo = 0,
     .hi = INFINITY,
     .fallback = GGDM_REAL(15),
     .help = "Length that eps(c) - eps0 of an image has at most."},
    {.key = "parallel",
     .label = "\u03b7",
     .type = GGDM_PARAM_REAL,
     .lo = 0,
     .hi = INFINITY,
     .fallback = GGDM_REAL(1),
     .help = "Share that is kept of its part along eps(c); 0 is what the paper uses."},
    {.key = "momentum",
     .label = "\u03b2",
     .type = GGDM_PARAM_REAL,
     .structure = true,
     .lo = -1,
     .hi = 1,
     .fallback = GGDM_REAL(0),
     .help = "Share that the way of the step before has in this one's; the paper uses -0.75 to "
             "-0.5."},
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

static int32_t apg_carries(const ggdm_item *source)
{
    return ggdm_item_real(source, "momentum") != 0;
}

/* The way of this step and, of those before, what momentum leaves of them. */
static ggdm_val with_momentum(ggdm_emit *e, ggdm_val way, double momentum)
{
    ggdm_val sum = ggdm_lincomb(e->graph, way, ggdm_emit_carried(e), ggdm_emit_ones(e),
                                ggdm_emit_number(e, momentum));
    e->carry = sum;
    return sum;
}

static ggdm_val apg_emit(ggdm_emit *e, const ggdm_item *source)
{
    ggdm_graph *g = e->graph;
    const ggdm_eps_pair p = ggdm_source_pair(e);
    const double momentum = ggdm_item_real(source, "momentum");
    ggdm_val way = ggdm_source_minus(e, p.with, p.without);
    if (momentum != 0)
        way = with_momentum(e, way, momentum);
    way = shortened(e, way, ggdm_emit_value(e, source, "longest"));
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
             .equation = "eps = eps(c) + (s - 1) (d - (1 - parallel) (d u) u), d = eps(c) - "
                         "eps0 + momentum d_before, at most longest, u = eps(c) / |eps(c)|",
             GGDM_PARAMS(rows)},
    .carries = apg_carries,
    .emit = apg_emit};
