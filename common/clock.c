#include "common/clock.h"

#include <time.h>

static double skipped;

static double read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec + skipped;
}

double ggdm_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double ggdm_wall_clock(void)
{
    return read_clock(CLOCK_REALTIME);
}

void ggdm_clock_skip(double seconds)
{
    skipped += seconds;
}

void ggdm_sleep(double seconds)
{
    if (seconds <= 0)
        return;
    time_t whole = (time_t)seconds;
    struct timespec t = {.tv_sec = whole, .tv_nsec = (long)((seconds - (double)whole) * 1e9)};
    nanosleep(&t, NULL);
}
