/* Sweeps, and the texts of recipes that a worker or a resume is given. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "jobs/planner.h"
#include "jobs/recipe.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/toy_catalogue.h"
#include "worker/kinds.h"

/* What programs do with a sweep that is small enough. */
static ggdm_status step_cost(void *context, const char *head, const char *setting,
                             ggdm_step_cost *out, ggdm_error *err)
{
    (void)context, (void)head, (void)err;
    *out = (ggdm_step_cost){.operations = setting[2] ? 2 : 1, .evaluations = 1, .state_bytes = 100};
    return GGDM_OK;
}

static void plan(ggdm_spec *s)
{
    const ggdm_resolver resolver = ggdm_toy_resolver();
    const ggdm_coster coster = {.cost = step_cost};
    ggdm_cells cells;
    ggdm_plan plan;
    ggdm_error err = {0};
    if (s->n_cells > 200 || s->samples > 5000)
        return;
    ggdm_status st = ggdm_cells_expand(s, &resolver, &cells, &err);
    ggdm_fuzz_clean(st, &err);
    if (st != GGDM_OK) /* a window beyond the chain, a class that the model has not */
        return;
    assert_int_equal(cells.n_cells, s->n_cells);
    st = ggdm_plan_make(&cells, &coster, NULL, &plan, &err);
    ggdm_fuzz_clean(st, &err);
    if (st == GGDM_OK)
        assert_true(plan.n_units > 0);
    ggdm_plan_deinit(&plan);
    ggdm_cells_deinit(&cells);
}

/* A sweep, then perhaps a NUL and "PATH=VALUE" of --set. */
bool ggdm_fuzz_spec(const uint8_t *data, size_t size)
{
    char *text = ggdm_fuzz_text(data, size);
    const size_t length = strlen(text);
    const char *const sets[] = {text + length + (length < size)};
    const int n_sets = length < size;
    uint8_t digest[GGDM_HASH_SIZE];
    char *frozen = NULL;
    ggdm_spec s;
    ggdm_error err = {0};
    ggdm_status st = ggdm_spec_parse(&ggdm_methods, text, length, "s.yaml", sets, n_sets, &s, &err);
    ggdm_fuzz_clean(st, &err);
    if (st == GGDM_OK) {
        ggdm_test_ok(ggdm_spec_digest(&s, digest, &err), &err);
        ggdm_test_ok(ggdm_spec_same(&s, &s, &err), &err);
        /* Checks itself that it says the same. */
        ggdm_fuzz_clean(ggdm_spec_freeze(&s, text, sets, n_sets, &frozen, &err), &err);
        plan(&s);
    }
    free(frozen);
    ggdm_spec_deinit(&s);
    free(text);
    return st == GGDM_OK;
}

/* A file of prompts, beside the sweep that names it; the run's own text says the same without it.
 */
bool ggdm_fuzz_prompts(const uint8_t *data, size_t size)
{
    static const char text[] = "name: p\nmodel: m\nsweep:\n  prompt: \"@prompts.txt\"\nguidance:\n"
                               "  loss: {kind: clip, model: c}\n  kind: gradient\n  kappa: 1\n"
                               "samples: 1\n";
    char *path = ggdm_fuzz_file("prompts.txt", data, size), *sweep = NULL, *frozen = NULL;
    ggdm_spec s;
    ggdm_error err = {0};
    ggdm_test_ok(ggdm_asprintf(&sweep, &err, "%s/s.yaml", ggdm_fuzz_dir()), &err);
    ggdm_status st =
        ggdm_spec_parse(&ggdm_methods, text, sizeof text - 1, sweep, NULL, 0, &s, &err);
    ggdm_fuzz_clean(st, &err);
    if (st == GGDM_OK)
        ggdm_test_ok(ggdm_spec_freeze(&s, text, NULL, 0, &frozen, &err), &err);
    free(frozen);
    ggdm_spec_deinit(&s);
    free(sweep);
    free(path);
    return st == GGDM_OK;
}

/* The first byte says of what: a stage, a guidance, a scorer.  What is accepted is printed as the
 * same text, and its program can be printed. */
bool ggdm_fuzz_recipe(const uint8_t *data, size_t size)
{
    static const char *const families[] = {GGDM_FAMILY_STAGE, GGDM_FAMILY_GUIDANCE,
                                           GGDM_FAMILY_SCORER};
    ggdm_arena arena = {0};
    ggdm_item *item = NULL;
    const char *again = "{}";
    ggdm_error err = {0};
    if (size == 0)
        return false;
    char *text = ggdm_fuzz_text(data + 1, size - 1);
    ggdm_status st =
        ggdm_recipe_parse(&ggdm_methods, &arena, families[data[0] % 3], text, &item, &err);
    ggdm_fuzz_clean(st, &err);
    if (item) {
        ggdm_test_ok(ggdm_recipe_print(&arena, item, true, &again, &err), &err);
        ggdm_test_ok(ggdm_recipe_print(&arena, item, false, &again, &err), &err);
    }
    if (st == GGDM_OK)
        assert_string_equal(again, text);
    free(text);
    ggdm_arena_deinit(&arena);
    return st == GGDM_OK;
}
