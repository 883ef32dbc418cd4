/* What is shown of an image's way: where it stands in the strip, what the table says. */
#include "coordinator/run/way.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/ggdm_test.h"

enum { SIDE = 8, N = SIDE * SIDE * 3, STEPS = 5, TILE = 56, COLUMN = TILE + 4, EDGE = 60 };

/* A tick of a chain of `steps` whose x is `x` everywhere, and x0-hat `x0`. */
typedef struct tick {
    ggdm_tick_view view;
    float x[N], x0[N], eps[N], gradient[N];
} tick;

static const ggdm_tick_view *tick_at(tick *t, int32_t channels, int32_t step, int32_t steps,
                                     float x, float x0)
{
    for (int i = 0; i < N; i++) {
        t->x[i] = x;
        t->x0[i] = x0;
        t->eps[i] = 1;
        t->gradient[i] = 2;
    }
    t->view = (ggdm_tick_view){.step = step,
                               .steps = steps,
                               .t = 10 * (steps - 1 - step),
                               .shape = {SIDE, SIDE, channels},
                               .elements = (int64_t)SIDE * SIDE * channels,
                               .x = t->x,
                               .x0 = t->x0,
                               .eps = t->eps};
    return &t->view;
}

/* A finished image of this grey. */
static ggdm_sample sample_of(int32_t channels, uint8_t grey)
{
    uint8_t pixels[N];
    ggdm_sample s = {.media = GGDM_MEDIA_PNG};
    size_t size;
    ggdm_error err;
    memset(pixels, grey, sizeof pixels);
    ggdm_test_ok(ggdm_png_encode(pixels, SIDE, SIDE, channels, &s.data, &size, &err), &err);
    s.size = (uint32_t)size;
    return s;
}

static ggdm_pixels decode(const ggdm_way_files *f)
{
    ggdm_pixels p;
    ggdm_error err;
    ggdm_test_ok(ggdm_png_decode(f->strip, f->strip_size, GGDM_PNG_MAX_SIDE, &p, &err), &err);
    assert_int_equal(p.channels, 3);
    return p;
}

/* The middle of a tile, of the first block. */
static int middle(const ggdm_pixels *p, int column, int row)
{
    const int x = EDGE + column * COLUMN + COLUMN / 2, y = 12 + row * COLUMN + COLUMN / 2;
    return p->data[(y * p->width + x) * 3];
}

static void finish(ggdm_way *way, int32_t channels, ggdm_way_files *files)
{
    ggdm_sample s = sample_of(channels, 77);
    ggdm_error err;
    ggdm_test_ok(ggdm_way_finish(way, &s, files, &err), &err);
    ggdm_sample_deinit(&s);
}

static void check_strip(int32_t channels)
{
    ggdm_way way = {.every = 3};
    ggdm_way_files f;
    tick t;
    for (int step = 0; step < STEPS; step++)
        ggdm_way_watch(&way, tick_at(&t, channels, step, STEPS, -1 + 0.4F * (float)step, 1.5F));
    finish(&way, channels, &f);
    ggdm_pixels p = decode(&f);
    /* Steps 0, 3, the last, and the image. */
    assert_int_equal(p.width, EDGE + 4 * COLUMN);
    assert_int_equal(p.height, 12 + 2 * COLUMN);
    assert_int_equal(middle(&p, 0, 0), 0);
    assert_int_equal(middle(&p, 1, 0), 153); /* 127.5 (0.2 + 1) */
    assert_int_equal(middle(&p, 2, 0), 204);
    assert_int_equal(middle(&p, 3, 0), 77);
    for (int column = 0; column < 3; column++)
        assert_int_equal(middle(&p, column, 1), 255);
    assert_null(f.gif);
    ggdm_pixels_deinit(&p);
    ggdm_way_files_deinit(&f);
}

static void test_strip_has_x_above_x0_of_every_so_many_steps(void **state)
{
    (void)state;
    check_strip(1);
    check_strip(3);
}

static void test_strip_shows_what_a_step_begins_with_and_grey_behind_divergence(void **state)
{
    (void)state;
    ggdm_way way = {.every = 1};
    ggdm_way_files f;
    tick t;
    ggdm_way_watch(&way, tick_at(&t, 1, 0, STEPS, -1, -1));
    tick_at(&t, 1, 0, STEPS, 1, 1);
    t.view.tick = t.view.repeat = 1;
    ggdm_way_watch(&way, &t.view);
    finish(&way, 1, &f);
    ggdm_pixels p = decode(&f);
    assert_int_equal(middle(&p, 0, 0), 0);
    for (int column = 1; column < STEPS; column++)
        assert_int_equal(middle(&p, column, 0), 208);
    ggdm_pixels_deinit(&p);
    ggdm_way_files_deinit(&f);
}

static void test_strip_of_many_columns_goes_on_below(void **state)
{
    (void)state;
    enum { MANY = 100, ACROSS = (1600 - EDGE) / COLUMN };
    ggdm_way way = {.every = 1};
    ggdm_way_files f;
    tick t;
    for (int step = 0; step < MANY; step++)
        ggdm_way_watch(&way, tick_at(&t, 1, step, MANY, step == ACROSS ? 1 : -1, 0));
    finish(&way, 1, &f);
    ggdm_pixels p = decode(&f);
    const int blocks = (MANY + 1 + ACROSS - 1) / ACROSS, block = 12 + 2 * COLUMN + 8;
    assert_int_equal(p.width, EDGE + ACROSS * COLUMN);
    assert_int_equal(p.height, blocks * block - 8);
    assert_int_equal(p.data[((block + 12 + COLUMN / 2) * p.width + EDGE + COLUMN / 2) * 3], 255);
    ggdm_pixels_deinit(&p);
    ggdm_way_files_deinit(&f);
}

static void test_strip_of_too_many_columns_fails_at_the_end(void **state)
{
    (void)state;
    ggdm_way way = {.every = 1};
    ggdm_way_files f;
    ggdm_sample s = sample_of(1, 0);
    ggdm_error err;
    tick t;
    for (int step = 0; step < 3; step++)
        ggdm_way_watch(&way, tick_at(&t, 1, step, GGDM_MAX_STEPS, 0, 0));
    ggdm_test_error(ggdm_way_finish(&way, &s, &f, &err), &err, GGDM_EINVAL,
                    "a column every 1 of 100000 steps are 100001 columns");
    ggdm_way_files_deinit(&f);
    ggdm_sample_deinit(&s);
}

static void test_strip_of_nobody_says_has_some_ten_columns(void **state)
{
    (void)state;
    ggdm_way way = {.animated = true};
    ggdm_way_files f;
    tick t;
    for (int step = 0; step < 1000; step += 50)
        ggdm_way_watch(&way, tick_at(&t, 1, step, 1000, 0, 0));
    finish(&way, 1, &f);
    ggdm_pixels p = decode(&f);
    assert_int_equal(p.width, EDGE + 12 * COLUMN); /* 0, 100, ... 900, 999, the image */
    assert_true(f.gif_size > 6 && memcmp(f.gif, "GIF89a", 6) == 0);
    ggdm_pixels_deinit(&p);
    ggdm_way_files_deinit(&f);
}

static void add_term(tick *t, const char *name, float loss, const float *gradient)
{
    t->view.terms[t->view.n_terms++] =
        (ggdm_tick_term){.name = name, .loss = loss, .gradient = gradient, .factor = 1};
}

static void test_table_has_columns_of_all_terms(void **state)
{
    (void)state;
    ggdm_way way = {.every = 1};
    ggdm_way_files f;
    tick t;
    tick_at(&t, 1, 0, 2, 0, 2);
    add_term(&t, "classifier", 0.1F, t.gradient);
    ggdm_way_watch(&way, &t.view);
    tick_at(&t, 1, 1, 2, 0, 0.5F);
    add_term(&t, "tv", 3, NULL);
    ggdm_way_watch(&way, &t.view);
    t.view.evaluation = t.view.tick = 1; /* is no line */
    ggdm_way_watch(&way, &t.view);
    finish(&way, 1, &f);
    /* 64 values of 2: their length is 16; along eps. */
    assert_string_equal(f.csv, "step,t,clamped,loss.classifier,norm.classifier,cosine.classifier,"
                               "loss.tv,norm.tv,cosine.tv\n"
                               "0,10,1,0.100000001,16,1,,,\n"
                               "1,0,0,,,,3,,\n");
    assert_int_equal(f.csv_size, strlen(f.csv));
    ggdm_way_files_deinit(&f);
}

static void test_table_has_a_line_for_each_repeat(void **state)
{
    (void)state;
    ggdm_way way = {.every = 1};
    ggdm_way_files f;
    tick t;
    ggdm_way_watch(&way, tick_at(&t, 1, 0, 1, 0, 0));
    t.view.repeat = t.view.tick = 1;
    ggdm_way_watch(&way, &t.view);
    finish(&way, 1, &f);
    assert_string_equal(f.csv, "step,t,repeat,clamped\n0,0,0,0\n0,0,1,0\n");
    ggdm_way_files_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strip_has_x_above_x0_of_every_so_many_steps),
        cmocka_unit_test(test_strip_shows_what_a_step_begins_with_and_grey_behind_divergence),
        cmocka_unit_test(test_strip_of_many_columns_goes_on_below),
        cmocka_unit_test(test_strip_of_too_many_columns_fails_at_the_end),
        cmocka_unit_test(test_strip_of_nobody_says_has_some_ten_columns),
        cmocka_unit_test(test_table_has_columns_of_all_terms),
        cmocka_unit_test(test_table_has_a_line_for_each_repeat),
    };
    return ggdm_test_main(tests);
}
