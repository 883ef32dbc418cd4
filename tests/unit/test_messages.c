#include "tests/support/ggdm_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/messages.h"

static const ggdm_job good_job = {.seed = UINT64_MAX,
                                  .steps = 1000,
                                  .variance = GGDM_FIXED_SMALL,
                                  .clip_x0 = true,
                                  .gradient = GGDM_X0,
                                  .form = GGDM_PROB,
                                  .precision = GGDM_PRECISION_BF16,
                                  .batch = 32,
                                  .threads = 2};

static ggdm_segment good_segments[] = {
    {-1, 0, 10, 0.5, 3, -1}, {0, 10, 100, 0, -1, 7}, {0, 10, 100, 0.5, 3, 8}};
static const ggdm_unit good_unit = {.id = 1234567890123,
                                    .attempt = 2,
                                    .image_first = 40,
                                    .image_count = 8,
                                    .n_segments = 3,
                                    .segments = good_segments};

static float guide_logp[] = {-0.1f, -2.5f, -INFINITY};
static float judge_logp[] = {-1.0f, -1.5f};
static uint8_t png[] = "\x89PNG and so on";
static const ggdm_image good_image = {.trajectory = 77,
                                      .index = 5,
                                      .diverged = true,
                                      .diverged_step = 99,
                                      .saturated = 0.25f,
                                      .n_guide = 3,
                                      .n_judge = 2,
                                      .guide_logp = guide_logp,
                                      .judge_logp = judge_logp,
                                      .png_size = sizeof png,
                                      .png = png};

static void test_messages_job_round_trip_gives_equal_job(void **state)
{
    (void)state;
    ggdm_wire w, r;
    ggdm_error err;
    ggdm_job got;
    ggdm_wire_init(&w);
    ggdm_test_ok(ggdm_job_pack(&good_job, &w, &err), &err);
    ggdm_wire_read(&r, w.data, w.size);
    ggdm_test_ok(ggdm_job_unpack(&got, &r, &err), &err);
    assert_true(got.seed == good_job.seed && got.steps == 1000);
    assert_true(got.variance == GGDM_FIXED_SMALL && got.clip_x0 && got.gradient == GGDM_X0);
    assert_true(got.form == GGDM_PROB && got.precision == GGDM_PRECISION_BF16);
    assert_true(got.batch == 32 && got.threads == 2);
    assert_int_equal(r.pos, r.size);
    ggdm_wire_deinit(&w);
}

static void test_messages_unit_round_trip_gives_equal_unit(void **state)
{
    (void)state;
    ggdm_wire w, r;
    ggdm_error err;
    ggdm_unit got;
    ggdm_wire_init(&w);
    ggdm_test_ok(ggdm_unit_pack(&good_unit, &w, &err), &err);
    ggdm_wire_read(&r, w.data, w.size);
    ggdm_test_ok(ggdm_unit_unpack(&got, &r, &err), &err);
    assert_true(got.id == good_unit.id && got.attempt == 2 && got.image_first == 40);
    assert_true(got.image_count == 8 && got.n_segments == 3);
    for (int i = 0; i < 3; i++) {
        const ggdm_segment *a = &got.segments[i], *b = &good_segments[i];
        assert_true(a->parent == b->parent && a->begin == b->begin && a->end == b->end);
        assert_true(a->kappa == b->kappa && a->target == b->target);
        assert_true(a->trajectory == b->trajectory);
    }
    assert_int_equal(r.pos, r.size);
    ggdm_unit_deinit(&got);
    ggdm_wire_deinit(&w);
}

static void test_messages_image_round_trip_gives_equal_image(void **state)
{
    (void)state;
    ggdm_wire w, r;
    ggdm_error err;
    ggdm_image got;
    ggdm_wire_init(&w);
    ggdm_test_ok(ggdm_image_pack(&good_image, &w, &err), &err);
    ggdm_wire_read(&r, w.data, w.size);
    ggdm_test_ok(ggdm_image_unpack(&got, &r, &err), &err);
    assert_true(got.trajectory == 77 && got.index == 5 && got.diverged);
    assert_true(got.diverged_step == 99 && got.saturated == 0.25f);
    assert_true(got.n_guide == 3 && got.n_judge == 2 && got.png_size == sizeof png);
    assert_memory_equal(got.guide_logp, guide_logp, sizeof guide_logp);
    assert_memory_equal(got.judge_logp, judge_logp, sizeof judge_logp);
    assert_memory_equal(got.png, png, sizeof png);
    ggdm_image_deinit(&got);
    ggdm_wire_deinit(&w);
}

static void test_messages_image_without_classifiers_has_null_arrays(void **state)
{
    (void)state;
    ggdm_wire w, r;
    ggdm_error err;
    ggdm_image got, bare = {.diverged_step = -1};
    ggdm_wire_init(&w);
    ggdm_test_ok(ggdm_image_pack(&bare, &w, &err), &err);
    ggdm_wire_read(&r, w.data, w.size);
    ggdm_test_ok(ggdm_image_unpack(&got, &r, &err), &err);
    assert_null(got.guide_logp);
    assert_null(got.png);
    ggdm_image_deinit(&got);
    ggdm_wire_deinit(&w);
}

/* Unpack a message of a kind from exactly size bytes (a copy, so that ASAN sees its end). */
static ggdm_status unpack(int kind, const uint8_t *data, size_t size, ggdm_error *err)
{
    uint8_t *copy = malloc(size ? size : 1);
    ggdm_wire r;
    ggdm_job job;
    ggdm_unit unit;
    ggdm_image image;
    ggdm_status st;
    assert_non_null(copy);
    memcpy(copy, data, size);
    ggdm_wire_read(&r, copy, size);
    if (kind == 0) {
        st = ggdm_job_unpack(&job, &r, err);
    } else if (kind == 1) {
        st = ggdm_unit_unpack(&unit, &r, err);
        ggdm_unit_deinit(&unit);
    } else {
        st = ggdm_image_unpack(&image, &r, err);
        ggdm_image_deinit(&image);
    }
    free(copy);
    return st;
}

static void test_messages_truncated_at_every_byte_fail(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        ggdm_wire w;
        ggdm_error err;
        ggdm_wire_init(&w);
        ggdm_test_ok(kind == 0   ? ggdm_job_pack(&good_job, &w, &err)
                     : kind == 1 ? ggdm_unit_pack(&good_unit, &w, &err)
                                 : ggdm_image_pack(&good_image, &w, &err),
                     &err);
        ggdm_test_ok(unpack(kind, w.data, w.size, &err), &err);
        for (size_t cut = 0; cut < w.size; cut++)
            ggdm_test_error(unpack(kind, w.data, cut, &err), &err, GGDM_EFORMAT, "malformed");
        ggdm_wire_deinit(&w);
    }
}

/* Pack a changed copy of the good unit; it must be refused. */
static void refuse_unit(const ggdm_unit *unit)
{
    ggdm_wire w;
    ggdm_error err;
    ggdm_wire_init(&w);
    ggdm_test_ok(ggdm_unit_pack(unit, &w, &err), &err);
    ggdm_test_error(unpack(1, w.data, w.size, &err), &err, GGDM_EFORMAT, "'unit'");
    ggdm_wire_deinit(&w);
}

static void test_messages_unit_with_broken_tree_fails(void **state)
{
    (void)state;
    static const struct {
        int segment;
        ggdm_segment s;
    } broken[] = {
        {0, {0, 0, 10, 0.5, 3, -1}},       /* its own parent */
        {1, {2, 10, 100, 0, -1, 7}},       /* parent behind it */
        {1, {-2, 10, 100, 0, -1, 7}},      /* no such parent */
        {1, {0, 11, 100, 0, -1, 7}},       /* a gap */
        {1, {-1, 10, 100, 0, -1, 7}},      /* starts late */
        {1, {0, 10, 10, 0, -1, 7}},        /* empty */
        {1, {0, 10, 100001, 0, -1, 7}},    /* too long */
        {2, {0, 10, 100, NAN, 3, 8}},      /* not a number */
        {2, {0, 10, 100, INFINITY, 3, 8}}, /* not finite */
        {2, {0, 10, 100, -1, 3, 8}},       /* negative */
        {2, {0, 10, 100, 0.5, -1, 8}},     /* guided to nothing */
        {2, {0, 10, 100, 0.5, 1000, 8}},   /* no such class */
        {2, {0, 10, 100, 0.5, 3, -2}},     /* no such trajectory */
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        ggdm_segment segments[3];
        memcpy(segments, good_segments, sizeof segments);
        segments[broken[i].segment] = broken[i].s;
        ggdm_unit unit = good_unit;
        unit.segments = segments;
        refuse_unit(&unit);
    }
}

static void test_messages_unit_with_impossible_images_fails(void **state)
{
    (void)state;
    ggdm_unit unit = good_unit;
    unit.image_count = 0;
    refuse_unit(&unit);
    unit.image_count = INT32_MAX;
    refuse_unit(&unit);
    unit = good_unit;
    unit.image_first = -1;
    refuse_unit(&unit);
    unit = good_unit;
    unit.n_segments = 0;
    refuse_unit(&unit);
    unit = good_unit;
    unit.attempt = -1;
    refuse_unit(&unit);
}

static void test_messages_job_with_unknown_enum_fails(void **state)
{
    (void)state;
    ggdm_wire w;
    ggdm_error err;
    ggdm_wire_init(&w);
    ggdm_test_ok(ggdm_job_pack(&good_job, &w, &err), &err);
    for (size_t at = 12; at < 17; at++) { /* the five u8 behind seed and steps */
        uint8_t old = w.data[at];
        w.data[at] = 17;
        ggdm_test_error(unpack(0, w.data, w.size, &err), &err, GGDM_EFORMAT, "'job'");
        w.data[at] = old;
    }
    w.data[16] = GGDM_PRECISION_AUTO;
    ggdm_test_error(unpack(0, w.data, w.size, &err), &err, GGDM_EFORMAT, "'job'");
    ggdm_wire_deinit(&w);
}

static void test_messages_image_with_huge_counts_fails_without_allocating(void **state)
{
    (void)state;
    static const int32_t counts[] = {-1, 1001, INT32_MAX};
    for (size_t i = 0; i < 3; i++) {
        ggdm_wire w;
        ggdm_error err;
        ggdm_wire_init(&w);
        ggdm_put_i64(&w, 1);
        ggdm_put_i32(&w, 1);
        ggdm_put_u8(&w, 0);
        ggdm_put_i32(&w, -1);
        ggdm_put_f32(&w, 0);
        ggdm_put_i32(&w, counts[i]);
        ggdm_put_i32(&w, 0);
        ggdm_put_bytes(&w, "x", 1);
        ggdm_test_error(unpack(2, w.data, w.size, &err), &err, GGDM_EFORMAT, "'image'");
        ggdm_wire_deinit(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_job_round_trip_gives_equal_job),
        cmocka_unit_test(test_messages_unit_round_trip_gives_equal_unit),
        cmocka_unit_test(test_messages_image_round_trip_gives_equal_image),
        cmocka_unit_test(test_messages_image_without_classifiers_has_null_arrays),
        cmocka_unit_test(test_messages_truncated_at_every_byte_fail),
        cmocka_unit_test(test_messages_unit_with_broken_tree_fails),
        cmocka_unit_test(test_messages_unit_with_impossible_images_fails),
        cmocka_unit_test(test_messages_job_with_unknown_enum_fails),
        cmocka_unit_test(test_messages_image_with_huge_counts_fails_without_allocating),
    };
    return ggdm_test_main(tests);
}
