/* The guidance gradients against central differences of the loss, which is computed by the networks
 * of other purposes (eps, guide score) and by hand: nothing is shared with the backward pass. */
#include "worker/networks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/model.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_model.h"

enum { N = 3, BATCH = 4, PIXELS = 8 * 8 }; /* three images and one of padding */

/* A part of the range of alpha_bar; every image has another timestep and target. */
static const float timesteps[N] = {950, 420, 30};
static const double alpha_bars[N] = {0.1, 0.4, 0.9};
static const int32_t targets[N] = {3, 7, 0};

typedef struct world {
    ggdm_tiny_models models;
    ggdm_networks *nets; /* of the test that runs */
    ggdm_loss_form form;
    bool through_eps; /* the loss is a function of x_t, otherwise of x0-hat */
} world;

static int setup(void **state)
{
    static world w;
    ggdm_tiny_models_open(&w.models);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    ggdm_tiny_models_close(&w->models);
    return 0;
}

static ggdm_network *network(world *w, ggdm_purpose purpose)
{
    ggdm_network *net;
    ggdm_error err;
    ggdm_test_ok(ggdm_networks_get(w->nets, purpose, N, &net, &err), &err);
    assert_int_equal(net->batch, BATCH);
    return net;
}

/* x0-hat of x_t, by the eps network. */
static void predict(world *w, const float *x, float *x0)
{
    ggdm_network *net = network(w, GGDM_NET_EPS);
    memcpy(net->x, x, N * PIXELS * sizeof *x);
    memcpy(net->t, timesteps, sizeof timesteps);
    ggdm_graph_run(net->graph);
    for (int i = 0; i < N * PIXELS; i++) {
        double bar = alpha_bars[i / PIXELS];
        x0[i] = (float)((x[i] - sqrt(1 - bar) * net->eps[i]) / sqrt(bar));
    }
}

/* The loss of each image at v + s e_pixel, v [N, PIXELS] being x_t or x0-hat. */
static void losses_at(world *w, const float *v, int pixel, double s, double loss[N])
{
    float moved[N * PIXELS];
    memcpy(moved, v, sizeof moved);
    for (int i = 0; i < N; i++)
        moved[i * PIXELS + pixel] += (float)s;
    ggdm_network *net = network(w, GGDM_NET_GUIDE_SCORE);
    if (w->through_eps)
        predict(w, moved, net->x);
    else
        memcpy(net->x, moved, sizeof moved);
    ggdm_graph_run(net->graph);
    for (int i = 0; i < N; i++) {
        double logp = net->logp[i * 10 + targets[i]];
        loss[i] = w->form == GGDM_NLL ? -logp : -exp(logp);
    }
}

/* The noise of the f32 loss around v: the root mean square of the sixth differences of neighbours,
 * in which a smooth function of this step vanishes, along every eighth pixel (More and Wild,
 * Estimating computational noise, 2011). */
static void noise_at(world *w, const float *v, double noise[N])
{
    enum { POINTS = 9, ORDER = 6, STRIDE = 8 };
    double table[POINTS][N], sum[N] = {0};
    for (int pixel = 0; pixel < PIXELS; pixel += STRIDE) {
        for (int p = 0; p < POINTS; p++)
            losses_at(w, v, pixel, (p - POINTS / 2) * 0x1p-12, table[p]);
        for (int k = 0; k < ORDER; k++)
            for (int i = 0; i < (POINTS - 1 - k) * N; i++)
                table[i / N][i % N] = table[i / N + 1][i % N] - table[i / N][i % N];
        for (int i = 0; i < (POINTS - ORDER) * N; i++)
            sum[i % N] += table[i / N][i % N] * table[i / N][i % N];
    }
    for (int i = 0; i < N; i++) /* 924 = (2 ORDER)! / ORDER!^2: the variance of such a difference */
        noise[i] = sqrt(sum[i] / ((POINTS - ORDER) * PIXELS / STRIDE) / 924);
}

/* Central differences D(h) and D(2 h) extrapolated to want, per image: their difference bounds the
 * error of the extrapolation, and six times the noise over h its noise.  Errors of a gradient are
 * normwise: an image has one tolerance. */
static void differences(world *w, const float *v, double *want, double *tol)
{
    const double h = 0x1p-7;
    double noise[N], bound[N] = {0}, largest[N] = {0};
    noise_at(w, v, noise);
    for (int pixel = 0; pixel < PIXELS; pixel++) {
        double loss[4][N];
        for (int p = 0; p < 4; p++)
            losses_at(w, v, pixel, (p - 2 + p / 2) * h, loss[p]); /* -2 -1 1 2 */
        for (int i = 0; i < N; i++) {
            double fine = (loss[2][i] - loss[1][i]) / (2 * h);
            double coarse = (loss[3][i] - loss[0][i]) / (4 * h);
            want[i * PIXELS + pixel] = (4 * fine - coarse) / 3;
            bound[i] = fmax(bound[i], fabs(fine - coarse));
            largest[i] = fmax(largest[i], fabs(fine));
        }
    }
    for (int i = 0; i < N * PIXELS; i++) {
        tol[i] = bound[i / PIXELS] + 6 * noise[i / PIXELS] / h;
        if (tol[i] > 0.01 * largest[i / PIXELS])
            ggdm_test_fail("image %d: tolerance %g is not below 1 %% of the gradient's %g",
                           i / PIXELS, tol[i], largest[i / PIXELS]);
    }
}

/* net->grad for the images x, next to padding that is NaN. */
static const float *gradient(world *w, const float *x)
{
    ggdm_network *net = network(w, GGDM_NET_GUIDED);
    for (int i = 0; i < BATCH; i++) {
        bool padding = i == N;
        for (int p = 0; p < PIXELS; p++)
            net->x[i * PIXELS + p] = padding ? NAN : x[i * PIXELS + p];
        net->t[i] = padding ? 0 : timesteps[i];
        net->x0_x[i] = padding ? NAN : (float)(1 / sqrt(alpha_bars[i]));
        net->x0_eps[i] = padding ? NAN : (float)(-sqrt(1 - alpha_bars[i]) / sqrt(alpha_bars[i]));
        net->target[i] = padding ? 0 : targets[i];
    }
    ggdm_graph_run(net->graph);
    return net->grad;
}

static void check(world *w, ggdm_gradient kind, ggdm_loss_form form)
{
    ggdm_job job = {.gradient = kind, .form = form, .batch = BATCH, .threads = 1};
    ggdm_error err;
    float x[N * PIXELS], x0[N * PIXELS];
    double want[N * PIXELS], tol[N * PIXELS];
    uint64_t seed = ggdm_test_mix(ggdm_test_seed(), ggdm_gradient_names[kind], form);
    ggdm_test_rng rng = ggdm_test_rng_init(seed);
    ggdm_test_fill_normal(&rng, x, N * PIXELS, 1.0);
    ggdm_model *const *model = w->models.model;
    ggdm_test_ok(ggdm_networks_create(&job, model[0], model[1], NULL, &w->nets, &err), &err);
    w->form = form;
    w->through_eps = kind == GGDM_XT_FULL;
    predict(w, x, x0);
    differences(w, w->through_eps ? x : x0, want, tol);
    ggdm_test_close(ggdm_gradient_names[kind], gradient(w, x), want, tol, N * PIXELS, seed);
    ggdm_networks_destroy(&w->nets);
}

static void test_networks_xt_full_is_the_gradient_through_the_unet(void **state)
{
    check(*state, GGDM_XT_FULL, GGDM_NLL);
    check(*state, GGDM_XT_FULL, GGDM_PROB);
}

static void test_networks_x0_is_the_gradient_of_the_classifier_alone(void **state)
{
    check(*state, GGDM_X0, GGDM_NLL);
    check(*state, GGDM_X0, GGDM_PROB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks_xt_full_is_the_gradient_through_the_unet),
        cmocka_unit_test(test_networks_x0_is_the_gradient_of_the_classifier_alone),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
