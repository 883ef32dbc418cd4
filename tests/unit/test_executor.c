/* Promise 1 at the executor: an image is the same bits whatever shares its unit, its batch or its
 * threads, for all gradients and losses; divergence is found and kept. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/isa.h"
#include "common/png_image.h"
#include "models/model.h"
#include "tests/support/bf16.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_model.h"
#include "worker/executor.h"

enum { STEPS = 12, MAX_IMAGES = 64 };

static ggdm_tiny_models models;

static int setup(void **state)
{
    ggdm_tiny_models_open(&models);
    *state = &models;
    return 0;
}

static int teardown(void **state)
{
    ggdm_tiny_models_close(*state);
    return 0;
}

/* What a run hands over. */
typedef struct results {
    ggdm_image image[MAX_IMAGES];
    int n;
    int64_t last_done, total;
    int stop_after; /* batches until the sink says stop; 0: never */
    ggdm_executor *executor;
    ggdm_wire state; /* saved when the sink said stop */
    int32_t step;
} results;

static bool on_step(void *context, int64_t done, int64_t total)
{
    results *r = context;
    assert_true(done >= r->last_done && done <= total);
    r->last_done = done;
    r->total = total;
    if (r->stop_after == 0 || --r->stop_after > 0)
        return true;
    ggdm_error err;
    ggdm_wire_reset(&r->state);
    ggdm_test_ok(ggdm_executor_save(r->executor, &r->state, &r->step, &err), &err);
    return false;
}

static void *copy(const void *from, size_t size)
{
    void *to = ggdm_test_alloc(size, 1);
    memcpy(to, from, size);
    return to;
}

static ggdm_status on_image(void *context, const ggdm_image *image, ggdm_error *err)
{
    (void)err;
    results *r = context;
    assert_true(r->n < MAX_IMAGES);
    ggdm_image *to = &r->image[r->n++];
    *to = *image;
    to->png = copy(image->png, image->png_size);
    to->guide_logp = copy(image->guide_logp, sizeof(float) * (size_t)image->n_guide);
    to->judge_logp = copy(image->judge_logp, sizeof(float) * (size_t)image->n_judge);
    return GGDM_OK;
}

static void free_results(results *r)
{
    for (int i = 0; i < r->n; i++) {
        free(r->image[i].png);
        free(r->image[i].guide_logp);
        free(r->image[i].judge_logp);
    }
    ggdm_wire_deinit(&r->state);
    *r = (results){0};
}

static ggdm_executor *create(const ggdm_tiny_models *m, const ggdm_job *job)
{
    ggdm_executor *e;
    ggdm_error err;
    ggdm_test_ok(ggdm_executor_create(job, m->model[0], m->model[1], m->model[2], &e, &err), &err);
    return e;
}

static ggdm_status run_on(ggdm_executor *e, ggdm_unit *unit, results *r, ggdm_error *err)
{
    const ggdm_executor_sink sink = {r, on_step, on_image};
    r->executor = e;
    return ggdm_executor_run(e, unit, &sink, err);
}

static ggdm_status run(const ggdm_tiny_models *m, const ggdm_job *job, ggdm_unit *unit, results *r,
                       ggdm_error *err)
{
    ggdm_executor *e = create(m, job);
    ggdm_status st = run_on(e, unit, r, err);
    ggdm_executor_destroy(&e);
    return st;
}

/* Guided for 0, 4, 8 and 12 steps by kappa, as one tree. */
static ggdm_unit tree(ggdm_segment s[7], double kappa, int first, int count)
{
    const ggdm_segment full[7] = {{-1, 0, 4, kappa, 3, -1},   {0, 4, 8, kappa, 3, -1},
                                  {1, 8, STEPS, kappa, 3, 3}, {0, 4, STEPS, 0, -1, 1},
                                  {1, 8, STEPS, 0, -1, 2},    {-1, 0, STEPS, 0, -1, 0}};
    memcpy(s, full, sizeof full);
    return (ggdm_unit){
        .id = 1, .image_first = first, .image_count = count, .n_segments = 6, .segments = s};
}

/* Trajectory i of the tree on its own: 4 i guided steps. */
static ggdm_unit chain(ggdm_segment s[2], double kappa, int i, int first, int count)
{
    s[0] = (ggdm_segment){-1, 0, i ? 4 * i : STEPS, i ? kappa : 0, i ? 3 : -1, i % 3 ? -1 : i};
    s[1] = (ggdm_segment){0, 4 * i, STEPS, 0, -1, i};
    return (ggdm_unit){.id = 2,
                       .image_first = first,
                       .image_count = count,
                       .n_segments = i % 3 ? 2 : 1,
                       .segments = s};
}

static const ggdm_image *find(const results *r, int64_t trajectory, int index)
{
    for (int i = 0; i < r->n; i++)
        if (r->image[i].trajectory == trajectory && r->image[i].index == index)
            return &r->image[i];
    ggdm_test_fail("no image %d of trajectory %d", index, (int)trajectory);
    return NULL;
}

static bool same_image(const ggdm_image *a, const ggdm_image *b)
{
    return a->png_size == b->png_size && memcmp(a->png, b->png, a->png_size) == 0 &&
           memcmp(a->guide_logp, b->guide_logp, 10 * sizeof(float)) == 0 &&
           memcmp(a->judge_logp, b->judge_logp, 10 * sizeof(float)) == 0 &&
           a->diverged == b->diverged && a->diverged_step == b->diverged_step &&
           a->saturated == b->saturated;
}

/* For every gradient, loss and precision: 5 images x 4 trajectories as one shared tree in batches
 * of 32 on two threads, against each trajectory on its own, image by image, batch 1, one thread. */
static void test_executor_tree_equals_separate_chains(void **state)
{
    for (int mode = 0; mode < (ggdm_test_have_bf16() ? 12 : 6); mode++) {
        ggdm_job job = {.seed = 5,
                        .steps = STEPS,
                        .gradient = (ggdm_gradient)(mode % 3),
                        .form = (ggdm_loss_form)(mode / 3 % 2),
                        .precision = mode < 6 ? GGDM_PRECISION_FP32 : GGDM_PRECISION_BF16,
                        .clip_x0 = true,
                        .batch = 32,
                        .threads = 2};
        ggdm_segment segments[7];
        ggdm_unit unit = tree(segments, 0.5, 10, 5);
        results shared = {0}, single = {0};
        ggdm_error err;
        ggdm_test_ok(run(*state, &job, &unit, &shared, &err), &err);
        assert_int_equal(shared.n, 20);
        assert_int_equal(shared.last_done, shared.total);
        assert_int_equal(shared.total, 5 * (4 + 4 + 4 + 8 + 4 + 12));
        job.batch = job.threads = 1;
        for (int i = 0; i < 4; i++)
            for (int image = 10; image < 15; image++) {
                ggdm_unit one = chain(segments, 0.5, i, image, 1);
                ggdm_test_ok(run(*state, &job, &one, &single, &err), &err);
                assert_true(same_image(find(&single, i, image), find(&shared, i, image)));
                free_results(&single);
            }
        /* Guidance does what it is for: more of it makes class 3 more likely.  (In bf16 the effect
         * on these random networks drowns in the rounding of the scores.) */
        assert_true(mode >= 6 ||
                    find(&shared, 3, 10)->guide_logp[3] > find(&shared, 2, 10)->guide_logp[3]);
        assert_true(mode >= 6 ||
                    find(&shared, 2, 10)->guide_logp[3] > find(&shared, 0, 10)->guide_logp[3]);
        free_results(&shared);
    }
}

/* Windows [4, 8), [4, 12) and [8, 12), and no guidance, as one tree with a common head, against
 * each on its own. */
static void test_executor_windows_equal_separate_chains(void **state)
{
    ggdm_job job = {.seed = 5, .steps = STEPS, .clip_x0 = true, .batch = 32, .threads = 2};
    ggdm_segment shared[] = {{-1, 0, 4, 0, -1, -1},   {0, 4, 8, 0.5, 3, -1},
                             {1, 8, STEPS, 0, -1, 0}, {1, 8, STEPS, 0.5, 3, 1},
                             {0, 4, 8, 0, -1, -1},    {4, 8, STEPS, 0.5, 3, 2},
                             {4, 8, STEPS, 0, -1, 3}};
    static const int32_t from[] = {4, 4, 8, 0}, to[] = {8, STEPS, STEPS, 0};
    ggdm_unit unit = {.image_first = 2, .image_count = 3, .n_segments = 7, .segments = shared};
    ggdm_error err;
    results all = {0}, single = {0};
    ggdm_test_ok(run(*state, &job, &unit, &all, &err), &err);
    assert_int_equal(all.n, 12);
    job.batch = job.threads = 1;
    for (int i = 0; i < 4; i++) {
        ggdm_segment alone[3];
        ggdm_unit one = {.image_first = 2, .image_count = 3, .segments = alone};
        const int32_t ends[] = {from[i], to[i], STEPS};
        for (int k = 0, begin = 0; k < 3; begin = ends[k++]) {
            if (ends[k] <= begin)
                continue;
            int n = one.n_segments++;
            alone[n] = (ggdm_segment){n - 1,           begin,
                                      ends[k],         k == 1 ? 0.5 : 0,
                                      k == 1 ? 3 : -1, ends[k] == STEPS ? i : -1};
        }
        ggdm_test_ok(run(*state, &job, &one, &single, &err), &err);
        assert_int_equal(single.n, 3);
        for (int image = 2; image < 5; image++) {
            assert_true(same_image(find(&single, i, image), find(&all, i, image)));
            assert_true(i == 3 || !same_image(find(&all, 3, image), find(&all, i, image)));
        }
        free_results(&single);
    }
    free_results(&all);
}

static void test_executor_odd_batches_give_the_same_bits(void **state)
{
    ggdm_job job = {.seed = 9, .steps = STEPS, .clip_x0 = true, .batch = 32, .threads = 1};
    ggdm_segment segments[7];
    ggdm_error err;
    results want = {0}, got = {0};
    ggdm_unit unit = tree(segments, 0.05, 0, 7);
    ggdm_test_ok(run(*state, &job, &unit, &want, &err), &err);
    static const int batches[] = {1, 3, 5, 16};
    for (int b = 0; b < 4; b++) {
        job.batch = batches[b];
        ggdm_test_ok(run(*state, &job, &unit, &got, &err), &err);
        for (int i = 0; i < want.n; i++)
            assert_true(same_image(&want.image[i], &got.image[i]));
        free_results(&got);
    }
    free_results(&want);
}

/* A kappa of 1e30 ends in infinity at the first guided step; the unguided trajectory of the same
 * unit is not touched. */
static void test_executor_divergence_is_found_and_contained(void **state)
{
    ggdm_job job = {.seed = 5, .steps = STEPS, .batch = 8, .threads = 2};
    ggdm_segment segments[7];
    ggdm_error err;
    results wild = {0}, calm = {0};
    ggdm_unit unit = tree(segments, 1e38, 0, 3);
    ggdm_test_ok(run(*state, &job, &unit, &wild, &err), &err);
    assert_int_equal(wild.n, 12);
    for (int i = 0; i < 3; i++)
        for (int t = 1; t <= 3; t++) {
            const ggdm_image *image = find(&wild, t, i);
            assert_true(image->diverged);
            assert_true(image->diverged_step >= 0 && image->diverged_step < 4);
        }
    ggdm_unit alone = chain(segments, 0, 0, 0, 3);
    ggdm_test_ok(run(*state, &job, &alone, &calm, &err), &err);
    for (int i = 0; i < 3; i++)
        assert_true(same_image(find(&calm, 0, i), find(&wild, 0, i)));
    free_results(&wild);
    free_results(&calm);
}

enum { GUIDED_IMAGES = 4, GUIDED_PIXELS = 8 * 8 };

/* The pixels after one guided step from x_T, of a schedule whose only step has this alpha_bar. */
static void one_step(ggdm_tiny_models *m, double alpha_bar, ggdm_gradient gradient, double kappa,
                     uint8_t pixels[GUIDED_IMAGES][GUIDED_PIXELS])
{
    const ggdm_job job = {
        .seed = 3, .steps = 1, .gradient = gradient, .clip_x0 = true, .batch = 4, .threads = 1};
    ggdm_segment s = {-1, 0, 1, kappa, 3, 0};
    ggdm_unit unit = {.image_count = GUIDED_IMAGES, .n_segments = 1, .segments = &s};
    ggdm_error err;
    results r = {0};
    char scheduler[120], *before = m->files[0].scheduler;
    snprintf(scheduler, sizeof scheduler,
             "{\"num_train_timesteps\": 1, \"beta_start\": %.17g, \"beta_end\": %.17g}",
             1 - alpha_bar, 1 - alpha_bar);
    m->files[0].scheduler = scheduler;
    ggdm_status st = run(m, &job, &unit, &r, &err);
    m->files[0].scheduler = before;
    ggdm_test_ok(st, &err);
    for (int i = 0; i < GUIDED_IMAGES; i++) {
        const ggdm_image *image = find(&r, 0, i);
        ggdm_pixels decoded;
        assert_false(image->diverged);
        ggdm_test_ok(ggdm_png_decode(image->png, image->png_size, 100, &decoded, &err), &err);
        memcpy(pixels[i], decoded.data, GUIDED_PIXELS);
        ggdm_pixels_deinit(&decoded);
    }
    free_results(&r);
}

/* The largest difference of two pixels. */
static int distance(uint8_t a[GUIDED_IMAGES][GUIDED_PIXELS],
                    uint8_t b[GUIDED_IMAGES][GUIDED_PIXELS])
{
    int largest = 0;
    for (int i = 0; i < GUIDED_IMAGES * GUIDED_PIXELS; i++) {
        int d =
            abs(a[i / GUIDED_PIXELS][i % GUIDED_PIXELS] - b[i / GUIDED_PIXELS][i % GUIDED_PIXELS]);
        largest = d > largest ? d : largest;
    }
    return largest;
}

/* xt-affine is x0 divided by sqrt(alpha_bar): exactly where that is 1/2, else to one grey level of
 * rounding.  xt-full is neither, and kappa counts. */
static void test_executor_affine_gradient_is_scaled_x0_gradient(void **state)
{
    static const double alpha_bars[] = {0.25, 0.3};
    const double kappa = 1;
    for (int i = 0; i < 2; i++) {
        uint8_t affine[GUIDED_IMAGES][GUIDED_PIXELS], scaled[GUIDED_IMAGES][GUIDED_PIXELS],
            x0[GUIDED_IMAGES][GUIDED_PIXELS], full[GUIDED_IMAGES][GUIDED_PIXELS];
        double bar = alpha_bars[i];
        one_step(*state, bar, GGDM_XT_AFFINE, kappa, affine);
        one_step(*state, bar, GGDM_X0, kappa / sqrt(bar), scaled);
        one_step(*state, bar, GGDM_X0, kappa, x0);
        one_step(*state, bar, GGDM_XT_FULL, kappa, full);
        assert_true(distance(affine, scaled) <= i);
        assert_true(distance(affine, x0) > 4);
        assert_true(distance(affine, full) > 4);
        assert_true(distance(x0, full) > 4);
    }
}

static void test_executor_sink_can_stop_between_steps(void **state)
{
    ggdm_job job = {.seed = 5, .steps = STEPS, .batch = 8, .threads = 1};
    ggdm_segment segments[7];
    ggdm_error err;
    results r = {.stop_after = 5}; /* a batch guided, a batch unguided, at each step */
    ggdm_unit unit = tree(segments, 0.1, 0, 2);
    ggdm_status st = run(*state, &job, &unit, &r, &err);
    ggdm_test_error(st, &err, GGDM_ECANCELLED, "stopped at step 2");
    assert_int_equal(r.n, 0);
    free_results(&r);
}

/* The unit in pieces of so many batches, on two executors in turn; *got is what the last one gave.
 * Returns the number of pieces. */
static int run_in_pieces(ggdm_executor *const e[2], ggdm_unit *unit, int batches, results *got)
{
    ggdm_error err;
    for (int pieces = 0; pieces < 300; pieces++) {
        int64_t before = got->last_done;
        free_results(got);
        got->last_done = before;
        got->stop_after = unit->step < STEPS ? batches : 0;
        ggdm_status st = run_on(e[pieces % 2], unit, got, &err);
        if (st != GGDM_ECANCELLED) {
            ggdm_test_ok(st, &err);
            free(unit->state);
            unit->state = NULL;
            unit->step = 0;
            return pieces;
        }
        assert_true(got->last_done > before || got->step == STEPS);
        free(unit->state);
        unit->state = copy(got->state.data, got->state.size);
        unit->state_size = got->state.size;
        unit->step = got->step;
    }
    ggdm_test_fail("the unit does not get further");
    return 0;
}

/* Stopped after every so many batches and taken up again with another batch and number of threads,
 * until it is done: the bits of a run in one piece.  kappa: 0.5, or so much that all guided images
 * diverge. */
static void test_executor_resumed_unit_gives_the_same_bits(void **state)
{
    static const double kappas[] = {0.5, 1e38};
    for (int k = 0; k < 2; k++) {
        ggdm_job job = {.seed = 9, .steps = STEPS, .clip_x0 = k == 0, .batch = 8, .threads = 1};
        ggdm_segment segments[7];
        ggdm_error err;
        ggdm_executor *e[2] = {create(*state, &job)};
        job.batch = 3;
        job.threads = 2;
        e[1] = create(*state, &job);
        results want = {0}, got = {0};
        ggdm_unit unit = tree(segments, kappas[k], 3, 5);
        ggdm_test_ok(run_on(e[0], &unit, &want, &err), &err);
        assert_int_equal(want.n, 20);
        for (int batches = 1; batches <= 9; batches += 4) {
            assert_true(run_in_pieces(e, &unit, batches, &got) > 2);
            assert_int_equal(got.n, want.n);
            for (int i = 0; i < want.n; i++)
                assert_true(same_image(&want.image[i], &got.image[i]));
            got.last_done = 0;
        }
        free_results(&got);
        free_results(&want);
        ggdm_executor_destroy(&e[0]);
        ggdm_executor_destroy(&e[1]);
    }
}

/* A state of the branching point is as large as the images that go on, not as the tree. */
static void test_executor_state_holds_open_segments_only(void **state)
{
    ggdm_job job = {.seed = 9, .steps = STEPS, .batch = 32, .threads = 1};
    ggdm_segment segments[7];
    ggdm_error err;
    results r = {.stop_after = 2 * (STEPS - 1)};
    ggdm_unit unit = tree(segments, 0.5, 0, 5);
    ggdm_test_error(run(*state, &job, &unit, &r, &err), &err, GGDM_ECANCELLED, "stopped");
    assert_true(r.state.size < 4 * 5 * (8 * 8 * sizeof(float) + 5) + 100);
    free_results(&r);
}

/* A damaged state costs the work and nothing else. */
static void test_executor_damaged_state_starts_from_the_beginning(void **state)
{
    ggdm_job job = {.seed = 9, .steps = STEPS, .clip_x0 = true, .batch = 32, .threads = 1};
    ggdm_segment segments[7];
    ggdm_error err;
    results want = {0}, got = {0}, r = {.stop_after = 9};
    ggdm_unit unit = tree(segments, 0.5, 3, 2);
    ggdm_test_ok(run(*state, &job, &unit, &want, &err), &err);
    ggdm_test_error(run(*state, &job, &unit, &r, &err), &err, GGDM_ECANCELLED, "stopped");
    r.state.data[r.state.size / 2] ^= 1;
    unit.state = r.state.data;
    unit.state_size = r.state.size;
    unit.step = r.step;
    ggdm_test_ok(run(*state, &job, &unit, &got, &err), &err);
    assert_int_equal(got.total, want.total);
    assert_int_equal(got.n, want.n);
    for (int i = 0; i < want.n; i++)
        assert_true(same_image(&want.image[i], &got.image[i]));
    free_results(&want);
    free_results(&got);
    free_results(&r);
}

static void test_executor_malformed_trees_are_refused(void **state)
{
    ggdm_job job = {.seed = 5, .steps = STEPS, .batch = 8, .threads = 1};
    static const struct {
        ggdm_segment segment;
        const char *text;
    } bad[] = {{{-1, 1, STEPS, 0, -1, 0}, "expected to begin at 0"},
               {{-1, 0, STEPS + 1, 0, -1, 0}, "end by 12"},
               {{-1, 0, 0, 0, -1, 0}, "steps 0 to 0"},
               {{-1, 0, STEPS - 1, 0, -1, 0}, "trajectory 0 at step 11, expected step 12"},
               {{-1, 0, STEPS, 1, 10, 0}, "target 10"},
               {{-1, 0, STEPS, 1, -1, 0}, "target -1"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ggdm_segment s = bad[i].segment;
        ggdm_unit unit = {.image_count = 1, .n_segments = 1, .segments = &s};
        results r = {0};
        ggdm_error err;
        ggdm_status st = run(*state, &job, &unit, &r, &err);
        ggdm_test_error(st, &err, GGDM_EINVAL, bad[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_executor_tree_equals_separate_chains),
        cmocka_unit_test(test_executor_windows_equal_separate_chains),
        cmocka_unit_test(test_executor_odd_batches_give_the_same_bits),
        cmocka_unit_test(test_executor_divergence_is_found_and_contained),
        cmocka_unit_test(test_executor_affine_gradient_is_scaled_x0_gradient),
        cmocka_unit_test(test_executor_sink_can_stop_between_steps),
        cmocka_unit_test(test_executor_resumed_unit_gives_the_same_bits),
        cmocka_unit_test(test_executor_state_holds_open_segments_only),
        cmocka_unit_test(test_executor_damaged_state_starts_from_the_beginning),
        cmocka_unit_test(test_executor_malformed_trees_are_refused),
    };
    setenv("GGDM_LOG", "error", 1); /* warnings about damage made on purpose are no news */
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
