/* Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011), so that a number is a pure
 * function of what it is for and never of who asks, when, or in which order.
 *
 * The normals use only IEEE add, multiply, divide and square root in double (no libm), so their
 * bits are the same on every machine and instruction set. */
#ifndef GGDM_COMMON_PHILOX_H
#define GGDM_COMMON_PHILOX_H

#include <stdint.h>

/* What random numbers are for: the last counter word keeps the uses apart. */
enum ggdm_stream {
    GGDM_STREAM_SAMPLER = 0, /* a = image index, b = sampler step (0: x_T, s+1: noise of step s) */
    GGDM_STREAM_INIT = 1,    /* a = parameter index */
    GGDM_STREAM_SHUFFLE = 2, /* a = epoch */
    GGDM_STREAM_AUGMENT = 3, /* a = sample of the training run (low word), b = high word */
    GGDM_STREAM_TRAIN = 4,   /* a = sample of the training run (low word), b = high word */
    GGDM_STREAM_SUBSET = 5   /* a = subset, b = which set (evaluate/kid_subsets.c) */
};

/* Noise of a step: the last counter word is stream | use << 8 | draw << 16 | stage << 28
 * (docs/decisions/018).  Uses are the sampler's own noise, that of going back to x_t before a step
 * is made again, that of smoothed losses, and uniform numbers for cut-outs. */
#define GGDM_STEP_NOISE(use, draw)                                                                 \
    (GGDM_STREAM_SAMPLER | (uint32_t)(use) << 8 | (uint32_t)(draw) << 16)
#define GGDM_SAMPLER_NOISE(draw) GGDM_STEP_NOISE(0, draw)
#define GGDM_RENOISING(repeat) GGDM_STEP_NOISE(1, repeat)
#define GGDM_SMOOTHING_NOISE(repeat, sample) GGDM_STEP_NOISE(2, (repeat) << 6 | (sample))
#define GGDM_CUTOUTS(repeat) GGDM_STEP_NOISE(3, repeat)

/** The 10-round Philox4x32 bijection. */
void ggdm_philox4x32(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

/** out[i], i < n: standard normals of (seed, stream, a, b, element i), by Box-Muller from the
 *  Philox block i / 4. */
void ggdm_normals(uint64_t seed, uint32_t stream, uint32_t a, uint32_t b, int64_t n, float *out);

/** out[i], i < n: uniform in [0, 1) with 32 bits, of (seed, stream, a, b, element i). */
void ggdm_uniforms(uint64_t seed, uint32_t stream, uint32_t a, uint32_t b, int64_t n, double *out);

#endif
