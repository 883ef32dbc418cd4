/* Ticks: a solver that looks twice at each step and remembers the one before, of a catalogue of
 * this test's own, branches and resumes like any other; whoever watches sees each tick once; texts
 * that do not fit are errors of the unit that say where. */
#include "worker/generate.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/recipe.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_unit.h"
#include "worker/kinds.h"

enum { STEPS = GGDM_TINY_STEPS };

static ggdm_tiny_methods tiny;

/* ---- a solver of second order ---- */

static const ggdm_param rows[] = {{.key = "steps",
                                   .type = GGDM_PARAM_WHOLE,
                                   .structure = true,
                                   .lo = 1,
                                   .hi = 1000,
                                   .fallback = GGDM_WHOLE(1000),
                                   .help = "Steps."},
                                  {.key = "order",
                                   .type = GGDM_PARAM_WHOLE,
                                   .structure = true,
                                   .lo = 1,
                                   .hi = 2,
                                   .fallback = GGDM_WHOLE(2),
                                   .help = "Whether it looks back."}};

/* Rows of a step: where it is, and where it goes; the last one looks twice at the same place. */
static ggdm_status solver_chain(const ggdm_item *sampler, const ggdm_noise_levels *levels,
                                ggdm_chain *out, ggdm_error *err)
{
    (void)sampler, (void)err;
    int32_t stride = levels->train_steps / out->steps;
    for (int32_t i = 0; i < 2 * out->steps; i++) {
        int32_t t = (out->steps - 1 - i / 2) * stride, at = i % 2 && t >= stride ? t - stride : t;
        double next = t >= stride ? levels->alpha_bar[t - stride] : 1.0, bar = levels->alpha_bar[t];
        ggdm_step *s = &out->step[i];
        *s = ggdm_step_between(at, levels->alpha_bar[at], next);
        s->moved_x = (float)sqrt((1 - next) / (1 - bar));
        s->moved_x0 = (float)(sqrt(next) - sqrt(bar) * s->moved_x);
        s->sigma = i % 2 && next < 1 ? 0.05f : 0.0f;
    }
    return GGDM_OK;
}

static atomic_int wrong; /* calls that did not get what they should */

/* x goes to moved_x x + moved_x0 D: first with this place's x0-hat as D, then with the mean of both
 * places, extrapolated from that of the step before; noise twice. */
static bool solver_step(const ggdm_chain *chain, int32_t step, int32_t tick,
                        const ggdm_item *sampler, ggdm_sampler_io *io)
{
    const ggdm_step *s = &chain->step[2 * step + tick];
    float *d = io->kept, *from = io->kept + io->n;
    bool second = ggdm_item_whole(sampler, "order") == 2 && io->filled == 1, finite = true;
    wrong += io->filled != (step > 0);
    for (int64_t i = 0; i < io->n; i++) {
        float x0 = s->x0_x * io->x[i] + s->x0_eps * io->eps[i];
        x0 = fminf(fmaxf(x0, -1.0f), 1.0f);
        if (tick == 0) {
            from[i] = io->x[i];
            d[i] = x0;
        } else {
            d[i] = 0.5f * (d[i] + x0);
        }
        float drive = tick == 1 && second ? 1.5f * d[i] - 0.5f * io->history[i] : d[i];
        io->x[i] = s->moved_x * from[i] + s->moved_x0 * drive;
        if (s->sigma != 0.0f)
            io->x[i] += s->sigma * io->z[i] - s->sigma * io->z[io->n + i];
        finite = finite && isfinite(io->x[i]);
    }
    return finite;
}

static const ggdm_sampler_kind solver = {.kind = {.family = GGDM_FAMILY_SAMPLER,
                                                  .name = "solver",
                                                  .help = "Looks twice, and back.",
                                                  GGDM_PARAMS(rows)},
                                         .history = 1,
                                         .keeps = 2,
                                         .noises = 2,
                                         .evaluations = 2,
                                         .chain = solver_chain,
                                         .step = solver_step};

static const ggdm_kind *kinds[64];
static ggdm_catalogue catalogue;

static int setup(void **state)
{
    ggdm_tiny_methods_open(&tiny);
    memcpy(kinds, ggdm_methods.kinds, ggdm_methods.n_kinds * sizeof *kinds);
    kinds[ggdm_methods.n_kinds] = &solver.kind;
    catalogue = (ggdm_catalogue){kinds, ggdm_methods.n_kinds + 1};
    *state = &tiny;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ggdm_tiny_methods_close(&tiny);
    return 0;
}

static ggdm_executor *create(int32_t batch, int32_t threads)
{
    const ggdm_job job = {.precision = GGDM_PRECISION_FP32, .batch = batch, .threads = threads};
    ggdm_executor *e;
    ggdm_error err;
    ggdm_test_ok(ggdm_executor_create(&job, &catalogue, &tiny.models, &e, &err), &err);
    return e;
}

static const char *solver_head(const char *more)
{
    static char text[200];
    snprintf(text, sizeof text,
             "{\"model\":\"%s\",\"sampler\":{\"kind\":\"solver\",\"steps\":%d%s},\"seed\":7}",
             ggdm_tiny_digests[0], STEPS, more);
    return text;
}

/* Heads whose state is more than x. */
static const char *rich_head(int k)
{
    static const char *const real[] = {"heun", "dpmpp-2m"};
    return k == 0 ? solver_head("")
                  : ggdm_tiny_text(&tiny.arena, GGDM_FAMILY_STAGE,
                                   "{model: U, sampler: {kind: %s, steps: %d, clip_x0: true}, "
                                   "seed: 7}",
                                   real[k - 1], STEPS);
}

static const char *ddpm_head(void)
{
    return ggdm_tiny_text(&tiny.arena, GGDM_FAMILY_STAGE,
                          "{model: U, sampler: {kind: ddpm, steps: %d, clip_x0: true}, seed: 7}",
                          STEPS);
}

static const char *guided(void)
{
    return ggdm_tiny_guidance(&tiny.arena, "xt-full", "nll", 0.2);
}

/* Guided for 0, 4 and 8 steps, as one tree. */
static void tree(ggdm_tiny_unit *u, const char *head, int first, int count)
{
    ggdm_tiny_unit_init(u, &tiny.arena, head, first, count);
    ggdm_tiny_unit_add(u, -1, 4, guided(), -1);
    ggdm_tiny_unit_add(u, 0, 8, guided(), -1);
    ggdm_tiny_unit_add(u, 0, STEPS, "{}", 1);
    ggdm_tiny_unit_add(u, 1, STEPS, "{}", 2);
    ggdm_tiny_unit_add(u, -1, STEPS, "{}", 0);
}

static void run(const ggdm_tiny_unit *u, int32_t batch, ggdm_tiny_run *r)
{
    ggdm_executor *e = create(batch, 1);
    ggdm_error err;
    ggdm_test_ok(ggdm_tiny_run_on(e, &u->unit, r, &err), &err);
    ggdm_executor_destroy(&e);
}

/* A tree makes what each of its cells makes alone. */
static void check_branches(const char *head, const ggdm_tiny_run *all)
{
    ggdm_tiny_unit u;
    ggdm_tiny_run single = {0};
    for (int i = 0; i < 3; i++) {
        ggdm_tiny_unit_init(&u, &tiny.arena, head, 0, 3);
        if (i > 0)
            ggdm_tiny_unit_add(&u, -1, 4 * i, guided(), -1);
        ggdm_tiny_unit_add(&u, i > 0 ? 0 : -1, STEPS, "{}", i);
        run(&u, 2, &single);
        for (int image = 0; image < 3; image++)
            assert_true(ggdm_tiny_same(ggdm_tiny_sample(&single, i, image),
                                       ggdm_tiny_sample(all, i, image)));
        ggdm_tiny_run_deinit(&single);
    }
}

static void test_generate_branches_with_history(void **state)
{
    (void)state;
    ggdm_tiny_unit u;
    ggdm_tiny_run all = {0}, single = {0};
    for (int k = 2; k >= 0; k--) {
        ggdm_tiny_run_deinit(&all);
        all = (ggdm_tiny_run){0};
        tree(&u, rich_head(k), 0, 3);
        run(&u, 16, &all);
        assert_int_equal(all.total, (k == 2 ? 1 : 2) * 3 * (4 + 4 + 8 + 4 + 12));
        assert_int_equal(all.last_done, all.total);
        check_branches(rich_head(k), &all);
    }
    ggdm_tiny_unit_init(&u, &tiny.arena, solver_head(",\"order\":1"), 0, 3);
    ggdm_tiny_unit_add(&u, -1, STEPS, "{}", 0);
    run(&u, 16, &single);
    assert_false(ggdm_tiny_same(ggdm_tiny_sample(&single, 0, 0), ggdm_tiny_sample(&all, 0, 0)));
    assert_int_equal(wrong, 0);
    ggdm_tiny_run_deinit(&single);
    ggdm_tiny_run_deinit(&all);
}

/* Stopped after each batch, also between the two ticks of a step. */
static void test_generate_resumes_between_ticks(void **state)
{
    (void)state;
    ggdm_executor *e[2] = {create(16, 1), create(4, 1)};
    for (int k = 0; k < 3; k++) {
        ggdm_tiny_unit u;
        ggdm_tiny_run want = {0}, got = {0};
        ggdm_error err;
        tree(&u, rich_head(k), 2, 3);
        ggdm_test_ok(ggdm_tiny_run_on(e[0], &u.unit, &want, &err), &err);
        for (int batches = 1; batches <= 3; batches += 2) {
            assert_true(ggdm_tiny_run_in_pieces(e, &u.unit, batches, &got) >
                        (k == 2 ? STEPS / 2 : STEPS)); /* dpmpp-2m has half the ticks */
            ggdm_tiny_assert_same(&want, &got);
            got.last_done = 0;
        }
        ggdm_tiny_run_deinit(&got);
        ggdm_tiny_run_deinit(&want);
    }
    assert_int_equal(wrong, 0);
    ggdm_executor_destroy(&e[0]);
    ggdm_executor_destroy(&e[1]);
}

/* ---- watching ---- */

enum { WATCH_SEGMENTS = 5, WATCH_IMAGES = 3 };

typedef struct seen {
    const ggdm_tiny_unit *u;
    int at[WATCH_SEGMENTS][WATCH_IMAGES][STEPS][2];
    int guided;
} seen;

static void look(void *context, const ggdm_tick_view *v)
{
    seen *s = context;
    bool is_guided = strcmp(s->u->settings[s->u->segments[v->segment].setting], "{}") != 0;
    s->at[v->segment][v->image][v->step][v->tick]++;
    assert_int_equal(v->elements, 64);
    is_guided = is_guided && v->tick == 0; /* the step is, once */
    assert_int_equal(v->n_terms, is_guided);
    double size = 0, x = 0, x0 = 0;
    for (int i = 0; i < 64; i++) {
        x += fabs((double)v->x[i]) + fabs((double)v->eps[i]);
        x0 += fabs((double)v->x0[i]);
        size += is_guided ? fabs((double)v->terms[0].gradient[i]) : 0;
    }
    assert_true(x > 0 && x0 > 0);
    if (is_guided)
        assert_true(size > 0 && v->terms[0].loss > 0); /* -log p */
    s->guided += is_guided;
}

static void test_generate_watch_sees_every_tick_once(void **state)
{
    (void)state;
    for (int ticks = 1; ticks <= 2; ticks++) {
        ggdm_tiny_unit u;
        seen s = {.u = &u};
        ggdm_tiny_run watched = {.watch = look, .watcher = &s}, alone = {0};
        tree(&u, ticks == 1 ? ddpm_head() : solver_head(""), 1, WATCH_IMAGES);
        run(&u, 4, &watched);
        for (int k = 0; k < WATCH_SEGMENTS; k++)
            for (int i = 0; i < WATCH_IMAGES; i++)
                for (int step = 0; step < STEPS; step++)
                    for (int tick = 0; tick < 2; tick++) {
                        bool open = step >= u.segments[k].begin && step < u.segments[k].end;
                        assert_int_equal(s.at[k][i][step][tick], open && tick < ticks);
                    }
        assert_int_equal(s.guided, 8 * WATCH_IMAGES);
        run(&u, 4, &alone);
        ggdm_tiny_assert_same(&watched, &alone); /* looking changes nothing */
        ggdm_tiny_run_deinit(&alone);
        ggdm_tiny_run_deinit(&watched);
    }
}

/* x behind the first step, and the gradient in it; all ticks. */
typedef struct first_step {
    int ticks;
    float x[64], gradient[64];
} first_step;

static void look_at_first_step(void *context, const ggdm_tick_view *v)
{
    first_step *f = context;
    f->ticks++;
    if (v->step == 0 && v->tick == 0 && v->n_terms > 0)
        memcpy(f->gradient, v->terms[0].gradient, sizeof f->gradient);
    if (v->step == 1 && v->tick == 0)
        memcpy(f->x, v->x, sizeof f->x);
}

/* However often a step looks, guidance acts on its result once, by the gradient at its x. */
static void test_generate_guides_once_a_step(void **state)
{
    (void)state;
    first_step seen_of[2];
    memset(seen_of, 0, sizeof seen_of);
    for (int k = 0; k < 2; k++) {
        ggdm_tiny_unit u;
        ggdm_tiny_run r = {.watch = look_at_first_step, .watcher = &seen_of[k]};
        ggdm_tiny_unit_init(&u, &tiny.arena,
                            ggdm_tiny_text(&tiny.arena, GGDM_FAMILY_STAGE,
                                           "{model: U, sampler: {kind: heun, steps: %d}, seed: 7}",
                                           STEPS),
                            0, 1);
        ggdm_tiny_unit_add(&u, -1, STEPS, k == 0 ? "{}" : guided(), 0);
        run(&u, 1, &r);
        assert_int_equal(seen_of[k].ticks, 2 * STEPS - 1); /* once in the last step */
        ggdm_tiny_run_deinit(&r);
    }
    for (int i = 0; i < 64; i++) {
        float want = seen_of[0].x[i] - 0.2f * seen_of[1].gradient[i];
        assert_true(fabsf(seen_of[1].x[i] - want) <= 8 * GGDM_TEST_EPS32 * (1 + fabsf(want)));
    }
}

/* ---- texts from elsewhere ---- */

#define D1 "1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "2222222222222222222222222222222222222222222222222222222222222222"
#define D9 "9999999999999999999999999999999999999999999999999999999999999999"

static void test_generate_bad_texts_are_errors_that_say_where(void **state)
{
    (void)state;
    static const struct {
        const char *head, *setting, *scorer; /* NULL: a good one */
        ggdm_status status;
        const char *text;
    } bad[] = {
        {"{", NULL, NULL, GGDM_EFORMAT, "unit 5: head: stage:1:"},
        {"{\"sampler\":{\"kind\":\"none\"}}", NULL, NULL, GGDM_EUNSUPPORTED, "unit 5: head: "},
        {"{\"model\":\"" D1 "\",\"sampler\":{\"kind\":\"ddpm\",\"steps\":12},\"seed\":0}", NULL,
         NULL, GGDM_EFORMAT, "not the canonical text"},
        {"{\"model\":\"" D1 "\",\"sampler\":{\"kind\":\"ddpm\",\"steps\":13}}", NULL, NULL,
         GGDM_EINVAL, "the head's chain has 13 steps, expected 12"},
        {"{\"model\":\"" D9 "\",\"sampler\":{\"kind\":\"ddpm\",\"steps\":12}}", NULL, NULL,
         GGDM_EINVAL, "unit 5: head: model: model " D9 " is none of this run"},
        {"{\"model\":\"" D2 "\",\"sampler\":{\"kind\":\"ddpm\",\"steps\":12}}", NULL, NULL,
         GGDM_EINVAL, "is a GgdmCNN, expected one that gives eps"},
        {NULL, "{} ", NULL, GGDM_EINVAL, "unit 5: setting 1: guidance: expected terms"},
        {NULL, "[[[[[[[[[[]]]]]]]]]]", NULL, GGDM_EINVAL,
         "unit 5: setting 1: guidance: a list, expected a map"},
        {NULL,
         "{\"terms\":[{\"loss\":{\"kind\":\"classifier\",\"model\":\"" D2
         "\",\"target\":10},\"weight\":2}]}",
         NULL, GGDM_EINVAL, "loss.target: value '10', expected a class of "},
        {NULL,
         "{\"terms\":[{\"loss\":{\"kind\":\"classifier\",\"model\":\"" D1
         "\",\"target\":1},\"weight\":2}]}",
         NULL, GGDM_EINVAL, "is a UNet2DModel, expected one that gives logits"},
        {NULL,
         "{\"terms\":[{\"loss\":{\"kind\":\"classifier\",\"model\":\"" D2
         "\",\"target\":1},\"weight\":1e999}]}",
         NULL, GGDM_EFORMAT, "unit 5: setting 1: guidance:1:"},
        {NULL,
         "{\"kind\":\"gradient\",\"loss\":{\"kind\":\"classifier\",\"model\":\"" D2
         "\",\"target\":1},\"kappa\":2}",
         NULL, GGDM_EINVAL, "guidance 'gradient' is a preset, expected what it stands for"},
        {NULL, NULL, "{\"kind\":\"wish\"}", GGDM_EUNSUPPORTED, "unit 5: scorer 10: "},
        {NULL, NULL, "{\"model\":\"" D9 "\"}", GGDM_EINVAL,
         "unit 5: scorer 10: model: model " D9 " is none of this run"},
    };
    ggdm_executor *e = create(4, 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ggdm_tiny_unit u;
        ggdm_tiny_run r = {0};
        ggdm_error err;
        ggdm_tiny_unit_init(&u, &tiny.arena, bad[i].head ? bad[i].head : ddpm_head(), 0, 1);
        ggdm_tiny_unit_add(&u, -1, STEPS, "{}", 0);
        ggdm_tiny_unit_add(&u, -1, STEPS, bad[i].setting ? bad[i].setting : guided(), 1);
        if (bad[i].scorer)
            u.scorers[0].text = (char *)bad[i].scorer;
        ggdm_status st = ggdm_tiny_run_on(e, &u.unit, &r, &err);
        ggdm_test_error(st, &err, bad[i].status, bad[i].text);
        assert_int_equal(r.batches, 0);
        assert_int_equal(r.n, 0);
    }
    /* A worker lives on. */
    ggdm_tiny_unit u;
    ggdm_tiny_run r = {0};
    ggdm_error err;
    tree(&u, ddpm_head(), 0, 1);
    ggdm_test_ok(ggdm_tiny_run_on(e, &u.unit, &r, &err), &err);
    assert_int_equal(r.n, 3);
    ggdm_tiny_run_deinit(&r);
    ggdm_executor_destroy(&e);
}

/* More heads than are kept, in turn. */
static void test_generate_heads_come_and_go(void **state)
{
    (void)state;
    ggdm_executor *e = create(4, 1);
    ggdm_tiny_run first[6], again = {0};
    ggdm_error err;
    memset(first, 0, sizeof first);
    for (int i = 0; i < 12; i++) {
        ggdm_tiny_unit u;
        ggdm_tiny_unit_init(&u, &tiny.arena,
                            ggdm_tiny_text(&tiny.arena, GGDM_FAMILY_STAGE,
                                           "{model: U, sampler: {kind: ddpm, steps: %d}, seed: "
                                           "%d}",
                                           STEPS, i % 6),
                            0, 1);
        ggdm_tiny_unit_add(&u, -1, STEPS, "{}", 0);
        ggdm_tiny_run *r = i < 6 ? &first[i] : &again;
        ggdm_test_ok(ggdm_tiny_run_on(e, &u.unit, r, &err), &err);
        if (i >= 6) {
            ggdm_tiny_assert_same(&first[i % 6], &again);
            ggdm_tiny_run_deinit(&again);
        }
    }
    assert_false(ggdm_tiny_same(&first[0].samples[0], &first[1].samples[0]));
    for (int i = 0; i < 6; i++)
        ggdm_tiny_run_deinit(&first[i]);
    ggdm_executor_destroy(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generate_branches_with_history),
        cmocka_unit_test(test_generate_resumes_between_ticks),
        cmocka_unit_test(test_generate_watch_sees_every_tick_once),
        cmocka_unit_test(test_generate_guides_once_a_step),
        cmocka_unit_test(test_generate_bad_texts_are_errors_that_say_where),
        cmocka_unit_test(test_generate_heads_come_and_go),
    };
    setenv("GGDM_LOG", "error", 1);
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
