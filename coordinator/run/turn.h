/* One turn of the dispatch loop: results and claims in one transaction, and after its commit units
 * for the workers.  Here is also what the loop (dispatch.c) knows. */
#ifndef GGDM_COORDINATOR_TURN_H
#define GGDM_COORDINATOR_TURN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"
#include "common/transport.h"
#include "coordinator/run/hand.h"
#include "coordinator/run/progress.h"
#include "coordinator/run/request.h"
#include "jobs/store.h"
#include "jobs/store_until.h"

#define GGDM_COMMIT_SECONDS 0.02 /* results wait so long for others, while no worker runs dry */

typedef struct ggdm_worker {
    bool ready;       /* said READY */
    bool left;        /* said BYE: gets nothing more */
    double last_sign; /* when the last packet came, or units were sent */
    ggdm_hand hand;
} ggdm_worker;

typedef struct ggdm_dispatch {
    ggdm_transport *t;
    ggdm_store *store;
    ggdm_progress *progress;
    const ggdm_growth *growth; /* NULL: no sweep of the run ends itself */
    ggdm_worker *workers;      /* [n], by rank; 0 is unused */
    int n;                     /* size of the world */
    ggdm_packet packet;
    ggdm_store_work work; /* of units that are done, and of saved ones that wait */
    double cost_resumed;  /* of what is done, made before this session */
    size_t state_bytes;   /* of checkpoints that wait for the turn's transaction */
    double waiting_since; /* results wait to be stored; 0: none do */
    bool news;            /* workers said more than that they live, or there are new units */
    double last_turn;     /* when it was looked whether there is one to make */
    bool stopping;
    bool out_of_time;   /* the job ends soon (walltime.h) */
    double longest_gap; /* between two signs of a worker that has a unit */
    double last_look;   /* at who is silent */
    ggdm_request_desk requests;
    ggdm_error broken; /* why a worker could not begin, code GGDM_OK: none */
} ggdm_dispatch;

/** Has it a unit that it has not reported? */
static inline bool ggdm_worker_is_busy(const ggdm_worker *w)
{
    return w->hand.n > w->hand.reported;
}

/** Store what was reported, claim for those who can take more, commit, and only then send.  Nothing
 *  happens while there is nothing to store or to claim, or while results can wait for others.
 *  Errors: of the store (the turn is rolled back), of the transport. */
ggdm_status ggdm_turn(ggdm_dispatch *d, ggdm_error *err);

#endif
