/* The kernels for AVX2 and FMA: lanes are two registers. */
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define TABLE ggdm_kernels_avx2
#define TILES_ROWS 6
#define TILES_VECTORS 1

typedef struct v16 {
    __m256 a, b;
} v16;

INLINE v16 set16(float a)
{
    return (v16){_mm256_set1_ps(a), _mm256_set1_ps(a)};
}
INLINE v16 add16(v16 a, v16 b)
{
    return (v16){_mm256_add_ps(a.a, b.a), _mm256_add_ps(a.b, b.b)};
}
INLINE v16 sub16(v16 a, v16 b)
{
    return (v16){_mm256_sub_ps(a.a, b.a), _mm256_sub_ps(a.b, b.b)};
}
INLINE v16 mul16(v16 a, v16 b)
{
    return (v16){_mm256_mul_ps(a.a, b.a), _mm256_mul_ps(a.b, b.b)};
}
INLINE v16 div16(v16 a, v16 b)
{
    return (v16){_mm256_div_ps(a.a, b.a), _mm256_div_ps(a.b, b.b)};
}
INLINE v16 fma16(v16 a, v16 b, v16 c)
{
    return (v16){_mm256_fmadd_ps(a.a, b.a, c.a), _mm256_fmadd_ps(a.b, b.b, c.b)};
}
INLINE v16 fnma16(v16 a, v16 b, v16 c)
{
    return (v16){_mm256_fnmadd_ps(a.a, b.a, c.a), _mm256_fnmadd_ps(a.b, b.b, c.b)};
}
INLINE v16 min16(v16 a, v16 b)
{
    return (v16){_mm256_min_ps(a.a, b.a), _mm256_min_ps(a.b, b.b)};
}
INLINE v16 max16(v16 a, v16 b)
{
    return (v16){_mm256_max_ps(a.a, b.a), _mm256_max_ps(a.b, b.b)};
}
INLINE v16 select_gt16(v16 a, v16 b, v16 x, v16 y)
{
    return (v16){_mm256_blendv_ps(y.a, x.a, _mm256_cmp_ps(a.a, b.a, _CMP_GT_OQ)),
                 _mm256_blendv_ps(y.b, x.b, _mm256_cmp_ps(a.b, b.b, _CMP_GT_OQ))};
}
INLINE v16 select_nan16(v16 a, v16 x, v16 y)
{
    return (v16){_mm256_blendv_ps(y.a, x.a, _mm256_cmp_ps(a.a, a.a, _CMP_UNORD_Q)),
                 _mm256_blendv_ps(y.b, x.b, _mm256_cmp_ps(a.b, a.b, _CMP_UNORD_Q))};
}
INLINE __m256 exponent8(__m256 a)
{
    __m256i k = _mm256_sub_epi32(_mm256_castps_si256(a), _mm256_set1_epi32(0x4B400000 - 127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(k, 23));
}
INLINE v16 exponent16(v16 a)
{
    return (v16){exponent8(a.a), exponent8(a.b)};
}
INLINE __m256 reciprocal_guess8(__m256 a)
{
    return _mm256_castsi256_ps(
        _mm256_sub_epi32(_mm256_set1_epi32(0x7ef311c7), _mm256_castps_si256(a)));
}
INLINE v16 reciprocal_guess16(v16 a)
{
    return (v16){reciprocal_guess8(a.a), reciprocal_guess8(a.b)};
}
INLINE void get16(v16 a, float *lanes)
{
    _mm256_storeu_ps(lanes, a.a);
    _mm256_storeu_ps(lanes + 8, a.b);
}

INLINE v16 load_f32(const float *p, int64_t n)
{
    float part[16] = {0};
    if (n < 16) {
        for (int64_t i = 0; i < n; i++)
            part[i] = p[i];
        p = part;
    }
    return (v16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
INLINE void store_f32(float *p, v16 v, int64_t n)
{
    float part[16];
    get16(v, n < 16 ? part : p);
    for (int64_t i = 0; i < n && n < 16; i++)
        p[i] = part[i];
}
INLINE v16 keep16(v16 a, int64_t n)
{
    float part[16];
    get16(a, part);
    return load_f32(part, n);
}
INLINE __m256 widen8(const uint16_t *p)
{
    __m256i h = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(h, 16));
}
INLINE v16 load_bf16(const uint16_t *p, int64_t n)
{
    uint16_t part[16] = {0};
    if (n < 16) {
        for (int64_t i = 0; i < n; i++)
            part[i] = p[i];
        p = part;
    }
    return (v16){widen8(p), widen8(p + 8)};
}
INLINE __m256i round8(__m256 v)
{
    __m256i bits = _mm256_castps_si256(v);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i r = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
    __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    __m256i sign = _mm256_and_si256(bits, _mm256_set1_epi32((int)0x80000000u));
    __m256i tiny = _mm256_cmpeq_epi32(_mm256_and_si256(bits, _mm256_set1_epi32(0x7f800000)),
                                      _mm256_setzero_si256());
    r = _mm256_blendv_epi8(r, sign, tiny);
    return _mm256_srli_epi32(_mm256_blendv_epi8(r, quiet, nan), 16);
}
INLINE void store_bf16(uint16_t *p, v16 v, int64_t n)
{
    __m256i h = _mm256_permute4x64_epi64(_mm256_packus_epi32(round8(v.a), round8(v.b)), 0xd8);
    uint16_t part[16];
    _mm256_storeu_si256((__m256i *)(n < 16 ? part : p), h);
    for (int64_t i = 0; i < n && n < 16; i++)
        p[i] = part[i];
}

#include "models/nn/kernels.inc"
