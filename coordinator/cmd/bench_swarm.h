/* Simulated workers for `ggdm bench dispatch --ranks N`: a transport for rank 0 behind which
 * thousands of workers keep the protocol (worker/protocol.h) and compute nothing.
 *
 * They live by events: units that end, signs of life, checkpoints, deaths.  Where the coordinator
 * would wait for a packet, the clock goes on to the next event (ggdm_clock_skip); what the
 * coordinator itself does takes the time that it takes, without that in which other processes had
 * its core, and what the workers do takes none.  Every packet is packed, queued, copied and
 * unpacked by the real code, through the in-process transport; a network's latency is not in it. */
#ifndef GGDM_COORDINATOR_BENCH_SWARM_H
#define GGDM_COORDINATOR_BENCH_SWARM_H

#include <stdint.h>

#include "common/status.h"
#include "common/transport.h"

typedef struct ggdm_swarm_load {
    int32_t ranks;    /* workers of the first world */
    int32_t per_host; /* of them on a host */
    double unit_seconds;
    int32_t images;       /* of a unit */
    int32_t image_bytes;  /* of each */
    double rank_deaths;   /* an hour, of all */
    double host_deaths;   /* an hour, of all */
    double start_seconds; /* from the end of a world until the workers of the next one are ready */
} ggdm_swarm_load;

#define GGDM_SWARM_BIN 100   /* of waits, for each power of ten ... */
#define GGDM_SWARM_LEAST -6  /* ... from this */
#define GGDM_SWARM_BINS 1100 /* up to 10^5 s */

/* What came of it, of all worlds so far.  Plain numbers: a world that dies hands them on. */
typedef struct ggdm_swarm_sums {
    int32_t ranks;              /* workers that the next world has */
    int32_t culprit;            /* the rank that died last; 0: a host */
    int32_t worlds, lost_hosts; /* begun; died */
    int64_t done, lost_units;   /* units reported; at work when their world died */
    int64_t checkpoints;
    double begun, now;                   /* of the simulation; of its clock */
    double available;                    /* seconds of workers, of all worlds, and of these: */
    double useful, lost, silent, waited; /* kept; computed for nothing; of dead hosts; for a unit */
    double restart;                      /* beside these: between worlds */
    double fill;                         /* longest time until all workers of a world had a unit */
    double first_done, last_sent;        /* when; last_sent: a unit */
    int64_t done_then;                   /* units reported when the last one was sent */
    double cpu, busy;                    /* seconds of the coordinator: computing; not waiting */
    double memory;                       /* its peak of bytes */
    double worst;                        /* wait for a unit */
    int64_t waits[GGDM_SWARM_BINS];      /* how many, by length */
} ggdm_swarm_sums;

/** The share q of the waits that were no longer than this, in seconds. */
double ggdm_swarm_wait(const ggdm_swarm_sums *sums, double q);

/** The transport of rank 0 of a world of 1 + sums->ranks ranks, whose workers say READY now.
 *  *sums is borrowed and grows; where a worker dies, the world does: sums are written to the file
 *  descriptor, and this process kills itself.  Owned: ggdm_transport_close.
 *  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_swarm_open(const ggdm_swarm_load *load, ggdm_swarm_sums *sums, int fd,
                            ggdm_transport **out, ggdm_error *err);

/** The dispatch loop has returned: what was at work is lost.  Sums are written. */
ggdm_status ggdm_swarm_end(ggdm_transport *transport, ggdm_error *err);

#endif
