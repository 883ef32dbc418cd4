/* One simulated worker of a swarm (bench_swarm.h): the units in its hands, and what it does when.
 */
#ifndef GGDM_COORDINATOR_BENCH_MEMBER_H
#define GGDM_COORDINATOR_BENCH_MEMBER_H

#include <stdbool.h>

#include "coordinator/cmd/bench_swarm.h"
#include "jobs/messages.h"

#define GGDM_SWARM_SEED 20261130
#define GGDM_SWARM_STATE 6 /* a state in f32 takes so many times its PNG */

/* What all workers of a world share; borrowed. */
typedef struct ggdm_swarm_desk {
    const ggdm_swarm_load *load;
    ggdm_swarm_sums *sums;
    double opened; /* the world, when */
    uint8_t
        *bytes; /* of an image, or of a state: GGDM_SWARM_STATE times those of a unit's images */
    ggdm_wire wire;
} ggdm_swarm_desk;

/* One worker.  The first of its units is at work. */
typedef struct ggdm_member {
    ggdm_transport *t;
    ggdm_unit *units; /* [n], owned */
    size_t n, cap;
    double begun, ends; /* the unit at work */
    double beat, checkpoint;
    double part, saved; /* of it: when it was begun; in the last checkpoint */
    double next;        /* event; the earliest of ends, beat and checkpoint */
    double free_since;  /* n is 0 */
    double died;        /* HUGE_VAL: it lives */
    bool worked, left;  /* it had a unit; it said BYE */
} ggdm_member;

/** A unit is there that it has not begun: it does so now, if it has no other. */
void ggdm_member_begin(ggdm_member *m, ggdm_swarm_desk *desk, double now);

/** Do what is to be done at m->next: report, save or give a sign.  Afterwards it may have no unit.
 *  Errors: those of packing and sending. */
ggdm_status ggdm_member_act(ggdm_member *m, ggdm_swarm_desk *desk, ggdm_error *err);

/** Its world has ended: of a unit at work what its last checkpoint has is kept. */
void ggdm_member_settle(const ggdm_member *m, ggdm_swarm_desk *desk, double now);

#endif
