/* The in-process world: order, tags, timeouts, the collectives. */
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/ggdm_test.h"

#include "common/clock.h"
#include "common/transport.h"

/* cmocka's asserts may be used on the main thread only: threads return what they saw. */

static void open_world(int size, ggdm_transport **t)
{
    ggdm_error err;
    ggdm_test_ok(ggdm_transport_loop_open(size, t, &err), &err);
}

static void close_world(int size, ggdm_transport **t)
{
    for (int i = 0; i < size; i++)
        ggdm_transport_close(&t[i]);
}

static void send_text(ggdm_transport *t, int to, ggdm_tag tag, const char *text)
{
    ggdm_error err;
    ggdm_test_ok(ggdm_transport_send(t, to, tag, text, strlen(text) + 1, &err), &err);
}

static bool receive(ggdm_transport *t, ggdm_tag tag, double timeout, ggdm_packet *packet)
{
    ggdm_error err;
    bool got = false;
    ggdm_test_ok(ggdm_transport_receive(t, tag, timeout, packet, &got, &err), &err);
    return got;
}

static void test_transport_loop_two_packets_arrive_in_order(void **state)
{
    (void)state;
    ggdm_transport *t[2];
    ggdm_packet packet = {0};
    open_world(2, t);
    send_text(t[1], 0, GGDM_TAG_BEAT, "first");
    send_text(t[1], 0, GGDM_TAG_DONE, "second, and longer");
    assert_true(receive(t[0], GGDM_TAG_ANY, 0, &packet));
    assert_int_equal(packet.from, 1);
    assert_int_equal(packet.tag, GGDM_TAG_BEAT);
    assert_string_equal((const char *)packet.data, "first");
    assert_true(receive(t[0], GGDM_TAG_ANY, 0, &packet));
    assert_string_equal((const char *)packet.data, "second, and longer");
    assert_int_equal(packet.size, strlen("second, and longer") + 1);
    assert_false(receive(t[0], GGDM_TAG_ANY, 0, &packet));
    ggdm_packet_deinit(&packet);
    close_world(2, t);
}

static void test_transport_loop_wanted_tag_overtakes(void **state)
{
    (void)state;
    ggdm_transport *t[2];
    ggdm_packet packet = {0};
    open_world(2, t);
    send_text(t[0], 1, GGDM_TAG_UNIT, "unit");
    send_text(t[0], 1, GGDM_TAG_STOP, "stop");
    assert_true(receive(t[1], GGDM_TAG_STOP, 0, &packet));
    assert_string_equal((const char *)packet.data, "stop");
    assert_false(receive(t[1], GGDM_TAG_STOP, 0, &packet));
    send_text(t[0], 1, GGDM_TAG_BEAT, "after");
    assert_true(receive(t[1], GGDM_TAG_ANY, 0, &packet));
    assert_string_equal((const char *)packet.data, "unit");
    assert_true(receive(t[1], GGDM_TAG_ANY, 0, &packet));
    assert_string_equal((const char *)packet.data, "after");
    ggdm_packet_deinit(&packet);
    close_world(2, t);
}

static void test_transport_loop_empty_packet_has_size_0(void **state)
{
    (void)state;
    ggdm_transport *t[2];
    ggdm_packet packet = {0};
    ggdm_error err;
    open_world(2, t);
    ggdm_test_ok(ggdm_transport_send(t[1], 0, GGDM_TAG_READY, NULL, 0, &err), &err);
    assert_true(receive(t[0], GGDM_TAG_ANY, 0, &packet));
    assert_int_equal(packet.size, 0);
    ggdm_packet_deinit(&packet);
    close_world(2, t);
}

static void test_transport_loop_nothing_sent_times_out(void **state)
{
    (void)state;
    ggdm_transport *t[1];
    ggdm_packet packet = {0};
    open_world(1, t);
    double begun = ggdm_now();
    assert_false(receive(t[0], GGDM_TAG_ANY, 0.05, &packet));
    assert_true(ggdm_now() - begun >= 0.049);
    ggdm_packet_deinit(&packet);
    close_world(1, t);
}

static void test_transport_loop_bad_receiver_is_error(void **state)
{
    (void)state;
    ggdm_transport *t[2];
    ggdm_error err;
    open_world(2, t);
    ggdm_test_error(ggdm_transport_send(t[0], 2, GGDM_TAG_STOP, NULL, 0, &err), &err, GGDM_ECOMM,
                    "rank 2 of a world of 2");
    ggdm_test_error(ggdm_transport_send(t[0], -1, GGDM_TAG_STOP, NULL, 0, &err), &err, GGDM_ECOMM,
                    "rank -1");
    close_world(2, t);
}

/* (Nothing is told under the address sanitizer, which watches by itself.) */
static size_t bytes_in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void test_transport_loop_unread_packets_are_freed(void **state)
{
    (void)state;
    enum { PACKETS = 16, SIZE = 1 << 20 };
    ggdm_transport *t[2];
    ggdm_error err;
    char *nobody_reads_this = ggdm_test_alloc(SIZE, 1);
    size_t before = bytes_in_use();
    open_world(2, t);
    for (int i = 0; i < PACKETS; i++)
        ggdm_test_ok(ggdm_transport_send(t[0], 1, GGDM_TAG_UNIT, nobody_reads_this, SIZE, &err),
                     &err);
    close_world(2, t);
    assert_true(bytes_in_use() < before + SIZE); /* not even one is left */
    free(nobody_reads_this);
}

/* ---- collectives, one thread per rank ---- */

enum { RANKS = 4 };
static const char given[] = "the bytes of rank 0, of a length that is no multiple of anything";

typedef struct seen {
    ggdm_transport *t;
    int min;
    bool broadcast_ok, shared_ok, aligned, first;
    const void *shared;
} seen;

static void *collective(void *context)
{
    seen *s = context;
    int rank = ggdm_transport_rank(s->t);
    void *data = rank == 0 ? (void *)given : NULL;
    size_t size = rank == 0 ? sizeof given : 0;
    s->broadcast_ok = ggdm_transport_broadcast(s->t, &data, &size, NULL) == GGDM_OK &&
                      size == sizeof given && memcmp(data, given, size) == 0;
    if (rank != 0)
        free(data);
    ggdm_transport_min(s->t, 10 - rank, &s->min, NULL);
    s->shared_ok =
        ggdm_transport_share(s->t, rank == 0 ? given : NULL, rank == 0 ? sizeof given : 0,
                             &s->shared, &size, &s->first, NULL) == GGDM_OK &&
        size == sizeof given && memcmp(s->shared, given, size) == 0;
    s->aligned = (uintptr_t)s->shared % 64 == 0;
    ggdm_transport_close(&s->t);
    return NULL;
}

static void test_transport_loop_collectives_agree_on_all_ranks(void **state)
{
    (void)state;
    ggdm_transport *t[RANKS];
    seen s[RANKS] = {0};
    pthread_t threads[RANKS];
    open_world(RANKS, t);
    for (int i = 0; i < RANKS; i++) {
        s[i].t = t[i];
        assert_int_equal(pthread_create(&threads[i], NULL, collective, &s[i]), 0);
    }
    for (int i = 0; i < RANKS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < RANKS; i++) {
        assert_true(s[i].broadcast_ok);
        assert_int_equal(s[i].min, 10 - (RANKS - 1));
        assert_true(s[i].shared_ok);
        assert_true(s[i].aligned);
        assert_ptr_equal(s[i].shared, s[0].shared); /* held once */
        assert_int_equal(s[i].first, i == 0);
    }
}

static void *echo(void *context)
{
    ggdm_transport *t = context;
    ggdm_packet packet = {0};
    bool got = false;
    for (int i = 0; i < 1000; i++) {
        while (!got && ggdm_transport_receive(t, GGDM_TAG_ANY, 1, &packet, &got, NULL) == GGDM_OK)
            ;
        ggdm_transport_send(t, 0, GGDM_TAG_DONE, packet.data, packet.size, NULL);
        got = false;
    }
    ggdm_packet_deinit(&packet);
    ggdm_transport_close(&t);
    return NULL;
}

static void test_transport_loop_thousand_round_trips_return_all(void **state)
{
    (void)state;
    ggdm_transport *t[2];
    ggdm_packet packet = {0};
    pthread_t thread;
    ggdm_error err;
    bool ok = true;
    open_world(2, t);
    assert_int_equal(pthread_create(&thread, NULL, echo, t[1]), 0);
    for (int i = 0; i < 1000; i++) {
        ggdm_test_ok(ggdm_transport_send(t[0], 1, GGDM_TAG_UNIT, &i, sizeof i, &err), &err);
        ok = ok && receive(t[0], GGDM_TAG_ANY, 10, &packet) && packet.size == sizeof i &&
             memcmp(packet.data, &i, sizeof i) == 0;
    }
    pthread_join(thread, NULL);
    ggdm_packet_deinit(&packet);
    ggdm_transport_close(&t[0]);
    assert_true(ok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transport_loop_two_packets_arrive_in_order),
        cmocka_unit_test(test_transport_loop_wanted_tag_overtakes),
        cmocka_unit_test(test_transport_loop_empty_packet_has_size_0),
        cmocka_unit_test(test_transport_loop_nothing_sent_times_out),
        cmocka_unit_test(test_transport_loop_bad_receiver_is_error),
        cmocka_unit_test(test_transport_loop_unread_packets_are_freed),
        cmocka_unit_test(test_transport_loop_collectives_agree_on_all_ranks),
        cmocka_unit_test(test_transport_loop_thousand_round_trips_return_all),
    };
    return ggdm_test_main(tests);
}
