/* What the store keeps in memory of its sweeps: parameters, panels, models, and recipes that are
 * put together again. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/recipe.h"
#include "tests/support/run_fixture.h"

static ggdm_error err;

static int32_t column_of(const run_fixture *f, const char *name)
{
    int32_t n;
    const ggdm_store_column *c = ggdm_store_columns(f->store, &n);
    for (int32_t i = 0; i < n; i++)
        if (strcmp(c[i].name, name) == 0)
            return i;
    return -1;
}

static ggdm_store_cell cell_of(run_fixture *f, int32_t index)
{
    ggdm_store_cell cell;
    ggdm_test_ok(ggdm_store_cell_get(f->store, index, &cell, &err), &err);
    return cell;
}

static void assert_value(run_fixture *f, int32_t cell, const char *name, double number,
                         const char *text)
{
    ggdm_store_cell c = cell_of(f, cell);
    ggdm_store_value v = ggdm_store_value_of(f->store, &c, column_of(f, name));
    assert_string_equal(v.text, text);
    if (!(v.number == number || (isnan(v.number) && isnan(number))))
        ggdm_test_fail("%s of cell %d is %g, expected %g", name, cell, v.number, number);
}

static void test_columns_are_the_parameters_of_the_tree(void **state)
{
    run_fixture *f = *state;
    int32_t n, i = 0;
    const ggdm_store_column *c = ggdm_store_columns(f->store, &n);
    const ggdm_spec *spec = &f->sweep.spec;
    for (int32_t k = 0; k < spec->n_parameters; k++) {
        if (!spec->parameters[k].known)
            continue;
        assert_true(i < n);
        assert_string_equal(c[i].name, spec->parameters[k].name);
        assert_string_equal(c[i].path, spec->parameters[k].path);
        assert_string_equal(c[i].label, spec->parameters[k].label);
        assert_int_equal(c[i].type, spec->parameters[k].row->type);
        assert_int_equal(c[i].varies, spec->parameters[k].count > 1);
        assert_int_equal(c[i].aim, k == spec->class_parameter);
        i++;
    }
    assert_int_equal(i, n);
}

static void test_values_follow_from_a_cells_place(void **state)
{
    run_fixture *f = *state;
    assert_value(f, 0, "kappa", 0, "0");
    assert_value(f, 5, "kappa", 0.1, "0.1");
    assert_value(f, 5, "duration", 1000, "1000");
    assert_value(f, 7, "kappa", 1, "1");
    assert_value(f, 7, "duration", 500, "500");
    assert_value(f, 7, "target", RUN_TARGET, "3");
    assert_value(f, 7, "model", (double)NAN, "mnist-ddpm");
    ggdm_store_cell c = cell_of(f, 7);
    assert_int_equal(ggdm_store_aim(f->store, &c), RUN_TARGET);
}

/* Axes of another sweep: values that are texts, shares, and a parameter that the first has not. */
static void test_values_of_another_sweep_have_their_own_axes(void **state)
{
    run_fixture *f = *state;
    run_sweep other;
    ggdm_store_matched m;
    const ggdm_plan nothing = {0};
    run_sweep_init(&other,
                   "{kappa: [0], duration: [0.5, {start_step: 250, length: 250}], target: [3, 4], "
                   "variance: [fixed_large]}",
                   RUN_SAMPLES, RUN_JUDGES);
    ggdm_test_ok(ggdm_store_match(f->store, &other.cells, &m, &err), &err);
    assert_int_equal(m.queued, 4);
    ggdm_store_batch batch = run_fixture_batch(&other, &nothing);
    ggdm_test_ok(ggdm_store_add(f->store, 1, &batch, &err), &err);
    run_sweep_deinit(&other);
    for (int again = 0; again < 2; again++) {
        int32_t n;
        assert_value(f, RUN_CELLS, "duration", 0.5, "0.5");
        assert_value(f, RUN_CELLS + 1, "target", 4, "4");
        assert_value(f, RUN_CELLS + 2, "duration", (double)NAN, "250+250");
        assert_value(f, RUN_CELLS - 1, "duration", 1000, "1000");
        const ggdm_store_column *c = ggdm_store_columns(f->store, &n);
        assert_true(c[column_of(f, "target")].varies);
        assert_false(c[column_of(f, "seed")].varies);
        ggdm_store_cell cell = cell_of(f, RUN_CELLS + 3);
        assert_int_equal(cell.sweep, 2);
        assert_int_equal(ggdm_store_aim(f->store, &cell), 4);
        run_fixture_reopen(f, NULL);
    }
}

static void test_recipe_is_put_together_again(void **state)
{
    run_fixture *f = *state;
    ggdm_arena arena = {0};
    for (int i = 0; i < RUN_TRAJECTORIES; i++) {
        ggdm_recipe recipe;
        char *want = NULL, *got = NULL;
        ggdm_test_ok(ggdm_cells_recipe(&f->sweep.cells, &arena, &f->sweep.cells.trajectories[i],
                                       &recipe, &err),
                     &err);
        ggdm_test_ok(ggdm_recipe_text(&recipe, &want, &err), &err);
        ggdm_test_ok(ggdm_store_recipe(f->store, i, &got, &err), &err);
        assert_string_equal(got, want);
        free(got);
        free(want);
    }
    ggdm_arena_deinit(&arena);
    char *text;
    ggdm_test_error(ggdm_store_recipe(f->store, RUN_TRAJECTORIES, &text, &err), &err, GGDM_EFORMAT,
                    "trajectory 5");
    assert_null(text);
}

static void test_models_are_those_of_the_batch(void **state)
{
    run_fixture *f = *state;
    int32_t n;
    const ggdm_store_model *models = ggdm_store_models(f->store, &n);
    assert_int_equal(n, (int)f->batch.n_models);
    assert_string_equal(models[1].digest, "bb");
    assert_string_equal(models[1].name, "mnist-cnn");
}

/* Without any scorer: units ask for none, and who looks finds an empty panel. */
static void test_panel_may_be_empty(void **state)
{
    run_fixture *f = *state;
    int32_t n;
    run_fixture_close(f);
    run_fixture_plan(f);
    f->sweep.cells.panels[0].n = 0;
    run_fixture_create(f);
    assert_int_equal(run_fixture_work(f, 100, 1), RUN_UNITS);
    ggdm_store_cell cell = cell_of(f, 0);
    assert_int_equal(cell.panel, 0);
    ggdm_store_panel(f->store, cell.panel, &n);
    assert_int_equal(n, 0);
}

static ggdm_status check_result(void *context, const ggdm_store_result *r, ggdm_error *e)
{
    int *n = context;
    (void)e;
    assert_int_equal(r->cell, *n ? 8 : 2);
    assert_string_equal(r->metric, "fid");
    assert_string_equal(r->settings, "{}");
    assert_true(r->value == (*n ? 12.5 : 3));
    assert_true(*n ? r->lo == 12 && r->hi == 13 : isnan(r->lo) && isnan(r->hi));
    assert_int_equal(r->n, 7);
    assert_string_equal(r->note, *n ? "" : "few");
    ++*n;
    return GGDM_OK;
}

static void test_result_is_put_in_place_of_the_one_before(void **state)
{
    run_fixture *f = *state;
    const double none = (double)NAN;
    const ggdm_store_result results[] = {{8, "fid", "{}", 10, none, none, 3, "few"},
                                         {2, "fid", "{}", 3, none, none, 7, "few"},
                                         {8, "fid", "{}", 12.5, 12, 13, 7, NULL}};
    int n = 0;
    ggdm_test_ok(ggdm_store_begin(f->store, 1, &err), &err);
    for (int i = 0; i < 3; i++)
        ggdm_test_ok(ggdm_store_put_result(f->store, &results[i], &err), &err);
    ggdm_test_ok(ggdm_store_commit(f->store, &err), &err);
    ggdm_test_ok(ggdm_store_each_result(f->store, check_result, &n, &err), &err);
    assert_int_equal(n, 2);
}

/* Damage that opening finds, as it reads all of this. */
static void test_open_finds_damaged_parameters_and_panels(void **state)
{
    static const char *const damage[][2] = {
        {"UPDATE parameter SET type = 'odd' WHERE name = 'kappa'", "name or type of parameter"},
        {"UPDATE parameter SET count = 100 WHERE name = 'kappa'", "column count is 100"},
        {"UPDATE parameter_value SET n = 3 WHERE n = 2", "column n is 3"},
        {"PRAGMA foreign_keys = OFF; UPDATE parameter_value SET parameter = 99 WHERE n = 2 "
         "AND parameter = (SELECT id FROM parameter WHERE name = 'kappa')",
         "values without parameter 99"},
        {"UPDATE sweep SET n = 2", "there is no sweep 1"},
        {"UPDATE sweep SET first_cell = 1", "column first_cell is 1"},
        {"UPDATE panel SET id = 1", "panels are not numbered 0, 1"},
    };
    run_fixture *f = *state;
    ggdm_store_close(&f->store);
    char *path = ggdm_test_path(f->dir, GGDM_STORE_FILE);
    size_t size;
    char *whole = ggdm_test_read(path, &size);
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        run_fixture_sql(f->dir, damage[i][0]);
        ggdm_test_error(ggdm_store_open(f->dir, NULL, &f->store, &err), &err, GGDM_EFORMAT,
                        damage[i][1]);
        ggdm_test_write(path, whole, size);
    }
    free(whole);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FIXTURE_TEST(test_columns_are_the_parameters_of_the_tree),
        RUN_FIXTURE_TEST(test_values_follow_from_a_cells_place),
        RUN_FIXTURE_TEST(test_values_of_another_sweep_have_their_own_axes),
        RUN_FIXTURE_TEST(test_recipe_is_put_together_again),
        RUN_FIXTURE_TEST(test_panel_may_be_empty),
        RUN_FIXTURE_TEST(test_models_are_those_of_the_batch),
        RUN_FIXTURE_TEST(test_result_is_put_in_place_of_the_one_before),
        RUN_FIXTURE_TEST(test_open_finds_damaged_parameters_and_panels),
    };
    return ggdm_test_main(tests);
}
