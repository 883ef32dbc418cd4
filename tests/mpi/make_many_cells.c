/* make_many_cells DIR KAPPAS DURATIONS IMAGES: a finished run of as many cells as its two axes have
 * values, quickly: strokes and noise as of handwritten digits, scores, and records of the first
 * images of each trajectory. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/png_image.h"
#include "tests/support/run_fixture.h"

enum { KINDS = 500, UNITS = 64, POINTS = 50 };

typedef struct picture {
    uint8_t *png; /* owned */
    size_t size;
} picture;

/* A ring with noise around it, as large as those of handwritten digits. */
static picture paint(ggdm_test_rng *rng)
{
    uint8_t pixels[RUN_SIDE * RUN_SIDE];
    picture out;
    ggdm_error err;
    const double radius = ggdm_test_uniform(rng, 4, 9), aspect = ggdm_test_uniform(rng, 0.6, 1.2);
    for (int y = 0; y < RUN_SIDE; y++)
        for (int x = 0; x < RUN_SIDE; x++) {
            const double off = fabs(hypot((x - 13.5) / aspect, y - 13.5) - radius);
            const double ink = off < 3 ? 255 * (1 - off / 3) + ggdm_test_uniform(rng, -20, 20) : 0;
            pixels[y * RUN_SIDE + x] = (uint8_t)fmin(255, fmax(0, ink));
        }
    ggdm_test_ok(ggdm_png_encode(pixels, RUN_SIDE, RUN_SIDE, 1, &out.png, &out.size, &err), &err);
    return out;
}

/* What a default run notes: 50 points of one term. */
static void note(ggdm_test_rng *rng, ggdm_sample *sample)
{
    ggdm_record r = {.n_terms = 1, .n_points = POINTS, .terms = {"classifier"}};
    ggdm_error err;
    ggdm_wire bytes;
    const int32_t width = ggdm_record_width(1);
    r.points = ggdm_test_alloc((size_t)(POINTS * width), sizeof *r.points);
    for (int32_t i = 0; i < POINTS; i++) {
        float *p = r.points + i * width;
        p[GGDM_RECORD_STEP] = (float)(i * (RUN_STEPS - 1) / (POINTS - 1));
        for (int32_t k = GGDM_RECORD_CLAMPED; k < width; k++)
            p[k] = (float)ggdm_test_uniform(rng, 0, 1);
    }
    ggdm_wire_init(&bytes);
    ggdm_record_write(&r, &bytes);
    ggdm_test_ok(ggdm_wire_status(&bytes, "record", &err), &err);
    free(sample->record);
    sample->record = bytes.data;
    sample->record_size = (uint32_t)bytes.size;
    ggdm_record_deinit(&r);
}

static void finish(ggdm_store *store, ggdm_unit *unit, const picture *pictures, ggdm_test_rng *rng)
{
    ggdm_error err;
    bool accepted;
    int32_t n;
    ggdm_sample *samples = run_fixture_samples(unit, 1, &n);
    for (int32_t i = 0; i < n; i++) {
        const picture *p = &pictures[ggdm_test_below(rng, KINDS)];
        free(samples[i].data);
        samples[i].data = ggdm_test_alloc(p->size, 1);
        memcpy(samples[i].data, p->png, p->size);
        samples[i].size = (uint32_t)p->size;
        if (samples[i].record)
            note(rng, &samples[i]);
    }
    ggdm_test_ok(ggdm_store_finish(store, unit->id, unit->attempt, samples, n, &accepted, &err),
                 &err);
    assert_true(accepted);
    run_fixture_free_samples(samples, n);
}

static void work(ggdm_store *store)
{
    ggdm_test_rng rng = ggdm_test_rng_init(1);
    picture *pictures = ggdm_test_alloc(KINDS, sizeof *pictures);
    ggdm_unit units[UNITS];
    ggdm_error err;
    int32_t n = 1;
    for (int k = 0; k < KINDS; k++)
        pictures[k] = paint(&rng);
    for (int turn = 0; n > 0; turn++) {
        ggdm_test_ok(ggdm_store_begin(store, 1000 + turn, &err), &err);
        ggdm_test_ok(ggdm_store_claim(store, 1, GGDM_CLAIM_ANY, UNITS, units, &n, &err), &err);
        for (int32_t i = 0; i < n; i++) {
            finish(store, &units[i], pictures, &rng);
            ggdm_unit_deinit(&units[i]);
        }
        ggdm_test_ok(ggdm_store_commit(store, &err), &err);
    }
    for (int k = 0; k < KINDS; k++)
        free(pictures[k].png);
    free(pictures);
}

/* "kappa: [0, 0.01, ...], duration: [0, 10, ...]" */
static char *axes_of(int kappas, int durations)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    fputs("{kappa: [", f);
    for (int i = 0; i < kappas; i++)
        fprintf(f, "%s%g", i ? ", " : "", 0.01 * (i + 1));
    fputs("], duration: [", f);
    for (int i = 0; i < durations; i++)
        fprintf(f, "%s%d", i ? ", " : "", (i + 1) * (RUN_STEPS / durations));
    fputs("]}", f);
    fclose(f);
    return text;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: make_many_cells DIR KAPPAS DURATIONS IMAGES\n");
        return 2;
    }
    const ggdm_run_info info = {
        .name = "many cells", .isa = "avx2", .precision = GGDM_PRECISION_FP32, .version = "test"};
    char *axes = axes_of(atoi(argv[2]), atoi(argv[3]));
    run_sweep sweep;
    ggdm_plan plan;
    ggdm_store *store = NULL;
    ggdm_error err;
    run_sweep_init(&sweep, axes, atoi(argv[4]), RUN_JUDGES);
    ggdm_test_ok(ggdm_plan_make(&sweep.cells, run_fixture_growth.coster,
                                &run_fixture_growth.options, &plan, &err),
                 &err);
    const ggdm_store_batch batch = run_fixture_batch(&sweep, &plan);
    ggdm_test_ok(ggdm_store_create(argv[1], &info, &batch, &err), &err);
    ggdm_test_ok(ggdm_store_open(argv[1], NULL, &store, &err), &err);
    work(store);
    ggdm_store_close(&store);
    ggdm_plan_deinit(&plan);
    run_sweep_deinit(&sweep);
    free(axes);
    return 0;
}
