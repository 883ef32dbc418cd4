/* Packets between a coordinator and a worker: what is sent arrives, and nothing else is accepted.
 */
#include "tests/support/ggdm_test.h"

#include <stdlib.h>
#include <string.h>

#include "worker/protocol.h"

static char *settings[] = {"{}"};
static ggdm_segment segments[] = {{-1, 0, 10, 0, 7, 0, 0}};
static uint8_t unit_state[] = "where to go on";
static const ggdm_unit good_unit = {.id = 12,
                                    .attempt = 2,
                                    .image_count = 1,
                                    .steps = 10,
                                    .head = "{}",
                                    .n_settings = 1,
                                    .settings = settings,
                                    .n_segments = 1,
                                    .segments = segments,
                                    .step = 4,
                                    .state = unit_state,
                                    .state_size = sizeof unit_state};

static ggdm_segment finished[] = {{-1, 0, 0, -1, 7, 0, 0}};
static const ggdm_unit score_unit = {.id = 13,
                                     .kind = GGDM_UNIT_SCORE,
                                     .image_count = 1,
                                     .n_segments = 1,
                                     .segments = finished,
                                     .state = unit_state,
                                     .state_size = sizeof unit_state};

/* A world of two, of which the test is both. */
typedef struct fixture {
    ggdm_transport *world[2]; /* coordinator, worker */
    ggdm_packet packet;
} fixture;

static int setup(void **state)
{
    ggdm_error err;
    fixture *f = ggdm_test_alloc(1, sizeof *f);
    *f = (fixture){0};
    ggdm_test_ok(ggdm_transport_loop_open(2, f->world, &err), &err);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    ggdm_packet_deinit(&f->packet);
    ggdm_transport_close(&f->world[0]);
    ggdm_transport_close(&f->world[1]);
    free(f);
    return 0;
}

static void receive(fixture *f, int rank, ggdm_tag tag)
{
    ggdm_error err;
    bool got = false;
    ggdm_test_ok(ggdm_transport_receive(f->world[rank], GGDM_TAG_ANY, 0, &f->packet, &got, &err),
                 &err);
    assert_true(got);
    assert_int_equal(f->packet.tag, tag);
}

/* The report that the worker has just sent. */
static ggdm_report report(fixture *f, ggdm_tag tag)
{
    ggdm_error err;
    ggdm_report out;
    receive(f, 0, tag);
    ggdm_test_ok(ggdm_report_unpack(&f->packet, &out, &err), &err);
    return out;
}

static void test_protocol_unit_arrives_with_its_state(void **state)
{
    fixture *f = *state;
    ggdm_error err;
    ggdm_unit got;
    ggdm_test_ok(ggdm_send_unit(f->world[0], 1, &good_unit, &err), &err);
    receive(f, 1, GGDM_TAG_UNIT);
    ggdm_test_ok(ggdm_unit_receive(&f->packet, &got, &err), &err);
    assert_true(got.id == 12 && got.attempt == 2 && got.n_segments == 1 && got.step == 4);
    assert_int_equal(got.state_size, sizeof unit_state);
    assert_memory_equal(got.state, unit_state, sizeof unit_state);
    ggdm_unit_deinit(&got);

    ggdm_test_ok(ggdm_send_unit(f->world[0], 1, &score_unit, &err), &err);
    receive(f, 1, GGDM_TAG_UNIT);
    ggdm_test_ok(ggdm_unit_receive(&f->packet, &got, &err), &err);
    assert_true(got.kind == GGDM_UNIT_SCORE && got.state_size == sizeof unit_state);
    ggdm_unit_deinit(&got);
}

static void refuse_unit(fixture *f, const ggdm_unit *unit, const char *message)
{
    ggdm_error err;
    ggdm_unit got;
    ggdm_test_ok(ggdm_send_unit(f->world[0], 1, unit, &err), &err);
    receive(f, 1, GGDM_TAG_UNIT);
    ggdm_test_error(ggdm_unit_receive(&f->packet, &got, &err), &err, GGDM_EFORMAT, message);
    assert_null(got.segments);
}

static void test_protocol_unit_at_an_impossible_step_is_refused(void **state)
{
    fixture *f = *state;
    ggdm_unit unit = good_unit;
    unit.step = 11;
    refuse_unit(f, &unit, "unit of 10 steps begins at step 11 with 15 bytes");
    unit.step = -1;
    refuse_unit(f, &unit, "state of a unit at step -1");
    unit = good_unit;
    unit.state_size = 0;
    refuse_unit(f, &unit, "state of a unit at step 4 with 0 bytes");
    unit = score_unit;
    unit.state_size = 0;
    refuse_unit(f, &unit, "unit of 0 steps begins at step 0 with 0 bytes");
}

static void test_protocol_reports_arrive_as_they_were_sent(void **state)
{
    fixture *f = *state;
    ggdm_error err;
    ggdm_transport *worker = f->world[1];

    ggdm_test_ok(ggdm_send_empty(worker, 0, GGDM_TAG_READY, &err), &err);
    ggdm_report r = report(f, GGDM_TAG_READY);
    assert_true(r.unit == -1);

    ggdm_test_ok(ggdm_send_beat(worker, &good_unit, 3, 10, &err), &err);
    r = report(f, GGDM_TAG_BEAT);
    assert_true(r.unit == 12 && r.attempt == 2 && r.done == 3 && r.total == 10);

    ggdm_test_ok(ggdm_send_checkpoint(worker, &good_unit, 5, unit_state, sizeof unit_state, &err),
                 &err);
    r = report(f, GGDM_TAG_CHECKPOINT);
    assert_true(r.unit == 12 && r.step == 5 && r.state_size == sizeof unit_state);
    assert_memory_equal(r.state, unit_state, sizeof unit_state);
    ggdm_report_deinit(&r);

    ggdm_test_ok(ggdm_send_done(worker, &good_unit, &err), &err);
    r = report(f, GGDM_TAG_DONE);
    assert_true(r.unit == 12 && r.attempt == 2);

    ggdm_test_ok(ggdm_send_failed(worker, NULL, GGDM_ENOMEM, "no memory", &err), &err);
    r = report(f, GGDM_TAG_FAILED);
    assert_true(r.unit == -1 && r.attempt == 0 && r.status == GGDM_ENOMEM);
    assert_string_equal(r.message, "no memory");
    ggdm_report_deinit(&r);

    ggdm_test_ok(ggdm_send_empty(worker, 0, GGDM_TAG_BYE, &err), &err);
    r = report(f, GGDM_TAG_BYE);
    assert_true(r.unit == -1);
}

static ggdm_wire pack_samples(int32_t n)
{
    ggdm_wire w;
    ggdm_error err;
    ggdm_wire_init(&w);
    for (int32_t i = 0; i < n; i++) {
        ggdm_sample s = {.trajectory = 7, .index = i, .diverged_step = -1};
        ggdm_test_ok(ggdm_sample_pack(&s, &w, &err), &err);
    }
    return w;
}

static void test_protocol_samples_arrive_in_order(void **state)
{
    fixture *f = *state;
    ggdm_error err;
    ggdm_wire w = pack_samples(3);
    ggdm_test_ok(ggdm_send_samples(f->world[1], &good_unit, 3, w.data, w.size, &err), &err);
    ggdm_report r = report(f, GGDM_TAG_SAMPLES);
    assert_int_equal(r.n_samples, 3);
    for (int32_t i = 0; i < 3; i++)
        assert_true(r.samples[i].trajectory == 7 && r.samples[i].index == i);
    ggdm_report_deinit(&r);
    ggdm_wire_deinit(&w);
}

static void test_protocol_samples_of_another_number_are_refused(void **state)
{
    fixture *f = *state;
    static const struct {
        uint32_t count;
        const char *message;
    } wrong[] = {{2, "30 bytes behind the last sample"},
                 {4, "4 samples in 90 bytes"},
                 {UINT32_MAX, "4294967295 samples in 90 bytes"}};
    ggdm_wire w = pack_samples(3);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ggdm_error err;
        ggdm_report r;
        ggdm_test_ok(
            ggdm_send_samples(f->world[1], &good_unit, wrong[i].count, w.data, w.size, &err), &err);
        receive(f, 0, GGDM_TAG_SAMPLES);
        ggdm_test_error(ggdm_report_unpack(&f->packet, &r, &err), &err, GGDM_EFORMAT,
                        wrong[i].message);
        ggdm_test_error(ggdm_report_unpack(&f->packet, &r, &err), &err, GGDM_EFORMAT,
                        "packet with tag 3 from rank 1");
        assert_null(r.samples);
    }
    ggdm_wire_deinit(&w);
}

static ggdm_status unpack(ggdm_packet *packet, ggdm_error *err)
{
    ggdm_unit unit;
    ggdm_report r;
    ggdm_status st;
    if (packet->tag == GGDM_TAG_UNIT) {
        st = ggdm_unit_receive(packet, &unit, err);
        ggdm_unit_deinit(&unit);
    } else {
        st = ggdm_report_unpack(packet, &r, err);
        ggdm_report_deinit(&r);
    }
    return st;
}

/* Copies of exactly their size, so that ASAN sees their end. */
static ggdm_packet copy_of(const ggdm_packet *packet, size_t size)
{
    ggdm_packet copy = {.from = packet->from, .tag = packet->tag, .size = size};
    copy.data = malloc(size ? size : 1);
    assert_non_null(copy.data);
    memcpy(copy.data, packet->data, size < packet->size ? size : packet->size);
    if (size > packet->size)
        memset(copy.data + packet->size, 0, size - packet->size);
    return copy;
}

/* Every packet cut at every byte, with one too many, and with every bit changed. */
static void hurt(fixture *f)
{
    ggdm_error err;
    ggdm_test_ok(unpack(&f->packet, &err), &err);
    for (size_t size = 0; size <= f->packet.size + 1; size++) {
        ggdm_packet copy = copy_of(&f->packet, size);
        if (size != f->packet.size)
            ggdm_test_error(unpack(&copy, &err), &err, GGDM_EFORMAT, "");
        free(copy.data);
    }
    for (size_t bit = 0; bit < 8 * f->packet.size; bit++) {
        ggdm_packet copy = copy_of(&f->packet, f->packet.size);
        copy.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ggdm_status st = unpack(&copy, &err);
        assert_true(st == GGDM_OK || st == GGDM_EFORMAT);
        free(copy.data);
    }
}

static void test_protocol_hurt_packets_are_refused(void **state)
{
    fixture *f = *state;
    ggdm_error err;
    ggdm_transport *worker = f->world[1];
    ggdm_wire w = pack_samples(2);
    ggdm_test_ok(ggdm_send_unit(f->world[0], 1, &good_unit, &err), &err);
    receive(f, 1, GGDM_TAG_UNIT);
    hurt(f);
    ggdm_test_ok(ggdm_send_samples(worker, &good_unit, 2, w.data, w.size, &err), &err);
    receive(f, 0, GGDM_TAG_SAMPLES);
    hurt(f);
    ggdm_test_ok(ggdm_send_beat(worker, &good_unit, 3, 10, &err), &err);
    receive(f, 0, GGDM_TAG_BEAT);
    hurt(f);
    ggdm_test_ok(ggdm_send_checkpoint(worker, &good_unit, 5, unit_state, sizeof unit_state, &err),
                 &err);
    receive(f, 0, GGDM_TAG_CHECKPOINT);
    hurt(f);
    ggdm_test_ok(ggdm_send_done(worker, &good_unit, &err), &err);
    receive(f, 0, GGDM_TAG_DONE);
    hurt(f);
    ggdm_test_ok(ggdm_send_failed(worker, &good_unit, GGDM_EIO, "text", &err), &err);
    receive(f, 0, GGDM_TAG_FAILED);
    hurt(f);
    ggdm_wire_deinit(&w);
}

static void test_protocol_tag_that_no_worker_sends_is_refused(void **state)
{
    fixture *f = *state;
    ggdm_error err;
    ggdm_report r;
    ggdm_test_ok(ggdm_send_unit(f->world[0], 1, &good_unit, &err), &err);
    receive(f, 1, GGDM_TAG_UNIT);
    ggdm_test_error(ggdm_report_unpack(&f->packet, &r, &err), &err, GGDM_EFORMAT,
                    "tag 2, expected one that workers send");
}

#define PROTOCOL_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROTOCOL_TEST(test_protocol_unit_arrives_with_its_state),
        PROTOCOL_TEST(test_protocol_unit_at_an_impossible_step_is_refused),
        PROTOCOL_TEST(test_protocol_reports_arrive_as_they_were_sent),
        PROTOCOL_TEST(test_protocol_samples_arrive_in_order),
        PROTOCOL_TEST(test_protocol_samples_of_another_number_are_refused),
        PROTOCOL_TEST(test_protocol_hurt_packets_are_refused),
        PROTOCOL_TEST(test_protocol_tag_that_no_worker_sends_is_refused),
    };
    return ggdm_test_main(tests);
}
