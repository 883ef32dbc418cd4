/* States of units: what was saved comes back; that of another unit does not. */
#include "worker/walk.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/ggdm_test.h"

enum { STEPS = 12, ELEMENTS = 7, IMAGES = 3 };

static ggdm_segment segments[] = {{-1, 0, 4, 0.5, 3, -1},
                                  {0, 4, STEPS, 0.5, 3, 2},
                                  {0, 4, STEPS, 0, -1, 1},
                                  {-1, 0, STEPS, 0, -1, 0}};
static const ggdm_unit unit = {
    .id = 5, .image_first = 4, .image_count = IMAGES, .n_segments = 4, .segments = segments};
static const ggdm_job job = {.seed = 9, .steps = STEPS};

/* A walk at this step, its images here and there. */
static void fill(ggdm_walk *w, int32_t step, ggdm_test_rng *rng)
{
    ggdm_error err;
    ggdm_test_ok(ggdm_walk_init(w, &unit, &job, ELEMENTS, &err), &err);
    w->step = step;
    w->begun = true;
    for (int i = 0; i < unit.n_segments * IMAGES; i++) {
        ggdm_live_image *live = &w->lives[i];
        if (!ggdm_walk_is_open(w, live->segment))
            continue;
        live->next = step + (step < STEPS && ggdm_test_below(rng, 2));
        live->diverged_step = (int32_t)ggdm_test_below(rng, step + 1) - 1;
        for (int k = 0; k < ELEMENTS; k++)
            live->x[k] = (float)ggdm_test_below(rng, 1000) / 7;
    }
}

static void assert_same(const ggdm_walk *a, const ggdm_walk *b)
{
    assert_int_equal(a->step, b->step);
    assert_true(b->begun);
    for (int i = 0; i < unit.n_segments * IMAGES; i++) {
        if (!ggdm_walk_is_open(a, a->lives[i].segment))
            continue;
        assert_int_equal(a->lives[i].next, b->lives[i].next);
        assert_int_equal(a->lives[i].diverged_step, b->lives[i].diverged_step);
        assert_memory_equal(a->lives[i].x, b->lives[i].x, sizeof(float) * ELEMENTS);
    }
}

static void save(int32_t step, ggdm_test_rng *rng, ggdm_walk *w, ggdm_wire *block)
{
    ggdm_error err;
    fill(w, step, rng);
    ggdm_wire_init(block);
    ggdm_test_ok(ggdm_walk_save(w, block, &err), &err);
}

static void test_walk_saved_at_every_step_comes_back(void **state)
{
    (void)state;
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "walk", 0));
    for (int32_t step = 0; step <= STEPS; step++) {
        ggdm_walk w, back;
        ggdm_wire block;
        ggdm_error err;
        save(step, &rng, &w, &block);
        ggdm_test_ok(ggdm_walk_init(&back, &unit, &job, ELEMENTS, &err), &err);
        ggdm_test_ok(ggdm_walk_restore(&back, block.data, block.size, &err), &err);
        assert_same(&w, &back);
        assert_true(back.done <= back.total && (step < STEPS || back.done == back.total));
        ggdm_walk_deinit(&w);
        ggdm_walk_deinit(&back);
        ggdm_wire_deinit(&block);
    }
}

static void test_walk_state_of_another_unit_is_refused(void **state)
{
    (void)state;
    ggdm_test_rng rng = ggdm_test_rng_init(1);
    ggdm_walk w, back;
    ggdm_wire block;
    ggdm_error err;
    save(5, &rng, &w, &block);
    ggdm_unit other = unit;
    ggdm_job seed = job;
    other.image_first++;
    seed.seed++;
    ggdm_test_ok(ggdm_walk_init(&back, &other, &job, ELEMENTS, &err), &err);
    ggdm_test_error(ggdm_walk_restore(&back, block.data, block.size, &err), &err, GGDM_EFORMAT,
                    "checksum");
    ggdm_walk_deinit(&back);
    ggdm_test_ok(ggdm_walk_init(&back, &unit, &seed, ELEMENTS, &err), &err);
    ggdm_test_error(ggdm_walk_restore(&back, block.data, block.size, &err), &err, GGDM_EFORMAT,
                    "checksum");
    block.data[4] = 2;
    ggdm_test_error(ggdm_walk_restore(&back, block.data, block.size, &err), &err, GGDM_EFORMAT,
                    "version 2");
    ggdm_walk_deinit(&back);
    ggdm_walk_deinit(&w);
    ggdm_wire_deinit(&block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk_saved_at_every_step_comes_back),
        cmocka_unit_test(test_walk_state_of_another_unit_is_refused),
    };
    return ggdm_test_main(tests);
}
