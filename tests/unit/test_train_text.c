/* Trainings of diffusion models that are told a text. */
#include "tests/support/ggdm_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/model.h"
#include "models/train/captions.h"
#include "tests/support/tiny_model.h"
#include "tests/support/train_fixture.h"

enum { WIDTH = 16, T = 20 };

static const char clip[] =
    "{\"_class_name\": \"CLIPModel\", \"projection_dim\": 8, \"text_config\": {\"hidden_size\": "
    "16, \"intermediate_size\": 32, \"num_hidden_layers\": 1, \"num_attention_heads\": 2, "
    "\"max_position_embeddings\": 20, \"vocab_size\": 54, \"eos_token_id\": 53}, "
    "\"vision_config\": {\"hidden_size\": 16, \"intermediate_size\": 32, "
    "\"num_hidden_layers\": 1, \"num_attention_heads\": 2, \"image_size\": 8, \"patch_size\": 4}}";
static const char clip_recipe[] = "name: tiny\nobjective: contrastive\nconfig: net.json\n"
                                  "tokenizer: words\nimages: 20\nbatch: 20\n";
#define UNET(context)                                                                              \
    "{\"_class_name\": \"UNet2DConditionModel\", \"sample_size\": 8, \"in_channels\": 3, "         \
    "\"out_channels\": 3, \"block_out_channels\": [8, 16], \"layers_per_block\": 1, "              \
    "\"down_block_types\": [\"DownBlock2D\", \"CrossAttnDownBlock2D\"], \"up_block_types\": "      \
    "[\"CrossAttnUpBlock2D\", \"UpBlock2D\"], \"attention_head_dim\": 2, \"norm_num_groups\": 4, " \
    "\"cross_attention_dim\": " context "}"
static const char recipe[] = "name: tiny\nobjective: ddpm\nconfig: net.json\nseed: 4\n"
                             "images: 160\nbatch: 16\ncaption_dropout: 0.25\nweights: f16\n"
                             "optimizer: {lr: 0.003, warmup_steps: 3, ema: 0.9}\n"
                             "diffusion: {timesteps: 50, beta_end: 0.2}\n"
                             "curve_steps: 5\nevaluate_steps: 10\n";

static ggdm_train_fixture encoder; /* whose "a" is the model */
static char *encoder_path;

/* Made for the first who wants it. */
static void make_encoder(void)
{
    ggdm_error err = {0};
    if (encoder_path)
        return;
    ggdm_train_begin_words(&encoder, clip_recipe, clip);
    ggdm_test_ok(ggdm_train_into(&encoder, "a", 0, &err), &err);
    encoder_path = ggdm_test_path(encoder.dir, "a");
}

static void begin(ggdm_train_fixture *f, const char *config)
{
    char text[1000];
    make_encoder();
    snprintf(text, sizeof text, "%stext_encoder: %s\n", recipe, encoder_path);
    ggdm_train_begin_words(f, text, config);
}

static void test_train_text_resumes_to_the_bit(void **state)
{
    (void)state;
    ggdm_train_fixture f;
    begin(&f, UNET("16"));
    ggdm_train_check_resume(&f, "unet/diffusion_pytorch_model.safetensors");
    ggdm_train_check_model(&f, GGDM_DIFFUSION);
    assert_true(f.last.val_loss < 0.95);
    char *card = ggdm_train_file(&f, "a", "README.md", NULL);
    assert_non_null(strstr(card, "conditional on a text"));
    assert_non_null(strstr(card, "0.25 of the captions were left out"));
    free(card);
    char *index = ggdm_train_file(&f, "a", "model_index.json", NULL);
    assert_non_null(strstr(index, "UNet2DConditionModel"));
    free(index);
    char *schedule = ggdm_train_file(&f, "a", "scheduler/scheduler_config.json", NULL);
    assert_non_null(strstr(schedule, "\"num_train_timesteps\": 50"));
    free(schedule);
    ggdm_train_end(&f);
}

/* text_encoder/ is the text transformer alone, of the same weights (of f32: in f16, as the network
 * is written, they would be others), with the same tokenizer. */
static void test_train_text_writes_the_encoder_beside_it(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_train_fixture f;
    ggdm_model_files files[2];
    ggdm_model *models[2];
    begin(&f, UNET("16"));
    f.recipe.images = 16;
    ggdm_test_ok(ggdm_train_into(&f, "a", 0, &err), &err);
    char *written = ggdm_test_path(f.dir, "a/text_encoder");
    const char *const paths[] = {encoder_path, written};
    for (int i = 0; i < 2; i++) {
        models[i] = ggdm_tiny_model_open(paths[i], &files[i]);
    }
    assert_string_equal(models[1]->info.class_name, "CLIPTextModel");
    assert_int_equal(models[1]->info.context_length, T);
    assert_memory_equal(ggdm_tokenizer_digest(models[0]->tokenizer),
                        ggdm_tokenizer_digest(models[1]->tokenizer), 32);
    for (size_t i = 0; i < models[1]->params.n; i++) {
        const ggdm_tensor *t = &models[1]->params.items[i];
        size_t k = 0;
        while (strcmp(models[0]->params.items[k].name, t->name) != 0)
            k++;
        assert_memory_equal(t->data, models[0]->params.items[k].data,
                            sizeof(float) * (size_t)ggdm_shape_count(&t->shape));
    }
    for (int i = 0; i < 2; i++) {
        ggdm_model_destroy(&models[i]);
        ggdm_model_files_close(&files[i]);
    }
    free(written);
    ggdm_train_end(&f);
}

/* What images are told: their captions' sequences, some of them the empty one's. */
static void test_train_text_tells_captions_and_none(void **state)
{
    (void)state;
    enum { BATCH = 40, BATCHES = 10, SIZE = T * WIDTH };
    ggdm_error err = {0};
    ggdm_train_fixture f;
    ggdm_train_steps s;
    ggdm_text_condition *texts = NULL;
    float *want = ggdm_test_alloc(SIZE, sizeof *want);
    int dropped = 0;
    begin(&f, UNET("16"));
    const ggdm_recipe *r = &f.recipe;
    ggdm_train_steps_open(&f, NULL, &s);
    ggdm_test_ok(ggdm_text_condition_create(encoder_path, &texts, &err), &err);
    ggdm_test_ok(ggdm_text_condition_prepare(texts, &s.data, &err), &err);
    assert_int_equal(texts->texts.n, 1 + 20); /* the empty one, two wordings of ten kinds */
    ggdm_train_steps_build(&f, texts, BATCH, true, &s);
    for (int b = 0; b < BATCHES; b++) {
        texts->keep = b % 2; /* forgotten or not, they are the same */
        ggdm_test_ok(ggdm_objective_fill(s.o, r, &s.data.train, &s.order, b * BATCH, &err), &err);
        const float *context = ggdm_graph_data(s.o->g, s.o->in.context);
        for (int i = 0; i < BATCH; i++) {
            const int32_t image = ggdm_order_at(&s.order, b * BATCH + i);
            bool is_own = s.o->told[i] == 0;
            for (int32_t w = 0; w < 2; w++)
                is_own |= s.o->told[i] ==
                          ggdm_text_condition_of(texts, &s.data.train,
                                                 ggdm_dataset_caption(&s.data.train, image, w));
            assert_true(is_own);
            dropped += s.o->told[i] == 0;
            ggdm_test_ok(ggdm_text_condition_get(texts, &s.o->told[i], 1, want, &err), &err);
            assert_memory_equal(context + i * SIZE, want, SIZE * sizeof *want);
        }
    }
    assert_in_range(dropped, 57, 143); /* 100 of 400, and five standard deviations of 8.7 */
    ggdm_evaluation e;
    ggdm_test_ok(ggdm_objective_evaluate(s.o, r, &s.data.test, BATCH, &e, &err), &err);
    for (int i = 0; i < BATCH; i++)
        assert_int_equal(
            s.o->told[i],
            ggdm_text_condition_of(texts, &s.data.test, ggdm_dataset_caption(&s.data.test, i, 0)));
    free(want);
    ggdm_train_steps_close(&s);
    ggdm_text_condition_destroy(&texts);
    ggdm_train_end(&f);
}

static void test_train_text_refuses_what_does_not_fit(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_train_fixture f;
    begin(&f, UNET("24"));
    ggdm_test_error(ggdm_train_into(&f, "a", 1, &err), &err, GGDM_EINVAL,
                    "have 16 channels, expected cross_attention_dim of the network, 24");
    ggdm_train_end(&f);
    ggdm_train_begin_words(
        &f, "name: tiny\nobjective: ddpm\nconfig: net.json\nimages: 16\nbatch: 16\n", UNET("16"));
    ggdm_test_error(ggdm_train_into(&f, "a", 1, &err), &err, GGDM_EINVAL, "no text_encoder");
    ggdm_train_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_train_text_resumes_to_the_bit),
        cmocka_unit_test(test_train_text_writes_the_encoder_beside_it),
        cmocka_unit_test(test_train_text_tells_captions_and_none),
        cmocka_unit_test(test_train_text_refuses_what_does_not_fit),
    };
    const int failed = ggdm_test_main(tests);
    if (encoder_path)
        ggdm_train_end(&encoder);
    free(encoder_path);
    return failed;
}
