/* What mpirun or srun says when a world dies: which rank went first, and how.  It is read from its
 * standard error, as its exit code alone does not tell. */
#ifndef GGDM_COORDINATOR_OBITUARY_H
#define GGDM_COORDINATOR_OBITUARY_H

#include <stdbool.h>
#include <stddef.h>

typedef struct ggdm_obituary {
    int rank;       /* that died first; -1: none was named */
    int signal;     /* that ended it; 0: none */
    int exit_code;  /* with which it ended; -1: it did not exit */
    bool aborted;   /* the rank gave the world up itself (MPI_Abort) */
    bool host_lost; /* the connection to a host broke */
    char host[64];  /* of the rank, or the one that was lost; "" where not named */
    char line[512]; /* the line that is not complete yet */
    size_t n;       /* bytes of it */
} ggdm_obituary;

void ggdm_obituary_init(ggdm_obituary *o);
/** Take in the next bytes of mpirun's standard error.  What is said first counts. */
void ggdm_obituary_feed(ggdm_obituary *o, const char *bytes, size_t n);

#endif
