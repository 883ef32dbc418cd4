/* States of units: what was saved comes back; that of another unit does not; children go on with
 * all that their parent has. */
#include "worker/walk.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/ggdm_test.h"

enum { STEPS = 12, ELEMENTS = 7, IMAGES = 3, SEGMENTS = 4 };

static ggdm_segment segments[] = {{-1, 0, 4, 0, -1, 0, 0},
                                  {0, 4, STEPS, 0, 2, 0, 1},
                                  {0, 4, STEPS, 1, 1, 0, 0},
                                  {-1, 0, STEPS, 1, 0, 0, 0}};
static char *settings[] = {"{\"terms\":[]}", "{}"};
static const ggdm_unit unit = {.id = 5,
                               .image_first = 4,
                               .image_count = IMAGES,
                               .steps = STEPS,
                               .head = "{\"seed\":9}",
                               .n_settings = 2,
                               .settings = settings,
                               .n_segments = SEGMENTS,
                               .segments = segments};
static const int32_t one[] = {1, 1, 1, 1}, some[] = {2, 3, 1, 2};

static const struct {
    ggdm_state_shape shape;
    const int32_t *ticks;
} kinds[] = {
    {{.elements = ELEMENTS}, one},
    {{.elements = ELEMENTS, .history = 2, .keeps = 1, .carried = 5, .record = 3, .recorded = 2},
     some}};

static void init(ggdm_walk *w, const ggdm_unit *u, int kind)
{
    ggdm_error err;
    ggdm_test_ok(ggdm_walk_init(w, u, kinds[kind].ticks, &kinds[kind].shape, &err), &err);
}

/* What a step writes: other numbers for each state. */
static void scribble(const ggdm_walk *w, ggdm_live *live, ggdm_test_rng *rng)
{
    for (int64_t k = 0; k < ggdm_state_floats(&w->shape); k++)
        live->x[k] = (float)ggdm_test_below(rng, 1000) / 7;
    for (int64_t k = 0; live->record && k < w->shape.record; k++)
        live->record[k] = (float)ggdm_test_below(rng, 1000) / 7;
    if (ggdm_test_below(rng, 20) == 0)
        live->diverged_step = w->step;
}

/* Make so many ticks of single images, as a walk does; returns whether that many were left. */
static bool go(ggdm_walk *w, int64_t n, ggdm_test_rng *rng)
{
    for (; w->step < STEPS; ggdm_walk_next(w)) {
        if (!w->begun)
            ggdm_walk_begin(w);
        for (int i = 0; i < SEGMENTS * IMAGES; i++) {
            ggdm_live *live = &w->lives[i];
            if (!ggdm_walk_is_open(w, live->segment) || !ggdm_walk_is_due(w, live))
                continue;
            if (n-- == 0)
                return true;
            scribble(w, live, rng);
            ggdm_walk_made(w, live);
        }
    }
    return n == 0;
}

static void assert_same(const ggdm_walk *a, const ggdm_walk *b)
{
    assert_int_equal(a->step, b->step);
    assert_int_equal(a->tick, b->tick);
    assert_true(b->begun);
    assert_int_equal(a->done, b->done);
    for (int i = 0; i < SEGMENTS * IMAGES; i++) {
        const ggdm_live *x = &a->lives[i], *y = &b->lives[i];
        if (!ggdm_walk_is_open(a, x->segment))
            continue;
        assert_int_equal(x->step, y->step);
        assert_int_equal(x->tick, y->tick);
        assert_int_equal(x->filled, y->filled);
        assert_int_equal(x->diverged_step, y->diverged_step);
        assert_memory_equal(x->x, y->x, sizeof(float) * (size_t)ggdm_state_floats(&a->shape));
        assert_int_equal(x->record != NULL, x->image < a->shape.recorded);
        if (x->record)
            assert_memory_equal(x->record, y->record, sizeof(float) * (size_t)a->shape.record);
    }
}

/* A walk after n ticks and its block. */
static bool save(int kind, int64_t n, ggdm_walk *w, ggdm_wire *block)
{
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "walk", 0));
    ggdm_error err;
    init(w, &unit, kind);
    bool left = go(w, n, &rng);
    ggdm_wire_init(block);
    if (left)
        ggdm_test_ok(ggdm_walk_save(w, block, &err), &err);
    return left;
}

static void test_walk_saved_after_every_tick_comes_back(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        bool left = true;
        for (int64_t n = 0; left; n++) {
            ggdm_walk w, back;
            ggdm_wire block;
            ggdm_error err;
            left = save(kind, n, &w, &block);
            init(&back, &unit, kind);
            assert_int_equal(w.done, n < w.total ? n : w.total);
            assert_true(left == (n <= w.total));
            if (left) {
                ggdm_test_ok(ggdm_walk_restore(&back, block.data, block.size, &err), &err);
                assert_same(&w, &back);
            }
            ggdm_walk_deinit(&w);
            ggdm_walk_deinit(&back);
            ggdm_wire_deinit(&block);
        }
    }
}

/* The history has what was kept first in the steps before, also across a branch, at which nothing
 * is lost. */
static void test_walk_children_go_on_with_their_parents_history(void **state)
{
    (void)state;
    ggdm_walk w;
    init(&w, &unit, 1);
    for (; w.step < STEPS; ggdm_walk_next(&w)) {
        if (!w.begun)
            ggdm_walk_begin(&w);
        for (int i = 0; i < SEGMENTS * IMAGES; i++) {
            ggdm_live *live = &w.lives[i];
            if (!ggdm_walk_is_open(&w, live->segment) || !ggdm_walk_is_due(&w, live))
                continue;
            assert_int_equal(live->filled, w.step < 2 ? w.step : 2);
            for (int k = 0; k < live->filled; k++)
                assert_true(live->history[k * ELEMENTS + 3] ==
                            (float)(100 * live->image + w.step - 1 - k));
            if (live->tick == 0 && live->segment != 3 && w.step > 0)
                assert_true(live->x[ELEMENTS * 4 + 2] == (float)live->image); /* carried along */
            live->kept[3] =
                live->tick + 1 == some[live->segment] ? (float)(100 * live->image + w.step) : -1.0f;
            live->x[ELEMENTS * 4 + 2] = (float)live->image;
            ggdm_walk_made(&w, live);
        }
    }
    assert_int_equal(w.done, w.total);
    assert_int_equal(w.total, IMAGES * (4 * 2 + 8 * 3 + 8 + 12 * 2));
    ggdm_walk_deinit(&w);
}

/* What the states depend on is asked for, what they do not depend on is not. */
static void test_walk_state_of_another_unit_is_refused(void **state)
{
    (void)state;
    char *others[] = {settings[1], settings[0]};
    ggdm_unit units[] = {unit, unit, unit, unit};
    ggdm_segment again[SEGMENTS];
    units[0].image_first++;
    units[1].head = "{\"seed\":10}";
    units[2].settings = others;
    memcpy(again, segments, sizeof again);
    again[1].score_count = 3;
    again[1].trajectory = 77;
    units[3].segments = again;
    units[3].attempt = 2;
    ggdm_walk w, back;
    ggdm_wire block;
    ggdm_error err;
    save(1, 50, &w, &block);
    for (int i = 0; i < 4; i++) {
        init(&back, &units[i], 1);
        ggdm_status st = ggdm_walk_restore(&back, block.data, block.size, &err);
        if (i < 3)
            ggdm_test_error(st, &err, GGDM_EFORMAT, "checksum");
        else
            ggdm_test_ok(st, &err);
        ggdm_walk_deinit(&back);
    }
    init(&back, &unit, 0);
    ggdm_test_error(ggdm_walk_restore(&back, block.data, block.size, &err), &err, GGDM_EFORMAT,
                    "states of 33 numbers, 2 arrays of history, 1 kept, expected 7, 0, 0");
    ggdm_walk_deinit(&back);
    ggdm_state_shape fewer = kinds[1].shape;
    fewer.recorded--;
    ggdm_test_ok(ggdm_walk_init(&back, &unit, some, &fewer, &err), &err);
    ggdm_test_error(ggdm_walk_restore(&back, block.data, block.size, &err), &err, GGDM_EFORMAT,
                    "records of 3 numbers of 2 images, expected 3 of 1");
    ggdm_walk_deinit(&back);
    block.data[4] = 1;
    init(&back, &unit, 1);
    ggdm_test_error(ggdm_walk_restore(&back, block.data, block.size, &err), &err, GGDM_EFORMAT,
                    "version 1");
    assert_true(!back.begun && back.step == 0 && back.done == 0);
    ggdm_walk_deinit(&back);
    ggdm_walk_deinit(&w);
    ggdm_wire_deinit(&block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk_saved_after_every_tick_comes_back),
        cmocka_unit_test(test_walk_children_go_on_with_their_parents_history),
        cmocka_unit_test(test_walk_state_of_another_unit_is_refused),
    };
    return ggdm_test_main(tests);
}
