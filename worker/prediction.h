/* What a diffusion model predicts, made eps: all behind it knows eps alone. */
#ifndef GGDM_WORKER_PREDICTION_H
#define GGDM_WORKER_PREDICTION_H

#include "worker/emit.h"

/** eps out of what the network gives at x, both [rows, H, W, C]; out itself where that is eps. */
ggdm_val ggdm_emit_prediction(ggdm_emit *e, ggdm_prediction prediction, ggdm_val x, ggdm_val out);

#endif
