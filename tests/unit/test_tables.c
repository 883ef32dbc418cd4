/* Accuracies as a person reads them at the end of a run. */
#include "coordinator/show/tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/paper_results.h"

static ggdm_error err;

/* What is printed of a table whose cell i has i right of ten; owned. */
static char *print(paper *p)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    for (int32_t i = 0; i < p->r.n_rows; i++)
        if (p->r.rows[i].n)
            paper_say(p, i, PAPER_JUDGE, i % (PAPER_N + 1), PAPER_N);
    ggdm_test_ok(ggdm_tables_print(f, &p->r, &err), &err);
    fclose(f);
    return text;
}

static void check(const char *text, const char *want)
{
    if (strcmp(text, want) != 0)
        ggdm_test_fail("printed:\n%s\nexpected:\n%s", text, want);
}

static void test_tables_have_the_layout_of_the_figure(void **state)
{
    (void)state;
    static const paper_axis axes[] = {
        {"kappa", "κ", GGDM_PARAM_REAL, false, {"0", "0.1", NULL}},
        {"duration", "t~", GGDM_PARAM_WINDOW, false, {"0", "500", "250+100", NULL}},
        {"target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}},
    };
    paper p;
    paper_open(&p, axes, 3);
    p.r.rows[4].n = 0;
    p.r.rows[5].cell.wanted = 20;
    char *text = print(&p);
    check(text, "\n  accuracy by the judge for target 3, % of n = 10 to 20 images (diverged ones "
                "count as wrong)\n"
                "    kappa \\ duration       0     500 250+100\n"
                "                   0     0.0    10.0    20.0\n"
                "                 0.1    30.0       -    50.0\n");
    free(text);
    paper_close(&p);
}

/* Behind them those of metrics, of the cells that have them. */
static void test_tables_of_metrics_follow(void **state)
{
    (void)state;
    static const paper_axis axes[] = {
        {"kappa", "κ", GGDM_PARAM_REAL, false, {"0", "0.1", "1", NULL}},
        {"target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}},
    };
    ggdm_metric metric = {.name = "vendi", .metric = "vendi", .settings = "pixels"};
    ggdm_metric_value values[] = {
        {1.5, 1, 2, 9, ""}, {2.25, 2, 3, 10, ""}, {(double)NAN, 0, 0, 0, ""}};
    strcpy(values[0].note, "of too few images");
    paper p;
    paper_open(&p, axes, 2);
    p.r.metrics = &metric;
    p.r.n_metrics = 1;
    for (int i = 0; i < 3; i++)
        p.r.rows[i].metrics = &values[i];
    char *text = print(&p);
    check(text,
          "\n  accuracy by the judge for target 3, % of n = 10 images (diverged ones count as "
          "wrong)\n"
          "         kappa       0     0.1       1\n"
          "                   0.0    10.0    20.0\n"
          "\n  vendi by pixels for target 3, n = 9 to 10 images (diverged ones left out)\n"
          "         kappa       0     0.1\n"
          "                 1.500   2.250\n"
          "    (1 of 2: of too few images)\n");
    free(text);
    strcpy(values[1].note, "of other images");
    text = print(&p);
    assert_non_null(strstr(text, "    (2 of 2, such as: of too few images)\n"));
    free(text);
    paper_close(&p);
}

/* As many digits as the narrowest interval is worth. */
static void test_tables_show_small_numbers_beside_large_ones(void **state)
{
    (void)state;
    static const paper_axis axes[] = {
        {"kappa", "κ", GGDM_PARAM_REAL, false, {"0", "0.1", "1", NULL}},
        {"target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}},
    };
    ggdm_metric metric = {.name = "kid", .metric = "kid", .settings = "pixels"};
    ggdm_metric_value values[] = {{2.4272, 2.1, 2.75, 10, ""},
                                  {0.001514, -0.0018, 0.0048, 10, ""},
                                  {0.07203, 0.0247, 0.119, 10, ""}};
    paper p;
    paper_open(&p, axes, 2);
    p.r.metrics = &metric;
    p.r.n_metrics = 1;
    for (int i = 0; i < 3; i++)
        p.r.rows[i].metrics = &values[i];
    char *text = print(&p);
    assert_non_null(strstr(text, "                2.4272  0.0015  0.0720\n"));
    free(text);
    paper_close(&p);
}

/* One for each combination of what is aimed at and of what else varies. */
static void test_tables_are_one_for_each_combination(void **state)
{
    (void)state;
    static const paper_axis axes[] = {
        {"target", "target", GGDM_PARAM_CLASS, true, {"", "7", "3", NULL}},
        {"model", "model", GGDM_PARAM_MODEL, false, {"small", "large", NULL}},
        {"kappa", "κ", GGDM_PARAM_REAL, false, {"0", "1", "2", NULL}},
        {"eta", "eta", GGDM_PARAM_REAL, false, {"0", "0.5", "1", NULL}},
    };
    static const char *const headings[] = {"for target 3, model small", "for target 3, model large",
                                           "for target 7, model small",
                                           "for target 7, model large"};
    paper p;
    paper_open(&p, axes, 4);
    char *text = print(&p);
    const char *at = text;
    for (size_t i = 0; i < sizeof headings / sizeof *headings; i++) {
        at = strstr(at, "accuracy by the judge ");
        assert_non_null(at);
        at += strlen("accuracy by the judge ");
        assert_memory_equal(at, headings[i], strlen(headings[i]));
        assert_non_null(strstr(at, "    kappa \\ eta"));
    }
    assert_null(strstr(at, "accuracy")); /* cells that aim at nothing have none */
    free(text);
    paper_close(&p);
}

/* A cell that is there again with more images. */
static void test_tables_show_of_equal_places_the_one_with_most_images(void **state)
{
    (void)state;
    static const paper_axis axes[] = {
        {"target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}},
        {"kappa", "κ", GGDM_PARAM_REAL, false, {"0", "1", "1", NULL}},
    };
    paper p;
    paper_open(&p, axes, 2);
    p.r.rows[1].n = 6;
    char *text = print(&p);
    assert_non_null(strstr(text, "     0.0    20.0\n"));
    free(text);
    p.r.rows[1].n = PAPER_N;
    p.r.rows[2].n = 6;
    text = print(&p);
    assert_non_null(strstr(text, "     0.0    10.0\n"));
    free(text);
    paper_close(&p);
}

static void test_tables_without_parameters_that_vary_are_one_figure(void **state)
{
    (void)state;
    static const paper_axis axis = {"target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}};
    paper p;
    paper_open(&p, &axis, 1);
    char *text = print(&p);
    assert_non_null(strstr(text, "accuracy by the judge for target 3, % of n = 10 images"));
    assert_non_null(strstr(text, " 0.0\n"));
    free(text);
    paper_close(&p);
}

/* Where cells aim at nothing: what was measured, unless it is 0 everywhere. */
static void test_tables_without_an_aim_are_of_means(void **state)
{
    (void)state;
    static const paper_axis axes[] = {
        {"kappa", "κ", GGDM_PARAM_REAL, false, {"0", "0.1", NULL}},
    };
    paper p;
    paper_open(&p, axes, 1);
    char *text = print(&p);
    assert_null(strstr(text, "mean"));
    free(text);
    for (int i = 0; i < 2; i++) {
        ggdm_measured *m = &p.r.rows[i].measured[PAPER_SATURATION];
        p.r.rows[i].aim = -1;
        m->n_mean = 9 + i;
        m->mean = 0.125 * i;
    }
    text = print(&p);
    check(text, "\n  mean saturation, n = 9 to 10 images (diverged ones left out)\n"
                "         kappa       0     0.1\n"
                "                0.0000  0.1250\n");
    free(text);
    p.r.rows[1].measured[PAPER_SATURATION].mean = 0;
    text = print(&p);
    check(text, "");
    free(text);
    paper_close(&p);
}

/* An axis goes down the page where it is too long to go across, and is cut where both are. */
static void test_tables_go_down_or_are_cut_where_they_are_too_large(void **state)
{
    (void)state;
    static const paper_axis axes[] = {
        {"guidance.a.target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}},
        {"kappa",
         "κ",
         GGDM_PARAM_REAL,
         false,
         {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", NULL}},
        {"seed", "seed", GGDM_PARAM_WHOLE, false, {"0", "1", NULL}},
    };
    paper p;
    paper_open(&p, axes, 2);
    char *text = print(&p);
    assert_non_null(strstr(text, " for target 3, "));
    assert_non_null(strstr(text, "         kappa        \n             0     0.0\n"));
    assert_non_null(strstr(text, "            10   100.0\n            11     0.0\n"));
    assert_null(strstr(text, "not all cells"));
    free(text);
    paper_close(&p);
    paper_open(&p, axes, 3);
    text = print(&p);
    assert_non_null(strstr(text, "    kappa \\ seed       0       1\n"));
    assert_non_null(strstr(text, "\n              11     0.0    10.0\n"));
    assert_null(strstr(text, "not all cells"));
    free(text);
    paper_close(&p);
    paper_axis both[] = {axes[0], axes[1], axes[1]};
    both[2].name = "eta";
    paper_open(&p, both, 3);
    text = print(&p);
    assert_non_null(strstr(text, "      10\n"));
    assert_non_null(strstr(text, "    (not all cells fit here: see summary.csv)\n"));
    free(text);
    paper_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_have_the_layout_of_the_figure),
        cmocka_unit_test(test_tables_of_metrics_follow),
        cmocka_unit_test(test_tables_show_small_numbers_beside_large_ones),
        cmocka_unit_test(test_tables_are_one_for_each_combination),
        cmocka_unit_test(test_tables_show_of_equal_places_the_one_with_most_images),
        cmocka_unit_test(test_tables_without_an_aim_are_of_means),
        cmocka_unit_test(test_tables_without_parameters_that_vary_are_one_figure),
        cmocka_unit_test(test_tables_go_down_or_are_cut_where_they_are_too_large),
    };
    return ggdm_test_main(tests);
}
