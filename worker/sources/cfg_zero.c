/* CFG-Zero* (Fan et al. 2025): classifier-free guidance from as much of eps without the label as is
 * in eps with it. */
#include "worker/sources/sources.h"

static const ggdm_param rows[] = {
    {.key = "s",
     .type = GGDM_PARAM_REAL,
     .required = true,
     .neutral = GGDM_REAL(1),
     .help = "How far: 1 is the network with the condition."},
    GGDM_SOURCE_WINDOW,
};

static ggdm_val cfg_zero_emit(ggdm_emit *e, const ggdm_item *source)
{
    const ggdm_eps_pair p = ggdm_source_pair(e);
    ggdm_val share = ggdm_source_share(e, p.with, p.without);
    return ggdm_source_towards(e, ggdm_scale_rows(e->graph, p.without, share), p.with,
                               ggdm_emit_value(e, source, "s"));
}

const ggdm_source_kind ggdm_source_cfg_zero = {
    .kind = {.family = GGDM_FAMILY_SOURCE,
             .name = "cfg-zero",
             .help = "Classifier-free guidance from the best multiple of eps0.",
             .equation = "eps = a eps0 + s (eps(c) - a eps0), a = eps(c) eps0 / |eps0|^2",
             GGDM_PARAMS(rows)},
    .emit = cfg_zero_emit};
