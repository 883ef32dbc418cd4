/* What the house carries, it carries by rows: parameters of every type, of kinds that only this
 * test has, go from the sweep file through key, cells, plan, wire, database and results to every
 * table and page, and no line of the program names them. */
#include <archive.h>
#include <archive_entry.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/png_image.h"
#include "coordinator/run/progress.h"
#include "coordinator/show/report.h"
#include "jobs/archive.h"
#include "jobs/axes.h"
#include "jobs/cell_select.h"
#include "jobs/measures.h"
#include "jobs/plot.h"
#include "jobs/summary.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/toy_catalogue.h"

/* An axis of every type; most go together, so that there are eight cells. */
static const char sweep[] = "name: house\n"
                            "sampler: {kind: walk}\n"
                            "condition: {}\n"
                            "guidance:\n"
                            "  parts:\n"
                            "    - {name: main, goal: {kind: class, model: c}}\n"
                            "    - {name: side, goal: {kind: all, of: [{kind: picture}, {name: "
                            "again, kind: class, model: d, target: 2}]}}\n"
                            "sweep:\n"
                            "  guidance.main.weight: [0.5, 2]\n"
                            "  guidance.main.goal.target: [3, 4]\n"
                            "  zip:\n"
                            "    model: [m, ./dir/n]\n"
                            "    steps: [40, 80]\n"
                            "    clip: [true, false]\n"
                            "    mode: [slow, quick]\n"
                            "    prompt: [\"it's, \\\"so\\\"\", \"κ = 1\"]\n"
                            "    label: [5, 6]\n"
                            "    file: [a b.png, /c.png]\n"
                            "    guidance.main.window: [0.5, {start_step: 10, length: 20}]\n"
                            "    seed: [7, 9007199254740993]\n"
                            "judge: [{name: j, model: judge}]\n"
                            "samples: 3\n";

/* As --cell and tables name and print them, in two cells. */
static const struct {
    const char *name;
    ggdm_param_type type;
    const char *values[2];
} axes[] = {{"model", GGDM_PARAM_MODEL, {"m", "./dir/n"}},
            {"steps", GGDM_PARAM_WHOLE, {"40", "80"}},
            {"mode", GGDM_PARAM_CHOICE, {"slow", "quick"}},
            {"clip", GGDM_PARAM_FLAG, {"true", "false"}},
            {"label", GGDM_PARAM_CLASS, {"5", "6"}},
            {"prompt", GGDM_PARAM_TEXT, {"it's, \"so\"", "κ = 1"}},
            {"guidance.main.goal.target", GGDM_PARAM_CLASS, {"3", "4"}},
            {"guidance.main.weight", GGDM_PARAM_REAL, {"0.5", "2"}},
            {"guidance.main.window", GGDM_PARAM_WINDOW, {"0.5", "10+20"}},
            {"file", GGDM_PARAM_FILE, {"a b.png", "/c.png"}},
            {"seed", GGDM_PARAM_WHOLE, {"7", "9007199254740993"}}};
enum { N_AXES = sizeof axes / sizeof *axes, N_CELLS = 8, SAMPLES = 3, SIDE = 8 };

typedef struct house {
    char *dir;
    ggdm_spec spec;
    ggdm_cells cells;
    ggdm_plan plan;
    ggdm_store *store;
    ggdm_results results;
} house;

/* ---- to the store --------------------------------------------------------------------------- */

static ggdm_status step_cost(void *context, const char *head, const char *setting,
                             ggdm_step_cost *out, ggdm_error *err)
{
    (void)context, (void)head, (void)err;
    *out = (ggdm_step_cost){.operations = setting[2] ? 2 : 1, .evaluations = 1, .state_bytes = 64};
    return GGDM_OK;
}

/* The models of the sweep by digest, as a setup lists them. */
static void list_models(const ggdm_spec *s, ggdm_store_model *out, size_t *n)
{
    const ggdm_resolver r = ggdm_toy_resolver();
    static const ggdm_param row = {.key = "model", .type = GGDM_PARAM_MODEL};
    const char *names[16] = {"judge"};
    int32_t classes, count = 1;
    ggdm_error err;
    for (int32_t i = 0; i < s->n_parameters; i++) {
        const ggdm_parameter *p = &s->parameters[i];
        for (int32_t v = 0; p->known && p->row->type == GGDM_PARAM_MODEL && v < p->count; v++)
            names[count++] = p->values[v].text;
    }
    for (*n = 0; *n < (size_t)count; ++*n) {
        out[*n].name = names[*n];
        ggdm_test_ok(r.model(NULL, &row, names[*n], &out[*n].digest, &classes, &err), &err);
    }
}

static void create(house *h)
{
    const ggdm_resolver resolver = ggdm_toy_resolver();
    const ggdm_coster coster = {.cost = step_cost};
    const ggdm_run_info info = {.name = (char *)(uintptr_t) "house",
                                .isa = (char *)(uintptr_t) "avx512",
                                .precision = GGDM_PRECISION_FP32};
    ggdm_store_model models[16];
    ggdm_store_batch batch = {
        .sweep = {sweep, "00ff"}, .cells = &h->cells, .plan = &h->plan, .models = models};
    ggdm_error err;
    h->dir = ggdm_test_mkdtemp();
    ggdm_test_ok(ggdm_spec_parse(&ggdm_toy_catalogue, sweep, strlen(sweep), "house.yaml", NULL, 0,
                                 &h->spec, &err),
                 &err);
    list_models(&h->spec, models, &batch.n_models);
    ggdm_test_ok(ggdm_cells_expand(&h->spec, &resolver, &h->cells, &err), &err);
    ggdm_test_ok(ggdm_plan_make(&h->cells, &coster, NULL, &h->plan, &err), &err);
    ggdm_test_ok(ggdm_store_create(h->dir, &info, &batch, &err), &err);
    ggdm_test_ok(ggdm_store_open(h->dir, NULL, &h->store, &err), &err);
}

/* ---- a worker ------------------------------------------------------------------------------- */

/* Over the wire; what arrives can be read by the rows. */
static void send_unit(const ggdm_unit *unit, ggdm_unit *out)
{
    ggdm_arena arena = {0};
    ggdm_wire w;
    ggdm_item *item;
    ggdm_error err;
    ggdm_wire_init(&w);
    ggdm_test_ok(ggdm_unit_pack(unit, &w, &err), &err);
    ggdm_wire in;
    ggdm_wire_read(&in, w.data, w.size);
    ggdm_test_ok(ggdm_unit_unpack(out, &in, &err), &err);
    ggdm_wire_deinit(&w);
    ggdm_test_ok(ggdm_recipe_parse(&ggdm_toy_catalogue, &arena, "stage", out->head, &item, &err),
                 &err);
    assert_int_equal(ggdm_item_whole(ggdm_item_child(item, "sampler"), "steps"), out->steps);
    for (int32_t i = 0; i < out->n_settings; i++)
        ggdm_test_ok(ggdm_recipe_parse(&ggdm_toy_catalogue, &arena, "guidance", out->settings[i],
                                       &item, &err),
                     &err);
    ggdm_arena_deinit(&arena);
}

/* What the scorer says: a classifier that sees class 3, numbers by image. */
static ggdm_score score(const ggdm_scorer_ref *scorer, int32_t image)
{
    ggdm_arena arena = {0};
    ggdm_item *item;
    ggdm_error err;
    ggdm_test_ok(
        ggdm_recipe_parse(&ggdm_toy_catalogue, &arena, "scorer", scorer->text, &item, &err), &err);
    const bool classes = item->kind->output == GGDM_OUTPUT_CLASSES;
    ggdm_score s = {.scorer = scorer->id, .n = classes ? 10 : 1};
    s.data = ggdm_test_alloc((size_t)s.n, sizeof *s.data);
    for (int32_t i = 0; i < s.n; i++)
        s.data[i] = !classes ? 0.25F * (float)image : logf(i == 3 ? 0.91F : 0.01F);
    ggdm_arena_deinit(&arena);
    return s;
}

static ggdm_sample make_sample(const ggdm_unit *unit, const ggdm_segment *segment, int32_t image)
{
    uint8_t pixels[SIDE * SIDE];
    size_t size = 0;
    ggdm_sample s = {.trajectory = segment->trajectory, .index = image, .diverged_step = -1};
    ggdm_error err;
    memset(pixels, 10 * image, sizeof pixels);
    ggdm_test_ok(ggdm_png_encode(pixels, SIDE, SIDE, 1, &s.data, &size, &err), &err);
    s.size = (uint32_t)size;
    s.n_scores = segment->score_count;
    s.scores = ggdm_test_alloc((size_t)s.n_scores + 1, sizeof *s.scores);
    for (int32_t i = 0; i < s.n_scores; i++)
        s.scores[i] = score(&unit->scorers[unit->scores[segment->score_first + i]], image);
    return s;
}

static void finish(ggdm_store *store, const ggdm_unit *unit)
{
    ggdm_sample samples[64];
    int32_t n = 0;
    bool accepted = false;
    ggdm_error err;
    for (int32_t s = 0; s < unit->n_segments; s++)
        for (int32_t i = 0; unit->segments[s].trajectory >= 0 && i < unit->image_count; i++)
            samples[n++] = make_sample(unit, &unit->segments[s], unit->image_first + i);
    ggdm_test_ok(ggdm_store_finish(store, unit->id, unit->attempt, samples, n, &accepted, &err),
                 &err);
    assert_true(accepted);
    while (n > 0)
        ggdm_sample_deinit(&samples[--n]);
}

static void work(ggdm_store *store)
{
    ggdm_unit units[4];
    int32_t n = 0;
    ggdm_error err;
    do {
        ggdm_test_ok(ggdm_store_begin(store, 1, &err), &err);
        ggdm_test_ok(ggdm_store_claim(store, 1, GGDM_CLAIM_ANY, 4, units, &n, &err), &err);
        for (int32_t i = 0; i < n; i++) {
            ggdm_unit arrived = {0};
            send_unit(&units[i], &arrived);
            finish(store, &arrived);
            ggdm_unit_deinit(&arrived);
            ggdm_unit_deinit(&units[i]);
        }
        ggdm_test_ok(ggdm_store_commit(store, &err), &err);
    } while (n > 0);
}

static int open_house(void **state)
{
    house *h = *state = ggdm_test_alloc(1, sizeof *h);
    ggdm_error err;
    memset(h, 0, sizeof *h);
    create(h);
    work(h->store);
    ggdm_store_close(&h->store); /* another day, another program: no catalogue but the store's */
    ggdm_test_ok(ggdm_store_open(h->dir, NULL, &h->store, &err), &err);
    ggdm_test_ok(ggdm_results_read(h->store, &h->results, &err), &err);
    return 0;
}

static int close_house(void **state)
{
    house *h = *state;
    ggdm_results_deinit(&h->results);
    ggdm_store_close(&h->store);
    ggdm_plan_deinit(&h->plan);
    ggdm_cells_deinit(&h->cells);
    ggdm_spec_deinit(&h->spec);
    ggdm_test_rmdir(h->dir);
    free(h);
    return 0;
}

/* Which of an axis' two values a cell has: weight, target, then all that go together. */
static int value_of(int axis, int cell)
{
    if (strcmp(axes[axis].name, "guidance.main.weight") == 0)
        return cell / 4;
    return strcmp(axes[axis].name, "guidance.main.goal.target") == 0 ? cell / 2 % 2 : cell % 2;
}

/* ---- key and cells --------------------------------------------------------------------------- */

static void test_house_recipes_hold_every_value(void **state)
{
    house *h = *state;
    static const char *const pieces[][2] = {
        {"\"sampler\":{\"kind\":\"walk\",\"steps\":40,\"clip\":true}",
         "\"sampler\":{\"kind\":\"walk\",\"steps\":80,\"mode\":\"quick\"}"},
        {"\"condition\":{\"label\":5,\"prompt\":\"it's, \\\"so\\\"\"}",
         "\"condition\":{\"label\":6,\"prompt\":\"κ = 1\"}"},
        {"\"seed\":7}", "\"seed\":9007199254740993}"},
        {"\"runs\":[[20,", "\"runs\":[[10,"},
        {"\"target\":3},\"weight\":0.5}", "\"target\":3},\"weight\":0.5}"},
        {"{\"kind\":\"picture\",\"revision\":2,\"file\":\"",
         "{\"kind\":\"picture\",\"revision\":2"}};
    assert_true(h->cells.n_cells == N_CELLS && h->cells.n_trajectories == N_CELLS);
    for (int cell = 0; cell < 2; cell++) {
        char *recipe;
        ggdm_error err;
        ggdm_test_ok(ggdm_store_recipe(h->store, cell, &recipe, &err), &err);
        for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
            if (!strstr(recipe, pieces[i][cell]))
                ggdm_test_fail("cell %d: no %s in %s", cell, pieces[i][cell], recipe);
        free(recipe);
    }
}

/* ---- the store ------------------------------------------------------------------------------ */

static int32_t find_column(const house *h, const char *name)
{
    int32_t n = 0;
    const ggdm_store_column *columns = ggdm_store_columns(h->store, &n);
    for (int32_t i = 0; i < n; i++)
        if (strcmp(columns[i].name, name) == 0)
            return i;
    ggdm_test_fail("no column %s", name);
    return -1;
}

static void test_house_store_has_a_column_for_every_parameter(void **state)
{
    house *h = *state;
    int32_t n = 0;
    const ggdm_store_column *columns = ggdm_store_columns(h->store, &n);
    ggdm_error err;
    for (int i = 0; i < N_AXES; i++) {
        const int32_t column = find_column(h, axes[i].name);
        assert_int_equal(columns[column].type, axes[i].type);
        assert_true(columns[column].varies);
        for (int32_t cell = 0; cell < N_CELLS; cell++) {
            ggdm_store_cell c;
            ggdm_test_ok(ggdm_store_cell_get(h->store, cell, &c, &err), &err);
            ggdm_store_value v = ggdm_store_value_of(h->store, &c, column);
            assert_string_equal(v.text, axes[i].values[value_of(i, cell)]);
        }
    }
    const ggdm_store_column *eta = &columns[find_column(h, "eta")];
    assert_true(!eta->varies && strcmp(eta->label, "η") == 0);
    assert_true(columns[find_column(h, "guidance.main.goal.target")].aim);
    assert_false(columns[find_column(h, "guidance.side.goal.again.target")].varies);
    assert_int_equal(ggdm_store_counts_get(h->store)->images_done, N_CELLS * SAMPLES);
}

static void test_house_database_can_be_asked_for_every_axis(void **state)
{
    house *h = *state;
    ggdm_error err;
    ggdm_store_close(&h->store);
    char *path = ggdm_test_path(h->dir, GGDM_STORE_FILE), question[300];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    for (int i = 0; i < N_AXES; i++) {
        snprintf(question, sizeof question, "SELECT \"%s\" FROM v_cells ORDER BY cell",
                 axes[i].name);
        if (sqlite3_prepare_v2(db, question, -1, &stmt, NULL) != SQLITE_OK)
            ggdm_test_fail("%s: %s", question, sqlite3_errmsg(db));
        for (int cell = 0; cell < N_CELLS; cell++) {
            const char *want = axes[i].values[value_of(i, cell)];
            if (axes[i].type == GGDM_PARAM_FLAG)
                want = *want == 't' ? "1" : "0";
            assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
            const char *got = (const char *)sqlite3_column_text(stmt, 0);
            if (sqlite3_column_type(stmt, 0) == SQLITE_TEXT
                    ? strcmp(got, want) != 0
                    : sqlite3_column_double(stmt, 0) != strtod(want, NULL))
                ggdm_test_fail("%s of cell %d is %s, expected %s", axes[i].name, cell, got, want);
        }
        sqlite3_finalize(stmt);
    }
    sqlite3_close(db);
    free(path);
    ggdm_results_deinit(&h->results);
    ggdm_test_ok(ggdm_store_open(h->dir, NULL, &h->store, &err), &err);
    ggdm_test_ok(ggdm_results_read(h->store, &h->results, &err), &err);
}

static void test_house_cells_are_chosen_by_every_axis(void **state)
{
    house *h = *state;
    for (int i = 0; i < N_AXES; i++)
        for (int v = 0; v < 2; v++) {
            char expression[200];
            const char *value = axes[i].values[v];
            bool *chosen = NULL;
            ggdm_error err;
            size_t n = (size_t)snprintf(expression, sizeof expression, "%s='", axes[i].name);
            for (; *value; value++) { /* a quote is written twice */
                if (*value == '\'')
                    expression[n++] = '\'';
                expression[n++] = *value;
            }
            snprintf(expression + n, sizeof expression - n, "'");
            ggdm_test_ok(ggdm_cell_select_in(h->store, expression, &chosen, &err), &err);
            for (int cell = 0; cell < N_CELLS; cell++)
                if (chosen[cell] != (value_of(i, cell) == v))
                    ggdm_test_fail("%s: cell %d %s", expression, cell,
                                   chosen[cell] ? "is chosen" : "is not chosen");
            free(chosen);
        }
}

/* ---- what people see ------------------------------------------------------------------------ */

static void expect_in(const char *what, const char *text, const char *piece)
{
    if (!strstr(text, piece))
        ggdm_test_fail("%s does not have %s:\n%.2000s", what, piece, text);
}

static void test_house_results_have_every_axis_and_measure(void **state)
{
    const house *h = *state;
    const ggdm_results *r = &h->results;
    static const char *const measures[] = {"guide", "picture", "again", "j", "size"};
    assert_true(r->n_rows == N_CELLS && r->n_varying == N_AXES);
    for (int i = 0; i < N_AXES; i++)
        assert_string_equal(r->columns[r->varying[i]].name, axes[i].name);
    assert_int_equal(r->n_measures, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(r->measures[i].name, measures[i]);
    assert_int_equal(r->rows[0].aim, 3);
    assert_int_equal(r->rows[2].aim, 4);
    assert_true(r->rows[0].measured[0].accuracy.p == 1 && r->rows[2].measured[0].accuracy.p == 0);
    assert_true(r->rows[0].measured[4].mean == 0.25);
}

static void test_house_summary_has_every_axis(void **state)
{
    const house *h = *state;
    ggdm_error err;
    ggdm_test_ok(ggdm_summary_write(&h->results, h->dir, &err), &err);
    char *path = ggdm_test_path(h->dir, "summary.csv"), *csv = ggdm_test_read(path, NULL);
    char head[600] = "cell,";
    for (int i = 0; i < N_AXES; i++)
        snprintf(head + strlen(head), sizeof head - strlen(head), "%s,", axes[i].name);
    strcat(head, "n,complete,diverged,guide_accuracy,");
    assert_memory_equal(csv, head, strlen(head));
    expect_in(path, csv,
              "\nc0000,m,40,slow,true,5,\"it's, \"\"so\"\"\",3,0.5,0.5,a b.png,7,3,1,0,1,");
    expect_in(path, csv,
              "\nc0007,./dir/n,80,quick,false,6,κ = 1,4,2,10+20,/c.png,9007199254740993,3,1,0,0,");
    free(path);
    free(csv);
    path = ggdm_test_path(h->dir, "summary.json");
    csv = ggdm_test_read(path, NULL);
    expect_in(path, csv, "\"clip\": true");
    expect_in(path, csv, "\"prompt\": \"it's, \\\"so\\\"\"");
    expect_in(path, csv, "\"guidance.main.window\": \"10+20\"");
    free(path);
    free(csv);
}

/* The sidecar of the first image of a cell; owned. */
static char *read_sidecar(const house *h, const char *cell)
{
    char path[400];
    char *text = ggdm_test_alloc(4000, 1);
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    snprintf(path, sizeof path, "%s/archive/%s/samples.tar", h->dir, cell);
    archive_read_support_format_tar(a);
    assert_int_equal(archive_read_open_filename(a, path, 4096), ARCHIVE_OK);
    memset(text, 0, 4000);
    while (!*text && archive_read_next_header(a, &entry) == ARCHIVE_OK)
        if (strstr(archive_entry_pathname(entry), ".json"))
            assert_true(archive_read_data(a, text, 3999) > 0);
    archive_read_free(a);
    return text;
}

static void test_house_sidecars_have_every_axis(void **state)
{
    const house *h = *state;
    static const char *const pieces[] = {"\"model\": \"./dir/n\"",
                                         "\"steps\": 80",
                                         "\"mode\": \"quick\"",
                                         "\"clip\": false",
                                         "\"label\": 6",
                                         "\"prompt\": \"κ = 1\"",
                                         "\"guidance.main.goal.target\": 4",
                                         "\"guidance.main.weight\": 2",
                                         "\"guidance.main.window\": \"10+20\"",
                                         "\"file\": \"/c.png\"",
                                         "\"seed\": 9007199254740993",
                                         "\"eta\": 1"};
    int32_t written = 0;
    ggdm_error err;
    ggdm_test_ok(ggdm_archive_run(&h->results, h->dir, false, &written, NULL, &err), &err);
    assert_int_equal(written, N_CELLS);
    char *text = read_sidecar(h, "c0007");
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        expect_in("the sidecar", text, pieces[i]);
    free(text);
}

static void test_house_tables_and_pages_have_every_axis(void **state)
{
    const house *h = *state;
    static const char *const files[] = {"images.csv", "report.html"};
    int64_t n = 0;
    size_t size = 0;
    char *status = NULL, *path = ggdm_test_path(h->dir, files[0]);
    ggdm_axes found;
    ggdm_error err;
    ggdm_test_ok(ggdm_measures_write(&h->results, NULL, path, &n, &err), &err);
    assert_int_equal(n, N_CELLS * SAMPLES);
    free(path);
    ggdm_test_ok(ggdm_report_write(&h->results, h->dir, "report.html", NULL, &err), &err);
    for (int f = 0; f < 2; f++) {
        path = ggdm_test_path(h->dir, files[f]);
        char *text = ggdm_test_read(path, NULL);
        for (int i = 0; i < N_AXES; i++)
            expect_in(files[f], text, axes[i].name);
        free(text);
        free(path);
    }
    ggdm_test_ok(ggdm_axes_find(&h->results, &found, &err), &err);
    assert_int_equal(found.n, N_AXES);
    ggdm_axes_deinit(&found);
    ggdm_test_ok(ggdm_progress_at_rest(h->store, &status, &size, &err), &err);
    for (int i = 0; i < N_AXES; i++)
        expect_in("status", status, axes[i].name);
    free(status);
}

/* The toys' words that no method of the program shares. */
static void test_house_no_line_names_a_toy(void **state)
{
    (void)state;
    char line[400] = "";
    FILE *found = popen("grep -rnE '\"(goal|force|span|parts|picture|push|walk|probe)\"' common "
                        "models jobs worker slurm coordinator --include='*.[ch]'",
                        "r");
    assert_non_null(found);
    if (fgets(line, sizeof line, found))
        ggdm_test_fail("the program names a toy: %s", line);
    pclose(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_house_recipes_hold_every_value),
        cmocka_unit_test(test_house_store_has_a_column_for_every_parameter),
        cmocka_unit_test(test_house_database_can_be_asked_for_every_axis),
        cmocka_unit_test(test_house_cells_are_chosen_by_every_axis),
        cmocka_unit_test(test_house_results_have_every_axis_and_measure),
        cmocka_unit_test(test_house_summary_has_every_axis),
        cmocka_unit_test(test_house_sidecars_have_every_axis),
        cmocka_unit_test(test_house_tables_and_pages_have_every_axis),
        cmocka_unit_test(test_house_no_line_names_a_toy),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
