#include "worker/prediction.h"

#include "models/nn/ops.h"

/* eps = of_x x + of_out out. */
static const struct {
    ggdm_number of_x, of_out;
} factors[GGDM_N_PREDICTIONS] = {
    [GGDM_PREDICT_V] = {GGDM_NUMBER_NOISE, GGDM_NUMBER_SIGNAL},
    [GGDM_PREDICT_SAMPLE] = {GGDM_NUMBER_PER_NOISE, GGDM_NUMBER_TO_EPS}};

ggdm_val ggdm_emit_prediction(ggdm_emit *e, ggdm_prediction prediction, ggdm_val x, ggdm_val out)
{
    const ggdm_scale of_x = {.number = factors[prediction].of_x};
    const ggdm_scale of_out = {.number = factors[prediction].of_out};
    if (prediction == GGDM_PREDICT_EPSILON)
        return out;
    return ggdm_lincomb(e->graph, x, out, ggdm_emit_scaled(e, NULL, NULL, of_x),
                        ggdm_emit_scaled(e, NULL, NULL, of_out));
}
