/* A world of threads in one process.  All ranks share a hub: one queue of packets per rank under
 * one lock, and a pthread barrier around a slot for the collectives. */
#include "common/transport.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"

typedef struct loop_item {
    struct loop_item *next;
    int from;
    ggdm_tag tag;
    size_t size;
    uint8_t data[];
} loop_item;

typedef struct loop_queue {
    loop_item *first, **last; /* last points at the next field of the last item, or at first */
    pthread_cond_t arrived;
} loop_queue;

/* Bytes shared for the life of the world. */
typedef struct loop_shared {
    struct loop_shared *next;
    void *data;
} loop_shared;

typedef struct loop_hub {
    pthread_mutex_t lock;
    pthread_barrier_t barrier;
    int size, open; /* ranks there are, ranks not yet closed */
    loop_queue *queues;
    loop_shared *shared;
    /* The slot of the collective that runs. */
    const void *data;
    size_t data_size;
    ggdm_status status;
    int min;
} loop_hub;

typedef struct loop_transport {
    ggdm_transport base;
    loop_hub *hub;
} loop_transport;

static loop_hub *hub_of(ggdm_transport *transport)
{
    return ((loop_transport *)transport)->hub;
}

static void hub_destroy(loop_hub *hub)
{
    for (int i = 0; i < hub->size && hub->queues; i++) {
        for (loop_item *item = hub->queues[i].first, *next; item; item = next) {
            next = item->next;
            free(item);
        }
        pthread_cond_destroy(&hub->queues[i].arrived);
    }
    for (loop_shared *s = hub->shared, *next; s; s = next) {
        next = s->next;
        free(s->data);
        free(s);
    }
    pthread_barrier_destroy(&hub->barrier);
    pthread_mutex_destroy(&hub->lock);
    free(hub->queues);
    free(hub);
}

static void loop_close(ggdm_transport *transport)
{
    loop_hub *hub = hub_of(transport);
    pthread_mutex_lock(&hub->lock);
    bool last = --hub->open == 0;
    pthread_mutex_unlock(&hub->lock);
    if (last)
        hub_destroy(hub);
    free(transport);
}

static void loop_abort(ggdm_transport *transport, int exit_code)
{
    (void)transport;
    _Exit(exit_code);
}

static ggdm_status loop_send(ggdm_transport *transport, int to, ggdm_tag tag, const void *data,
                             size_t size, ggdm_error *err)
{
    loop_hub *hub = hub_of(transport);
    loop_item *item = malloc(sizeof *item + size);
    if (!item)
        return GGDM_FAIL(err, GGDM_ENOMEM, "packet of %zu bytes to rank %d", size, to);
    *item = (loop_item){.from = transport->rank, .tag = tag, .size = size};
    if (size)
        memcpy(item->data, data, size);
    pthread_mutex_lock(&hub->lock);
    loop_queue *q = &hub->queues[to];
    *q->last = item;
    q->last = &item->next;
    pthread_cond_signal(&q->arrived);
    pthread_mutex_unlock(&hub->lock);
    return GGDM_OK;
}

/* Unlink the first packet with this tag, or NULL.  The lock is held. */
static loop_item *take_packet(loop_queue *q, ggdm_tag tag)
{
    for (loop_item **link = &q->first; *link; link = &(*link)->next) {
        loop_item *item = *link;
        if (tag != GGDM_TAG_ANY && item->tag != tag)
            continue;
        *link = item->next;
        if (!*link)
            q->last = link;
        return item;
    }
    return NULL;
}

static struct timespec deadline_after(double seconds)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ns = t.tv_nsec + (int64_t)(seconds * 1e9);
    t.tv_sec += (time_t)(ns / 1000000000);
    t.tv_nsec = (long)(ns % 1000000000);
    return t;
}

static ggdm_status loop_receive(ggdm_transport *transport, ggdm_tag tag, double timeout,
                                ggdm_packet *packet, bool *got, ggdm_error *err)
{
    loop_hub *hub = hub_of(transport);
    loop_queue *q = &hub->queues[transport->rank];
    struct timespec deadline = deadline_after(timeout);
    pthread_mutex_lock(&hub->lock);
    loop_item *item = take_packet(q, tag);
    while (!item && timeout > 0 &&
           pthread_cond_timedwait(&q->arrived, &hub->lock, &deadline) != ETIMEDOUT)
        item = take_packet(q, tag);
    pthread_mutex_unlock(&hub->lock);
    if (!item)
        return GGDM_OK;
    packet->from = item->from;
    packet->tag = item->tag;
    ggdm_status st = ggdm_packet_reserve(packet, item->size, err);
    if (st == GGDM_OK) {
        memcpy(packet->data, item->data, item->size);
        *got = true;
    }
    free(item);
    return st;
}

static ggdm_status loop_flush(ggdm_transport *transport, double timeout, ggdm_error *err)
{
    (void)transport, (void)timeout, (void)err; /* sending is delivery */
    return GGDM_OK;
}

static ggdm_status loop_broadcast(ggdm_transport *transport, void **data, size_t *size,
                                  ggdm_error *err)
{
    loop_hub *hub = hub_of(transport);
    ggdm_status st = GGDM_OK;
    if (transport->rank == 0) {
        hub->data = *data;
        hub->data_size = *size;
    }
    pthread_barrier_wait(&hub->barrier);
    if (transport->rank != 0) {
        *size = hub->data_size;
        st = ggdm_alloc(data, *size, 1, err);
        if (st == GGDM_OK && *size)
            memcpy(*data, hub->data, *size);
    }
    pthread_barrier_wait(&hub->barrier);
    return st;
}

/* Rank 0 puts a copy into the hub. */
static ggdm_status keep_in_hub(loop_hub *hub, const void *data, size_t size, ggdm_error *err)
{
    loop_shared *s;
    GGDM_TRY(ggdm_alloc(&s, 1, sizeof *s, err));
    ggdm_status st = ggdm_alloc(&s->data, size, 1, err);
    if (st != GGDM_OK) {
        free(s);
        return st;
    }
    if (size)
        memcpy(s->data, data, size);
    s->next = hub->shared;
    hub->shared = s;
    hub->data = s->data;
    hub->data_size = size;
    return GGDM_OK;
}

static ggdm_status loop_share(ggdm_transport *transport, const void *data, size_t size,
                              const void **out, size_t *out_size, bool *first, ggdm_error *err)
{
    loop_hub *hub = hub_of(transport);
    *first = transport->rank == 0;
    if (*first)
        hub->status = keep_in_hub(hub, data, size, err);
    pthread_barrier_wait(&hub->barrier);
    ggdm_status st = hub->status;
    *out = hub->data;
    *out_size = hub->data_size;
    pthread_barrier_wait(&hub->barrier);
    return st == GGDM_OK || *first ? st : GGDM_FAIL(err, st, "rank 0 cannot share its bytes");
}

static ggdm_status loop_min(ggdm_transport *transport, int value, int *min, ggdm_error *err)
{
    (void)err;
    loop_hub *hub = hub_of(transport);
    if (transport->rank == 0)
        hub->min = value;
    pthread_barrier_wait(&hub->barrier);
    pthread_mutex_lock(&hub->lock);
    if (value < hub->min)
        hub->min = value;
    pthread_mutex_unlock(&hub->lock);
    pthread_barrier_wait(&hub->barrier);
    *min = hub->min;
    pthread_barrier_wait(&hub->barrier);
    return GGDM_OK;
}

static const ggdm_transport_ops loop_ops = {
    .close = loop_close,
    .abort = loop_abort,
    .send = loop_send,
    .receive = loop_receive,
    .flush = loop_flush,
    .broadcast = loop_broadcast,
    .share = loop_share,
    .min = loop_min,
};

static ggdm_status hub_create(int size, loop_hub **out, ggdm_error *err)
{
    loop_hub *hub;
    GGDM_TRY(ggdm_alloc(&hub, 1, sizeof *hub, err));
    hub->size = hub->open = size;
    pthread_mutex_init(&hub->lock, NULL);
    pthread_barrier_init(&hub->barrier, NULL, (unsigned)size);
    ggdm_status st = ggdm_alloc(&hub->queues, (size_t)size, sizeof *hub->queues, err);
    if (st != GGDM_OK) {
        hub_destroy(hub);
        return st;
    }
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    for (int i = 0; i < size; i++) {
        hub->queues[i].last = &hub->queues[i].first;
        pthread_cond_init(&hub->queues[i].arrived, &attr);
    }
    pthread_condattr_destroy(&attr);
    *out = hub;
    return GGDM_OK;
}

ggdm_status ggdm_transport_loop_open(int size, ggdm_transport **out, ggdm_error *err)
{
    if (size < 1)
        return GGDM_FAIL(err, GGDM_EINVAL, "world of %d ranks, expected at least 1", size);
    loop_hub *hub;
    GGDM_TRY(hub_create(size, &hub, err));
    for (int i = 0; i < size; i++) {
        loop_transport *t;
        ggdm_status st = ggdm_alloc(&t, 1, sizeof *t, err);
        if (st != GGDM_OK) {
            while (i--)
                free(out[i]);
            hub_destroy(hub);
            return st;
        }
        *t = (loop_transport){{.ops = &loop_ops, .rank = i, .size = size}, hub};
        out[i] = &t->base;
    }
    return GGDM_OK;
}
