#include "worker/sources/sources.h"

#include <math.h>

ggdm_eps_pair ggdm_source_pair(ggdm_emit *e)
{
    ggdm_val both = ggdm_emit_network(e, e->head, "model", GGDM_GIVEN_BOTH);
    return (ggdm_eps_pair){.with = ggdm_split(e->graph, both, 2, 0),
                           .without = ggdm_split(e->graph, both, 2, 1)};
}

ggdm_val ggdm_source_minus(ggdm_emit *e, ggdm_val a, ggdm_val b)
{
    return ggdm_lincomb(e->graph, a, b, ggdm_emit_ones(e), ggdm_emit_number(e, -1));
}

ggdm_val ggdm_source_towards(ggdm_emit *e, ggdm_val from, ggdm_val to, ggdm_val factor)
{
    return ggdm_lincomb(e->graph, from, ggdm_source_minus(e, to, from), ggdm_emit_ones(e), factor);
}

ggdm_val ggdm_source_share(ggdm_emit *e, ggdm_val a, ggdm_val b)
{
    ggdm_val square = ggdm_clamp(e->graph, ggdm_dot(e->graph, b, b), GGDM_SOURCE_TINY, INFINITY);
    return ggdm_div(e->graph, ggdm_dot(e->graph, a, b), square);
}
