/* The hosts a run may use: from --hosts, --hostfile, or the Slurm allocation. */
#ifndef GGDM_COORDINATOR_HOSTS_H
#define GGDM_COORDINATOR_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"

#define GGDM_HOST_NAME_SIZE 64

typedef struct ggdm_host {
    char name[GGDM_HOST_NAME_SIZE];
    int slots;     /* workers there; 0: not said */
    bool left_out; /* does not answer: not used until it does */
} ggdm_host;

typedef struct ggdm_hosts {
    ggdm_host *list; /* [n], owned; n 0: this machine alone */
    size_t n;
    bool slurm; /* from the allocation: mpirun knows the slots */
} ggdm_hosts;

/** "h1,h2:4".  Errors: GGDM_EINVAL. */
ggdm_status ggdm_hosts_parse(const char *text, ggdm_hosts *out, ggdm_error *err);
/** Lines "name", "name slots=4" or "name:4"; # begins a comment (Open MPI's hostfile).
 *  Errors: GGDM_EINVAL with file and line, GGDM_EIO. */
ggdm_status ggdm_hosts_read(const char *path, ggdm_hosts *out, ggdm_error *err);
/** The nodes of the Slurm job this process runs in; none outside of one.  slots are the job's tasks
 *  per node.  None as well in a step that srun has started: that has cores of this machine.
 *  Errors: GGDM_EINVAL for a list that is none. */
ggdm_status ggdm_hosts_of_slurm(ggdm_hosts *out, ggdm_error *err);
void ggdm_hosts_deinit(ggdm_hosts *hosts);

/** Where slots were not said: so many each. */
void ggdm_hosts_default_slots(ggdm_hosts *hosts, int slots);
/** At least so many each, whatever was said. */
void ggdm_hosts_raise_slots(ggdm_hosts *hosts, int slots);
/** Workers on the hosts that are not left out. */
int ggdm_hosts_slots(const ggdm_hosts *hosts);
/** How many hosts are not left out. */
size_t ggdm_hosts_in(const ggdm_hosts *hosts);
/** The argument of mpirun's --host: those not left out, the first with one slot more, which is the
 *  coordinator's.  Owned text.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_hosts_argument(const ggdm_hosts *hosts, char **out, ggdm_error *err);
/** The argument of srun's --nodelist: the host of each rank in order, rank 0, which coordinates,
 * and then as many as there are slots on the first that is not left out, and so on (over again,
 * where there are more ranks).  Owned text.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_hosts_of_ranks(const ggdm_hosts *hosts, int ranks, char **out, ggdm_error *err);

#endif
