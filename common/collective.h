/* A world of ranks that do one thing together: one rank, or the ranks of MPI_COMM_WORLD.  (The
 * coordinator and its workers of a run, who only send messages, have common/transport.h.)
 *
 * Sums are deterministic: the array is cut into one slice per rank, every rank sends slice k to
 * rank k, which adds the contributions in rank order, and the sums are gathered.  For a given
 * number of ranks the order of additions is fixed, whatever algorithm MPI chooses for moving the
 * bytes. */
#ifndef GGDM_COMMON_COLLECTIVE_H
#define GGDM_COMMON_COLLECTIVE_H

#include <stddef.h>

#include "common/status.h"

typedef struct ggdm_world ggdm_world;

/** The world this process was started in: MPI where mpirun or srun started it (MPI is initialised
 * if nobody did), else, and where MPI is over already, a world of one.  Collective. */
ggdm_status ggdm_world_open(ggdm_world **out, ggdm_error *err);
/** Collective; finalises MPI if ggdm_world_open initialised it. */
void ggdm_world_close(ggdm_world **world);
/** End all ranks at once after a failure on one of them; returns only in a world of one. */
void ggdm_world_abort(ggdm_world *world, int exit_code);

int ggdm_world_rank(const ggdm_world *world);
int ggdm_world_size(const ggdm_world *world);

/** The smallest value over all ranks.  Collective. */
ggdm_status ggdm_world_min(ggdm_world *world, int value, int *min, ggdm_error *err);
/** x[i] = sum over ranks of x[i], the same bits on every rank.  n equal on all.  Collective. */
ggdm_status ggdm_world_sum(ggdm_world *world, float *x, size_t n, ggdm_error *err);
/** The same for a few doubles, added up in rank order.  Collective. */
ggdm_status ggdm_world_sum_few(ggdm_world *world, double *x, size_t n, ggdm_error *err);
/** A communicator of the same ranks, for a library that talks between them: *handle is MPI's for
 *  Fortran.  It is the same one each time, and ends with the world.  Collective.
 *  Errors: GGDM_ECOMM; GGDM_EINTERNAL in a world of one. */
ggdm_status ggdm_world_duplicate(ggdm_world *world, int *handle, ggdm_error *err);
/** Copy size bytes from rank root to all.  Collective. */
ggdm_status ggdm_world_broadcast(ggdm_world *world, int root, void *data, size_t size,
                                 ggdm_error *err);
/** To another rank, which receives it.  Errors: GGDM_EUNSUPPORTED beyond 2 GiB. */
ggdm_status ggdm_world_send(ggdm_world *world, int to, const void *data, size_t size,
                            ggdm_error *err);
/** The next that rank from sends to this one.  data: as ggdm_grow takes it, of bytes. */
ggdm_status ggdm_world_receive(ggdm_world *world, int from, void *data, size_t *cap, size_t *size,
                               ggdm_error *err);
/** From one rank's data to another's, of size bytes on both; nothing where they are the same, or on
 *  any other.  Errors: those of ggdm_world_send. */
ggdm_status ggdm_world_move(ggdm_world *world, int from, int to, void *data, size_t size,
                            ggdm_error *err);
/** What ranks do alone goes well on all or on none: where one failed, all return the status and
 *  the message of the lowest that did (err is not NULL).  Collective. */
ggdm_status ggdm_world_agree(ggdm_world *world, ggdm_status status, ggdm_error *err);
/** As ggdm_alloc, on all ranks or on none.  Collective. */
ggdm_status ggdm_world_alloc(ggdm_world *world, void *out, size_t count, size_t size,
                             ggdm_error *err);

#endif
