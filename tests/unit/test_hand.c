/* The units in a worker's hands: their order, how many there are, what a report is about. */
#include "coordinator/run/hand.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/support/ggdm_test.h"

static ggdm_error err;

static ggdm_hand hand;

static void fresh(void)
{
    ggdm_hand_deinit(&hand);
    memset(&hand, 0, sizeof hand);
}

/* Unit number id of two images, sent. */
static ggdm_task *add(int64_t id)
{
    ggdm_unit unit = {.id = id, .attempt = 1, .image_count = 2, .n_segments = 1};
    unit.segments = ggdm_test_alloc(1, sizeof *unit.segments);
    unit.segments[0] = (ggdm_segment){.parent = -1, .end = 10, .trajectory = 0};
    ggdm_test_ok(ggdm_hand_reserve(&hand, 1, &err), &err);
    ggdm_task *t = ggdm_hand_add(&hand, &unit);
    t->sent = true;
    return t;
}

static void report(ggdm_status outcome)
{
    char *message = NULL;
    ggdm_hand_report(&hand, outcome, &message);
}

static ggdm_task *current(int64_t id, int32_t attempt)
{
    const ggdm_report r = {.unit = id, .attempt = attempt};
    return ggdm_hand_current(&hand, &r);
}

static void test_hand_reports_are_about_the_first_that_is_not_reported(void **state)
{
    (void)state;
    fresh();
    assert_null(ggdm_hand_at_work(&hand));
    for (int64_t i = 0; i < 3; i++)
        add(i);
    assert_non_null(current(0, 1));
    assert_null(current(0, 2)); /* another attempt */
    assert_null(current(1, 1)); /* not its turn */
    report(GGDM_OK);
    assert_null(current(0, 1)); /* told already */
    assert_non_null(current(1, 1));
    ggdm_hand_task(&hand, 1)->sent = false; /* claimed in this turn: cannot have been run */
    assert_null(current(1, 1));
    assert_int_equal(ggdm_hand_task(&hand, 0)->unit.id, 0);
    ggdm_hand_drop(&hand);
    assert_int_equal(hand.reported, 0);
    assert_int_equal(hand.n, 2);
    assert_int_equal(ggdm_hand_at_work(&hand)->unit.id, 1);
}

/* Round the ring many times, always with some in hand. */
static void test_hand_keeps_the_order_for_ever(void **state)
{
    (void)state;
    fresh();
    int64_t next = 0, done = 0;
    for (int round = 0; round < 50; round++) {
        while (hand.n < GGDM_HAND_MAX - round % 7)
            add(next++);
        for (int i = 0; i < 90; i++) {
            assert_int_equal(ggdm_hand_at_work(&hand)->unit.id, done + i);
            report(GGDM_OK);
        }
        for (int i = 0; i < 90; i++) {
            assert_int_equal(ggdm_hand_task(&hand, 0)->unit.id, done++);
            ggdm_hand_drop(&hand);
        }
    }
    ggdm_hand_deinit(&hand);
    assert_int_equal(hand.n, 0);
}

/* Thousands of workers hold one unit each: room is made as it is needed, wherever the ring
 * begins. */
static void test_hand_grows_with_what_it_holds(void **state)
{
    (void)state;
    fresh();
    int64_t next = 0, done = 0;
    for (int held = 1; held <= GGDM_HAND_MAX; held++) {
        while (hand.n < held)
            add(next++);
        assert_true(hand.cap < 2 * held);
        for (int i = 0; i < held; i++)
            assert_int_equal(ggdm_hand_task(&hand, i)->unit.id, done + i);
        report(GGDM_OK);
        ggdm_hand_drop(&hand);
        done++;
    }
    fresh();
}

static void test_hand_room_follows_the_time_of_a_unit(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        int room;
    } cases[] = {{0, 1}, {1e-6, GGDM_HAND_MAX}, {0.1, 4}, {1, 2}, {4.9, 2}, {5, 1}, {3600, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fresh();
        hand.unit_seconds = cases[i].seconds;
        assert_int_equal(ggdm_hand_room(&hand, 1e6), cases[i].room);
        add(0);
        assert_int_equal(ggdm_hand_room(&hand, 1e6), cases[i].room - 1);
    }
    fresh();
    hand.unit_seconds = 1e-6; /* in the end everybody gets a share */
    assert_int_equal(ggdm_hand_room(&hand, 2.5), 2);
    assert_int_equal(ggdm_hand_room(&hand, 0.1), 1);
    for (int i = 0; i < GGDM_HAND_MAX; i++)
        add(i);
    assert_int_equal(ggdm_hand_room(&hand, 1e6), 0);
    report(GGDM_OK); /* its place is taken until it is stored */
    assert_int_equal(ggdm_hand_room(&hand, 1e6), 0);
    ggdm_hand_drop(&hand);
    assert_int_equal(ggdm_hand_room(&hand, 1e6), 1);
}

static void test_hand_is_low_at_half(void **state)
{
    (void)state;
    fresh();
    assert_true(ggdm_hand_is_low(&hand));
    add(0);
    assert_false(ggdm_hand_is_low(&hand)); /* it wants one, and has it */
    hand.unit_seconds = 0.1;               /* wants four */
    assert_true(ggdm_hand_is_low(&hand));
    add(1);
    assert_true(ggdm_hand_is_low(&hand));
    add(2);
    assert_false(ggdm_hand_is_low(&hand));
    char *none = NULL;
    ggdm_hand_report(&hand, GGDM_OK, &none);
    hand.unit_seconds = 0.1;
    assert_true(ggdm_hand_is_low(&hand));
}

static void test_hand_learns_the_time_of_a_unit(void **state)
{
    (void)state;
    fresh();
    add(0);
    add(1);
    hand.begun -= 1000;
    report(GGDM_OK);
    assert_true(hand.unit_seconds >= 1000);
    report(GGDM_OK); /* at once, on the slowest of machines */
    assert_true(hand.unit_seconds < 1000);
}

static void test_hand_takes_no_more_images_than_asked_for(void **state)
{
    (void)state;
    fresh();
    ggdm_task *t = add(0);
    ggdm_report r = {.n_samples = 2, .samples = ggdm_test_alloc(3, sizeof *r.samples)};
    ggdm_test_ok(ggdm_task_take_samples(t, &r, &err), &err);
    assert_int_equal(t->n_samples, 2);
    assert_int_equal(r.n_samples, 0);
    r.n_samples = 1;
    ggdm_test_error(ggdm_task_take_samples(t, &r, &err), &err, GGDM_EFORMAT,
                    "3 samples, expected 2");
    ggdm_report_deinit(&r);
}

static void test_hand_suspect_counts_until_it_is_reported(void **state)
{
    (void)state;
    fresh();
    assert_false(ggdm_hand_has_suspect(&hand));
    add(0)->suspect = true;
    assert_true(ggdm_hand_has_suspect(&hand));
    report(GGDM_OK);
    assert_false(ggdm_hand_has_suspect(&hand));
}

/* A checkpoint says how much was done before; the next unit begins at its own. */
static void test_hand_part_is_that_of_the_unit_at_work(void **state)
{
    (void)state;
    fresh();
    ggdm_unit unit = {.id = 1, .attempt = 1, .image_count = 1, .n_segments = 1, .step = 5};
    unit.segments = ggdm_test_alloc(1, sizeof *unit.segments);
    unit.segments[0] = (ggdm_segment){.parent = -1, .end = 10, .trajectory = 0};
    add(0);
    ggdm_test_ok(ggdm_hand_reserve(&hand, 1, &err), &err);
    ggdm_task *t = ggdm_hand_add(&hand, &unit);
    assert_true(t->resumed == 0.5);
    assert_true(hand.part == 0);
    hand.part = 0.9;
    report(GGDM_OK);
    assert_true(hand.part == 0.5);
    report(GGDM_OK);
    assert_true(hand.part == 0);
    fresh();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hand_reports_are_about_the_first_that_is_not_reported),
        cmocka_unit_test(test_hand_keeps_the_order_for_ever),
        cmocka_unit_test(test_hand_grows_with_what_it_holds),
        cmocka_unit_test(test_hand_room_follows_the_time_of_a_unit),
        cmocka_unit_test(test_hand_is_low_at_half),
        cmocka_unit_test(test_hand_learns_the_time_of_a_unit),
        cmocka_unit_test(test_hand_takes_no_more_images_than_asked_for),
        cmocka_unit_test(test_hand_suspect_counts_until_it_is_reported),
        cmocka_unit_test(test_hand_part_is_that_of_the_unit_at_work),
    };
    return ggdm_test_main(tests);
}
