#include "coordinator/cmd/bench_swarm.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/philox.h"
#include "coordinator/cmd/bench_member.h"
#include "coordinator/cmd/bench_timing.h"
#include "worker/protocol.h"

typedef struct swarm {
    ggdm_transport base;
    ggdm_swarm_desk desk;
    int fd;
    ggdm_transport *inner; /* rank 0 of the in-process world */
    ggdm_member *members;  /* [size], by rank; 0 is unused */
    int *heap;             /* [n_heap]: ranks at work, the one with the earliest event first */
    int n_heap;
    double memory;                 /* of this process when it was opened */
    double rank_death, host_death; /* when the next ones are; HUGE_VAL: never */
    double skipped;                /* seconds that the coordinator has waited */
    double cpu;                    /* of this process when it was opened, and for the workers */
    double paused, paused_cpu;     /* the coordinator's clocks stand since */
    int delays;                    /* open: /proc/self/schedstat; or -1 */
    double delayed;                /* what it said when the clocks went on */
} swarm;

/* ---- chance ---- */

static double uniform(const swarm *s, uint32_t what)
{
    double u;
    ggdm_uniforms(GGDM_SWARM_SEED, 1, what, (uint32_t)s->desk.sums->worlds, 1, &u);
    return u;
}

static double next_death(const swarm *s, uint32_t what, double an_hour)
{
    return an_hour > 0 ? s->desk.opened - 3600 / an_hour * log1p(-uniform(s, what)) : HUGE_VAL;
}

/* ---- the heap ---- */

static bool before(const swarm *s, int a, int b)
{
    return s->members[s->heap[a]].next < s->members[s->heap[b]].next;
}

static void swap(swarm *s, int a, int b)
{
    int rank = s->heap[a];
    s->heap[a] = s->heap[b];
    s->heap[b] = rank;
}

static void sift_down(swarm *s)
{
    for (int i = 0, child; (child = 2 * i + 1) < s->n_heap; i = child) {
        if (child + 1 < s->n_heap && before(s, child + 1, child))
            child++;
        if (!before(s, child, i))
            return;
        swap(s, i, child);
    }
}

static void push(swarm *s, int rank)
{
    int i = s->n_heap++;
    s->heap[i] = rank;
    for (; i > 0 && before(s, i, (i - 1) / 2); i = (i - 1) / 2)
        swap(s, i, (i - 1) / 2);
}

static void pop(swarm *s)
{
    s->heap[0] = s->heap[--s->n_heap];
    sift_down(s);
}

/* ---- the coordinator's clocks stand while workers work ---- */

/* Seconds in which this process could have run, but others had the core; 0 where Linux does not
 * count them. */
static double delay_so_far(const swarm *s)
{
    char text[96];
    unsigned long long ns = 0;
    const ssize_t n = s->delays >= 0 ? pread(s->delays, text, sizeof text - 1, 0) : 0;
    text[n > 0 ? n : 0] = '\0';
    return sscanf(text, "%*u %llu", &ns) == 1 ? 1e-9 * (double)ns : 0;
}

/* A coordinator has a core to itself: what others took of it since the last time does not count. */
static void pause_clocks(swarm *s)
{
    s->paused_cpu = ggdm_bench_cpu_seconds();
    const double delay = delay_so_far(s);
    ggdm_clock_skip(s->delayed - delay);
    s->paused = ggdm_now();
}

static void resume_clocks(swarm *s)
{
    s->delayed = delay_so_far(s);
    ggdm_clock_skip(s->paused - ggdm_now());
    s->cpu += ggdm_bench_cpu_seconds() - s->paused_cpu;
}

/* ---- the end of a world ---- */

ggdm_status ggdm_swarm_end(ggdm_transport *transport, ggdm_error *err)
{
    swarm *s = (swarm *)transport;
    ggdm_swarm_sums *sums = s->desk.sums;
    pause_clocks(s);
    const double seconds = s->paused - s->desk.opened;
    for (int i = 1; i < s->base.size; i++)
        ggdm_member_settle(&s->members[i], &s->desk, s->paused);
    sums->available += (s->base.size - 1) * seconds;
    sums->busy += seconds - s->skipped;
    sums->cpu += s->paused_cpu - s->cpu;
    sums->memory = fmax(sums->memory, ggdm_bench_memory("VmHWM") - s->memory);
    sums->now = s->paused;
    if (write(s->fd, sums, sizeof *sums) != (ssize_t)sizeof *sums)
        return GGDM_FAIL(err, GGDM_EIO, "cannot hand on what was measured");
    return GGDM_OK;
}

/* mpirun kills the world of a dead rank. */
static ggdm_status die(swarm *s, ggdm_error *err)
{
    s->desk.sums->culprit = 1 + (int32_t)(uniform(s, 2) * (s->base.size - 1));
    s->members[s->desk.sums->culprit].died = s->rank_death;
    resume_clocks(s);
    GGDM_TRY(ggdm_swarm_end(&s->base, err));
    raise(SIGKILL);
    return GGDM_OK;
}

/* The workers of a host say nothing more. */
static void lose_host(swarm *s)
{
    const int per = s->desk.load->per_host, n = (s->base.size - 1 + per - 1) / per;
    const int host = (int)(uniform(s, 3) * n);
    int dead = 0;
    for (int i = 1 + host * per; i < s->base.size && i <= (host + 1) * per; i++, dead++)
        s->members[i].died = s->host_death;
    s->host_death = HUGE_VAL;
    s->desk.sums->culprit = 0;
    s->desk.sums->ranks -= dead;
    s->desk.sums->lost_hosts++;
}

/* ---- the transport ---- */

static double next_moment(const swarm *s)
{
    const double event = s->n_heap ? s->members[s->heap[0]].next : HUGE_VAL;
    return fmin(event, fmin(s->rank_death, s->host_death));
}

/* All that happens until now. */
static ggdm_status let_work(swarm *s, double now, ggdm_error *err)
{
    for (double at; (at = next_moment(s)) <= now;) {
        if (at == s->rank_death)
            return die(s, err);
        if (at == s->host_death) {
            lose_host(s);
            continue;
        }
        ggdm_member *m = &s->members[s->heap[0]];
        if (m->left || m->died <= at) {
            pop(s);
            continue;
        }
        GGDM_TRY(ggdm_member_act(m, &s->desk, err));
        if (m->n)
            sift_down(s);
        else
            pop(s);
    }
    return GGDM_OK;
}

static ggdm_status catch_up(swarm *s, ggdm_error *err)
{
    if (next_moment(s) > ggdm_now())
        return GGDM_OK;
    pause_clocks(s);
    ggdm_status st = let_work(s, s->paused, err);
    resume_clocks(s);
    return st;
}

static ggdm_status swarm_receive(ggdm_transport *t, ggdm_tag tag, double timeout,
                                 ggdm_packet *packet, bool *got, ggdm_error *err)
{
    swarm *s = (swarm *)t;
    const double until = ggdm_now() + timeout;
    for (;;) {
        GGDM_TRY(catch_up(s, err));
        GGDM_TRY(ggdm_transport_receive(s->inner, tag, 0, packet, got, err));
        const double now = ggdm_now(), wait = fmin(next_moment(s), until) - now;
        if (*got || now >= until)
            return GGDM_OK;
        if (wait > 0) {
            ggdm_clock_skip(wait);
            s->skipped += wait;
        }
    }
}

/* The worker takes what was sent to it. */
static ggdm_status take(swarm *s, int rank, double now, ggdm_error *err)
{
    ggdm_member *m = &s->members[rank];
    ggdm_packet packet = {0};
    bool got = false;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_transport_receive(m->t, GGDM_TAG_ANY, 0, &packet, &got, err), done);
    if (!got || m->died <= now || m->left)
        goto done;
    if (packet.tag == GGDM_TAG_STOP) {
        m->left = true;
        st = ggdm_send_empty(m->t, 0, GGDM_TAG_BYE, err);
        goto done;
    }
    GGDM_TRY_GOTO(st, ggdm_grow(&m->units, &m->cap, m->n + 1, sizeof *m->units, err), done);
    GGDM_TRY_GOTO(st, ggdm_unit_receive(&packet, &m->units[m->n], err), done);
    s->desk.sums->last_sent = now;
    s->desk.sums->done_then = s->desk.sums->done;
    if (m->n++ == 0) {
        ggdm_member_begin(m, &s->desk, now);
        push(s, rank);
    }
done:
    ggdm_packet_deinit(&packet);
    return st;
}

static ggdm_status swarm_send(ggdm_transport *t, int to, ggdm_tag tag, const void *data,
                              size_t size, ggdm_error *err)
{
    swarm *s = (swarm *)t;
    GGDM_TRY(ggdm_transport_send(s->inner, to, tag, data, size, err));
    pause_clocks(s);
    ggdm_status st = take(s, to, s->paused, err);
    resume_clocks(s);
    return st;
}

static void swarm_close(ggdm_transport *t)
{
    swarm *s = (swarm *)t;
    for (int i = 1; i < t->size && s->members; i++) {
        ggdm_member *m = &s->members[i];
        for (size_t k = 0; k < m->n; k++)
            ggdm_unit_deinit(&m->units[k]);
        free(m->units);
        ggdm_transport_close(&m->t);
    }
    ggdm_transport_close(&s->inner);
    ggdm_wire_deinit(&s->desk.wire);
    if (s->delays >= 0)
        close(s->delays);
    free(s->members);
    free(s->heap);
    free(s->desk.bytes);
    free(s);
}

static const ggdm_transport_ops swarm_ops = {
    .close = swarm_close, .send = swarm_send, .receive = swarm_receive};

/* ---- the beginning of a world ---- */

static ggdm_status make_members(swarm *s, ggdm_error *err)
{
    const size_t size = (size_t)s->base.size;
    const size_t bytes =
        (size_t)GGDM_SWARM_STATE * (size_t)s->desk.load->image_bytes * (size_t)s->desk.load->images;
    ggdm_transport **t = NULL;
    GGDM_TRY(ggdm_alloc(&s->members, size, sizeof *s->members, err));
    GGDM_TRY(ggdm_alloc(&s->heap, size, sizeof *s->heap, err));
    GGDM_TRY(ggdm_alloc(&s->desk.bytes, bytes, 1, err));
    GGDM_TRY(ggdm_alloc(&t, size, sizeof *t, err));
    ggdm_status st = ggdm_transport_loop_open((int)size, t, err);
    s->inner = t[0];
    for (size_t i = 1; i < size; i++)
        s->members[i].t = t[i];
    free(t);
    return st;
}

static ggdm_status say_ready(swarm *s, ggdm_error *err)
{
    s->delayed = delay_so_far(s);
    s->cpu = ggdm_bench_cpu_seconds();
    s->desk.opened = ggdm_now();
    s->rank_death = next_death(s, 0, s->desk.load->rank_deaths);
    s->host_death = next_death(s, 1, s->desk.load->host_deaths);
    pause_clocks(s);
    ggdm_status st = GGDM_OK;
    for (int i = 1; i < s->base.size && st == GGDM_OK; i++) {
        s->members[i].died = HUGE_VAL;
        s->members[i].free_since = s->desk.opened;
        st = ggdm_send_empty(s->members[i].t, 0, GGDM_TAG_READY, err);
    }
    resume_clocks(s);
    ggdm_bench_reset_peak();
    s->memory = ggdm_bench_memory("VmRSS");
    return st;
}

ggdm_status ggdm_swarm_open(const ggdm_swarm_load *load, ggdm_swarm_sums *sums, int fd,
                            ggdm_transport **out, ggdm_error *err)
{
    swarm *s = NULL;
    GGDM_TRY(ggdm_alloc(&s, 1, sizeof *s, err));
    s->base = (ggdm_transport){.ops = &swarm_ops, .size = 1 + sums->ranks};
    s->desk.load = load;
    s->desk.sums = sums;
    s->fd = fd;
    s->delays = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC);
    ggdm_wire_init(&s->desk.wire);
    sums->worlds++;
    ggdm_status st = make_members(s, err);
    if (st == GGDM_OK)
        st = say_ready(s, err);
    *out = &s->base;
    if (st != GGDM_OK)
        ggdm_transport_close(out);
    return st;
}
