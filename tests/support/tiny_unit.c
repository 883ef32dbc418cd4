#include "tests/support/tiny_unit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/recipe.h"
#include "tests/support/ggdm_test.h"
#include "worker/kinds.h"

/* ---- building ---- */

char *ggdm_tiny_text(ggdm_arena *arena, const char *family, const char *format, ...)
{
    char yaml[400];
    const char *text;
    ggdm_error err;
    va_list args;
    va_start(args, format);
    vsnprintf(yaml, sizeof yaml, format, args);
    va_end(args);
    ggdm_test_ok(ggdm_recipe_print(arena, ggdm_tiny_item(arena, family, yaml), false, &text, &err),
                 &err);
    return (char *)text;
}

char *ggdm_tiny_guidance(ggdm_arena *arena, const char *gradient, const char *form, double kappa)
{
    if (kappa == 0)
        return "{}";
    return ggdm_tiny_text(arena, GGDM_FAMILY_GUIDANCE,
                          "{kind: gradient, gradient: %s, kappa: %.17g, "
                          "loss: {kind: classifier, model: G, form: %s, target: 3}}",
                          gradient, kappa, form);
}

void ggdm_tiny_unit_init(ggdm_tiny_unit *u, ggdm_arena *arena, const char *head, int32_t first,
                         int32_t count)
{
    *u = (ggdm_tiny_unit){.arena = arena, .scores = {0, 1, 2, 3}};
    static const char *const scorers[] = {"{model: G}", "{model: J}",
                                          "{kind: loss, of: {kind: classifier, model: G, target: "
                                          "7}}",
                                          "{kind: saturation}"};
    for (int i = 0; i < 4; i++)
        u->scorers[i] =
            (ggdm_scorer_ref){10 + i, ggdm_tiny_text(arena, GGDM_FAMILY_SCORER, "%s", scorers[i])};
    u->unit = (ggdm_unit){.id = 5,
                          .image_first = first,
                          .image_count = count,
                          .steps = GGDM_TINY_STEPS,
                          .head = (char *)head,
                          .settings = u->settings,
                          .segments = u->segments,
                          .n_scorers = 4,
                          .scorers = u->scorers,
                          .n_scores = 4,
                          .scores = u->scores};
}

int32_t ggdm_tiny_unit_add(ggdm_tiny_unit *u, int32_t parent, int32_t end, const char *setting,
                           int64_t trajectory)
{
    bool ends = end == u->unit.steps;
    int32_t i = 0;
    while (i < u->unit.n_settings && strcmp(u->settings[i], setting) != 0)
        i++;
    if (i == u->unit.n_settings)
        u->settings[u->unit.n_settings++] = (char *)setting;
    u->segments[u->unit.n_segments] =
        (ggdm_segment){.parent = parent,
                       .begin = parent < 0 ? 0 : u->segments[parent].end,
                       .end = end,
                       .setting = i,
                       .trajectory = ends ? trajectory : -1,
                       .score_count = ends ? u->unit.n_scores : 0};
    return u->unit.n_segments++;
}

/* ---- running ---- */

static bool on_step(void *context, int64_t done, int64_t total)
{
    ggdm_tiny_run *r = context;
    ggdm_error err;
    assert_true(done >= r->last_done && done <= total);
    r->last_done = done;
    r->total = total;
    r->batches++;
    if (r->stop_after == 0 || --r->stop_after > 0)
        return true;
    ggdm_wire_reset(&r->state);
    ggdm_test_ok(ggdm_executor_save(r->executor, &r->state, &r->step, &err), &err);
    return false;
}

static ggdm_status on_sample(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    ggdm_tiny_run *r = context;
    ggdm_wire w;
    assert_true(r->n < (int)(sizeof r->samples / sizeof *r->samples));
    ggdm_wire_init(&w);
    ggdm_status st = ggdm_sample_pack(sample, &w, err);
    if (st == GGDM_OK)
        st = ggdm_sample_unpack(&r->samples[r->n++], &w, err);
    ggdm_wire_deinit(&w);
    return st;
}

static void on_watch(void *context, const ggdm_tick_view *view)
{
    ggdm_tiny_run *r = context;
    r->watch(r->watcher, view);
}

ggdm_executor *ggdm_tiny_executor(const ggdm_job *job, const ggdm_models *models)
{
    ggdm_executor *e;
    ggdm_error err;
    ggdm_test_ok(ggdm_executor_create(job, &ggdm_methods, models, &e, &err), &err);
    return e;
}

ggdm_status ggdm_tiny_run_on(ggdm_executor *e, const ggdm_unit *unit, ggdm_tiny_run *r,
                             ggdm_error *err)
{
    const ggdm_executor_sink sink = {r, on_step, on_sample, r->watch ? on_watch : NULL};
    ggdm_wire w;
    ggdm_unit got;
    r->executor = e;
    ggdm_wire_init(&w);
    ggdm_status st = ggdm_unit_pack(unit, &w, err);
    if (st == GGDM_OK)
        st = ggdm_unit_unpack(&got, &w, err);
    ggdm_wire_deinit(&w);
    if (st != GGDM_OK)
        return st;
    if (unit->state) {
        got.step = unit->step;
        got.state = ggdm_test_alloc(unit->state_size, 1);
        got.state_size = unit->state_size;
        memcpy(got.state, unit->state, unit->state_size);
    }
    st = ggdm_executor_run(e, &got, &sink, err);
    ggdm_unit_deinit(&got);
    return st;
}

void ggdm_tiny_run_deinit(ggdm_tiny_run *r)
{
    for (int i = 0; i < r->n; i++)
        ggdm_sample_deinit(&r->samples[i]);
    ggdm_wire_deinit(&r->state);
    *r = (ggdm_tiny_run){0};
}

/* ---- results ---- */

const ggdm_sample *ggdm_tiny_sample(const ggdm_tiny_run *r, int64_t trajectory, int32_t index)
{
    for (int i = 0; i < r->n; i++)
        if (r->samples[i].trajectory == trajectory && r->samples[i].index == index)
            return &r->samples[i];
    ggdm_test_fail("no sample %d of trajectory %d", index, (int)trajectory);
    return NULL;
}

const ggdm_score *ggdm_tiny_score(const ggdm_sample *sample, int64_t scorer)
{
    for (int32_t i = 0; i < sample->n_scores; i++)
        if (sample->scores[i].scorer == scorer)
            return &sample->scores[i];
    return NULL;
}

bool ggdm_tiny_same(const ggdm_sample *a, const ggdm_sample *b)
{
    ggdm_wire x, y;
    ggdm_error err;
    ggdm_wire_init(&x);
    ggdm_wire_init(&y);
    ggdm_sample copy = *b;
    copy.trajectory = a->trajectory;
    ggdm_test_ok(ggdm_sample_pack(a, &x, &err), &err);
    ggdm_test_ok(ggdm_sample_pack(&copy, &y, &err), &err);
    bool same = x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
    ggdm_wire_deinit(&x);
    ggdm_wire_deinit(&y);
    return same;
}

void ggdm_tiny_assert_same(const ggdm_tiny_run *a, const ggdm_tiny_run *b)
{
    assert_int_equal(a->n, b->n);
    for (int i = 0; i < a->n; i++) {
        const ggdm_sample *s = &a->samples[i];
        assert_true(ggdm_tiny_same(s, ggdm_tiny_sample(b, s->trajectory, s->index)));
    }
}

int ggdm_tiny_run_in_pieces(ggdm_executor *const e[2], ggdm_unit *unit, int batches,
                            ggdm_tiny_run *got)
{
    ggdm_error err;
    for (int pieces = 0; pieces < 600; pieces++) {
        int64_t before = got->last_done;
        ggdm_tiny_run_deinit(got);
        got->last_done = before;
        got->stop_after = unit->step < unit->steps ? batches : 0;
        ggdm_status st = ggdm_tiny_run_on(e[pieces % 2], unit, got, &err);
        free(unit->state);
        unit->state = NULL;
        unit->step = 0;
        if (st != GGDM_ECANCELLED) {
            ggdm_test_ok(st, &err);
            return pieces;
        }
        assert_true(got->last_done > before || got->step == unit->steps);
        unit->state = ggdm_test_alloc(got->state.size, 1);
        unit->state_size = got->state.size;
        unit->step = got->step;
        memcpy(unit->state, got->state.data, got->state.size);
    }
    ggdm_test_fail("the unit does not get further");
    return 0;
}
