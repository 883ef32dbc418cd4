/* The MPI world.
 *
 * Packets travel as fragments below the eager limit of every transport Open MPI has here (shared
 * memory: 4 KiB), the first one with the packet's size in front: an eager send needs nothing from
 * the receiver, so neither a busy worker nor a dead one can hold up the coordinator, and a worker
 * that computes need not call MPI to let its message through.  Fragments of one (sender, tag)
 * arrive in order and are put together per sender and tag.
 *
 * Waiting is MPI_Iprobe and a nap that grows from 50 us to 2 ms: Open MPI's own waiting spins (92 %
 * of a core), a nap of 1 ms costs about 2 %.
 *
 * Weights: one rank per node receives them straight into a shared window (ggdm_transport_share). */
#include <mpi.h>

#include "common/transport.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"

#define FRAGMENT 3840u                          /* bytes, below the eager limit with its headers */
#define CHUNK ((size_t)256 << 20)               /* bytes of one broadcast */
#define REAP_WAITING 4                          /* packets that have not left */
#define REAP_EACH 32u                           /* packets sent; receiving does it as well */
#define NAP_MIN 50e-6                           /* seconds */
#define NAP_MAX 2e-3                            /* seconds */
#define N_TAGS 16                               /* above every ggdm_tag */
#define SHM_DIR "/dev/shm"                      /* where Open MPI keeps shared windows */
#define SHM_SPARE ((unsigned long long)4 << 20) /* bytes to leave free there */

/* A packet on its way out: the requests of its fragments and the copy of its bytes. */
typedef struct outgoing {
    struct outgoing *next;
    int n;
    MPI_Request *requests; /* [n] */
    uint8_t *data;         /* u64 size, then the bytes */
} outgoing;

/* A packet on its way in. */
typedef struct incoming {
    uint8_t *data;
    size_t size, filled, cap;
    bool some; /* the first fragment is there */
} incoming;

typedef struct share_item {
    struct share_item *next;
    MPI_Win win; /* MPI_WIN_NULL: private copy */
    void *copy;
} share_item;

typedef struct mpi_transport {
    ggdm_transport base;
    MPI_Comm world, node, leaders; /* leaders is MPI_COMM_NULL on the other ranks */
    int node_rank, node_size;
    outgoing *out, **last; /* last: the next field of the last one, or out */
    incoming *in;          /* [size][N_TAGS] */
    share_item *shares;
    unsigned sent; /* packets */
    double nap;
} mpi_transport;

static ggdm_status mpi_error(int code, const char *what, ggdm_error *err)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int n = 0;
    MPI_Error_string(code, text, &n);
    return GGDM_FAIL(err, GGDM_ECOMM, "%s: %s", what, text);
}

#define MPI_TRY(call)                                                                              \
    do {                                                                                           \
        int mpi_code_ = (call);                                                                    \
        if (mpi_code_ != MPI_SUCCESS)                                                              \
            return mpi_error(mpi_code_, #call, err);                                               \
    } while (0)

/* ---- sending ---- */

static void outgoing_free(outgoing *o)
{
    free(o->requests);
    free(o->data);
    free(o);
}

/* Free what has left.  They leave about in order, and asking for one that has not costs a look at
 * all of MPI: a few of them are enough. */
static ggdm_status reap(mpi_transport *t, ggdm_error *err)
{
    int waiting = 0;
    for (outgoing **link = &t->out; *link && waiting < REAP_WAITING;) {
        outgoing *o = *link;
        int done = 0;
        MPI_TRY(MPI_Testall(o->n, o->requests, &done, MPI_STATUSES_IGNORE));
        if (done) {
            *link = o->next;
            if (!*link)
                t->last = link;
            outgoing_free(o);
        } else {
            link = &o->next;
            waiting++;
        }
    }
    return GGDM_OK;
}

static ggdm_status outgoing_create(const void *data, size_t size, outgoing **out, ggdm_error *err)
{
    size_t total = size + 8;
    size_t n = (total + FRAGMENT - 1) / FRAGMENT;
    outgoing *o = calloc(1, sizeof *o);
    if (o) {
        o->requests = malloc(n * sizeof *o->requests);
        o->data = malloc(total);
    }
    if (!o || !o->requests || !o->data) {
        if (o)
            outgoing_free(o);
        return GGDM_FAIL(err, GGDM_ENOMEM, "packet of %zu bytes", size);
    }
    uint64_t header = size;
    for (int i = 0; i < 8; i++)
        o->data[i] = (uint8_t)(header >> (8 * i));
    if (size)
        memcpy(o->data + 8, data, size);
    o->n = (int)n;
    for (int i = 0; i < o->n; i++)
        o->requests[i] = MPI_REQUEST_NULL;
    *out = o;
    return GGDM_OK;
}

static ggdm_status mpi_send(ggdm_transport *transport, int to, ggdm_tag tag, const void *data,
                            size_t size, ggdm_error *err)
{
    mpi_transport *t = (mpi_transport *)transport;
    outgoing *o = NULL;
    GGDM_TRY(outgoing_create(data, size, &o, err));
    /* In the list before the first MPI_Isend: MPI may use the bytes even if a later one fails. */
    *t->last = o;
    t->last = &o->next;
    size_t total = size + 8;
    for (int i = 0; i < o->n; i++) {
        size_t at = (size_t)i * FRAGMENT;
        size_t len = total - at < FRAGMENT ? total - at : FRAGMENT;
        MPI_TRY(
            MPI_Isend(o->data + at, (int)len, MPI_BYTE, to, (int)tag, t->world, &o->requests[i]));
    }
    return ++t->sent % REAP_EACH == 0 ? reap(t, err) : GGDM_OK;
}

static ggdm_status mpi_flush(ggdm_transport *transport, double timeout, ggdm_error *err)
{
    mpi_transport *t = (mpi_transport *)transport;
    double deadline = ggdm_now() + timeout;
    for (;;) {
        GGDM_TRY(reap(t, err));
        if (!t->out)
            return GGDM_OK;
        if (ggdm_now() >= deadline)
            return GGDM_FAIL(err, GGDM_ECOMM, "packets not taken within %g s", timeout);
        ggdm_sleep(NAP_MIN);
    }
}

/* ---- receiving ---- */

static void move_to_packet(incoming *in, int from, ggdm_tag tag, ggdm_packet *packet)
{
    uint8_t *data = packet->data;
    size_t cap = packet->cap;
    *packet =
        (ggdm_packet){.from = from, .tag = tag, .data = in->data, .size = in->size, .cap = in->cap};
    *in = (incoming){.data = data, .cap = cap}; /* its old memory serves the next packet */
}

/* Put one waiting fragment where it belongs; *got when that completes a packet. */
static ggdm_status take_fragment(mpi_transport *t, const MPI_Status *status, ggdm_packet *packet,
                                 bool *got, ggdm_error *err)
{
    uint8_t buffer[FRAGMENT];
    int from = status->MPI_SOURCE, tag = status->MPI_TAG, len = 0;
    MPI_TRY(MPI_Get_count(status, MPI_BYTE, &len));
    if (tag < 0 || tag >= N_TAGS || len < 0 || len > (int)FRAGMENT)
        return GGDM_FAIL(err, GGDM_EFORMAT, "fragment of %d bytes with tag %d from rank %d", len,
                         tag, from);
    MPI_TRY(MPI_Recv(buffer, len, MPI_BYTE, from, tag, t->world, MPI_STATUS_IGNORE));
    incoming *in = &t->in[(size_t)from * N_TAGS + (size_t)tag];
    const uint8_t *data = buffer;
    if (!in->some) {
        uint64_t size = 0;
        for (int i = 0; i < 8 && i < len; i++)
            size |= (uint64_t)buffer[i] << (8 * i);
        if (len < 8 || size > GGDM_MAX_PACKET)
            return GGDM_FAIL(err, GGDM_EFORMAT, "malformed packet from rank %d", from);
        GGDM_TRY(ggdm_grow(&in->data, &in->cap, size ? (size_t)size : 1, 1, err));
        in->size = (size_t)size;
        in->filled = 0;
        in->some = true;
        data += 8;
        len -= 8;
    }
    if ((size_t)len > in->size - in->filled)
        return GGDM_FAIL(err, GGDM_EFORMAT, "packet from rank %d is longer than announced", from);
    memcpy(in->data + in->filled, data, (size_t)len);
    in->filled += (size_t)len;
    if (in->filled == in->size) {
        move_to_packet(in, from, (ggdm_tag)tag, packet);
        *got = true;
    }
    return GGDM_OK;
}

static ggdm_status mpi_receive(ggdm_transport *transport, ggdm_tag tag, double timeout,
                               ggdm_packet *packet, bool *got, ggdm_error *err)
{
    mpi_transport *t = (mpi_transport *)transport;
    double deadline = ggdm_now() + timeout;
    int mpi_tag = tag == GGDM_TAG_ANY ? MPI_ANY_TAG : (int)tag;
    for (;;) {
        int waiting = 0;
        MPI_Status status;
        MPI_TRY(MPI_Iprobe(MPI_ANY_SOURCE, mpi_tag, t->world, &waiting, &status));
        if (waiting) {
            t->nap = NAP_MIN;
            GGDM_TRY(take_fragment(t, &status, packet, got, err));
            if (*got)
                return GGDM_OK;
            continue;
        }
        GGDM_TRY(reap(t, err));
        double left = timeout > 0 ? deadline - ggdm_now() : 0;
        if (left <= 0)
            return GGDM_OK;
        ggdm_sleep(t->nap < left ? t->nap : left);
        t->nap = t->nap * 1.5 < NAP_MAX ? t->nap * 1.5 : NAP_MAX;
    }
}

/* ---- collectives ---- */

/* Broadcast from rank 0 of comm in chunks: MPI counts are int. */
static ggdm_status broadcast_bytes(MPI_Comm comm, void *data, size_t size, ggdm_error *err)
{
    for (size_t at = 0; at < size; at += CHUNK) {
        size_t len = size - at < CHUNK ? size - at : CHUNK;
        MPI_TRY(MPI_Bcast((char *)data + at, (int)len, MPI_BYTE, 0, comm));
    }
    return GGDM_OK;
}

/* How a broadcast begins: the others may wait long for rank 0, which reads and plans first, so they
 * nap instead of spinning as MPI_Bcast would. */
static ggdm_status broadcast_size(MPI_Comm comm, size_t *size, ggdm_error *err)
{
    unsigned long long n = *size;
    MPI_Request request;
    MPI_TRY(MPI_Ibcast(&n, 1, MPI_UNSIGNED_LONG_LONG, 0, comm, &request));
    double nap = NAP_MIN;
    for (int done = 0;;) {
        MPI_TRY(MPI_Test(&request, &done, MPI_STATUS_IGNORE));
        if (done)
            break;
        ggdm_sleep(nap);
        nap = nap * 1.5 < NAP_MAX ? nap * 1.5 : NAP_MAX;
    }
    *size = (size_t)n;
    return GGDM_OK;
}

static ggdm_status mpi_min(ggdm_transport *transport, int value, int *min, ggdm_error *err)
{
    MPI_TRY(MPI_Allreduce(&value, min, 1, MPI_INT, MPI_MIN, ((mpi_transport *)transport)->world));
    return GGDM_OK;
}

/* The same verdict on all ranks: either nobody failed, or everybody fails. */
static ggdm_status agree(mpi_transport *t, ggdm_status st, ggdm_error *err)
{
    int worst = (int)st, mine = (int)st;
    MPI_TRY(MPI_Allreduce(&mine, &worst, 1, MPI_INT, MPI_MAX, t->world));
    if (st != GGDM_OK || worst == GGDM_OK)
        return st;
    return GGDM_FAIL(err, (ggdm_status)worst, "another rank failed at start-up (%s)",
                     ggdm_status_text((ggdm_status)worst));
}

static ggdm_status mpi_broadcast(ggdm_transport *transport, void **data, size_t *size,
                                 ggdm_error *err)
{
    mpi_transport *t = (mpi_transport *)transport;
    GGDM_TRY(broadcast_size(t->world, size, err));
    ggdm_status st = GGDM_OK;
    if (transport->rank != 0)
        st = ggdm_alloc(data, *size, 1, err);
    GGDM_TRY(agree(t, st, err));
    return broadcast_bytes(t->world, *data, *size, err);
}

/* Is there room for a window of size bytes?  Asked before it is made: a full tmpfs shows as SIGBUS
 * at the first touch. */
static bool room_for_window(size_t size)
{
    const char *wish = getenv("GGDM_SHARE"); /* "private" forces the fallback, for tests */
    if (wish && strcmp(wish, "private") == 0)
        return false;
    struct statvfs fs;
    if (statvfs(SHM_DIR, &fs) != 0)
        return false;
    return (unsigned long long)fs.f_bavail * fs.f_frsize > size + SHM_SPARE;
}

/* Nobody writes any more: let a stray store fault instead of changing the weights of a node. */
static void protect(const void *data, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)data + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)data + size) / page * page;
    if (begin < end)
        mprotect((void *)begin, end - begin, PROT_READ); /* best effort */
}

/* Memory of size bytes in a window of the node, aligned to 64 bytes.  The window's base is not
 * (Open MPI 4.1.4: base % 64 = 8), but it is the same in all processes modulo the page size. */
static ggdm_status window_create(mpi_transport *t, size_t size, share_item *item, void **out,
                                 ggdm_error *err)
{
    MPI_Aint mine = t->node_rank == 0 ? (MPI_Aint)(size + GGDM_ALIGN) : 0, length;
    void *base;
    int unit;
    MPI_TRY(MPI_Win_allocate_shared(mine, 1, MPI_INFO_NULL, t->node, &base, &item->win));
    MPI_TRY(MPI_Win_shared_query(item->win, 0, &length, &unit, &base));
    unsigned offset = (unsigned)(-(uintptr_t)base % GGDM_ALIGN);
    MPI_TRY(MPI_Bcast(&offset, 1, MPI_UNSIGNED, 0, t->node));
    *out = (char *)base + offset;
    if ((uintptr_t)*out % GGDM_ALIGN)
        return GGDM_FAIL(err, GGDM_ECOMM, "shared window lies differently in two processes");
    return GGDM_OK;
}

/* Memory for the bytes on this rank: the node's window, or a copy of its own. */
static ggdm_status share_memory(mpi_transport *t, size_t size, share_item *item, void **out,
                                ggdm_error *err)
{
    int use_window = t->node_size > 1 && (t->node_rank != 0 || room_for_window(size));
    MPI_TRY(MPI_Bcast(&use_window, 1, MPI_INT, 0, t->node));
    if (use_window)
        return window_create(t, size, item, out, err);
    if (t->node_rank == 0 && t->node_size > 1)
        ggdm_log(GGDM_LOG_WARN,
                 "no room for %zu MiB in " SHM_DIR ": each of the %d ranks of this node keeps its "
                 "own copy of the weights",
                 size >> 20, t->node_size);
    GGDM_TRY(ggdm_alloc(&item->copy, size, 1, err));
    *out = item->copy;
    return GGDM_OK;
}

static ggdm_status share_fill(mpi_transport *t, const void *data, size_t size,
                              const share_item *item, void *out, ggdm_error *err)
{
    if (t->base.rank == 0 && size)
        memcpy(out, data, size);
    if (t->leaders != MPI_COMM_NULL)
        GGDM_TRY(broadcast_bytes(t->leaders, out, size, err));
    if (item->win == MPI_WIN_NULL)
        return t->node_size > 1 ? broadcast_bytes(t->node, out, size, err) : GGDM_OK;
    MPI_TRY(MPI_Win_lock_all(MPI_MODE_NOCHECK, item->win));
    MPI_TRY(MPI_Win_sync(item->win));
    MPI_TRY(MPI_Barrier(t->node));
    MPI_TRY(MPI_Win_sync(item->win));
    MPI_TRY(MPI_Win_unlock_all(item->win));
    protect(out, size);
    return GGDM_OK;
}

static ggdm_status mpi_share(ggdm_transport *transport, const void *data, size_t size,
                             const void **out, size_t *out_size, bool *first, ggdm_error *err)
{
    mpi_transport *t = (mpi_transport *)transport;
    GGDM_TRY(broadcast_size(t->world, &size, err));
    share_item *item;
    GGDM_TRY(ggdm_alloc(&item, 1, sizeof *item, err));
    item->win = MPI_WIN_NULL;
    item->next = t->shares;
    t->shares = item;
    void *memory = NULL;
    GGDM_TRY(agree(t, share_memory(t, size, item, &memory, err), err));
    GGDM_TRY(share_fill(t, data, size, item, memory, err));
    *out = memory;
    *out_size = size;
    *first = t->node_rank == 0;
    return GGDM_OK;
}

/* ---- life ---- */

static void mpi_close(ggdm_transport *transport)
{
    mpi_transport *t = (mpi_transport *)transport;
    mpi_flush(transport, 10, NULL);
    for (share_item *s = t->shares, *next; s; s = next) {
        next = s->next;
        if (s->win != MPI_WIN_NULL)
            MPI_Win_free(&s->win);
        free(s->copy);
        free(s);
    }
    for (int i = 0; t->in && i < transport->size * N_TAGS; i++)
        free(t->in[i].data);
    free(t->in);
    free(t->base.hosts);
    MPI_Comm *comms[] = {&t->leaders, &t->node, &t->world};
    for (int i = 0; i < 3; i++)
        if (*comms[i] != MPI_COMM_NULL)
            MPI_Comm_free(comms[i]);
    MPI_Finalize();
    for (outgoing *o = t->out, *next; o; o = next) {
        next = o->next;
        outgoing_free(o);
    }
    free(t);
}

static void mpi_abort(ggdm_transport *transport, int exit_code)
{
    MPI_Abort(((mpi_transport *)transport)->world, exit_code);
}

static const ggdm_transport_ops mpi_ops = {
    .close = mpi_close,
    .abort = mpi_abort,
    .send = mpi_send,
    .receive = mpi_receive,
    .flush = mpi_flush,
    .broadcast = mpi_broadcast,
    .share = mpi_share,
    .min = mpi_min,
};

static ggdm_status join_world(mpi_transport *t, ggdm_error *err)
{
    MPI_TRY(MPI_Comm_dup(MPI_COMM_WORLD, &t->world));
    MPI_TRY(MPI_Comm_set_errhandler(t->world, MPI_ERRORS_RETURN));
    MPI_TRY(MPI_Comm_rank(t->world, &t->base.rank));
    MPI_TRY(MPI_Comm_size(t->world, &t->base.size));
    MPI_TRY(
        MPI_Comm_split_type(t->world, MPI_COMM_TYPE_SHARED, t->base.rank, MPI_INFO_NULL, &t->node));
    MPI_TRY(MPI_Comm_rank(t->node, &t->node_rank));
    MPI_TRY(MPI_Comm_size(t->node, &t->node_size));
    int color = t->node_rank == 0 ? 0 : MPI_UNDEFINED;
    MPI_TRY(MPI_Comm_split(t->world, color, t->base.rank, &t->leaders));
    char host[GGDM_HOST_SIZE] = "";
    gethostname(host, sizeof host - 1);
    GGDM_TRY(ggdm_alloc(&t->base.hosts, (size_t)t->base.size, sizeof *t->base.hosts, err));
    MPI_TRY(
        MPI_Allgather(host, sizeof host, MPI_CHAR, t->base.hosts, sizeof host, MPI_CHAR, t->world));
    return ggdm_alloc(&t->in, (size_t)t->base.size * N_TAGS, sizeof *t->in, err);
}

ggdm_status ggdm_transport_mpi_open(ggdm_transport **out, ggdm_error *err)
{
    int provided = 0;
    MPI_TRY(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided));
    if (provided < MPI_THREAD_FUNNELED)
        return GGDM_FAIL(err, GGDM_ECOMM, "MPI gives thread level %d, needed %d", provided,
                         MPI_THREAD_FUNNELED);
    mpi_transport *t;
    GGDM_TRY(ggdm_alloc(&t, 1, sizeof *t, err));
    t->base = (ggdm_transport){.ops = &mpi_ops};
    t->world = t->node = t->leaders = MPI_COMM_NULL;
    t->nap = NAP_MIN;
    t->last = &t->out;
    ggdm_status st = join_world(t, err);
    *out = &t->base;
    if (st != GGDM_OK)
        ggdm_transport_close(out);
    return st;
}
