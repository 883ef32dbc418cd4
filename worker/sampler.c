#include "worker/sampler.h"

#include <math.h>

float ggdm_step_x0(const ggdm_step *s, float x, float eps)
{
    float x0 = s->x0_x * x + s->x0_eps * eps;
    if (s->clip && x0 > 1.0f)
        return 1.0f;
    return s->clip && x0 < -1.0f ? -1.0f : x0;
}

/* The mean where x0-hat is clipped. */
static float clipped_mean(const ggdm_step *s, float x, float eps)
{
    float mean = s->clip_x * x + s->clip_x0 * ggdm_step_x0(s, x, eps);
    return s->clip_eps != 0.0f ? mean + s->clip_eps * eps : mean;
}

bool ggdm_step_linear(const ggdm_step *s, float *x, const float *eps, const float *z, int64_t n)
{
    bool finite = true;
    for (int64_t i = 0; i < n; i++) {
        float next =
            s->clip ? clipped_mean(s, x[i], eps[i]) : s->mean_x * x[i] + s->mean_eps * eps[i];
        if (s->sigma != 0.0f)
            next += s->sigma * z[i];
        x[i] = next;
        finite = finite && isfinite(next);
    }
    return finite;
}

bool ggdm_step_shift(float *x, const float *grad, float weight, int64_t n)
{
    bool finite = true;
    for (int64_t i = 0; i < n; i++) {
        x[i] -= weight * grad[i];
        finite = finite && isfinite(x[i]);
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
