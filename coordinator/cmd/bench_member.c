#include "coordinator/cmd/bench_member.h"

#include <math.h>
#include <string.h>

#include "common/philox.h"
#include "coordinator/cmd/bench_run.h"
#include "worker/protocol.h"

#define BEAT_SECONDS 0.5              /* as in worker/worker_loop.c */
#define CHECKPOINT_SECONDS 120.0      /* the default of sweeps */
#define BATCH_BYTES ((size_t)1 << 18) /* of samples in a packet, as in worker/worker_loop.c */
#define SPREAD 0.3                    /* standard deviation of the logarithm of a unit's time */

/* Standard deviation and mean as told, the same for the same unit. */
static double seconds_of(const ggdm_swarm_desk *d, int64_t unit)
{
    float z[1];
    ggdm_normals(GGDM_SWARM_SEED, 0, (uint32_t)unit, 0, 1, z);
    return d->load->unit_seconds * exp(SPREAD * (double)z[0] - SPREAD * SPREAD / 2);
}

static void note_wait(ggdm_swarm_sums *sums, double seconds)
{
    double bin = seconds > 0 ? GGDM_SWARM_BIN * (log10(seconds) - GGDM_SWARM_LEAST) : 0;
    sums->waits[(int)fmin(fmax(bin, 0), GGDM_SWARM_BINS - 1)]++;
    sums->worst = fmax(sums->worst, seconds);
    sums->waited += seconds;
}

double ggdm_swarm_wait(const ggdm_swarm_sums *sums, double q)
{
    int64_t n = 0, below = 0;
    int bin = 0;
    for (int i = 0; i < GGDM_SWARM_BINS; i++)
        n += sums->waits[i];
    while (bin < GGDM_SWARM_BINS - 1 && (double)(below += sums->waits[bin]) < q * (double)n)
        bin++;
    return bin ? fmin(sums->worst, pow(10, (bin + 1.0) / GGDM_SWARM_BIN + GGDM_SWARM_LEAST)) : 0;
}

static double next_event(const ggdm_member *m)
{
    return fmin(m->ends, fmin(m->beat, m->checkpoint));
}

static double part_at(const ggdm_swarm_desk *d, const ggdm_member *m, double now)
{
    return fmin(1, m->part + (now - m->begun) / seconds_of(d, m->units[0].id));
}

/* The first unit in its hands is at work. */
void ggdm_member_begin(ggdm_member *m, ggdm_swarm_desk *d, double now)
{
    const ggdm_unit *u = &m->units[0];
    m->part = m->saved = (double)u->step / GGDM_BENCH_STEPS;
    m->begun = now;
    m->ends = now + (1 - m->part) * seconds_of(d, u->id);
    m->beat = now + BEAT_SECONDS;
    m->checkpoint = now + CHECKPOINT_SECONDS;
    m->next = next_event(m);
    if (m->worked)
        note_wait(d->sums, now - m->free_since);
    else
        d->sums->fill = fmax(d->sums->fill, now - d->opened);
    m->worked = true;
}

static ggdm_status give_samples(ggdm_swarm_desk *d, ggdm_member *m, ggdm_error *err)
{
    const ggdm_unit *u = &m->units[0];
    uint32_t n = 0;
    ggdm_wire_reset(&d->wire);
    for (int32_t i = 0; i < u->image_count; i++) {
        const ggdm_sample sample = {.trajectory = u->segments[0].trajectory,
                                    .index = u->image_first + i,
                                    .diverged_step = -1,
                                    .media = GGDM_MEDIA_PNG,
                                    .data = d->bytes,
                                    .size = (uint32_t)d->load->image_bytes};
        GGDM_TRY(ggdm_sample_pack(&sample, &d->wire, err));
        n++;
        if (d->wire.size < BATCH_BYTES && i + 1 < u->image_count)
            continue;
        GGDM_TRY(ggdm_send_samples(m->t, u, n, d->wire.data, d->wire.size, err));
        ggdm_wire_reset(&d->wire);
        n = 0;
    }
    return GGDM_OK;
}

static ggdm_status end_unit(ggdm_swarm_desk *d, ggdm_member *m, ggdm_error *err)
{
    ggdm_swarm_sums *sums = d->sums;
    GGDM_TRY(give_samples(d, m, err));
    GGDM_TRY(ggdm_send_done(m->t, &m->units[0], err));
    if (sums->done++ == 0)
        sums->first_done = m->ends;
    sums->useful += m->ends - m->begun;
    m->free_since = m->ends;
    ggdm_unit_deinit(&m->units[0]);
    memmove(&m->units[0], &m->units[1], --m->n * sizeof *m->units);
    if (m->n)
        ggdm_member_begin(m, d, m->ends);
    return GGDM_OK;
}

static ggdm_status save_unit(ggdm_swarm_desk *d, ggdm_member *m, ggdm_error *err)
{
    const size_t size =
        (size_t)GGDM_SWARM_STATE * (size_t)d->load->image_bytes * (size_t)d->load->images;
    const int32_t step = (int32_t)(GGDM_BENCH_STEPS * part_at(d, m, m->checkpoint));
    m->saved = (double)step / GGDM_BENCH_STEPS;
    m->checkpoint += CHECKPOINT_SECONDS;
    d->sums->checkpoints++;
    return ggdm_send_checkpoint(m->t, &m->units[0], step, d->bytes, size, err);
}

/* What the worker has to do at m->next. */
ggdm_status ggdm_member_act(ggdm_member *m, ggdm_swarm_desk *d, ggdm_error *err)
{
    if (m->next == m->ends)
        return end_unit(d, m, err);
    if (m->next == m->checkpoint) {
        GGDM_TRY(save_unit(d, m, err));
    } else {
        const int64_t done = (int64_t)(GGDM_BENCH_STEPS * part_at(d, m, m->beat));
        m->beat += BEAT_SECONDS;
        GGDM_TRY(ggdm_send_beat(m->t, &m->units[0], done, GGDM_BENCH_STEPS, err));
    }
    m->next = next_event(m);
    return GGDM_OK;
}

/* Of a unit at work what its last checkpoint has is kept. */
void ggdm_member_settle(const ggdm_member *m, ggdm_swarm_desk *d, double now)
{
    ggdm_swarm_sums *sums = d->sums;
    const double end = fmin(now, m->died);
    if (m->n) {
        const double kept = (m->saved - m->part) * seconds_of(d, m->units[0].id);
        sums->useful += kept;
        sums->lost += end - m->begun - kept;
        sums->lost_units++;
    }
    sums->silent += now - end;
}
