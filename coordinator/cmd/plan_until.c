#include "coordinator/cmd/plan_until.h"

#include <stdio.h>

#include "coordinator/run/progress.h"

/* Images, and so work, at most by those of the first round. */
static double growth(const ggdm_setup *s)
{
    return (double)s->spec.until.at_most / s->spec.samples;
}

void ggdm_plan_put_until(ggdm_json *j, const ggdm_setup *s, double seconds)
{
    const ggdm_until *u = &s->spec.until;
    if (!u->at_most)
        return;
    ggdm_json_begin_object(j, "until");
    ggdm_json_put_string(j, "measure", u->measure);
    ggdm_json_put_double(j, u->best > 0 ? "best" : "halfwidth",
                         u->best > 0 ? u->best : u->halfwidth);
    ggdm_json_put_double(j, "level", u->level);
    ggdm_json_put_int(j, "block", u->block);
    ggdm_json_put_int(j, "at_most", u->at_most);
    ggdm_json_put_int(j, "images_least", (int64_t)s->cells.n_trajectories * s->spec.samples);
    ggdm_json_put_int(j, "images_most", (int64_t)s->cells.n_trajectories * u->at_most);
    ggdm_json_put_double(j, "seconds_least", seconds);
    ggdm_json_put_double(j, "seconds_most", seconds * growth(s));
    ggdm_json_end(j);
}

void ggdm_plan_print_until(const ggdm_setup *s, double seconds)
{
    const ggdm_until *u = &s->spec.until;
    const long long n = s->cells.n_trajectories;
    char least[16], most[16], rule[64];
    if (!u->at_most)
        return;
    snprintf(rule, sizeof rule, u->best > 0 ? "best cell with %g" : "half width %g",
             u->best > 0 ? u->best : u->halfwidth);
    printf("  until          %s, by %s: %d to %d images a cell, %d a round; %lld to %lld distinct "
           "ones, about %s to %s (what follows is the first round)\n",
           rule, u->measure, s->spec.samples, u->at_most, u->block, n * s->spec.samples,
           n * u->at_most, ggdm_duration_text(seconds, least),
           ggdm_duration_text(seconds * growth(s), most));
}
