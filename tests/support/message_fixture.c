#include "tests/support/message_fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const ggdm_job message_job = {.precision = GGDM_PRECISION_BF16,
                              .batch = 32,
                              .threads = 2,
                              .checkpoint = 0.5,
                              .record = {8, 50}};

static char *settings[] = {"{\"weight\":0.5}", "{}"};
static ggdm_segment segments[] = {
    {-1, 0, 10, 0, -1, 0, 0}, {0, 10, 100, 1, 7, 0, 2}, {0, 10, 100, 0, 8, 1, 1}};
static ggdm_scorer_ref scorers[] = {{3, "{\"kind\":\"a\"}"}, {0, "{\"kind\":\"b\"}"}};
static int32_t scores[] = {1, 0};
const ggdm_unit message_unit = {.id = 1234567890123,
                                .attempt = 2,
                                .image_first = 40,
                                .image_count = 8,
                                .steps = 100,
                                .head = "{\"model\":\"m\"}",
                                .n_settings = 2,
                                .settings = settings,
                                .n_segments = 3,
                                .segments = segments,
                                .n_scorers = 2,
                                .scorers = scorers,
                                .n_scores = 2,
                                .scores = scores};

static ggdm_segment finished[] = {{-1, 0, 0, -1, 7, 0, 2}, {-1, 0, 0, -1, 8, 1, 1}};
const ggdm_unit message_score_unit = {.id = 5,
                                      .kind = GGDM_UNIT_SCORE,
                                      .image_count = 1,
                                      .head = "",
                                      .n_segments = 2,
                                      .segments = finished,
                                      .n_scorers = 2,
                                      .scorers = scorers,
                                      .n_scores = 2,
                                      .scores = scores};

static float logp[] = {-0.1f, -2.5f, -INFINITY};
static float saturation[] = {NAN};
static ggdm_score sample_scores[] = {{4, 3, logp}, {0, 1, saturation}};
static uint8_t record[] = "\1\0\0and points";
static uint8_t png[] = "\x89PNG and so on";
const ggdm_sample message_sample = {.trajectory = 77,
                                    .index = 5,
                                    .diverged = true,
                                    .diverged_step = 99,
                                    .size = sizeof png,
                                    .data = png,
                                    .record_size = sizeof record,
                                    .record = record,
                                    .n_scores = 2,
                                    .scores = sample_scores};

ggdm_wire message_pack(message_kind k)
{
    ggdm_wire w;
    ggdm_error err;
    ggdm_wire_init(&w);
    ggdm_test_ok(k == MESSAGE_JOB          ? ggdm_job_pack(&message_job, &w, &err)
                 : k == MESSAGE_UNIT       ? ggdm_unit_pack(&message_unit, &w, &err)
                 : k == MESSAGE_SCORE_UNIT ? ggdm_unit_pack(&message_score_unit, &w, &err)
                                           : ggdm_sample_pack(&message_sample, &w, &err),
                 &err);
    return w;
}

ggdm_status message_unpack(message_kind k, const uint8_t *data, size_t size, ggdm_error *err)
{
    uint8_t *copy = malloc(size ? size : 1);
    ggdm_wire r, again;
    ggdm_job job;
    ggdm_unit unit;
    ggdm_sample sample;
    ggdm_status st;
    ggdm_error none;
    assert_non_null(copy);
    memcpy(copy, data, size);
    ggdm_wire_read(&r, copy, size);
    ggdm_wire_init(&again);
    if (k == MESSAGE_JOB) {
        st = ggdm_job_unpack(&job, &r, err);
        if (st == GGDM_OK)
            ggdm_test_ok(ggdm_job_pack(&job, &again, &none), &none);
    } else if (k == MESSAGE_SAMPLE) {
        st = ggdm_sample_unpack(&sample, &r, err);
        if (st == GGDM_OK)
            ggdm_test_ok(ggdm_sample_pack(&sample, &again, &none), &none);
        ggdm_sample_deinit(&sample);
    } else {
        st = ggdm_unit_unpack(&unit, &r, err);
        if (st == GGDM_OK)
            ggdm_test_ok(ggdm_unit_pack(&unit, &again, &none), &none);
        ggdm_unit_deinit(&unit);
    }
    if (st == GGDM_OK) {
        assert_int_equal(again.size, r.pos);
        assert_memory_equal(again.data, data, again.size);
    }
    ggdm_wire_deinit(&again);
    free(copy);
    return st;
}
