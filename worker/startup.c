#include "worker/startup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "models/nn/onednn.h"
#include "models/nn/selfcheck.h"

#define HELLO 0x6767646du /* "ggdm" */
#define HELLO_VERSION 7u
#define FILES_BYTES (4 + 4 + 1 + 1 + 4 + GGDM_HASH_SIZE) /* packed, at least */
#define PICTURE_BYTES (4 + GGDM_HASH_TEXT_SIZE - 1 + 3 * 4)

void ggdm_outfit_deinit(ggdm_outfit *outfit)
{
    for (int32_t i = 0; i < outfit->n_models; i++)
        ggdm_model_files_close(&outfit->models[i]);
    free(outfit->models);
    outfit->models = NULL;
    outfit->n_models = 0;
    ggdm_pictures_deinit(&outfit->pictures);
}

ggdm_status ggdm_startup_isa(ggdm_transport *t, ggdm_isa *out, ggdm_error *err)
{
    ggdm_isa mine = GGDM_ISA_REF;
    ggdm_status st = ggdm_isa_choose(&mine, err);
    int agreed = -1;
    GGDM_TRY(ggdm_transport_min(t, st == GGDM_OK ? (int)mine : -(int)st, &agreed, err));
    if (st != GGDM_OK)
        return st;
    if (agreed < 0)
        return GGDM_FAIL(err, (ggdm_status)-agreed,
                         "another rank cannot use the instruction set asked for");
    *out = (ggdm_isa)agreed;
    return GGDM_OK;
}

ggdm_status ggdm_startup_precision(ggdm_precision *precision, ggdm_isa *isa, ggdm_error *err)
{
    if (*precision == GGDM_PRECISION_AUTO)
        *precision = *isa >= GGDM_ISA_AMX ? GGDM_PRECISION_BF16 : GGDM_PRECISION_FP32;
    if (*precision == GGDM_PRECISION_FP32 && *isa > GGDM_ISA_AVX512)
        *isa = GGDM_ISA_AVX512;
    if (*precision == GGDM_PRECISION_BF16 && *isa < GGDM_ISA_AVX512_BF16)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                         "value 'bf16' needs the instruction set avx512_bf16 or amx on every rank, "
                         "but one has only '%s'; expected 'auto' or 'fp32'",
                         ggdm_isa_name(*isa));
    return GGDM_OK;
}

static void put_text(ggdm_wire *w, const char *text)
{
    ggdm_put_bytes(w, text, strlen(text));
}

static void put_optional(ggdm_wire *w, const char *text)
{
    ggdm_put_u8(w, text != NULL);
    if (text)
        put_text(w, text);
}

static void put_files(ggdm_wire *w, const ggdm_model_files *f)
{
    put_text(w, f->path);
    put_text(w, f->config);
    put_optional(w, f->scheduler);
    put_optional(w, f->tokenizer);
    put_optional(w, f->preprocessor);
    ggdm_put_bytes(w, f->digest, sizeof f->digest);
}

static void put_picture(ggdm_wire *w, const ggdm_picture *p)
{
    put_text(w, p->digest);
    ggdm_put_i32(w, p->height);
    ggdm_put_i32(w, p->width);
    ggdm_put_i32(w, p->channels);
}

static ggdm_status pack_hello(const ggdm_outfit *outfit, ggdm_wire *w, ggdm_error *err)
{
    ggdm_put_u32(w, HELLO);
    ggdm_put_u32(w, HELLO_VERSION);
    ggdm_put_u8(w, outfit != NULL);
    if (outfit) {
        if (outfit->n_models > GGDM_MAX_MODELS)
            return GGDM_FAIL(err, GGDM_EINVAL, "%d models, expected at most %d", outfit->n_models,
                             GGDM_MAX_MODELS);
        ggdm_put_u8(w, (uint8_t)outfit->isa);
        ggdm_put_bytes(w, outfit->bits, sizeof outfit->bits);
        GGDM_TRY(ggdm_job_pack(&outfit->job, w, err));
        ggdm_put_i32(w, outfit->n_models);
        for (int32_t i = 0; i < outfit->n_models; i++)
            put_files(w, &outfit->models[i]);
        ggdm_put_i32(w, (int32_t)outfit->pictures.n);
        for (size_t i = 0; i < outfit->pictures.n; i++)
            put_picture(w, &outfit->pictures.items[i]);
    }
    return ggdm_wire_status(w, "start-up message", err);
}

/* All pictures lie one behind the other in what the ranks of a node share. */
static void lend_pictures(ggdm_pictures *list, const void *shared)
{
    const uint8_t *at = shared;
    for (size_t i = 0; i < list->n; i++) {
        ggdm_picture *p = &list->items[i];
        free(p->owned);
        p->owned = NULL;
        p->data = at;
        at += ggdm_picture_bytes(p);
    }
}

static ggdm_status give_pictures(ggdm_transport *t, ggdm_pictures *list, ggdm_error *err)
{
    uint8_t *all = NULL, *at;
    const void *shared = NULL;
    size_t size;
    bool first;
    if (list->n == 0)
        return GGDM_OK;
    GGDM_TRY(ggdm_alloc(&all, list->bytes, 1, err));
    at = all;
    for (size_t i = 0; i < list->n; i++) {
        memcpy(at, list->items[i].data, ggdm_picture_bytes(&list->items[i]));
        at += ggdm_picture_bytes(&list->items[i]);
    }
    ggdm_status st = ggdm_transport_share(t, all, list->bytes, &shared, &size, &first, err);
    free(all);
    if (st == GGDM_OK)
        lend_pictures(list, shared);
    return st;
}

ggdm_status ggdm_startup_give(ggdm_transport *t, ggdm_outfit *outfit, ggdm_error *err)
{
    ggdm_wire w;
    ggdm_wire_init(&w);
    ggdm_status st = pack_hello(outfit, &w, err);
    void *data = w.data;
    size_t size = w.size;
    if (st == GGDM_OK)
        st = ggdm_transport_broadcast(t, &data, &size, err);
    ggdm_wire_deinit(&w);
    for (int32_t i = 0; outfit && i < outfit->n_models && st == GGDM_OK; i++) {
        ggdm_model_files *f = &outfit->models[i];
        const void *shared = NULL;
        size_t shared_size;
        bool first;
        st = ggdm_transport_share(t, f->weights, f->weights_size, &shared, &shared_size, &first,
                                  err);
        if (st == GGDM_OK)
            ggdm_model_files_lend(f, shared);
    }
    if (outfit && st == GGDM_OK)
        st = give_pictures(t, &outfit->pictures, err);
    return st;
}

/* Owned, NUL-terminated copy of a packed text.  A failure shows in the wire's status or as NULL. */
static char *get_text(ggdm_wire *w)
{
    size_t size = 0;
    const uint8_t *text = ggdm_get_bytes(w, &size);
    return text ? strndup((const char *)text, size) : NULL;
}

/* False where there is one, but no memory for it. */
static bool get_optional(ggdm_wire *w, char **out)
{
    const bool there = ggdm_get_u8(w) != 0;
    *out = there ? get_text(w) : NULL;
    return !there || *out;
}

static ggdm_status get_digest(ggdm_wire *w, uint8_t digest[GGDM_HASH_SIZE], ggdm_error *err)
{
    size_t size = 0;
    const uint8_t *data = ggdm_get_bytes(w, &size);
    GGDM_TRY(ggdm_wire_status(w, "start-up message", err));
    if (size != GGDM_HASH_SIZE)
        return GGDM_FAIL(err, GGDM_EFORMAT, "digest of %zu bytes, expected %d", size,
                         GGDM_HASH_SIZE);
    memcpy(digest, data, size);
    return GGDM_OK;
}

static ggdm_status get_files(ggdm_wire *w, ggdm_model_files *f, ggdm_error *err)
{
    f->path = get_text(w);
    f->config = get_text(w);
    bool all = get_optional(w, &f->scheduler);
    all = get_optional(w, &f->tokenizer) && all;
    all = get_optional(w, &f->preprocessor) && all;
    GGDM_TRY(get_digest(w, f->digest, err));
    if (!f->path || !f->config || !all)
        return GGDM_FAIL(err, GGDM_ENOMEM, "cannot copy the texts of a model");
    return GGDM_OK;
}

static ggdm_status get_picture(ggdm_wire *w, ggdm_pictures *list, ggdm_error *err)
{
    ggdm_picture p = {.owned = NULL};
    size_t size = 0;
    const uint8_t *digest = ggdm_get_bytes(w, &size);
    p.height = ggdm_get_i32(w);
    p.width = ggdm_get_i32(w);
    p.channels = ggdm_get_i32(w);
    GGDM_TRY(ggdm_wire_status(w, "start-up message", err));
    if (size != sizeof p.digest - 1)
        return GGDM_FAIL(err, GGDM_EFORMAT, "digest of a picture of %zu bytes, expected %zu", size,
                         sizeof p.digest - 1);
    memcpy(p.digest, digest, size);
    return ggdm_pictures_add(list, &p, err);
}

static ggdm_status unpack_hello(const void *data, size_t size, ggdm_outfit *out, bool *work,
                                ggdm_error *err)
{
    ggdm_wire w;
    ggdm_wire_read(&w, data, size);
    uint32_t magic = ggdm_get_u32(&w), version = ggdm_get_u32(&w);
    *work = ggdm_get_u8(&w) != 0;
    GGDM_TRY(ggdm_wire_status(&w, "start-up message", err));
    if (magic != HELLO || version != HELLO_VERSION)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "start-up message of another program or version (%08x, %u)", magic,
                         version);
    if (!*work)
        return GGDM_OK;
    out->isa = (ggdm_isa)ggdm_get_u8(&w);
    if (out->isa >= GGDM_N_ISAS)
        return GGDM_FAIL(err, GGDM_EFORMAT, "start-up message with instruction set %d",
                         (int)out->isa);
    GGDM_TRY(ggdm_isa_pin(out->isa, err));
    GGDM_TRY(get_digest(&w, out->bits, err));
    GGDM_TRY(ggdm_job_unpack(&out->job, &w, err));
    int32_t n = ggdm_get_count(&w, GGDM_MAX_MODELS, FILES_BYTES);
    GGDM_TRY(ggdm_wire_status(&w, "start-up message", err));
    GGDM_TRY(ggdm_alloc(&out->models, (size_t)n, sizeof *out->models, err));
    while (out->n_models < n)
        GGDM_TRY(get_files(&w, &out->models[out->n_models++], err));
    n = ggdm_get_count(&w, GGDM_MAX_PICTURES, PICTURE_BYTES);
    GGDM_TRY(ggdm_wire_status(&w, "start-up message", err));
    for (int32_t i = 0; i < n; i++)
        GGDM_TRY(get_picture(&w, &out->pictures, err));
    return GGDM_OK;
}

static ggdm_status take_weights(ggdm_transport *t, ggdm_model_files *f, ggdm_error *err)
{
    bool first;
    GGDM_TRY(ggdm_transport_share(t, NULL, 0, &f->weights, &f->weights_size, &first, err));
    if (!first)
        return GGDM_OK;
    uint8_t digest[sizeof f->digest];
    GGDM_TRY(ggdm_model_files_digest(f, digest, err));
    if (memcmp(digest, f->digest, sizeof digest) != 0)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "model %s: the digest of what arrived is not that of the files", f->path);
    return GGDM_OK;
}

static ggdm_status take_pictures(ggdm_transport *t, ggdm_pictures *list, ggdm_error *err)
{
    const void *shared = NULL;
    size_t size;
    bool first;
    if (list->n == 0)
        return GGDM_OK;
    GGDM_TRY(ggdm_transport_share(t, NULL, 0, &shared, &size, &first, err));
    if (size != list->bytes)
        return GGDM_FAIL(err, GGDM_EFORMAT, "pictures of %zu bytes, expected %zu", size,
                         list->bytes);
    lend_pictures(list, shared);
    for (size_t i = 0; first && i < list->n; i++)
        GGDM_TRY(ggdm_picture_check(&list->items[i], err));
    return GGDM_OK;
}

ggdm_status ggdm_startup_bits(ggdm_precision precision, uint8_t bits[GGDM_HASH_SIZE],
                              ggdm_error *err)
{
    return ggdm_nn_selfcheck(precision == GGDM_PRECISION_BF16 ? GGDM_BF16 : GGDM_F32, false, bits,
                             err);
}

static ggdm_status same_bits(const ggdm_outfit *outfit, ggdm_error *err)
{
    uint8_t mine[GGDM_HASH_SIZE];
    char host[256] = "", processor[GGDM_PROCESSOR_SIZE];
    GGDM_TRY(ggdm_startup_bits(outfit->job.precision, mine, err));
    if (memcmp(mine, outfit->bits, sizeof mine) == 0)
        return GGDM_OK;
    gethostname(host, sizeof host - 1);
    ggdm_processor_name(processor);
    return GGDM_FAIL(
        err, GGDM_EUNSUPPORTED,
        "host %s (%s, %s) gives other bits than rank 0 with the instruction set %s: "
        "images must not depend on where they are made; leave this host out (--hosts), "
        "or install the same oneDNN on all",
        host, processor, ggdm_onednn_version(), ggdm_isa_name(outfit->isa));
}

ggdm_status ggdm_startup_take(ggdm_transport *t, ggdm_outfit *out, bool *work, ggdm_error *err)
{
    *out = (ggdm_outfit){0};
    *work = false;
    void *data = NULL;
    size_t size = 0;
    ggdm_status st = ggdm_transport_broadcast(t, &data, &size, err);
    if (st == GGDM_OK)
        st = unpack_hello(data, size, out, work, err);
    free(data);
    for (int32_t i = 0; i < out->n_models && st == GGDM_OK; i++)
        st = take_weights(t, &out->models[i], err);
    if (st == GGDM_OK)
        st = take_pictures(t, &out->pictures, err);
    if (st == GGDM_OK && *work)
        st = same_bits(out, err);
    if (st != GGDM_OK)
        ggdm_outfit_deinit(out);
    return st;
}
