/* Shares that may be looked at after every image, with a decision each time: confidence sequences.
 *
 * Wilson's interval (jobs/results.h) holds for a number of images that was fixed before.  Whoever
 * stops when an interval is narrow, or when one cell is ahead, needs intervals that hold at all
 * numbers of images at once: beta-binomial mixtures with a uniform prior (Robbins 1970; Howard,
 * Ramdas, McAuliffe, Sekhon 2021). */
#ifndef GGDM_JOBS_SEQUENCE_H
#define GGDM_JOBS_SEQUENCE_H

#include <stdint.h>

/* Share of successes with an interval; all three in [0, 1]. */
typedef struct ggdm_share {
    double p, lo, hi;
} ggdm_share;

/** k successes of the first n: the shares p at which B(k + 1, n - k + 1) / (p^k (1 - p)^(n - k)) is
 *  below 1 / level.  With probability 1 - level the true share is in the intervals of all n at once
 *  (level in (0, 1)).  n = 0 gives {0, 0, 1}. */
ggdm_share ggdm_sequence_share(int64_t k, int64_t n, double level);

/** Two cells that share their noise, of whose images a are right in the first one alone and b in
 * the second one alone: log of B(a + 1, b + 1) 2^(a + b).  Where an image that differs is as likely
 * to be either, this exceeds log(1 / level) at some time with probability level at most; so does it
 * with the first one ahead (a > b) where the second one is at least as good. */
double ggdm_sequence_lead(int64_t a, int64_t b);

#endif
