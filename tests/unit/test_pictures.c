/* Pictures as inputs of programs: what they share, what is refused, what a batch makes of them. */
#include <stdio.h>
#include <string.h>

#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_methods.h"
#include "worker/model_rows.h"
#include "worker/programs.h"

enum { PIXELS = 64, BATCH = 4 };
static const ggdm_image_shape grey = {8, 8, 1}, rgb = {8, 8, 3};

typedef struct world {
    ggdm_tiny_methods m;
    ggdm_programs *programs;
} world;

static int setup(void **state)
{
    static world w;
    ggdm_tiny_methods_open(&w.m);
    w.programs = ggdm_tiny_programs(&w.m.models, BATCH);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    ggdm_programs_destroy(&w->programs);
    ggdm_tiny_methods_close(&w->m);
    return 0;
}

static const ggdm_item *scorer(world *w, const char *rows)
{
    char yaml[200];
    snprintf(yaml, sizeof yaml, "{kind: loss, of: {kind: l2, form: squared, %s}}", rows);
    return ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_SCORER, yaml);
}

static int32_t number_of(world *w, const char *rows)
{
    int32_t number;
    ggdm_error err;
    ggdm_test_ok(ggdm_programs_score(w->programs, scorer(w, rows), grey, &number, &err), &err);
    return number;
}

static void test_pictures_of_one_shape_share_a_program(void **state)
{
    const int32_t p = number_of(*state, "image: P");
    assert_int_equal(number_of(*state, "image: Q"), p);
    assert_int_not_equal(number_of(*state, "image: S"), p);
    assert_int_not_equal(number_of(*state, "image: P, mask: M"), p);
    assert_int_equal(number_of(*state, "image: P, mask: M"),
                     number_of(*state, "image: Q, mask: N"));
}

/* Losses of n images that are 0 but for a pixel, each with rows of its own. */
static void scores_of(world *w, const char *const *rows, int n, float *out)
{
    const ggdm_program *p;
    ggdm_values values;
    ggdm_error err;
    ggdm_test_ok(ggdm_programs_get(w->programs, number_of(w, rows[0]), n, &p, &err), &err);
    memset(p->x, 0, sizeof *p->x * (size_t)(n * PIXELS));
    for (int i = 0; i < n; i++) {
        p->x[i * PIXELS + 5] = 0.5f;
        ggdm_test_ok(ggdm_values_of(&w->m.arena, scorer(w, rows[i]), &values, &err), &err);
        ggdm_program_fill(p, i, NULL, NULL, &values);
    }
    ggdm_graph_run(p->graph);
    memcpy(out, p->score, (size_t)n * sizeof *out);
}

static void test_pictures_are_each_images_own(void **state)
{
    static const char *const rows[] = {"image: P, mask: M", "image: Q, mask: N",
                                       "image: Q, mask: M", "image: P, mask: M"};
    float together[BATCH], alone;
    scores_of(*state, rows, BATCH, together);
    for (int i = 0; i < BATCH; i++) {
        scores_of(*state, &rows[i], 1, &alone);
        ggdm_test_same_bits(rows[i], &alone, &together[i], 1, 1);
    }
    assert_true(together[0] != together[1] && together[1] != together[2] &&
                together[0] == together[3]);
}

/* One channel of a picture stands for all three of an image. */
static void test_pictures_may_be_grey_for_images_in_colour(void **state)
{
    world *w = *state;
    const ggdm_item *item = scorer(w, "image: P");
    const uint8_t *y = ggdm_tiny_picture(&w->m, 'P')->data;
    const ggdm_program *p;
    ggdm_values values;
    int32_t number;
    ggdm_error err;
    ggdm_test_ok(ggdm_programs_score(w->programs, item, rgb, &number, &err), &err);
    ggdm_test_ok(ggdm_programs_get(w->programs, number, 1, &p, &err), &err);
    ggdm_test_ok(ggdm_values_of(&w->m.arena, item, &values, &err), &err);
    ggdm_program_fill(p, 0, NULL, NULL, &values);
    for (int i = 0; i < 3 * PIXELS; i++)
        p->x[i] = (float)y[i / 3] / 127.5f - 1.0f;
    ggdm_graph_run(p->graph);
    assert_true(p->score[0] == 0);
}

static void refuse_score(world *w, const char *rows, const char *message)
{
    const ggdm_program *p;
    int32_t number;
    ggdm_error err;
    ggdm_test_ok(ggdm_programs_score(w->programs, scorer(w, rows), grey, &number, &err), &err);
    ggdm_test_error(ggdm_programs_get(w->programs, number, 1, &p, &err), &err, GGDM_ESHAPE,
                    message);
}

static void test_pictures_of_another_shape_are_refused(void **state)
{
    refuse_score(*state, "image: S", "is 4x4x1, expected 8x8x1");
    refuse_score(*state, "image: C", "is 8x8x3, expected 8x8x1");
    refuse_score(*state, "image: P, mask: T", "is 4x4x1, expected 8x8x1");
    refuse_score(*state, "image: P, downsample: 2", "is 8x8x1, expected 4x4x1");
    refuse_score(*state, "image: P, downsample: 3",
                 "value '3' for images of 8x8, expected a divisor of their sides");
}

/* A text that names a picture which the run does not have. */
static void test_pictures_that_are_not_there_are_refused(void **state)
{
    world *w = *state;
    ggdm_item *item = (ggdm_item *)scorer(w, "image: P");
    ggdm_scalar *image = &ggdm_item_value(ggdm_item_child(item, "of"), "image")->scalar;
    int32_t number;
    ggdm_error err;
    ggdm_test_ok(ggdm_model_rows_check(&w->m.models, NULL, item, &err), &err);
    image->text = "no digest";
    ggdm_test_error(ggdm_model_rows_check(&w->m.models, NULL, item, &err), &err, GGDM_EINVAL,
                    "of.image: picture no digest is none of this run");
    ggdm_test_error(ggdm_programs_score(w->programs, item, grey, &number, &err), &err, GGDM_EINVAL,
                    "there is no picture no digest");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures_of_one_shape_share_a_program),
        cmocka_unit_test(test_pictures_are_each_images_own),
        cmocka_unit_test(test_pictures_may_be_grey_for_images_in_colour),
        cmocka_unit_test(test_pictures_of_another_shape_are_refused),
        cmocka_unit_test(test_pictures_that_are_not_there_are_refused),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
