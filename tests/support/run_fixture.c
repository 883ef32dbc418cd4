#include "tests/support/run_fixture.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/png_image.h"

static const double kappas[] = {0, 0.1, 1};
static const int32_t durations[] = {0, 500, 1000};

static void plan_trees(run_fixture *f)
{
    const int half = RUN_STEPS / 2;
    f->segment[0][0] = (ggdm_segment){-1, 0, RUN_STEPS, 0, -1, 0};
    for (int k = 1; k < RUN_FAMILIES; k++) {
        ggdm_segment *s = f->segment[k];
        s[0] = (ggdm_segment){-1, 0, half, kappas[k], RUN_TARGET, -1};
        s[1] = (ggdm_segment){0, half, RUN_STEPS, 0, -1, 2 * k - 1};
        s[2] = (ggdm_segment){0, half, RUN_STEPS, kappas[k], RUN_TARGET, 2 * k};
    }
    for (int k = 0; k < RUN_FAMILIES; k++)
        f->family[k] = (ggdm_family){
            .n_segments = k ? 3 : 1, .segments = f->segment[k], .n_trajectories = k ? 2 : 1};
    for (int i = 0; i < RUN_UNITS; i++) {
        static const int32_t first[] = {0, 4, 8}, count[] = {4, 4, 2};
        f->unit[i] = (ggdm_plan_unit){
            .family = i / 3, .image_first = first[i % 3], .image_count = count[i % 3]};
    }
    f->plan = (ggdm_plan){.families = f->family,
                          .n_families = RUN_FAMILIES,
                          .units = f->unit,
                          .n_units = RUN_UNITS,
                          .n_images = RUN_TRAJECTORIES * RUN_SAMPLES};
    for (int i = 0; i < RUN_UNITS; i++) {
        const ggdm_family *tree = &f->family[f->unit[i].family];
        f->unit[i].cost = f->unit[i].image_count *
                          ggdm_segments_cost(tree->segments, tree->n_segments, GGDM_XT_FULL);
        f->plan.cost += f->unit[i].cost;
    }
}

static void plan_cells(run_fixture *f)
{
    for (int t = 0; t < RUN_TRAJECTORIES; t++)
        memset(f->trajectory[t].key, 0x10 + t, sizeof f->trajectory[t].key);
    f->trajectory[0].target = -1;
    for (int i = 0; i < RUN_CELLS; i++) {
        int k = i / 3, d = i % 3;
        int t = k == 0 || d == 0 ? 0 : 2 * k - 2 + d;
        f->cell[i] = (ggdm_cell){.index = i,
                                 .kappa = kappas[k],
                                 .duration = durations[d],
                                 .target = RUN_TARGET,
                                 .trajectory = t};
        memcpy(f->cell[i].key, f->trajectory[t].key, sizeof f->cell[i].key);
        if (t > 0) {
            f->trajectory[t].kappa = kappas[k];
            f->trajectory[t].duration = durations[d];
            f->trajectory[t].target = RUN_TARGET;
        }
    }
    f->cells = (ggdm_cells){.cells = f->cell,
                            .n_cells = RUN_CELLS,
                            .trajectories = f->trajectory,
                            .n_trajectories = RUN_TRAJECTORIES};
}

void run_fixture_plan(run_fixture *f)
{
    memset(f, 0, sizeof *f);
    f->dir = ggdm_test_mkdtemp();
    plan_trees(f);
    plan_cells(f);
    f->info = (ggdm_run_info){
        .name = "fixture \"one\"",
        .sweep_text = "name: fixture\n",
        .sweep_digest = "00ff",
        .isa = "avx2",
        .library = "oneDNN 2.6.3",
        .processor = "a processor",
        .bits = "",
        .version = "test",
        .model = "mnist-ddpm",
        .model_digest = "aa",
        .guide = "mnist-cnn",
        .guide_digest = "bb",
        .judge = "mnist-judge",
        .judge_digest = "cc",
        .samples = RUN_SAMPLES,
        .job = {.seed = UINT64_MAX, .steps = RUN_STEPS, .precision = GGDM_PRECISION_FP32},
    };
}

void run_fixture_create(run_fixture *f)
{
    ggdm_error err = {0};
    ggdm_test_ok(ggdm_store_create(f->dir, &f->info, &f->cells, &f->plan, &err), &err);
    ggdm_test_ok(ggdm_store_open(f->dir, NULL, &f->store, &err), &err);
}

void run_fixture_open(run_fixture *f)
{
    run_fixture_plan(f);
    run_fixture_create(f);
}

void run_fixture_reopen(run_fixture *f, const ggdm_store_options *options)
{
    ggdm_error err = {0};
    ggdm_store_close(&f->store);
    ggdm_test_ok(ggdm_store_open(f->dir, options, &f->store, &err), &err);
}

void run_fixture_close(run_fixture *f)
{
    ggdm_store_close(&f->store);
    ggdm_test_rmdir(f->dir);
}

int run_fixture_setup_plan(void **state)
{
    *state = ggdm_test_alloc(1, sizeof(run_fixture));
    run_fixture_plan(*state);
    return 0;
}

int run_fixture_setup(void **state)
{
    run_fixture_setup_plan(state);
    run_fixture_create(*state);
    return 0;
}

int run_fixture_teardown(void **state)
{
    run_fixture_close(*state);
    free(*state);
    return 0;
}

/* A disc whose place and brightness tell trajectory and index. */
static void paint(uint8_t *p, int64_t trajectory, int32_t index, int32_t channels)
{
    double cx = 8 + (index % 4) * 4, cy = 8 + trajectory * 3;
    for (int y = 0; y < RUN_SIDE; y++) {
        for (int x = 0; x < RUN_SIDE; x++) {
            double r = hypot(x - cx, y - cy);
            for (int c = 0; c < channels; c++)
                *p++ = (uint8_t)(r < 6 ? 255 - 20 * index / (c + 1) : 10 * c);
        }
    }
}

static float *log_probabilities(int label, double p)
{
    float *out = ggdm_test_alloc(RUN_CLASSES, sizeof *out);
    for (int c = 0; c < RUN_CLASSES; c++)
        out[c] = (float)log(c == label ? p : (1 - p) / (RUN_CLASSES - 1));
    return out;
}

void run_fixture_image(int64_t trajectory, int32_t index, int32_t channels, ggdm_image *out)
{
    ggdm_error err = {0};
    uint8_t pixels[RUN_SIDE * RUN_SIDE * 3];
    size_t size = 0;
    /* Right by the guide: all guided; by the judge: 0, 2, 5, 7, 10 of 10 as trajectory goes on.
     * The last trajectory diverges in its first three images. */
    static const int judged[] = {1, 4, 7, 6, 10};
    bool right = index < judged[trajectory % RUN_TRAJECTORIES]; /* a test may add more */
    bool diverged = trajectory == RUN_TRAJECTORIES - 1 && index < 3;
    paint(pixels, trajectory, index, channels);
    *out = (ggdm_image){.trajectory = trajectory,
                        .index = index,
                        .diverged = diverged,
                        .diverged_step = diverged ? 17 + index : -1,
                        .saturated = diverged ? 0.5F : 0.0F,
                        .n_guide = RUN_CLASSES,
                        .n_judge = RUN_CLASSES,
                        .guide_logp = log_probabilities(trajectory ? RUN_TARGET : index, 0.9),
                        .judge_logp = log_probabilities(right ? RUN_TARGET : 8, 0.8)};
    ggdm_test_ok(ggdm_png_encode(pixels, RUN_SIDE, RUN_SIDE, channels, &out->png, &size, &err),
                 &err);
    out->png_size = (uint32_t)size;
}

ggdm_image *run_fixture_images(const ggdm_unit *unit, int32_t channels, int32_t *n)
{
    ggdm_image *images =
        ggdm_test_alloc((size_t)unit->n_segments * (size_t)unit->image_count, sizeof *images);
    *n = 0;
    for (int32_t i = 0; i < unit->image_count; i++)
        for (int32_t s = 0; s < unit->n_segments; s++)
            if (unit->segments[s].trajectory >= 0)
                run_fixture_image(unit->segments[s].trajectory, unit->image_first + i, channels,
                                  &images[(*n)++]);
    return images;
}

void run_fixture_free_images(ggdm_image *images, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        ggdm_image_deinit(&images[i]);
    free(images);
}

int run_fixture_work(run_fixture *f, int max, int32_t channels)
{
    ggdm_error err = {0};
    int done = 0;
    while (done < max) {
        ggdm_unit unit;
        int32_t claimed, n;
        bool accepted = false;
        ggdm_test_ok(ggdm_store_begin(f->store, 1000 + done, &err), &err);
        ggdm_test_ok(ggdm_store_claim(f->store, 1, GGDM_CLAIM_ANY, 1, &unit, &claimed, &err), &err);
        if (claimed == 1) {
            ggdm_image *images = run_fixture_images(&unit, channels, &n);
            ggdm_test_ok(
                ggdm_store_finish(f->store, unit.id, unit.attempt, images, n, &accepted, &err),
                &err);
            assert_true(accepted);
            run_fixture_free_images(images, n);
            ggdm_unit_deinit(&unit);
        }
        ggdm_test_ok(ggdm_store_commit(f->store, &err), &err);
        if (claimed != 1)
            break;
        done++;
    }
    return done;
}

void run_fixture_sql(const char *dir, const char *text)
{
    char *path = ggdm_test_path(dir, GGDM_STORE_FILE);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    free(path);
}
