#include "coordinator/world/walltime.h"

#include <math.h>
#include <stdlib.h>

#include "common/clock.h"

double ggdm_walltime_left(void)
{
    const char *text = getenv(GGDM_DEADLINE_ENV);
    char *end;
    double at = text ? strtod(text, &end) : 0;
    return text && end != text && *end == '\0' && at > 0 ? at - ggdm_wall_clock() : HUGE_VAL;
}

double ggdm_walltime_to_work(double longest_gap)
{
    return ggdm_walltime_left() - GGDM_STOP_MARGIN - longest_gap;
}

bool ggdm_slurm_restarted(void)
{
    const char *count = getenv("SLURM_RESTART_COUNT");
    return count && atoi(count) > 0;
}
