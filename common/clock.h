/* Time.  Durations and deadlines use the monotonic clock; the wall clock is for display only. */
#ifndef GGDM_COMMON_CLOCK_H
#define GGDM_COMMON_CLOCK_H

/** The last second of the year 9999, the latest date that is shown. */
#define GGDM_LAST_SECOND 253402300799

/** Seconds since some fixed moment; never goes back. */
double ggdm_now(void);
/** Seconds since 1970. */
double ggdm_wall_clock(void);
/** Both clocks are so many seconds further on from now on; for simulations, of one thread, that do
 *  not sleep (or, below 0, whose own work shall take no time). */
void ggdm_clock_skip(double seconds);
/** Sleep; a signal may end it early. */
void ggdm_sleep(double seconds);

#endif
