/* Pipelines of diffusers: a network, its scheduler, and who reads its prompts. */
#include <stdlib.h>
#include <string.h>

#include "common/fields_write.h"
#include "common/fs.h"
#include "common/json.h"
#include "common/json_write.h"
#include "common/mem.h"
#include "models/io/tokenizer.h"
#include "models/train/export_text.h"

#define TOWER "text_model."

/* --- the text encoder --- */

/* Do all of them survive in this precision? */
static bool fits(const ggdm_tensor *tensors, size_t n, ggdm_st_dtype dtype)
{
    for (size_t i = 0; i < n; i++) {
        const float *w = tensors[i].data;
        for (int64_t k = 0; k < ggdm_shape_count(&tensors[i].shape); k++)
            if (ggdm_safetensors_rounded(w[k], dtype) != w[k])
                return false;
    }
    return true;
}

static ggdm_status write_tower(const ggdm_model *encoder, ggdm_st_dtype dtype, const char *dir,
                               ggdm_error *err)
{
    static const ggdm_st_meta meta[] = {{"format", "pt"}};
    ggdm_tensor *tensors = NULL;
    char *path = NULL;
    size_t n = 0;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, "model.safetensors", &path, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&tensors, encoder->params.n, sizeof *tensors, err), done);
    for (size_t i = 0; i < encoder->params.n; i++)
        if (strncmp(encoder->params.items[i].name, TOWER, sizeof TOWER - 1) == 0)
            tensors[n++] = encoder->params.items[i];
    st = ggdm_safetensors_write_as(path, tensors, n, fits(tensors, n, dtype) ? dtype : GGDM_ST_F32,
                                   meta, 1, err);
done:
    free(tensors);
    free(path);
    return st;
}

/* The keys of the text transformer: those of a whole CLIP's text_config, or all. */
static const ggdm_node *tower_keys(const ggdm_node *root, const ggdm_model *encoder)
{
    const ggdm_node *old = ggdm_node_get(root, "text_config_dict");
    if (!encoder->info.two_towers)
        return root;
    return old && old->kind == GGDM_NODE_MAP ? old : ggdm_node_get(root, "text_config");
}

static bool is_about_class(const char *key)
{
    return strcmp(key, "_class_name") == 0 || strcmp(key, "architectures") == 0 ||
           strcmp(key, "model_type") == 0;
}

static ggdm_status write_config(const ggdm_model *encoder, const char *dir, ggdm_error *err)
{
    const char *config = encoder->files->config;
    const size_t config_size = strlen(config);
    ggdm_doc *doc = NULL;
    ggdm_json j;
    GGDM_TRY(ggdm_json_parse(config, config_size, config_size, "config.json", &doc, err));
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_string(&j, "_class_name", "CLIPTextModel");
    ggdm_json_begin_array(&j, "architectures");
    ggdm_json_put_string(&j, NULL, "CLIPTextModel");
    ggdm_json_end(&j);
    ggdm_json_put_string(&j, "model_type", "clip_text_model");
    const ggdm_node *keys = tower_keys(doc->root, encoder);
    for (const ggdm_node *n = ggdm_node_entries(keys); n; n = n->next)
        if (!is_about_class(n->key))
            ggdm_fields_put_node(&j, n->key, n);
    ggdm_json_end(&j);
    ggdm_doc_destroy(&doc);
    return ggdm_json_finish_in(&j, dir, "config.json", err);
}

static ggdm_status write_encoder(const ggdm_model *encoder, ggdm_st_dtype weights, const char *dir,
                                 ggdm_error *err)
{
    GGDM_TRY(ggdm_make_dirs(dir, err));
    GGDM_TRY(write_tower(encoder, weights, dir, err));
    return write_config(encoder, dir, err);
}

static ggdm_status write_tokenizer(const ggdm_model *encoder, const char *dir, ggdm_error *err)
{
    GGDM_TRY(ggdm_make_dirs(dir, err));
    return ggdm_tokenizer_copy(encoder->files->path, dir, err);
}

/* --- what there is --- */

static ggdm_status write_index(const char *dir, ggdm_error *err)
{
    static const char *const components[][3] = {{"scheduler", "diffusers", "DDPMScheduler"},
                                                {"text_encoder", "transformers", "CLIPTextModel"},
                                                {"tokenizer", "transformers", "CLIPTokenizer"},
                                                {"unet", "diffusers", "UNet2DConditionModel"}};
    ggdm_json j;
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_string(&j, "_class_name", "DiffusionPipeline");
    ggdm_json_put_string(&j, "_diffusers_version", "0.21.0");
    for (size_t i = 0; i < sizeof components / sizeof *components; i++) {
        ggdm_json_begin_array(&j, components[i][0]);
        ggdm_json_put_string(&j, NULL, components[i][1]);
        ggdm_json_put_string(&j, NULL, components[i][2]);
        ggdm_json_end(&j);
    }
    ggdm_json_end(&j);
    return ggdm_json_finish_in(&j, dir, "model_index.json", err);
}

ggdm_status ggdm_export_pipeline(const ggdm_text_condition *texts, ggdm_st_dtype weights,
                                 const char *dir, ggdm_error *err)
{
    char *encoder = NULL, *tokenizer = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, "text_encoder", &encoder, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, "tokenizer", &tokenizer, err), done);
    GGDM_TRY_GOTO(st, write_encoder(texts->encoder, weights, encoder, err), done);
    GGDM_TRY_GOTO(st, write_tokenizer(texts->encoder, tokenizer, err), done);
    st = write_index(dir, err);
done:
    free(tokenizer);
    free(encoder);
    return st;
}
