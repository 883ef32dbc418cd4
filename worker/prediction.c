#include "worker/prediction.h"

#include <math.h>

#include "models/nn/ops.h"

ggdm_val ggdm_emit_prediction(ggdm_emit *e, ggdm_prediction prediction, ggdm_val x, ggdm_val out)
{
    ggdm_prediction_vals *v = &e->predictions[prediction];
    if (prediction == GGDM_PREDICT_EPSILON)
        return out;
    if (v->of_x < 0) {
        v->of_x = ggdm_graph_input(e->graph, "of_x", GGDM_F32, GGDM_SHAPE1(e->batch));
        v->of_out = ggdm_graph_input(e->graph, "of_out", GGDM_F32, GGDM_SHAPE1(e->batch));
    }
    return ggdm_lincomb(e->graph, x, out, v->of_x, v->of_out);
}

void ggdm_prediction_factors(ggdm_prediction prediction, double alpha_bar, float *of_x,
                             float *of_out)
{
    const double signal = sqrt(alpha_bar), noise = sqrt(1.0 - alpha_bar);
    switch (prediction) {
    case GGDM_PREDICT_SAMPLE:
        *of_x = (float)(1.0 / noise);
        *of_out = (float)(-signal / noise);
        break;
    case GGDM_PREDICT_V:
        *of_x = (float)noise;
        *of_out = (float)signal;
        break;
    default:
        *of_x = 0.0f;
        *of_out = 1.0f;
    }
}
