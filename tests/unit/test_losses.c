/* Each loss against its definition in double: the value as a scorer gives it, the gradient as a
 * term gives it against central differences of the definition. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/recipe.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_methods.h"
#include "worker/kinds.h"
#include "worker/programs.h"

enum { SIDE = 8, PIXELS = SIDE * SIDE };

typedef struct world {
    ggdm_tiny_methods m;
    ggdm_item *head;
    ggdm_programs *programs;
} world;

static int setup(void **state)
{
    static world w;
    ggdm_tiny_methods_open(&w.m);
    w.head = ggdm_tiny_item(&w.m.arena, GGDM_FAMILY_STAGE,
                            "{model: U, sampler: {kind: ddpm, steps: 10}}");
    w.programs = ggdm_tiny_programs(&w.m.models, 1);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    ggdm_programs_destroy(&w->programs);
    ggdm_tiny_methods_close(&w->m);
    return 0;
}

/* The program of this number, filled with the values of the item but for x. */
static const ggdm_program *get(world *w, int32_t number, const ggdm_item *item)
{
    /* x0-hat is x itself. */
    const ggdm_step step = {.t = 5, .x0_x = 1};
    const ggdm_program *p;
    ggdm_values values;
    ggdm_error err;
    ggdm_test_ok(ggdm_programs_get(w->programs, number, 1, &p, &err), &err);
    ggdm_test_ok(ggdm_values_of(&w->m.arena, item, &values, &err), &err);
    ggdm_program_fill(p, 0, p->t ? &step : NULL, NULL, &values);
    return p;
}

/* What a scorer makes of an image. */
static const float *score(world *w, const char *yaml, const double *x)
{
    const ggdm_item *scorer = ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_SCORER, yaml);
    int32_t number;
    ggdm_error err;
    ggdm_test_ok(
        ggdm_programs_score(w->programs, scorer, (ggdm_image_shape){SIDE, SIDE, 1}, &number, &err),
        &err);
    const ggdm_program *p = get(w, number, scorer);
    for (int i = 0; i < PIXELS; i++)
        p->x[i] = (float)x[i];
    ggdm_graph_run(p->graph);
    return p->score;
}

static float loss_at(world *w, const char *loss, const double *x)
{
    char yaml[400];
    snprintf(yaml, sizeof yaml, "{kind: loss, of: %s}", loss);
    return score(w, yaml, x)[0];
}

/* Its gradient with respect to x0-hat. */
static void gradient_at(world *w, const char *loss, const double *x, float *out)
{
    char yaml[500];
    int32_t number;
    ggdm_error err;
    snprintf(yaml, sizeof yaml, "{terms: [{gradient: x0, loss: %s}]}", loss);
    const ggdm_item *setting = ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_GUIDANCE, yaml);
    ggdm_test_ok(ggdm_programs_tick(w->programs, w->head, setting, &number, &err), &err);
    const ggdm_program *p = get(w, number, setting);
    for (int i = 0; i < PIXELS; i++)
        p->x[i] = (float)x[i];
    ggdm_graph_run(p->graph);
    memcpy(out, p->shifts[0].grad, PIXELS * sizeof *out);
}

/* ---- definitions --------------------------------------------------------------------------- */

static double nll(world *w, const double *x)
{
    return -score(w, "{kind: classifier, model: G}", x)[3];
}

static double neg_prob(world *w, const double *x)
{
    return -exp(score(w, "{kind: classifier, model: G}", x)[3]);
}

/* What the guide makes of an image: logits before they are normalised, or features of a layer. */
static int apply_guide(world *w, const double *x, const char *layer, bool raw, double *out)
{
    const ggdm_model *guide = w->m.tiny.model[1];
    ggdm_graph *g;
    ggdm_error err;
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &g, &err), &err);
    ggdm_ports p = ggdm_arch_inputs(guide->arch, g, 1);
    p.layer = layer;
    ggdm_arch_emit(guide->arch, g, &p);
    const ggdm_val v = raw ? p.raw : p.features;
    const int n = (int)ggdm_shape_count(ggdm_graph_shape(g, v));
    ggdm_graph_output(g, v);
    ggdm_test_ok(ggdm_graph_compile(g, &guide->params, &err), &err);
    for (int i = 0; i < PIXELS; i++)
        ((float *)ggdm_graph_data(g, p.x))[i] = (float)x[i];
    ggdm_graph_run(g);
    for (int k = 0; k < n; k++)
        out[k] = ((const float *)ggdm_graph_data(g, v))[k];
    ggdm_graph_destroy(&g);
    return n;
}

/* Mean squared distance of features to those of picture P. */
static double perceptual_of(world *w, const double *x, const char *layer, int width)
{
    enum { MOST = 8 * PIXELS };
    const uint8_t *y = ggdm_tiny_picture(&w->m, 'P')->data;
    double picture[PIXELS], a[MOST], b[MOST], sum = 0;
    for (int i = 0; i < PIXELS; i++)
        picture[i] = y[i] / 127.5 - 1;
    assert_int_equal(apply_guide(w, x, layer, false, a), width);
    apply_guide(w, picture, layer, false, b);
    for (int i = 0; i < width; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum / width;
}

static double perceptual(world *w, const double *x)
{
    return perceptual_of(w, x, NULL, 16);
}

static double perceptual_early(world *w, const double *x)
{
    return perceptual_of(w, x, "layers.0", 8 * PIXELS);
}

static double logit(world *w, const double *x)
{
    double z[10];
    apply_guide(w, x, NULL, true, z);
    return -z[3];
}

static double elucd_of(world *w, const double *x, double tau1, double tau2)
{
    double z[10], sum = 0;
    apply_guide(w, x, NULL, true, z);
    for (int k = 0; k < 10; k++)
        sum += exp(tau2 * z[k]);
    return log(sum) - tau1 * z[3];
}

static double elucd(world *w, const double *x)
{
    return elucd_of(w, x, 1, 0.5);
}

static double elucd_hot(world *w, const double *x)
{
    return elucd_of(w, x, 2, 3);
}

static double tv(world *w, const double *x)
{
    double sum = 0;
    (void)w;
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            double below = i + 1 < SIDE ? x[(i + 1) * SIDE + j] - x[i * SIDE + j] : 0;
            double right = j + 1 < SIDE ? x[i * SIDE + j + 1] - x[i * SIDE + j] : 0;
            sum += below * below + right * right;
        }
    return sum / PIXELS;
}

/* 3 (2 nll - 0.5 tv) */
static double sum(world *w, const double *x)
{
    return 2 * nll(w, x) - 0.5 * tv(w, x);
}

static double range(world *w, const double *x)
{
    double sum = 0;
    (void)w;
    for (int i = 0; i < PIXELS; i++)
        sum += fabs(x[i]) > 1 ? pow(fabs(x[i]) - 1, 2) : 0;
    return sum / PIXELS;
}

/* An image blurred along its rows and columns, mirrored at its edges. */
static void blur(const double *x, double sigma, int radius, double *out)
{
    memset(out, 0, PIXELS * sizeof *out);
    for (int at = 0; at < PIXELS; at++) {
        double all = 0;
        for (int di = -radius; di <= radius; di++)
            for (int dj = -radius; dj <= radius; dj++) {
                const double v = exp(-(di * di + dj * dj) / (2 * sigma * sigma));
                int i = abs(at / SIDE + di), j = abs(at % SIDE + dj);
                i = i < SIDE ? i : 2 * (SIDE - 1) - i;
                j = j < SIDE ? j : 2 * (SIDE - 1) - j;
                out[at] += v * x[i * SIDE + j];
                all += v;
            }
        out[at] /= all;
    }
}

/* Sum of squares of m (A x - y) for averages of k x k pixels; *counted: that of m. */
static double l2_sum(world *w, const double *x, char image, char mask, int k, double *counted)
{
    const uint8_t *y = ggdm_tiny_picture(&w->m, image)->data;
    const uint8_t *m = mask ? ggdm_tiny_picture(&w->m, mask)->data : NULL;
    const int side = SIDE / k;
    double sum = 0;
    *counted = 0;
    for (int i = 0; i < side * side; i++) {
        double mean = 0, of = m ? m[i] / 255.0 : 1;
        for (int j = 0; j < k * k; j++)
            mean += x[(i / side * k + j / k) * SIDE + i % side * k + j % k] / (k * k);
        sum += pow(of * (mean - (y[i] / 127.5 - 1)), 2);
        *counted += of * of;
    }
    return sum;
}

static double l2_norm(world *w, const double *x)
{
    double counted;
    return sqrt(l2_sum(w, x, 'P', 0, 1, &counted));
}

static double l2_masked(world *w, const double *x)
{
    double counted;
    return l2_sum(w, x, 'Q', 'M', 1, &counted);
}

static double l2_masked_mean(world *w, const double *x)
{
    double counted, sum = l2_sum(w, x, 'Q', 'N', 1, &counted);
    return sum / counted;
}

static double l2_black(world *w, const double *x)
{
    (void)w, (void)x;
    return 0;
}

static double l2_small(world *w, const double *x)
{
    double counted;
    return sqrt(l2_sum(w, x, 'S', 'T', 2, &counted));
}

static double l2_small_mean(world *w, const double *x)
{
    double counted, sum = l2_sum(w, x, 'S', 0, 2, &counted);
    return sum / counted;
}

static double l2_blurred(world *w, const double *x)
{
    double counted, blurred[PIXELS];
    blur(x, 0.8, 4, blurred);
    return l2_sum(w, blurred, 'S', 'T', 2, &counted);
}

static double l2_blurred_far(world *w, const double *x)
{
    double counted, blurred[PIXELS];
    blur(x, 2.5, SIDE - 1, blurred);
    return sqrt(l2_sum(w, blurred, 'P', 0, 1, &counted));
}

static const struct {
    const char *yaml;
    double (*definition)(world *w, const double *x);
    double factor;    /* its weight */
    double step, tol; /* of differences: the definition's own rounding decides; relative to the
                         largest */
} rows[] = {
    {"{kind: classifier, model: G, target: 3}", nll, 1, 0x1p-6, 2e-3},
    {"{kind: classifier, model: G, target: 3, form: prob}", neg_prob, 1, 0x1p-6, 2e-3},
    {"{kind: classifier, model: G, target: 3, weight: -2.5}", nll, -2.5, 0x1p-6, 2e-3},
    {"{kind: classifier, model: G, target: 3, form: logit}", logit, 1, 0x1p-6, 2e-3},
    {"{kind: classifier, model: G, target: 3, form: elucd}", elucd, 1, 0x1p-6, 2e-3},
    {"{kind: classifier, model: G, target: 3, form: elucd, tau1: 2, tau2: 3}", elucd_hot, 1, 0x1p-6,
     2e-3},
    {"{kind: classifier, model: G, target: 3, form: elucd, tau1: 1, tau2: 1}", nll, 1, 0x1p-6,
     2e-3},
    {"{kind: perceptual, model: G, image: P}", perceptual, 1, 0x1p-6, 2e-3},
    {"{kind: perceptual, model: G, image: P, layer: layers.3, weight: 3}", perceptual, 3, 0x1p-6,
     2e-3},
    {"{kind: perceptual, model: G, image: P, layer: layers.0}", perceptual_early, 1, 0x1p-6, 2e-3},
    {"{kind: tv}", tv, 1, 0x1p-6, 1e-6},
    {"{kind: tv, weight: 0.01}", tv, 0.01, 0x1p-6, 1e-6},
    {"{kind: range}", range, 1, 0x1p-20, 1e-5},
    {"{kind: l2, image: P}", l2_norm, 1, 0x1p-6, 1e-5},
    {"{kind: l2, image: Q, mask: M, form: squared, weight: -2}", l2_masked, -2, 0x1p-6, 1e-5},
    {"{kind: l2, image: Q, mask: N, form: mean}", l2_masked_mean, 1, 0x1p-6, 1e-5},
    {"{kind: l2, image: Q, mask: B, form: mean}", l2_black, 1, 0x1p-6, 1e-5},
    {"{kind: l2, image: Q, mask: B}", l2_black, 1, 0x1p-6, 1e-5},
    {"{kind: l2, image: S, mask: T, downsample: 2}", l2_small, 1, 0x1p-6, 1e-5},
    {"{kind: l2, image: S, downsample: 2, form: mean}", l2_small_mean, 1, 0x1p-6, 1e-5},
    {"{kind: l2, image: S, mask: T, downsample: 2, blur: 0.8, form: squared}", l2_blurred, 1,
     0x1p-6, 1e-5},
    {"{kind: l2, image: P, blur: 2.5}", l2_blurred_far, 1, 0x1p-6, 1e-5},
    {"{kind: sum, weight: 3, of: [{kind: classifier, model: G, target: 3, weight: 2},"
     " {name: smooth, kind: tv, weight: -0.5}]}",
     sum, 3, 0x1p-6, 2e-3},
    {"{kind: sum, of: [{kind: tv}, {kind: tv}, {kind: sum, weight: -0.5, of: [{kind: tv, weight: "
     "0.5}, {kind: tv, weight: 0.5}]}]}",
     tv, 1.5, 0x1p-6, 1e-6},
};

enum { N_ROWS = sizeof rows / sizeof *rows };

/* ---- comparisons --------------------------------------------------------------------------- */

static void fill(double *x, const char *what)
{
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), what, 0));
    float values[PIXELS];
    ggdm_test_fill_normal(&rng, values, PIXELS, 1.0);
    for (int i = 0; i < PIXELS; i++)
        x[i] = values[i];
}

static void test_losses_have_their_definitions_values(void **state)
{
    for (int r = 0; r < N_ROWS; r++) {
        double x[PIXELS];
        fill(x, rows[r].yaml);
        double want = rows[r].factor * rows[r].definition(*state, x);
        double got = loss_at(*state, rows[r].yaml, x);
        if (fabs(got - want) > 1e-6 * (1 + fabs(want)))
            ggdm_test_fail("%s: %.9g, expected %.9g", rows[r].yaml, got, want);
    }
}

static void test_losses_have_their_definitions_gradients(void **state)
{
    for (int r = 0; r < N_ROWS; r++) {
        const double h = rows[r].step;
        double x[PIXELS], want[PIXELS], tol[PIXELS], largest = 0;
        float got[PIXELS];
        fill(x, rows[r].yaml);
        gradient_at(*state, rows[r].yaml, x, got);
        for (int i = 0; i < PIXELS; i++) {
            double at[4]; /* at x - 2h, x - h, x + h, x + 2h */
            const double middle = x[i];
            for (int k = 0; k < 4; k++) {
                x[i] = middle + (k - 2 + k / 2) * h;
                at[k] = rows[r].definition(*state, x);
            }
            x[i] = middle;
            want[i] = rows[r].factor * (8 * (at[2] - at[1]) - (at[3] - at[0])) / (12 * h);
            largest = fmax(largest, fabs(want[i]));
        }
        for (int i = 0; i < PIXELS; i++)
            tol[i] = rows[r].tol * largest;
        ggdm_test_close(rows[r].yaml, got, want, tol, PIXELS, ggdm_test_seed());
    }
}

/* Operations of a scorer's graph. */
static double operations(world *w, const char *yaml)
{
    const ggdm_item *scorer = ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_SCORER, yaml);
    int32_t number;
    ggdm_error err;
    ggdm_test_ok(
        ggdm_programs_score(w->programs, scorer, (ggdm_image_shape){SIDE, SIDE, 1}, &number, &err),
        &err);
    return ggdm_graph_flops(get(w, number, scorer)->graph);
}

/* Two images up to a layer cost less than twice the network, and an early layer less than a late
 * one. */
static void test_losses_of_a_layer_end_at_it(void **state)
{
    world *w = *state;
    const double early =
        operations(w, "{kind: loss, of: {kind: perceptual, model: G, image: P, layer: layers.0}}");
    const double late = operations(w, "{kind: loss, of: {kind: perceptual, model: G, image: P}}");
    assert_true(early < 0.9 * late);
    assert_true(late < 2 * operations(w, "{kind: classifier, model: G}"));
}

/* What is left of sums whose members do nothing. */
static void test_losses_sums_reduce(void **state)
{
    static const struct {
        const char *loss, *text; /* NULL: nothing */
    } sums[] = {
        {"{kind: sum, weight: 3, of: [{kind: tv, weight: 2}]}", "{\"kind\":\"tv\",\"weight\":6}"},
        {"{kind: sum, of: [{kind: tv}]}", "{\"kind\":\"tv\"}"},
        {"{kind: sum, of: [{kind: tv, weight: 0}, {kind: tv, weight: 4}]}",
         "{\"kind\":\"tv\",\"weight\":4}"},
        {"{kind: sum, of: [{kind: sum, of: [{kind: tv, weight: 0}]}]}", NULL},
        {"{kind: sum, weight: 0, of: [{kind: tv}, {kind: tv}]}", NULL},
        {"{kind: sum, weight: 1e6, of: [{kind: tv, weight: 1e6}]}",
         "{\"kind\":\"sum\",\"weight\":1000000,\"of\":[{\"kind\":\"tv\",\"weight\":1000000}]}"},
        {"{kind: sum, of: [{kind: tv}, {kind: tv}]}",
         "{\"kind\":\"sum\",\"of\":[{\"kind\":\"tv\"},{\"kind\":\"tv\"}]}"},
    };
    world *w = *state;
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        ggdm_item *loss = ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_LOSS, sums[i].loss);
        ggdm_error err;
        for (int twice = 0; twice < 2; twice++) {
            const char *text = NULL;
            loss = loss ? ggdm_item_reduce(&w->m.arena, loss) : NULL;
            if (loss)
                ggdm_test_ok(ggdm_recipe_print(&w->m.arena, loss, false, &text, &err), &err);
            if (!text || !sums[i].text)
                assert_ptr_equal(text, sums[i].text);
            else
                assert_string_equal(text, sums[i].text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses_have_their_definitions_values),
        cmocka_unit_test(test_losses_have_their_definitions_gradients),
        cmocka_unit_test(test_losses_of_a_layer_end_at_it),
        cmocka_unit_test(test_losses_sums_reduce),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
