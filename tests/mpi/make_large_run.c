/* make_large_run DIR IMAGES SIDE: a finished run of one cell whose images are too large for the
 * shipped models to make: SIDE x SIDE x 3 pixels, of which (y, x, c) of image i is
 * y + 2 x + 3 c + 7 (i % 4), modulo 256. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/png_image.h"
#include "tests/support/run_fixture.h"

enum { KINDS = 4 };

static uint8_t *paint(int32_t side, int kind, size_t *size)
{
    ggdm_pixels p;
    uint8_t *png;
    ggdm_error err;
    ggdm_test_ok(ggdm_pixels_init(&p, side, side, 3, &err), &err);
    uint8_t *at = p.data;
    for (int32_t y = 0; y < side; y++)
        for (int32_t x = 0; x < side; x++)
            for (int c = 0; c < 3; c++)
                *at++ = (uint8_t)(y + 2 * x + 3 * c + 7 * kind);
    ggdm_test_ok(ggdm_png_encode(p.data, side, side, 3, &png, size, &err), &err);
    ggdm_pixels_deinit(&p);
    return png;
}

/* What a worker would send of the one unit. */
static void finish(ggdm_store *store, int32_t side)
{
    uint8_t *png[KINDS];
    size_t size[KINDS];
    ggdm_unit unit;
    ggdm_error err;
    int32_t n;
    bool accepted;
    for (int k = 0; k < KINDS; k++)
        png[k] = paint(side, k, &size[k]);
    ggdm_test_ok(ggdm_store_begin(store, 1000, &err), &err);
    ggdm_test_ok(ggdm_store_claim(store, 1, GGDM_CLAIM_ANY, 1, &unit, &n, &err), &err);
    ggdm_sample *samples = run_fixture_samples(&unit, 3, &n);
    for (int32_t i = 0; i < n; i++) {
        const size_t bytes = size[i % KINDS];
        free(samples[i].data);
        samples[i].data = ggdm_test_alloc(bytes, 1);
        memcpy(samples[i].data, png[i % KINDS], bytes);
        samples[i].size = (uint32_t)bytes;
    }
    ggdm_test_ok(ggdm_store_finish(store, unit.id, unit.attempt, samples, n, &accepted, &err),
                 &err);
    assert_true(accepted);
    ggdm_test_ok(ggdm_store_commit(store, &err), &err);
    run_fixture_free_samples(samples, n);
    ggdm_unit_deinit(&unit);
    for (int k = 0; k < KINDS; k++)
        free(png[k]);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: make_large_run DIR IMAGES SIDE\n");
        return 2;
    }
    const int32_t n = atoi(argv[2]);
    const ggdm_run_info info = {
        .name = "large", .isa = "avx2", .precision = GGDM_PRECISION_FP32, .version = "test"};
    run_sweep sweep;
    ggdm_store *store = NULL;
    ggdm_error err;
    run_sweep_init(&sweep, "{kappa: [0]}", n, RUN_JUDGES);
    ggdm_segment segment = {-1, 0, RUN_STEPS, sweep.cells.trajectories[0].runs[0].setting, 0, 0, 0};
    ggdm_tree tree = {.steps = RUN_STEPS,
                      .image_count = n,
                      .n_segments = 1,
                      .segments = &segment,
                      .n_trajectories = 1,
                      .cost = RUN_STEPS};
    ggdm_plan_unit unit = {.image_count = n, .cost = tree.cost * n};
    const ggdm_plan plan = {.trees = &tree,
                            .n_trees = 1,
                            .units = &unit,
                            .n_units = 1,
                            .n_images = n,
                            .cost = unit.cost};
    const ggdm_store_batch batch = run_fixture_batch(&sweep, &plan);
    ggdm_test_ok(ggdm_store_create(argv[1], &info, &batch, &err), &err);
    ggdm_test_ok(ggdm_store_open(argv[1], NULL, &store, &err), &err);
    finish(store, atoi(argv[3]));
    ggdm_store_close(&store);
    run_sweep_deinit(&sweep);
    return 0;
}
