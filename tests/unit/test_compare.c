/* Cells side by side, image by image. */
#include "evaluate/compare.h"

#include <math.h>
#include <string.h>

#include "tests/support/run_fixture.h"

static ggdm_error err;

enum { JUDGE, GUIDE, SATURATION, MEASURES }; /* as people read them */

#define SEED "(SELECT id FROM parameter WHERE path = 'seed')"
#define JUDGE_SCORER "(SELECT scorer FROM panel WHERE name = 'judge')"

/* Two runs and what comes of them. */
typedef struct two_runs {
    run_fixture f[2];
    ggdm_results r[2];
    ggdm_partners partners;
    ggdm_comparison c;
} two_runs;

/* A run of so many units, changed by SQL where there is some. */
static void open_run(two_runs *t, int i, int units, int32_t channels, const char *sql)
{
    run_fixture_open(&t->f[i]);
    run_fixture_work(&t->f[i], units, channels);
    ggdm_store_close(&t->f[i].store);
    if (sql)
        run_fixture_sql(t->f[i].dir, sql);
    run_fixture_reopen(&t->f[i], NULL);
    ggdm_test_ok(ggdm_results_read(t->f[i].store, &t->r[i], &err), &err);
}

static void match(two_runs *t)
{
    ggdm_test_ok(ggdm_partners_of_runs(&t->r[0], &t->r[1], &t->partners, &err), &err);
    assert_int_equal(t->partners.n, RUN_CELLS);
}

static const ggdm_comparison *compare(two_runs *t)
{
    match(t);
    ggdm_test_ok(ggdm_compare(&t->r[0], &t->r[1], &t->partners, &t->c, &err), &err);
    assert_int_equal(t->c.n, RUN_CELLS);
    assert_int_equal(t->c.n_measures, MEASURES);
    return &t->c;
}

static void close_runs(two_runs *t)
{
    ggdm_comparison_deinit(&t->c);
    ggdm_partners_deinit(&t->partners);
    for (int i = 0; i < 2; i++) {
        ggdm_results_deinit(&t->r[i]);
        run_fixture_close(&t->f[i]);
    }
}

static void check_p(double p, double want)
{
    if (!(fabs(p - want) <= 1e-12))
        ggdm_test_fail("p = %.17g, expected %.17g", p, want);
}

static void check_right(const ggdm_compared_measure *m, int64_t both, int64_t only_a,
                        int64_t only_b, int64_t neither, double p)
{
    assert_true(m->known);
    assert_int_equal(m->n, both + only_a + only_b + neither);
    assert_int_equal(m->right.both, both);
    assert_int_equal(m->right.only_a, only_a);
    assert_int_equal(m->right.only_b, only_b);
    assert_int_equal(m->right.neither, neither);
    check_p(m->p, p);
}

static void test_a_run_equals_its_double(void **state)
{
    (void)state;
    two_runs t = {0};
    open_run(&t, 0, 100, 1, NULL);
    open_run(&t, 1, 100, 1, NULL);
    const ggdm_comparison *c = compare(&t);
    for (int i = 0; i < RUN_CELLS; i++) {
        const ggdm_compared *p = &c->pairs[i];
        assert_true(p->same_key && p->paired && p->difference == 0);
        assert_true(p->images == RUN_SAMPLES && p->equal == p->images);
        assert_true(p->alone_a == 0 && p->alone_b == 0);
        assert_true(p->measures[JUDGE].p == 1 && !ggdm_compared_differs(&p->measures[JUDGE]));
    }
    assert_string_equal(c->measures[JUDGE].name, "judge");
    assert_string_equal(c->measures[SATURATION].name, "saturation");
    close_runs(&t);
}

/* The judge finds 1, 4, 7, 6 of the first images right, in the last trajectory all but the three
 * that diverged; the guide all, but of the unguided the fourth alone.  p by hand: 2 (1 + ...) /
 * 2^n.
 */
static void test_pairs_are_counted_by_their_index(void **state)
{
    (void)state;
    run_fixture f;
    ggdm_results r;
    ggdm_partners partners;
    ggdm_comparison c;
    run_fixture_open(&f);
    run_fixture_work(&f, 100, 1);
    ggdm_test_ok(ggdm_results_read(f.store, &r, &err), &err);
    ggdm_test_ok(ggdm_partners_of_run(&r, "kappa=0", &partners, &err), &err);
    ggdm_test_ok(ggdm_compare(&r, &r, &partners, &c, &err), &err);
    assert_int_equal(c.n, 6); /* c0003 to c0008, with c0000, c0001, c0002 in turn */
    for (int i = 0; i < 6; i++)
        assert_true(c.pairs[i].who.b == 3 + i && c.pairs[i].who.a == i % 3);
    assert_true(c.pairs[0].equal == RUN_SAMPLES && c.pairs[0].same_key); /* of no duration */
    assert_true(c.pairs[1].equal == 0 && !c.pairs[1].same_key && c.pairs[1].difference > 1);
    check_right(&c.pairs[0].measures[JUDGE], 1, 0, 0, 9, 1);
    check_right(&c.pairs[1].measures[JUDGE], 1, 0, 3, 6, 0.25);
    check_right(&c.pairs[2].measures[JUDGE], 1, 0, 6, 3, 0.03125);
    check_right(&c.pairs[4].measures[JUDGE], 1, 0, 5, 4, 0.0625);
    check_right(&c.pairs[5].measures[JUDGE], 0, 1, 7, 2, 18 / 256.0);
    check_right(&c.pairs[1].measures[GUIDE], 1, 0, 9, 0, 2 / 512.0);
    check_right(&c.pairs[5].measures[GUIDE], 1, 0, 6, 3, 0.03125);
    /* Holm over six: 2/512 three times, 1/32, and 1 twice. */
    check_p(c.pairs[1].measures[GUIDE].adjusted, 6 * 2 / 512.0);
    check_p(c.pairs[5].measures[GUIDE].adjusted, 3 * 0.03125);
    assert_true(ggdm_compared_differs(&c.pairs[1].measures[GUIDE]) &&
                !ggdm_compared_differs(&c.pairs[5].measures[GUIDE]));
    const ggdm_compared_measure *m = &c.pairs[5].measures[SATURATION];
    assert_true(m->n == 7 && m->difference.value == 0 && isnan(m->p));
    ggdm_comparison_deinit(&c);
    ggdm_partners_deinit(&partners);
    ggdm_results_deinit(&r);
    run_fixture_close(&f);
}

/* Other seeds are no pairs: 7 of 10 against 4 of 10, by SciPy's fisher_exact. */
static void test_other_seeds_are_independent(void **state)
{
    (void)state;
    two_runs t = {0};
    open_run(&t, 0, 100, 1, NULL);
    open_run(&t, 1, 100, 1,
             "UPDATE parameter_value SET value = 99 WHERE parameter = " SEED
             "; UPDATE score SET data = (SELECT data FROM score AS s WHERE s.scorer = score.scorer "
             "AND s.trajectory = 1 AND s.first = score.first) WHERE trajectory = 2 AND scorer "
             "= " JUDGE_SCORER);
    const ggdm_comparison *c = compare(&t);
    const ggdm_compared *p = &c->pairs[5]; /* kappa 0.1, all steps: trajectory 2 */
    assert_true(!p->paired && p->images == RUN_SAMPLES && p->equal == RUN_SAMPLES);
    assert_int_equal(p->measures[JUDGE].n, 0);
    assert_int_equal(p->measures[JUDGE].a->right, 7);
    assert_int_equal(p->measures[JUDGE].b->right, 4);
    check_p(p->measures[JUDGE].p, 0.3698499642772089);
    close_runs(&t);
}

/* Not all images are there. */
static void test_images_that_one_cell_lacks_are_left_out(void **state)
{
    (void)state;
    two_runs t = {0};
    open_run(&t, 0, 100, 1, NULL);
    open_run(&t, 1, 4, 1, NULL);
    const ggdm_comparison *c = compare(&t);
    int32_t some = 0, none = 0;
    for (int i = 0; i < RUN_CELLS; i++) {
        const ggdm_compared *p = &c->pairs[i];
        assert_int_equal(p->images, t.r[1].rows[i].n);
        assert_true(p->alone_a == RUN_SAMPLES - p->images && p->alone_b == 0);
        assert_true(p->equal == p->images && isnan(p->difference) == (p->images == 0));
        assert_true(p->measures[JUDGE].known);
        assert_int_equal(p->measures[JUDGE].n, p->images);
        assert_int_equal(isnan(p->measures[JUDGE].p), p->images == 0);
        some += p->images > 0 && p->images < RUN_SAMPLES;
        none += p->images == 0;
    }
    assert_true(some > 0 && none > 0);
    close_runs(&t);
}

/* Another judge of that name is not the same judge; a size that differs has no difference. */
static void test_what_is_not_the_same_is_not_compared(void **state)
{
    (void)state;
    two_runs t = {0};
    open_run(&t, 0, 100, 1, NULL);
    open_run(&t, 1, 100, 3,
             "UPDATE scorer SET text = replace(text, 'cc', 'dd') WHERE id = " JUDGE_SCORER);
    const ggdm_comparison *c = compare(&t);
    for (int i = 0; i < RUN_CELLS; i++) {
        const ggdm_compared *p = &c->pairs[i];
        assert_true(!p->measures[JUDGE].known && p->measures[GUIDE].known);
        assert_true(!p->paired && isnan(p->difference) && p->equal == 0);
        assert_true(p->measures[GUIDE].n == 0 && p->measures[GUIDE].p == 1);
    }
    close_runs(&t);
}

static void test_an_image_that_is_damaged_is_named(void **state)
{
    (void)state;
    two_runs t = {0};
    open_run(&t, 0, 100, 1, NULL);
    open_run(&t, 1, 100, 1, "UPDATE sample SET data = x'00' WHERE trajectory = 1 AND idx = 6");
    match(&t);
    assert_int_equal(ggdm_compare(&t.r[0], &t.r[1], &t.partners, &t.c, &err), GGDM_EFORMAT);
    assert_non_null(strstr(err.msg, t.f[1].dir));
    assert_non_null(strstr(err.msg, "cell c0004: image 6: "));
    close_runs(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_run_equals_its_double),
        cmocka_unit_test(test_pairs_are_counted_by_their_index),
        cmocka_unit_test(test_other_seeds_are_independent),
        cmocka_unit_test(test_images_that_one_cell_lacks_are_left_out),
        cmocka_unit_test(test_what_is_not_the_same_is_not_compared),
        cmocka_unit_test(test_an_image_that_is_damaged_is_named),
    };
    return ggdm_test_main(tests);
}
