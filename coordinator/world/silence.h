/* How long may something that gives signs of life be silent?  As long as ten times the longest gap
 * it has shown, and not less than 15 s: a slow network or a full machine moves the limit by itself.
 * Until the first two signs nothing is known and the limit is that of a start. */
#ifndef GGDM_COORDINATOR_SILENCE_H
#define GGDM_COORDINATOR_SILENCE_H

#include <stdbool.h>

#define GGDM_SILENCE_SECONDS 15.0 /* at least this is allowed */
#define GGDM_SILENCE_GAPS 10.0    /* times the longest gap */
#define GGDM_START_SECONDS 300.0  /* reading weights, building networks, the first step */
#define GGDM_PAUSE_SECONDS 5.0    /* a watcher that was away so long itself forgives all silence */

/** The limit for a longest gap; 0: no gap is known yet. */
static inline double ggdm_silence_limit(double longest_gap)
{
    double limit = GGDM_SILENCE_GAPS * longest_gap;
    return longest_gap <= 0               ? GGDM_START_SECONDS
           : limit > GGDM_SILENCE_SECONDS ? limit
                                          : GGDM_SILENCE_SECONDS;
}

#endif
