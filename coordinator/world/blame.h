/* Whose fault was it that a world ended?  The supervisor finds out and tells the next world, which
 * counts losses by it (docs/decisions/008-whose-fault.md). */
#ifndef GGDM_COORDINATOR_BLAME_H
#define GGDM_COORDINATOR_BLAME_H

#include <stdbool.h>

#include "jobs/store.h"

/* Set by the supervisor for the world it launches. */
#define GGDM_LOSS_ENV "GGDM_LOSS"

typedef enum ggdm_blame {
    GGDM_BLAME_UNKNOWN, /* all units that ran count a loss */
    GGDM_BLAME_OUTSIDE, /* the supervisor died with it: a loss, but none that quarantines */
    GGDM_BLAME_NOBODY,  /* the coordinator, mpirun or a host: no unit counts */
    GGDM_BLAME_WORKER   /* the units of this rank count */
} ggdm_blame;

#define GGDM_BLAME_TEXT 24 /* bytes */

/** As it stands in the environment variable: "unknown", "outside", "nobody", "worker:3". */
const char *ggdm_blame_text(ggdm_blame blame, int rank, char text[GGDM_BLAME_TEXT]);

/** What the store is to do with units that it finds running, from the environment variable; without
 *  it (a world the user started) the fault is unknown. */
void ggdm_blame_to_store(const char *text, ggdm_store_options *options);

/** Does the variable say that the supervisor itself has ended the world before this one? */
bool ggdm_blame_is_successor(const char *text);

#endif
