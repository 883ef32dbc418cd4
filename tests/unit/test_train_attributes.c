/* Classifiers of several attributes: data that name them, losses and accuracies of each. */
#include "tests/support/ggdm_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/argmax.h"
#include "common/json.h"
#include "models/train/attributes.h"
#include "tests/support/train_fixture.h"

static const char config[] =
    "{\"_class_name\": \"GgdmCNN\", \"sample_size\": 8, \"in_channels\": 1, \"attributes\": ["
    "{\"name\": \"side\", \"classes\": [\"row\", \"column\"]}, "
    "{\"name\": \"place\", \"classes\": [\"0\", \"1\", \"2\", \"3\", \"4\"]}], "
    "\"layers\": [{\"conv\": 8, \"kernel\": 3, \"act\": \"silu\"}, {\"flatten\": true}]}";
static const char recipe[] = "name: tiny\nobjective: classifier\nconfig: net.json\n"
                             "images: 1200\nbatch: 20\nseed: 3\nlabel_smoothing: 0.1\n";
enum { GROUPS = 2, CLASSES = 7, BATCH = 20 };

/* What the data know: the same in another order, and one thing more. */
#define KNOWN                                                                                      \
    "[{\"name\": \"place\", \"classes\": [\"4\", \"3\", \"2\", \"1\", \"0\"]}, "                   \
    "{\"name\": \"mood\", \"classes\": [\"good\", \"bad\"]}, "                                     \
    "{\"name\": \"side\", \"classes\": [\"row\", \"column\", \"both\"]}]"

static void read_groups(const char *json, ggdm_class_groups *out)
{
    ggdm_error err = {0};
    ggdm_doc *doc = NULL;
    ggdm_test_ok(ggdm_json_parse(json, strlen(json), 10000, "test", &doc, &err), &err);
    ggdm_test_ok(ggdm_class_groups_read(doc->root, out, &err), &err);
    ggdm_doc_destroy(&doc);
}

/* Tiny data's labels 0 ... 9 are five rows and five columns. */
static void know(ggdm_images *images)
{
    read_groups(KNOWN, &images->attributes.groups);
    images->attributes.of = ggdm_test_alloc((size_t)images->n * 3, sizeof(int32_t));
    for (int32_t i = 0; i < images->n; i++) {
        images->attributes.of[3 * i] = 4 - images->labels[i] % 5;
        images->attributes.of[3 * i + 2] = images->labels[i] / 5;
    }
}

static void begin(ggdm_train_fixture *f, ggdm_train_steps *s, bool gradients)
{
    ggdm_error err = {0};
    ggdm_train_begin(f, recipe, config);
    ggdm_train_steps_open(f, &ggdm_train_labelled, s);
    const ggdm_arch_info info = ggdm_arch_get_info(s->arch);
    const ggdm_image_want want = ggdm_objective_want(&f->recipe, &info);
    assert_int_equal(info.n_classes, CLASSES);
    assert_int_equal(want.n_classes, 0);
    assert_non_null(want.attributes);
    for (int i = 0; i < 2; i++) {
        ggdm_images *images = &s->data.images[i];
        know(images);
        ggdm_test_ok(ggdm_attributes_take(images, want.attributes, &err), &err);
    }
    ggdm_train_steps_build(f, NULL, BATCH, gradients, s);
}

static void test_attributes_are_taken_by_their_names(void **state)
{
    (void)state;
    ggdm_train_fixture f;
    ggdm_train_steps s;
    begin(&f, &s, false);
    for (int32_t i = 0; i < s.data.train.n; i++) {
        const int32_t label = ggdm_dataset_label(&s.data.train, i);
        const int32_t *target = ggdm_dataset_targets(&s.data.train, i);
        assert_int_equal(target[0], label / 5);
        assert_int_equal(target[1], 2 + label % 5);
    }
    ggdm_train_steps_close(&s);
    ggdm_train_end(&f);
}

static void test_attributes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const char *const want[][2] = {
        {"[{\"name\": \"hat\", \"classes\": [\"no\", \"yes\"]}]", "no attribute 'hat'"},
        {"[{\"name\": \"place\", \"classes\": [\"0\", \"1\", \"2\", \"4\"]}]", "has place '3'"}};
    int32_t labels[] = {0, 5, 3};
    for (int i = 0; i < 2; i++) {
        ggdm_error err = {0};
        ggdm_class_groups groups;
        ggdm_images images = {.n = 3, .labels = labels, .source = (char *)"faces"};
        know(&images);
        read_groups(want[i][0], &groups);
        const ggdm_status st = ggdm_attributes_take(&images, &groups, &err);
        ggdm_test_error(st, &err, GGDM_ESHAPE, want[i][1]);
        ggdm_class_groups_deinit(&groups);
        images.labels = NULL;
        images.source = NULL;
        ggdm_images_deinit(&images);
    }
    ggdm_error err = {0};
    ggdm_images none = {.n = 3, .source = (char *)"faces"};
    ggdm_test_error(ggdm_attributes_take(&none, &(ggdm_class_groups){0}, &err), &err, GGDM_EINVAL,
                    "images without attributes");
}

/* Each group is a distribution; the loss is the sum of their cross entropies, smoothed each over
 * its own classes; its gradient reaches the last layer's biases as softmax - q. */
static void test_attributes_are_learnt_by_the_sum_of_their_cross_entropies(void **state)
{
    (void)state;
    static const int first[] = {0, 2, CLASSES};
    ggdm_train_fixture f;
    ggdm_train_steps s;
    ggdm_error err = {0};
    double loss = 0, bias[CLASSES] = {0};
    begin(&f, &s, true);
    ggdm_test_ok(ggdm_objective_fill(s.o, &f.recipe, &s.data.train, &s.order, 0, &err), &err);
    ggdm_graph_run(s.o->g);
    const double found = ggdm_objective_collect(s.o, s.flat);
    const float *logp = ggdm_graph_data(s.o->g, s.o->y[0]);
    for (int i = 0; i < BATCH; i++, logp += CLASSES) {
        const int32_t *target = ggdm_dataset_targets(&s.data.train, ggdm_order_at(&s.order, i));
        for (int k = 0; k < GROUPS; k++) {
            double total = 0;
            for (int c = first[k]; c < first[k + 1]; c++) {
                const double p = exp((double)logp[c]);
                const double q = 0.1 / (first[k + 1] - first[k]) + (c == target[k] ? 0.9 : 0);
                total += p;
                loss -= q * (double)logp[c] / BATCH;
                bias[c] += (p - q) / BATCH;
            }
            assert_true(fabs(total - 1) < 1e-5);
        }
    }
    assert_true(fabs(found - loss) < 1e-5 * loss);
    const size_t last = s.flat->offset[s.flat->n_params - 1];
    assert_int_equal(s.flat->size[s.flat->n_params - 1], CLASSES);
    for (int c = 0; c < CLASSES; c++)
        assert_true(fabs((double)s.flat->g[last + (size_t)c] - bias[c]) < 1e-6);
    ggdm_train_steps_close(&s);
    ggdm_train_end(&f);
}

static void test_attributes_are_measured_each(void **state)
{
    (void)state;
    static const int first[] = {0, 2, CLASSES};
    ggdm_train_fixture f;
    ggdm_train_steps s;
    int right[GROUPS] = {0};
    ggdm_measures names;
    begin(&f, &s, false);
    ggdm_objective_measures(&f.recipe, &s.o->info, &names);
    assert_int_equal(names.n, GROUPS);
    assert_string_equal(names.names[0], "accuracy_side");
    assert_string_equal(names.names[1], "accuracy_place");
    ggdm_evaluation e;
    ggdm_error err = {0};
    ggdm_test_ok(ggdm_objective_evaluate(s.o, &f.recipe, &s.data.test, BATCH, &e, &err), &err);
    const float *logp = ggdm_graph_data(s.o->g, s.o->y[0]);
    for (int i = 0; i < BATCH; i++)
        for (int k = 0; k < GROUPS; k++)
            right[k] +=
                first[k] + ggdm_argmax(logp + i * CLASSES + first[k], first[k + 1] - first[k]) ==
                ggdm_dataset_targets(&s.data.test, i)[k];
    for (int k = 0; k < GROUPS; k++)
        assert_true(e.measured[k] == right[k] / (double)BATCH);
    assert_true(e.accuracy == (right[0] + right[1]) / (2.0 * BATCH));
    assert_true(right[0] != right[1]); /* or it could be the same number twice */
    ggdm_train_steps_close(&s);
    ggdm_train_end(&f);
}

/* From the files to the model card; what is trained opens as a model of these classes. */
static void test_attributes_are_learnt_from_files(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_train_fixture f;
    static const char colour[] =
        "{\"_class_name\": \"GgdmCNN\", \"sample_size\": 8, \"in_channels\": 3, \"attributes\": ["
        "{\"name\": \"way\", \"classes\": [\"row\", \"column\"]}, {\"name\": \"place\", "
        "\"classes\": "
        "[\"zero\", \"one\", \"two\", \"three\", \"four\"]}], \"layers\": [{\"conv\": 8, "
        "\"kernel\": 3, "
        "\"act\": \"silu\"}, {\"flatten\": true}]}";
    ggdm_train_begin_words(&f,
                           "name: tiny\nobjective: classifier\nconfig: net.json\nimages: 1200\n"
                           "batch: 20\noptimizer: {lr: 0.01, warmup_steps: 5, ema: 0.9}\n",
                           colour);
    ggdm_test_ok(ggdm_train_into(&f, "a", 0, &err), &err);
    assert_true(f.last.val_accuracy > 0.8);
    char *card = ggdm_train_file(&f, "a", "README.md", NULL);
    assert_non_null(strstr(card, "(mean over the attributes)"));
    assert_non_null(strstr(card, "| place | "));
    assert_non_null(strstr(card, " | 20.00 % |\n")); /* of five places that are equally many */
    free(card);
    ggdm_train_check_model(&f, GGDM_CLASSIFIER);
    ggdm_train_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attributes_are_taken_by_their_names),
        cmocka_unit_test(test_attributes_that_do_not_fit_are_refused),
        cmocka_unit_test(test_attributes_are_learnt_by_the_sum_of_their_cross_entropies),
        cmocka_unit_test(test_attributes_are_measured_each),
        cmocka_unit_test(test_attributes_are_learnt_from_files),
    };
    return ggdm_test_main(tests);
}
