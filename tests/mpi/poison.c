/* A library for LD_PRELOAD: a worker dies of a segmentation fault as soon as it has something to
 * report about the unit whose number is in $GGDM_POISON, and waits for $GGDM_SLOW milliseconds
 * before it reports that a unit is done: a run that takes its time, however fast the machine is. It
 * looks at what leaves by MPI_Isend: in the first fragment of a packet stand its size (u64) and the
 * unit (i64). */
#include <mpi.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/transport.h"

int MPI_Isend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm,
              MPI_Request *request)
{
    const char *poison = getenv("GGDM_POISON"), *slow = getenv("GGDM_SLOW");
    int64_t unit;
    if (slow && tag == GGDM_TAG_DONE)
        nanosleep(&(struct timespec){atoi(slow) / 1000, atoi(slow) % 1000 * 1000000L}, NULL);
    if (poison && count >= 16 &&
        (tag == GGDM_TAG_BEAT || tag == GGDM_TAG_SAMPLES || tag == GGDM_TAG_DONE)) {
        memcpy(&unit, (const char *)buf + 8, sizeof unit);
        if (unit == atoll(poison))
            raise(SIGSEGV);
    }
    return PMPI_Isend(buf, count, type, dest, tag, comm, request);
}
