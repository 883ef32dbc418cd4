#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_model.h"

#include "models/arch/arch.h"
#include "models/io/safetensors.h"

#define UNET(size) UNET_OF(size, "1")
#define UNET_OF(size, out)                                                                         \
    "{\"_class_name\": \"UNet2DModel\", \"sample_size\": " size ", \"in_channels\": 1, "           \
    "\"out_channels\": " out ", \"block_out_channels\": [8, 16], \"layers_per_block\": 1, "        \
    "\"down_block_types\": [\"DownBlock2D\", \"DownBlock2D\"], "                                   \
    "\"up_block_types\": [\"UpBlock2D\", \"UpBlock2D\"], \"attention_head_dim\": 8, "              \
    "\"norm_num_groups\": 4"
const char ggdm_tiny_unet_config[] = UNET("8") "}";
const char ggdm_tiny_range_config[] = UNET_OF("8", "2") "}";
const char ggdm_tiny_wide_config[] = UNET("16") "}";
const char ggdm_tiny_labels_config[] = UNET("8") ", \"num_class_embeds\": 10}";
const char ggdm_tiny_null_config[] = UNET("8") ", \"num_class_embeds\": 11, \"_null_label\": 10}";

#define CNN                                                                                        \
    "{\"_class_name\": \"GgdmCNN\", \"sample_size\": 8, \"in_channels\": 1, \"num_classes\": 10, " \
    "\"layers\": [{\"conv\": 8, \"kernel\": 3, \"act\": \"silu\"}, "                               \
    "{\"pool\": \"avg\", \"size\": 2}, {\"flatten\": true}, {\"linear\": 16, \"act\": \"silu\"}]"
const char ggdm_tiny_cnn_config[] = CNN "}";
const char ggdm_tiny_noisy_config[] = CNN ", \"time_embedding_dim\": 8}";

const char ggdm_tiny_attributes_config[] =
    "{\"_class_name\": \"GgdmCNN\", \"sample_size\": 8, \"in_channels\": 1, "
    "\"attributes\": [{\"name\": \"glasses\", \"classes\": [\"no\", \"yes\"]}, "
    "{\"name\": \"hair_colour\", \"classes\": [\"blond\", \"brown\", \"grey\"]}], "
    "\"layers\": [{\"conv\": 4, \"kernel\": 3, \"act\": \"silu\"}, {\"flatten\": true}]}";

/* Tokens: '!' to '~', the same at a word's end, start, end. */
#define TOKENS "190"
#define TOWER                                                                                      \
    "\"hidden_size\": 8, \"intermediate_size\": 16, \"num_hidden_layers\": 1, "                    \
    "\"num_attention_heads\": 2"
#define TEXTS                                                                                      \
    TOWER ", \"vocab_size\": " TOKENS ", \"max_position_embeddings\": 24, \"eos_token_id\": 189"
#define CLIP(more)                                                                                 \
    "{\"architectures\": [\"CLIPModel\"], \"model_type\": \"clip\", \"projection_dim\": 6, "       \
    "\"text_config\": {" TEXTS "}, \"vision_config\": {" TOWER                                     \
    ", \"image_size\": 8, \"patch_size\": 4, \"num_channels\": 1" more "}}"
const char ggdm_tiny_clip_config[] = CLIP("");
const char ggdm_tiny_noisy_clip_config[] = CLIP(", \"_time_embedding\": true");
const char ggdm_tiny_texts_config[] =
    "{\"architectures\": [\"CLIPTextModel\"], \"model_type\": \"clip_text_model\", " TEXTS "}";

const char ggdm_tiny_words_config[] =
    "{\"_class_name\": \"UNet2DConditionModel\", \"sample_size\": 8, \"in_channels\": 1, "
    "\"out_channels\": 1, \"block_out_channels\": [8, 16], \"layers_per_block\": 1, "
    "\"down_block_types\": [\"CrossAttnDownBlock2D\", \"DownBlock2D\"], "
    "\"up_block_types\": [\"UpBlock2D\", \"CrossAttnUpBlock2D\"], \"attention_head_dim\": 2, "
    "\"cross_attention_dim\": 8, \"norm_num_groups\": 4}";

/* The network's parameters, as the graph declares them. */
static ggdm_graph *declare(const ggdm_arch *arch)
{
    ggdm_graph *g;
    ggdm_error err;
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &g, &err), &err);
    ggdm_ports p = ggdm_arch_inputs(arch, g, 1);
    ggdm_arch_emit(arch, g, &p);
    return g;
}

static float *random_weights(const ggdm_param_info *p, uint64_t seed)
{
    size_t count = (size_t)ggdm_shape_count(&p->shape);
    float *data = ggdm_test_alloc(count, sizeof *data);
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(seed, p->name, 0));
    ggdm_test_fill_normal(&rng, data, count, 0.2);
    for (size_t i = 0; p->init.kind == GGDM_INIT_ONE && i < count; i++)
        data[i] += 1.0f;
    return data;
}

char *ggdm_tiny_model_write(const char *dir, const char *name, const char *config, uint64_t seed)
{
    ggdm_arch *arch;
    ggdm_error err;
    char *out = ggdm_test_path(dir, name), *file = ggdm_test_path(out, "config.json");
    assert_int_equal(mkdir(out, 0777), 0);
    ggdm_test_write(file, config, strlen(config));
    free(file);
    ggdm_test_ok(ggdm_arch_parse(config, strlen(config), name, &arch, &err), &err);
    ggdm_graph *g = declare(arch);
    size_t n = (size_t)ggdm_graph_param_count(g);
    ggdm_tensor *tensors = ggdm_test_alloc(n, sizeof *tensors);
    for (size_t i = 0; i < n; i++) {
        ggdm_param_info p = ggdm_graph_param_info(g, (int)i);
        tensors[i] = (ggdm_tensor){p.name, GGDM_F32, p.shape, random_weights(&p, seed)};
    }
    file = ggdm_test_path(out, ggdm_arch_get_info(arch).weights_file);
    ggdm_test_ok(ggdm_safetensors_write(file, tensors, n, NULL, 0, &err), &err);
    for (size_t i = 0; i < n; i++)
        free((void *)tensors[i].data);
    free(tensors);
    free(file);
    ggdm_graph_destroy(&g);
    ggdm_arch_destroy(&arch);
    return out;
}

static void write_in(const char *dir, const char *name, const char *text)
{
    char *path = ggdm_test_path(dir, name);
    ggdm_test_write(path, text, strlen(text));
    free(path);
}

void ggdm_tiny_vocabulary_write(const char *model_dir)
{
    enum { FIRST = '!', LETTERS = '~' - '!' + 1 };
    char text[8192];
    size_t n = (size_t)snprintf(text, sizeof text, "{");
    for (int end = 0; end < 2; end++)
        for (int i = 0; i < LETTERS; i++) {
            const char c = (char)(FIRST + i);
            n += (size_t)snprintf(text + n, sizeof text - n, "\"%s%c%s\": %d, ",
                                  c == '"' || c == '\\' ? "\\" : "", c, end ? "</w>" : "",
                                  end * LETTERS + i);
        }
    snprintf(text + n, sizeof text - n, "\"<|startoftext|>\": %d, \"<|endoftext|>\": %d}",
             2 * LETTERS, 2 * LETTERS + 1);
    write_in(model_dir, "vocab.json", text);
    write_in(model_dir, "merges.txt", "#version: 0.2\n");
}

char *ggdm_tiny_reader_write(const char *dir, const char *name, const char *config, uint64_t seed)
{
    char *out = ggdm_tiny_model_write(dir, name, config, seed);
    ggdm_tiny_vocabulary_write(out);
    return out;
}

char *ggdm_tiny_pipeline_write(const char *dir, const char *name, uint64_t seed)
{
    char *out = ggdm_test_path(dir, name), *scheduler = ggdm_test_path(out, "scheduler");
    assert_int_equal(mkdir(out, 0777), 0);
    assert_int_equal(mkdir(scheduler, 0777), 0);
    write_in(out, "model_index.json",
             "{\"_class_name\": \"GgdmTextPipeline\", "
             "\"unet\": [\"diffusers\", \"UNet2DConditionModel\"], "
             "\"scheduler\": [\"diffusers\", \"DDPMScheduler\"], "
             "\"text_encoder\": [\"transformers\", \"CLIPTextModel\"], "
             "\"tokenizer\": [\"transformers\", \"CLIPTokenizer\"]}");
    write_in(scheduler, "scheduler_config.json", "{\"num_train_timesteps\": 1000}");
    free(ggdm_tiny_model_write(out, "unet", ggdm_tiny_words_config, seed));
    free(ggdm_tiny_model_write(out, "text_encoder", ggdm_tiny_texts_config, seed + 1));
    char *tokenizer = ggdm_test_path(out, "tokenizer");
    assert_int_equal(mkdir(tokenizer, 0777), 0);
    ggdm_tiny_vocabulary_write(tokenizer);
    free(tokenizer);
    free(scheduler);
    return out;
}

ggdm_model *ggdm_tiny_model_open(const char *path, ggdm_model_files *files)
{
    ggdm_error err;
    ggdm_model *model = NULL;
    ggdm_test_ok(ggdm_model_files_open(path, files, &err), &err);
    ggdm_test_ok(ggdm_model_create(files, &model, &err), &err);
    return model;
}

void ggdm_tiny_models_open(ggdm_tiny_models *m)
{
    static const char *const names[] = {"unet", "guide", "judge"};
    m->dir = ggdm_test_mkdtemp();
    for (int i = 0; i < 3; i++) {
        char *path = ggdm_tiny_model_write(
            m->dir, names[i], i ? ggdm_tiny_cnn_config : ggdm_tiny_unet_config, (uint64_t)i);
        m->model[i] = ggdm_tiny_model_open(path, &m->files[i]);
        free(path);
    }
}

void ggdm_tiny_models_close(ggdm_tiny_models *m)
{
    for (int i = 0; i < 3; i++) {
        ggdm_model_destroy(&m->model[i]);
        ggdm_model_files_close(&m->files[i]);
    }
    ggdm_test_rmdir(m->dir);
}
