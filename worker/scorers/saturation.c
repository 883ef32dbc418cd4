/* The share of values far beyond the data range before they were clamped. */
#include "worker/kinds.h"

static bool saturation_plain(const ggdm_scoring *s, int32_t i, float *out)
{
    if (s->saturated)
        *out = s->saturated[i];
    return s->saturated != NULL;
}

const ggdm_scorer_kind ggdm_scorer_saturation = {
    .kind = {.family = GGDM_FAMILY_SCORER,
             .name = "saturation",
             .help = "Share of values beyond 1.5 times the data range.",
             .output = GGDM_OUTPUT_NUMBER,
             .always = true},
    .plain = saturation_plain};
