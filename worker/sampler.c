#include "worker/sampler.h"

#include <math.h>

bool ggdm_sampler_step(const ggdm_step *s, bool clip, float *x, const float *eps, const float *z,
                       const float *grad, float kappa, int64_t n)
{
    bool finite = true;
    for (int64_t i = 0; i < n; i++) {
        float mean;
        if (clip) {
            float x0 = s->x0_x * x[i] + s->x0_eps * eps[i];
            x0 = x0 > 1.0f ? 1.0f : x0;
            x0 = x0 < -1.0f ? -1.0f : x0;
            mean = s->clip_x * x[i] + s->clip_x0 * x0;
        } else {
            mean = s->mean_x * x[i] + s->mean_eps * eps[i];
        }
        if (s->sigma != 0.0f)
            mean += s->sigma * z[i];
        if (grad)
            mean -= kappa * grad[i];
        x[i] = mean;
        finite = finite && isfinite(mean);
    }
    return finite;
}

float ggdm_sampler_quantise(const float *x, uint8_t *out, int64_t n)
{
    int64_t beyond = 0;
    for (int64_t i = 0; i < n; i++) {
        float v = 127.5f * (x[i] + 1.0f) + 0.5f;
        bool finite = isfinite(x[i]);
        out[i] = !finite || v < 0.0f ? 0 : v >= 255.0f ? 255 : (uint8_t)v;
        beyond += !finite || fabsf(x[i]) > 1.5f;
    }
    return (float)((double)beyond / (double)n);
}

void ggdm_sampler_dequantise(const uint8_t *in, float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)in[i] / 127.5f - 1.0f;
}
