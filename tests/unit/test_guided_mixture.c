/* What guided samplers draw from a world in closed form has the means, variances and covariances
 * that it must have.
 *
 * Where eps and gradients are linear in x a chain maps its noises linearly to images, pixel by
 * pixel, so that a plain chain of one pixel in double, asked for its answer to each noise, says the
 * distribution of images exactly, the sampler's own error included.  They are linear given the
 * class, which is what classifier guidance of strength 1 leaves; and, for any strength, in a world
 * in which the class wanted is so rare that what is drawn without guidance is the other one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/exact.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_unit.h"
#include "worker/kinds.h"

enum { D = GGDM_EXACT_D, T = 1000, DRAWS = 4000, MAX_NOISES = 2000 };

enum { COMMON, RARE, RARE_LABELLED, WORLDS };
static ggdm_exact worlds[WORLDS];

static int setup(void **state)
{
    for (int i = 0; i < WORLDS; i++) {
        worlds[i] =
            (ggdm_exact){.weight = {3, 7},
                         .mean = {{0.5, 0.4, -0.5, 0}, {-0.5, -0.3, 0.5, 0.25}},
                         .variance = {{0.01, 0.01, 0.01, 0.01}, {0.01, 0.02, 0.005, 0.0225}},
                         .train_steps = T,
                         .beta_start = 0.0001,
                         .beta_end = 0.02,
                         .conditional = i == RARE_LABELLED};
        for (int k = 0; i != COMMON && k < 2; k++) {
            worlds[i].weight[k] = k == 0 ? 1e-12 : 1e12;
            for (int p = 0; p < D; p++) {
                worlds[i].mean[k][p] *= 0.6;
                worlds[i].variance[k][p] = 0.3 + 0.05 * p + 0.1 * k;
            }
        }
        ggdm_exact_open(&worlds[i]);
    }
    *state = worlds;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < WORLDS; i++)
        ggdm_exact_close(&worlds[i]);
    return 0;
}

/* ---- scenarios ----------------------------------------------------------------------------- */

typedef enum way { PLAIN, SCORE, MEAN, THROUGH, AT_X0 } way;

typedef struct scenario {
    const char *name;
    int world;
    const char *sampler; /* its kind */
    const char *rows;    /* of it beside steps and spacing */
    int steps;
    const char *guidance;
    way way;         /* what that is */
    double strength; /* its weight */
    int component;   /* that is drawn without it */
    int begin, end;  /* steps in which it acts; 0, 0: all */
    int repeats;     /* 0: 1 */
    int samples;     /* of a smoothed loss */
    double deviation;
} scenario;

#define AT_XT "loss: {kind: classifier, model: G, target: 0}, at: xt"
#define OF_X0 "loss: {kind: classifier, model: J, target: 0}"
#define ALL_OF(apply) "{terms: [{" AT_XT ", apply: " apply ", weight: 1}]}"

static const scenario scenarios[] = {
    /* Strength 1 at x_t draws p(x given y), whatever the sampler. */
    {"score, ddpm", COMMON, "ddpm", "", 250, ALL_OF("eps"), .component = 0},
    {"score, ddim", COMMON, "ddim", ", eta: 0", 50, ALL_OF("eps"), .component = 0},
    {"score, dpmpp-2m", COMMON, "dpmpp-2m", "", 25, ALL_OF("eps"), .component = 0},
    {"score, heun", COMMON, "heun", "", 25, ALL_OF("eps"), .component = 0},
    {"score, euler", COMMON, "euler", "", 50, ALL_OF("eps"), .component = 0},
    /* Any strength, and both ways to the same eps. */
    {"score 3", RARE, "ddim", ", eta: 0.5", 50, "{terms: [{" AT_XT ", apply: eps, weight: 3}]}",
     SCORE, 3, .component = 1},
    {"classifier-free 3", RARE_LABELLED, "ddim", ", eta: 0.5", 50,
     "{eps: {kind: classifier-free, s: 3}}", SCORE, 3, .component = 1},
    {"classifier-free 2, heun", RARE_LABELLED, "heun", "", 20,
     "{eps: {kind: classifier-free, s: 2}}", SCORE, 2, .component = 1},
    {"mean 2", RARE, "ddpm", "", 100, "{terms: [{" AT_XT ", apply: mean, weight: 2}]}", MEAN, 2,
     .component = 1},
    /* GGDM's: through the network, and at x0-hat. */
    {"gradient", RARE, "ddpm", ", variance: fixed_small", 100,
     "{kind: gradient, kappa: 0.01, " OF_X0 "}", THROUGH, 0.01, .component = 1},
    {"x0", RARE, "ddim", ", eta: 1", 50,
     "{terms: [{" OF_X0 ", gradient: x0, apply: x0, weight: 0.05}]}", AT_X0, 0.05, .component = 1},
    /* Its window; what comes before and behind is unguided. */
    {"window", RARE, "ddpm", "", 50, "{terms: [{" AT_XT ", apply: eps, weight: 2}]}", SCORE, 2,
     .component = 1, .begin = 17, .end = 31},
    /* Steps made again, with noise of their own. */
    {"recurrence", RARE, "ddpm", "", 50,
     "{terms: [{" AT_XT ", apply: eps, weight: 2}], recurrence: {repeats: 3}}", SCORE, 2,
     .component = 1, .repeats = 3},
    /* The noise of a smoothed loss: its mean is the loss's gradient here, and its variance that of
     * so many independent samples. */
    {"smoothing", RARE, "ddim", ", eta: 0", 20,
     "{terms: [{" OF_X0 ", gradient: x0, apply: x0, weight: 0.1, smoothing: {samples: 3, "
     "deviation: 4, schedule: constant, mean: loss}}]}",
     AT_X0, 0.1, .component = 1, .samples = 3, .deviation = 4},
};

/* ---- a chain of one pixel ------------------------------------------------------------------- */

static double bar(const scenario *s, int step)
{
    return step < s->steps ? worlds[s->world].alpha_bar[(s->steps - 1 - step) * (T / s->steps)] : 1;
}

/* Minus the gradient of log p_k at x. */
static double pull(const scenario *s, int p, double x, double ab, int k)
{
    const ggdm_exact *w = &worlds[s->world];
    return (x - sqrt(ab) * w->mean[k][p]) / (ab * w->variance[k][p] + 1 - ab);
}

static bool acts(const scenario *s, int step)
{
    return s->end == 0 || (s->begin <= step && step < s->end);
}

static double eps_of(const scenario *s, int p, int step, double x)
{
    const double ab = bar(s, step), eps = pull(s, p, x, ab, s->component);
    const double more =
        s->way == SCORE && acts(s, step) ? s->strength * (pull(s, p, x, ab, 0) - eps) : 0;
    return sqrt(1 - ab) * (eps + more);
}

/* The gradient of -log p(0 given image), where all are of the component. */
static double slope(const scenario *s, int p, double image)
{
    return pull(s, p, image, 1, 0) - pull(s, p, image, 1, s->component);
}

static double variance_of(const scenario *s, int step)
{
    const double ab = bar(s, step), next = bar(s, step + 1), beta = 1 - ab / next;
    const double posterior = beta * (1 - next) / (1 - ab);
    if (strcmp(s->sampler, "ddpm") == 0)
        return strstr(s->rows, "small") ? posterior : beta;
    return strstr(s->rows, "eta: 1") ? posterior : strstr(s->rows, "0.5") ? 0.25 * posterior : 0;
}

static double lambda(double ab)
{
    return 0.5 * log(ab / (1 - ab));
}

/* x0-hat of the last step, out of the noises of the chain in turn; *n: how many it took. */
static double chain(const scenario *s, int p, const double *z, int *n)
{
    const int repeats = s->repeats ? s->repeats : 1;
    double x = z[0], before = 0, x0 = 0;
    *n = 1;
    for (int i = 0; i < s->steps; i++)
        for (int r = 0; r < repeats; r++) {
            const double ab = bar(s, i), next = bar(s, i + 1), alpha = ab / next;
            const double to = sqrt(1 / next - 1), from = sqrt(1 / ab - 1), v = variance_of(s, i);
            double shift = 0, moved = 0;
            if (r > 0)
                x = sqrt(alpha) * x + sqrt(1 - alpha) * z[(*n)++];
            const double eps = eps_of(s, p, i, x);
            x0 = (x - sqrt(1 - ab) * eps) / sqrt(ab);
            if (i + 1 == s->steps)
                continue;
            if (s->way == MEAN && acts(s, i))
                shift = s->strength * v * (pull(s, p, x, ab, 0) - pull(s, p, x, ab, s->component));
            if (s->way == THROUGH && acts(s, i)) {
                const double width = worlds[s->world].variance[s->component][p];
                const double dx0 = (1 - (1 - ab) / (ab * width + 1 - ab)) / sqrt(ab);
                shift = s->strength * dx0 * slope(s, p, x0);
            }
            for (int m = 0; s->way == AT_X0 && m < (s->samples ? s->samples : 1); m++) {
                const double e = s->samples ? s->deviation * z[(*n)++] : 0;
                moved -= s->strength * slope(s, p, x0 + e) / (s->samples ? s->samples : 1);
            }
            if (strcmp(s->sampler, "ddpm") == 0) {
                x = sqrt(alpha) * (1 - next) / (1 - ab) * x +
                    sqrt(next) * (1 - alpha) / (1 - ab) * x0;
            } else if (strcmp(s->sampler, "ddim") == 0) {
                x = sqrt(next) * (x0 + moved) + sqrt(1 - next - v) * eps;
            } else if (strcmp(s->sampler, "dpmpp-2m") == 0) {
                const double h = lambda(next) - lambda(ab);
                const double more =
                    i > 0 ? h / (lambda(ab) - lambda(bar(s, i - 1))) / 2 * (x0 - before) : 0;
                x = sqrt((1 - next) / (1 - ab)) * x - sqrt(next) * expm1(-h) * (x0 + more);
            } else {
                const double step = sqrt(next) * (to - from), kept = sqrt(next / ab) * x;
                x = kept + step * eps;
                if (strcmp(s->sampler, "heun") == 0)
                    x = kept + step * (eps + eps_of(s, p, i + 1, x)) / 2;
            }
            x += (v > 0 ? sqrt(v) * z[(*n)++] : 0) - shift;
            before = x0;
        }
    assert_true(*n <= MAX_NOISES);
    return x0;
}

static void distribution(const scenario *s, int p, double *mean, double *variance)
{
    static double z[MAX_NOISES];
    int n, noises;
    memset(z, 0, sizeof z);
    *mean = chain(s, p, z, &noises);
    *variance = 0;
    for (int i = 0; i < noises; i++) {
        z[i] = 1;
        const double answer = chain(s, p, z, &n) - *mean;
        *variance += answer * answer;
        z[i] = 0;
    }
}

/* ---- drawing -------------------------------------------------------------------------------- */

/* x0-hat of the last step, which is what images are, before they are clamped. */
typedef struct drawn {
    int last;
    float x[DRAWS][D];
} drawn;

static void look(void *context, const ggdm_tick_view *v)
{
    drawn *d = context;
    if (v->step == d->last)
        memcpy(d->x[v->image], v->x0, sizeof d->x[0]);
}

static bool on_step(void *context, int64_t done, int64_t total)
{
    (void)context, (void)done, (void)total;
    return true;
}

static ggdm_status on_sample(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    (void)context, (void)sample, (void)err;
    return GGDM_OK;
}

static void draw(const scenario *s, drawn *d)
{
    ggdm_exact *w = &worlds[s->world];
    const ggdm_job job = {.precision = GGDM_PRECISION_FP32, .batch = 500, .threads = 1};
    const ggdm_executor_sink sink = {d, on_step, on_sample, look};
    const char *guided = ggdm_tiny_text(&w->arena, GGDM_FAMILY_GUIDANCE, "%s", s->guidance);
    ggdm_executor *e;
    ggdm_tiny_unit u;
    ggdm_error err;
    d->last = s->steps - 1;
    ggdm_test_ok(ggdm_executor_create(&job, &ggdm_methods, &w->models, &e, &err), &err);
    ggdm_tiny_unit_init(&u, &w->arena,
                        ggdm_tiny_text(&w->arena, GGDM_FAMILY_STAGE,
                                       "{model: U, seed: 5, sampler: {kind: %s, steps: %d, "
                                       "spacing: leading%s}%s}",
                                       s->sampler, s->steps, s->rows,
                                       w->conditional ? ", condition: {label: 0}" : ""),
                        0, DRAWS);
    u.unit.steps = s->steps;
    u.unit.n_scorers = u.unit.n_scores = 0;
    if (s->end > 0) {
        ggdm_tiny_unit_add(&u, -1, s->begin, "{}", -1);
        ggdm_tiny_unit_add(&u, 0, s->end, guided, -1);
        ggdm_tiny_unit_add(&u, 1, s->steps, "{}", 0);
    } else {
        ggdm_tiny_unit_add(&u, -1, s->steps, guided, 0);
    }
    ggdm_test_ok(ggdm_executor_run(e, &u.unit, &sink, &err), &err);
    ggdm_executor_destroy(&e);
}

/* Within so many standard errors, of some hundred comparisons. */
#define SIGMAS 4

typedef struct moments {
    double n, mean[D], second[D][D]; /* the latter about the mean */
} moments;

static void take_moments(const drawn *d, bool (*is_in)(const float *x), moments *m)
{
    *m = (moments){0};
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < DRAWS; i++) {
            if (is_in && !is_in(d->x[i]))
                continue;
            m->n += pass == 0;
            for (int p = 0; p < D; p++) {
                m->mean[p] += pass == 0 ? (double)d->x[i][p] : 0;
                for (int q = 0; q < D && pass == 1; q++)
                    m->second[p][q] += ((double)d->x[i][p] - m->mean[p] / m->n) *
                                       ((double)d->x[i][q] - m->mean[q] / m->n);
            }
        }
    for (int p = 0; p < D; p++) {
        m->mean[p] /= m->n;
        for (int q = 0; q < D; q++)
            m->second[p][q] /= m->n;
    }
}

static void check_moments(const scenario *s, const moments *m)
{
    double mean[D], v[D];
    for (int p = 0; p < D; p++)
        distribution(s, p, &mean[p], &v[p]);
    for (int p = 0; p < D; p++) {
        if (!(fabs(m->mean[p] - mean[p]) <= SIGMAS * sqrt(v[p] / m->n)))
            ggdm_test_fail("%s: pixel %d has the mean %g, expected %g", s->name, p, m->mean[p],
                           mean[p]);
        for (int q = 0; q <= p; q++) {
            const double want = p == q ? v[p] : 0;
            const double error = sqrt((p == q ? 2 : 1) * v[p] * v[q] / m->n);
            if (!(fabs(m->second[p][q] - want) <= SIGMAS * error))
                ggdm_test_fail("%s: pixels %d and %d have the covariance %g, expected %g", s->name,
                               p, q, m->second[p][q], want);
        }
    }
}

static drawn images;

static void test_guided_mixture_is_drawn_as_it_must_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        const scenario *s = &scenarios[i];
        moments m;
        draw(s, &images);
        take_moments(&images, NULL, &m);
        check_moments(s, &m);
    }
}

/* Strength 1 is p(x given y) but for the chain's own error, which is small with all steps. */
static void test_guided_mixture_of_strength_one_is_the_class(void **state)
{
    scenario s = scenarios[0];
    (void)state;
    s.steps = T;
    for (int p = 0; p < D; p++) {
        double mean, v;
        distribution(&s, p, &mean, &v);
        assert_true(fabs(mean - worlds[COMMON].mean[0][p]) < 1e-3);
        assert_true(fabs(v / worlds[COMMON].variance[0][p] - 1) < 0.02);
    }
}

static bool is_first(const float *x)
{
    return x[0] > 0;
}

static bool is_second(const float *x)
{
    return x[0] <= 0;
}

/* Steps that are made again, while a term acts that does nothing, keep shares and components. */
static void test_guided_mixture_recurrence_alone_keeps_the_world(void **state)
{
    (void)state;
    scenario s = {"recurrence alone",
                  COMMON,
                  "ddpm",
                  "",
                  100,
                  "{terms: [{" AT_XT ", apply: eps, weight: 1e-30}], recurrence: {repeats: 2}}",
                  .repeats = 2};
    moments m;
    draw(&s, &images);
    for (s.component = 0; s.component < 2; s.component++) {
        take_moments(&images, s.component == 0 ? is_first : is_second, &m);
        check_moments(&s, &m);
        const double share = s.component == 0 ? 0.3 : 0.7;
        assert_true(fabs(m.n - DRAWS * share) <= SIGMAS * sqrt(DRAWS * share * (1 - share)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guided_mixture_is_drawn_as_it_must_be),
        cmocka_unit_test(test_guided_mixture_of_strength_one_is_the_class),
        cmocka_unit_test(test_guided_mixture_recurrence_alone_keeps_the_world),
    };
    setenv("GGDM_LOG", "error", 1);
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
