#include "models/train/material.h"

#include "models/train/captions.h"
#include "models/train/objective.h"

/* Captions become ids; their tokenizer is then a part of what is trained on. */
static ggdm_status encode_captions(const ggdm_recipe *r, const ggdm_arch_info *info,
                                   ggdm_data *data, ggdm_error *err)
{
    ggdm_tokenizer *tokenizer = NULL;
    GGDM_TRY(ggdm_tokenizer_open(r->tokenizer, &tokenizer, err));
    if (!tokenizer)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: tokenizer '%s', expected a directory with vocab.json and merges.txt",
                         r->path, r->tokenizer);
    ggdm_status st = ggdm_model_check_tokenizer(info, tokenizer, r->tokenizer, err);
    if (st == GGDM_OK)
        st = ggdm_data_encode(data, tokenizer, info->context_length,
                              ggdm_tokenizer_digest(tokenizer), err);
    ggdm_tokenizer_destroy(&tokenizer);
    return st;
}

/* Who reads captions for a network with cross attention. */
static ggdm_status open_texts(const ggdm_recipe *r, const ggdm_arch_info *info,
                              ggdm_text_condition **out, ggdm_error *err)
{
    const bool wanted = info->ports & GGDM_PORT_CONTEXT;
    if (wanted != (r->text_encoder != NULL))
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: %s, expected %s, as a %s has %scross attention",
                         r->path, wanted ? "no text_encoder" : "text_encoder",
                         wanted ? "one" : "none", info->class_name, wanted ? "" : "no ");
    if (!wanted)
        return GGDM_OK;
    GGDM_TRY(ggdm_text_condition_create(r->text_encoder, out, err));
    if ((*out)->width == info->context_size)
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_EINVAL,
                     "%s: the sequences of text_encoder '%s' have %d channels, expected "
                     "cross_attention_dim of the network, %d",
                     r->path, r->text_encoder, (*out)->width, info->context_size);
}

ggdm_status ggdm_material_open(const ggdm_recipe *r, const ggdm_arch_info *info, bool tells,
                               ggdm_material *out, ggdm_error *err)
{
    ggdm_data_spec spec = {.dir = r->data_dir,
                           .part = r->part,
                           .test_share = r->test_share,
                           .want = ggdm_objective_want(r, info)};
    spec.want.tells = tells;
    *out = (ggdm_material){.texts = NULL};
    GGDM_TRY(open_texts(r, info, &out->texts, err));
    GGDM_TRY(ggdm_data_open(&spec, &out->data, err));
    if (r->tokenizer)
        GGDM_TRY(encode_captions(r, info, &out->data, err));
    return out->texts ? ggdm_text_condition_prepare(out->texts, &out->data, err) : GGDM_OK;
}

void ggdm_material_close(ggdm_material *m)
{
    ggdm_text_condition_destroy(&m->texts);
    ggdm_data_close(&m->data);
}
