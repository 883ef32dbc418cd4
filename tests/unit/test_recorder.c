/* The flight recorder: numbers of a tick by hand; records are the same whatever shares an image's
 * unit, batch and threads and wherever it was stopped; noting changes no image; a record ends where
 * its image diverged. */
#include "worker/recorder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/recipe.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_unit.h"
#include "worker/kinds.h"

enum { STEPS = GGDM_TINY_STEPS, IMAGES = 4, FIRST = 2, WISH = FIRST + 2, POINTS = 5, CHAINS = 3 };

static ggdm_tiny_methods tiny;

static int setup(void **state)
{
    ggdm_tiny_methods_open(&tiny);
    *state = &tiny;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ggdm_tiny_methods_close(&tiny);
    return 0;
}

static ggdm_executor *create(int32_t batch, int32_t threads, int32_t images, int32_t points)
{
    const ggdm_job job = {.precision = GGDM_PRECISION_FP32,
                          .batch = batch,
                          .threads = threads,
                          .record = {images, points}};
    return ggdm_tiny_executor(&job, &tiny.models);
}

static void run(const ggdm_tiny_unit *u, ggdm_executor *e, ggdm_tiny_run *r)
{
    ggdm_error err;
    ggdm_test_ok(ggdm_tiny_run_on(e, &u->unit, r, &err), &err);
}

/* The record of a sample, which must have one. */
static ggdm_record read_record(const ggdm_tiny_run *r, int64_t trajectory, int32_t image)
{
    const ggdm_sample *s = ggdm_tiny_sample(r, trajectory, image);
    ggdm_record out;
    ggdm_error err;
    assert_true(s->record_size > 0);
    ggdm_test_ok(ggdm_record_read(s->record, s->record_size, &out, &err), &err);
    return out;
}

static const float *point_of(const ggdm_record *r, int32_t i)
{
    return r->points + i * ggdm_record_width(r->n_terms);
}

static void assert_about(double got, double want)
{
    if (!(fabs(got - want) <= 1e-5 * (fabs(want) + 1e-3)))
        ggdm_test_fail("%.9g, expected %.9g", got, want);
}

/* ---- a tick --------------------------------------------------------------------------------- */

static void test_recorder_measures_a_tick(void **state)
{
    (void)state;
    static const float x0[] = {1, -1, 1.5F, NAN, -1.25F, 0.5F, INFINITY, 0}, eps[8] = {3, 4};
    static const float along[8] = {6, 8}, across[8] = {0, 0, 5};
    ggdm_tick_view v = {.elements = 8, .eps = eps, .x0 = x0, .n_terms = 4};
    ggdm_tick_numbers n;
    v.terms[0] = (ggdm_tick_term){"a", 7, along, 1};
    v.terms[1] = (ggdm_tick_term){"b", 8, along, -2};
    v.terms[2] = (ggdm_tick_term){"c", NAN, across, 0.5F};
    v.terms[3] = (ggdm_tick_term){"d", 9, NULL, 1};
    ggdm_tick_measure(&v, &n);
    assert_true(n.n_terms == 4 && n.clamped == 0.5F);
    assert_true(n.terms[0].loss == 7 && n.terms[0].norm == 10 && n.terms[0].cosine == 1);
    assert_true(n.terms[1].loss == 8 && n.terms[1].norm == 5 && n.terms[1].cosine == -1);
    assert_true(isnan(n.terms[2].loss) && n.terms[2].norm == 10 && n.terms[2].cosine == 0);
    assert_true(n.terms[3].loss == 9 && isnan(n.terms[3].norm) && isnan(n.terms[3].cosine));
    v.terms[0].factor = 0;
    ggdm_tick_measure(&v, &n);
    assert_true(n.terms[0].loss == 7 && isnan(n.terms[0].norm));
}

/* ---- what records hold ---------------------------------------------------------------------- */

static const char *head(const char *sampler)
{
    return ggdm_tiny_text(&tiny.arena, GGDM_FAMILY_STAGE,
                          "{model: U, sampler: {kind: %s, steps: %d, clip_x0: true}, seed: 7}",
                          sampler, STEPS);
}

static const char *guidance(const char *terms)
{
    char yaml[2100];
    const char *text;
    ggdm_error err;
    snprintf(yaml, sizeof yaml, "{terms: [%s]}", terms);
    ggdm_item *item = ggdm_tiny_item(&tiny.arena, GGDM_FAMILY_GUIDANCE, yaml);
    ggdm_test_ok(ggdm_recipe_print(&tiny.arena, item, false, &text, &err), &err);
    return text;
}

/* One trajectory of one setting, of image 0. */
static ggdm_record record_of(const char *terms, int32_t points)
{
    ggdm_tiny_unit u;
    ggdm_tiny_run r = {0};
    ggdm_executor *e = create(1, 1, 1, points);
    ggdm_tiny_unit_init(&u, &tiny.arena, head("ddpm"), 0, 1);
    ggdm_tiny_unit_add(&u, -1, STEPS, terms ? guidance(terms) : "{}", 0);
    run(&u, e, &r);
    ggdm_record record = read_record(&r, 0, 0);
    ggdm_tiny_run_deinit(&r);
    ggdm_executor_destroy(&e);
    return record;
}

#define TERM "loss: {kind: classifier, model: G, target: 3}"

/* In the first step all these see the same x and x0-hat, whatever their weights and places are: so
 * loss, norm and cosine are the same. */
static void test_recorder_notes_gradients_without_what_they_are_multiplied_by(void **state)
{
    (void)state;
    static const char *const same[] = {"{" TERM ", weight: 0.3}",
                                       "{" TERM ", weight: -2}",
                                       "{" TERM ", weight: 0.3, norm: eps}",
                                       "{" TERM ", weight: 0.3, apply: mean}",
                                       "{" TERM ", weight: 0.3, apply: eps, schedule: noise}",
                                       "{" TERM ", weight: 0.3, apply: x0}",
                                       "{" TERM ", weight: -0.3, apply: x0, clip: 0.01}",
                                       "{" TERM ", weight: 0.3, apply: x0-eps}"};
    float first[2] = {0};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        ggdm_record r = record_of(same[i], STEPS);
        const float *p = point_of(&r, 0);
        const bool moves_eps = i == 4 || i == 7; /* and with it what the cosine is with */
        assert_true(r.n_terms == 1 && strcmp(r.terms[0], "classifier") == 0);
        if (i == 0)
            memcpy(first, p + 2, sizeof first);
        assert_true(p[2] > 0 && p[3] > 0 && fabsf(p[4]) <= 1);
        assert_about((double)p[2], (double)first[0]);
        assert_about((double)p[3], (double)first[1]);
        if (!moves_eps && i > 0) {
            ggdm_record plain = record_of(same[0], STEPS);
            assert_about((double)p[4], (double)point_of(&plain, 0)[4]);
            ggdm_record_deinit(&plain);
        }
        ggdm_record_deinit(&r);
    }
}

static void test_recorder_tells_terms_apart(void **state)
{
    (void)state;
    ggdm_record r = record_of("{" TERM ", weight: 0.1}, {loss: {kind: tv}, weight: 0.2}, {loss: "
                              "{kind: classifier, model: J, target: 1}, weight: 0.1, apply: eps}",
                              STEPS);
    ggdm_record alone = record_of("{loss: {kind: tv}, weight: 0.2}", STEPS);
    const float *p = point_of(&r, 0), *of_tv = point_of(&alone, 0);
    assert_int_equal(r.n_terms, 3);
    assert_string_equal(r.terms[0], "classifier");
    assert_string_equal(r.terms[1], "tv");
    assert_string_equal(r.terms[2], "classifier-2");
    assert_true(p[2] > 0 && p[5] > 0 && p[8] > 0 && p[2] != p[8]);
    assert_about((double)p[5], (double)of_tv[2]);
    assert_true(p[3] == p[6] && p[4] == p[7] && p[3] != p[9]); /* one pass for two */
    ggdm_record_deinit(&r);
    ggdm_record_deinit(&alone);
}

static void test_recorder_unguided_notes_what_is_clamped(void **state)
{
    (void)state;
    ggdm_record r = record_of(NULL, POINTS);
    assert_int_equal(r.n_terms, 0);
    assert_int_equal(r.n_points, POINTS);
    assert_false(r.diverged);
    for (int32_t i = 0; i < POINTS; i++)
        assert_true(point_of(&r, i)[0] == (float)(i * (STEPS - 1) / (POINTS - 1)));
    assert_true(point_of(&r, 0)[1] > 0); /* x_T is far out */
    ggdm_record_deinit(&r);
}

/* The most that a guidance can have. */
static void test_recorder_is_small_whatever_there_is(void **state)
{
    (void)state;
    char terms[2000] = "";
    for (int n = 1; n <= GGDM_MAX_TERMS; n++) {
        snprintf(terms + strlen(terms), sizeof terms - strlen(terms),
                 "%s{loss: {kind: classifier, model: J, target: 1}, weight: 1e-6}",
                 n > 1 ? ", " : "");
        if (n != 1 && n != 2 && n != 3 && n != GGDM_MAX_TERMS)
            continue;
        ggdm_record r = record_of(terms, GGDM_RECORD_POINTS);
        ggdm_wire w;
        ggdm_wire_init(&w);
        const int32_t fit = GGDM_RECORD_FLOATS * GGDM_RECORD_POINTS / ggdm_record_width(n);
        assert_int_equal(r.n_terms, n);
        assert_int_equal(r.n_points, fit < STEPS ? fit : STEPS);
        assert_true(point_of(&r, r.n_points - 1)[0] == STEPS - 1);
        /* With all the points that 50 wished ones can be, one more for where it diverged. */
        const size_t most = fit < GGDM_RECORD_POINTS ? (size_t)fit : GGDM_RECORD_POINTS;
        ggdm_record_write(&r, &w);
        assert_true(w.size + (most + 1 - (size_t)r.n_points) * sizeof(float) *
                                 (size_t)ggdm_record_width(n) <=
                    2048);
        ggdm_wire_deinit(&w);
        ggdm_record_deinit(&r);
    }
}

/* ---- promises ------------------------------------------------------------------------------- */

static void settings(int trajectory, const char *out[3])
{
    out[0] = ggdm_tiny_text(&tiny.arena, GGDM_FAMILY_GUIDANCE,
                            "{terms: [{" TERM ", weight: 0.05, smoothing: {samples: 3}}], "
                            "recurrence: {repeats: 2}}");
    out[1] = trajectory == 0
                 ? out[0]
                 : guidance("{loss: {kind: classifier, model: J, target: 1}, gradient: x0, apply: "
                            "x0, iterations: 3}, {loss: {kind: tv}, apply: eps, clamp: true}");
    out[2] = trajectory == 1 ? out[0] : "{}";
}

static void tree(ggdm_tiny_unit *u, const char *of)
{
    const char *s[3];
    settings(0, s);
    ggdm_tiny_unit_init(u, &tiny.arena, of, FIRST, IMAGES);
    ggdm_tiny_unit_add(u, -1, 4, s[0], -1);
    for (int i = 0; i < 2; i++) {
        settings(i, s);
        ggdm_tiny_unit_add(u, 0, 8, s[1], -1);
    }
    for (int i = 0; i < CHAINS; i++) {
        settings(i, s);
        ggdm_tiny_unit_add(u, i == 0 ? 1 : 2, STEPS, s[2], i);
    }
}

static void chain(ggdm_tiny_unit *u, const char *of, int trajectory, int image)
{
    const char *s[3];
    settings(trajectory, s);
    ggdm_tiny_unit_init(u, &tiny.arena, of, image, 1);
    for (int i = 0; i < 3; i++)
        ggdm_tiny_unit_add(u, i - 1, 4 * (i + 1), s[i], trajectory);
}

static const char *const samplers[] = {"ddpm", "heun", "dpmpp-2m"};
enum { SAMPLERS = sizeof samplers / sizeof *samplers };

/* What all trajectories noted before they parted, at steps 0 and 2, an image notes that never
 * branches. */
static void assert_common_beginning(const ggdm_tiny_run *all, const char *of, ggdm_executor *e)
{
    const char *s[3];
    ggdm_tiny_unit u;
    ggdm_tiny_run whole = {0};
    settings(0, s);
    ggdm_tiny_unit_init(&u, &tiny.arena, of, FIRST, 1);
    ggdm_tiny_unit_add(&u, -1, STEPS, s[0], 0);
    run(&u, e, &whole);
    ggdm_record want = read_record(&whole, 0, FIRST);
    for (int i = 0; i < CHAINS; i++) {
        ggdm_record got = read_record(all, i, FIRST);
        for (int32_t p = 0; p < 2; p++) {
            const float *a = point_of(&want, p), *b = point_of(&got, p);
            const int32_t k = strcmp(got.terms[0], "classifier") == 0 ? 2 : 5;
            assert_true(a[0] == b[0] && a[0] == 2 * (float)p && a[1] > 0 && a[1] == b[1]);
            assert_true(a[2] > 0 && memcmp(a + 2, b + k, 3 * sizeof *a) == 0);
        }
        ggdm_record_deinit(&got);
    }
    ggdm_record_deinit(&want);
    ggdm_tiny_run_deinit(&whole);
}

/* A tree in batches and with threads, its trajectories alone, and in pieces on two executors: the
 * same samples, whose records are a part of them. */
static void test_recorder_records_are_functions_of_their_trajectories(void **state)
{
    (void)state;
    for (int k = 0; k < SAMPLERS; k++) {
        ggdm_executor *e[2] = {create(16, 2, WISH, POINTS), create(3, 1, WISH, POINTS)};
        ggdm_tiny_unit u, one;
        ggdm_tiny_run all = {0}, single = {0}, got = {0};
        tree(&u, head(samplers[k]));
        run(&u, e[0], &all);
        assert_int_equal(all.n, CHAINS * IMAGES);
        for (int i = 0; i < CHAINS; i++)
            for (int image = FIRST; image < FIRST + IMAGES; image++) {
                const ggdm_sample *s = ggdm_tiny_sample(&all, i, image);
                chain(&one, head(samplers[k]), i, image);
                run(&one, e[1], &single);
                assert_int_equal(s->record_size > 0, image < WISH);
                assert_true(ggdm_tiny_same(ggdm_tiny_sample(&single, i, image), s));
                ggdm_tiny_run_deinit(&single);
            }
        assert_common_beginning(&all, head(samplers[k]), e[1]);
        ggdm_record r = read_record(&all, 1, FIRST);
        assert_int_equal(r.n_terms, 2); /* of three settings with two names */
        assert_int_equal(r.n_points, POINTS);
        ggdm_record_deinit(&r);
        assert_true(ggdm_tiny_run_in_pieces(e, &u.unit, 1, &got) > STEPS);
        ggdm_tiny_assert_same(&all, &got);
        ggdm_tiny_run_deinit(&got);
        ggdm_tiny_run_deinit(&all);
        ggdm_executor_destroy(&e[0]);
        ggdm_executor_destroy(&e[1]);
    }
}

static void test_recorder_changes_no_image(void **state)
{
    (void)state;
    static const int32_t wishes[][2] = {{0, 0}, {0, POINTS}, {IMAGES, 0}, {100, 100}};
    ggdm_tiny_unit u;
    ggdm_tiny_run want = {0}, got = {0};
    tree(&u, head("ddpm"));
    for (int i = 0; i < 4; i++) {
        ggdm_executor *e = create(16, 1, wishes[i][0], wishes[i][1]);
        run(&u, e, i == 0 ? &want : &got);
        for (int k = 0; i > 0 && k < got.n; k++) {
            ggdm_sample *s = &got.samples[k];
            assert_int_equal(s->record_size > 0, i == 3);
            free(s->record);
            s->record = NULL;
            s->record_size = 0;
        }
        if (i > 0)
            ggdm_tiny_assert_same(&want, &got);
        ggdm_tiny_run_deinit(&got);
        ggdm_executor_destroy(&e);
    }
    ggdm_tiny_run_deinit(&want);
}

/* ---- where it ends -------------------------------------------------------------------------- */

/* A weight that blows up at the second setting's first step, whether a point is there or not. */
static void test_recorder_ends_where_the_image_diverged(void **state)
{
    (void)state;
    for (int at = 4; at <= 6; at++) {
        ggdm_executor *e = create(4, 1, 2, POINTS);
        ggdm_tiny_unit u;
        ggdm_tiny_run r = {0};
        ggdm_tiny_unit_init(&u, &tiny.arena, head("ddpm"), 0, 2);
        ggdm_tiny_unit_add(&u, -1, at, guidance("{" TERM ", weight: 0.1}"), -1);
        ggdm_tiny_unit_add(&u, 0, STEPS, guidance("{" TERM ", weight: 1e38, norm: rms}"), 0);
        run(&u, e, &r);
        for (int image = 0; image < 2; image++) {
            ggdm_record record = read_record(&r, 0, image);
            const int32_t step = ggdm_tiny_sample(&r, 0, image)->diverged_step;
            const float *last = point_of(&record, record.n_points - 1);
            assert_true(step >= at);
            assert_true(record.diverged && last[0] == (float)step);
            assert_true(last[1] == 1 || last[3] > 0); /* x is far out, or it was this gradient */
            for (int32_t i = 0; i + 1 < record.n_points; i++)
                assert_true(point_of(&record, i)[0] == (float)(i * (STEPS - 1) / (POINTS - 1)));
            assert_true((record.n_points - 1) * (STEPS - 1) / (POINTS - 1) >= step);
            ggdm_record_deinit(&record);
        }
        ggdm_tiny_run_deinit(&r);
        ggdm_executor_destroy(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorder_measures_a_tick),
        cmocka_unit_test(test_recorder_notes_gradients_without_what_they_are_multiplied_by),
        cmocka_unit_test(test_recorder_tells_terms_apart),
        cmocka_unit_test(test_recorder_unguided_notes_what_is_clamped),
        cmocka_unit_test(test_recorder_is_small_whatever_there_is),
        cmocka_unit_test(test_recorder_records_are_functions_of_their_trajectories),
        cmocka_unit_test(test_recorder_changes_no_image),
        cmocka_unit_test(test_recorder_ends_where_the_image_diverged),
    };
    setenv("GGDM_LOG", "error", 1);
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
