#include "models/train/text_condition.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "models/train/captions.h"

#define KEPT_BYTES ((size_t)2 << 30) /* of sequences, at most */
enum { BATCH = 16 };                 /* texts that are encoded at once */

/* --- opening --- */

static ggdm_status build_graph(ggdm_text_condition *c, ggdm_error *err)
{
    ggdm_ports p = GGDM_NO_PORTS;
    GGDM_TRY(ggdm_graph_create(GGDM_F32, &c->g, err));
    p.text = c->in = ggdm_graph_input(c->g, "text", GGDM_I32, GGDM_SHAPE2(BATCH, c->length));
    ggdm_arch_emit(c->encoder->arch, c->g, &p);
    ggdm_graph_output(c->g, c->out = p.sequence);
    return ggdm_graph_compile(c->g, &c->encoder->params, err);
}

static ggdm_status open_encoder(const char *name, ggdm_text_condition *c, ggdm_error *err)
{
    GGDM_TRY(ggdm_model_files_open(name, &c->files, err));
    GGDM_TRY(ggdm_model_create(&c->files, &c->encoder, err));
    GGDM_TRY(ggdm_model_check_finite(c->encoder, err));
    const ggdm_arch_info *info = &c->encoder->info;
    if (!(info->ports & GGDM_PORT_SEQUENCE))
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "text_encoder: model '%s' is a %s, expected one that makes sequences of "
                         "texts (CLIPModel, CLIPTextModel)",
                         name, info->class_name);
    if (!c->encoder->tokenizer)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "text_encoder: model '%s' has no tokenizer, expected vocab.json and "
                         "merges.txt",
                         name);
    c->length = info->context_length;
    c->width = info->sequence_size;
    return build_graph(c, err);
}

ggdm_status ggdm_text_condition_create(const char *encoder, ggdm_text_condition **out,
                                       ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    const ggdm_status st = open_encoder(encoder, *out, err);
    if (st != GGDM_OK)
        ggdm_text_condition_destroy(out);
    return st;
}

static void forget(ggdm_text_condition *c)
{
    for (int32_t i = 0; i < c->texts.n && c->sequences; i++) {
        free(c->sequences[i]);
        c->sequences[i] = NULL;
    }
}

void ggdm_text_condition_destroy(ggdm_text_condition **condition)
{
    ggdm_text_condition *c = *condition;
    if (!c)
        return;
    forget(c);
    free(c->sequences);
    free(c->text[0]);
    free(c->text[1]);
    ggdm_intern_deinit(&c->texts);
    ggdm_graph_destroy(&c->g);
    ggdm_model_destroy(&c->encoder);
    ggdm_model_files_close(&c->files);
    free(c);
    *condition = NULL;
}

/* --- the different texts --- */

ggdm_status ggdm_text_condition_prepare(ggdm_text_condition *c, ggdm_data *data, ggdm_error *err)
{
    int32_t empty;
    GGDM_TRY(ggdm_data_encode(data, c->encoder->tokenizer, c->length, c->files.digest, err));
    GGDM_TRY(ggdm_intern_text(&c->texts, "", &empty, err));
    for (int k = 0; k < 2; k++) {
        const ggdm_captions *captions = &data->images[k].captions;
        c->images[k] = &data->images[k];
        GGDM_TRY(ggdm_alloc(&c->text[k], (size_t)captions->n, sizeof *c->text[k], err));
        for (int32_t i = 0; i < captions->n; i++)
            GGDM_TRY(ggdm_intern_text(&c->texts, captions->texts[i], &c->text[k][i], err));
    }
    const size_t n = (size_t)c->texts.n;
    c->keep = n <= KEPT_BYTES / ((size_t)c->length * (size_t)c->width * sizeof(float));
    return ggdm_alloc(&c->sequences, n, sizeof *c->sequences, err);
}

int32_t ggdm_text_condition_of(const ggdm_text_condition *c, const ggdm_dataset *set,
                               int32_t caption)
{
    return c->text[set->from == c->images[1]][caption];
}

/* --- encoding --- */

/* The sequences of up to BATCH texts that have none. */
static ggdm_status encode(ggdm_text_condition *c, const int32_t *texts, int n, ggdm_error *err)
{
    const size_t size = (size_t)c->length * (size_t)c->width;
    int32_t *ids = ggdm_graph_data(c->g, c->in);
    for (int i = 0; i < BATCH; i++, ids += c->length) { /* the last ones are there several times */
        const char *text = c->texts.texts[texts[i < n ? i : n - 1]];
        int used;
        GGDM_TRY(
            ggdm_tokenizer_encode(c->encoder->tokenizer, text, c->length, false, ids, &used, err));
    }
    ggdm_graph_run(c->g);
    for (int i = 0; i < n; i++) {
        GGDM_TRY(ggdm_alloc(&c->sequences[texts[i]], size, sizeof(float), err));
        memcpy(c->sequences[texts[i]],
               (const float *)ggdm_graph_data(c->g, c->out) + (size_t)i * size,
               size * sizeof(float));
    }
    return GGDM_OK;
}

ggdm_status ggdm_text_condition_get(ggdm_text_condition *c, const int32_t *texts, int n, float *out,
                                    ggdm_error *err)
{
    const size_t size = (size_t)c->length * (size_t)c->width;
    int32_t missing[BATCH];
    int m = 0;
    for (int i = 0; i < n; i++) {
        bool listed = c->sequences[texts[i]] != NULL;
        for (int k = 0; k < m && !listed; k++)
            listed = missing[k] == texts[i];
        if (!listed)
            missing[m++] = texts[i];
        if (m == BATCH || (i == n - 1 && m > 0)) {
            GGDM_TRY(encode(c, missing, m, err));
            m = 0;
        }
    }
    for (int i = 0; i < n; i++)
        memcpy(out + (size_t)i * size, c->sequences[texts[i]], size * sizeof *out);
    if (!c->keep)
        forget(c);
    return GGDM_OK;
}
