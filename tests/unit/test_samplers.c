/* Samplers of a whole chain, on networks that are formulas: identities between kinds, the sums that
 * diffusers' own tests expect, and the order at which errors vanish where all images are one
 * Gaussian, whose eps and whose trajectories have closed forms. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_methods.h"
#include "worker/kinds.h"
#include "worker/noise_levels.h"
#include "worker/prediction.h"
#include "worker/sampler.h"
#include "worker/threshold.h"

enum { N = 768, ARRAYS = 2 }; /* diffusers' sample [4, 3, 8, 8]; arrays that a kind may have */

static ggdm_arena arena;

/* A network that is a formula. */
typedef float network(const ggdm_step *s, double t, float x);

typedef struct walker {
    const ggdm_item *item;
    const ggdm_sampler_kind *kind;
    ggdm_chain chain;
    network *eps;
    float kick; /* what the shift of each step takes off */
    int evaluations;
    float x[N];
} walker;

static ggdm_noise_levels linear(int T, double first, double last)
{
    ggdm_noise_levels levels = {.train_steps = T, .alpha_bar = malloc((size_t)T * sizeof(double))};
    double bar = 1;
    for (int t = 0; t < T; t++)
        levels.alpha_bar[t] = bar *= 1 - (first + (last - first) * t / (T - 1));
    return levels;
}

static void walker_init(walker *w, const char *yaml, const ggdm_noise_levels *levels, network *eps)
{
    ggdm_error err;
    *w = (walker){.item = ggdm_tiny_item(&arena, GGDM_FAMILY_SAMPLER, yaml), .eps = eps};
    w->kind = (const ggdm_sampler_kind *)w->item->kind;
    assert_true(w->kind->history <= 1 && w->kind->keeps <= ARRAYS);
    ggdm_test_ok(ggdm_chain_create(w->item, levels, &w->chain, &err), &err);
    for (int i = 0; i < N; i++)
        w->x[i] = (float)i / N;
}

/* The first steps of the chain, as worker/generate.c and walk.c make them. */
static void walk(walker *w, int steps)
{
    static float eps[N], x0[N], kept[ARRAYS * N], history[N], ones[N], z[N]; /* no noise */
    for (int i = 0; i < N; i++)
        ones[i] = 1;
    for (int step = 0; step < steps; step++) {
        for (int tick = 0; tick < w->kind->evaluations; tick++) {
            const ggdm_step *s = &w->chain.step[step * w->kind->evaluations + tick];
            if (s->idle)
                continue;
            ggdm_sampler_io io = {.x = w->x,
                                  .eps = eps,
                                  .z = z,
                                  .history = history,
                                  .filled = step > 0,
                                  .kept = kept,
                                  .shifted = w->x,
                                  .x0 = x0,
                                  .n = N};
            for (int i = 0; i < N; i++)
                eps[i] = w->eps(s, s->t, w->x[i]);
            assert_true(ggdm_sampler_step(w->item, &w->chain, step, tick, &io));
            if (tick == 0 && w->kick != 0)
                assert_true(ggdm_step_shift(io.shifted, ones, NULL, w->kick, N));
            w->evaluations++;
        }
        memcpy(history, kept, sizeof history);
    }
}

/* ---- published sums ---- */

/* The network of diffusers' tests, and the same where its word is v. */
static float published(const ggdm_step *s, double t, float x)
{
    (void)s;
    return (float)(x * t / (t + 1));
}

static float published_v(const ggdm_step *s, double t, float x)
{
    const float of_x = (float)sqrt(1 - s->alpha_bar), of_v = (float)sqrt(s->alpha_bar);
    return of_x * x + of_v * (float)(x * t / (t + 1));
}

/* Mean or sum of |x|, given with four digits behind the point.  diffusers' DPM-Solver++ with
 * linspace visits, in N steps, the first N of N + 1 timesteps; here the last makes one step more.
 */
static void test_samplers_make_the_sums_of_diffusers(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        double first;
        network *eps;
        double sum, mean;
    } rows[] = {
        {"{kind: ddim, steps: 10, clip_x0: true}", 1e-4, published, 172.0067, 0},
        {"{kind: ddim, steps: 10, clip_x0: true}", 1e-4, published_v, 52.5302, 0},
        {"{kind: ddim, steps: 10, clip_x0: true}", 1e-2, published, 149.8295, 0},
        {"{kind: dpmpp-2m, steps: 11}", 1e-4, published, 0, 0.3301},
        {"{kind: dpmpp-2m, steps: 11}", 1e-4, published_v, 0, 0.2251},
        {"{kind: dpmpp-2m, steps: 11, thresholding: true, dynamic_thresholding_ratio: 0.87, "
         "sample_max_value: 0.5}",
         1e-4, published, 0, 1.1364},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        ggdm_noise_levels levels = linear(1000, rows[r].first, 0.02);
        walker w;
        double sum = 0;
        walker_init(&w, rows[r].yaml, &levels, rows[r].eps);
        walk(&w, 10);
        for (int i = 0; i < N; i++)
            sum += fabs((double)w.x[i]);
        if (rows[r].sum > 0)
            assert_true(fabs(sum - rows[r].sum) < 1e-5 * rows[r].sum);
        else
            assert_true(fabs(sum / N - rows[r].mean) < 1e-4);
        ggdm_chain_deinit(&w.chain);
        ggdm_noise_levels_deinit(&levels);
    }
}

/* diffusers' EulerDiscrete visits 10 of 1100 timesteps at fractions, with sigma between those of
 * the neighbours: a table of those ten levels is a chain of this program.  Its state is x /
 * sqrt(ab), begins at sigma times the sample, and that test scales it to x for the network and
 * steps on from there: before each step x loses another sqrt(ab), which the network does not see.
 */
static void test_euler_makes_the_sum_of_diffusers(void **state)
{
    (void)state;
    ggdm_noise_levels all = linear(1100, 1e-4, 0.02), ten = linear(10, 1e-4, 0.02);
    double t[10], sum = 0;
    for (int i = 0; i < 10; i++) {
        t[i] = i * 1099.0 / 9;
        int low = (int)t[i], high = low < 1099 ? low + 1 : low;
        double a = sqrt(1 / all.alpha_bar[low] - 1), b = sqrt(1 / all.alpha_bar[high] - 1);
        double sigma = a + (b - a) * (t[i] - low);
        ten.alpha_bar[i] = 1 / (1 + sigma * sigma);
    }
    walker w;
    walker_init(&w, "{kind: euler, steps: 10}", &ten, published);
    for (int i = 0; i < N; i++) {
        float x = w.x[i] * (float)sqrt(1 - ten.alpha_bar[9]);
        for (int step = 0; step < 10; step++) {
            const ggdm_step *s = &w.chain.step[step];
            float eps = published(s, t[9 - step], x);
            x *= (float)sqrt(s->alpha_bar);
            assert_true(ggdm_step_linear(s, &x, &eps, NULL, NULL, 1));
        }
        sum += fabs((double)x);
    }
    assert_true(fabs(sum - 10.0807) < 1e-5 * 10.0807);
    ggdm_chain_deinit(&w.chain);
    ggdm_noise_levels_deinit(&all);
    ggdm_noise_levels_deinit(&ten);
}

/* ---- identities ---- */

/* Euler over sigma, and DPM-Solver++ that does not look back, are ddim without noise. */
static void test_samplers_of_first_order_are_ddim(void **state)
{
    (void)state;
    static const char *const kinds[] = {"euler", "dpmpp-2m, order: 1"};
    ggdm_noise_levels levels = linear(1000, 1e-4, 0.02);
    for (int k = 0; k < 2 * 2 * 3; k++) {
        const int n = k % 2 ? 10 : 50;
        char yaml[80], ddim[80];
        walker a, b;
        snprintf(ddim, sizeof ddim, "{kind: ddim, steps: %d, spacing: %s}", n,
                 ggdm_spacing_names[k / 4]);
        snprintf(yaml, sizeof yaml, "{kind: %s, steps: %d, spacing: %s}", kinds[k / 2 % 2], n,
                 ggdm_spacing_names[k / 4]);
        walker_init(&a, ddim, &levels, published);
        walker_init(&b, yaml, &levels, published);
        walk(&a, n);
        walk(&b, n);
        for (int i = 0; i < N; i++)
            assert_true(fabsf(a.x[i] - b.x[i]) <= 1e-6f * fmaxf(1, fabsf(a.x[i])));
        for (int i = 0; i < n; i++)
            assert_int_equal(a.chain.step[i].t, b.chain.step[i].t);
        ggdm_chain_deinit(&a.chain);
        ggdm_chain_deinit(&b.chain);
    }
    ggdm_noise_levels_deinit(&levels);
}

/* Euler against y' = y + (sigma' - sigma) eps in double, y = x / sqrt(ab); and with clipping, where
 * eps follows x0-hat. */
static void test_euler_is_its_closed_form(void **state)
{
    (void)state;
    ggdm_noise_levels levels = linear(1000, 1e-4, 0.02);
    for (int clip = 0; clip < 2; clip++) {
        walker w;
        walker_init(&w,
                    clip ? "{kind: euler, steps: 20, clip_x0: true}" : "{kind: euler, steps: 20}",
                    &levels, published);
        for (int step = 0; step < 20; step++) {
            const ggdm_step *s = &w.chain.step[step];
            double sigma = sqrt(1 / s->alpha_bar - 1), next = sqrt(1 / s->alpha_bar_next - 1);
            float x = 0.7f, eps = -0.2f;
            double y = x / sqrt(s->alpha_bar), d = y - sigma * eps;
            if (clip)
                d = fmin(fmax(d, -1), 1);
            double want = sqrt(s->alpha_bar_next) * (y + (next - sigma) * (y - d) / sigma);
            float x0;
            ggdm_sampler_io io = {.x = &x, .eps = &eps, .x0 = &x0, .n = 1};
            assert_true(ggdm_sampler_step(w.item, &w.chain, step, 0, &io));
            assert_true(fabs(x - want) < 8 * GGDM_TEST_EPS32 * (1 + fabs(want)));
        }
        ggdm_chain_deinit(&w.chain);
    }
    ggdm_noise_levels_deinit(&levels);
}

/* In the notes' terms: z = x / sqrt(ab), whose noise has the variance v, and the score of which is
 * (E[image given z] - z) / v.  A gradient g beside it is the same in eps and in the mean. */
static void test_langevin_is_the_form_of_the_notes(void **state)
{
    (void)state;
    static const char *const yaml[] = {
        "{kind: langevin, steps: 20, per_level: 4, eta: 0.3}",
        "{kind: langevin, steps: 20, per_level: 4, eta: 0.3, noise: 0.5, clip_x0: true}"};
    const float x = 0.7f, eps = -0.2f, zeta = 0.9f, g = 0.6f;
    ggdm_noise_levels levels = linear(1000, 1e-4, 0.02);
    for (int k = 0; k < 2; k++) {
        walker w;
        walker_init(&w, yaml[k], &levels, published);
        for (int step = 0; step < 20; step++) {
            const ggdm_step *s = &w.chain.step[step];
            const double ab = s->alpha_bar, v = (1 - ab) / ab;
            const double z = x / sqrt(ab), found = z - sqrt(v) * eps;
            const double expected = k ? fmin(fmax(found, -1), 1) : found;
            const double eta = step == 19 ? v : 0.3 * v, noise = k ? 0.5 : 1;
            double want = z + eta * (expected - z) / v;
            if (step < 19)
                want += noise * sqrt(2 * eta) * zeta;
            want *= sqrt(s->alpha_bar_next);
            float x0, y = x, moved = x, eps_moved = eps + (float)sqrt(1 - ab) * g;
            ggdm_sampler_io io = {.x = &y, .eps = &eps, .x0 = &x0, .z = &zeta, .n = 1};
            assert_true(ggdm_sampler_step(w.item, &w.chain, step, 0, &io));
            assert_true(fabs(y - want) < 16 * GGDM_TEST_EPS32 * (1 + fabs(z)));
            io = (ggdm_sampler_io){.x = &moved, .eps = &eps_moved, .x0 = &x0, .z = &zeta, .n = 1};
            assert_true(ggdm_sampler_step(w.item, &w.chain, step, 0, &io));
            if (!k)
                assert_true(fabsf(moved - (y - s->variance * g)) <
                            16 * GGDM_TEST_EPS32 * (1 + (float)fabs(z)));
            assert_int_equal(s->t, 50 * (20 - 4 * (step / 4) - 4));
        }
        ggdm_chain_deinit(&w.chain);
    }
    ggdm_noise_levels_deinit(&levels);
}

/* Steps at one timestep have the weight of that timestep; where they do not divide the chain, the
 * last level has fewer. */
static void test_langevin_has_one_weight_at_a_level(void **state)
{
    (void)state;
    ggdm_noise_levels levels = linear(1000, 1e-4, 0.02);
    walker w;
    walker_init(&w, "{kind: langevin, steps: 50, per_level: 8}", &levels, published);
    double sum[GGDM_N_SCHEDULES] = {0};
    for (int i = 0; i < 50; i++) {
        const ggdm_step *s = &w.chain.step[i], *last = &w.chain.step[i < 48 ? i / 8 * 8 + 7 : 49];
        const double a = last->alpha_bar / last->alpha_bar_next;
        assert_int_equal(s->t, last->t);
        assert_true(s->schedule[GGDM_SCHEDULE_INCREASING] ==
                    last->schedule[GGDM_SCHEDULE_INCREASING]);
        const double b = w.chain.step[49].alpha_bar;
        assert_true(fabs(s->schedule[GGDM_SCHEDULE_INCREASING] /
                             w.chain.step[49].schedule[GGDM_SCHEDULE_INCREASING] -
                         a / b) < 4 * GGDM_TEST_EPS32);
        for (int k = GGDM_SCHEDULE_INCREASING; k <= GGDM_SCHEDULE_DECREASING; k++)
            sum[k] += s->schedule[k];
    }
    assert_true(fabs(sum[GGDM_SCHEDULE_INCREASING] - 50) < 50 * GGDM_TEST_EPS32);
    assert_true(fabs(sum[GGDM_SCHEDULE_DECREASING] - 50) < 50 * GGDM_TEST_EPS32);
    assert_int_equal(w.chain.step[49].t, 0);
    ggdm_chain_deinit(&w.chain);
    ggdm_noise_levels_deinit(&levels);
}

/* ---- order ---- */

static const double mean = 0.4, spread = 0.5; /* of the only Gaussian */

static float gaussian(const ggdm_step *s, double t, float x)
{
    (void)t;
    double ab = s->alpha_bar;
    return (float)(sqrt(1 - ab) * (x - sqrt(ab) * mean) / (ab * spread * spread + 1 - ab));
}

/* The trajectory from x at one level to another: the deviation keeps its rank. */
static double exact(double x, double from, double to)
{
    double v = from * spread * spread + 1 - from, u = to * spread * spread + 1 - to;
    return sqrt(to) * mean + sqrt(u / v) * (x - sqrt(from) * mean);
}

/* The largest error before the last step, which is the same for all numbers of steps. */
static double error_of(const char *kind, const char *spacing, int n,
                       const ggdm_noise_levels *levels)
{
    char yaml[80];
    walker w;
    double worst = 0;
    snprintf(yaml, sizeof yaml, "{kind: %s, spacing: %s, steps: %d}", kind, spacing, n);
    walker_init(&w, yaml, levels, gaussian);
    walk(&w, n - 1);
    double from = w.chain.step[0].alpha_bar, to = levels->alpha_bar[0];
    for (int i = 0; i < N; i++)
        worst = fmax(worst, fabs(w.x[i] - exact((float)i / N, from, to)));
    ggdm_chain_deinit(&w.chain);
    return worst;
}

static void check_orders(const char *spacing, const ggdm_noise_levels *levels)
{
    static const struct {
        const char *kind;
        double order;
    } rows[] = {{"ddim", 1}, {"euler", 1}, {"dpmpp-2m", 2}, {"heun", 2}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        double coarse = error_of(rows[r].kind, spacing, 65, levels);
        double fine = error_of(rows[r].kind, spacing, 129, levels);
        double finest = error_of(rows[r].kind, spacing, 257, levels);
        assert_true(fabs(log2(coarse / fine) - rows[r].order) < 0.1);
        assert_true(fabs(log2(fine / finest) - rows[r].order) < 0.1);
    }
}

/* 1025 timesteps: every stride is whole. */
static void test_samplers_have_their_order(void **state)
{
    (void)state;
    ggdm_noise_levels levels = linear(1025, 1e-4, 0.02);
    check_orders("linspace", &levels);
    ggdm_noise_levels_deinit(&levels);
}

/* Timesteps so dense over log sigma that which is nearest makes no difference. */
static void test_samplers_have_their_order_at_the_levels_of_edm(void **state)
{
    (void)state;
    enum { T = 50000 };
    ggdm_noise_levels levels = {.train_steps = T, .alpha_bar = malloc(T * sizeof(double))};
    for (int t = 0; t < T; t++) {
        const double sigma = 0.01 * pow(1e4, (double)t / (T - 1)); /* .01 to 100 */
        levels.alpha_bar[t] = 1 / (1 + sigma * sigma);
    }
    check_orders("karras", &levels);
    ggdm_noise_levels_deinit(&levels);
}

/* ---- guidance and several evaluations ---- */

/* A shift acts once a step, on its result, and the second evaluation does not see it. */
static void test_heun_is_shifted_once_a_step(void **state)
{
    (void)state;
    ggdm_noise_levels levels = linear(1025, 1e-4, 0.02);
    walker plain, guided;
    walker_init(&plain, "{kind: heun, steps: 17}", &levels, gaussian);
    walker_init(&guided, "{kind: heun, steps: 17}", &levels, gaussian);
    guided.kick = 0.25f;
    walk(&plain, 1);
    walk(&guided, 1);
    for (int i = 0; i < N; i++)
        assert_true(fabsf(guided.x[i] - (plain.x[i] - 0.25f)) < 4 * GGDM_TEST_EPS32);
    ggdm_chain_deinit(&plain.chain);
    ggdm_chain_deinit(&guided.chain);
    ggdm_noise_levels_deinit(&levels);
}

static void test_heun_evaluates_twice_but_in_the_last_step(void **state)
{
    (void)state;
    ggdm_noise_levels levels = linear(1000, 1e-4, 0.02);
    walker w;
    walker_init(&w, "{kind: heun, steps: 10}", &levels, gaussian);
    walk(&w, 10);
    assert_int_equal(w.evaluations, 19);
    ggdm_chain_deinit(&w.chain);
    ggdm_noise_levels_deinit(&levels);
}

/* Beyond the range of images, where all images are one, clipping ends at its edge. */
static void test_samplers_clip(void **state)
{
    (void)state;
    static const char *const yaml[] = {"{kind: euler, steps: 10, clip_x0: true}",
                                       "{kind: heun, steps: 10, clip_x0: true}",
                                       "{kind: dpmpp-2m, steps: 10, clip_x0: true}"};
    ggdm_noise_levels levels = linear(1000, 1e-4, 0.02);
    for (int k = 0; k < 3; k++) {
        walker w;
        walker_init(&w, yaml[k], &levels, gaussian);
        for (int i = 0; i < N; i++)
            w.x[i] = 40.0f;
        walk(&w, 10);
        assert_true(fabsf(w.x[0] - 1) < 1e-6f);
        w.x[0] = NAN; /* is not clipped away */
        float eps = 0, x0;
        ggdm_sampler_io io = {
            .x = w.x, .eps = &eps, .x0 = &x0, .kept = w.x + 8, .history = w.x + 16, .n = 1};
        assert_false(ggdm_sampler_step(w.item, &w.chain, 1, 0, &io));
        ggdm_chain_deinit(&w.chain);
    }
    ggdm_noise_levels_deinit(&levels);
}

/* ---- learned variances ---- */

/* One step of ddpm against its definition: log Sigma between those of the posterior and of beta, as
 * the network says for each element; shifts of the mean go by the same Sigma. */
static void test_ddpm_draws_what_the_network_has_learnt(void **state)
{
    (void)state;
    static float x[N], start[N], eps[N], z[N], v[N], x0[N], range[N], grad[N];
    ggdm_noise_levels levels = linear(1000, 1e-4, 0.02);
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    walker w;
    levels.variance = true;
    walker_init(&w, "{kind: ddpm, steps: 20, variance: learned_range}", &levels, published);
    for (int step = 0; step < 20; step++) {
        const ggdm_step *s = &w.chain.step[step];
        const ggdm_step *p = step == 19 ? s - 1 : s; /* whose posterior is the least */
        const double ab = s->alpha_bar, next = s->alpha_bar_next, beta = 1 - ab / next;
        const double least =
            (1 - p->alpha_bar / p->alpha_bar_next) * (1 - p->alpha_bar_next) / (1 - p->alpha_bar);
        ggdm_test_fill_normal(&rng, start, N, 1.0);
        ggdm_test_fill_normal(&rng, eps, N, 1.0);
        ggdm_test_fill_normal(&rng, z, N, 1.0);
        ggdm_test_fill_normal(&rng, v, N, 0.5);
        ggdm_test_fill_normal(&rng, grad, N, 1.0);
        memcpy(x, start, sizeof x);
        ggdm_sampler_io io = {.x = x,
                              .eps = eps,
                              .z = z,
                              .variance = v,
                              .x0 = x0,
                              .range = range,
                              .shifted = x,
                              .n = N};
        assert_true(ggdm_sampler_step(w.item, &w.chain, step, 0, &io));
        assert_true(ggdm_step_shift(x, grad, io.range, s->variance, N));
        for (int i = 0; i < N; i++) {
            const double share = (v[i] + 1.0) / 2;
            const double sigma2 = exp(share * log(beta) + (1 - share) * log(fmin(least, beta)));
            double want = (start[i] - beta / sqrt(1 - ab) * eps[i]) / sqrt(ab / next);
            want += (step < 19 ? sqrt(sigma2) * z[i] : 0) - sigma2 * grad[i];
            assert_true(fabs(x[i] - want) < 2e-6 * (1 + fabs(want)));
        }
    }
    ggdm_chain_deinit(&w.chain);
    levels.variance = false;
    ggdm_error err = {0};
    ggdm_test_error(ggdm_chain_create(w.item, &levels, &w.chain, &err), &err, GGDM_EINVAL,
                    "'learned_range', expected fixed_large or fixed_small: the model gives no");
    ggdm_chain_deinit(&w.chain);
    ggdm_noise_levels_deinit(&levels);
}

/* ---- dynamic thresholding ---- */

static int by_size(const void *a, const void *b)
{
    return (fabsf(*(const float *)a) > fabsf(*(const float *)b)) -
           (fabsf(*(const float *)a) < fabsf(*(const float *)b));
}

/* Against a sorted copy, as torch.quantile has it; equal values and one value, too. */
static void test_quantile_is_that_of_sorted_values(void **state)
{
    (void)state;
    static const double ratios[] = {0, 0.25, 0.5, 0.87, 0.995, 1};
    static float x[N], sorted[N];
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    for (int n = 1; n <= N; n = n * 3 + 1)
        for (size_t r = 0; r < 2 * sizeof ratios / sizeof *ratios; r++) {
            const double place = ratios[r / 2] * (n - 1);
            const int k = (int)place, next = k + 1 < n ? k + 1 : k;
            ggdm_test_fill_normal(&rng, x, (size_t)n, 2.0);
            for (int i = 0; r % 2 && i < n; i++)
                x[i] = roundf(x[i]);
            memcpy(sorted, x, sizeof x);
            qsort(sorted, (size_t)n, sizeof *sorted, by_size);
            double a = fabsf(sorted[k]), b = fabsf(sorted[next]);
            double found = ggdm_quantile_of_size(x, n, ratios[r / 2]);
            assert_true(fabs(found - (a + (place - k) * (b - a))) <= GGDM_TEST_EPS32 * b);
        }
}

/* s is at least 1 and at most the row's; NaN stays. */
static void test_threshold_divides_by_what_it_holds_to(void **state)
{
    (void)state;
    float small[] = {0.5f, -0.25f, 1.5f, 0}, large[] = {8, -4, 2, 1}, most[] = {8, -4, 2, 1};
    float bad[] = {NAN, 1, 2, -3};
    ggdm_threshold(small, 4, 0.5, 100);
    assert_true(small[0] == 0.5f && small[1] == -0.25f && small[2] == 1);
    ggdm_threshold(large, 4, 2.0 / 3, 100);
    assert_true(large[0] == 1 && large[1] == -1 && large[2] == 0.5f && large[3] == 0.25f);
    ggdm_threshold(most, 4, 2.0 / 3, 2);
    assert_true(most[0] == 1 && most[1] == -1 && most[2] == 1 && most[3] == 0.5f);
    ggdm_threshold(bad, 4, 0.5, 2);
    assert_true(isnan(bad[0]) && bad[2] == 1 && bad[3] == -1);
}

/* ---- noise alone ---- */

/* From a timestep of noise alone x0-hat is -v, and all samplers go on from there. */
static void test_samplers_begin_at_noise_alone(void **state)
{
    (void)state;
    static const char *const kinds[] = {
        "ddpm, variance: fixed_small", "ddim", "ddim, eta: 1", "euler", "heun", "dpmpp-2m"};
    ggdm_noise_levels levels = linear(1000, 1e-4, 0.02);
    ggdm_alpha_bar_zero_snr(1000, levels.alpha_bar);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int n = 5; n <= 1000; n *= 200) {
            char yaml[80];
            walker w;
            snprintf(yaml, sizeof yaml, "{kind: %s, steps: %d, spacing: trailing}", kinds[k], n);
            walker_init(&w, yaml, &levels, published_v);
            assert_int_equal(w.chain.step[0].t, 999);
            for (int i = 0; i < N; i++) {
                const ggdm_step *s = &w.chain.step[0];
                float x = w.x[i], x0 = s->x0_x * x + s->x0_eps * published_v(s, 999, x);
                assert_true(fabs(x0 - 0x1p-12 * x + 0.999 * x) < 0x1p12 * 2 * GGDM_TEST_EPS32);
            }
            walk(&w, n); /* asserts that all is finite */
            ggdm_chain_deinit(&w.chain);
        }
    ggdm_noise_levels_deinit(&levels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samplers_make_the_sums_of_diffusers),
        cmocka_unit_test(test_euler_makes_the_sum_of_diffusers),
        cmocka_unit_test(test_samplers_of_first_order_are_ddim),
        cmocka_unit_test(test_euler_is_its_closed_form),
        cmocka_unit_test(test_langevin_is_the_form_of_the_notes),
        cmocka_unit_test(test_langevin_has_one_weight_at_a_level),
        cmocka_unit_test(test_samplers_have_their_order),
        cmocka_unit_test(test_samplers_have_their_order_at_the_levels_of_edm),
        cmocka_unit_test(test_heun_is_shifted_once_a_step),
        cmocka_unit_test(test_heun_evaluates_twice_but_in_the_last_step),
        cmocka_unit_test(test_samplers_clip),
        cmocka_unit_test(test_ddpm_draws_what_the_network_has_learnt),
        cmocka_unit_test(test_quantile_is_that_of_sorted_values),
        cmocka_unit_test(test_threshold_divides_by_what_it_holds_to),
        cmocka_unit_test(test_samplers_begin_at_noise_alone),
    };
    int failed = ggdm_test_main(tests);
    ggdm_arena_deinit(&arena);
    return failed;
}
