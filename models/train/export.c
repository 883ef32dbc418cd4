#include "models/train/export.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/json_write.h"
#include "common/mem.h"
#include "common/temp.h"
#include "models/io/safetensors.h"
#include "models/io/tokenizer.h"
#include "models/schedule_config.h"
#include "models/train/export_text.h"
#include "models/train/model_card.h"

/* By ggdm_weights_form. */
static const ggdm_st_dtype dtypes[] = {GGDM_ST_F32, GGDM_ST_F16, GGDM_ST_BF16};

ggdm_status ggdm_export_round(const ggdm_recipe *recipe, ggdm_flat *flat, ggdm_error *err)
{
    const ggdm_st_dtype dtype = dtypes[recipe->weights];
    for (size_t i = 0; i < flat->n && dtype != GGDM_ST_F32; i++) {
        flat->ema[i] = ggdm_safetensors_rounded(flat->ema[i], dtype);
        if (!isfinite(flat->ema[i]))
            return GGDM_FAIL(err, GGDM_ENUMERIC,
                             "%s: a weight is too large for weights %s, expected f32 or bf16",
                             recipe->path, ggdm_weights_form_names[recipe->weights]);
    }
    return GGDM_OK;
}

static ggdm_status write_weights(const ggdm_export *e, const char *dir, ggdm_error *err)
{
    const ggdm_flat *f = e->flat;
    ggdm_tensor *tensors = NULL;
    char *path = NULL, step[32];
    ggdm_status st;
    snprintf(step, sizeof step, "%" PRId64, e->state->step);
    /* transformers and diffusers refuse files without "format" */
    const bool from = *e->state->from.digest;
    const ggdm_st_meta meta[] = {{"format", "pt"},
                                 {"ggdm_recipe", e->recipe->digest},
                                 {"ggdm_step", step},
                                 {"ggdm_from", e->state->from.digest}};
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, e->arch->weights_file, &path, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&tensors, (size_t)f->n_params, sizeof *tensors, err), done);
    for (int i = 0; i < f->n_params; i++) {
        tensors[i] = f->items[i];
        tensors[i].data = f->ema + f->offset[i];
    }
    st = ggdm_safetensors_write_as(path, tensors, (size_t)f->n_params, dtypes[e->recipe->weights],
                                   meta, from ? 4 : 3, err);
done:
    free(tensors);
    free(path);
    return st;
}

/* As diffusers' DDPMScheduler writes it. */
static ggdm_status write_scheduler(const ggdm_export *e, const char *dir, ggdm_error *err)
{
    ggdm_json j;
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_string(&j, "_class_name", "DDPMScheduler");
    ggdm_json_put_string(&j, "_diffusers_version", "0.21.0");
    ggdm_json_put_double(&j, "beta_end", e->recipe->beta_end);
    ggdm_json_put_string(&j, "beta_schedule", ggdm_beta_schedules[e->recipe->betas]);
    ggdm_json_put_double(&j, "beta_start", e->recipe->beta_start);
    ggdm_json_put_bool(&j, "clip_sample", false);
    ggdm_json_put_int(&j, "num_train_timesteps", e->recipe->timesteps);
    ggdm_json_put_string(&j, "prediction_type", ggdm_prediction_names[e->recipe->prediction]);
    if (e->recipe->zero_snr)
        ggdm_json_put_bool(&j, "rescale_betas_zero_snr", true);
    ggdm_json_put_null(&j, "trained_betas");
    ggdm_json_put_string(&j, "variance_type", "fixed_large");
    ggdm_json_end(&j);
    return ggdm_json_finish_in(&j, dir, "scheduler_config.json", err);
}

const char *ggdm_export_weights_file(const ggdm_arch_info *info)
{
    return info->ports & GGDM_PORT_CONTEXT ? "unet/diffusion_pytorch_model.safetensors"
                                           : info->weights_file;
}

/* The directory of a part of the model: of a pipeline its own, which is made. */
static ggdm_status part_dir(const ggdm_export *e, const char *name, char **out, ggdm_error *err)
{
    if (!e->texts)
        return ggdm_strdup(e->dir, out, err);
    GGDM_TRY(ggdm_path_join(e->dir, name, out, err));
    return ggdm_make_dirs(*out, err);
}

static ggdm_status write_network(const ggdm_export *e, ggdm_error *err)
{
    const char *config = e->recipe->config;
    char *unet = NULL, *scheduler = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, part_dir(e, "unet", &unet, err), done);
    GGDM_TRY_GOTO(st, part_dir(e, "scheduler", &scheduler, err), done);
    GGDM_TRY_GOTO(st, write_weights(e, unet, err), done);
    GGDM_TRY_GOTO(st, ggdm_replace_file_in(unet, "config.json", config, strlen(config), err), done);
    if (e->arch->ports & GGDM_PORT_T)
        st = write_scheduler(e, scheduler, err);
done:
    free(scheduler);
    free(unet);
    return st;
}

ggdm_status ggdm_export_model(const ggdm_export *e, ggdm_error *err)
{
    GGDM_TRY(write_network(e, err));
    if (e->arch->normal.n)
        GGDM_TRY(ggdm_export_preprocessor(e->arch, e->dir, err));
    if (e->recipe->tokenizer)
        GGDM_TRY(ggdm_tokenizer_copy(e->recipe->tokenizer, e->dir, err));
    if (e->texts)
        GGDM_TRY(ggdm_export_pipeline(e->texts, dtypes[e->recipe->weights], e->dir, err));
    return ggdm_model_card_write(e, err);
}
