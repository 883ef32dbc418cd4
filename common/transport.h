/* How ranks talk: one interface, two implementations.  transport_mpi.c is the MPI world of a run;
 * transport_loop.c is a world of threads in one process (tests, and `ggdm run --workers 0`).
 *
 * Start-up is collective (broadcast, share, min: every rank calls the same sequence).
 * After it only point-to-point packets are used.  send never blocks: it copies the bytes and a
 * later call moves them on, so a coordinator is not held up by a slow or dead worker.  Packets
 * between two ranks with the same tag arrive in the order of sending.
 *
 * A transport is used by one thread. */
#ifndef GGDM_COMMON_TRANSPORT_H
#define GGDM_COMMON_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

/* What a packet is; worker/protocol.h says what is in it.  Never renumber. */
typedef enum ggdm_tag {
    GGDM_TAG_ANY = -1,      /* receive only */
    GGDM_TAG_READY = 1,     /* worker: send me a unit */
    GGDM_TAG_UNIT = 2,      /* coordinator: run this unit */
    GGDM_TAG_SAMPLES = 3,   /* worker: finished samples of the unit that runs */
    GGDM_TAG_BEAT = 4,      /* worker: still alive, so much is done */
    GGDM_TAG_DONE = 5,      /* worker: the unit is finished, all its samples were sent */
    GGDM_TAG_FAILED = 6,    /* worker: the unit failed, and why */
    GGDM_TAG_STOP = 7,      /* coordinator: stop between sampler steps and leave */
    GGDM_TAG_BYE = 8,       /* worker: I leave and send nothing more */
    GGDM_TAG_CHECKPOINT = 9 /* worker: the unit that runs can go on from here */
} ggdm_tag;

/* A received packet; its memory is reused by the next receive into it. */
typedef struct ggdm_packet {
    int from;
    ggdm_tag tag;
    uint8_t *data; /* [size]; owned: ggdm_packet_deinit */
    size_t size, cap;
} ggdm_packet;

void ggdm_packet_deinit(ggdm_packet *packet);

#define GGDM_MAX_PACKET ((size_t)1 << 30) /* bytes */

typedef struct ggdm_transport ggdm_transport;

/** Is this process a rank of a world of at least two: did mpirun, or srun with PMI(x), start it as
 *  one of several?  (One that is alone is no world to work in: a shell that srun has started, say,
 *  or `mpirun -n 1`.  Nor is one at a terminal, srun --pty.) */
bool ggdm_launched_by_mpi(void);

/** Join the MPI world this process was started in (MPI_Init_thread, FUNNELED).  Once per process.
 *  Errors: GGDM_ECOMM. */
ggdm_status ggdm_transport_mpi_open(ggdm_transport **out, ggdm_error *err);

/** A world of size ranks in this process: out[rank] is to be used and closed by its own thread. */
ggdm_status ggdm_transport_loop_open(int size, ggdm_transport **out, ggdm_error *err);

/** Leave the world; collective.  Packets not yet delivered are delivered first.  Pointers given
 *  out by ggdm_transport_share become invalid. */
void ggdm_transport_close(ggdm_transport **transport);

/** End the whole world at once from one rank: the last resort of a rank that cannot go on while
 *  others wait for it.  Does not return. */
void ggdm_transport_abort(ggdm_transport *transport, int exit_code) __attribute__((noreturn));

int ggdm_transport_rank(const ggdm_transport *transport);
int ggdm_transport_size(const ggdm_transport *transport);
/** Name of the host a rank runs on, borrowed. */
const char *ggdm_transport_host(const ggdm_transport *transport, int rank);

/** Send size bytes to a rank; they are copied.  Errors: GGDM_ECOMM, GGDM_ENOMEM, GGDM_ESHAPE. */
ggdm_status ggdm_transport_send(ggdm_transport *transport, int to, ggdm_tag tag, const void *data,
                                size_t size, ggdm_error *err);

/** Receive the next packet with this tag (GGDM_TAG_ANY: any) into packet; *got says whether there
 *  was one within timeout seconds (0: look once).  Waiting sleeps: it costs about 2 % of a core.
 *  Errors: GGDM_ECOMM, GGDM_ENOMEM, GGDM_EFORMAT for a packet above GGDM_MAX_PACKET. */
ggdm_status ggdm_transport_receive(ggdm_transport *transport, ggdm_tag tag, double timeout,
                                   ggdm_packet *packet, bool *got, ggdm_error *err);

/** Wait until everything sent has left this rank, at most timeout seconds.
 *  Errors: GGDM_ECOMM, also when the time is over. */
ggdm_status ggdm_transport_flush(ggdm_transport *transport, double timeout, ggdm_error *err);

/** Collective: rank 0 gives *data, *size; the others get a copy of their own (owned: free()). */
ggdm_status ggdm_transport_broadcast(ggdm_transport *transport, void **data, size_t *size,
                                     ggdm_error *err);

/** Collective: read-only bytes that rank 0 gives, held once per node (shared memory) and aligned to
 *  64 bytes.  *out [size] is borrowed from the transport until it is closed.  data and size count
 *  on rank 0 only; *out_size gets the size everywhere.  *first is true on the one rank of each node
 *  that should do per-node work (verify a digest).
 *  Where /dev/shm has too little room every rank of that node gets a private copy (a warning is
 *  logged).  Errors: GGDM_ENOMEM, GGDM_ECOMM. */
ggdm_status ggdm_transport_share(ggdm_transport *transport, const void *data, size_t size,
                                 const void **out, size_t *out_size, bool *first, ggdm_error *err);

/** Collective: the smallest value over all ranks. */
ggdm_status ggdm_transport_min(ggdm_transport *transport, int value, int *min, ggdm_error *err);

#define GGDM_HOST_SIZE 64 /* bytes of a host's name */

/* Implementation side. */
typedef struct ggdm_transport_ops {
    void (*close)(ggdm_transport *transport);
    void (*abort)(ggdm_transport *transport, int exit_code);
    ggdm_status (*send)(ggdm_transport *transport, int to, ggdm_tag tag, const void *data,
                        size_t size, ggdm_error *err);
    ggdm_status (*receive)(ggdm_transport *transport, ggdm_tag tag, double timeout,
                           ggdm_packet *packet, bool *got, ggdm_error *err);
    ggdm_status (*flush)(ggdm_transport *transport, double timeout, ggdm_error *err);
    ggdm_status (*broadcast)(ggdm_transport *transport, void **data, size_t *size, ggdm_error *err);
    ggdm_status (*share)(ggdm_transport *transport, const void *data, size_t size, const void **out,
                         size_t *out_size, bool *first, ggdm_error *err);
    ggdm_status (*min)(ggdm_transport *transport, int value, int *min, ggdm_error *err);
} ggdm_transport_ops;

struct ggdm_transport {
    const ggdm_transport_ops *ops;
    int rank, size;
    char (*hosts)[GGDM_HOST_SIZE]; /* [size], owned by the implementation; NULL: all here */
};

/** Make room for size bytes in packet.  Errors: GGDM_ENOMEM, GGDM_EFORMAT above the limit. */
ggdm_status ggdm_packet_reserve(ggdm_packet *packet, size_t size, ggdm_error *err);

#endif
