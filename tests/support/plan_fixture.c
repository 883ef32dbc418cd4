#include "tests/support/plan_fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

const ggdm_plan_options plan_unbounded = {.unit_cost = 1e30,
                                          .min_units = 1,
                                          .min_block = 1,
                                          .max_trajectories = INT32_MAX,
                                          .max_state_bytes = SIZE_MAX};

static ggdm_status tell_cost(void *context, const char *head, const char *setting,
                             ggdm_step_cost *out, ggdm_error *err)
{
    plan_fixture *f = context;
    (void)err;
    int32_t h = 0, s = 0;
    while (f->heads[h] != head)
        h++;
    while (f->settings[s] != setting)
        s++;
    f->asked[h][s]++;
    *out = f->cost[h][s];
    return GGDM_OK;
}

void plan_fixture_init(plan_fixture *f, ggdm_order order)
{
    double forward = ggdm_plan_options_default().unit_cost / 24000;
    memset(f, 0, sizeof *f);
    f->unguided = (ggdm_step_cost){.operations = forward, .evaluations = 1, .state_bytes = 4096};
    f->guided =
        (ggdm_step_cost){.operations = 2.2 * forward, .evaluations = 1, .state_bytes = 4096};
    f->coster = (ggdm_coster){f, tell_cost};
    f->spec.order = order;
    f->cells.spec = &f->spec;
    f->cells.heads = f->heads;
    f->cells.settings = f->settings;
}

void plan_fixture_release(plan_fixture *f)
{
    ggdm_plan_deinit(&f->plan);
    ggdm_arena_deinit(&f->cells.arena);
    free(f->cells.cells);
    free(f->cells.trajectories);
}

void plan_fixture_add_head(plan_fixture *f, const char *text)
{
    assert_true(f->cells.n_heads < PLAN_HEADS);
    f->heads[f->cells.n_heads++] = text;
}

int32_t plan_fixture_add_setting(plan_fixture *f, const char *text, ggdm_step_cost cost)
{
    int32_t n = f->cells.n_settings++;
    assert_true(n < PLAN_SETTINGS);
    f->settings[n] = text;
    for (int h = 0; h < PLAN_HEADS; h++)
        f->cost[h][n] = cost;
    return n;
}

void plan_fixture_add_cell(plan_fixture *f, int64_t trajectory)
{
    ggdm_error err;
    ggdm_cells *c = &f->cells;
    ggdm_test_ok(ggdm_grow(&c->cells, &f->cell_cap, (size_t)c->n_cells + 1, sizeof *c->cells, &err),
                 &err);
    c->cells[c->n_cells] = (ggdm_cell){.place = c->n_cells, .trajectory = trajectory};
    c->n_cells++;
}

static bool same_runs(const ggdm_trajectory *a, const ggdm_trajectory *b)
{
    for (int32_t i = 0; a->n_runs == b->n_runs && i < a->n_runs; i++)
        if (a->runs[i].end != b->runs[i].end || a->runs[i].setting != b->runs[i].setting)
            return false;
    return a->n_runs == b->n_runs;
}

void plan_fixture_add_trajectory(plan_fixture *f, ggdm_trajectory t)
{
    ggdm_error err;
    ggdm_cells *c = &f->cells;
    int32_t i = 0;
    while (i < c->n_trajectories &&
           !(c->trajectories[i].head == t.head && same_runs(&c->trajectories[i], &t)))
        i++;
    if (i == c->n_trajectories) {
        size_t size = (size_t)t.n_runs * sizeof *t.runs;
        ggdm_run_of_steps *runs;
        ggdm_test_ok(ggdm_arena_alloc(&c->arena, size, &runs, &err), &err);
        memcpy(runs, t.runs, size);
        t.runs = runs;
        t.first_cell = c->n_cells;
        ggdm_test_ok(ggdm_grow(&c->trajectories, &f->trajectory_cap, (size_t)i + 1,
                               sizeof *c->trajectories, &err),
                     &err);
        c->trajectories[c->n_trajectories++] = t;
    }
    plan_fixture_add_cell(f, c->first_trajectory + i);
}

int32_t plan_fixture_encode(const int32_t *setting, int32_t steps, ggdm_run_of_steps *runs)
{
    int32_t n = 0;
    for (int32_t s = 0; s < steps; s++) {
        if (s == 0 || setting[s] != setting[s - 1])
            n++;
        runs[n - 1] = (ggdm_run_of_steps){s + 1, setting[s]};
    }
    return n;
}

void plan_fixture_add_window(plan_fixture *f, int32_t steps, int32_t samples, int32_t setting,
                             int32_t start, int32_t length)
{
    int32_t *at = ggdm_test_alloc((size_t)steps, sizeof *at);
    ggdm_run_of_steps runs[3];
    for (int32_t s = 0; s < steps; s++)
        at[s] = s >= start && s < start + length ? setting : 0;
    int32_t n = plan_fixture_encode(at, steps, runs);
    plan_fixture_add_trajectory(
        f, (ggdm_trajectory){.n_runs = n, .runs = runs, .image_count = samples});
    free(at);
}

void plan_fixture_plan(plan_fixture *f, const ggdm_plan_options *options)
{
    ggdm_error err;
    ggdm_test_ok(ggdm_plan_make(&f->cells, &f->coster, options, &f->plan, &err), &err);
}

/* ---- laws ----------------------------------------------------------------------------------- */

int32_t plan_fixture_setting_at(const ggdm_trajectory *t, int32_t step)
{
    const ggdm_run_of_steps *run = t->runs;
    while (run->end <= step)
        run++;
    return run->setting;
}

int32_t plan_fixture_steps(const ggdm_trajectory *t)
{
    return t->runs[t->n_runs - 1].end;
}

/* The steps of one trajectory, followed from its last segment to the first: each once, as its runs
 * say. */
static void check_path(const plan_fixture *f, const ggdm_tree *tree, int32_t last)
{
    const ggdm_segment *s = &tree->segments[last];
    const ggdm_trajectory *t = &f->cells.trajectories[s->trajectory - f->cells.first_trajectory];
    assert_true(t->head == tree->head && t->image_first == tree->image_first);
    assert_true(t->image_count == tree->image_count);
    assert_true(s->end == tree->steps && s->end == plan_fixture_steps(t));
    int32_t begin = s->end;
    for (int32_t i = last; i >= 0; i = tree->segments[i].parent) {
        const ggdm_segment *p = &tree->segments[i];
        assert_int_equal(p->end, begin); /* the child's begin is the parent's end */
        assert_true(p->begin < p->end && p->parent < i);
        for (int32_t step = p->begin; step < p->end; step++)
            assert_int_equal(p->setting, plan_fixture_setting_at(t, step));
        begin = p->begin;
    }
    assert_int_equal(begin, 0);
}

/* Of so many images; last: with the last step of the chain. */
static void add_work(const plan_fixture *f, int32_t head, int32_t setting, int64_t images,
                     int64_t steps, bool last, ggdm_plan_count *to)
{
    const ggdm_step_cost *c = &f->cost[head][setting];
    const int64_t ticks = images * (steps * c->evaluations - last * c->spared_evaluations);
    const double operations =
        (double)images * ((double)steps * c->operations - last * c->spared_operations);
    to->evaluations += ticks;
    to->guided += setting != 0 ? ticks : 0;
    to->operations += operations;
    to->guided_operations += setting != 0 ? operations : 0;
}

static void check_work(const ggdm_plan_count *got, const ggdm_plan_count *want)
{
    assert_true(got->evaluations == want->evaluations && got->guided == want->guided);
    assert_true(fabs(got->operations - want->operations) <= 1e-9 * want->operations);
    assert_true(fabs(got->guided_operations - want->guided_operations) <=
                1e-9 * want->guided_operations);
}

/* What a tree has, by its segments. */
static void check_tree(const plan_fixture *f, const ggdm_tree *tree, const ggdm_plan_options *o)
{
    ggdm_plan_count work = {0};
    size_t bytes = 0;
    int32_t ends = 0;
    int64_t lowest = INT64_MAX;
    for (int32_t i = 0; i < tree->n_segments; i++) {
        const ggdm_segment *s = &tree->segments[i];
        add_work(f, tree->head, s->setting, 1, s->end - s->begin, s->end == tree->steps, &work);
        const size_t state = f->cost[tree->head][s->setting].state_bytes;
        bytes = state > bytes ? state : bytes;
        assert_true(s->score_first == 0 && s->score_count == 0);
        /* Maximal: what goes on from one place goes on differently. */
        for (int32_t k = 0; k < i; k++)
            assert_true(tree->segments[k].parent != s->parent ||
                        tree->segments[k].setting != s->setting);
        if (s->trajectory < 0)
            continue;
        ends++;
        lowest = s->trajectory < lowest ? s->trajectory : lowest;
        check_path(f, tree, i);
    }
    assert_int_equal(ends, tree->n_trajectories);
    assert_true(lowest == tree->first_trajectory);
    bytes *= (size_t)tree->n_segments; /* all states are as large as the largest */
    assert_true(bytes == tree->state_bytes);
    assert_true(fabs(work.operations - tree->cost) <= 1e-9 * tree->cost);
    assert_true(ends == 1 || ends <= o->max_trajectories);
    assert_true(ends == 1 || bytes <= o->max_state_bytes);
}

/* What each cell would cost alone, and each trajectory. */
static void check_counts(const plan_fixture *f)
{
    const ggdm_cells *c = &f->cells;
    ggdm_plan_count naive = {0};
    int64_t images = 0;
    for (int32_t i = 0; i < c->n_cells; i++) {
        int64_t number = c->cells[i].trajectory - c->first_trajectory;
        if (number < 0)
            continue;
        const ggdm_trajectory *t = &c->trajectories[number];
        for (int32_t step = 0, steps = plan_fixture_steps(t); step < steps; step++)
            add_work(f, t->head, plan_fixture_setting_at(t, step), t->image_count, 1,
                     step + 1 == steps, &naive);
    }
    for (int32_t i = 0; i < c->n_trajectories; i++)
        images += c->trajectories[i].image_count;
    check_work(&f->plan.naive, &naive);
    assert_true(f->plan.n_images == images);
    assert_true(f->plan.shared.evaluations <= naive.evaluations);
    assert_true(f->plan.shared.guided <= naive.guided);
    assert_true(f->plan.shared.operations <= naive.operations * (1 + 1e-9));
    assert_true(f->plan.cost == f->plan.shared.operations);
}

/* Each price that occurs is asked for once. */
static void check_questions(const plan_fixture *f)
{
    int want[PLAN_HEADS][PLAN_SETTINGS] = {0};
    for (int32_t i = 0; i < f->cells.n_trajectories; i++) {
        const ggdm_trajectory *t = &f->cells.trajectories[i];
        for (int32_t r = 0; r < t->n_runs && t->image_count > 0; r++)
            want[t->head][t->runs[r].setting] = 1;
    }
    assert_memory_equal(f->asked, want, sizeof want);
}

void plan_fixture_check(const plan_fixture *f, const ggdm_plan_options *options)
{
    enum { IMAGES = 100 }; /* more than any index */
    size_t n = (size_t)f->cells.n_trajectories * IMAGES, most = 0;
    int *covered = ggdm_test_alloc(n, sizeof *covered);
    memset(covered, 0, n * sizeof *covered);
    ggdm_plan_count shared = {0};
    for (int32_t i = 0; i < f->plan.n_trees; i++) {
        const ggdm_tree *tree = &f->plan.trees[i];
        check_tree(f, tree, options);
        assert_true(i == 0 || tree[-1].first_trajectory < tree->first_trajectory);
    }
    for (int32_t u = 0; u < f->plan.n_units; u++) {
        const ggdm_plan_unit *unit = &f->plan.units[u];
        const ggdm_tree *tree = &f->plan.trees[unit->tree];
        size_t bytes = tree->state_bytes * (size_t)unit->image_count;
        most = bytes > most ? bytes : most;
        assert_true(unit->image_count >= 1 && unit->image_first >= tree->image_first);
        assert_true(bytes <= options->max_state_bytes || unit->image_count == 1);
        assert_true(unit->cost == tree->cost * unit->image_count);
        assert_true(u == 0 || f->spec.order == GGDM_ORDER_SHUFFLE || unit[-1].cost >= unit->cost);
        assert_true(u == 0 || f->spec.order == GGDM_ORDER_COST ||
                    unit[-1].image_first <= unit->image_first);
        for (int32_t i = 0; i < tree->n_segments; i++) {
            const ggdm_segment *s = &tree->segments[i];
            add_work(f, tree->head, s->setting, unit->image_count, s->end - s->begin,
                     s->end == tree->steps, &shared);
            for (int32_t k = 0; k < unit->image_count && s->trajectory >= 0; k++)
                covered[(s->trajectory - f->cells.first_trajectory) * IMAGES + unit->image_first +
                        k]++;
        }
    }
    for (int32_t i = 0; i < f->cells.n_trajectories; i++) {
        const ggdm_trajectory *t = &f->cells.trajectories[i];
        for (int32_t k = 0; k < IMAGES; k++)
            assert_int_equal(covered[i * IMAGES + k],
                             k >= t->image_first && k < t->image_first + t->image_count);
    }
    check_work(&f->plan.shared, &shared);
    assert_true(ggdm_plan_state_bytes(&f->plan) == most);
    check_counts(f);
    check_questions(f);
    free(covered);
}

void plan_fixture_check_same(const ggdm_plan *a, const ggdm_plan *b)
{
    assert_int_equal(a->n_trees, b->n_trees);
    assert_int_equal(a->n_units, b->n_units);
    for (int32_t i = 0; i < a->n_trees; i++) {
        const ggdm_tree *x = &a->trees[i], *y = &b->trees[i];
        assert_true(x->n_segments == y->n_segments && x->cost == y->cost);
        for (int32_t k = 0; k < x->n_segments; k++) {
            const ggdm_segment *s = &x->segments[k], *t = &y->segments[k];
            assert_true(s->parent == t->parent && s->begin == t->begin && s->end == t->end &&
                        s->setting == t->setting && s->trajectory == t->trajectory);
        }
    }
    for (int32_t i = 0; i < a->n_units; i++) {
        const ggdm_plan_unit *x = &a->units[i], *y = &b->units[i];
        assert_true(x->tree == y->tree && x->image_first == y->image_first &&
                    x->image_count == y->image_count && x->cost == y->cost && x->draw == y->draw);
    }
}

void plan_fixture_check_shards(plan_fixture *f, const ggdm_plan_options *options, int32_t shards)
{
    ggdm_error err;
    size_t n = (size_t)f->plan.n_units;
    bool *seen = ggdm_test_alloc(n, sizeof *seen);
    memset(seen, 0, n * sizeof *seen);
    int64_t images = 0;
    double cost = 0;
    for (int32_t shard = 0; shard < shards; shard++) {
        ggdm_plan part;
        ggdm_test_ok(ggdm_plan_make(&f->cells, &f->coster, options, &part, &err), &err);
        plan_fixture_check_same(&part, &f->plan);
        ggdm_test_ok(ggdm_plan_keep_shard(&part, shard, shards, &err), &err);
        for (int32_t i = 0; i < part.n_units; i++) {
            int64_t k = ggdm_plan_unit_number(&part, i);
            assert_true(k < f->plan.n_units && !seen[k]);
            seen[k] = true;
            const ggdm_plan_unit *a = &part.units[i], *b = &f->plan.units[k];
            assert_true(a->tree == b->tree && a->image_first == b->image_first &&
                        a->image_count == b->image_count && a->cost == b->cost);
        }
        images += part.n_images;
        cost += part.cost;
        ggdm_plan_deinit(&part);
    }
    for (size_t k = 0; k < n; k++)
        assert_true(seen[k]);
    assert_true(images == f->plan.n_images);
    assert_true(fabs(cost - f->plan.cost) <= 1e-9 * cost);
    free(seen);
}
