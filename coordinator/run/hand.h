/* The units in a worker's hands, in the order in which it runs them:
 *
 *     reported ... | at work | waiting ...
 *
 * A worker that needs 0.1 s for a unit must not wait for the coordinator's disk after each: it
 * holds as many as keep it busy meanwhile.  One that needs long holds the one it runs, so that in
 * the end no unit waits behind another while other workers have nothing to do. */
#ifndef GGDM_COORDINATOR_HAND_H
#define GGDM_COORDINATOR_HAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "jobs/messages.h"
#include "worker/protocol.h"

#define GGDM_HAND_MAX 128 /* units */

typedef struct ggdm_task {
    ggdm_unit unit;       /* owned */
    bool sent;            /* claimed before this turn */
    bool suspect;         /* has cost worlds: runs alone */
    double cost;          /* of the unit */
    double resumed;       /* part of it that was done when it was claimed, [0, 1] ... */
    double saved;         /* ... and that its checkpoint has by now */
    int64_t expected;     /* samples of the unit */
    ggdm_sample *samples; /* [n_samples], owned: kept until the unit is reported as a whole */
    size_t n_samples, cap;
    uint8_t *state; /* [state_size], owned: a checkpoint to be stored in this turn */
    size_t state_size;
    int32_t state_step;
    ggdm_status outcome; /* reported: GGDM_OK, or why it failed */
    char *message;       /* reported and failed; owned */
} ggdm_task;

typedef struct ggdm_hand {
    ggdm_task *tasks;    /* [cap], owned: a ring; large, so there is room for what is held only */
    int cap, first, n;   /* of the ring */
    int reported;        /* of n, the first ones */
    double part;         /* done of the unit at work, [0, 1] */
    double begun;        /* when it became the one at work */
    double unit_seconds; /* smoothed time of a unit; 0: not known */
} ggdm_hand;

/** Task number i of hand->n. */
ggdm_task *ggdm_hand_task(ggdm_hand *hand, int i);

/** The unit at work, or NULL. */
ggdm_task *ggdm_hand_at_work(ggdm_hand *hand);

/** The task that the report is about, if that is at work; NULL: a late report. */
ggdm_task *ggdm_hand_current(ggdm_hand *hand, const ggdm_report *report);

/** How many more units the worker should get now, where ready units are left for each worker. */
int ggdm_hand_room(const ggdm_hand *hand, double ready_for_each);

/** Is it time to give the worker more? */
bool ggdm_hand_is_low(const ggdm_hand *hand);

/** Make room for so many more units, GGDM_HAND_MAX in all at most; tasks move.
 *  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_hand_reserve(ggdm_hand *hand, int more, ggdm_error *err);

/** Put a unit, which is moved, at the end; there must be room.  Returns its task. */
ggdm_task *ggdm_hand_add(ggdm_hand *hand, ggdm_unit *unit);

/** The unit at work ended like this; *message is moved. */
void ggdm_hand_report(ggdm_hand *hand, ggdm_status outcome, char **message);

/** Move a report's checkpoint to the task; of two the later one counts. */
void ggdm_task_take_state(ggdm_task *task, ggdm_report *report);
void ggdm_task_forget_state(ggdm_task *task);

/** Move a report's images to the task.  Errors: GGDM_EFORMAT for more than its unit asks for. */
ggdm_status ggdm_task_take_samples(ggdm_task *task, ggdm_report *report, ggdm_error *err);

/** Forget the first task. */
void ggdm_hand_drop(ggdm_hand *hand);

bool ggdm_hand_has_suspect(ggdm_hand *hand);

void ggdm_hand_deinit(ggdm_hand *hand);

#endif
