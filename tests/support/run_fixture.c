#include "tests/support/run_fixture.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/png_image.h"
#include "jobs/store_record.h"
#include "worker/kinds.h"

/* ---- sweeps --------------------------------------------------------------------------------- */

static const ggdm_store_model models[] = {
    {"aa", "mnist-ddpm"}, {"bb", "mnist-cnn"}, {"cc", "mnist-judge"}, {"dd", "mnist-other"}};
enum { N_MODELS = sizeof models / sizeof *models };

static ggdm_status find_model(void *context, const ggdm_param *row, const char *name,
                              const char **digest, int32_t *classes, ggdm_error *err)
{
    (void)context, (void)row;
    for (int i = 0; i < N_MODELS; i++) {
        if (strcmp(models[i].name, name) == 0) {
            *digest = models[i].digest;
            *classes = RUN_CLASSES;
            return GGDM_OK;
        }
    }
    return GGDM_FAIL(err, GGDM_EINVAL, "there is no model %s", name);
}

#define TARGET_TEXT "3" /* RUN_TARGET */

void run_sweep_init(run_sweep *s, const char *axes, int samples, const char *judges)
{
    const ggdm_resolver resolver = {
        .model = find_model, .precision = GGDM_PRECISION_FP32, .isa = "avx2"};
    ggdm_error err = {0};
    uint8_t digest[GGDM_HASH_SIZE];
    memset(s, 0, sizeof *s);
    ggdm_test_ok(ggdm_asprintf(&s->text, &err,
                               "name: fixture\n"
                               "model: mnist-ddpm\n"
                               "sampler: {kind: ddpm, steps: %d}\n"
                               "guidance: {kind: gradient, loss: {kind: classifier, model: "
                               "mnist-cnn%s}}\n"
                               "sweep: %s\n"
                               "samples: %d\n"
                               "judge: %s\n",
                               RUN_STEPS, strstr(axes, "target:") ? "" : ", target: " TARGET_TEXT,
                               axes, samples, judges),
                 &err);
    ggdm_test_ok(ggdm_spec_parse(&ggdm_methods, s->text, strlen(s->text), "fixture.yaml", NULL, 0,
                                 &s->spec, &err),
                 &err);
    ggdm_test_ok(ggdm_cells_expand(&s->spec, &resolver, &s->cells, &err), &err);
    ggdm_test_ok(ggdm_spec_digest(&s->spec, digest, &err), &err);
    ggdm_hash_hex(digest, s->digest);
}

void run_sweep_deinit(run_sweep *s)
{
    ggdm_cells_deinit(&s->cells);
    ggdm_spec_deinit(&s->spec);
    free(s->text);
    s->text = NULL;
}

ggdm_store_batch run_fixture_batch(const run_sweep *sweep, const ggdm_plan *plan)
{
    return (ggdm_store_batch){.sweep = {sweep->text, sweep->digest},
                              .cells = &sweep->cells,
                              .plan = plan,
                              .models = models,
                              .n_models = N_MODELS};
}

/* ---- the run -------------------------------------------------------------------------------- */

static void plan_trees(run_fixture *f)
{
    const int half = RUN_STEPS / 2;
    f->segment[0][0] =
        (ggdm_segment){-1, 0, RUN_STEPS, f->sweep.cells.trajectories[0].runs[0].setting, 0, 0, 0};
    for (int k = 1; k < RUN_TREES; k++) {
        const ggdm_trajectory *t = &f->sweep.cells.trajectories[2 * k - 1];
        const int32_t guided = t->runs[0].setting, plain = t->runs[1].setting;
        assert_int_equal(t->runs[0].end, half);
        f->segment[k][0] = (ggdm_segment){-1, 0, half, guided, -1, 0, 0};
        f->segment[k][1] = (ggdm_segment){0, half, RUN_STEPS, plain, 2 * k - 1, 0, 0};
        f->segment[k][2] = (ggdm_segment){0, half, RUN_STEPS, guided, 2 * k, 0, 0};
    }
    for (int k = 0; k < RUN_TREES; k++)
        f->tree[k] = (ggdm_tree){.steps = RUN_STEPS,
                                 .image_count = RUN_SAMPLES,
                                 .n_segments = k ? 3 : 1,
                                 .segments = f->segment[k],
                                 .n_trajectories = k ? 2 : 1,
                                 .first_trajectory = k ? 2 * k - 1 : 0,
                                 .cost = k ? RUN_STEPS * RUN_GUIDED_COST + half : RUN_STEPS};
    f->plan = (ggdm_plan){.trees = f->tree,
                          .n_trees = RUN_TREES,
                          .units = f->unit,
                          .n_units = RUN_UNITS,
                          .n_images = RUN_TRAJECTORIES * RUN_SAMPLES};
    for (int i = 0; i < RUN_UNITS; i++) {
        static const int32_t first[] = {0, 4, 8}, count[] = {4, 4, 2};
        f->unit[i] = (ggdm_plan_unit){.tree = i / 3,
                                      .image_first = first[i % 3],
                                      .image_count = count[i % 3],
                                      .cost = count[i % 3] * f->tree[i / 3].cost};
        f->plan.cost += f->unit[i].cost;
    }
}

void run_fixture_plan(run_fixture *f)
{
    memset(f, 0, sizeof *f);
    f->dir = ggdm_test_mkdtemp();
    run_sweep_init(&f->sweep, RUN_AXES, RUN_SAMPLES, RUN_JUDGES);
    assert_int_equal(f->sweep.cells.n_cells, RUN_CELLS);
    assert_int_equal(f->sweep.cells.n_trajectories, RUN_TRAJECTORIES);
    plan_trees(f);
    f->batch = run_fixture_batch(&f->sweep, &f->plan);
    f->info = (ggdm_run_info){
        .name = "fixture \"one\"",
        .isa = "avx2",
        .precision = GGDM_PRECISION_FP32,
        .library = "oneDNN 2.6.3",
        .processor = "a processor",
        .bits = "",
        .version = "test",
    };
}

void run_fixture_create(run_fixture *f)
{
    ggdm_error err = {0};
    ggdm_test_ok(ggdm_store_create(f->dir, &f->info, &f->batch, &err), &err);
    ggdm_test_ok(ggdm_store_open(f->dir, NULL, &f->store, &err), &err);
}

void run_fixture_open(run_fixture *f)
{
    run_fixture_plan(f);
    run_fixture_create(f);
}

static ggdm_status step_costs(void *context, const char *head, const char *setting,
                              ggdm_step_cost *out, ggdm_error *err)
{
    (void)context, (void)head, (void)err;
    *out = (ggdm_step_cost){.operations = strcmp(setting, "{}") ? RUN_GUIDED_COST : 1,
                            .evaluations = 1};
    return GGDM_OK;
}
static const ggdm_coster coster = {.cost = step_costs};
const ggdm_growth run_fixture_growth = {.coster = &coster,
                                        .options = {.unit_cost = 1e9,
                                                    .min_units = 4,
                                                    .min_block = 4,
                                                    .max_trajectories = 128,
                                                    .max_state_bytes = 1 << 20}};

void run_fixture_open_until(run_fixture *f, const char *rule)
{
    char judges[200];
    snprintf(judges, sizeof judges, RUN_JUDGES "\nuntil: %s", rule);
    run_fixture_plan(f);
    run_sweep_deinit(&f->sweep);
    run_sweep_init(&f->sweep, RUN_AXES, RUN_SAMPLES, judges);
    f->batch = run_fixture_batch(&f->sweep, &f->plan);
    f->growth = &run_fixture_growth;
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
    run_sweep_deinit(&f->sweep);
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

/* What a scorer says, by the model in its text: right by the guide are all that are guided; by
 * other classifiers 1, 4, 7, 6, 10 of 10 as trajectory goes on; else the share of saturated pixels.
 */
static ggdm_score score_of(const ggdm_scorer_ref *scorer, int64_t trajectory, int32_t index,
                           bool diverged)
{
    static const int judged[] = {1, 4, 7, 6, 10};
    /* A test may add more. */
    const bool right = index % RUN_SAMPLES < judged[trajectory % RUN_TRAJECTORIES];
    ggdm_score s = {.scorer = scorer->id, .n = RUN_CLASSES};
    if (strstr(scorer->text, "\"bb\"")) {
        s.data = log_probabilities(trajectory ? RUN_TARGET : index, 0.9);
    } else if (strstr(scorer->text, "\"model\"")) {
        s.data = log_probabilities(right ? RUN_TARGET : 8, 0.8);
    } else {
        s.n = 1;
        s.data = ggdm_test_alloc(1, sizeof *s.data);
        s.data[0] = diverged ? 0.5F : 0.0F;
    }
    return s;
}

static void add_scores(const ggdm_unit *unit, ggdm_sample *out)
{
    const ggdm_segment *segment = unit->segments;
    while (segment->trajectory != out->trajectory)
        segment++;
    out->n_scores = segment->score_count;
    out->scores = ggdm_test_alloc((size_t)out->n_scores + 1, sizeof *out->scores);
    for (int32_t i = 0; i < out->n_scores; i++)
        out->scores[i] = score_of(&unit->scorers[unit->scores[segment->score_first + i]],
                                  out->trajectory, out->index, out->diverged);
}

ggdm_record run_fixture_record(int64_t trajectory, int32_t index)
{
    const bool diverged = trajectory == RUN_TRAJECTORIES - 1 && index < 3;
    ggdm_record r = {.diverged = diverged, .n_terms = trajectory > 0, .n_points = diverged ? 2 : 3};
    const int32_t width = ggdm_record_width(r.n_terms);
    strcpy(r.terms[0], trajectory > 0 ? "classifier" : "");
    r.points = ggdm_test_alloc((size_t)(r.n_points * width), sizeof *r.points);
    for (int32_t i = 0; i < r.n_points; i++) {
        float *p = r.points + i * width;
        p[GGDM_RECORD_STEP] = (float)(diverged && i == 1 ? 17 + index : 499 * i);
        p[GGDM_RECORD_CLAMPED] = 0.25F * (float)i;
        for (int32_t k = GGDM_RECORD_HEAD; k < width; k++)
            p[k] = i == 2 ? NAN : (float)(10 * k + index) / 100;
    }
    return r;
}

void run_fixture_check_records(ggdm_store *store, int64_t trajectory)
{
    ggdm_record *records;
    ggdm_error err;
    int32_t n;
    ggdm_test_ok(ggdm_store_records(store, trajectory, RUN_SAMPLES, &records, &n, &err), &err);
    assert_int_equal(n, RUN_RECORDS);
    for (int32_t i = 0; i < n; i++) {
        ggdm_record want = run_fixture_record(trajectory, i);
        assert_int_equal(records[i].diverged, want.diverged);
        assert_int_equal(records[i].n_points, want.n_points);
        assert_int_equal(records[i].n_terms, want.n_terms);
        assert_memory_equal(records[i].points, want.points,
                            sizeof(float) *
                                (size_t)(want.n_points * ggdm_record_width(want.n_terms)));
        ggdm_record_deinit(&want);
    }
    ggdm_store_records_free(&records, n);
}

static void add_record(ggdm_sample *out)
{
    ggdm_record r = run_fixture_record(out->trajectory, out->index);
    ggdm_wire bytes;
    ggdm_error err;
    ggdm_wire_init(&bytes);
    ggdm_record_write(&r, &bytes);
    ggdm_test_ok(ggdm_wire_status(&bytes, "record", &err), &err);
    out->record = bytes.data;
    out->record_size = (uint32_t)bytes.size;
    ggdm_record_deinit(&r);
}

void run_fixture_sample(const ggdm_unit *unit, int64_t trajectory, int32_t index, int32_t channels,
                        ggdm_sample *out)
{
    ggdm_error err = {0};
    uint8_t pixels[RUN_SIDE * RUN_SIDE * 3];
    size_t size = 0;
    /* The last trajectory diverges in its first three images. */
    bool diverged = trajectory == RUN_TRAJECTORIES - 1 && index < 3;
    paint(pixels, trajectory, index, channels);
    *out = (ggdm_sample){.trajectory = trajectory,
                         .index = index,
                         .diverged = diverged,
                         .diverged_step = diverged ? 17 + index : -1};
    if (!unit || unit->kind == GGDM_UNIT_GENERATE)
        ggdm_test_ok(ggdm_png_encode(pixels, RUN_SIDE, RUN_SIDE, channels, &out->data, &size, &err),
                     &err);
    out->size = (uint32_t)size;
    if (size > 0 && index < RUN_RECORDS)
        add_record(out);
    if (unit)
        add_scores(unit, out);
}

ggdm_sample *run_fixture_samples(const ggdm_unit *unit, int32_t channels, int32_t *n)
{
    ggdm_sample *samples =
        ggdm_test_alloc((size_t)unit->n_segments * (size_t)unit->image_count, sizeof *samples);
    *n = 0;
    for (int32_t i = 0; i < unit->image_count; i++)
        for (int32_t s = 0; s < unit->n_segments; s++)
            if (unit->segments[s].trajectory >= 0)
                run_fixture_sample(unit, unit->segments[s].trajectory, unit->image_first + i,
                                   channels, &samples[(*n)++]);
    return samples;
}

void run_fixture_free_samples(ggdm_sample *samples, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        ggdm_sample_deinit(&samples[i]);
    free(samples);
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
            ggdm_sample *samples = run_fixture_samples(&unit, channels, &n);
            ggdm_test_ok(
                ggdm_store_finish(f->store, unit.id, unit.attempt, samples, n, &accepted, &err),
                &err);
            assert_true(accepted);
            run_fixture_free_samples(samples, n);
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
    sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL); /* no power cut is tested */
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    free(path);
}

bool *run_fixture_cancelled(ggdm_store *store, int *n)
{
    const int32_t n_cells = ggdm_store_n_cells(store);
    bool *cancelled = ggdm_test_alloc((size_t)n_cells, sizeof *cancelled);
    ggdm_store_cell cell;
    ggdm_error err;
    int count = 0;
    for (int32_t i = 0; i < n_cells; i++) {
        ggdm_test_ok(ggdm_store_cell_get(store, i, &cell, &err), &err);
        cancelled[i] = cell.cancelled;
        count += cell.cancelled;
    }
    if (n)
        *n = count;
    return cancelled;
}
