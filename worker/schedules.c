#include "worker/schedules.h"

#include <math.h>
#include <stddef.h>

#include "worker/emit.h"

const char *const ggdm_schedule_names[] = {[GGDM_SCHEDULE_CONSTANT] = "constant",
                                           [GGDM_SCHEDULE_INCREASING] = "increasing",
                                           [GGDM_SCHEDULE_DECREASING] = "decreasing",
                                           [GGDM_SCHEDULE_NOISE] = "noise",
                                           [GGDM_SCHEDULE_SIGNAL] = "signal",
                                           [GGDM_SCHEDULE_SIGMA] = "sigma",
                                           [GGDM_SCHEDULE_SINE] = "sine",
                                           [GGDM_SCHEDULE_EPS] = "eps",
                                           NULL};

/* What the schedules of a chain are relative to. */
typedef struct whole {
    double increasing, decreasing; /* sums over the steps */
    double variance;               /* the largest */
    int32_t steps, train_steps;
} whole;

static const ggdm_step *first_tick(const ggdm_chain *c, int32_t step)
{
    return &c->step[(int64_t)step * c->evaluations];
}

/* Of a step; of several at one timestep that of the last, which leaves it. */
static double alpha(const ggdm_chain *c, int32_t step)
{
    while (step + 1 < c->steps && first_tick(c, step + 1)->t == first_tick(c, step)->t)
        step++;
    return first_tick(c, step)->alpha_bar / first_tick(c, step)->alpha_bar_next;
}

static void fill(const whole *w, double alpha, ggdm_step *s)
{
    const double increasing = w->increasing > 0 ? w->steps / w->increasing : 0;
    const double decreasing = w->decreasing > 0 ? w->steps / w->decreasing : 0;
    const double bar = s->alpha_bar;
    const double angle = acos(-1.0) * s->t / w->train_steps;
    const double v[GGDM_N_SCHEDULES] = {
        [GGDM_SCHEDULE_CONSTANT] = 1,
        [GGDM_SCHEDULE_INCREASING] = alpha * increasing,
        [GGDM_SCHEDULE_DECREASING] = (1 - alpha) * decreasing,
        [GGDM_SCHEDULE_NOISE] = sqrt(1 - bar),
        [GGDM_SCHEDULE_SIGNAL] = sqrt(bar),
        [GGDM_SCHEDULE_SIGMA] = sqrt((1 - bar) / bar),
        [GGDM_SCHEDULE_SINE] = w->variance * fmax(sin(angle), 0),
        [GGDM_SCHEDULE_EPS] = (1 - alpha) / sqrt(alpha * (1 - bar)),
    };
    for (int k = 0; k < GGDM_N_SCHEDULES; k++)
        s->schedule[k] = (float)v[k];
}

void ggdm_schedules_fill(int32_t train_steps, ggdm_chain *c)
{
    whole w = {.steps = c->steps, .train_steps = train_steps};
    for (int32_t i = 0; i < c->steps; i++) {
        w.increasing += alpha(c, i);
        w.decreasing += 1 - alpha(c, i);
        w.variance = fmax(w.variance, first_tick(c, i)->variance);
    }
    for (int32_t i = 0; i < c->steps * c->evaluations; i++)
        fill(&w, alpha(c, i / c->evaluations), &c->step[i]);
}

/* ---- factors of values --------------------------------------------------------------------- */

static double number_in(ggdm_number number, const ggdm_step *s)
{
    switch (number) {
    case GGDM_NUMBER_MINUS:
        return -1;
    case GGDM_NUMBER_CURRENT:
        return sqrt(s->alpha_bar_next / s->alpha_bar);
    case GGDM_NUMBER_VARIANCE:
        return s->variance;
    case GGDM_NUMBER_SIGNAL:
        return sqrt(s->alpha_bar);
    case GGDM_NUMBER_NOISE:
        return sqrt(1 - s->alpha_bar);
    case GGDM_NUMBER_PER_NOISE:
        return 1 / sqrt(1 - s->alpha_bar);
    case GGDM_NUMBER_TO_EPS:
        return -sqrt(s->alpha_bar) / sqrt(1 - s->alpha_bar);
    default:
        return 1;
    }
}

float ggdm_scale_in(const ggdm_scale *scale, const ggdm_step *step)
{
    float f = scale->through_x0 ? step->x0_x : 1.0f;
    if (scale->schedule != GGDM_SCHEDULE_CONSTANT)
        f *= step->schedule[scale->schedule];
    if (scale->number != GGDM_NUMBER_ONE)
        f *= (float)number_in(scale->number, step);
    return f;
}
