#include "tests/support/message_fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void test_messages_job_round_trip_gives_equal_job(void **state)
{
    (void)state;
    ggdm_wire r, w = message_pack(MESSAGE_JOB);
    ggdm_error err;
    ggdm_job got;
    ggdm_wire_read(&r, w.data, w.size);
    ggdm_test_ok(ggdm_job_unpack(&got, &r, &err), &err);
    assert_true(got.precision == GGDM_PRECISION_BF16 && got.batch == 32 && got.threads == 2);
    assert_true(got.checkpoint == 0.5 && got.record.images == 8 && got.record.points == 50);
    assert_int_equal(r.pos, r.size);
    ggdm_wire_deinit(&w);
}

static void check_unit(message_kind k, const ggdm_unit *want)
{
    ggdm_wire r, w = message_pack(k);
    ggdm_error err;
    ggdm_unit got;
    ggdm_wire_read(&r, w.data, w.size);
    ggdm_test_ok(ggdm_unit_unpack(&got, &r, &err), &err);
    assert_true(got.id == want->id && got.attempt == want->attempt && got.kind == want->kind);
    assert_true(got.image_first == want->image_first && got.image_count == want->image_count);
    assert_int_equal(got.steps, want->steps);
    assert_string_equal(got.head, want->head);
    assert_int_equal(got.n_settings, want->n_settings);
    for (int32_t i = 0; i < got.n_settings; i++)
        assert_string_equal(got.settings[i], want->settings[i]);
    assert_int_equal(got.n_segments, want->n_segments);
    for (int32_t i = 0; i < got.n_segments; i++) {
        const ggdm_segment *a = &got.segments[i], *b = &want->segments[i];
        assert_true(a->parent == b->parent && a->begin == b->begin && a->end == b->end);
        assert_true(a->setting == b->setting && a->trajectory == b->trajectory);
        assert_true(a->score_first == b->score_first && a->score_count == b->score_count);
    }
    assert_int_equal(got.n_scorers, want->n_scorers);
    for (int32_t i = 0; i < got.n_scorers; i++) {
        assert_true(got.scorers[i].id == want->scorers[i].id);
        assert_string_equal(got.scorers[i].text, want->scorers[i].text);
    }
    assert_int_equal(got.n_scores, want->n_scores);
    assert_memory_equal(got.scores, want->scores, (size_t)got.n_scores * sizeof *got.scores);
    assert_null(got.state);
    assert_int_equal(r.pos, r.size);
    ggdm_unit_deinit(&got);
    ggdm_wire_deinit(&w);
}

static void test_messages_unit_round_trip_gives_equal_unit(void **state)
{
    (void)state;
    check_unit(MESSAGE_UNIT, &message_unit);
    check_unit(MESSAGE_SCORE_UNIT, &message_score_unit);
}

/* The planner bounds trees by this. */
static void test_messages_unit_takes_as_many_bytes_as_its_header_says(void **state)
{
    (void)state;
    ggdm_unit unit = message_unit;
    unit.n_scorers = unit.n_scores = 0;
    size_t want = GGDM_UNIT_BYTES + strlen(unit.head) + 3 * GGDM_SEGMENT_BYTES;
    for (int i = 0; i < 2; i++)
        want += GGDM_TEXT_BYTES + strlen(unit.settings[i]);
    ggdm_wire w;
    ggdm_error err;
    ggdm_wire_init(&w);
    ggdm_test_ok(ggdm_unit_pack(&unit, &w, &err), &err);
    assert_int_equal(w.size, want);
    ggdm_wire_deinit(&w);
}

static void test_messages_sample_round_trip_gives_equal_sample(void **state)
{
    (void)state;
    ggdm_wire r, w = message_pack(MESSAGE_SAMPLE);
    ggdm_error err;
    ggdm_sample got;
    ggdm_wire_read(&r, w.data, w.size);
    ggdm_test_ok(ggdm_sample_unpack(&got, &r, &err), &err);
    assert_true(got.trajectory == 77 && got.index == 5 && got.diverged);
    assert_true(got.diverged_step == 99 && got.media == GGDM_MEDIA_PNG);
    assert_int_equal(got.size, message_sample.size);
    assert_memory_equal(got.data, message_sample.data, got.size);
    assert_int_equal(got.record_size, message_sample.record_size);
    assert_memory_equal(got.record, message_sample.record, got.record_size);
    assert_int_equal(got.n_scores, 2);
    assert_true(got.scores[0].scorer == 4 && got.scores[0].n == 3);
    assert_memory_equal(got.scores[0].data, message_sample.scores[0].data, 3 * sizeof(float));
    assert_true(got.scores[1].scorer == 0 && got.scores[1].n == 1);
    assert_memory_equal(got.scores[1].data, message_sample.scores[1].data, sizeof(float));
    assert_int_equal(r.pos, r.size);
    ggdm_sample_deinit(&got);
    ggdm_wire_deinit(&w);
}

static void test_messages_sample_without_data_and_scores_has_null_arrays(void **state)
{
    (void)state;
    ggdm_wire w, r;
    ggdm_error err;
    ggdm_sample got, bare = {.diverged_step = -1};
    ggdm_wire_init(&w);
    ggdm_test_ok(ggdm_sample_pack(&bare, &w, &err), &err);
    ggdm_wire_read(&r, w.data, w.size);
    ggdm_test_ok(ggdm_sample_unpack(&got, &r, &err), &err);
    assert_null(got.scores);
    assert_null(got.data);
    assert_null(got.record);
    ggdm_sample_deinit(&got);
    ggdm_wire_deinit(&w);
}

/* Pack a changed copy of a good unit; it must be refused. */
static void refuse_unit(const ggdm_unit *unit)
{
    ggdm_wire w;
    ggdm_error err;
    ggdm_wire_init(&w);
    ggdm_test_ok(ggdm_unit_pack(unit, &w, &err), &err);
    ggdm_test_error(message_unpack(MESSAGE_UNIT, w.data, w.size, &err), &err, GGDM_EFORMAT,
                    "'unit'");
    ggdm_wire_deinit(&w);
}

static void test_messages_unit_with_broken_tree_fails(void **state)
{
    (void)state;
    static const struct {
        int segment;
        ggdm_segment s;
    } broken[] = {
        {0, {0, 0, 10, 0, -1, 0, 0}},          /* its own parent */
        {1, {2, 10, 100, 1, 7, 0, 2}},         /* parent behind it */
        {1, {-2, 10, 100, 1, 7, 0, 2}},        /* no such parent */
        {1, {0, 11, 100, 1, 7, 0, 2}},         /* a gap */
        {1, {-1, 10, 100, 1, 7, 0, 2}},        /* starts late */
        {1, {0, 10, 10, 1, -1, 0, 0}},         /* empty */
        {1, {0, 10, 101, 1, -1, 0, 0}},        /* longer than the chain */
        {1, {0, 10, 99, 1, 7, 0, 2}},          /* a trajectory ends early */
        {2, {0, 10, 100, -1, 8, 1, 1}},        /* no setting */
        {2, {0, 10, 100, 2, 8, 1, 1}},         /* no such setting */
        {2, {0, 10, 100, 0, -2, 0, 0}},        /* no such trajectory */
        {2, {0, 10, 100, 0, 8, -1, 1}},        /* no such score */
        {2, {0, 10, 100, 0, 8, 1, 2}},         /* one too many */
        {2, {0, 10, 100, 0, 8, 1, -1}},        /* less than none */
        {2, {0, 10, 100, 0, 8, INT32_MAX, 1}}, /* far behind */
        {2, {0, 10, 100, 0, 8, 1, INT32_MAX}}, /* far too many */
        {0, {-1, 0, 10, 0, -1, 0, 1}},         /* a score of no trajectory */
        {0, {INT32_MIN, 0, 10, 0, -1, 0, 0}},  /* far before */
        {0, {-1, INT32_MIN, 10, 0, -1, 0, 0}}, /* begins before all */
        {2, {0, 10, INT32_MAX, 0, -1, 0, 0}},  /* never ends */
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        ggdm_segment changed[3];
        memcpy(changed, message_unit.segments, sizeof changed);
        changed[broken[i].segment] = broken[i].s;
        ggdm_unit unit = message_unit;
        unit.segments = changed;
        refuse_unit(&unit);
    }
}

static void test_messages_score_unit_with_steps_fails(void **state)
{
    (void)state;
    static const ggdm_segment broken[] = {
        {0, 0, 0, -1, 8, 1, 1},  /* a parent */
        {-1, 0, 1, -1, 8, 1, 1}, /* a step */
        {-1, 0, 0, 0, 8, 1, 1},  /* a setting */
        {-1, 0, 0, -1, -1, 0, 0} /* no trajectory */
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        ggdm_segment changed[2] = {message_score_unit.segments[0], broken[i]};
        ggdm_unit unit = message_score_unit;
        unit.segments = changed;
        refuse_unit(&unit);
    }
    ggdm_unit unit = message_score_unit;
    unit.steps = 1;
    refuse_unit(&unit);
    unit = message_score_unit;
    unit.head = "{}";
    refuse_unit(&unit);
    unit = message_score_unit;
    unit.n_settings = 2;
    unit.settings = message_unit.settings;
    refuse_unit(&unit);
}

static void test_messages_unit_with_impossible_numbers_fails(void **state)
{
    (void)state;
    static char *same_settings[] = {"{}", "{}"}, *empty_settings[] = {"{}", ""};
    static ggdm_scorer_ref same_ids[] = {{3, "{\"kind\":\"a\"}"}, {3, "{\"kind\":\"b\"}"}},
                           same_texts[] = {{3, "{}"}, {0, "{}"}},
                           negative[] = {{3, "a"}, {-1, "b"}}, no_text[] = {{3, "a"}, {0, ""}};
    static int32_t no_scorer[] = {1, 2}, before[] = {-1, 0};
#define BROKEN(member, value)                                                                      \
    do {                                                                                           \
        ggdm_unit unit = message_unit;                                                             \
        unit.member = (value);                                                                     \
        refuse_unit(&unit);                                                                        \
    } while (0)
    BROKEN(id, -1);
    BROKEN(attempt, -1);
    BROKEN(kind, (ggdm_unit_kind)2);
    BROKEN(image_first, -1);
    BROKEN(image_count, 0);
    BROKEN(image_count, INT32_MAX);
    BROKEN(steps, 0);
    BROKEN(steps, GGDM_MAX_STEPS + 1);
    BROKEN(head, "");
    BROKEN(n_settings, 0);
    BROKEN(n_settings, 1);
    BROKEN(n_segments, 0);
    BROKEN(n_scorers, 1);
    BROKEN(n_scores, 1);
    BROKEN(settings, same_settings);
    BROKEN(settings, empty_settings);
    BROKEN(scorers, same_ids);
    BROKEN(scorers, same_texts);
    BROKEN(scorers, negative);
    BROKEN(scorers, no_text);
    BROKEN(scores, no_scorer);
    BROKEN(scores, before);
#undef BROKEN
}

/* A text of so many letters. */
static char *long_text(size_t size, char letter)
{
    char *text = ggdm_test_alloc(size + 1, 1);
    memset(text, letter, size);
    text[size] = '\0';
    return text;
}

static void test_messages_texts_are_bounded_and_have_no_nul(void **state)
{
    (void)state;
    ggdm_wire w;
    ggdm_error err;
    char *text = long_text(GGDM_MAX_RECIPE, 'x');
    ggdm_unit unit = message_unit;
    unit.head = text;
    ggdm_wire_init(&w);
    ggdm_test_error(ggdm_unit_pack(&unit, &w, &err), &err, GGDM_ESHAPE, "'unit'");
    ggdm_wire_deinit(&w);
    ggdm_wire_init(&w);
    text[GGDM_MAX_RECIPE - 1] = '\0';
    ggdm_test_ok(ggdm_unit_pack(&unit, &w, &err), &err);
    ggdm_test_ok(message_unpack(MESSAGE_UNIT, w.data, w.size, &err), &err);
    for (size_t at = 29; at < w.size; at++) /* behind id .. steps: the head's size and letters */
        if (w.data[at] == 'x') {
            w.data[at] = '\0';
            break;
        }
    ggdm_test_error(message_unpack(MESSAGE_UNIT, w.data, w.size, &err), &err, GGDM_EFORMAT,
                    "'unit'");
    ggdm_wire_deinit(&w);
    free(text);

    w = message_pack(
        MESSAGE_UNIT); /* the head one byte longer than a text may be, with room behind it */
    size_t size = GGDM_MAX_RECIPE + 1000;
    uint8_t *bytes = ggdm_test_alloc(size, 1);
    memset(bytes, 'x', size);
    memcpy(bytes, w.data, 25);
    for (int i = 0; i < 4; i++)
        bytes[25 + i] = (uint8_t)(GGDM_MAX_RECIPE >> (8 * i));
    ggdm_test_error(message_unpack(MESSAGE_UNIT, bytes, size, &err), &err, GGDM_EFORMAT,
                    "near byte 65565 of");
    free(bytes);
    ggdm_wire_deinit(&w);
}

/* 64 settings of 64 KiB - 1 are more than a unit may have; one less fits. */
static void test_messages_unit_larger_than_a_unit_may_be_fails(void **state)
{
    (void)state;
    enum { N = 64 };
    char *many[N];
    ggdm_wire w;
    ggdm_error err;
    for (int i = 0; i < N; i++)
        many[i] = long_text(GGDM_MAX_RECIPE - 1, (char)('0' + i));
    ggdm_unit unit = message_unit;
    unit.settings = many;
    unit.n_settings = N - 1;
    ggdm_wire_init(&w);
    ggdm_test_ok(ggdm_unit_pack(&unit, &w, &err), &err);
    ggdm_test_ok(message_unpack(MESSAGE_UNIT, w.data, w.size, &err), &err);
    ggdm_wire_reset(&w);
    unit.n_settings = N;
    ggdm_test_error(ggdm_unit_pack(&unit, &w, &err), &err, GGDM_ESHAPE, "expected at most 4194304");
    ggdm_test_error(message_unpack(MESSAGE_UNIT, w.data, w.size, &err), &err, GGDM_EFORMAT,
                    "'unit'");
    ggdm_wire_deinit(&w);
    for (int i = 0; i < N; i++)
        free(many[i]);
}

static void test_messages_job_with_impossible_numbers_fails(void **state)
{
    (void)state;
    ggdm_job broken[10];
    for (int i = 0; i < 10; i++)
        broken[i] = message_job;
    broken[0].precision = GGDM_PRECISION_AUTO;
    broken[1].precision = (ggdm_precision)3;
    broken[2].batch = 0;
    broken[3].threads = 0;
    broken[4].checkpoint = -1;
    broken[5].checkpoint = NAN;
    broken[6].checkpoint = INFINITY;
    broken[7].record.images = -1;
    broken[8].record.points = -1;
    broken[9].record.points = GGDM_MAX_RECORD_POINTS + 1;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        ggdm_wire w;
        ggdm_error err;
        ggdm_wire_init(&w);
        ggdm_test_ok(ggdm_job_pack(&broken[i], &w, &err), &err);
        ggdm_test_error(message_unpack(MESSAGE_JOB, w.data, w.size, &err), &err, GGDM_EFORMAT,
                        "'job'");
        ggdm_wire_deinit(&w);
    }
}

static void test_messages_sample_with_impossible_numbers_fails(void **state)
{
    (void)state;
    float *two = message_sample.scores[0].data;
    ggdm_score twice[] = {{4, 2, two}, {4, 2, two}}, negative[] = {{4, 2, two}, {-1, 2, two}},
               empty[] = {{4, 2, two}, {0, 0, NULL}};
    uint8_t large[GGDM_MAX_RECORD + 1] = {1};
    ggdm_sample broken[9];
    for (size_t i = 0; i < 9; i++)
        broken[i] = message_sample;
    broken[0].trajectory = -1;
    broken[1].index = -1;
    broken[2].diverged_step = -2;
    broken[3].diverged_step = GGDM_MAX_STEPS;
    broken[4].media = GGDM_MEDIAS;
    broken[5].scores = twice;
    broken[6].scores = negative;
    broken[7].scores = empty;
    broken[8].record = large;
    broken[8].record_size = sizeof large;
    for (size_t i = 0; i < 9; i++) {
        ggdm_wire w;
        ggdm_error err;
        ggdm_wire_init(&w);
        ggdm_test_ok(ggdm_sample_pack(&broken[i], &w, &err), &err);
        ggdm_test_error(message_unpack(MESSAGE_SAMPLE, w.data, w.size, &err), &err, GGDM_EFORMAT,
                        "'sample'");
        ggdm_wire_deinit(&w);
    }
}

/* A score of more numbers than there may be, all of them there. */
static void test_messages_sample_with_huge_score_fails(void **state)
{
    (void)state;
    ggdm_wire w;
    ggdm_error err;
    for (int32_t over = 0; over <= 1; over++) {
        ggdm_score score = {0, GGDM_MAX_SCORE + over, NULL};
        score.data = ggdm_test_alloc((size_t)score.n, sizeof *score.data);
        memset(score.data, 0, (size_t)score.n * sizeof *score.data);
        ggdm_sample sample = message_sample;
        sample.n_scores = 1;
        sample.scores = &score;
        ggdm_wire_init(&w);
        ggdm_test_ok(ggdm_sample_pack(&sample, &w, &err), &err);
        if (over)
            ggdm_test_error(message_unpack(MESSAGE_SAMPLE, w.data, w.size, &err), &err,
                            GGDM_EFORMAT, "'sample'");
        else
            ggdm_test_ok(message_unpack(MESSAGE_SAMPLE, w.data, w.size, &err), &err);
        ggdm_wire_deinit(&w);
        free(score.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_job_round_trip_gives_equal_job),
        cmocka_unit_test(test_messages_unit_round_trip_gives_equal_unit),
        cmocka_unit_test(test_messages_unit_takes_as_many_bytes_as_its_header_says),
        cmocka_unit_test(test_messages_sample_round_trip_gives_equal_sample),
        cmocka_unit_test(test_messages_sample_without_data_and_scores_has_null_arrays),
        cmocka_unit_test(test_messages_unit_with_broken_tree_fails),
        cmocka_unit_test(test_messages_score_unit_with_steps_fails),
        cmocka_unit_test(test_messages_unit_with_impossible_numbers_fails),
        cmocka_unit_test(test_messages_texts_are_bounded_and_have_no_nul),
        cmocka_unit_test(test_messages_unit_larger_than_a_unit_may_be_fails),
        cmocka_unit_test(test_messages_job_with_impossible_numbers_fails),
        cmocka_unit_test(test_messages_sample_with_impossible_numbers_fails),
        cmocka_unit_test(test_messages_sample_with_huge_score_fails),
    };
    return ggdm_test_main(tests);
}
