#include "worker/sampler.h"

#include <math.h>

#include "worker/threshold.h"

/* The mean where x0-hat is another than x and eps say. */
static float moved_mean(const ggdm_step *s, float x, float eps, float x0)
{
    float mean = s->moved_x * x + s->moved_x0 * x0;
    return s->moved_eps != 0.0f ? mean + s->moved_eps * eps : mean;
}

bool ggdm_step_linear(const ggdm_step *s, float *x, const float *eps, const float *x0,
                      const float *z, int64_t n)
{
    bool finite = true;
    for (int64_t i = 0; i < n; i++) {
        float next =
            x0 ? moved_mean(s, x[i], eps[i], x0[i]) : s->mean_x * x[i] + s->mean_eps * eps[i];
        if (s->sigma != 0.0f)
            next += s->sigma * z[i];
        x[i] = next;
        finite = finite && isfinite(next);
    }
    return finite;
}

/* x0 within the limit; NaN stays NaN. */
static void limit_x0(const ggdm_limit *limit, float *x0, int64_t n)
{
    if (limit->threshold)
        ggdm_threshold(x0, n, limit->ratio, limit->most);
    for (int64_t i = 0; limit->clip && i < n; i++)
        x0[i] = x0[i] > 1.0f ? 1.0f : x0[i] < -1.0f ? -1.0f : x0[i];
}

/* Between the logarithms of the largest variance (1) and the least (-1). */
static void fill_range(const ggdm_step *s, ggdm_sampler_io *io)
{
    if (s->log_range == 0.0f || !io->variance)
        io->range = NULL;
    for (int64_t i = 0; io->range && i < io->n; i++)
        io->range[i] = (float)exp(0.5 * (1.0 - io->variance[i]) * s->log_range);
}

bool ggdm_sampler_step(const ggdm_item *sampler, const ggdm_chain *chain, int32_t step,
                       int32_t evaluation, ggdm_sampler_io *io)
{
    const ggdm_sampler_kind *kind = (const ggdm_sampler_kind *)sampler->kind;
    const ggdm_step *s = &chain->step[(int64_t)step * chain->evaluations + evaluation];
    for (int64_t i = 0; i < io->n; i++)
        io->x0[i] = s->x0_x * io->x[i] + s->x0_eps * io->eps[i];
    limit_x0(&chain->limit, io->x0, io->n);
    for (int64_t i = 0; io->x0_change && i < io->n; i++)
        io->x0[i] += io->x0_change[i];
    io->moved = chain->limit.clip || chain->limit.threshold || io->x0_change;
    fill_range(s, io);
    return kind->step
               ? kind->step(chain, step, evaluation, sampler, io)
               : ggdm_step_linear(s, io->x, io->eps, io->moved ? io->x0 : NULL, io->z, io->n);
}

bool ggdm_step_shift(float *x, const float *grad, const float *range, float weight, int64_t n)
{
    bool finite = true;
    for (int64_t i = 0; i < n; i++) {
        x[i] -= weight * (range ? range[i] * grad[i] : grad[i]);
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
