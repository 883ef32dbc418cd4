/* Promise 1 at the executor: an image is the same bits whatever shares its unit, its batch or its
 * threads, for all gradients and losses; divergence is found and kept. */
#include <stdlib.h>
#include <string.h>

#include "common/isa.h"
#include "models/model.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_model.h"
#include "worker/executor.h"

enum { STEPS = 12, MAX_IMAGES = 64 };

typedef struct world {
    char *dir;
    ggdm_model_files files[3];
    ggdm_model *model[3]; /* diffusion, guide, judge */
} world;

static int setup(void **state)
{
    static world w;
    ggdm_error err;
    w.dir = ggdm_test_mkdtemp();
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"unet", "guide", "judge"};
        char *path = ggdm_tiny_model_write(
            w.dir, names[i], i ? ggdm_tiny_cnn_config : ggdm_tiny_unet_config, (uint64_t)i);
        ggdm_test_ok(ggdm_model_files_open(path, &w.files[i], &err), &err);
        ggdm_test_ok(ggdm_model_create(&w.files[i], &w.model[i], &err), &err);
        free(path);
    }
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    for (int i = 0; i < 3; i++) {
        ggdm_model_destroy(&w->model[i]);
        ggdm_model_files_close(&w->files[i]);
    }
    ggdm_test_rmdir(w->dir);
    return 0;
}

/* What a run hands over. */
typedef struct results {
    ggdm_image image[MAX_IMAGES];
    int n;
    int64_t last_done, total;
    int stop_after; /* steps until the sink says stop; 0: never */
} results;

static bool on_step(void *context, int64_t done, int64_t total)
{
    results *r = context;
    assert_true(done >= r->last_done && done <= total);
    r->last_done = done;
    r->total = total;
    return r->stop_after == 0 || --r->stop_after > 0;
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
    *r = (results){0};
}

static ggdm_status run(const world *w, const ggdm_job *job, ggdm_unit *unit, results *r,
                       ggdm_error *err)
{
    ggdm_executor *e;
    const ggdm_executor_sink sink = {r, on_step, on_image};
    ggdm_test_ok(ggdm_executor_create(job, w->model[0], w->model[1], w->model[2], &e, err), err);
    ggdm_status st = ggdm_executor_run(e, unit, &sink, err);
    ggdm_executor_destroy(&e);
    return st;
}

/* Guided for 0, 4, 8 and 12 steps by kappa, as one tree. */
static ggdm_unit tree(ggdm_segment s[7], double kappa, int first, int count)
{
    const ggdm_segment full[7] = {
        {-1, 0, 4, kappa, 3, -1}, {0, 4, 8, kappa, 3, -1}, {1, 8, STEPS, kappa, 3, 3},
        {0, 4, STEPS, 0, -1, 1},  {1, 8, STEPS, 0, -1, 2}, {-1, 0, STEPS, 0, -1, 0}};
    memcpy(s, full, sizeof full);
    return (ggdm_unit){.id = 1, .image_first = first, .image_count = count, .n_segments = 6,
                       .segments = s};
}

/* Trajectory i of the tree on its own: 4 i guided steps. */
static ggdm_unit chain(ggdm_segment s[2], double kappa, int i, int first, int count)
{
    s[0] = (ggdm_segment){-1, 0, i ? 4 * i : STEPS, i ? kappa : 0, i ? 3 : -1,
                          i % 3 ? -1 : i};
    s[1] = (ggdm_segment){0, 4 * i, STEPS, 0, -1, i};
    return (ggdm_unit){.id = 2, .image_first = first, .image_count = count,
                       .n_segments = i % 3 ? 2 : 1, .segments = s};
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

static bool have_bf16(void)
{
    ggdm_isa isa;
    return ggdm_isa_choose(&isa, NULL) == GGDM_OK && isa >= GGDM_ISA_AVX512_BF16;
}

/* For every gradient, loss and precision: 5 images x 4 trajectories as one shared tree in batches of
 * 32 on two threads, against each trajectory on its own, image by image, batch 1, one thread. */
static void test_executor_tree_equals_separate_chains(void **state)
{
    for (int mode = 0; mode < (have_bf16() ? 12 : 6); mode++) {
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
        /* Guidance does what it is for: more of it makes class 3 more likely.  (Not asked where the
         * effect, 0.001 nats with this loss, is less than bf16 resolves.) */
        const bool visible = job.precision == GGDM_PRECISION_FP32 || job.form == GGDM_NLL;
        const float least = visible ? 0.0f : -0.01f;
        for (int i = 2; i <= 3; i++)
            assert_true(find(&shared, i, 10)->guide_logp[3] -
                            find(&shared, i == 2 ? 0 : 2, 10)->guide_logp[3] >
                        least);
        free_results(&shared);
    }
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

static void test_executor_sink_can_stop_between_steps(void **state)
{
    ggdm_job job = {.seed = 5, .steps = STEPS, .batch = 8, .threads = 1};
    ggdm_segment segments[7];
    ggdm_error err;
    results r = {.stop_after = 3};
    ggdm_unit unit = tree(segments, 0.1, 0, 2);
    ggdm_status st = run(*state, &job, &unit, &r, &err);
    ggdm_test_error(st, &err, GGDM_ECANCELLED, "stopped at step 2");
    assert_int_equal(r.n, 0);
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
        cmocka_unit_test(test_executor_odd_batches_give_the_same_bits),
        cmocka_unit_test(test_executor_divergence_is_found_and_contained),
        cmocka_unit_test(test_executor_sink_can_stop_between_steps),
        cmocka_unit_test(test_executor_malformed_trees_are_refused),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
