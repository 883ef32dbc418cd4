/* What is in a packet (common/transport.h) after start-up; start-up itself is worker/startup.h.
 *
 *   READY   worker -> coordinator   empty; sent once, DONE and FAILED ask for the next unit as well
 *   UNIT    coordinator -> worker   ggdm_unit, step i32, state bytes
 *   IMAGES  worker -> coordinator   unit i64, attempt i32, count u32, then count x ggdm_image
 *   BEAT    worker -> coordinator   unit i64, attempt i32, done i64, total i64 (image-steps)
 *   CHECKPOINT  worker -> coordinator   unit i64, attempt i32, step i32, state bytes
 *   DONE    worker -> coordinator   unit i64, attempt i32
 *   FAILED  worker -> coordinator   unit i64 (-1: the worker itself), attempt i32, status i32, text
 *   STOP    coordinator -> worker   empty
 *   BYE     worker -> coordinator   empty
 *
 * A worker runs the units it is sent one after the other; it is told to stop beside them, and those
 * it has not begun then are given back by its BYE. */
#ifndef GGDM_WORKER_PROTOCOL_H
#define GGDM_WORKER_PROTOCOL_H

#include <stdint.h>

#include "common/status.h"
#include "common/transport.h"
#include "jobs/messages.h"

/* Reports of a worker: IMAGES, BEAT, CHECKPOINT, DONE and FAILED begin with unit and attempt. */
typedef struct ggdm_report {
    int64_t unit;
    int32_t attempt;
    int64_t done, total; /* BEAT */
    ggdm_status status;  /* FAILED */
    char *message;       /* FAILED; owned, or NULL */
    ggdm_image *images;  /* IMAGES: [n_images], owned, or NULL */
    int32_t n_images;
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
/** images: count packed ggdm_image one after the other, size bytes. */
ggdm_status ggdm_send_images(ggdm_transport *t, const ggdm_unit *unit, uint32_t count,
                             const void *images, size_t size, ggdm_error *err);

#endif
