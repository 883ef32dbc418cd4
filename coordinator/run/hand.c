#include "coordinator/run/hand.h"

#include <math.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "jobs/planner.h"

#define HOLD_SECONDS 0.3  /* work to hold: several commits on a busy disk */
#define ALONE_SECONDS 5.0 /* a unit of so long needs none behind it */
#define SMOOTH 0.3        /* weight of the latest unit's time */

ggdm_task *ggdm_hand_task(ggdm_hand *hand, int i)
{
    return &hand->tasks[(hand->first + i) % hand->cap];
}

ggdm_task *ggdm_hand_at_work(ggdm_hand *hand)
{
    return hand->reported < hand->n ? ggdm_hand_task(hand, hand->reported) : NULL;
}

ggdm_task *ggdm_hand_current(ggdm_hand *hand, const ggdm_report *report)
{
    ggdm_task *t = ggdm_hand_at_work(hand);
    return t && t->sent && t->unit.id == report->unit && t->unit.attempt == report->attempt ? t
                                                                                            : NULL;
}

/* Units to hold by their duration. */
static double wanted(const ggdm_hand *hand)
{
    if (hand->unit_seconds <= 0 || hand->unit_seconds >= ALONE_SECONDS)
        return 1;
    return 1 + ceil(HOLD_SECONDS / hand->unit_seconds);
}

int ggdm_hand_room(const ggdm_hand *hand, double ready_for_each)
{
    double most = fmin(wanted(hand), GGDM_HAND_MAX - hand->reported);
    most = fmin(most, fmax(1, ready_for_each));
    int active = hand->n - hand->reported;
    return most > active ? (int)most - active : 0;
}

bool ggdm_hand_is_low(const ggdm_hand *hand)
{
    return 2 * (hand->n - hand->reported) <= fmin(wanted(hand), GGDM_HAND_MAX);
}

static int64_t samples_of(const ggdm_unit *unit)
{
    int64_t n = 0;
    for (int32_t i = 0; i < unit->n_segments; i++)
        n += unit->segments[i].trajectory >= 0;
    return n * unit->image_count;
}

/* A new unit is at work. */
static void begin_next(ggdm_hand *hand)
{
    const ggdm_task *t = ggdm_hand_at_work(hand);
    hand->part = t ? t->resumed : 0;
    hand->begun = ggdm_now();
}

ggdm_status ggdm_hand_reserve(ggdm_hand *hand, int more, ggdm_error *err)
{
    int cap = hand->cap ? hand->cap : 1;
    ggdm_task *tasks = NULL;
    if (hand->n + more <= hand->cap)
        return GGDM_OK;
    while (cap < hand->n + more)
        cap *= 2;
    GGDM_TRY(ggdm_alloc(&tasks, (size_t)cap, sizeof *tasks, err));
    for (int i = 0; i < hand->n; i++)
        tasks[i] = *ggdm_hand_task(hand, i);
    free(hand->tasks);
    hand->tasks = tasks;
    hand->cap = cap;
    hand->first = 0;
    return GGDM_OK;
}

ggdm_task *ggdm_hand_add(ggdm_hand *hand, ggdm_unit *unit)
{
    ggdm_task *t = ggdm_hand_task(hand, hand->n);
    const double done = ggdm_segments_part(unit->segments, unit->n_segments, unit->step);
    *t = (ggdm_task){.unit = *unit, .expected = samples_of(unit), .resumed = done, .saved = done};
    *unit = (ggdm_unit){0};
    if (hand->n++ == hand->reported)
        begin_next(hand);
    return t;
}

void ggdm_hand_report(ggdm_hand *hand, ggdm_status outcome, char **message)
{
    ggdm_task *t = ggdm_hand_at_work(hand);
    double seconds = ggdm_now() - hand->begun;
    t->outcome = outcome;
    t->message = *message;
    *message = NULL;
    hand->reported++;
    hand->unit_seconds = hand->unit_seconds > 0
                             ? (1 - SMOOTH) * hand->unit_seconds + SMOOTH * seconds
                             : fmax(seconds, 1e-6);
    begin_next(hand);
}

void ggdm_task_forget_state(ggdm_task *task)
{
    free(task->state);
    task->state = NULL;
    task->state_size = 0;
}

void ggdm_task_take_state(ggdm_task *task, ggdm_report *report)
{
    ggdm_task_forget_state(task);
    task->state = report->state;
    task->state_size = report->state_size;
    task->state_step = report->step;
    report->state = NULL; /* moved */
}

ggdm_status ggdm_task_take_samples(ggdm_task *task, ggdm_report *report, ggdm_error *err)
{
    size_t n = (size_t)report->n_samples;
    if ((int64_t)(task->n_samples + n) > task->expected)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%zu samples, expected %lld", task->n_samples + n,
                         (long long)task->expected);
    GGDM_TRY(
        ggdm_grow(&task->samples, &task->cap, task->n_samples + n, sizeof *task->samples, err));
    for (size_t i = 0; i < n; i++)
        task->samples[task->n_samples++] = report->samples[i];
    report->n_samples = 0; /* moved */
    return GGDM_OK;
}

void ggdm_hand_drop(ggdm_hand *hand)
{
    ggdm_task *t = ggdm_hand_task(hand, 0);
    for (size_t i = 0; i < t->n_samples; i++)
        ggdm_sample_deinit(&t->samples[i]);
    free(t->samples);
    free(t->message);
    ggdm_task_forget_state(t);
    ggdm_unit_deinit(&t->unit);
    *t = (ggdm_task){0};
    hand->first = (hand->first + 1) % hand->cap;
    hand->n--;
    if (hand->reported > 0)
        hand->reported--;
}

bool ggdm_hand_has_suspect(ggdm_hand *hand)
{
    for (int i = hand->reported; i < hand->n; i++)
        if (ggdm_hand_task(hand, i)->suspect)
            return true;
    return false;
}

void ggdm_hand_deinit(ggdm_hand *hand)
{
    while (hand->n > 0)
        ggdm_hand_drop(hand);
    free(hand->tasks);
    hand->tasks = NULL;
    hand->cap = 0;
}
