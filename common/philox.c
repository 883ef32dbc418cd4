#include "common/philox.h"

#include <math.h>
#include <string.h>

void ggdm_philox4x32(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* log x for normal x > 0: x = m 2^e, m in [sqrt(1/2), sqrt(2)), log m = 2 atanh((m-1)/(m+1)). */
static double log_portable(double x)
{
    static const double ln2 = 0.693147180559945309417;
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int e = (int)(bits >> 52) - 1023;
    bits = (bits & 0x000FFFFFFFFFFFFFu) | 0x3FF0000000000000u;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.41421356237309504880) {
        m *= 0.5;
        e++;
    }
    double s = (m - 1.0) / (m + 1.0), z = s * s, sum = 1.0 / 21.0;
    for (int k = 19; k >= 1; k -= 2)
        sum = sum * z + 1.0 / k;
    return e * ln2 + 2.0 * s * sum;
}

/* sin and cos of 2 pi v, v in [0, 1): quarter turns apart, Taylor series on [-pi/4, pi/4]. */
static void sincos_turn(double v, double *sine, double *cosine)
{
    int quarter = (int)(4.0 * v + 0.5);
    double x = (4.0 * v - quarter) * 1.57079632679489661923, z = x * x;
    double s = 1.0, c = 1.0;
    for (int k = 14; k >= 2; k -= 2) {
        s = 1.0 - s * z / (k * (k + 1));
        c = 1.0 - c * z / (k * (k - 1));
    }
    s *= x;
    const double sines[4] = {s, c, -s, -c};
    *sine = sines[quarter & 3];
    *cosine = sines[(quarter + 1) & 3];
}

static void block(uint64_t seed, uint32_t stream, uint32_t a, uint32_t b, int64_t i,
                  uint32_t out[4])
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)i, b, a, stream};
    ggdm_philox4x32(key, counter, out);
}

void ggdm_normals(uint64_t seed, uint32_t stream, uint32_t a, uint32_t b, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i += 4) {
        uint32_t r[4];
        float z[4];
        block(seed, stream, a, b, i / 4, r);
        for (int p = 0; p < 4; p += 2) {
            double radius = sqrt(-2.0 * log_portable((r[p] + 1.0) * 0x1p-32)), s, c;
            sincos_turn(r[p + 1] * 0x1p-32, &s, &c);
            z[p] = (float)(radius * c);
            z[p + 1] = (float)(radius * s);
        }
        memcpy(out + i, z, sizeof *z * (size_t)(n - i < 4 ? n - i : 4));
    }
}

void ggdm_uniforms(uint64_t seed, uint32_t stream, uint32_t a, uint32_t b, int64_t n, double *out)
{
    for (int64_t i = 0; i < n; i += 4) {
        uint32_t r[4];
        block(seed, stream, a, b, i / 4, r);
        for (int p = 0; p < 4 && i + p < n; p++)
            out[i + p] = r[p] * 0x1p-32;
    }
}
