/* What varies, with which values, and how that is laid out. */
#include "jobs/axes.h"

#include <string.h>

#include "tests/support/paper_results.h"

static ggdm_error err;

static const char *name_of(const ggdm_axes *a, int32_t axis)
{
    return axis < 0 ? "-" : a->axes[axis].column->name;
}

#define KAPPA                                                                                      \
    {                                                                                              \
        "kappa", "κ", GGDM_PARAM_REAL, false,                                                      \
        {                                                                                          \
            "0", "0.1", "1", NULL                                                                  \
        }                                                                                          \
    }
#define DURATION                                                                                   \
    {                                                                                              \
        "duration", "t~", GGDM_PARAM_WINDOW, false,                                                \
        {                                                                                          \
            "0", "20", "40", "60", NULL                                                            \
        }                                                                                          \
    }
#define TARGET                                                                                     \
    {                                                                                              \
        "target", "target", GGDM_PARAM_CLASS, true,                                                \
        {                                                                                          \
            "3", "7", NULL                                                                         \
        }                                                                                          \
    }
#define MODEL                                                                                      \
    {                                                                                              \
        "model", "model", GGDM_PARAM_MODEL, false,                                                 \
        {                                                                                          \
            "b", "a", "c", "d", "e", NULL                                                          \
        }                                                                                          \
    }

static void test_axes_are_laid_out_by_their_values(void **state)
{
    (void)state;
    static const struct {
        paper_axis axes[PAPER_AXES];
        int n;
        const char *x, *curve, *other, *aim;
    } cases[] = {
        {{KAPPA, DURATION}, 2, "duration", "kappa", "-", "-"},
        {{DURATION, KAPPA}, 2, "duration", "kappa", "-", "-"},
        {{KAPPA, DURATION, TARGET}, 3, "duration", "kappa", "-", "target"},
        {{KAPPA, DURATION, MODEL}, 3, "duration", "model", "kappa", "-"},
        {{MODEL}, 1, "model", "-", "-", "-"},
        {{TARGET}, 1, "target", "-", "-", "-"},
        {{TARGET, MODEL}, 2, "model", "-", "-", "target"},
        {{KAPPA, {"eta", "eta", GGDM_PARAM_REAL, false, {"0", "0.5", "1", NULL}}},
         2,
         "eta",
         "kappa",
         "-",
         "-"},
        {{{"kappa", "k", GGDM_PARAM_REAL, false, {"1", NULL}}}, 1, "-", "-", "-", "-"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        paper p;
        ggdm_axes a;
        paper_open(&p, cases[i].axes, cases[i].n);
        ggdm_test_ok(ggdm_axes_find(&p.r, &a, &err), &err);
        if (strcmp(name_of(&a, a.x), cases[i].x) != 0 ||
            strcmp(name_of(&a, a.curve), cases[i].curve) != 0 ||
            strcmp(name_of(&a, a.n_others ? a.others[0] : -1), cases[i].other) != 0 ||
            strcmp(name_of(&a, a.aim), cases[i].aim) != 0)
            ggdm_test_fail("case %zu: x %s, curve %s, other %s, aim %s", i, name_of(&a, a.x),
                           name_of(&a, a.curve), name_of(&a, a.n_others ? a.others[0] : -1),
                           name_of(&a, a.aim));
        ggdm_axes_deinit(&a);
        paper_close(&p);
    }
}

/* Numbers in their order, however they come; then texts as they come; then what has none. */
static void test_axes_have_values_in_order(void **state)
{
    (void)state;
    static const paper_axis axis = {
        "duration", "t~", GGDM_PARAM_WINDOW, false, {"500", "20+5", "10", "", "10+5", "500", NULL}};
    static const char *const texts[] = {"10", "500", "20+5", "-", "10+5"};
    static const int32_t ranks[] = {1, 2, 0, 3, 4, 1};
    paper p;
    ggdm_axes a;
    paper_open(&p, &axis, 1);
    ggdm_test_ok(ggdm_axes_find(&p.r, &a, &err), &err);
    assert_int_equal(a.n, 1);
    assert_false(a.axes[0].numeric);
    assert_int_equal(a.axes[0].n, 5);
    for (int32_t i = 0; i < 5; i++)
        assert_string_equal(ggdm_axis_text(&a.axes[0], i), texts[i]);
    for (int i = 0; i < 6; i++)
        assert_int_equal(a.axes[0].rank[i], ranks[i]);
    ggdm_axes_deinit(&a);
    paper_close(&p);
}

/* Axes that are joined by `zip` are one: what follows from another is no dimension. */
static void test_axes_that_follow_from_another_are_left_out(void **state)
{
    (void)state;
    const paper_axis axes[] = {KAPPA, DURATION};
    paper p;
    ggdm_axes a;
    paper_open(&p, axes, 2);
    static const ggdm_store_value grows[] = {{0, "0"}, {0.1, "0.1"}, {1, "1"}, {1, "1"}};
    for (int32_t i = 0; i < p.r.n_rows; i++)
        p.r.values[3 * i] = grows[i % 4];
    ggdm_test_ok(ggdm_axes_find(&p.r, &a, &err), &err);
    assert_int_equal(a.n, 2);
    assert_string_equal(name_of(&a, a.x), "duration");
    assert_int_equal(a.curve, -1);
    assert_int_equal(a.n_others, 0);
    ggdm_axes_deinit(&a);
    paper_close(&p);
}

/* "use" and the weight of one of its members: the member's weight is no scale of them all. */
static void test_axes_of_texts_go_before_numbers_zipped_with_them(void **state)
{
    (void)state;
    static const paper_axis axes[] = {
        {"use", "guidance", GGDM_PARAM_TEXT, false, {"dps", "mpgd", "tfg", NULL}}, KAPPA};
    static const ggdm_store_value weights[] = {{0.1, "0.1"}, {1, "1"}, {1, "1"}};
    paper p;
    ggdm_axes a;
    paper_open(&p, axes, 2);
    for (int32_t i = 0; i < p.r.n_rows; i++)
        p.r.values[p.r.n_columns * i + 1] = weights[i / 3];
    ggdm_test_ok(ggdm_axes_find(&p.r, &a, &err), &err);
    assert_string_equal(name_of(&a, a.x), "use");
    assert_int_equal(a.curve, -1);
    assert_int_equal(a.n_others, 0);
    ggdm_axes_deinit(&a);
    paper_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_axes_are_laid_out_by_their_values),
        cmocka_unit_test(test_axes_have_values_in_order),
        cmocka_unit_test(test_axes_that_follow_from_another_are_left_out),
        cmocka_unit_test(test_axes_of_texts_go_before_numbers_zipped_with_them),
    };
    return ggdm_test_main(tests);
}
