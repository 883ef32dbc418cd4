/* The arithmetic of one sampler step on one image, in f32 with a fixed order, and what becomes of
 * the last x. */
#ifndef GGDM_WORKER_SAMPLER_H
#define GGDM_WORKER_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/kinds.h"

/** x <- mean(x, eps) + sigma z   (GGDM paper, Algorithm 1 line 4).
 *
 *  x     [n] f32, in and out: x_t, then x_{t-1}; data units, [-1, 1] at the end
 *  eps   [n] predicted noise
 *  x0    [n] x0-hat where it is not what x and eps say (clipped, moved); NULL: it is
 *  z     [n] standard normal noise (not read where sigma is 0)
 *  Returns whether all of x is finite.  Errors: none.  Not collective. */
bool ggdm_step_linear(const ggdm_step *s, float *x, const float *eps, const float *x0,
                      const float *z, int64_t n);

/** Make a tick of a chain (an evaluation of a step) with its sampler: x0-hat, within the chain's
 *  limit and changed, then the kind's step.  All of io is there but x0's values and moved.
 *  Returns whether all of x is finite. */
bool ggdm_sampler_step(const ggdm_item *sampler, const ggdm_chain *chain, int32_t step,
                       int32_t evaluation, ggdm_sampler_io *io);

/** x <- x - weight grad   (line 6), for each shift of the step in its order; where range is
 *  not NULL each element of grad times its own.  Returns as above. */
bool ggdm_step_shift(float *x, const float *grad, const float *range, float weight, int64_t n);

/** Pixels for the archive: u8 = floor(127.5 (x + 1) + 0.5) clamped to 0..255, not finite: 0.
 *  Returns the share of pixels with |x| > 1.5 (1.5 times the data range; not finite counts). */
float ggdm_sampler_quantise(const float *x, uint8_t *out, int64_t n);

#endif
