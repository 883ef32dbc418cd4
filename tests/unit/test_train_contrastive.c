/* Trainings of encoders of images and texts. */
#include "tests/support/ggdm_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/train/captions.h"
#include "tests/support/train_fixture.h"

#define CONFIG(vision)                                                                             \
    "{\"_class_name\": \"CLIPModel\", \"projection_dim\": 8, \"text_config\": {\"hidden_size\": "  \
    "16, \"intermediate_size\": 32, \"num_hidden_layers\": 1, \"num_attention_heads\": 2, "        \
    "\"max_position_embeddings\": 20, \"vocab_size\": 54, \"eos_token_id\": 53}, "                 \
    "\"vision_config\": {\"hidden_size\": 16, \"intermediate_size\": 32, "                         \
    "\"num_hidden_layers\": 1, \"num_attention_heads\": 2, \"image_size\": 8, "                    \
    "\"patch_size\": 4" vision "}}"
#define RECIPE(objective, more)                                                                    \
    "name: tiny\nobjective: " objective                                                            \
    "\nconfig: net.json\ntokenizer: words\nimages: 1600\nbatch: 20\nseed: 3\n"                     \
    "optimizer: {lr: 0.01, warmup_steps: 5, ema: 0.9}\ncurve_steps: 10\nevaluate_steps: 40\n" more

static void test_train_contrastive_learns_and_resumes_to_the_bit(void **state)
{
    (void)state;
    ggdm_train_fixture f;
    ggdm_train_begin_words(&f, RECIPE("contrastive", "augment: {noise: 0.2, noise_share: 0.5}\n"),
                           CONFIG(""));
    ggdm_train_check_resume(&f, "model.safetensors");
    ggdm_train_check_model(&f, GGDM_ENCODER);
    assert_true(f.last.val_accuracy > 0.5); /* of 20 images of 10 kinds; chance: 0.1 */
    assert_string_equal(f.last.accuracy_name, "recall@1");
    char *card = ggdm_train_file(&f, "a", "README.md", NULL);
    assert_non_null(strstr(card, "On 40 clean test images: contrastive loss"));
    assert_non_null(strstr(card, "retrieval among 20 at a time"));
    assert_non_null(strstr(card, "| text_image_recall5 | "));
    assert_non_null(strstr(card, "| training | 100 | 200 | "));
    char *curve = ggdm_train_file(&f, "a", "curve.csv", NULL);
    assert_non_null(strstr(curve, ",val_accuracy,image_text_recall1,image_text_recall5,"));
    char *merges = ggdm_train_file(&f, "a", "merges.txt", NULL);
    assert_string_equal(merges, "#version: 0.2\n");
    char *pixels = ggdm_train_file(&f, "a", "preprocessor_config.json", NULL);
    assert_non_null(strstr(pixels, "0.48145466"));
    free(pixels);
    free(merges);
    free(curve);
    free(card);
    ggdm_train_end(&f);
}

static void test_train_noisy_contrastive_is_told_the_timestep(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_train_fixture f;
    ggdm_train_begin_words(
        &f, RECIPE("noisy-contrastive", "diffusion: {timesteps: 10, beta_end: 0.05}\n"),
        CONFIG(", \"_time_embedding\": true"));
    ggdm_test_ok(ggdm_train_into(&f, "a", 0, &err), &err);
    ggdm_train_check_model(&f, GGDM_ENCODER);
    assert_true(f.last.val_accuracy > 0.2);
    char *curve = ggdm_train_file(&f, "a", "curve.csv", NULL);
    assert_non_null(strstr(curve, ",val_accuracy,recall1_t0,recall1_t1,"));
    free(curve);
    ggdm_train_end(&f);
}

static double loss_of(ggdm_objective_graph *o, ggdm_flat *flat, ggdm_world *world)
{
    ggdm_error err = {0};
    ggdm_graph_params_changed(o->g);
    ggdm_test_ok(ggdm_objective_run(o, world, &err), &err);
    return ggdm_objective_collect(o, flat);
}

/* Of every parameter the largest gradient is the slope of the loss; all learn, but for the biases
 * of keys, which softmax does not see. */
static void check_gradients(ggdm_objective_graph *o, ggdm_flat *flat, ggdm_world *world)
{
    const float h = 0x1p-7f;
    float *gradient = ggdm_test_alloc(flat->n, sizeof *gradient);
    loss_of(o, flat, world);
    memcpy(gradient, flat->g, flat->n * sizeof *gradient);
    for (int i = 0; i < flat->n_params; i++) {
        size_t at = flat->offset[i], end = at + flat->size[i];
        for (size_t k = at; k < end; k++)
            if (fabsf(gradient[k]) > fabsf(gradient[at]))
                at = k;
        const float kept = flat->w[at];
        flat->w[at] = kept + h;
        const double up = loss_of(o, flat, world);
        flat->w[at] = kept - h;
        const double slope = (up - loss_of(o, flat, world)) / (2.0 * (double)h);
        flat->w[at] = kept;
        if (fabs(slope - (double)gradient[at]) > 1e-3 + 0.05 * fabs(slope) ||
            (gradient[at] == 0 && !strstr(flat->items[i].name, "k_proj.bias")))
            ggdm_test_fail("%s: gradient %g, slope %g", flat->items[i].name, (double)gradient[at],
                           slope);
    }
    free(gradient);
}

/* The scale stays below 100, and a wording is one of the image's. */
static void test_train_contrastive_draws_wordings_and_holds_the_scale(void **state)
{
    (void)state;
    enum { BATCH = 10, T = 20 };
    ggdm_train_fixture f;
    ggdm_error err = {0};
    ggdm_train_steps s;
    ggdm_tokenizer *words = NULL;
    int second = 0;
    ggdm_train_begin_words(&f, RECIPE("contrastive", ""), CONFIG(""));
    const ggdm_recipe *r = &f.recipe;
    ggdm_train_steps_open(&f, NULL, &s);
    ggdm_test_ok(ggdm_tokenizer_open(r->tokenizer, &words, &err), &err);
    ggdm_test_ok(ggdm_data_encode(&s.data, words, T, ggdm_tokenizer_digest(words), &err), &err);
    ggdm_train_steps_build(&f, NULL, BATCH, true, &s);
    ggdm_test_ok(ggdm_objective_fill(s.o, r, &s.data.train, &s.order, 0, &err), &err);
    const int32_t *ids = ggdm_graph_data(s.o->g, s.o->in.text);
    for (int i = 0; i < BATCH; i++) {
        const int32_t image = ggdm_order_at(&s.order, i);
        assert_int_equal(ggdm_dataset_wordings(&s.data.train, image), 2);
        const int32_t *one =
            ggdm_dataset_ids(&s.data.train, ggdm_dataset_caption(&s.data.train, image, 0));
        const int32_t *other =
            ggdm_dataset_ids(&s.data.train, ggdm_dataset_caption(&s.data.train, image, 1));
        const bool is_one = memcmp(ids + i * T, one, T * sizeof *one) == 0;
        assert_true(is_one || memcmp(ids + i * T, other, T * sizeof *one) == 0);
        second += !is_one;
    }
    assert_in_range(second, 1, BATCH - 1);
    check_gradients(s.o, s.flat, f.world);
    for (int i = 0; i < s.flat->n_params; i++)
        s.flat->w[s.flat->offset[i]] = 7;
    ggdm_objective_limit(s.o, s.flat);
    for (int i = 0; i < s.flat->n_params; i++)
        assert_true((s.flat->w[s.flat->offset[i]] == 7) ==
                    (strcmp(s.flat->items[i].name, "logit_scale") != 0));
    ggdm_tokenizer_destroy(&words);
    ggdm_train_steps_close(&s);
    ggdm_train_end(&f);
}

static void test_train_contrastive_refuses_what_does_not_fit(void **state)
{
    (void)state;
    static const char *const long_context[] = {"max_position_embeddings\": 20", "caption of image"};
    ggdm_error err = {0};
    ggdm_train_fixture f;
    char config[sizeof CONFIG("")] = CONFIG("");
    memcpy(strstr(config, long_context[0]) + strlen(long_context[0]) - 2, "10", 2);
    ggdm_train_begin_words(&f, RECIPE("contrastive", ""), config);
    ggdm_test_error(ggdm_train_into(&f, "a", 1, &err), &err, GGDM_EINVAL, long_context[1]);
    ggdm_train_end(&f);
    char ends[sizeof CONFIG("")] = CONFIG("");
    memcpy(strstr(ends, "\"eos_token_id\": 53") + 16, "52", 2);
    ggdm_train_begin_words(&f, RECIPE("contrastive", ""), ends);
    ggdm_test_error(ggdm_train_into(&f, "a", 1, &err), &err, GGDM_EINVAL,
                    "ends texts with 53 of its 54 tokens, expected eos_token_id 52");
    ggdm_train_end(&f);
    ggdm_train_begin_words(&f, RECIPE("contrastive", ""), CONFIG(", \"_time_embedding\": true"));
    ggdm_test_error(ggdm_train_into(&f, "a", 1, &err), &err, GGDM_EINVAL,
                    "does not fit a CLIPModel");
    ggdm_train_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_train_contrastive_learns_and_resumes_to_the_bit),
        cmocka_unit_test(test_train_noisy_contrastive_is_told_the_timestep),
        cmocka_unit_test(test_train_contrastive_draws_wordings_and_holds_the_scale),
        cmocka_unit_test(test_train_contrastive_refuses_what_does_not_fit),
    };
    return ggdm_test_main(tests);
}
