/* The kernels in plain C: lanes are an array. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline
#define TABLE ggdm_kernels_ref
#define TILES_ROWS 6
#define TILES_VECTORS 1

typedef struct v16 {
    float f[16];
} v16;

#define LANES(expression)                                                                          \
    v16 r;                                                                                         \
    for (int i = 0; i < 16; i++)                                                                   \
        r.f[i] = (expression);                                                                     \
    return r

INLINE v16 set16(float a)
{
    LANES(a);
}
INLINE v16 add16(v16 a, v16 b)
{
    LANES(a.f[i] + b.f[i]);
}
INLINE v16 sub16(v16 a, v16 b)
{
    LANES(a.f[i] - b.f[i]);
}
INLINE v16 mul16(v16 a, v16 b)
{
    LANES(a.f[i] * b.f[i]);
}
INLINE v16 div16(v16 a, v16 b)
{
    LANES(a.f[i] / b.f[i]);
}
INLINE v16 fma16(v16 a, v16 b, v16 c)
{
    LANES(fmaf(a.f[i], b.f[i], c.f[i]));
}
INLINE v16 fnma16(v16 a, v16 b, v16 c)
{
    LANES(fmaf(-a.f[i], b.f[i], c.f[i]));
}
INLINE v16 min16(v16 a, v16 b)
{
    LANES(a.f[i] < b.f[i] ? a.f[i] : b.f[i]);
}
INLINE v16 max16(v16 a, v16 b)
{
    LANES(a.f[i] > b.f[i] ? a.f[i] : b.f[i]);
}
INLINE v16 select_gt16(v16 a, v16 b, v16 x, v16 y)
{
    LANES(a.f[i] > b.f[i] ? x.f[i] : y.f[i]);
}
INLINE v16 select_nan16(v16 a, v16 x, v16 y)
{
    LANES(isnan(a.f[i]) ? x.f[i] : y.f[i]);
}
INLINE v16 keep16(v16 a, int64_t n)
{
    LANES(i < n ? a.f[i] : 0.0f);
}
INLINE v16 exponent16(v16 a)
{
    v16 r;
    for (int i = 0; i < 16; i++) {
        int32_t bits;
        memcpy(&bits, &a.f[i], sizeof bits);
        bits = (int32_t)((uint32_t)(bits - 0x4B400000 + 127) << 23);
        memcpy(&r.f[i], &bits, sizeof bits);
    }
    return r;
}
INLINE v16 reciprocal_guess16(v16 a)
{
    v16 r;
    for (int i = 0; i < 16; i++) {
        uint32_t bits;
        memcpy(&bits, &a.f[i], sizeof bits);
        bits = 0x7ef311c7 - bits;
        memcpy(&r.f[i], &bits, sizeof bits);
    }
    return r;
}
INLINE void get16(v16 a, float *lanes)
{
    memcpy(lanes, a.f, sizeof a.f);
}

INLINE v16 load_f32(const float *p, int64_t n)
{
    LANES(i < n ? p[i] : 0.0f);
}
INLINE void store_f32(float *p, v16 v, int64_t n)
{
    for (int i = 0; i < 16 && i < n; i++)
        p[i] = v.f[i];
}
INLINE v16 load_bf16(const uint16_t *p, int64_t n)
{
    v16 r;
    for (int i = 0; i < 16; i++) {
        uint32_t bits = i < n ? (uint32_t)p[i] << 16 : 0;
        memcpy(&r.f[i], &bits, sizeof bits);
    }
    return r;
}
INLINE void store_bf16(uint16_t *p, v16 v, int64_t n)
{
    for (int i = 0; i < 16 && i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &v.f[i], sizeof bits);
        uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);
        if ((bits & 0x7f800000) == 0)
            rounded = bits & 0x80000000;
        p[i] = (uint16_t)((isnan(v.f[i]) ? bits | 0x400000 : rounded) >> 16);
    }
}

#include "models/nn/kernels.inc"
