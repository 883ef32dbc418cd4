/* The closed-form world: a mixture of normal distributions as a network gives eps and p(y given
 * x_t, t) as a plain computation in double does, and what samplers draw with it has its shares,
 * means and variances. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_unit.h"
#include "worker/kinds.h"
#include "worker/present.h"

enum { D = 4, K = 2, T = 1000 }; /* elements of an image, components, timesteps */

#define COMPONENTS                                                                                 \
    "\"sample_size\": 2, \"components\": [{\"weight\": 3, \"mean\": [0.5, 0.4, -0.5, 0], "         \
    "\"variance\": 0.01}, {\"weight\": 7, \"mean\": [-0.5, -0.3, 0.5, 0.25], \"variance\": "       \
    "[0.01, 0.02, 0.005, 0.0225]}]"
#define DIFFUSION "{\"_class_name\": \"GaussianMixture\", " COMPONENTS
#define CLASSIFIER "{\"_class_name\": \"GaussianMixtureClassifier\", " COMPONENTS

static const double share[K] = {0.3, 0.7};
static const double mean[K][D] = {{0.5, 0.4, -0.5, 0}, {-0.5, -0.3, 0.5, 0.25}};
static const double variance[K][D] = {{0.01, 0.01, 0.01, 0.01}, {0.01, 0.02, 0.005, 0.0225}};

/* ---- by hand ---- */

/* sqrt(beta) linear from 0.01 to 0.14, which is not what is assumed without a schedule. */
#define SCHEDULE                                                                                   \
    "{\"beta_schedule\": \"scaled_linear\", \"beta_start\": 0.0001, \"beta_end\": 0.0196, "        \
    "\"num_train_timesteps\": 1000, \"prediction_type\": \"epsilon\"}"

static double alpha_bar(int t)
{
    static double table[T];
    for (int s = 0; table[T - 1] == 0 && s < T; s++) {
        const double root = 0.01 + (0.14 - 0.01) * s / (T - 1);
        table[s] = (s > 0 ? table[s - 1] : 1) * (1 - root * root);
    }
    return table[t];
}

/* p(k given x) of images noised to ab. */
static void posterior(const double x[D], double ab, double p[K])
{
    double sum = 0;
    for (int k = 0; k < K; k++) {
        double l = log(share[k]);
        for (int i = 0; i < D; i++) {
            const double v = ab * variance[k][i] + 1 - ab, d = x[i] - sqrt(ab) * mean[k][i];
            l -= 0.5 * (log(v) + d * d / v);
        }
        sum += p[k] = exp(l);
    }
    for (int k = 0; k < K; k++)
        p[k] /= sum;
}

/* Of all images, or (only >= 0) those of a component. */
static double eps(const double x[D], double ab, int only, int i)
{
    double p[K], sum = 0;
    posterior(x, ab, p);
    for (int k = 0; k < K; k++) {
        const double weight = only < 0 ? p[k] : only == k;
        sum += weight * (x[i] - sqrt(ab) * mean[k][i]) / (ab * variance[k][i] + 1 - ab);
    }
    return sqrt(1 - ab) * sum;
}

/* ---- models on disk: config.json and a schedule, no weights ---- */

typedef struct world {
    char *dir;
    ggdm_model_files files;
    ggdm_model *model;
} world;

static void open_world(world *w, const char *config)
{
    w->dir = ggdm_test_mkdtemp();
    char *path = ggdm_test_path(w->dir, "config.json");
    char *schedule = ggdm_test_path(w->dir, "scheduler_config.json");
    ggdm_test_write(path, config, strlen(config));
    ggdm_test_write(schedule, SCHEDULE, strlen(SCHEDULE));
    w->files = (ggdm_model_files){0};
    w->model = ggdm_tiny_model_open(w->dir, &w->files);
    free(schedule);
    free(path);
}

static void close_world(world *w)
{
    ggdm_model_destroy(&w->model);
    ggdm_model_files_close(&w->files);
    ggdm_test_rmdir(w->dir);
}

/* ---- what the network gives ---- */

enum { N = 6 };
static const float points[N][D] = {{0.5f, 0.25f, -0.5f, 0.125f}, {0, 0, 0, 0},
                                   {0.0625f, 0.125f, 0, 0.125f}, {-3, 2, 1, 0.5f},
                                   {1.5f, -1.5f, 2.5f, -0.5f},   {0.25f, 0.25f, -0.25f, 0}};
static const float times[N] = {0, 1, 250, 640, 999, 20};
static const int32_t labels[N] = {0, 1, 2, 0, 1, 2}; /* 2: none */

static ggdm_graph *run_network(const world *w, ggdm_val *y, ggdm_val *gx)
{
    ggdm_graph *g;
    ggdm_error err;
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &g, &err), &err);
    ggdm_ports p = ggdm_arch_inputs(w->model->arch, g, N);
    *y = ggdm_arch_emit(w->model->arch, g, &p);
    ggdm_val seed = ggdm_graph_input(g, "seed", GGDM_F32, *ggdm_graph_shape(g, *y));
    const int64_t width = ggdm_shape_inner(ggdm_graph_shape(g, *y));
    ggdm_graph_output(g, *y);
    ggdm_graph_backward(g, *y, seed, 1, &p.x, gx);
    ggdm_test_ok(ggdm_graph_compile(g, &w->model->params, &err), &err);
    memcpy(ggdm_graph_data(g, p.x), points, sizeof points);
    if (p.t >= 0)
        memcpy(ggdm_graph_data(g, p.t), times, sizeof times);
    if (p.label >= 0)
        memcpy(ggdm_graph_data(g, p.label), labels, sizeof labels);
    for (int64_t i = 0; i < N * width; i++) /* the gradient of the second element */
        ((float *)ggdm_graph_data(g, seed))[i] = i % width == 1;
    ggdm_graph_run(g);
    return g;
}

/* Element c of what is expected at x, of point n. */
typedef double by_hand(const double x[D], int n, int c);

static double eps_by_hand(const double x[D], int n, int c)
{
    return eps(x, alpha_bar((int)times[n]), -1, c);
}

static double labelled_by_hand(const double x[D], int n, int c)
{
    return eps(x, alpha_bar((int)times[n]), labels[n] < K ? labels[n] : -1, c);
}

static double noisy_by_hand(const double x[D], int n, int c)
{
    double p[K];
    posterior(x, alpha_bar((int)times[n]), p);
    return log(p[c]);
}

static double clean_by_hand(const double x[D], int n, int c)
{
    double p[K];
    (void)n;
    posterior(x, 1, p);
    return log(p[c]);
}

/* Roundings of the result to f32, and the error of the differences. */
static void assert_near(double found, double want)
{
    if (isfinite(want) && fabs(found - want) > 1e-6 * (1 + fabs(want)))
        ggdm_test_fail("found %.9g, expected %.9g", found, want);
}

static void check_network(const char *config, by_hand *want, int width)
{
    world w;
    ggdm_val y, gx;
    open_world(&w, config);
    ggdm_graph *g = run_network(&w, &y, &gx);
    for (int n = 0; n < N; n++) {
        double x[D];
        for (int i = 0; i < D; i++)
            x[i] = (double)points[n][i];
        for (int c = 0; c < width; c++)
            assert_near((double)((float *)ggdm_graph_data(g, y))[n * width + c], want(x, n, c));
        for (int i = 0; i < D; i++) {
            const double h = 1e-5, at = x[i];
            x[i] = at + h;
            const double above = want(x, n, 1);
            x[i] = at - h;
            const double slope = (above - want(x, n, 1)) / (2 * h);
            x[i] = at;
            assert_near((double)((float *)ggdm_graph_data(g, gx))[n * D + i], slope);
        }
    }
    ggdm_graph_destroy(&g);
    close_world(&w);
}

static void test_mixture_network_is_what_is_computed_by_hand(void **state)
{
    (void)state;
    check_network(DIFFUSION "}", eps_by_hand, D);
    check_network(DIFFUSION ", \"conditional\": true}", labelled_by_hand, D);
    check_network(CLASSIFIER ", \"noisy\": true}", noisy_by_hand, K);
    check_network(CLASSIFIER "}", clean_by_hand, K);
}

/* A number stands for all elements: the same meaning is the same text. */
static void test_mixture_equal_meaning_is_equal_text(void **state)
{
    (void)state;
    static const char *const same[] = {
        "{\"_class_name\": \"GaussianMixture\", \"sample_size\": 1, \"in_channels\": 2, "
        "\"components\": [{\"mean\": 0.5, \"variance\": 1}, {\"mean\": [0, 1], \"variance\": 2}]}",
        "{\"components\": [{\"weight\": 1, \"mean\": [0.5, 0.5], \"variance\": [1, 1]}, {\"mean\": "
        "[0, 1], \"variance\": 2, \"weight\": 1.0}], \"conditional\": false, \"sample_size\": 1, "
        "\"in_channels\": 2, \"_class_name\": \"GaussianMixture\"}"};
    ggdm_arch *arch[2];
    ggdm_error err;
    for (int i = 0; i < 2; i++)
        ggdm_test_ok(ggdm_arch_parse(same[i], strlen(same[i]), "c", &arch[i], &err), &err);
    assert_string_equal(ggdm_arch_text(arch[0]), ggdm_arch_text(arch[1]));
    for (int i = 0; i < 2; i++)
        ggdm_arch_destroy(&arch[i]);
}

static void test_mixture_bad_config_gives_error_naming_the_field(void **state)
{
    (void)state;
#define ONE(component)                                                                             \
    "{\"_class_name\": \"GaussianMixture\", \"sample_size\": 2, \"components\": " component "}"
    static const struct {
        const char *config, *text;
    } bad[] = {
        {ONE("[]"), "field 'components': expected a list of 1 to 256 components"},
        {ONE("[{\"mean\": [1, 2], \"variance\": 1}]"),
         "field 'components[0].mean': has 2 numbers, expected one or 4"},
        {ONE("[{\"mean\": 0, \"variance\": 0}]"),
         "field 'components[0].variance': value '0', expected a number from 1e-06"},
        {ONE("[{\"mean\": 0, \"variance\": [1, 1, 1, -1]}]"), "components[0].variance[3]"},
        {ONE("[{\"mean\": 0}]"), "variance"},
        {ONE("[{\"mean\": 0, \"variance\": 1, \"weight\": 0}]"), "components[0].weight"},
        {ONE("[{\"mean\": 0, \"variance\": 1}], \"noisy\": true"), "noisy"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ggdm_arch *arch;
        ggdm_error err;
        ggdm_status st = ggdm_arch_parse(bad[i].config, strlen(bad[i].config), "c", &arch, &err);
        ggdm_test_error(st, &err, GGDM_EINVAL, bad[i].text);
    }
}

/* ---- what samplers draw ---- */

enum { DRAWS = 8000 };

typedef struct draws {
    int n[K];
    double sum[K][D], squares[K][D];
} draws;

static bool on_step(void *context, int64_t done, int64_t total)
{
    (void)context, (void)done, (void)total;
    return true;
}

/* The components are so far apart that a pixel tells which one it is. */
static ggdm_status on_sample(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    draws *d = context;
    ggdm_image_shape shape;
    float *x;
    GGDM_TRY(ggdm_present_read(sample, &shape, &x, err));
    const int k = x[0] > 0 ? 0 : 1;
    d->n[k]++;
    for (int i = 0; i < D; i++) {
        d->sum[k][i] += (double)x[i];
        d->squares[k][i] += (double)x[i] * (double)x[i];
    }
    free(x);
    return GGDM_OK;
}

static void draw(const world *w, const char *stage, draws *d)
{
    const ggdm_job job = {.precision = GGDM_PRECISION_FP32, .batch = 500, .threads = 1};
    const ggdm_executor_sink sink = {d, on_step, on_sample, NULL};
    ggdm_model_ref ref = {.digest = ggdm_tiny_digests[0], .model = w->model};
    const ggdm_models models = {.items = &ref, .n = 1};
    ggdm_arena arena = {0};
    ggdm_executor *e;
    ggdm_tiny_unit u;
    ggdm_error err;
    *d = (draws){0};
    ggdm_test_ok(ggdm_executor_create(&job, &ggdm_methods, &models, &e, &err), &err);
    ggdm_item *head = ggdm_tiny_item(&arena, GGDM_FAMILY_STAGE, stage);
    ggdm_tiny_unit_init(&u, &arena, ggdm_tiny_text(&arena, GGDM_FAMILY_STAGE, "%s", stage), 0,
                        DRAWS);
    u.unit.steps = (int32_t)ggdm_item_whole(ggdm_item_child(head, "sampler"), "steps");
    u.unit.n_scorers = u.unit.n_scores = 0;
    ggdm_tiny_unit_add(&u, -1, u.unit.steps, "{}", 0);
    ggdm_test_ok(ggdm_executor_run(e, &u.unit, &sink, &err), &err);
    ggdm_executor_destroy(&e);
    ggdm_arena_deinit(&arena);
}

/* What a chain makes of the variance s2 of one component alone, where each step is linear: steps
 * that are too large for the noise that is left change it. */
typedef double chain_variance(double s2, int steps);

/* x0-hat is mean + gain (x - sqrt(ab) mean). */
static double gain(double s2, double ab)
{
    return sqrt(ab) * s2 / (ab * s2 + 1 - ab);
}

static double ddpm_variance(double s2, bool large)
{
    double v = 1;
    for (int t = T - 1; t >= 0; t--) {
        const double ab = alpha_bar(t), next = t > 0 ? alpha_bar(t - 1) : 1, beta = 1 - ab / next;
        const double c =
            (sqrt(next) * beta * gain(s2, ab) + sqrt(1 - beta) * (1 - next)) / (1 - ab);
        v = c * c * v + (t == 0 ? 0 : large ? beta : beta * (1 - next) / (1 - ab));
    }
    return v;
}

static double small_variance(double s2, int steps)
{
    (void)steps;
    return ddpm_variance(s2, false);
}

static double large_variance(double s2, int steps)
{
    (void)steps;
    return ddpm_variance(s2, true);
}

static double ddim_variance(double s2, int steps)
{
    double v = 1;
    const int stride = T / steps;
    for (int t = T - stride; t >= 0; t -= stride) {
        const double ab = alpha_bar(t), next = t >= stride ? alpha_bar(t - stride) : 1;
        const double keep = sqrt((1 - next) / (1 - ab));
        const double c = (sqrt(next) - keep * sqrt(ab)) * gain(s2, ab) + keep;
        v *= c * c;
    }
    return v;
}

/* From x = 1, as all is linear; the step to no noise is x0-hat. */
static double dpmpp_2m_variance(double s2, int steps)
{
    double x = 1, old = 0, h_old = 0;
    for (int i = 0; i < steps; i++) {
        const double ab = alpha_bar((int)lround((steps - 1.0 - i) * (T - 1) / (steps - 1)));
        const double x0 = gain(s2, ab) * x;
        if (i == steps - 1)
            return x0 * x0;
        const double next = alpha_bar((int)lround((steps - 2.0 - i) * (T - 1) / (steps - 1)));
        const double h = 0.5 * (log(next / (1 - next)) - log(ab / (1 - ab)));
        const double drive = i > 0 ? x0 + h / h_old / 2 * (x0 - old) : x0;
        x = sqrt((1 - next) / (1 - ab)) * x - sqrt(next) * expm1(-h) * drive;
        old = x0;
        h_old = h;
    }
    return 0;
}

/* Of z = x / sqrt(ab): 20 steps at each level, each a fifth of its noise; the last is x0-hat. */
static double langevin_variance(double s2, int steps)
{
    const int stride = 20 * T / steps;
    double v = 1 / alpha_bar(T - stride);
    for (int t = T - stride; t >= 0; t -= stride) {
        const double ab = alpha_bar(t), c = 1 - 0.2 * (1 - sqrt(ab) * gain(s2, ab));
        for (int i = 0; i < 20; i++)
            v = t == 0 && i == 19 ? ab * gain(s2, ab) * gain(s2, ab) * v
                                  : c * c * v + 2 * 0.2 * (1 - ab) / ab;
    }
    return v;
}

/* Of a chain whose error is not to be seen. */
static double world_variance(double s2, int steps)
{
    (void)steps;
    return s2;
}

static const struct {
    const char *stage;
    int steps;
    chain_variance *variance;
    double bias; /* of the variance, relative, at most */
} chains[] = {
    {"{model: U, sampler: {kind: ddpm, steps: 1000, variance: fixed_small, clip_x0: false}, seed: "
     "1}",
     1000, small_variance, 0.1},
    {"{model: U, sampler: {kind: ddpm, steps: 1000, variance: fixed_large, clip_x0: false}, seed: "
     "2}",
     1000, large_variance, 0.004},
    {"{model: U, sampler: {kind: ddim, steps: 250, eta: 0, clip_x0: false}, seed: 3}", 250,
     ddim_variance, 0.1},
    {"{model: U, sampler: {kind: heun, steps: 50, clip_x0: false}, seed: 5}", 50, world_variance,
     0},
    {"{model: U, sampler: {kind: dpmpp-2m, steps: 50, clip_x0: false}, seed: 6}", 50,
     dpmpp_2m_variance, 0.21},
    {"{model: U, sampler: {kind: langevin, steps: 1000, per_level: 20}, seed: 13}", 1000,
     langevin_variance, 0.55},
};

/* Within 3.5 standard errors of the world's shares and means, and of the chain's variances. */
static void test_mixture_samplers_draw_its_shares_means_and_variances(void **state)
{
    (void)state;
    const double sigmas = 3.5;
    world w;
    draws d;
    open_world(&w, DIFFUSION "}");
    for (size_t c = 0; c < sizeof chains / sizeof *chains; c++) {
        draw(&w, chains[c].stage, &d);
        if (fabs(d.n[0] - DRAWS * share[0]) > sigmas * sqrt(DRAWS * share[0] * share[1]))
            ggdm_test_fail("%s: %d of %d are of the first component", chains[c].stage, d.n[0],
                           DRAWS);
        for (int k = 0; k < K; k++)
            for (int i = 0; i < D; i++) {
                const double n = d.n[k], m = d.sum[k][i] / n, v = d.squares[k][i] / n - m * m;
                const double want = chains[c].variance(variance[k][i], chains[c].steps);
                assert_true(fabs(want / variance[k][i] - 1) <= chains[c].bias);
                if (fabs(m - mean[k][i]) > sigmas * sqrt(want / n) ||
                    fabs(v / want - 1) > sigmas * sqrt(2 / n))
                    ggdm_test_fail("%s: component %d, element %d: mean %g, variance %g, expected "
                                   "%g, %g",
                                   chains[c].stage, k, i, m, v, mean[k][i], want);
            }
    }
    close_world(&w);
}

static void test_mixture_with_a_label_draws_that_component(void **state)
{
    (void)state;
    world w;
    draws d;
    open_world(&w, DIFFUSION ", \"conditional\": true}");
    draw(&w, "{model: U, condition: {label: 0}, sampler: {kind: ddim, steps: 20}, seed: 1}", &d);
    assert_int_equal(d.n[0], DRAWS);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixture_network_is_what_is_computed_by_hand),
        cmocka_unit_test(test_mixture_equal_meaning_is_equal_text),
        cmocka_unit_test(test_mixture_bad_config_gives_error_naming_the_field),
        cmocka_unit_test(test_mixture_samplers_draw_its_shares_means_and_variances),
        cmocka_unit_test(test_mixture_with_a_label_draws_that_component),
    };
    return ggdm_test_main(tests);
}
