/* The expressions of --cell: what they choose, and where they complain. */
#include "tests/support/ggdm_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/cell_select.h"

enum { N_CELLS = 27 };
static ggdm_error err;

enum { KAPPA, DURATION, TARGET, MODEL, FLAG, N_COLUMNS };
static const ggdm_store_column columns[N_COLUMNS] = {
    [KAPPA] = {"kappa", "guidance.weight", "k", GGDM_PARAM_REAL, true, false},
    [DURATION] = {"duration", "guidance.window", "t~", GGDM_PARAM_WINDOW, true, false},
    [TARGET] = {"target", "guidance.loss.target", "target", GGDM_PARAM_CLASS, true, true},
    [MODEL] = {"model", "model", "model", GGDM_PARAM_MODEL, true, false},
    [FLAG] = {"clip_x0", "sampler.clip_x0", "clip_x0", GGDM_PARAM_FLAG, false, false}};

static const ggdm_store_value none = {NAN, ""};

/* kappa {0, 0.1, 1} x duration {0, 500, 1000} x target {none, 3, 7}, target fastest; the model goes
 * with kappa. */
static ggdm_store_value value_of(int cell, int column)
{
    static const ggdm_store_value kappas[] = {{0, "0"}, {0.1, "0.1"}, {1, "1"}};
    static const ggdm_store_value durations[] = {{0, "0"}, {500, "500"}, {1000, "1000"}};
    static const ggdm_store_value targets[] = {{NAN, ""}, {3, "3"}, {7, "7"}};
    static const ggdm_store_value models[] = {{NAN, "mnist-ddpm"}, {NAN, "a, b"}, {NAN, "it's"}};
    return column == KAPPA      ? kappas[cell / 9]
           : column == DURATION ? durations[cell / 3 % 3]
           : column == TARGET   ? targets[cell % 3]
           : column == MODEL    ? models[cell / 9]
                                : (ggdm_store_value){NAN, "true"};
}

static ggdm_status parse(const char *text, ggdm_cell_select *select)
{
    return ggdm_cell_select_parse(text, columns, N_COLUMNS, N_CELLS, select, &err);
}

static bool has(const ggdm_cell_select *select, int cell)
{
    ggdm_store_value values[GGDM_CELL_SELECT_TERMS];
    for (int i = 0; i < select->n_conditions; i++)
        values[i] = value_of(cell, select->conditions[i].column);
    return ggdm_cell_select_has(select, cell, values);
}

/* The cells chosen, as their indices in a text: "3 4 5 ". */
static const char *chosen(const char *text)
{
    static char list[200];
    ggdm_cell_select select;
    list[0] = '\0';
    ggdm_test_ok(parse(text, &select), &err);
    for (int i = 0; i < N_CELLS; i++)
        if (has(&select, i))
            snprintf(list + strlen(list), sizeof list - strlen(list), "%d ", i);
    ggdm_cell_select_deinit(&select);
    return list;
}

static void test_cell_select_chooses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *cells;
    } cases[] = {
        {"7", "7 "},
        {"c0007", "7 "},
        {" c7 ", "7 "},
        {"3-5", "3 4 5 "},
        {"c0003 - c0005", "3 4 5 "},
        {"26,0,3-4,3", "0 3 4 26 "},
        {"kappa=0.1,duration=500", "12 13 14 "},
        {"kappa>=0.1,duration<500,target=3", "10 19 "},
        {"kappa!=0,kappa!=1,target=''", "9 12 15 "},
        {"kappa=0,duration=0,target!=3", "0 2 "},
        {"kappa=0,duration=0,target<9", "1 2 "},
        {"guidance.weight=1,guidance.loss.target=7", "20 23 26 "},
        {"model=mnist-ddpm,duration=0", "0 1 2 "},
        {"model = 'a, b' , duration=0", "9 10 11 "},
        {"model='it''s',duration=0", "18 19 20 "},
        {"model=it's ,duration=0", "18 19 20 "},
        {"model!=\"it's\",duration=0,target=3", "1 10 "},
        {"clip_x0=true,7", "7 "},
        {"clip_x0=false", ""},
        {"kappa > 1e-1 , duration <= 0", "18 19 20 "},
        {"0-20,kappa=1", "18 19 20 "},
        {"kappa=1,5", ""},
        {"kappa=0.10000000000000001", "9 10 11 12 13 14 15 16 17 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (strcmp(chosen(cases[i].text), cases[i].cells) != 0)
            ggdm_test_fail("'%s' gives %s, expected %s", cases[i].text, chosen(cases[i].text),
                           cases[i].cells);
}

/* A window is written as it is printed: start+length. */
static void test_cell_select_window_is_start_and_length(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool has[4]; /* of cells with the windows 10, 5+10, 5+20, none */
    } cases[] = {{"duration=5+10", {false, true, false, false}},
                 {"duration = 5 + 10", {false, true, false, false}},
                 {"duration=0+10", {true, false, false, false}},
                 {"duration!=5+10", {true, false, true, true}},
                 {"duration=10", {true, false, false, false}},
                 {"duration!=10", {false, true, true, true}},
                 {"duration>=10", {true, false, false, false}},
                 {"duration<10", {false, false, false, false}},
                 {"duration='5+20'", {false, false, true, false}},
                 {"duration=0.5+10", {false, false, false, false}}};
    const ggdm_store_value windows[4] = {{10, "10"}, {NAN, "5+10"}, {NAN, "5+20"}, none};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ggdm_cell_select select;
        ggdm_test_ok(parse(cases[i].text, &select), &err);
        for (int k = 0; k < 4; k++)
            if (ggdm_cell_select_has(&select, k, &windows[k]) != cases[i].has[k])
                ggdm_test_fail("'%s': window '%s', expected %d", cases[i].text, windows[k].text,
                               cases[i].has[k]);
        ggdm_cell_select_deinit(&select);
    }
}

static void test_cell_select_errors_have_a_position(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "column 1: it ends here, expected a cell"},
        {"kappa", "column 6: it ends here, expected ="},
        {"kappa>>1", "column 7: found '>1', expected a number"},
        {"kappa=0.1,", "column 11: it ends here"},
        {"kappa=nan", "column 7: found 'nan', expected a number"},
        {"kappa=1 duration=2", "column 9: found 'duration=2', expected ','"},
        {"kapa=1", "column 1: found 'kapa', did you mean 'kappa'?"},
        {"3,durations=1", "column 3: found 'durations', did you mean 'duration'?"},
        {"colour=1",
         "column 1: found 'colour=1', expected a cell (7 or c0007), a range (3-9), or a "
         "condition on one of kappa, duration, target, model, clip_x0"},
        {"guidance.wieght=1", "did you mean 'guidance.weight'?"},
        {"model<b", "column 6: found '<b', expected = or != (it is a text)"},
        {"model=", "column 7: it ends here, expected a text"},
        {"model='a", "column 7: found ''a', expected a text with a quote at its end"},
        {"model='a' b", "column 11: found 'b', expected ','"},
        {"27", "column 1: cell '27', expected 0 to 26"},
        {"1,99999999999999999999999", "column 3: cell '9999"},
        {"5-3", "column 1: found '5-3', expected a range from a lower to a higher cell"},
        {"5-", "column 3: it ends here, expected a cell"},
        {"-3", "column 1: found '-3'"},
        {"c", "column 1: found 'c', expected a cell (7 or c0007)"},
        {"cell7", "column 1: found 'cell7'"},
        {"c7x", "column 3: found 'x', expected ','"},
        {"duration=5+", "column 12: it ends here, expected a number"},
        {"duration>=5+10", "column 11: found '5+10', expected a number behind <"},
        {"kappa=1+2", "column 8: found '+2', expected ','"},
    };
    ggdm_cell_select select;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ggdm_test_error(parse(cases[i].text, &select), &err, GGDM_EINVAL, cases[i].part);
        ggdm_cell_select_deinit(&select);
    }
}

static void test_cell_select_too_many_terms_is_an_error(void **state)
{
    (void)state;
    char text[4 * GGDM_CELL_SELECT_TERMS];
    ggdm_cell_select select;
    text[0] = '\0';
    for (int i = 0; i < GGDM_CELL_SELECT_TERMS; i++)
        strcat(text, i ? ",1" : "1");
    ggdm_test_ok(parse(text, &select), &err);
    strcat(text, ",1");
    ggdm_test_error(parse(text, &select), &err, GGDM_EINVAL, "more than 256 terms");
}

static void test_cell_select_fuzz_gives_clean_statuses(void **state)
{
    (void)state;
    static const char *const pieces[] = {"kappa", "duration", "target", "c",     "c0007", "-",
                                         "+",     "=",        "<=",     ">",     "!=",    ",",
                                         "0.1",   "3",        " ",      "1e999", "nan",   "\xff",
                                         "%s",    "model",    "'",      "\""};
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "cell select", 0));
    int accepted = 0;
    for (int i = 0; i < 20000; i++) {
        char text[200] = "";
        for (int64_t k = ggdm_test_below(&rng, 9); k >= 0; k--)
            strcat(text, pieces[ggdm_test_below(&rng, sizeof pieces / sizeof *pieces)]);
        char *exact = strdup(text); /* ASAN sees one byte too far */
        ggdm_cell_select select;
        ggdm_status st = parse(exact, &select);
        if (st != GGDM_OK && !(st == GGDM_EINVAL && err.code == st && err.msg[0]))
            ggdm_test_fail("status %d for '%s'", (int)st, exact);
        for (int c = 0; st == GGDM_OK && c < N_CELLS; c++)
            has(&select, c);
        ggdm_cell_select_deinit(&select);
        accepted += st == GGDM_OK;
        free(exact);
    }
    assert_true(accepted > 100 && accepted < 19900); /* both sides are exercised */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cell_select_chooses),
        cmocka_unit_test(test_cell_select_window_is_start_and_length),
        cmocka_unit_test(test_cell_select_errors_have_a_position),
        cmocka_unit_test(test_cell_select_too_many_terms_is_an_error),
        cmocka_unit_test(test_cell_select_fuzz_gives_clean_statuses),
    };
    return ggdm_test_main(tests);
}
