/* Chains against the reference constants of the GGDM code and closed forms, noise levels, and the
 * sampler's step against the equations written out in double. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/png_image.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_methods.h"
#include "worker/noise_levels.h"
#include "worker/said.h"
#include "worker/timesteps.h"
#include "worker/sampler.h"

static ggdm_arena arena; /* of all items of this program */

static ggdm_noise_levels levels_of(const char *json)
{
    ggdm_noise_levels levels;
    ggdm_error err;
    ggdm_test_ok(ggdm_noise_levels_read(json, "scheduler_config.json", &levels, &err), &err);
    return levels;
}

static ggdm_item *sampler(const char *yaml)
{
    return ggdm_tiny_item(&arena, GGDM_FAMILY_SAMPLER, yaml);
}

static ggdm_chain make(const char *yaml)
{
    ggdm_noise_levels levels = levels_of(NULL);
    ggdm_chain chain;
    ggdm_error err;
    ggdm_test_ok(ggdm_chain_create(sampler(yaml), &levels, &chain, &err), &err);
    ggdm_noise_levels_deinit(&levels);
    return chain;
}

/* 1 / sqrt(alpha_bar) at the paper's t = 1 .. 1000; timestep t - 1 here. */
static void test_chain_linear_matches_reference_constants(void **state)
{
    (void)state;
    static const struct {
        int t;
        double inverse;
    } want[] = {{1, 1.0001},   {100, 1.0558}, {200, 1.2318}, {300, 1.5883},
                {400, 2.2637}, {500, 3.5672}, {600, 6.2162}, {700, 11.981},
                {800, 25.548}, {900, 60.28},  {1000, 157.41}};
    ggdm_chain c = make("{kind: ddpm}");
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const ggdm_step *step = &c.step[1000 - want[i].t];
        assert_int_equal(step->t, want[i].t - 1);
        /* The constants have 5 digits: half a unit of the last one. */
        assert_true(fabs(step->x0_x - want[i].inverse) < 1e-4 * want[i].inverse);
    }
    assert_true(c.step[999].sigma == 0.0f);
    ggdm_chain_deinit(&c);
}

/* Fixed large: sigma^2 = beta; fixed small: beta (1 - abar_next) / (1 - abar). */
static void test_chain_variance_kinds(void **state)
{
    (void)state;
    ggdm_chain large = make("{kind: ddpm}"), small = make("{kind: ddpm, variance: fixed_small}");
    for (int i = 0; i < 999; i++) {
        double bar = large.step[i].alpha_bar, next = large.step[i + 1].alpha_bar;
        double beta = 1 - bar / next;
        assert_true(large.step[i].alpha_bar_next == next);
        assert_true(fabs(large.step[i].sigma - sqrt(beta)) < 1e-6 * sqrt(beta));
        double want = sqrt(beta * (1 - next) / (1 - bar));
        assert_true(fabs(small.step[i].sigma - want) < 1e-6 * want);
    }
    ggdm_chain_deinit(&large);
    ggdm_chain_deinit(&small);
}

/* Fewer steps visit every (T / steps)-th timestep and telescope to the same alpha_bar. */
static void test_chain_respaced_uses_leading_timesteps(void **state)
{
    (void)state;
    ggdm_chain s = make("{kind: ddpm, steps: 50}"), full = make("{kind: ddpm}");
    for (int i = 0; i < 50; i++) {
        assert_int_equal(s.step[i].t, (49 - i) * 20);
        assert_true(s.step[i].alpha_bar == full.step[999 - s.step[i].t].alpha_bar);
    }
    ggdm_chain_deinit(&s);
    ggdm_chain_deinit(&full);
}

static void test_chain_of_more_steps_than_timesteps_is_refused(void **state)
{
    (void)state;
    ggdm_noise_levels levels = levels_of(NULL);
    ggdm_chain chain;
    ggdm_error err;
    ggdm_status st = ggdm_chain_create(sampler("{kind: ddpm, steps: 1001}"), &levels, &chain, &err);
    ggdm_test_error(st, &err, GGDM_EINVAL, "value '1001', expected 1 to 1000");
    ggdm_chain_deinit(&chain);
    ggdm_noise_levels_deinit(&levels);
}

/* What numpy, and so diffusers, makes of 1000 timesteps; 937.5 is a tie at which the increment's
 * rounding decides. */
static void test_chain_spacings_are_those_of_diffusers(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        int n, t[7];
    } rows[] = {
        {"{kind: ddim, steps: 7}", 7, {852, 710, 568, 426, 284, 142, 0}},
        {"{kind: ddpm, steps: 7, steps_offset: 1}", 7, {853, 711, 569, 427, 285, 143, 1}},
        {"{kind: ddpm, steps: 7, spacing: trailing}", 7, {999, 856, 713, 570, 428, 285, 142}},
        {"{kind: ddpm, steps: 7, spacing: linspace}", 7, {999, 832, 666, 500, 333, 166, 0}},
        {"{kind: ddim, steps: 7, spacing: trailing}", 7, {999, 856, 713, 570, 428, 285, 142}},
        {"{kind: ddim, steps: 48, spacing: trailing}", 5, {999, 978, 957, 936, 916}},
        {"{kind: ddim, steps: 7, spacing: linspace}", 7, {999, 832, 666, 500, 333, 166, 0}},
        {"{kind: ddim, steps: 3, spacing: linspace}", 3, {999, 500, 0}},
        {"{kind: ddim, steps: 1, spacing: linspace}", 1, {0}},
        {"{kind: ddim, spacing: linspace}", 3, {999, 998, 997}},
        {"{kind: ddim, spacing: trailing}", 3, {999, 998, 997}},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        ggdm_chain c = make(rows[r].yaml);
        for (int i = 0; i < rows[r].n; i++)
            assert_int_equal(c.step[i].t, rows[r].t[i]);
        assert_true(c.step[c.steps - 1].alpha_bar_next == 1);
        ggdm_chain_deinit(&c);
    }
}

/* Karras et al. 2022, equation 5, and the timestep nearest to each of its levels: written out. */
static int32_t nearest_to_karras(const double *alpha_bar, int T, int n, int i)
{
    const double most = pow(1 / alpha_bar[T - 1] - 1, 1 / 14.0);
    const double least = pow(1 / alpha_bar[0] - 1, 1 / 14.0);
    const double sigma = pow(most + i / (n - 1.0) * (least - most), 7);
    int32_t best = 0;
    double distance = INFINITY;
    for (int32_t t = 0; t < T; t++) {
        const double d = fabs(log(sqrt((1 - alpha_bar[t]) / alpha_bar[t]) / sigma));
        best = d < distance ? t : best;
        distance = fmin(d, distance);
    }
    return best;
}

/* As numpy has them, too, for 10 and 18 steps.  Of 100, two are nearest to timestep 1. */
static void test_chain_karras_is_nearest_to_the_noise_levels_of_edm(void **state)
{
    (void)state;
    static const struct {
        int n, from, count, t[18]; /* count timesteps from step `from` on */
    } rows[] = {
        {10, 0, 10, {999, 937, 864, 775, 663, 511, 301, 102, 18, 0}},
        {18,
         0,
         18,
         {999, 967, 933, 895, 854, 809, 757, 699, 631, 551, 455, 342, 221, 120, 55, 21, 5, 0}},
        {50, 38, 12, {105, 81, 61, 45, 32, 23, 15, 10, 6, 3, 1, 0}},
        {100, 89, 11, {15, 12, 10, 7, 6, 5, 4, 3, 2, 1, 0}},
        {1000, 0, 3, {999, 998, 997}}};
    double alpha_bar[1000], bar = 1;
    for (int t = 0; t < 1000; t++)
        alpha_bar[t] = bar *= 1 - (1e-4 + (0.02 - 1e-4) * t / 999);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        char yaml[60];
        snprintf(yaml, sizeof yaml, "{kind: heun, spacing: karras, steps: %d}", rows[r].n);
        ggdm_chain c = make(yaml);
        for (int i = 0; i < rows[r].count; i++)
            assert_int_equal(c.step[2 * (rows[r].from + i)].t, rows[r].t[i]);
        for (int i = 0; i < rows[r].n; i++) {
            const ggdm_step *s = &c.step[2 * i];
            if (rows[r].n <= 50)
                assert_int_equal(s->t, nearest_to_karras(alpha_bar, 1000, rows[r].n, i));
            else if (rows[r].n == 1000)
                assert_int_equal(s->t, 999 - i);
            assert_true(fabs(s->alpha_bar - alpha_bar[s->t]) < 1e-12);
        }
        ggdm_chain_deinit(&c);
    }
}

/* However many steps there are, and where two timesteps have one noise level. */
static void test_chain_karras_visits_no_timestep_twice(void **state)
{
    (void)state;
    static const char *const json[] = {
        "{\"num_train_timesteps\": 1}", "{\"num_train_timesteps\": 2}",
        "{\"num_train_timesteps\": 60, \"beta_schedule\": \"squaredcos_cap_v2\"}",
        "{\"num_train_timesteps\": 60, \"beta_end\": 0.6, \"rescale_betas_zero_snr\": true, "
        "\"prediction_type\": \"v_prediction\"}"};
    for (size_t j = 0; j < sizeof json / sizeof *json; j++) {
        ggdm_noise_levels levels = levels_of(json[j]);
        for (int n = 1; n <= levels.train_steps; n++) {
            char yaml[60];
            ggdm_error err;
            ggdm_chain c;
            snprintf(yaml, sizeof yaml, "{kind: ddim, spacing: karras, steps: %d}", n);
            ggdm_test_ok(ggdm_chain_create(sampler(yaml), &levels, &c, &err), &err);
            assert_int_equal(c.step[0].t, levels.train_steps - 1);
            for (int i = 1; i < n; i++)
                assert_true(c.step[i].t < c.step[i - 1].t);
            assert_true(n == 1 || c.step[n - 1].t == 0);
            ggdm_chain_deinit(&c);
        }
        ggdm_noise_levels_deinit(&levels);
    }
}

/* space_timesteps of guided-diffusion; the first row is its documentation's example. */
static void test_chain_respacings_are_those_of_openai(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        int T, at, n, t[8]; /* n timesteps from step `at` on */
    } rows[] = {
        {"{kind: ddpm, steps: 45, respacing: '10,15,20'}", 300, 38, 7, {66, 55, 44, 33, 22, 11, 0}},
        {"{kind: ddpm, steps: 45, respacing: '10,15,20'}", 300, 17, 5, {210, 205, 200, 199, 192}},
        {"{kind: ddim, steps: 7, respacing: '7'}", 1000, 0, 7, {999, 832, 666, 500, 333, 166, 0}},
        {"{kind: ddim, steps: 7, respacing: ddim7}", 1000, 0, 7, {858, 715, 572, 429, 286, 143, 0}},
        {"{kind: ddim, steps: 50, respacing: ddim50}", 1000, 0, 3, {980, 960, 940}},
        {"{kind: ddpm, steps: 5, respacing: '2,0,3'}", 10, 0, 5, {9, 8, 7, 3, 0}},
        {"{kind: ddpm, steps: 1, respacing: '1'}", 1000, 0, 1, {0}},
        {"{kind: dpmpp-2m, steps: 7, respacing: ddim7}", 1000, 0, 3, {858, 715, 572}},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        char json[60];
        ggdm_error err;
        ggdm_chain c;
        snprintf(json, sizeof json, "{\"num_train_timesteps\": %d}", rows[r].T);
        ggdm_noise_levels levels = levels_of(json);
        ggdm_test_ok(ggdm_chain_create(sampler(rows[r].yaml), &levels, &c, &err), &err);
        for (int i = 0; i < rows[r].n; i++)
            assert_int_equal(c.step[rows[r].at + i].t, rows[r].t[i]);
        for (int i = 0; i + 1 < c.steps; i++)
            assert_true(c.step[i].alpha_bar_next == levels.alpha_bar[c.step[i + 1].t]);
        ggdm_chain_deinit(&c);
        ggdm_noise_levels_deinit(&levels);
    }
}

static void test_chain_of_timesteps_that_are_not_there_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *text;
    } bad[] = {
        {"{kind: ddpm, steps: 300, respacing: ddim300}", "a number of steps that an integer"},
        {"{kind: ddpm, steps: 8, respacing: '7'}",
         "value '8', expected steps: 7, the sum of respacing"},
        {"{kind: ddpm, respacing: ddim50}",
         "value '1000', expected steps: 50, the sum of respacing"},
        {"{kind: langevin, steps: 10, per_level: 11}",
         "value '11' of per_level, expected at most steps, 10"},
        {"{kind: ddpm, steps: 601, respacing: '600,1'}", "no more steps than its part"},
        {"{kind: ddpm, steps: 7, respacing: '7,'}", "expected steps of parts"},
        {"{kind: ddpm, steps: 7, respacing: ''}", "value '', expected steps of parts"},
        {"{kind: ddpm, steps: 7, respacing: ddim7x}", "expected steps of parts"},
        {"{kind: ddpm, steps: 7, respacing: '99999999999'}", "expected steps of parts"},
        {"{kind: ddpm, steps: 7, respacing: '7', spacing: trailing}", "none beside a spacing"},
        {"{kind: ddim, steps: 7, respacing: '7', steps_offset: 1}", "none beside a spacing"},
        {"{kind: ddpm, steps_offset: 1}", "value '1', expected at most 0 with spacing leading"},
        {"{kind: ddim, steps: 4, steps_offset: 250}", "value '250', expected at most 249"},
        {"{kind: ddim, steps: 4, steps_offset: 1, spacing: linspace}", "expected at most 0"},
        {"{kind: ddim, steps: 4, steps_offset: 1, spacing: karras}",
         "value '1', expected at most 0 with spacing karras"},
    };
    ggdm_noise_levels levels = levels_of(NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ggdm_chain chain;
        ggdm_error err;
        ggdm_status st = ggdm_chain_create(sampler(bad[i].yaml), &levels, &chain, &err);
        ggdm_test_error(st, &err, GGDM_EINVAL, bad[i].text);
        ggdm_chain_deinit(&chain);
    }
    ggdm_noise_levels_deinit(&levels);
}

/* eta = 1 is ddpm with fixed_small, on every timestep or some of them. */
static void test_ddim_with_all_noise_is_ddpm(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"{kind: ddim, eta: 1}", "{kind: ddpm, variance: fixed_small}"},
        {"{kind: ddim, eta: 1, steps: 50}", "{kind: ddpm, variance: fixed_small, steps: 50}"}};
    for (size_t p = 0; p < 2; p++) {
        ggdm_chain a = make(pairs[p][0]), b = make(pairs[p][1]);
        assert_int_equal(a.steps, b.steps);
        for (int i = 0; i < a.steps; i++) {
            const ggdm_step *x = &a.step[i], *y = &b.step[i];
            assert_int_equal(x->t, y->t);
            assert_true(fabsf(x->mean_x - y->mean_x) <= 1e-6f * fabsf(y->mean_x));
            assert_true(fabsf(x->mean_eps - y->mean_eps) <= 1e-6f * fabsf(y->mean_eps));
            assert_true(fabsf(x->sigma - y->sigma) <= 1e-6f * y->sigma);
        }
        ggdm_chain_deinit(&a);
        ggdm_chain_deinit(&b);
    }
}

/* Where eps follows a limited x0-hat, ddim is, in that form of the mean, ddpm or euler. */
static void test_ddim_with_eps_that_follows_is_ddpm_or_euler(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"{kind: ddim, eta: 1, eps_follows_x0: true}", "{kind: ddpm, variance: fixed_small}"},
        {"{kind: ddim, eta: 1, eps_follows_x0: true, steps: 50}",
         "{kind: ddpm, variance: fixed_small, steps: 50}"},
        {"{kind: ddim, eps_follows_x0: true, steps: 50}",
         "{kind: euler, spacing: leading, steps: 50}"}};
    for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++) {
        ggdm_chain a = make(pairs[p][0]), b = make(pairs[p][1]);
        for (int i = 0; i < a.steps; i++) {
            const ggdm_step *x = &a.step[i], *y = &b.step[i];
            assert_true(fabsf(x->moved_x - y->moved_x) <= 1e-6f * fabsf(y->moved_x));
            assert_true(fabsf(x->moved_x0 - y->moved_x0) <= 1e-6f * fabsf(y->moved_x0));
            assert_true(x->moved_eps == 0 && y->moved_eps == 0);
        }
        ggdm_chain_deinit(&a);
        ggdm_chain_deinit(&b);
    }
}

/* Where all images are one, c, the network's eps is (x - sqrt(ab) c) / sqrt(1 - ab): without noise
 * each step keeps this eps (where it does not follow x0-hat), and the last gives c.  With a c
 * outside the range of images and clipping, it is the edge of the range. */
static void test_ddim_finds_the_only_image(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        double c, end;
    } rows[] = {{"{kind: ddim, steps: 10}", 0.7, 0.7},
                {"{kind: ddim, steps: 9, spacing: trailing}", -0.3, -0.3},
                {"{kind: ddim, steps: 20, spacing: linspace}", 2, 2},
                {"{kind: ddim, steps: 10, eta: 0.5}", 0.7, 0.7},
                {"{kind: ddim, steps: 10, clip_x0: true}", 0.7, 0.7},
                {"{kind: ddim, steps: 10, clip_x0: true}", 2, 1},
                {"{kind: ddim, steps: 10, clip_x0: true, eps_follows_x0: true}", 0.7, 0.7},
                {"{kind: ddim, steps: 10, clip_x0: true, eps_follows_x0: true}", 2, 1}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        ggdm_chain chain = make(rows[r].yaml);
        const double c = rows[r].c;
        float x = 1.3f;
        for (int i = 0; i < chain.steps; i++) {
            const ggdm_step *s = &chain.step[i];
            double bar = s->alpha_bar, next = s->alpha_bar_next;
            double exact = (x - sqrt(bar) * c) / sqrt(1 - bar);
            const float eps = (float)exact, z = 0.25f;
            const double hat = chain.limit.clip ? fmin(c, 1) : c;
            float x0;
            if (ggdm_item_flag(sampler(rows[r].yaml), "eps_follows_x0"))
                exact = (x - sqrt(bar) * hat) / sqrt(1 - bar);
            ggdm_sampler_io io = {.x = &x, .eps = &eps, .z = &z, .x0 = &x0, .n = 1};
            assert_true(ggdm_sampler_step(sampler(rows[r].yaml), &chain, i, 0, &io));
            double want = sqrt(next) * hat + s->sigma * z +
                          sqrt(1 - next - (double)s->sigma * s->sigma) * exact;
            /* eps and the coefficients are rounded, x0-hat magnifies by 1 / sqrt(ab) */
            assert_true(fabs(x - want) < 8 * GGDM_TEST_EPS32 * (1 + fabs(want)) / sqrt(bar));
        }
        assert_true(fabs(x - rows[r].end) < 1e-5);
        ggdm_chain_deinit(&chain);
    }
}

static void test_noise_levels_bad_config_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
    } bad[] = {
        {"{\"beta_schedule\": \"cosine\"}", "beta_schedule"},
        {"{\"prediction_type\": \"noise\"}",
         "'prediction_type': value 'noise', expected epsilon, sample or v_prediction"},
        {"{\"num_train_timesteps\": 0}", "num_train_timesteps"},
        {"{\"num_train_timesteps\": 1e9}", "num_train_timesteps"},
        {"{\"beta_end\": 2}", "beta_end"},
        {"{\"trained_betas\": [0.1]}", "'trained_betas': a list of 1, expected 1000"},
        {"{\"trained_betas\": []}", "'trained_betas': a list of 0, expected 1000"},
        {"{\"num_train_timesteps\": 1, \"trained_betas\": [1]}", "'trained_betas[0]': value '1'"},
        {"{\"beta_schedule\": \"squaredcos_cap_v2\", \"trained_betas\": 1}",
         "'trained_betas': value '1', expected a list"},
        {"{\"rescale_betas_zero_snr\": true}",
         "'rescale_betas_zero_snr': value 'true', expected false with prediction_type epsilon"},
        {"{\"rescale_betas_zero_snr\": true, \"prediction_type\": \"sample\", "
         "\"num_train_timesteps\": 1}",
         "'rescale_betas_zero_snr': value 'true', expected false with num_train_timesteps 1"},
        {"{\"thresholding\": 0}", "'thresholding': value '0', expected true or false"},
        {"{\"dynamic_thresholding_ratio\": 2}", "'dynamic_thresholding_ratio': value '2'"},
        {"{\"predict_epsilon\": false}", "'predict_epsilon': value 'false', expected true"},
        {"{\"shift\": 3.0}", "'shift': unknown key"},
        {"{\"timestep_spacing\": \"other\"}", "expected leading, linspace or trailing"},
        {"{\"steps_offset\": 1.5}", "'steps_offset': value '1.5', expected an integer"},
        {"{\"variance_type\": \"learned\"}",
         "'variance_type': value 'learned', expected fixed_large, fixed_small"},
        {"{\"beta_end\": Infinity}", "'beta_end': value 'Infinity', expected"},
        {"{\"beta_strat\": 0.1}", "did you mean 'beta_start'"},
        {"{", "scheduler_config.json"}};
    ggdm_item *ten = sampler("{kind: ddpm, steps: 10}");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *notes;
        ggdm_error err = {0};
        ggdm_status st = ggdm_said_follow(bad[i].json, "scheduler_config.json", ten, &notes, &err);
        assert_int_not_equal(st, GGDM_OK);
        ggdm_test_error(st, &err, st, bad[i].text);
        assert_null(notes);
    }
}

/* What counts for nothing in a schedule is not assumed either. */
static void test_noise_levels_assume_no_more_than_is_needed(void **state)
{
    (void)state;
    static const struct {
        const char *json, *assumed;
    } rows[] = {
        {"{\"beta_schedule\": \"squaredcos_cap_v2\"}",
         "num_train_timesteps 1000, prediction_type epsilon"},
        {"{\"num_train_timesteps\": 2, \"trained_betas\": [0.1, 0.2]}", "prediction_type epsilon"},
        {"{\"beta_schedule\": \"sigmoid\"}",
         "num_train_timesteps 1000, beta_start 0.0001, beta_end 0.02, prediction_type epsilon"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *notes;
        ggdm_error err;
        ggdm_status st = ggdm_said_follow(rows[i].json, "s.json", sampler("{kind: ddpm, steps: 2}"),
                                          &notes, &err);
        ggdm_test_ok(st, &err);
        assert_string_equal(strstr(notes, "are ") + 4, rows[i].assumed);
        free(notes);
    }
}

/* scheduler_config.json reaches the levels. */
static void test_noise_levels_are_of_the_schedule_that_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        double last;
    } rows[] = {{"{\"num_train_timesteps\": 2, \"trained_betas\": [0.5, 0.25]}", 0.375},
                {"{\"num_train_timesteps\": 2, \"trained_betas\": null, "
                 "\"beta_start\": 0.5, \"beta_end\": 0.75}",
                 0.125},
                {"{\"num_train_timesteps\": 1, \"beta_schedule\": \"squaredcos_cap_v2\"}", 0.001}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ggdm_noise_levels levels = levels_of(rows[i].json);
        assert_true(fabs(levels.alpha_bar[levels.train_steps - 1] - rows[i].last) < 1e-15);
        ggdm_noise_levels_deinit(&levels);
    }
}

/* What the file says of timesteps holds where the sweep does not say it, and only where it counts.
 */
static void test_said_of_timesteps_holds_where_the_sweep_is_silent(void **state)
{
    (void)state;
    static const char json[] = "{\"timestep_spacing\": \"trailing\", \"steps_offset\": 1}";
    static const char leading[] = "{\"timestep_spacing\": \"leading\", \"steps_offset\": 1}";
    static const char karras[] = "{\"_class_name\": \"EulerDiscreteScheduler\", "
                                 "\"use_karras_sigmas\": true, \"steps_offset\": 1, "
                                 "\"sigma_min\": null, \"timestep_spacing\": \"trailing\"}";
    static const struct {
        const char *json, *yaml;
        int spacing, offset;
    } rows[] = {
        {json, "{kind: ddim, steps: 10}", GGDM_TRAILING, 0},
        {json, "{kind: ddpm, steps: 10, spacing: leading}", GGDM_LEADING, 1},
        {json, "{kind: ddpm, steps: 10, spacing: leading, steps_offset: 0}", GGDM_LEADING, 0},
        {json, "{kind: euler, steps: 10}", GGDM_TRAILING, 0},
        {leading, "{kind: euler, steps: 10}", GGDM_LEADING, 1},
        {leading, "{kind: heun, steps: 10, spacing: linspace}", GGDM_LINSPACE, 0},
        {leading, "{kind: dpmpp-2m, steps: 10, respacing: ddim10}", GGDM_LINSPACE, 0},
        {leading, "{kind: dpmpp-2m}", GGDM_LINSPACE, 0},
        {json, "{kind: ddpm}", GGDM_LEADING, 0},
        {"{}", "{kind: euler, steps: 10}", GGDM_LINSPACE, 0},
        {karras, "{kind: euler, steps: 10}", GGDM_KARRAS, 0},
        {karras, "{kind: euler, steps: 10, spacing: leading}", GGDM_LEADING, 1},
        {karras, "{kind: euler, steps: 10, respacing: ddim10}", GGDM_LINSPACE, 0},
        {karras, "{kind: euler}", GGDM_LINSPACE, 0},
        {karras, "{kind: heun, steps: 10}", GGDM_TRAILING, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ggdm_error err;
        ggdm_item *s = sampler(rows[i].yaml);
        ggdm_chain chain;
        ggdm_noise_levels levels = levels_of(rows[i].json);
        ggdm_test_ok(ggdm_said_follow(rows[i].json, "s.json", s, NULL, &err), &err);
        assert_int_equal(ggdm_item_whole(s, "spacing"), rows[i].spacing);
        assert_int_equal(ggdm_item_whole(s, "steps_offset"), rows[i].offset);
        ggdm_test_ok(ggdm_chain_create(s, &levels, &chain, &err), &err);
        ggdm_chain_deinit(&chain);
        ggdm_noise_levels_deinit(&levels);
    }
}

/* There is one limit of x0-hat. */
static void test_said_of_limits(void **state)
{
    (void)state;
    static const char json[] = "{\"clip_sample\": true, \"thresholding\": true, "
                               "\"dynamic_thresholding_ratio\": 0.9, \"sample_max_value\": 4}";
    static const struct {
        const char *yaml;
        bool clip, threshold;
    } rows[] = {{"{kind: ddim}", false, true},
                {"{kind: ddim, clip_x0: false}", false, true},
                {"{kind: ddpm, clip_x0: true}", true, false},
                {"{kind: euler, thresholding: false}", true, false},
                {"{kind: heun, thresholding: false, clip_x0: false}", false, false},
                {"{kind: dpmpp-2m, thresholding: true}", false, true}};
    ggdm_noise_levels levels = levels_of(NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ggdm_error err;
        ggdm_chain chain;
        ggdm_item *s = sampler(rows[i].yaml);
        ggdm_test_ok(ggdm_said_follow(json, "s.json", s, NULL, &err), &err);
        ggdm_test_ok(ggdm_item_check(s, &err), &err);
        ggdm_test_ok(ggdm_chain_create(s, &levels, &chain, &err), &err);
        assert_int_equal(chain.limit.clip, rows[i].clip);
        assert_int_equal(chain.limit.threshold, rows[i].threshold);
        assert_true(chain.limit.ratio == (rows[i].threshold ? 0.9 : 0.995));
        assert_true(chain.limit.most == (rows[i].threshold ? 4 : 1));
        ggdm_chain_deinit(&chain);
    }
    ggdm_noise_levels_deinit(&levels);
}

static void test_limits_that_contradict_are_refused(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_item *s = sampler("{kind: ddim}");
    ggdm_item_set(s, "thresholding", (ggdm_scalar){.whole = true});
    ggdm_item_set(s, "clip_x0", (ggdm_scalar){.whole = true});
    ggdm_test_error(ggdm_item_check(s, &err), &err, GGDM_EINVAL,
                    "expected false with thresholding");
    s = sampler("{kind: ddim}");
    ggdm_item_set(s, "sample_max_value", (ggdm_scalar){.real = 2});
    ggdm_test_error(ggdm_item_check(s, &err), &err, GGDM_EINVAL, "expected thresholding: true");
}

/* Of the sampler's own scheduler, what the sampler does not do is refused; of another's it says
 * nothing of this sampler. */
static void test_said_of_what_the_sampler_does_not_do_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *json, *error; /* NULL: none */
    } rows[] = {
        {"ddim", "DDIMScheduler\", \"set_alpha_to_one\": false",
         "'set_alpha_to_one': value 'false', expected true: sampler 'ddim' does nothing else"},
        {"ddim", "DDIMScheduler\", \"set_alpha_to_one\": true", NULL},
        {"ddim", "PNDMScheduler\", \"set_alpha_to_one\": false", NULL},
        {"euler", "EulerDiscreteScheduler\", \"use_beta_sigmas\": true",
         "'use_beta_sigmas': value 'true', expected false"},
        {"heun", "EulerDiscreteScheduler\", \"use_beta_sigmas\": true", NULL},
        {"heun", "HeunDiscreteScheduler\", \"use_karras_sigmas\": true", NULL},
        {"heun", "HeunDiscreteScheduler\", \"use_karras_sigmas\": 1",
         "'use_karras_sigmas': value '1', expected true or false"},
        {"euler", "EulerDiscreteScheduler\", \"sigma_min\": 0.002",
         "'sigma_min': value '0.002', expected null: sampler 'euler' does nothing else"},
        {"dpmpp-2m", "DPMSolverMultistepScheduler\", \"solver_order\": 3",
         "'solver_order': value '3', expected an integer from 1 to 2"},
        {"dpmpp-2m", "DPMSolverMultistepScheduler\", \"algorithm_type\": \"sde-dpmsolver++\"",
         "'algorithm_type': value 'sde-dpmsolver++', expected dpmsolver++"},
        {"dpmpp-2m",
         "DPMSolverMultistepScheduler\", \"algorithm_type\": \"dpmsolver++\", \"solver_type\": "
         "\"midpoint\", \"use_karras_sigmas\": false, \"lambda_min_clipped\": -Infinity, "
         "\"final_sigmas_type\": null",
         NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char json[400], yaml[40];
        ggdm_error err = {0};
        snprintf(json, sizeof json, "{\"_class_name\": \"%s}", rows[i].json);
        snprintf(yaml, sizeof yaml, "{kind: %s}", rows[i].kind);
        ggdm_status st = ggdm_said_follow(json, "s.json", sampler(yaml), NULL, &err);
        if (rows[i].error)
            ggdm_test_error(st, &err, GGDM_EINVAL, rows[i].error);
        else
            ggdm_test_ok(st, &err);
    }
}

/* Keys about how the chain is run, or with the value that changes nothing, make the same schedule:
 * what diffusers writes for its own schedulers. */
static void test_noise_levels_keys_of_diffusers_are_known(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{\"_class_name\": \"DDPMScheduler\", \"_diffusers_version\": \"0.21.0\","
        " \"beta_end\": 0.02, \"beta_schedule\": \"linear\", \"beta_start\": 0.0001,"
        " \"clip_sample\": true, \"clip_sample_range\": 1.0, \"dynamic_thresholding_ratio\": 0.995,"
        " \"num_train_timesteps\": 1000, \"prediction_type\": \"epsilon\","
        " \"rescale_betas_zero_snr\": false, \"sample_max_value\": 1.0, \"steps_offset\": 0,"
        " \"thresholding\": false, \"timestep_spacing\": \"leading\", \"trained_betas\": null,"
        " \"variance_type\": \"fixed_large\"}",
        "{\"_class_name\": \"DPMSolverMultistepScheduler\", \"solver_order\": 2,"
        " \"algorithm_type\": \"dpmsolver++\", \"lambda_min_clipped\": -Infinity,"
        " \"timestep_spacing\": \"linspace\", \"variance_type\": null}",
        "{\"_class_name\": \"PNDMScheduler\", \"set_alpha_to_one\": false,"
        " \"skip_prk_steps\": true, \"steps_offset\": 1}",
        "{\"predict_epsilon\": true, \"tensor_format\": \"pt\", \"timestep_values\": null}"};
    ggdm_noise_levels want = levels_of(NULL);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ggdm_noise_levels s = levels_of(good[i]);
        assert_int_equal(s.train_steps, 1000);
        assert_memory_equal(s.alpha_bar, want.alpha_bar, 1000 * sizeof *want.alpha_bar);
        ggdm_noise_levels_deinit(&s);
    }
    ggdm_noise_levels_deinit(&want);
}

/* A line for what nobody said, and for what the file says and the sweep leaves to its default. */
static void test_said_is_followed_and_told(void **state)
{
    (void)state;
    static const char left[] = "{kind: ddpm, steps: 10}";
    static const char given[] = "{kind: ddpm, steps: 10, clip_x0: false, variance: fixed_large}";
    static const char clipped[] = "{kind: ddpm, steps: 10, clip_x0: true, variance: fixed_large}";
    static const char other[] = "{kind: ddim, steps: 10}", heun[] = "{kind: heun, steps: 5}";
    static const char all[] = "\"num_train_timesteps\": 10, \"beta_schedule\": \"linear\", "
                              "\"beta_start\": 0.1, \"beta_end\": 0.2";
    const struct {
        const char *json; /* in braces, behind all where it begins with a comma */
        const char *use, *notes;
    } rows[] = {
        {NULL, left,
         "s.json is not there: assumed are num_train_timesteps 1000, beta_schedule linear, "
         "beta_start 0.0001, beta_end 0.02, prediction_type epsilon"},
        {"", given,
         "s.json does not say all of the noise schedule: assumed are num_train_timesteps 1000, "
         "beta_schedule linear, beta_start 0.0001, beta_end 0.02, prediction_type epsilon"},
        {", \"predict_epsilon\": true", left, NULL},
        {", \"prediction_type\": \"epsilon\"", left, NULL},
        {", \"clip_sample_range\": 2", given,
         "s.json does not say all of the noise schedule: assumed are prediction_type epsilon"},
        {", \"predict_epsilon\": true, \"clip_sample\": true", left,
         "s.json says clip_sample true: so is sampler.clip_x0, which the sweep does not set"},
        {", \"predict_epsilon\": true, \"clip_sample\": true", given, NULL},
        {", \"predict_epsilon\": true, \"clip_sample\": true", clipped, NULL},
        {", \"predict_epsilon\": true, \"variance_type\": \"fixed_small_log\"", left,
         "s.json says variance_type fixed_small_log: so is sampler.variance, which the sweep does "
         "not set"},
        {", \"predict_epsilon\": true, \"variance_type\": \"fixed_small\"", given, NULL},
        {", \"predict_epsilon\": true, \"variance_type\": \"fixed_large\"", left, NULL},
        {", \"predict_epsilon\": true, \"variance_type\": \"fixed_small\"", other, NULL},
        {", \"predict_epsilon\": true, \"timestep_spacing\": \"trailing\", \"_class_name\": "
         "\"HeunDiscreteScheduler\", \"use_karras_sigmas\": true",
         heun,
         "s.json says use_karras_sigmas true: so is sampler.spacing karras, which the sweep does "
         "not set"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char json[500], *notes;
        ggdm_error err;
        ggdm_item *use = sampler(rows[i].use);
        const char *more = rows[i].json;
        snprintf(json, sizeof json, "{%s%s}", more && *more ? all : "", more ? more : "");
        ggdm_test_ok(ggdm_said_follow(more ? json : NULL, "s.json", use, &notes, &err), &err);
        const bool silent = rows[i].use == left && more;
        assert_int_equal(ggdm_item_flag(use, "clip_x0"),
                         rows[i].use == clipped || (silent && strstr(more, "clip_sample")));
        if (rows[i].use != other && rows[i].use != heun)
            assert_string_equal(ggdm_item_text(use, "variance"),
                                silent && strstr(more, "small") ? "fixed_small" : "fixed_large");
        if (!rows[i].notes || !notes)
            assert_ptr_equal(notes, rows[i].notes);
        else
            assert_string_equal(notes, rows[i].notes);
        free(notes);
    }
    char *notes;
    ggdm_error err;
    ggdm_test_error(
        ggdm_said_follow("{\"clip_sample_range\": 2}", "s.json", sampler(clipped), &notes, &err),
        &err, GGDM_EINVAL, "'clip_sample_range': value '2', expected 1, the range of images");
    assert_null(notes);
}

/* Without clipping both forms of the mean agree: posterior mean of x0-hat = eq. (1). */
static void test_sampler_step_follows_algorithm_1(void **state)
{
    (void)state;
    ggdm_chain plain = make("{kind: ddpm}"), clipped = make("{kind: ddpm, clip_x0: true}");
    const ggdm_step *step = &plain.step[700];
    double bar = step->alpha_bar, alpha = bar / plain.step[701].alpha_bar, kappa = 0.3;
    const float eps[] = {0.5f, -1.0f}, z[] = {0.25f, 2.0f}, grad[] = {1.5f, -0.5f};
    const float x0[] = {0.9f, -0.4f};
    float x[] = {x0[0], x0[1]};
    assert_true(ggdm_step_linear(step, x, eps, NULL, z, 2));
    assert_true(ggdm_step_shift(x, grad, NULL, (float)kappa, 2));
    for (int i = 0; i < 2; i++) {
        double mean = (x0[i] - (1 - alpha) / sqrt(1 - bar) * eps[i]) / sqrt(alpha);
        double want = mean + sqrt(1 - alpha) * z[i] - kappa * grad[i];
        assert_true(fabs(x[i] - want) < 8 * GGDM_TEST_EPS32 * (fabs(want) + 2));
    }
    /* Clipped: x0-hat is replaced by its clamp in the posterior mean. */
    float y[] = {x0[0], x0[1]};
    float of_y[2];
    ggdm_sampler_io io = {.x = y, .eps = eps, .z = z, .x0 = of_y, .n = 2};
    assert_true(ggdm_sampler_step(sampler("{kind: ddpm, clip_x0: true}"), &clipped, 700, 0, &io));
    for (int i = 0; i < 2; i++) {
        double hat = (x0[i] - sqrt(1 - bar) * eps[i]) / sqrt(bar), prev = bar / alpha;
        double c = fmin(1, fmax(-1, hat));
        double mean =
            sqrt(prev) * (1 - alpha) / (1 - bar) * c + sqrt(alpha) * (1 - prev) / (1 - bar) * x0[i];
        double want = mean + sqrt(1 - alpha) * z[i];
        assert_true(fabs(y[i] - want) < 16 * GGDM_TEST_EPS32 * (fabs(want) + 2));
    }
    ggdm_chain_deinit(&plain);
    ggdm_chain_deinit(&clipped);
}

/* A step and its shift in two passes have the bits that one pass had. */
static void test_sampler_shift_behind_the_step_keeps_its_bits(void **state)
{
    (void)state;
    enum { N = 4096 };
    static float x[N], y[N], eps[N], z[N], grad[N];
    uint64_t seed = ggdm_test_seed();
    ggdm_test_rng rng = ggdm_test_rng_init(seed);
    float *const all[] = {x, eps, z, grad};
    for (int k = 0; k < 4; k++)
        ggdm_test_fill_normal(&rng, all[k], N, 1.0);
    ggdm_chain c = make("{kind: ddpm}");
    const ggdm_step *s = &c.step[300];
    const float kappa = 0.37f;
    for (int i = 0; i < N; i++) {
        float mean = s->mean_x * x[i] + s->mean_eps * eps[i];
        mean += s->sigma * z[i];
        mean -= kappa * grad[i];
        y[i] = mean;
    }
    ggdm_step_linear(s, x, eps, NULL, z, N);
    ggdm_step_shift(x, grad, NULL, kappa, N);
    ggdm_test_same_bits("x", x, y, N, seed);
    ggdm_chain_deinit(&c);
}

static void test_sampler_not_finite_is_reported(void **state)
{
    (void)state;
    const ggdm_step step = {.mean_x = 1};
    const float eps[] = {0, 0}, grad[] = {0, INFINITY}, bad[] = {NAN, 0};
    float x[] = {0, 0};
    assert_true(ggdm_step_linear(&step, x, eps, NULL, NULL, 2));
    assert_false(ggdm_step_linear(&step, (float[]){0, INFINITY}, eps, NULL, NULL, 2));
    assert_false(ggdm_step_linear(&(ggdm_step){.mean_x = 1, .sigma = 1}, x, eps, NULL, bad, 2));
    assert_false(ggdm_step_shift((float[]){0, 0}, grad, NULL, 1.0f, 2));
}

static void test_sampler_quantise_rounds_clamps_and_counts(void **state)
{
    (void)state;
    const float x[] = {-1.0f, 1.0f, 0.0f, -1.2f, 1.6f, NAN, -INFINITY, 1.5f};
    const uint8_t want[] = {0, 255, 128, 0, 255, 0, 0, 255};
    uint8_t out[8];
    float back[8];
    assert_true(ggdm_sampler_quantise(x, out, 8) == 3.0f / 8.0f);
    assert_memory_equal(out, want, sizeof want);
    ggdm_pixels_dequantise(want, back, 8);
    assert_true(back[0] == -1.0f && back[1] == 1.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain_linear_matches_reference_constants),
        cmocka_unit_test(test_chain_variance_kinds),
        cmocka_unit_test(test_chain_respaced_uses_leading_timesteps),
        cmocka_unit_test(test_chain_of_more_steps_than_timesteps_is_refused),
        cmocka_unit_test(test_chain_spacings_are_those_of_diffusers),
        cmocka_unit_test(test_chain_karras_is_nearest_to_the_noise_levels_of_edm),
        cmocka_unit_test(test_chain_karras_visits_no_timestep_twice),
        cmocka_unit_test(test_chain_respacings_are_those_of_openai),
        cmocka_unit_test(test_chain_of_timesteps_that_are_not_there_is_refused),
        cmocka_unit_test(test_ddim_with_all_noise_is_ddpm),
        cmocka_unit_test(test_ddim_with_eps_that_follows_is_ddpm_or_euler),
        cmocka_unit_test(test_ddim_finds_the_only_image),
        cmocka_unit_test(test_noise_levels_bad_config_is_named),
        cmocka_unit_test(test_noise_levels_assume_no_more_than_is_needed),
        cmocka_unit_test(test_noise_levels_are_of_the_schedule_that_is_said),
        cmocka_unit_test(test_said_of_timesteps_holds_where_the_sweep_is_silent),
        cmocka_unit_test(test_said_of_what_the_sampler_does_not_do_is_refused),
        cmocka_unit_test(test_said_of_limits),
        cmocka_unit_test(test_limits_that_contradict_are_refused),
        cmocka_unit_test(test_noise_levels_keys_of_diffusers_are_known),
        cmocka_unit_test(test_said_is_followed_and_told),
        cmocka_unit_test(test_sampler_step_follows_algorithm_1),
        cmocka_unit_test(test_sampler_shift_behind_the_step_keeps_its_bits),
        cmocka_unit_test(test_sampler_not_finite_is_reported),
        cmocka_unit_test(test_sampler_quantise_rounds_clamps_and_counts),
    };
    int failed = ggdm_test_main(tests);
    ggdm_arena_deinit(&arena);
    return failed;
}
