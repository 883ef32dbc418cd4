/* A sweep made ready: its models, its run directory, its store. */
#include "coordinator/run/setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/png_image.h"
#include "coordinator/run/setup_models.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/run_fixture.h"
#include "tests/support/tiny_model.h"

#define FEW_CNN                                                                                    \
    "{\"_class_name\": \"GgdmCNN\", \"sample_size\": 8, \"in_channels\": 1, \"num_classes\": 4, "  \
    "\"layers\": [{\"flatten\": true}]}"

static const struct {
    const char *name, *config;
    uint64_t seed;
} models[] = {{"ddpm", ggdm_tiny_unet_config, 1},     {"wide", ggdm_tiny_wide_config, 2},
              {"labels", ggdm_tiny_labels_config, 3}, {"cnn", ggdm_tiny_cnn_config, 4},
              {"judge", ggdm_tiny_cnn_config, 5},     {"few", FEW_CNN, 6}};

static char *dir, *was;

/* DIR/zoo has the models, DIR is the working directory. */
static int setup(void **state)
{
    (void)state;
    ggdm_error err;
    was = getcwd(NULL, 0);
    dir = ggdm_test_mkdtemp();
    assert_int_equal(chdir(dir), 0);
    char *zoo = ggdm_test_path(dir, "zoo");
    ggdm_test_ok(ggdm_make_dirs(zoo, &err), &err);
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        free(ggdm_tiny_model_write(zoo, models[i].name, models[i].config, models[i].seed));
    setenv("GGDM_ZOO", zoo, 1);
    free(zoo);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(chdir(was), 0);
    unsetenv("GGDM_ZOO");
    ggdm_test_rmdir(dir);
    free(was);
    return 0;
}

/* ---- sweeps -------------------------------------------------------------------------------- */

#define SAMPLER "sampler: {kind: ddpm, steps: 4}\nsamples: 2\n"
#define GUIDANCE                                                                                   \
    "guidance: {kind: gradient, kappa: 1, loss: {kind: classifier, model: cnn, target: 3}}\n"
#define SWEEP "name: s\nmodel: ddpm\n" SAMPLER GUIDANCE "judge: judge\n"

static ggdm_status make_of(const char *text, const ggdm_setup_options *with, ggdm_setup *out,
                           ggdm_error *err)
{
    ggdm_setup_options o = *with;
    ggdm_isa isa;
    if (text)
        ggdm_test_write("s.yaml", text, strlen(text));
    if (!o.sweep)
        o.sweep = "s.yaml";
    ggdm_test_ok(ggdm_isa_pinned(&isa, err), err);
    return ggdm_setup_make(&o, isa, out, err);
}

static void make(ggdm_setup *s, const char *text, const ggdm_setup_options *with)
{
    ggdm_error err;
    ggdm_test_ok(make_of(text, with, s, &err), &err);
}

static const ggdm_setup_options plain = {.run = "run"};

static void refuse(const char *text, ggdm_status code, const char *message)
{
    ggdm_setup s;
    ggdm_error err;
    ggdm_test_error(make_of(text, &plain, &s, &err), &err, code, message);
    assert_null(s.models); /* nothing is held */
    ggdm_setup_deinit(&s);
}

/* ---- models -------------------------------------------------------------------------------- */

static void test_setup_opens_a_model_once_however_it_is_called(void **state)
{
    (void)state;
    assert_int_equal(symlink("zoo/ddpm", "same"), 0);
    ggdm_setup s;
    make(&s,
         "name: s\n" SAMPLER GUIDANCE "judge: ./zoo/cnn\n"
         "sweep: {model: [ddpm, ./same, zoo/ddpm]}\n",
         &plain);
    assert_int_equal(s.n_models, 5);
    assert_int_equal(s.outfit.n_models, 2);
    assert_int_equal(s.known.n, 2);
    assert_true(s.cells.n_cells == 3 && s.cells.n_trajectories == 1);
    for (int32_t i = 0; i < s.n_models; i++) {
        char digest[GGDM_HASH_TEXT_SIZE];
        ggdm_hash_hex(s.outfit.models[s.models[i].files].digest, digest);
        assert_string_equal(digest, s.models[i].digest);
        assert_non_null(ggdm_models_find(&s.known, digest));
    }
    ggdm_setup_deinit(&s);
    ggdm_setup_deinit(&s);
    unlink("same");
}

static void test_setup_errors_have_positions(void **state)
{
    (void)state;
#define OF(model, guidance, judge) "name: s\nmodel: " model "\n" SAMPLER guidance judge
    refuse(OF("absent", "", ""), GGDM_EINVAL,
           "s.yaml:2:8: field 'model': model 'absent' not found");
    refuse(OF("cnn", "", ""), GGDM_EINVAL,
           "s.yaml:2:8: field 'model': model 'cnn' is a GgdmCNN, expected a diffusion model");
    refuse(OF("ddpm", "", "judge: ddpm\n"), GGDM_EINVAL,
           "s.yaml:5:8: field 'judge': model 'ddpm' is a UNet2DModel, expected a classifier");
    refuse(OF("ddpm",
              "guidance: {kind: gradient, kappa: 1, loss: {kind: classifier, model: few, "
              "target: 4}}\n",
              ""),
           GGDM_EINVAL,
           "s.yaml:5:83: field 'guidance.loss.target': value '4', expected a class of model 'few', "
           "0 to 3");
    refuse(OF("ddpm", GUIDANCE, "sweep:\n  duration: [4, 5]\n"), GGDM_EINVAL,
           "s.yaml:7:17: field 'sweep.duration[1]': value '5', expected a number of steps from 0 "
           "to 4");
    refuse("name: s\nmodel: ddpm\nsamples: 1\nsweep: {steps: [4, 1001]}\n", GGDM_EINVAL,
           "s.yaml:4:20: field 'sweep.steps[1]': value '1001', expected");
}

static void test_setup_what_does_not_fit_is_refused_at_its_place(void **state)
{
    (void)state;
    refuse(OF("wide", GUIDANCE, ""), GGDM_ESHAPE, "s.yaml:5:70: field 'guidance.loss.model': ");
    refuse(OF("wide", "", "judge: [judge]\n"), GGDM_ESHAPE,
           "classifier 'judge' takes images of 8x8x1, expected 16x16x1");
    refuse(OF("labels", "", ""), GGDM_EINVAL, "s.yaml:2:8: field 'model': ");
    refuse(OF("ddpm", "condition: {label: 1}\n", ""), GGDM_EINVAL,
           "s.yaml:5:20: field 'condition.label': ");
}

static void test_setup_notes_the_scorers_that_do_not_fit(void **state)
{
    (void)state;
    ggdm_setup s;
    make(&s,
         "name: s\n" SAMPLER "judge: [judge, cnn]\n"
         "sweep: {model: [ddpm, wide], seed: [0, 1]}\n",
         &plain);
    const ggdm_panel *of_ddpm = &s.cells.panels[s.cells.cells[0].panel],
                     *of_wide = &s.cells.panels[s.cells.cells[3].panel];
    assert_true(of_ddpm->n == 3 && of_wide->n == 1);
    assert_string_equal(of_wide->entries[0].name, "saturation");
    const char *note = strstr(s.notes, "scorer 'cnn' does not take the images of model 'wide' and");
    assert_non_null(note);
    assert_null(strstr(note + 10, "'cnn'")); /* once */
    assert_non_null(strstr(s.notes, "scorer 'judge' does not take"));
    const char *assumed = strstr(s.notes, "zoo/ddpm/scheduler_config.json is not there");
    assert_non_null(assumed);
    assert_null(strstr(assumed + 1, "zoo/ddpm/")); /* though two heads have it */
    ggdm_setup_deinit(&s);
}

/* ---- options ------------------------------------------------------------------------------- */

static void test_setup_chooses_the_run_directory(void **state)
{
    (void)state;
    ggdm_setup s;
    make(&s, SWEEP, &(ggdm_setup_options){.run = "there"});
    assert_string_equal(s.run_dir, "there");
    ggdm_setup_deinit(&s);
    make(&s, SWEEP, &(ggdm_setup_options){0});
    assert_string_equal(s.run_dir, "runs/s");
    ggdm_setup_deinit(&s);
    make(&s, SWEEP, &(ggdm_setup_options){.shard = 1, .shards = 1});
    assert_string_equal(s.run_dir, "runs/s/shards/1");
    ggdm_setup_deinit(&s);
    ggdm_test_write("ggdm.db", "", 0); /* the sweep is a run's own copy */
    make(&s, SWEEP, &(ggdm_setup_options){0});
    assert_string_equal(s.run_dir, ".");
    ggdm_setup_deinit(&s);
    unlink("ggdm.db");
}

static void test_setup_sets_are_frozen_into_the_text(void **state)
{
    (void)state;
    const ggdm_setup_options set = {.run = "run", .sets = {"kappa=2", "samples=5"}, .n_sets = 2};
    ggdm_setup s, other, again;
    make(&s, SWEEP, &set);
    make(&other, SWEEP, &plain);
    assert_true(s.spec.samples == 5);
    assert_string_not_equal(s.sweep_digest, other.sweep_digest);
    assert_string_equal(other.sweep_text, SWEEP);
    assert_non_null(strstr(s.sweep_text, SWEEP));
    make(&again, s.sweep_text, &plain);
    assert_string_equal(again.sweep_digest, s.sweep_digest);
    assert_string_equal(again.sweep_text, s.sweep_text);
    ggdm_setup_deinit(&s);
    ggdm_setup_deinit(&other);
    ggdm_setup_deinit(&again);
}

static void test_setup_settles_job_and_precision(void **state)
{
    (void)state;
    ggdm_setup s;
    make(&s, SWEEP "batch: 3\nthreads: 2\nprecision: fp32\n", &plain);
    assert_true(s.outfit.job.batch == 3 && s.outfit.job.threads == 2);
    assert_true(s.outfit.job.precision == GGDM_PRECISION_FP32 && s.outfit.isa <= GGDM_ISA_AVX512);
    ggdm_setup_deinit(&s);
    make(&s, SWEEP "batch: 3\nprecision: fp32\n",
         &(ggdm_setup_options){.run = "run", .threads = 2, .batch = 5});
    assert_true(s.outfit.job.batch == 5 && s.outfit.job.threads == 2);
    ggdm_setup_deinit(&s);
    make(&s, SWEEP "precision: fp32\n", &(ggdm_setup_options){.run = "run", .threads = 2});
    assert_int_equal(s.outfit.job.batch, 2 * GGDM_DEFAULT_BATCH);
    ggdm_setup_deinit(&s);
}

/* ---- run directories ----------------------------------------------------------------------- */

static void expect_state(const ggdm_setup *s, ggdm_run_state want)
{
    ggdm_run_state state;
    ggdm_error err;
    ggdm_test_ok(ggdm_setup_run_state(s, &state, NULL, &err), &err);
    assert_int_equal(state, want);
}

static void refuse_state(const ggdm_setup *s, const char *message)
{
    ggdm_run_state state;
    ggdm_error err;
    ggdm_test_error(ggdm_setup_run_state(s, &state, NULL, &err), &err, GGDM_ESTATE, message);
}

static void open_and_close(ggdm_setup *s, int32_t cells)
{
    ggdm_store *store = NULL;
    ggdm_error err;
    ggdm_test_ok(ggdm_setup_open_store(s, &store, &err), &err);
    assert_int_equal(ggdm_store_n_cells(store), cells);
    ggdm_store_close(&store);
}

static void expect_file(const char *path, const char *text)
{
    size_t size;
    char *got = ggdm_test_read(path, &size);
    if (size != strlen(text) || memcmp(got, text, size) != 0)
        ggdm_test_fail("%s holds %.*s, expected %s", path, (int)size, got, text);
    free(got);
}

static void expect_notes(const char *run, const char *notes)
{
    ggdm_store *store = NULL;
    ggdm_error err;
    ggdm_test_ok(ggdm_store_read(run, &store, &err), &err);
    assert_string_equal(ggdm_store_run_info(store)->notes, notes);
    ggdm_store_close(&store);
}

static void test_setup_creates_a_run_and_finds_it_again(void **state)
{
    (void)state;
    const ggdm_setup_options new = {.run = "new"};
    ggdm_setup s;
    make(&s, SWEEP, &new);
    expect_state(&s, GGDM_RUN_NEW);
    assert_false(ggdm_exists("new")); /* only looked at */
    open_and_close(&s, 1);
    expect_file("new/sweep.yaml", SWEEP);
    assert_true(ggdm_exists("new/models.json"));
    expect_state(&s, GGDM_RUN_STARTED);
    expect_notes("new", s.notes);
    s.outfit.isa = GGDM_ISA_REF;
    refuse_state(&s, "the instruction set was '");
    ggdm_setup_deinit(&s);

    make(&s, "name: s\nmodel: ddpm\n" SAMPLER "judge: judge\n", &new);
    refuse_state(&s, "was made from another sweep than s.yaml: ");
    refuse_state(&s, "--add to add the cells of this one");
    ggdm_setup_deinit(&s);
    make(&s, SWEEP, &(ggdm_setup_options){.run = "new", .shard = 1, .shards = 1});
    refuse_state(&s, "--shard (0/0: all of the run) was '0/0' when the run began, now '1/1'");
    ggdm_setup_deinit(&s);
}

static void test_setup_adds_a_sweep_to_a_run(void **state)
{
    (void)state;
    static const char more[] = "name: t\nmodel: ddpm\n" SAMPLER GUIDANCE "judge: [judge, few]\n"
                               "sweep: {kappa: [1, 2]}\n";
    ggdm_setup s;
    make(&s, SWEEP, &(ggdm_setup_options){.run = "grown", .add = true});
    refuse_state(&s, "holds no run, expected one to add to (--add)");
    ggdm_setup_deinit(&s);
    make(&s, SWEEP, &(ggdm_setup_options){.run = "grown"});
    open_and_close(&s, 1);
    ggdm_setup_deinit(&s);

    ggdm_setup_found found;
    ggdm_error err;
    make(&s, more, &(ggdm_setup_options){.run = "grown"});
    ggdm_test_ok(ggdm_setup_look(&s, &found, &err), &err);
    assert_true(found.present && found.other && found.why.code == GGDM_OK && found.done == 0);
    assert_true(found.matched.fresh == 1 && found.matched.queued == 1);
    ggdm_setup_deinit(&s);

    make(&s, more, &(ggdm_setup_options){.run = "grown", .add = true});
    expect_state(&s, GGDM_RUN_ADD);
    open_and_close(&s, 3);
    expect_file("grown/sweep.yaml", SWEEP);
    expect_file("grown/sweep-2.yaml", more);
    expect_state(&s, GGDM_RUN_STARTED); /* again it adds nothing */
    ggdm_setup_deinit(&s);

    /* Who goes on with the first sweep brings the models of both. */
    make(&s, SWEEP, &(ggdm_setup_options){.run = "grown"});
    assert_int_equal(s.outfit.n_models, 3);
    open_and_close(&s, 3);
    assert_int_equal(s.outfit.n_models, 4);
    ggdm_setup_deinit(&s);
}

static void test_setup_refuses_other_weights(void **state)
{
    (void)state;
    const ggdm_setup_options in = {.run = "weights"};
    ggdm_error err;
    free(ggdm_tiny_model_write(dir, "mine", ggdm_tiny_unet_config, 8));
    free(ggdm_tiny_model_write(dir, "judges", ggdm_tiny_cnn_config, 9));
    ggdm_setup s;
    make(&s, "name: s\nmodel: ./mine\n" SAMPLER "judge: ./judges\n", &in);
    open_and_close(&s, 1);
    ggdm_setup_deinit(&s);
    const char judge_only[] = "name: s\nmodel: ddpm\n" SAMPLER "judge: ./judges\n";
    ggdm_setup other;
    make(&other, judge_only, &(ggdm_setup_options){.run = "weights", .add = true});

    ggdm_remove_tree("mine");
    free(ggdm_tiny_model_write(dir, "mine", ggdm_tiny_unet_config, 10));
    make(&s, "name: s\nmodel: ./mine\n" SAMPLER "judge: ./judges\n", &in);
    refuse_state(&s, "the digest (SHA-256) of the model './mine' was '");
    ggdm_setup_deinit(&s);

    /* A sweep that does not name it cannot go on with it either. */
    ggdm_store *store = NULL;
    ggdm_test_error(ggdm_setup_open_store(&other, &store, &err), &err, GGDM_ESTATE,
                    "model './mine' of the run in weights has the digest ");
    assert_null(store);
    ggdm_setup_deinit(&other);
}

/* ---- files --------------------------------------------------------------------------------- */

static void write_picture(const char *path, const uint8_t *pixels, int32_t width)
{
    uint8_t *png;
    size_t size;
    ggdm_error err;
    ggdm_test_ok(ggdm_png_encode(pixels, width, 6 / width, 1, &png, &size, &err), &err);
    ggdm_test_write(path, png, size);
    free(png);
}

static const char *resolve(ggdm_setup *s, const char *path)
{
    const char *digest = NULL;
    ggdm_error err;
    ggdm_test_ok(ggdm_setup_resolve_file(s, NULL, path, &digest, &err), &err);
    return digest;
}

/* Pictures are known by their pixels and their shape, kept once, and found beside the sweep. */
static void test_setup_pictures_are_known_by_their_pixels(void **state)
{
    (void)state;
    static const uint8_t pixels[6] = {0, 50, 100, 150, 200, 255}, others[6] = {1};
    ggdm_setup s = {0};
    ggdm_error err;
    ggdm_test_ok(ggdm_make_dirs("sub", &err), &err);
    ggdm_test_ok(ggdm_strdup("sub/s.yaml", &s.spec.where, &err), &err);
    write_picture("a.png", pixels, 3);
    write_picture("sub/beside.png", pixels, 3);
    write_picture("tall.png", pixels, 2);
    write_picture("other.png", others, 3);
    const char *a = resolve(&s, "a.png");
    assert_string_equal(resolve(&s, "beside.png"), a);
    assert_int_equal(s.outfit.pictures.n, 1);
    const ggdm_picture *p = ggdm_pictures_find(&s.outfit.pictures, a);
    assert_true(p->height == 2 && p->width == 3 && p->channels == 1);
    assert_memory_equal(p->data, pixels, 6);
    assert_string_not_equal(resolve(&s, "tall.png"), a);
    assert_string_not_equal(resolve(&s, "other.png"), a);
    assert_int_equal(s.outfit.pictures.n, 3);

    const char *digest;
    ggdm_test_write("bad.png", "no picture", 10);
    ggdm_test_error(ggdm_setup_resolve_file(&s, NULL, "bad.png", &digest, &err), &err, GGDM_EFORMAT,
                    "file 'bad.png': ");
    ggdm_test_error(ggdm_setup_resolve_file(&s, NULL, "none.png", &digest, &err), &err, GGDM_EIO,
                    "file 'none.png': ");
    assert_int_equal(s.outfit.pictures.n, 3);
    ggdm_setup_deinit(&s);
}

/* A run has them when their files are gone, also those of other sweeps, and refuses others. */
static void test_setup_pictures_are_those_of_the_run(void **state)
{
    (void)state;
    static const uint8_t pixels[6] = {7, 6, 5, 4, 3, 2}, others[6] = {9};
    static const char more[] = "name: t\nmodel: ddpm\n" SAMPLER;
    const ggdm_setup_options in = {.run = "seen"};
    ggdm_setup s;
    ggdm_error err;
    const char *digest;
    write_picture("seen.png", pixels, 3);
    write_picture("added.png", others, 3);
    make(&s, SWEEP, &in);
    char *a = strdup(resolve(&s, "seen.png"));
    open_and_close(&s, 1);
    ggdm_setup_deinit(&s);
    make(&s, more, &(ggdm_setup_options){.run = "seen", .add = true});
    char *b = strdup(resolve(&s, "added.png"));
    open_and_close(&s, 2);
    ggdm_setup_deinit(&s);
    unlink("seen.png");
    unlink("added.png");

    make(&s, SWEEP, &in);
    ggdm_test_error(ggdm_setup_resolve_file(&s, NULL, "added.png", &digest, &err), &err, GGDM_EIO,
                    "file 'added.png': "); /* of another sweep */
    assert_int_equal(s.outfit.pictures.n, 0);
    assert_string_equal(resolve(&s, "seen.png"), a);
    open_and_close(&s, 2);
    assert_non_null(ggdm_pictures_find(&s.outfit.pictures, b));
    assert_memory_equal(ggdm_pictures_find(&s.outfit.pictures, a)->data, pixels, 6);
    ggdm_setup_deinit(&s);

    write_picture("seen.png", others, 3);
    make(&s, SWEEP, &in);
    resolve(&s, "seen.png");
    refuse_state(&s, "the digest of the picture 'seen.png' was '");
    ggdm_setup_deinit(&s);

    unlink("seen.png");
    make(&s, SWEEP, &in);
    run_fixture_sql("seen", "UPDATE asset SET data = x'010203040506'");
    ggdm_test_error(ggdm_setup_resolve_file(&s, NULL, "seen.png", &digest, &err), &err,
                    GGDM_EFORMAT, "has the digest ");
    run_fixture_sql("seen", "UPDATE asset SET width = 2048");
    ggdm_test_error(ggdm_setup_resolve_file(&s, NULL, "seen.png", &digest, &err), &err,
                    GGDM_EFORMAT, "of 2x2048x1 has 6 bytes");
    assert_int_equal(s.outfit.pictures.n, 0);
    ggdm_setup_deinit(&s);
    free(a);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_setup_opens_a_model_once_however_it_is_called),
        cmocka_unit_test(test_setup_errors_have_positions),
        cmocka_unit_test(test_setup_what_does_not_fit_is_refused_at_its_place),
        cmocka_unit_test(test_setup_notes_the_scorers_that_do_not_fit),
        cmocka_unit_test(test_setup_chooses_the_run_directory),
        cmocka_unit_test(test_setup_sets_are_frozen_into_the_text),
        cmocka_unit_test(test_setup_settles_job_and_precision),
        cmocka_unit_test(test_setup_creates_a_run_and_finds_it_again),
        cmocka_unit_test(test_setup_adds_a_sweep_to_a_run),
        cmocka_unit_test(test_setup_refuses_other_weights),
        cmocka_unit_test(test_setup_pictures_are_known_by_their_pixels),
        cmocka_unit_test(test_setup_pictures_are_those_of_the_run),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
