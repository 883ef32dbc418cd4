/* Where eps comes from: every source against its definition in double, of networks with a label,
 * without one, and of a weaker network, which other programs evaluate; gradients of terms beside it
 * against differences of their losses; what the preset stands for. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/recipe.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_methods.h"
#include "worker/cost.h"
#include "worker/programs.h"

enum { N = 3, BATCH = 4, PIXELS = 8 * 8, NO_CLASS = 10 };

/* Three images in one batch, of other labels, strengths and noise. */
static const ggdm_step steps[N] = {
    {.t = 950, .alpha_bar = 0.1}, {.t = 420, .alpha_bar = 0.4}, {.t = 30, .alpha_bar = 0.9}};
static const int labels[N] = {3, 7, 0};
static const double strengths[N] = {2.5, 0.4, -1};

/* U: a network with a null label; G: a classifier; J: a weaker U. */
typedef struct world {
    ggdm_tiny_methods m;
    ggdm_model_files files[2];
    ggdm_model_ref refs[3];
    ggdm_programs *programs;
} world;

static void open_network(world *w, int i, const char *name, uint64_t seed, ggdm_model **out)
{
    char *path = ggdm_tiny_model_write(w->m.tiny.dir, name, ggdm_tiny_null_config, seed);
    *out = ggdm_tiny_model_open(path, &w->files[i]);
    free(path);
}

static int setup(void **state)
{
    static world w;
    ggdm_model *strong, *weak;
    ggdm_tiny_methods_open(&w.m);
    open_network(&w, 0, "strong", 7, &strong);
    open_network(&w, 1, "weak", 8, &weak);
    w.refs[0] = (ggdm_model_ref){.digest = ggdm_tiny_digests[0], .model = strong};
    w.refs[1] = w.m.refs[1];
    w.refs[2] = (ggdm_model_ref){.digest = ggdm_tiny_digests[2], .model = weak};
    w.m.models.items = w.refs;
    w.programs = ggdm_tiny_programs(&w.m.models, BATCH);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    ggdm_programs_destroy(&w->programs);
    for (int i = 0; i < 2; i++) {
        ggdm_model *model = (ggdm_model *)w->refs[2 * i].model;
        ggdm_model_destroy(&model);
        ggdm_model_files_close(&w->files[i]);
    }
    ggdm_tiny_methods_close(&w->m);
    return 0;
}

static ggdm_item *head_of(world *w, char model, int label)
{
    char yaml[120];
    snprintf(yaml, sizeof yaml, "{model: %c, sampler: {kind: ddpm}, condition: {label: %d}}", model,
             label);
    return ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_STAGE, yaml);
}

static ggdm_item *guidance(world *w, const char *yaml)
{
    return ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_GUIDANCE, yaml);
}

static ggdm_values values_of(world *w, ggdm_item *item)
{
    ggdm_values values;
    ggdm_error err;
    ggdm_test_ok(ggdm_values_of(&w->m.arena, item, &values, &err), &err);
    return values;
}

/* A tick of all images. */
static const ggdm_program *run_tick(world *w, const float *x, ggdm_item *const heads[N],
                                    ggdm_item *const settings[N])
{
    const ggdm_program *p;
    ggdm_error err;
    int32_t number;
    ggdm_test_ok(ggdm_programs_tick(w->programs, heads[0], settings[0], &number, &err), &err);
    ggdm_test_ok(ggdm_programs_get(w->programs, number, N, &p, &err), &err);
    memcpy(p->x, x, N * PIXELS * sizeof *x);
    for (int i = 0; i < N; i++) {
        const ggdm_step step = ggdm_step_between(steps[i].t, steps[i].alpha_bar, 1);
        const ggdm_values given = values_of(w, heads[i]);
        const ggdm_values set = settings[i] ? values_of(w, settings[i]) : (ggdm_values){0};
        ggdm_program_fill(p, i, &step, &given, settings[i] ? &set : NULL);
    }
    ggdm_graph_run(p->graph);
    return p;
}

/* eps of a network with the images' labels, or without. */
static void plain_eps(world *w, char model, bool labelled, const float *x, float *eps)
{
    ggdm_item *heads[N], *const unguided[N] = {NULL};
    for (int i = 0; i < N; i++)
        heads[i] = head_of(w, model, labelled ? labels[i] : NO_CLASS);
    memcpy(eps, run_tick(w, x, heads, unguided)->eps, N * PIXELS * sizeof *eps);
}

/* A source with the images' strengths, perhaps with terms behind it. */
static const ggdm_program *guided(world *w, const char *source, const char *terms, const float *x)
{
    ggdm_item *heads[N], *settings[N];
    for (int i = 0; i < N; i++) {
        char yaml[400];
        heads[i] = head_of(w, 'U', labels[i]);
        snprintf(yaml, sizeof yaml, "{eps: {%s, s: %g}%s}", source, strengths[i], terms);
        settings[i] = guidance(w, yaml);
    }
    return run_tick(w, x, heads, settings);
}

/* ---- definitions --------------------------------------------------------------------------- */

/* eps of one image, of the strength s: with the label, without, and that of the weaker network. */
typedef void definition(double s, const float *with, const float *without, const float *weak,
                        double *eps);

static void classifier_free(double s, const float *with, const float *without, const float *weak,
                            double *eps)
{
    (void)weak;
    for (int k = 0; k < PIXELS; k++)
        eps[k] = without[k] + s * ((double)with[k] - without[k]);
}

static double dot(const double *a, const double *b)
{
    double sum = 0;
    for (int k = 0; k < PIXELS; k++)
        sum += a[k] * b[k];
    return sum;
}

static void to_double(const float *a, double *out)
{
    for (int k = 0; k < PIXELS; k++)
        out[k] = a[k];
}

static double deviation(const double *a)
{
    double mean = 0, sum = 0;
    for (int k = 0; k < PIXELS; k++)
        mean += a[k] / PIXELS;
    for (int k = 0; k < PIXELS; k++)
        sum += (a[k] - mean) * (a[k] - mean);
    return sqrt(sum / PIXELS);
}

static void rescaled(double s, const float *with, const float *without, const float *weak,
                     double *eps)
{
    const double phi = 0.7;
    double c[PIXELS];
    to_double(with, c);
    classifier_free(s, with, without, weak, eps);
    const double ratio = deviation(c) / deviation(eps);
    for (int k = 0; k < PIXELS; k++)
        eps[k] = phi * eps[k] * ratio + (1 - phi) * eps[k];
}

/* d of at most this length, its part along c times eta. */
static void projected(double s, const float *with, const float *without, double longest, double eta,
                      double *eps)
{
    double c[PIXELS], d[PIXELS];
    to_double(with, c);
    for (int k = 0; k < PIXELS; k++)
        d[k] = c[k] - without[k];
    const double shorter = fmin(1, longest / sqrt(dot(d, d)));
    for (int k = 0; k < PIXELS; k++)
        d[k] *= shorter;
    const double along = dot(d, c) / dot(c, c);
    for (int k = 0; k < PIXELS; k++)
        eps[k] = c[k] + (s - 1) * ((d[k] - along * c[k]) + eta * along * c[k]);
}

/* With diffusers' defaults, which here is classifier-free guidance: nothing is so long. */
static void apg(double s, const float *with, const float *without, const float *weak, double *eps)
{
    (void)weak;
    projected(s, with, without, 15, 1, eps);
}

static void apg_short(double s, const float *with, const float *without, const float *weak,
                      double *eps)
{
    (void)weak;
    projected(s, with, without, 0.25, 0.2, eps);
}

static void cfg_zero(double s, const float *with, const float *without, const float *weak,
                     double *eps)
{
    double c[PIXELS], u[PIXELS];
    (void)weak;
    to_double(with, c);
    to_double(without, u);
    const double share = dot(c, u) / (dot(u, u) + 1e-8);
    for (int k = 0; k < PIXELS; k++)
        eps[k] = share * u[k] + s * (c[k] - share * u[k]);
}

static void autoguidance(double s, const float *with, const float *without, const float *weak,
                         double *eps)
{
    (void)without;
    for (int k = 0; k < PIXELS; k++)
        eps[k] = weak[k] + s * ((double)with[k] - weak[k]);
}

static const struct {
    const char *source;
    definition *definition;
} sources[] = {
    {"kind: classifier-free", classifier_free},
    {"kind: classifier-free, rescale: 0.7", rescaled},
    {"kind: apg", apg},
    {"kind: apg, longest: 0.25, parallel: 0.2", apg_short},
    {"kind: cfg-zero", cfg_zero},
    {"kind: autoguidance, weak: J", autoguidance},
};
enum { N_SOURCES = sizeof sources / sizeof *sources };

static void images(uint64_t seed, float *x)
{
    ggdm_test_rng rng = ggdm_test_rng_init(seed);
    ggdm_test_fill_normal(&rng, x, N * PIXELS, 1.0);
}

static void test_sources_are_what_they_are_defined_as(void **state)
{
    world *w = *state;
    static float x[N * PIXELS], with[N * PIXELS], without[N * PIXELS], weak[N * PIXELS];
    images(ggdm_test_seed(), x);
    plain_eps(w, 'U', true, x, with);
    plain_eps(w, 'U', false, x, without);
    plain_eps(w, 'J', true, x, weak);
    for (size_t s = 0; s < N_SOURCES; s++) {
        const ggdm_program *p = guided(w, sources[s].source, "", x);
        for (int i = 0; i < N; i++) {
            double want[PIXELS];
            const int at = i * PIXELS;
            sources[s].definition(strengths[i], with + at, without + at, weak + at, want);
            for (int k = 0; k < PIXELS; k++) {
                const double bar = steps[i].alpha_bar;
                const double x0 = (x[at + k] - sqrt(1 - bar) * want[k]) / sqrt(bar);
                if (!(fabs(p->eps[at + k] - want[k]) < 1e-5 * (1 + fabs(want[k]))) ||
                    !(fabs(p->x0[at + k] - x0) < 1e-4 * (1 + fabs(x0))))
                    ggdm_test_fail("%s: image %d, pixel %d: eps %g, expected %g", sources[s].source,
                                   i, k, (double)p->eps[at + k], want[k]);
            }
        }
    }
}

/* 0 is the network without a label, to the bit. */
static void test_sources_of_strength_0_are_the_network_without_a_label(void **state)
{
    world *w = *state;
    static float x[N * PIXELS], without[N * PIXELS];
    ggdm_item *heads[N], *settings[N];
    images(ggdm_test_seed(), x);
    plain_eps(w, 'U', false, x, without);
    for (int i = 0; i < N; i++) {
        heads[i] = head_of(w, 'U', labels[i]);
        settings[i] = guidance(w, "{kind: classifier-free, s: 0}");
    }
    ggdm_test_same_bits("eps", run_tick(w, x, heads, settings)->eps, without, N * PIXELS, 1);
}

/* Each row of an image in a diffusion network counts: two of every source, also with a term behind
 * it, and one where its strength is neutral.  Momentum is a part of the state. */
static void test_sources_are_two_evaluations(void **state)
{
    world *w = *state;
    ggdm_costs *costs;
    ggdm_coster coster;
    ggdm_error err;
    ggdm_test_ok(ggdm_costs_create(&w->m.models, &costs, &coster, &err), &err);
    for (size_t s = 0; s < 3 * N_SOURCES; s++) {
        static const char *const behind[] = {
            "", ", terms: [{loss: {kind: classifier, model: G, target: 5}}]", ""};
        const char *head, *setting = "{}";
        char yaml[400];
        ggdm_step_cost cost;
        snprintf(yaml, sizeof yaml, "{eps: {%s, s: %d}%s}", sources[s / 3].source,
                 s % 3 == 2 ? 1 : 2, behind[s % 3]);
        ggdm_item *item = ggdm_item_reduce(&w->m.arena, guidance(w, yaml));
        ggdm_test_ok(ggdm_recipe_print(&w->m.arena, head_of(w, 'U', 3), false, &head, &err), &err);
        if (item)
            ggdm_test_ok(ggdm_recipe_print(&w->m.arena, item, false, &setting, &err), &err);
        ggdm_test_ok(coster.cost(coster.context, head, setting, &cost, &err), &err);
        assert_int_equal(cost.evaluations, s % 3 == 2 ? 1 : 2);
    }
    const char *head, *text;
    ggdm_step_cost cost;
    ggdm_item *momentum = guidance(w, "{eps: {kind: apg, s: 2, momentum: -0.5}}");
    ggdm_test_ok(ggdm_recipe_print(&w->m.arena, head_of(w, 'U', 3), false, &head, &err), &err);
    ggdm_test_ok(ggdm_recipe_print(&w->m.arena, momentum, false, &text, &err), &err);
    ggdm_test_ok(coster.cost(coster.context, head, text, &cost, &err), &err);
    assert_int_equal(cost.state_bytes, 2 * PIXELS * sizeof(float));
    ggdm_costs_destroy(&costs);
}

/* What cannot be a weak model says why. */
static void refuse_weak(world *w, const char *config, const char *scheduler, const char *message)
{
    static int number_of_models;
    char name[40];
    ggdm_model_ref refs[3];
    const ggdm_models models = {refs, 3, NULL};
    ggdm_model_files files;
    ggdm_model *weak;
    const ggdm_program *p;
    int32_t number;
    ggdm_error err;
    snprintf(name, sizeof name, "other%d", number_of_models++);
    char *path = ggdm_tiny_model_write(w->m.tiny.dir, name, config, 9);
    ggdm_test_ok(ggdm_model_files_open(path, &files, &err), &err);
    char *own = files.scheduler, other[100];
    snprintf(other, sizeof other, "%s", scheduler);
    files.scheduler = *scheduler ? other : own;
    ggdm_test_ok(ggdm_model_create(&files, &weak, &err), &err);
    memcpy(refs, w->refs, sizeof refs);
    refs[2].model = weak;
    ggdm_programs *programs = ggdm_tiny_programs(&models, 1);
    ggdm_test_ok(ggdm_programs_tick(programs, head_of(w, 'U', 1),
                                    guidance(w, "{eps: {kind: autoguidance, s: 2, weak: J}}"),
                                    &number, &err),
                 &err);
    assert_int_not_equal(ggdm_programs_get(programs, number, 1, &p, &err), GGDM_OK);
    assert_non_null(strstr(err.msg, message));
    ggdm_programs_destroy(&programs);
    ggdm_model_destroy(&weak);
    files.scheduler = own;
    ggdm_model_files_close(&files);
    free(path);
}

static void test_sources_weak_models_must_fit(void **state)
{
    world *w = *state;
    refuse_weak(w, ggdm_tiny_wide_config, "", "makes images of 16x16x1, expected 8x8x1 as model");
    refuse_weak(w, ggdm_tiny_null_config, "{\"num_train_timesteps\": 500}",
                "was trained with other noise, expected that of model");
    refuse_weak(w, ggdm_tiny_null_config, "{\"beta_end\": 0.01}", "was trained with other noise");
    refuse_weak(w, ggdm_tiny_unet_config, "", "takes no label, expected one that takes what");
    refuse_weak(w, ggdm_tiny_cnn_config, "", "is a GgdmCNN, expected a diffusion model");
}

/* ---- gradients ----------------------------------------------------------------------------- */

/* The derivative of each image's loss along a direction of length 1, from two central differences;
 * returns the larger of their difference and the noise of f32 losses over a step. */
static double derivative(world *w, const char *source, const char *terms, const float *x,
                         const float *along, double want[N])
{
    static const double at[4] = {-2, -1, 1, 2};
    const double h = 0x1p-6;
    double loss[4][N], error = 0;
    for (int p = 0; p < 4; p++) {
        float moved[N * PIXELS];
        for (int k = 0; k < N * PIXELS; k++)
            moved[k] = (float)(x[k] + at[p] * h * along[k]);
        const float *got = guided(w, source, terms, moved)->shifts[0].loss;
        for (int i = 0; i < N; i++)
            loss[p][i] = got[i];
    }
    for (int i = 0; i < N; i++) {
        const double fine = (loss[2][i] - loss[1][i]) / (2 * h);
        const double coarse = (loss[3][i] - loss[0][i]) / (4 * h);
        want[i] = (4 * fine - coarse) / 3;
        error = fmax(error, fmax(fabs(fine - coarse), 4e-6 * fabs(loss[1][i]) / h));
    }
    return error;
}

static void test_sources_have_exact_gradients(void **state)
{
    world *w = *state;
    static const char terms[] = ", terms: [{loss: {kind: classifier, model: G, target: 5}}]";
    static float x[N * PIXELS], grad[N * PIXELS], along[N * PIXELS];
    images(ggdm_test_seed(), x);
    for (size_t s = 0; s < N_SOURCES; s++) {
        double want[N], length[N];
        const ggdm_program *p = guided(w, sources[s].source, terms, x);
        assert_int_equal(p->n_shifts, 1);
        memcpy(grad, p->shifts[0].grad, sizeof grad);
        for (int i = 0; i < N; i++) {
            length[i] = 0;
            for (int k = 0; k < PIXELS; k++)
                length[i] += (double)grad[i * PIXELS + k] * grad[i * PIXELS + k];
            length[i] = sqrt(length[i]);
        }
        for (int way = 0; way < 3; way++) { /* its own, and two others that share half with it */
            images(ggdm_test_seed() + (uint64_t)way, along);
            for (int i = 0; i < N; i++) {
                double own = way ? 4 / length[i] : 1, sum = 0;
                for (int k = i * PIXELS; k < (i + 1) * PIXELS; k++) {
                    along[k] = (float)(own * grad[k] + (way ? 0.5 * along[k] : 0));
                    sum += (double)along[k] * along[k];
                }
                for (int k = i * PIXELS; k < (i + 1) * PIXELS; k++)
                    along[k] = (float)(along[k] / sqrt(sum));
            }
            const double error = derivative(w, sources[s].source, terms, x, along, want);
            for (int i = 0; i < N; i++) {
                double got = 0;
                for (int k = i * PIXELS; k < (i + 1) * PIXELS; k++)
                    got += (double)grad[k] * along[k];
                if (!(error < 0.02 * length[i]) || !(fabs(got - want[i]) <= error))
                    ggdm_test_fail("%s: image %d, way %d: %g, expected %g +- %g of a gradient of "
                                   "%g",
                                   sources[s].source, i, way, got, want[i], error, length[i]);
            }
        }
    }
}

/* ---- the preset ---------------------------------------------------------------------------- */

static const char *text_of(world *w, const char *yaml)
{
    const char *text = "{}";
    ggdm_error err;
    const ggdm_item *item = ggdm_item_reduce(&w->m.arena, guidance(w, yaml));
    if (item)
        ggdm_test_ok(ggdm_recipe_print(&w->m.arena, item, false, &text, &err), &err);
    return text;
}

static void test_sources_both_conventions_are_one_text(void **state)
{
    world *w = *state;
    static const struct {
        const char *yaml, *text;
    } rows[] = {
        {"{kind: classifier-free, s: 1}", "{}"}, /* the condition alone */
        {"{kind: classifier-free, w: 0}", "{}"},
        {"{kind: classifier-free, s: 1, recurrence: {repeats: 2}}", "{}"},
        {"{kind: classifier-free, s: 1.14}", "{\"eps\":{\"kind\":\"classifier-free\",\"s\":1.14}}"},
        {"{kind: classifier-free, w: 0.14}", "{\"eps\":{\"kind\":\"classifier-free\",\"s\":1.14}}"},
        {"{kind: classifier-free, w: -1}", "{\"eps\":{\"kind\":\"classifier-free\",\"s\":0}}"},
        {"{kind: classifier-free, w: -1, rescale: 0.5}",
         "{\"eps\":{\"kind\":\"classifier-free\",\"s\":0,\"rescale\":0.5}}"},
        {"{eps: {kind: apg, s: 1, parallel: 0}}", "{}"},
        {"{eps: {kind: cfg-zero, s: 1}}", "{}"},
        {"{eps: {kind: autoguidance, s: 1, weak: J}}", "{}"},
        {"{kind: classifier-free, w: 2, terms: [{loss: {kind: tv}}], recurrence: {repeats: 2}}",
         "{\"eps\":{\"kind\":\"classifier-free\",\"s\":3},\"terms\":[{\"loss\":{\"kind\":\"tv\"}}],"
         "\"recurrence\":{\"repeats\":2}}"},
        {"{kind: classifier-free, s: 1, terms: [{loss: {kind: tv}}]}",
         "{\"terms\":[{\"loss\":{\"kind\":\"tv\"}}]}"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(text_of(w, rows[i].yaml), rows[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources_are_what_they_are_defined_as),
        cmocka_unit_test(test_sources_of_strength_0_are_the_network_without_a_label),
        cmocka_unit_test(test_sources_are_two_evaluations),
        cmocka_unit_test(test_sources_weak_models_must_fit),
        cmocka_unit_test(test_sources_have_exact_gradients),
        cmocka_unit_test(test_sources_both_conventions_are_one_text),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
