/* A good message of each kind, to be changed and refused. */
#ifndef GGDM_TESTS_SUPPORT_MESSAGES_H
#define GGDM_TESTS_SUPPORT_MESSAGES_H

#include "jobs/messages.h"
#include "tests/support/ggdm_test.h"

typedef enum message_kind {
    MESSAGE_JOB,
    MESSAGE_UNIT,
    MESSAGE_SCORE_UNIT,
    MESSAGE_SAMPLE,
    MESSAGE_KINDS
} message_kind;

extern const ggdm_job message_job;
extern const ggdm_unit message_unit, message_score_unit;
extern const ggdm_sample message_sample;

/** The good message of a kind, packed; ggdm_wire_deinit. */
ggdm_wire message_pack(message_kind k);
/** Unpack a message from exactly size bytes (a copy, so that ASAN sees its end).  What was accepted
 *  must pack to the same bytes. */
ggdm_status message_unpack(message_kind k, const uint8_t *data, size_t size, ggdm_error *err);

#endif
