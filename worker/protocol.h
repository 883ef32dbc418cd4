/* What is in a packet (common/transport.h) after start-up; start-up itself is worker/startup.h.
 *
 * A packet's tag says what it is.  Its bytes are these, as common/wire.h writes them (BYTES: u32
 * size, then so many bytes), and nothing behind them; C is the coordinator, W a worker:
 *
 *   READY       W to C  nothing; sent once: DONE and FAILED ask for the next unit as well
 *   UNIT        C to W  ggdm_unit (jobs/messages.c), STATE
 *   SAMPLES     W to C  HEAD, u32 count, BYTES of count x ggdm_sample
 *   BEAT        W to C  HEAD, i64 done, i64 total: ticks, of one image each
 *   CHECKPOINT  W to C  HEAD, STATE
 *   DONE        W to C  HEAD
 *   FAILED      W to C  HEAD, i32 status, BYTES of a text
 *   STOP        C to W  nothing
 *   BYE         W to C  nothing
 *
 *   HEAD   i64 unit, i32 attempt: of the unit that runs; -1, 0: the worker itself FAILED
 *   STATE  i32 step, BYTES of at most GGDM_MAX_CHECKPOINT: where to go on; none: step 0
 *
 * The step of a UNIT is at most the steps of its chain; one of kind SCORE has a state.  A HEAD may
 * say anything: the coordinator knows which units are out, and the attempt fences late reports.
 *
 * A worker runs the units it is sent one after the other; it is told to stop beside them, and those
 * it has not begun then are given back by its BYE. */
#ifndef GGDM_WORKER_PROTOCOL_H
#define GGDM_WORKER_PROTOCOL_H

#include <stdint.h>

#include "common/status.h"
#include "common/transport.h"
#include "jobs/messages.h"

/* Reports of a worker: SAMPLES, BEAT, CHECKPOINT, DONE and FAILED begin with unit and attempt. */
typedef struct ggdm_report {
    int64_t unit;
    int32_t attempt;
    int64_t done, total;  /* BEAT */
    ggdm_status status;   /* FAILED */
    char *message;        /* FAILED; owned, or NULL */
    ggdm_sample *samples; /* SAMPLES: [n_samples], owned, or NULL */
    int32_t n_samples;
    int32_t step;   /* CHECKPOINT */
    uint8_t *state; /* CHECKPOINT: [state_size], owned, or NULL */
    size_t state_size;
} ggdm_report;

/** Unpack the packet of a worker.  Owned: ggdm_report_deinit.  READY and BYE give an empty report.
 *  Errors: GGDM_EFORMAT (also for a tag that no worker sends), GGDM_ENOMEM. */
ggdm_status ggdm_report_unpack(const ggdm_packet *packet, ggdm_report *out, ggdm_error *err);
void ggdm_report_deinit(ggdm_report *report);

/* Sending; all errors are those of ggdm_transport_send and packing. */
ggdm_status ggdm_send_unit(ggdm_transport *t, int to, const ggdm_unit *unit, ggdm_error *err);
/** The unit in a UNIT packet.  Owned: ggdm_unit_deinit.  Errors: GGDM_EFORMAT, GGDM_ENOMEM. */
ggdm_status ggdm_unit_receive(const ggdm_packet *packet, ggdm_unit *out, ggdm_error *err);
ggdm_status ggdm_send_empty(ggdm_transport *t, int to, ggdm_tag tag, ggdm_error *err);
ggdm_status ggdm_send_beat(ggdm_transport *t, const ggdm_unit *unit, int64_t done, int64_t total,
                           ggdm_error *err);
ggdm_status ggdm_send_checkpoint(ggdm_transport *t, const ggdm_unit *unit, int32_t step,
                                 const void *state, size_t size, ggdm_error *err);
ggdm_status ggdm_send_done(ggdm_transport *t, const ggdm_unit *unit, ggdm_error *err);
/** unit NULL: the worker itself cannot work. */
ggdm_status ggdm_send_failed(ggdm_transport *t, const ggdm_unit *unit, ggdm_status status,
                             const char *message, ggdm_error *err);
/** samples: count packed ggdm_sample one after the other, size bytes. */
ggdm_status ggdm_send_samples(ggdm_transport *t, const ggdm_unit *unit, uint32_t count,
                              const void *samples, size_t size, ggdm_error *err);

#endif
