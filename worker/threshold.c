#include "worker/threshold.h"

#include <math.h>
#include <string.h>

/* Floats that are not negative are ordered as their bits are. */
static uint32_t size_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x7fffffffu;
}

static float of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static int64_t count_to(const float *x, int64_t n, uint32_t bits)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++)
        count += size_bits(x[i]) <= bits;
    return count;
}

/* Of the sizes in order number k, by bisection: no memory, and 31 passes whatever the image. */
static uint32_t size_at(const float *x, int64_t n, int64_t k)
{
    uint32_t low = 0, high = 0x7fffffffu;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (count_to(x, n, middle) > k)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* The one behind it. */
static uint32_t size_after(const float *x, int64_t n, int64_t k, uint32_t at)
{
    uint32_t next = 0x7fffffffu;
    if (count_to(x, n, at) > k + 1)
        return at;
    for (int64_t i = 0; i < n; i++)
        if (size_bits(x[i]) > at && size_bits(x[i]) < next)
            next = size_bits(x[i]);
    return next;
}

float ggdm_quantile_of_size(const float *x, int64_t n, double ratio)
{
    const double place = ratio * (double)(n - 1);
    const int64_t k = (int64_t)floor(place);
    const uint32_t low = size_at(x, n, k);
    if (place == (double)k)
        return of_bits(low);
    const double a = of_bits(low), b = of_bits(size_after(x, n, k, low));
    return (float)(a + (place - (double)k) * (b - a));
}

void ggdm_threshold(float *x0, int64_t n, double ratio, double most)
{
    float s = ggdm_quantile_of_size(x0, n, ratio);
    s = s > 1.0f ? s : 1.0f; /* also NaN */
    s = s < (float)most ? s : (float)most;
    for (int64_t i = 0; i < n; i++)
        x0[i] = (x0[i] > s ? s : x0[i] < -s ? -s : x0[i]) / s;
}
