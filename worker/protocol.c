#include "worker/protocol.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define MIN_SAMPLE_BYTES 30 /* of a packed one without data, record and scores: bounds a count */

static ggdm_status send_wire(ggdm_transport *t, int to, ggdm_tag tag, ggdm_wire *w, ggdm_error *err)
{
    ggdm_status st = ggdm_wire_status(w, "message to send", err);
    if (st == GGDM_OK)
        st = ggdm_transport_send(t, to, tag, w->data, w->size, err);
    ggdm_wire_deinit(w);
    return st;
}

static void put_head(ggdm_wire *w, const ggdm_unit *unit)
{
    ggdm_wire_init(w);
    ggdm_put_i64(w, unit ? unit->id : -1);
    ggdm_put_i32(w, unit ? unit->attempt : 0);
}

static void put_state(ggdm_wire *w, int32_t step, const void *state, size_t size)
{
    ggdm_put_i32(w, step);
    ggdm_put_bytes(w, state, size);
}

ggdm_status ggdm_send_unit(ggdm_transport *t, int to, const ggdm_unit *unit, ggdm_error *err)
{
    ggdm_wire w;
    ggdm_wire_init(&w);
    ggdm_status st = ggdm_unit_pack(unit, &w, err);
    if (st != GGDM_OK) {
        ggdm_wire_deinit(&w);
        return st;
    }
    put_state(&w, unit->step, unit->state, unit->state_size);
    return send_wire(t, to, GGDM_TAG_UNIT, &w, err);
}

/* No bytes: NULL. */
static ggdm_status get_state(ggdm_wire *w, int32_t *step, uint8_t **state, size_t *size,
                             ggdm_error *err)
{
    *step = ggdm_get_i32(w);
    const uint8_t *data = ggdm_get_bytes(w, size);
    GGDM_TRY(ggdm_wire_status(w, "state of a unit", err));
    if (*step < 0 || (*step > 0 && *size == 0) || *size > GGDM_MAX_CHECKPOINT)
        return GGDM_FAIL(err, GGDM_EFORMAT, "state of a unit at step %d with %zu bytes", *step,
                         *size);
    if (*size == 0)
        return GGDM_OK;
    GGDM_TRY(ggdm_alloc(state, *size, 1, err));
    memcpy(*state, data, *size);
    return GGDM_OK;
}

ggdm_status ggdm_unit_receive(const ggdm_packet *packet, ggdm_unit *out, ggdm_error *err)
{
    ggdm_wire w;
    ggdm_wire_read(&w, packet->data, packet->size);
    ggdm_status st = ggdm_unit_unpack(out, &w, err);
    if (st == GGDM_OK)
        st = get_state(&w, &out->step, &out->state, &out->state_size, err);
    if (st == GGDM_OK && (out->step > out->steps || (out->kind == GGDM_UNIT_SCORE && !out->state)))
        st = GGDM_FAIL(err, GGDM_EFORMAT, "unit of %d steps begins at step %d with %zu bytes",
                       out->steps, out->step, out->state_size);
    if (st == GGDM_OK && w.pos != w.size)
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%zu bytes behind the unit", w.size - w.pos);
    if (st != GGDM_OK)
        ggdm_unit_deinit(out);
    return st;
}

ggdm_status ggdm_send_empty(ggdm_transport *t, int to, ggdm_tag tag, ggdm_error *err)
{
    return ggdm_transport_send(t, to, tag, NULL, 0, err);
}

ggdm_status ggdm_send_beat(ggdm_transport *t, const ggdm_unit *unit, int64_t done, int64_t total,
                           ggdm_error *err)
{
    ggdm_wire w;
    put_head(&w, unit);
    ggdm_put_i64(&w, done);
    ggdm_put_i64(&w, total);
    return send_wire(t, 0, GGDM_TAG_BEAT, &w, err);
}

ggdm_status ggdm_send_checkpoint(ggdm_transport *t, const ggdm_unit *unit, int32_t step,
                                 const void *state, size_t size, ggdm_error *err)
{
    ggdm_wire w;
    put_head(&w, unit);
    put_state(&w, step, state, size);
    return send_wire(t, 0, GGDM_TAG_CHECKPOINT, &w, err);
}

ggdm_status ggdm_send_done(ggdm_transport *t, const ggdm_unit *unit, ggdm_error *err)
{
    ggdm_wire w;
    put_head(&w, unit);
    return send_wire(t, 0, GGDM_TAG_DONE, &w, err);
}

ggdm_status ggdm_send_failed(ggdm_transport *t, const ggdm_unit *unit, ggdm_status status,
                             const char *message, ggdm_error *err)
{
    ggdm_wire w;
    put_head(&w, unit);
    ggdm_put_i32(&w, (int32_t)status);
    ggdm_put_bytes(&w, message, strlen(message));
    return send_wire(t, 0, GGDM_TAG_FAILED, &w, err);
}

ggdm_status ggdm_send_samples(ggdm_transport *t, const ggdm_unit *unit, uint32_t count,
                              const void *samples, size_t size, ggdm_error *err)
{
    ggdm_wire w;
    put_head(&w, unit);
    ggdm_put_u32(&w, count);
    ggdm_put_bytes(&w, samples, size);
    return send_wire(t, 0, GGDM_TAG_SAMPLES, &w, err);
}

static ggdm_status get_samples(ggdm_wire *w, ggdm_report *out, ggdm_error *err)
{
    uint32_t count = ggdm_get_u32(w);
    size_t size = 0;
    const uint8_t *data = ggdm_get_bytes(w, &size);
    GGDM_TRY(ggdm_wire_status(w, "samples", err));
    if (count > size / MIN_SAMPLE_BYTES)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%u samples in %zu bytes", count, size);
    GGDM_TRY(ggdm_alloc(&out->samples, count, sizeof *out->samples, err));
    ggdm_wire inner;
    ggdm_wire_read(&inner, data, size);
    for (uint32_t i = 0; i < count; i++) {
        out->n_samples++; /* counted first: what a failed unpack leaves is freed with the rest */
        GGDM_TRY(ggdm_sample_unpack(&out->samples[i], &inner, err));
    }
    if (inner.pos != inner.size)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%zu bytes behind the last sample",
                         inner.size - inner.pos);
    return GGDM_OK;
}

static ggdm_status get_failure(ggdm_wire *w, ggdm_report *out, ggdm_error *err)
{
    size_t size = 0;
    out->status = (ggdm_status)ggdm_get_i32(w);
    const uint8_t *text = ggdm_get_bytes(w, &size);
    GGDM_TRY(ggdm_wire_status(w, "failure", err));
    GGDM_TRY(ggdm_alloc(&out->message, size + 1, 1, err));
    memcpy(out->message, text, size);
    return GGDM_OK;
}

static ggdm_status get_report(ggdm_tag tag, ggdm_wire *w, ggdm_report *out, ggdm_error *err)
{
    if (tag == GGDM_TAG_READY || tag == GGDM_TAG_BYE)
        return GGDM_OK;
    out->unit = ggdm_get_i64(w);
    out->attempt = ggdm_get_i32(w);
    switch (tag) {
    case GGDM_TAG_SAMPLES:
        return get_samples(w, out, err);
    case GGDM_TAG_FAILED:
        return get_failure(w, out, err);
    case GGDM_TAG_CHECKPOINT:
        return get_state(w, &out->step, &out->state, &out->state_size, err);
    case GGDM_TAG_BEAT:
        out->done = ggdm_get_i64(w);
        out->total = ggdm_get_i64(w);
        break;
    case GGDM_TAG_DONE:
        break;
    default:
        return GGDM_FAIL(err, GGDM_EFORMAT, "tag %d, expected one that workers send", (int)tag);
    }
    return ggdm_wire_status(w, "report", err);
}

ggdm_status ggdm_report_unpack(const ggdm_packet *packet, ggdm_report *out, ggdm_error *err)
{
    *out = (ggdm_report){.unit = -1};
    ggdm_wire w;
    ggdm_wire_read(&w, packet->data, packet->size);
    ggdm_status st = get_report(packet->tag, &w, out, err);
    if (st == GGDM_OK && w.pos != w.size)
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%zu bytes behind the end", w.size - w.pos);
    if (st == GGDM_OK)
        return GGDM_OK;
    ggdm_report_deinit(out);
    ggdm_error_prefix(err, "packet with tag %d from rank %d", (int)packet->tag, packet->from);
    return st;
}

void ggdm_report_deinit(ggdm_report *report)
{
    for (int32_t i = 0; i < report->n_samples; i++)
        ggdm_sample_deinit(&report->samples[i]);
    free(report->samples);
    free(report->state);
    free(report->message);
    *report = (ggdm_report){.unit = -1};
}
