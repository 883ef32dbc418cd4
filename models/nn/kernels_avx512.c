/* The kernels for AVX-512 (F, BW, DQ, VL; those for bf16 also BF16): lanes are one register,
 * incomplete vectors are masked. */
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define TABLE ggdm_kernels_avx512
#define TILES_ROWS 6
#define TILES_VECTORS 4

typedef __m512 v16;

INLINE v16 set16(float a)
{
    return _mm512_set1_ps(a);
}
INLINE v16 add16(v16 a, v16 b)
{
    return _mm512_add_ps(a, b);
}
INLINE v16 sub16(v16 a, v16 b)
{
    return _mm512_sub_ps(a, b);
}
INLINE v16 mul16(v16 a, v16 b)
{
    return _mm512_mul_ps(a, b);
}
INLINE v16 div16(v16 a, v16 b)
{
    return _mm512_div_ps(a, b);
}
INLINE v16 fma16(v16 a, v16 b, v16 c)
{
    return _mm512_fmadd_ps(a, b, c);
}
INLINE v16 fnma16(v16 a, v16 b, v16 c)
{
    return _mm512_fnmadd_ps(a, b, c);
}
INLINE v16 min16(v16 a, v16 b)
{
    return _mm512_min_ps(a, b);
}
INLINE v16 max16(v16 a, v16 b)
{
    return _mm512_max_ps(a, b);
}
INLINE v16 select_gt16(v16 a, v16 b, v16 x, v16 y)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), y, x);
}
INLINE v16 select_nan16(v16 a, v16 x, v16 y)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), y, x);
}
INLINE __mmask16 first(int64_t n)
{
    return n >= 16 ? 0xffff : (__mmask16)((1u << n) - 1);
}
INLINE v16 keep16(v16 a, int64_t n)
{
    return _mm512_maskz_mov_ps(first(n), a);
}
INLINE v16 exponent16(v16 a)
{
    __m512i k = _mm512_sub_epi32(_mm512_castps_si512(a), _mm512_set1_epi32(0x4B400000 - 127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(k, 23));
}
INLINE v16 reciprocal_guess16(v16 a)
{
    return _mm512_castsi512_ps(
        _mm512_sub_epi32(_mm512_set1_epi32(0x7ef311c7), _mm512_castps_si512(a)));
}
INLINE void get16(v16 a, float *lanes)
{
    _mm512_storeu_ps(lanes, a);
}

INLINE v16 load_f32(const float *p, int64_t n)
{
    return n >= 16 ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(first(n), p);
}
INLINE void store_f32(float *p, v16 v, int64_t n)
{
    if (n >= 16)
        _mm512_storeu_ps(p, v);
    else
        _mm512_mask_storeu_ps(p, first(n), v);
}
INLINE v16 load_bf16(const uint16_t *p, int64_t n)
{
    __m256i h =
        n >= 16 ? _mm256_loadu_si256((const __m256i *)p) : _mm256_maskz_loadu_epi16(first(n), p);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}
INLINE void store_bf16(uint16_t *p, v16 v, int64_t n)
{
    __m256i h = (__m256i)_mm512_cvtneps_pbh(v);
    if (n >= 16)
        _mm256_storeu_si256((__m256i *)p, h);
    else
        _mm256_mask_storeu_epi16(p, first(n), h);
}

#include "models/nn/kernels.inc"
