/* Seeded mutations of sweep files: every outcome is a clean status, and what is accepted can be
 * expanded, planned and digested.  Run it under `make asan` too. */
#include "tests/support/ggdm_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "jobs/planner.h"

static const char *const samples[] = {
    "name: f4\nmodel: mnist-ddpm\nsampler: {kind: ddpm, steps: 1000, variance: fixed_large}\n"
    "guidance:\n  kind: gradient\n  gradient: xt-full\n"
    "  loss: {kind: classifier, model: mnist-cnn, form: nll, target: 0}\n"
    "sweep:\n  kappa: [0, 0.01, 1]\n  duration: {from: 0, to: 1000, step: 500}\n"
    "samples: 20\nseed: 0\njudge: mnist-judge\nprecision: auto\n",
    "name: z\nmodel: m\nsamples: 3\nsampler: {kind: ddpm, steps: 50, clip_x0: true}\n"
    "guidance: {kind: gradient, loss: {kind: classifier, model: &c x}}\n"
    "sweep: {target: [1, 2], zip: {kappa: [0.5, 1], duration: &d [10, 20]}}\n"
    "judge: *c\nbatch: 4\nthreads: 1\n",
    "{\"name\": \"u\", \"model\": \"m\", \"samples\": 1, \"seed\": 18446744073709551615}\n",
};

static const char *const pieces[] = {"-",
                                     "0",
                                     "1e999",
                                     ".nan",
                                     "[",
                                     "]",
                                     "{",
                                     "}",
                                     ":",
                                     ": ",
                                     "\n",
                                     "\n  ",
                                     "\t",
                                     "&a ",
                                     "*a",
                                     "!!int ",
                                     "null",
                                     "~",
                                     "'",
                                     "\"",
                                     "\\0",
                                     "\xff",
                                     "\xC3",
                                     "\xEF\xBB\xBF",
                                     "9223372036854775808",
                                     "---\n",
                                     "...\n",
                                     "|\n",
                                     ">\n",
                                     "? ",
                                     "<<: ",
                                     "%YAML 9",
                                     "kappa:",
                                     "zip: ",
                                     ", ",
                                     "#",
                                     "\r",
                                     "1000001",
                                     "-0.0",
                                     "{from: 0, to: 1, step: 1e-300}",
                                     "target: 5"};

/* One change in place: flip, insert, delete, duplicate a piece, or cut. */
static size_t mutate(ggdm_test_rng *rng, char *text, size_t n, size_t cap)
{
    const char *piece = pieces[ggdm_test_below(rng, sizeof pieces / sizeof *pieces)];
    size_t at = (size_t)ggdm_test_below(rng, (int64_t)n + 1), len = strlen(piece);
    switch (ggdm_test_below(rng, 5)) {
    case 0:
        if (at < n)
            text[at] = (char)ggdm_test_bits(rng);
        return n;
    case 1:
        if (n + len > cap)
            return n;
        memmove(text + at + len, text + at, n - at);
        memcpy(text + at, piece, len);
        return n + len;
    case 2:
        len = (size_t)ggdm_test_below(rng, 8);
        len = len < n - at ? len : n - at;
        memmove(text + at, text + at + len, n - at - len);
        return n - len;
    case 3:
        len = (size_t)ggdm_test_below(rng, 40);
        len = len < n - at ? len : n - at;
        if (n + len > cap)
            return n;
        memmove(text + at + len, text + at, n - at);
        return n + len;
    default:
        return ggdm_test_below(rng, 20) ? n : at;
    }
}

static void use(ggdm_sweep *s)
{
    ggdm_cells cells;
    ggdm_plan plan;
    ggdm_error err;
    uint8_t digest[GGDM_HASH_SIZE];
    ggdm_test_ok(ggdm_sweep_digest(s, digest, &err), &err);
    ggdm_test_ok(ggdm_sweep_same(s, s, &err), &err);
    if (s->n_cells > 2000 || s->samples > 5000)
        return;
    ggdm_test_ok(ggdm_cells_expand(s, NULL, &cells, &err), &err);
    ggdm_test_ok(ggdm_plan_make(s, &cells, NULL, &plan, &err), &err);
    assert_true(plan.n_units > 0);
    ggdm_plan_deinit(&plan);
    ggdm_cells_deinit(&cells);
}

static bool is_clean(ggdm_status st, const ggdm_error *err)
{
    return st == GGDM_OK ||
           ((st == GGDM_EINVAL || st == GGDM_EFORMAT) && err->code == st && err->msg[0]);
}

static void test_fuzz_sweep_mutations_give_clean_statuses(void **state)
{
    (void)state;
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "fuzz sweep", 0));
    int accepted = 0;
    for (int i = 0; i < 6000; i++) {
        char buffer[2048];
        const char *from = samples[ggdm_test_below(&rng, 3)];
        size_t n = strlen(from);
        memcpy(buffer, from, n);
        for (int64_t k = ggdm_test_below(&rng, 6); k >= 0; k--)
            n = mutate(&rng, buffer, n, sizeof buffer);
        char *exact = malloc(n ? n : 1); /* ASAN sees one byte too far */
        assert_non_null(exact);
        memcpy(exact, buffer, n);
        ggdm_sweep s;
        ggdm_error err;
        ggdm_status st = ggdm_sweep_parse(exact, n, "s.yaml", &s, &err);
        if (!is_clean(st, &err))
            ggdm_test_fail("status %d for:\n%.*s", (int)st, (int)n, exact);
        if (st == GGDM_OK) {
            accepted++;
            use(&s);
        }
        ggdm_sweep_deinit(&s);
        free(exact);
    }
    assert_true(accepted > 100 && accepted < 5900); /* both sides are exercised */
}

static void test_fuzz_json_mutations_give_clean_statuses(void **state)
{
    (void)state;
    static const char text[] = "{\"_class_name\": \"UNet2DModel\", \"sample_size\": 28, \"down\": "
                               "[\"Down\", \"AttnDown\"], \"eps\": 1e-05, \"x\": {\"y\": [null, "
                               "true, -1, \"\\u00e4\\\"\"]}}";
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "fuzz json", 0));
    for (int i = 0; i < 6000; i++) {
        char buffer[1024];
        size_t n = strlen(text);
        memcpy(buffer, text, n);
        for (int64_t k = ggdm_test_below(&rng, 4); k >= 0; k--)
            n = mutate(&rng, buffer, n, sizeof buffer);
        char *exact = malloc(n ? n : 1);
        assert_non_null(exact);
        memcpy(exact, buffer, n);
        ggdm_doc *doc;
        ggdm_error err;
        ggdm_status st = ggdm_json_parse(exact, n, sizeof buffer, "c.json", &doc, &err);
        if (!is_clean(st, &err))
            ggdm_test_fail("status %d for:\n%.*s", (int)st, (int)n, exact);
        ggdm_doc_destroy(&doc);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fuzz_sweep_mutations_give_clean_statuses),
        cmocka_unit_test(test_fuzz_json_mutations_give_clean_statuses),
    };
    return ggdm_test_main(tests);
}
