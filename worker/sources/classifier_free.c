/* Classifier-free guidance (Ho and Salimans 2022): from the network without a label towards the
 * network with it, both in one batch; with `rescale` as much spread as the latter has (Lin et al.
 * 2023, section 3.4). */
#include <math.h>

#include "worker/sources/sources.h"

static const ggdm_param rows[] = {
    {.key = "s",
     .type = GGDM_PARAM_REAL,
     .required = true,
     .neutral = GGDM_REAL(1),
     .help = "How far: 0 is the network without the condition, 1 with it."},
    GGDM_SOURCE_WINDOW,
    GGDM_SOURCE_RESCALE,
};

/* Per image n times the variance of its n values. */
static ggdm_val spread(ggdm_emit *e, ggdm_val x)
{
    const double n = (double)(ggdm_shape_count(ggdm_graph_shape(e->graph, x)) / e->batch);
    ggdm_val sum = ggdm_dot(e->graph, x, ggdm_emit_ones_like(e, x));
    ggdm_val squares = ggdm_dot(e->graph, x, x);
    return ggdm_lincomb(e->graph, squares, ggdm_mul(e->graph, sum, sum), ggdm_emit_ones(e),
                        ggdm_emit_number(e, -1 / n));
}

/* phi eps std(like) / std(eps) + (1 - phi) eps. */
static ggdm_val rescaled(ggdm_emit *e, ggdm_val eps, ggdm_val like, double phi)
{
    ggdm_graph *g = e->graph;
    ggdm_val own = ggdm_clamp(g, spread(e, eps), GGDM_SOURCE_TINY, INFINITY);
    ggdm_val other = ggdm_clamp(g, spread(e, like), 0, INFINITY);
    ggdm_val ratio = ggdm_sqrt(g, ggdm_div(g, other, own));
    return ggdm_scale_rows(g, eps,
                           ggdm_lincomb(g, ratio, ggdm_emit_ones(e), ggdm_emit_number(e, phi),
                                        ggdm_emit_number(e, 1 - phi)));
}

static ggdm_val classifier_free_emit(ggdm_emit *e, const ggdm_item *source)
{
    const ggdm_eps_pair p = ggdm_source_pair(e);
    const double phi = ggdm_item_real(source, "rescale");
    ggdm_val eps = ggdm_source_towards(e, p.without, p.with, ggdm_emit_value(e, source, "s"));
    return phi > 0 ? rescaled(e, eps, p.with, phi) : eps;
}

const ggdm_source_kind ggdm_source_classifier_free = {
    .kind = {.family = GGDM_FAMILY_SOURCE,
             .name = "classifier-free",
             .help = "From the network without a condition towards the network with it.",
             .equation = "eps = eps0 + s (eps(c) - eps0)",
             GGDM_PARAMS(rows)},
    .emit = classifier_free_emit};
