/* What makes two sweeps the same. */
#include "tests/support/spec_fixture.h"

#include <stdlib.h>
#include <string.h>

static void digest(const ggdm_catalogue *c, const char *text, uint8_t out[GGDM_HASH_SIZE])
{
    ggdm_spec s = spec_fixture_parse(c, text);
    ggdm_error err;
    ggdm_test_ok(ggdm_spec_digest(&s, out, &err), &err);
    ggdm_spec_deinit(&s);
}

static void expect_digest_of(const ggdm_catalogue *c, const char *base, const char *from,
                             const char *to, bool equal)
{
    uint8_t a[GGDM_HASH_SIZE], b[GGDM_HASH_SIZE];
    char *text = spec_fixture_changed_of(base, from, to);
    digest(c, base, a);
    digest(c, text, b);
    if ((memcmp(a, b, sizeof a) == 0) != equal)
        ggdm_test_fail("'%s' -> '%s': digests %s", from, to, equal ? "differ" : "are equal");
    free(text);
}

static void expect_digest(const char *from, const char *to, bool equal)
{
    expect_digest_of(&ggdm_methods, spec_fixture_example, from, to, equal);
}

static void test_spec_digest_ignores_layout_and_operation(void **state)
{
    (void)state;
    expect_digest("# a name under models/zoo, or a directory", "", true);
    expect_digest("seed: 0\n", "", true);
    expect_digest("seed: 0\n", "seed: 0\nbatch: 8\nthreads: 2\norder: shuffle\ncheckpoint: 5m\n",
                  true);
    expect_digest("seed: 0\n", "seed: 0\ntrace: {images: 2}\nevaluate: {metrics: vendi}\n", true);
    expect_digest("{from: 0, to: 1000, step: 100}",
                  "[{start_step: 0, length: 0}, {start_step: 0, length: 100}, 200, 300, 400, 500, "
                  "600, 700, 800, 900, {start_step: 0, length: 1000}]",
                  true);
    expect_digest("{from: 0, to: 1000, step: 100}",
                  "[0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]", true);
    expect_digest("[0, 0.01, 0.03, 0.1, 1]", "[0, 1e-2, 0.03, 0.10, 1.0]", true);
    expect_digest(", target: 0}\nsweep:", "}\nsweep:\n  target: 0", true);
    expect_digest("sampler: {kind: ddpm, steps: 1000, variance: fixed_large}\n", "", true);
    expect_digest("  kappa: [", "  guidance.kappa: [", true);
    expect_digest("precision: auto\n", "set: [seed=0, precision=auto]\n", true);
    expect_digest("judge: mnist-judge", "judge: [{kind: classifier, model: mnist-judge}]", true);
}

static void test_spec_digest_knows_no_parameters_at_their_defaults(void **state)
{
    (void)state;
    const ggdm_kind *old = ggdm_catalogue_find(&ggdm_toy_catalogue, GGDM_FAMILY_SAMPLER, "walk");
    ggdm_param rows[16];
    ggdm_kind learnt = *old;
    const ggdm_kind *kinds[32];
    const char *text = "name: a\nmodel: m\nsamples: 3\nsampler: {kind: walk, steps: 50}\n";
    uint8_t a[GGDM_HASH_SIZE], b[GGDM_HASH_SIZE];
    assert_true(old->n_params < 16 && ggdm_toy_catalogue.n_kinds <= 32);
    memcpy(rows, old->params, old->n_params * sizeof *rows);
    rows[old->n_params] = (ggdm_param){
        .key = "new", .type = GGDM_PARAM_REAL, .fallback = GGDM_REAL(2), .help = "Learnt."};
    learnt.params = rows;
    learnt.n_params = old->n_params + 1;
    for (size_t i = 0; i < ggdm_toy_catalogue.n_kinds; i++)
        kinds[i] = ggdm_toy_catalogue.kinds[i] == old ? &learnt : ggdm_toy_catalogue.kinds[i];
    const ggdm_catalogue later = {kinds, ggdm_toy_catalogue.n_kinds};
    digest(&ggdm_toy_catalogue, text, a);
    digest(&later, text, b);
    assert_memory_equal(a, b, sizeof a);
}

static void test_spec_digest_tells_what_matters(void **state)
{
    (void)state;
    expect_digest("mnist-figure4", "other", false);
    expect_digest("seed: 0", "seed: 1", false);
    expect_digest("samples: 200", "samples: 201", false);
    expect_digest("0.03", "0.031", false);
    expect_digest("nll", "prob", false);
    expect_digest("xt-full", "xt-affine", false);
    expect_digest("fixed_large", "fixed_small", false);
    expect_digest("fixed_large", "fixed_large, clip_x0: true", false);
    expect_digest("mnist-judge", "other", false);
    expect_digest("mnist-judge", "[mnist-judge, other]", false);
    expect_digest("mnist-judge", "{name: x, model: mnist-judge}", false);
    expect_digest("mnist-cnn", "other", false);
    expect_digest("mnist-ddpm", "other", false);
    expect_digest("target: 0", "target: 1", false);
    expect_digest("precision: auto", "precision: fp32", false);
    expect_digest("precision: auto", "set: [seed=1]", false);
    expect_digest("step: 100}", "step: 200}", false);
    expect_digest("{from: 0, to: 1000, step: 100}",
                  "[0, 100, 200, 300, 400, 500, 600, 700, 800, {start_step: 1, length: 900}, 1000]",
                  false);
    expect_digest("  kappa: [0, 0.01, 0.03, 0.1, 1]\n  duration: {from: 0, to: 1000, step: 100}\n",
                  "  duration: {from: 0, to: 1000, step: 100}\n  kappa: [0, 0.01, 0.03, 0.1, 1]\n",
                  false);
    expect_digest("  kappa: [0, 0.01, 0.03, 0.1, 1]\n  duration: {from: 0, to: 1000, step: 100}\n",
                  "  zip: {kappa: [0, 1], duration: [0, 1]}\n", false);
    /* Texts with spaces, kinds. */
    const ggdm_catalogue *c = &ggdm_toy_catalogue;
    char *text =
        spec_fixture_changed_of(spec_fixture_toy, "sweep:\n", "sweep:\n  prompt: [a b, c]\n");
    expect_digest_of(c, text, "[a b, c]", "[a, b c]", false);
    expect_digest_of(c, text, "[a b, c]", "['a b', \"c\"]", true);
    expect_digest_of(c, text, "[a b, c]", "['\"a b\"', c]", false);
    free(text);
    expect_digest_of(c, spec_fixture_toy, "sampler: {kind: walk}\n", "", true);
    expect_digest_of(c, spec_fixture_toy, "kind: all", "kind: any", false); /* of equal rows */
    expect_digest_of(c, spec_fixture_toy, "name: b", "name: z",
                     false); /* of columns and measures */
    expect_digest_of(c, spec_fixture_toy,
                     "{kind: all, of: [{kind: picture, file: f}, {kind: class, model: d, "
                     "target: 1}]}",
                     "{kind: all, of: [{kind: class, model: d, target: 1}, {kind: picture, file: "
                     "f}]}",
                     false);
}

static void test_spec_same_names_the_first_difference(void **state)
{
    (void)state;
    char *text = spec_fixture_changed("seed: 0", "seed: 7\nbatch: 3"),
         *more = spec_fixture_changed("mnist-cnn", "a \"b\"");
    ggdm_spec a = spec_fixture_parse(&ggdm_methods, spec_fixture_example),
              b = spec_fixture_parse(&ggdm_methods, text),
              c = spec_fixture_parse(&ggdm_methods, spec_fixture_example),
              d = spec_fixture_parse(&ggdm_methods, more);
    ggdm_error err;
    ggdm_test_ok(ggdm_spec_same(&a, &c, &err), &err);
    ggdm_test_error(ggdm_spec_same(&a, &b, &err), &err, GGDM_ESTATE,
                    "it has 'seed: 0', this one 'seed: 7'");
    ggdm_test_error(ggdm_spec_same(&a, &d, &err), &err, GGDM_ESTATE,
                    "it has 'guidance.loss.model: mnist-cnn', this one 'guidance.loss.model: \"a "
                    "\\\"b\\\"\"'");
    ggdm_spec_deinit(&a);
    ggdm_spec_deinit(&b);
    ggdm_spec_deinit(&c);
    ggdm_spec_deinit(&d);
    free(text);
    free(more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spec_digest_ignores_layout_and_operation),
        cmocka_unit_test(test_spec_digest_knows_no_parameters_at_their_defaults),
        cmocka_unit_test(test_spec_digest_tells_what_matters),
        cmocka_unit_test(test_spec_same_names_the_first_difference),
    };
    return ggdm_test_main(tests);
}
