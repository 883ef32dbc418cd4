/* Which cells are compared with which. */
#include "evaluate/partners.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/ggdm_test.h"

static ggdm_error err;

enum { MAX_ROWS = 12, MAX_COLUMNS = 3 };

/* A table by hand: columns by their names, a line of values for each cell, and its trajectory,
 * which is the key, too. */
typedef struct hand {
    ggdm_store_column columns[MAX_COLUMNS];
    int32_t varying[MAX_COLUMNS];
    ggdm_store_value values[MAX_ROWS * MAX_COLUMNS];
    ggdm_row rows[MAX_ROWS];
    char text[MAX_ROWS][64];
    ggdm_results r;
} hand;

/* "kappa steps" and lines "0.1 50 a": the last letter is the trajectory. */
static void fill(hand *h, const char *names, const char *const *lines)
{
    static char name[MAX_COLUMNS * 8][16];
    static int n_names;
    *h = (hand){
        .r = {.columns = h->columns, .varying = h->varying, .rows = h->rows, .values = h->values}};
    char words[MAX_COLUMNS][16];
    h->r.n_columns = sscanf(names, "%15s %15s %15s", words[0], words[1], words[2]);
    for (int32_t i = 0; i < h->r.n_columns; i++) {
        char *own = name[n_names++ % (MAX_COLUMNS * 8)];
        strcpy(own, words[i]);
        h->columns[i] = (ggdm_store_column){.name = own, .path = own};
    }
    for (; lines[h->r.n_rows]; h->r.n_rows++) {
        ggdm_row *row = &h->rows[h->r.n_rows];
        char *at = strcpy(h->text[h->r.n_rows], lines[h->r.n_rows]);
        for (int32_t i = 0; i < h->r.n_columns; i++) {
            ggdm_store_value *v = &h->values[h->r.n_rows * h->r.n_columns + i];
            v->text = strsep(&at, " ");
            h->columns[i].varies |= strcmp(v->text, h->values[i].text) != 0;
        }
        const char *letter = strsep(&at, " ");
        row->cell = (ggdm_store_cell){.index = h->r.n_rows, .trajectory = *letter, .wanted = 10};
        row->cell.key[0] = (uint8_t)*letter;
    }
    for (int32_t i = 0; i < h->r.n_columns; i++)
        if (h->columns[i].varies)
            h->varying[h->r.n_varying++] = i;
}

/* Pairs as "0-1 " or, by key, "0=1 "; then what is alone: "a2:none b3:several". */
static const char *matched(hand *a, hand *b)
{
    static const char *const why[] = {"", "none", "several", "again", "outside"};
    static char text[400];
    ggdm_partners p;
    size_t n = 0;
    text[0] = '\0';
    ggdm_test_ok(ggdm_partners_of_runs(&a->r, &b->r, &p, &err), &err);
    for (int32_t i = 0; i < p.n; i++)
        n += (size_t)sprintf(text + n, "%d%c%d ", p.pairs[i].a, p.pairs[i].by_key ? '=' : '-',
                             p.pairs[i].b);
    for (int side = 0; side < 2; side++)
        for (int32_t i = 0; i < (side ? b : a)->r.n_rows; i++) {
            const ggdm_alone alone = (side ? p.alone_b : p.alone_a)[i];
            if (alone != GGDM_ALONE_NOT)
                n += (size_t)sprintf(text + n, "%c%d:%s ", "ab"[side], i, why[alone]);
        }
    ggdm_partners_deinit(&p);
    return text;
}

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

static hand a, b;

/* Whatever their order, and whatever else is other in all cells of one. */
static void test_cells_of_equal_values_are_partners(void **state)
{
    (void)state;
    fill(&a, "kappa seed", LINES("0 1 a", "0.1 1 b", "1 1 c"));
    fill(&b, "seed kappa", LINES("2 1 d", "2 0 e", "2 3 f"));
    assert_string_equal(matched(&a, &b), "0-1 2-0 a1:none b2:none ");
}

/* A column that varies in one of them only has its one value in the other. */
static void test_a_fixed_value_chooses_its_cells(void **state)
{
    (void)state;
    fill(&a, "kappa steps", LINES("0 50 a", "0 100 b", "1 50 c", "1 100 d"));
    fill(&b, "kappa steps", LINES("0 100 x", "1 100 y"));
    assert_string_equal(matched(&a, &b), "1-0 3-1 a0:none a2:none ");
}

/* One without a parameter is compared with all values of it; two such are not. */
static void test_one_cell_meets_several(void **state)
{
    (void)state;
    fill(&a, "kappa", LINES("0 a", "1 b"));
    fill(&b, "kappa eta", LINES("0 0 c", "0 1 d", "1 0 e"));
    assert_string_equal(matched(&a, &b), "0-0 0-1 1-2 ");
    fill(&a, "kappa steps", LINES("0 50 a", "0 100 b", "1 50 f"));
    assert_string_equal(matched(&a, &b), "2-2 a0:several a1:several b0:several b1:several ");
}

/* What its parameters do not say, keys may. */
static void test_cells_that_are_left_are_matched_by_key(void **state)
{
    (void)state;
    fill(&a, "kappa", LINES("0 a", "1 b", "2 c"));
    fill(&b, "weight", LINES("0 a", "1 d", "2 c"));
    assert_string_equal(matched(&a, &b), "0=0 2=2 a1:several b1:several ");
    fill(&a, "kappa", LINES("0 a", "1 b"));
    fill(&b, "kappa", LINES("0 c", "7 b", "8 b"));
    assert_string_equal(matched(&a, &b), "0-0 1=1 b2:none ");
}

/* A sweep that was added has some cells again, with more images. */
static void test_cells_that_are_there_again_count_once(void **state)
{
    (void)state;
    fill(&a, "kappa", LINES("0 a", "1 b", "0 a"));
    a.rows[2].cell.wanted = 20;
    fill(&b, "kappa", LINES("0 c", "1 d", "1 d"));
    assert_string_equal(matched(&a, &b), "1-1 2-0 a0:again b2:again ");
}

/* Unguided cells of several durations show the same images; each has its partner. */
static void test_equal_images_of_other_values_are_no_repetition(void **state)
{
    (void)state;
    fill(&a, "kappa duration", LINES("0 0 a", "0 500 a", "1 0 a", "1 500 b"));
    assert_string_equal(matched(&a, &a), "0-0 1-1 2-2 3-3 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells_of_equal_values_are_partners),
        cmocka_unit_test(test_a_fixed_value_chooses_its_cells),
        cmocka_unit_test(test_one_cell_meets_several),
        cmocka_unit_test(test_cells_that_are_left_are_matched_by_key),
        cmocka_unit_test(test_cells_that_are_there_again_count_once),
        cmocka_unit_test(test_equal_images_of_other_values_are_no_repetition),
    };
    return ggdm_test_main(tests);
}
