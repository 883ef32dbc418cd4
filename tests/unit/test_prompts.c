/* Prompts in workers: what a network makes of them, kept by model and text; the loss and the scorer
 * of networks of images and texts against their definitions. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/recipe.h"
#include "models/nn/ops.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_methods.h"
#include "worker/model_rows.h"
#include "worker/programs.h"
#include "worker/prompts.h"

enum { SIDE = 8, PIXELS = SIDE * SIDE, VECTOR = 6, TEXT = 24, CHANNELS = 8, BATCH = 4 };

static const char clip_digest[] =
    "4444444444444444444444444444444444444444444444444444444444444444";
static const char noisy_digest[] =
    "5555555555555555555555555555555555555555555555555555555555555555";
#define CLIP "model: \"4444444444444444444444444444444444444444444444444444444444444444\""
#define NOISY "model: \"5555555555555555555555555555555555555555555555555555555555555555\""

#define D6 "6666666666666666666666666666666666666666666666666666666666666666"
#define D7 "7777777777777777777777777777777777777777777777777777777777777777"

#define D8 "8888888888888888888888888888888888888888888888888888888888888888"

enum { N_MODELS = 5 };

typedef struct world {
    ggdm_tiny_methods m;
    ggdm_model_files files[N_MODELS];
    ggdm_model *clip, *noisy, *words, *reader, *judge;
    ggdm_model_ref refs[3 + N_MODELS];
    ggdm_models models;
    ggdm_item *head;
    ggdm_programs *programs;
} world;

static void open_model(world *w, char *path, int i, ggdm_model **out)
{
    *out = ggdm_tiny_model_open(path, &w->files[i]);
    free(path);
}

static int setup(void **state)
{
    static world w;
    ggdm_tiny_methods_open(&w.m);
    const char *dir = w.m.tiny.dir;
    char *pipeline = ggdm_tiny_pipeline_write(dir, "words", 22);
    open_model(&w, ggdm_tiny_reader_write(dir, "clip", ggdm_tiny_clip_config, 20), 0, &w.clip);
    open_model(&w, ggdm_tiny_reader_write(dir, "noisy", ggdm_tiny_noisy_clip_config, 21), 1,
               &w.noisy);
    open_model(&w, ggdm_test_path(pipeline, "unet"), 2, &w.words);
    open_model(&w, ggdm_test_path(pipeline, "text_encoder"), 3, &w.reader);
    open_model(&w, ggdm_tiny_model_write(dir, "attributes", ggdm_tiny_attributes_config, 24), 4,
               &w.judge);
    free(pipeline);
    memcpy(w.refs, w.m.refs, sizeof w.m.refs);
    w.refs[3] = (ggdm_model_ref){clip_digest, w.clip, "clip"};
    w.refs[4] = (ggdm_model_ref){noisy_digest, w.noisy, "noisy"};
    w.refs[5] = (ggdm_model_ref){D6, w.words, "words"};
    w.refs[6] = (ggdm_model_ref){D7, w.reader, "reader"};
    w.refs[7] = (ggdm_model_ref){D8, w.judge, "judge"};
    w.models = (ggdm_models){w.refs, 3 + N_MODELS, &w.m.pictures};
    w.head = ggdm_tiny_item(&w.m.arena, GGDM_FAMILY_STAGE,
                            "{model: U, sampler: {kind: ddpm, steps: 10}}");
    w.programs = ggdm_tiny_programs(&w.models, BATCH);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    ggdm_programs_destroy(&w->programs);
    ggdm_model_destroy(&w->clip);
    ggdm_model_destroy(&w->noisy);
    ggdm_model_destroy(&w->words);
    ggdm_model_destroy(&w->reader);
    ggdm_model_destroy(&w->judge);
    for (int i = 0; i < N_MODELS; i++)
        ggdm_model_files_close(&w->files[i]);
    ggdm_tiny_methods_close(&w->m);
    return 0;
}

/* ---- the cache ------------------------------------------------------------------------------ */

static void encode(ggdm_prompts *p, const ggdm_model *model, const char *text, float *out)
{
    ggdm_error err;
    ggdm_test_ok(ggdm_prompts_get(p, model, text, false, GGDM_TEXT_EMBEDDING, out, VECTOR, &err),
                 &err);
}

static void test_prompts_are_encoded_once(void **state)
{
    const world *w = *state;
    ggdm_prompts *p;
    float cat[VECTOR], dog[VECTOR], again[VECTOR], other[VECTOR];
    float sequence[TEXT * CHANNELS];
    ggdm_error err;
    ggdm_test_ok(ggdm_prompts_create(GGDM_PROMPTS_BYTES, &p, &err), &err);
    encode(p, w->clip, "a cat", cat);
    encode(p, w->clip, "a dog", dog);
    encode(p, w->clip, "a cat", again);
    assert_int_equal(ggdm_prompts_encoded(p), 2);
    assert_memory_equal(cat, again, sizeof cat);
    assert_true(memcmp(cat, dog, sizeof cat) != 0);
    encode(p, w->noisy, "a cat", other); /* another model */
    assert_true(memcmp(cat, other, sizeof cat) != 0);
    ggdm_test_ok(ggdm_prompts_get(p, w->clip, "a cat", false, GGDM_TEXT_SEQUENCE, sequence,
                                  TEXT * CHANNELS, &err),
                 &err);
    assert_int_equal(ggdm_prompts_encoded(p), 4);
    ggdm_prompts_destroy(&p);
}

static void test_prompts_beyond_the_bound_are_encoded_again(void **state)
{
    const world *w = *state;
    ggdm_prompts *p;
    float first[VECTOR], out[VECTOR];
    ggdm_error err;
    ggdm_test_ok(ggdm_prompts_create(2 * sizeof first, &p, &err), &err);
    encode(p, w->clip, "a", first);
    encode(p, w->clip, "b", out);
    encode(p, w->clip, "a", out); /* used last: it stays */
    encode(p, w->clip, "c", out);
    encode(p, w->clip, "a", out);
    assert_int_equal(ggdm_prompts_encoded(p), 3);
    encode(p, w->clip, "b", out);
    encode(p, w->clip, "d", out);
    encode(p, w->clip, "a", out);
    assert_int_equal(ggdm_prompts_encoded(p), 6);
    assert_memory_equal(first, out, sizeof out);
    ggdm_prompts_destroy(&p);
}

static void test_prompts_that_are_too_long_are_refused_or_cut(void **state)
{
    const world *w = *state;
    int32_t ids[TEXT];
    ggdm_error err = {0};
    ggdm_test_error(
        ggdm_prompt_tokens(w->clip, "thirty letters are too many words", false, NULL, &err), &err,
        GGDM_EINVAL, "30");
    assert_non_null(strstr(err.msg, "24"));
    ggdm_test_ok(ggdm_prompt_tokens(w->clip, "thirty letters are too many words", true, ids, &err),
                 &err);
    assert_int_equal(ids[TEXT - 1], 189);
    ggdm_test_error(ggdm_prompt_tokens(w->m.tiny.model[1], "a", false, NULL, &err), &err,
                    GGDM_EINVAL, "reads no prompts");
}

/* ---- programs ------------------------------------------------------------------------------- */

static int32_t number_of(world *w, const char *yaml)
{
    int32_t number;
    ggdm_error err;
    ggdm_test_ok(ggdm_programs_score(w->programs,
                                     ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_SCORER, yaml),
                                     (ggdm_image_shape){SIDE, SIDE, 1}, &number, &err),
                 &err);
    return number;
}

/* What n scorers of one program make of n images. */
static void scores(world *w, const char *const *yaml, int n, const double *x, float *out)
{
    const ggdm_program *p;
    ggdm_values values;
    ggdm_error err;
    ggdm_test_ok(ggdm_programs_get(w->programs, number_of(w, yaml[0]), n, &p, &err), &err);
    for (int i = 0; i < n; i++) {
        const ggdm_item *item = ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_SCORER, yaml[i]);
        ggdm_test_ok(ggdm_values_of(&w->m.arena, item, &values, &err), &err);
        for (int k = 0; k < PIXELS; k++)
            p->x[i * PIXELS + k] = (float)x[k];
        ggdm_program_fill(p, i, NULL, NULL, &values);
        ggdm_test_ok(ggdm_program_fill_prompts(p, i, NULL, &values, &err), &err);
    }
    ggdm_graph_run(p->graph);
    memcpy(out, p->score, (size_t)n * sizeof *out);
}

static void image(double *x)
{
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    for (int i = 0; i < PIXELS; i++)
        x[i] = ggdm_test_uniform(&rng, -1.3, 1.3);
}

static void test_prompts_share_a_program_and_are_each_images_own(void **state)
{
    static const char *const yaml[BATCH] = {
        "{kind: clip, " CLIP ", prompt: a}", "{kind: clip, " CLIP ", prompt: b}",
        "{kind: clip, " CLIP ", prompt: a cat}", "{kind: clip, " CLIP ", prompt: a}"};
    double x[PIXELS];
    float together[BATCH], alone;
    image(x);
    scores(*state, yaml, BATCH, x, together);
    for (int i = 0; i < BATCH; i++) {
        assert_int_equal(number_of(*state, yaml[i]), number_of(*state, yaml[0]));
        scores(*state, &yaml[i], 1, x, &alone);
        ggdm_test_same_bits(yaml[i], &alone, &together[i], 1, 1);
    }
    assert_true(together[0] != together[1] && together[0] == together[3]);
    assert_int_not_equal(number_of(*state, "{kind: clip, " CLIP ", prompt: a, truncate: true}"),
                         number_of(*state, yaml[0]));
}

static void near(const char *what, double got, double expected, double tolerance)
{
    if (!(fabs(got - expected) <= tolerance))
        ggdm_test_fail("%s: %.9g, expected %.9g", what, got, expected);
}

/* ---- definitions ---------------------------------------------------------------------------- */

/* The image tower alone. */
static void embed(const ggdm_model *model, const double *x, double *out)
{
    ggdm_graph *g;
    ggdm_error err;
    ggdm_ports ports = GGDM_NO_PORTS;
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &g, &err), &err);
    ports.x = ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE4(1, SIDE, SIDE, 1));
    ggdm_arch_emit(model->arch, g, &ports);
    ggdm_graph_output(g, ports.embedding);
    ggdm_test_ok(ggdm_graph_compile(g, &model->params, &err), &err);
    for (int i = 0; i < PIXELS; i++)
        ((float *)ggdm_graph_data(g, ports.x))[i] = (float)x[i];
    ggdm_graph_run(g);
    for (int i = 0; i < VECTOR; i++)
        out[i] = (double)((const float *)ggdm_graph_data(g, ports.embedding))[i];
    ggdm_graph_destroy(&g);
}

static void min_max(const double *x, double *out)
{
    double lo = x[0], hi = x[0];
    for (int i = 0; i < PIXELS; i++) {
        lo = fmin(lo, x[i]);
        hi = fmax(hi, x[i]);
    }
    for (int i = 0; i < PIXELS; i++)
        out[i] = 2 * (x[i] - lo) / (hi - lo) - 1;
}

static double cosine(const world *w, const double *x, const char *text)
{
    ggdm_prompts *p;
    double a[VECTOR], ab = 0, aa = 0, bb = 0;
    float b[VECTOR];
    ggdm_error err;
    ggdm_test_ok(ggdm_prompts_create(GGDM_PROMPTS_BYTES, &p, &err), &err);
    encode(p, w->clip, text, b);
    ggdm_prompts_destroy(&p);
    embed(w->clip, x, a);
    for (int i = 0; i < VECTOR; i++) {
        ab += a[i] * (double)b[i];
        aa += a[i] * a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

static double scale_of(const ggdm_model *model)
{
    for (size_t i = 0; i < model->params.n; i++)
        if (strcmp(model->params.items[i].name, "logit_scale") == 0)
            return exp((double)*(const float *)model->params.items[i].data);
    return 0;
}

static double loss_at(world *w, const char *rows, const double *x)
{
    char yaml[300];
    const char *const one = yaml;
    float out;
    snprintf(yaml, sizeof yaml, "{kind: loss, of: {kind: clip, " CLIP ", prompt: a cat%s}}", rows);
    scores(w, &one, 1, x, &out);
    return (double)out;
}

static void test_clip_losses_are_their_definitions(void **state)
{
    world *w = *state;
    double x[PIXELS], y[PIXELS];
    image(x);
    min_max(x, y);
    const double c = cosine(w, y, "a cat"), angle = acos(c);
    near("cosine", loss_at(w, "", x), -c, 1e-5);
    near("range", loss_at(w, ", normalize: range", x), -cosine(w, x, "a cat"), 1e-5);
    near("spherical", loss_at(w, ", form: spherical", x), angle * angle / 2, 1e-5);
    near("dot", loss_at(w, ", form: dot", x), -scale_of(w->clip) * c, 1e-4);
    near("weight", loss_at(w, ", weight: -2", x), 2 * c, 1e-5);
}

/* The program of a tick that is guided so, run on an image, which is x0-hat too. */
static const ggdm_program *tick(world *w, const char *guidance, int32_t t, const double *x)
{
    const ggdm_step step = {.t = t, .x0_x = 1};
    const ggdm_program *p;
    ggdm_values values;
    int32_t number;
    ggdm_error err;
    const ggdm_item *setting = ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_GUIDANCE, guidance);
    ggdm_test_ok(ggdm_programs_tick(w->programs, w->head, setting, &number, &err), &err);
    ggdm_test_ok(ggdm_programs_get(w->programs, number, 1, &p, &err), &err);
    ggdm_test_ok(ggdm_values_of(&w->m.arena, setting, &values, &err), &err);
    for (int i = 0; i < PIXELS; i++)
        p->x[i] = (float)x[i];
    ggdm_program_fill(p, 0, &step, NULL, &values);
    ggdm_test_ok(ggdm_program_fill_prompts(p, 0, NULL, &values, &err), &err);
    ggdm_graph_run(p->graph);
    return p;
}

/* Of a term: with respect to x0-hat. */
static void gradient_at(world *w, const char *rows, const double *x, float *out)
{
    char yaml[400];
    snprintf(yaml, sizeof yaml,
             "{terms: [{gradient: x0, loss: {kind: clip, " CLIP ", prompt: a cat%s}}]}", rows);
    memcpy(out, tick(w, yaml, 5, x)->shifts[0].grad, PIXELS * sizeof *out);
}

static void test_clip_gradients_are_differences(void **state)
{
    static const char *const rows[] = {"", ", normalize: range", ", form: spherical"};
    world *w = *state;
    const double h = 1e-2;
    double x[PIXELS], v[PIXELS], a[PIXELS], b[PIXELS];
    float g[PIXELS];
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    image(x);
    for (int i = 0; i < PIXELS; i++)
        v[i] = ggdm_test_uniform(&rng, -1, 1);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        double along = 0, length = 0;
        gradient_at(w, rows[k], x, g);
        for (int i = 0; i < PIXELS; i++) {
            a[i] = x[i] + h * v[i];
            b[i] = x[i] - h * v[i];
            along += (double)g[i] * v[i];
            length += (double)g[i] * (double)g[i];
        }
        const double slope = (loss_at(w, rows[k], a) - loss_at(w, rows[k], b)) / (2 * h);
        near(rows[k], along, slope, 0.03 * sqrt(length));
        assert_true(length > 0);
    }
}

/* ---- what does not go together -------------------------------------------------------------- */

static void refuse_tick(world *w, const char *terms, const char *message)
{
    char yaml[400];
    ggdm_emit e = {.batch = 1, .models = &w->models, .head = w->head};
    ggdm_error err = {0};
    snprintf(yaml, sizeof yaml, "{terms: [%s]}", terms);
    e.setting = ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_GUIDANCE, yaml);
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &e.graph, &err), &err);
    ggdm_emit_tick(&e);
    assert_int_not_equal(ggdm_emit_status(&e, &err), GGDM_OK);
    if (!strstr(err.msg, message))
        ggdm_test_fail("'%s', expected '%s'", err.msg, message);
    ggdm_graph_destroy(&e.graph);
}

static void test_clip_refuses_what_does_not_fit(void **state)
{
    refuse_tick(*state, "{loss: {kind: clip, " CLIP ", prompt: a, cutouts: 4}}",
                "each cut-out would be all of it; expected cut_scale above 1");
    refuse_tick(*state, "{loss: {kind: clip, model: G, prompt: a}}",
                "expected a network of images");
    refuse_tick(*state, "{loss: {kind: clip, model: \"" D7 "\", prompt: a}}",
                "model 'reader' is a CLIPTextModel, expected a network of images");
}

/* One that knows noise is told t at x_t, and 0 at x0-hat. */
static void test_clip_may_know_noise(void **state)
{
    static const char *const rows[] = {"at: xt", "gradient: x0"};
    world *w = *state;
    float losses[2];
    double x[PIXELS];
    image(x);
    for (int i = 0; i < 2; i++) {
        char yaml[300];
        snprintf(yaml, sizeof yaml,
                 "{terms: [{%s, loss: {kind: clip, form: dot, " NOISY ", prompt: a}}]}", rows[i]);
        losses[i] = tick(w, yaml, 700, x)->shifts[0].loss[0];
    }
    assert_true(losses[0] != losses[1] && isfinite(losses[0]) && isfinite(losses[1]));
}

/* ---- conditions ----------------------------------------------------------------------------- */

/* eps of an image; setting NULL: unguided. */
static void eps_of(world *w, const char *condition, const char *setting, const double *x,
                   float *out)
{
    char yaml[400];
    const ggdm_step step = {.t = 300, .x0_x = 1};
    const ggdm_program *p;
    ggdm_values head_values, values = {0};
    ggdm_item *guidance = NULL;
    int32_t number;
    ggdm_error err;
    snprintf(yaml, sizeof yaml,
             "{model: \"" D6 "\", sampler: {kind: ddim, steps: 10}, condition: {encoder: \"" D7
             "\", %s}}",
             condition);
    const ggdm_item *head = ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_STAGE, yaml);
    if (setting)
        guidance = ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_GUIDANCE, setting);
    ggdm_test_ok(ggdm_programs_tick(w->programs, head, guidance, &number, &err), &err);
    ggdm_test_ok(ggdm_programs_get(w->programs, number, 1, &p, &err), &err);
    ggdm_test_ok(ggdm_values_of(&w->m.arena, head, &head_values, &err), &err);
    ggdm_test_ok(ggdm_values_of(&w->m.arena, guidance, &values, &err), &err);
    for (int i = 0; i < PIXELS; i++)
        p->x[i] = (float)x[i];
    ggdm_program_fill(p, 0, &step, &head_values, &values);
    ggdm_test_ok(ggdm_program_fill_prompts(p, 0, &head_values, &values, &err), &err);
    ggdm_graph_run(p->graph);
    memcpy(out, p->eps, PIXELS * sizeof *out);
}

/* From the negative prompt, or the empty one, towards the prompt and beyond. */
static void test_prompts_guide_without_classifier(void **state)
{
    static const struct {
        const char *with, *from;
    } cases[] = {{"prompt: a cat", "prompt: ''"},
                 {"prompt: a cat, negative_prompt: a dog", "prompt: a dog"}};
    world *w = *state;
    double x[PIXELS];
    float cat[PIXELS], from[PIXELS], guided[PIXELS];
    image(x);
    eps_of(w, "prompt: a cat", NULL, x, cat);
    for (int k = 0; k < 2; k++) {
        double apart = 0;
        eps_of(w, cases[k].from, NULL, x, from);
        eps_of(w, cases[k].with, "{eps: {kind: classifier-free, s: 3}}", x, guided);
        for (int i = 0; i < PIXELS; i++) {
            const double a = (double)from[i], b = (double)cat[i];
            near(cases[k].with, (double)guided[i], a + 3 * (b - a), 1e-5 * (1 + fabs(a) + fabs(b)));
            apart += fabs(b - a);
        }
        assert_true(apart > 0.1);
    }
}

/* ---- judges of several questions ------------------------------------------------------------ */

/* What a classifier says of an image; how many numbers. */
static int ask(world *w, const char *rows, const double *x, float out[8])
{
    char yaml[200];
    const ggdm_program *p;
    ggdm_error err;
    snprintf(yaml, sizeof yaml, "{model: \"" D8 "\"%s}", rows);
    ggdm_test_ok(ggdm_programs_get(w->programs, number_of(w, yaml), 1, &p, &err), &err);
    for (int i = 0; i < PIXELS; i++)
        p->x[i] = (float)x[i];
    ggdm_graph_run(p->graph);
    memcpy(out, p->score, (size_t)p->width * sizeof *out);
    return p->width;
}

static void test_classifiers_are_asked_one_question(void **state)
{
    float all[8], glasses[8], hair[8];
    double x[PIXELS], sum = 0;
    image(x);
    assert_int_equal(ask(*state, "", x, all), 5);
    assert_int_equal(ask(*state, ", group: glasses", x, glasses), 2);
    assert_int_equal(ask(*state, ", group: hair_colour", x, hair), 3);
    assert_memory_equal(glasses, all, 2 * sizeof *all);
    assert_memory_equal(hair, all + 2, 3 * sizeof *all);
    for (int i = 0; i < 3; i++)
        sum += exp((double)hair[i]);
    near("sum", sum, 1, 1e-5);
}

/* A worker looks at what it is sent. */
static void test_prompts_in_recipes_are_checked_by_workers(void **state)
{
    world *w = *state;
    ggdm_error err = {0};
    ggdm_item *good = ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_SCORER,
                                     "{kind: clip, " CLIP ", prompt: a}"),
              *bad =
                  ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_SCORER,
                                 "{kind: clip, " CLIP ", prompt: a b c d e f g h i j k l m n o p q "
                                 "r s t u v w x y z}");
    ggdm_test_ok(ggdm_model_rows_check(&w->models, NULL, good, &err), &err);
    ggdm_test_error(ggdm_model_rows_check(&w->models, NULL, bad, &err), &err, GGDM_EINVAL,
                    "prompt: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prompts_are_encoded_once),
        cmocka_unit_test(test_prompts_beyond_the_bound_are_encoded_again),
        cmocka_unit_test(test_prompts_that_are_too_long_are_refused_or_cut),
        cmocka_unit_test(test_prompts_share_a_program_and_are_each_images_own),
        cmocka_unit_test(test_clip_losses_are_their_definitions),
        cmocka_unit_test(test_clip_gradients_are_differences),
        cmocka_unit_test(test_clip_refuses_what_does_not_fit),
        cmocka_unit_test(test_clip_may_know_noise),
        cmocka_unit_test(test_prompts_guide_without_classifier),
        cmocka_unit_test(test_classifiers_are_asked_one_question),
        cmocka_unit_test(test_prompts_in_recipes_are_checked_by_workers),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
