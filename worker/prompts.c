#include "worker/prompts.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "models/io/tokenizer.h"

#define MAX_ENTRIES 4096 /* they are looked through */

/* The graph of one text. */
typedef struct encoder {
    const ggdm_model *model;
    ggdm_text_form form;
    ggdm_graph *graph;
    int32_t *ids;       /* [context_length] in */
    const float *given; /* [count] out */
    size_t count;
} encoder;

typedef struct entry {
    const ggdm_model *model;
    ggdm_text_form form;
    bool truncate;
    size_t length; /* of the text */
    char *text;    /* owned */
    float *data;   /* [count], owned */
    size_t count;
    uint64_t used; /* time of the last use */
} entry;

struct ggdm_prompts {
    encoder *encoders;
    size_t n_encoders, encoders_cap;
    entry *entries;
    size_t n, cap;
    size_t bytes, most; /* of the vectors that are there, that may be */
    uint64_t clock;
    int64_t encoded;
};

ggdm_status ggdm_prompt_tokens(const ggdm_model *model, const char *text, bool truncate,
                               int32_t *ids, ggdm_error *err)
{
    const int context = model->info.context_length;
    int32_t *own = NULL;
    int n = 0;
    if (!model->tokenizer || context < 1)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "model %s reads no prompts: it has no tokenizer (vocab.json and "
                         "merges.txt) or is no network of texts",
                         model->files->path);
    if (!ids)
        GGDM_TRY(ggdm_alloc(&own, (size_t)context, sizeof *own, err));
    ggdm_status st =
        ggdm_tokenizer_encode(model->tokenizer, text, context, truncate, ids ? ids : own, &n, err);
    free(own);
    return st;
}

ggdm_status ggdm_prompts_create(size_t most, ggdm_prompts **out, ggdm_error *err)
{
    *out = NULL;
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    (*out)->most = most;
    return GGDM_OK;
}

static void drop_entry(ggdm_prompts *p, entry *e)
{
    p->bytes -= e->count * sizeof *e->data;
    free(e->text);
    free(e->data);
    *e = p->entries[--p->n];
}

void ggdm_prompts_destroy(ggdm_prompts **prompts)
{
    ggdm_prompts *p = *prompts;
    if (!p)
        return;
    while (p->n > 0)
        drop_entry(p, &p->entries[p->n - 1]);
    for (size_t i = 0; i < p->n_encoders; i++)
        ggdm_graph_destroy(&p->encoders[i].graph);
    free(p->entries);
    free(p->encoders);
    free(p);
    *prompts = NULL;
}

int64_t ggdm_prompts_encoded(const ggdm_prompts *prompts)
{
    return prompts->encoded;
}

/* ---- encoding ------------------------------------------------------------------------------ */

static ggdm_status build_encoder(encoder *e, ggdm_error *err)
{
    const ggdm_model *m = e->model;
    ggdm_ports ports = GGDM_NO_PORTS;
    GGDM_TRY(ggdm_graph_create(GGDM_F32, &e->graph, err));
    ports.text =
        ggdm_graph_input(e->graph, "text", GGDM_I32, GGDM_SHAPE2(1, m->info.context_length));
    ggdm_arch_emit(m->arch, e->graph, &ports);
    const ggdm_val given = e->form == GGDM_TEXT_EMBEDDING ? ports.embedding : ports.sequence;
    ggdm_graph_output(e->graph, given);
    GGDM_TRY(ggdm_graph_status(e->graph, err));
    GGDM_TRY(ggdm_graph_compile(e->graph, &m->params, err));
    e->ids = ggdm_graph_data(e->graph, ports.text);
    e->given = ggdm_graph_data(e->graph, given);
    e->count = (size_t)ggdm_shape_count(ggdm_graph_shape(e->graph, given));
    return GGDM_OK;
}

static ggdm_status take_encoder(ggdm_prompts *p, const ggdm_model *model, ggdm_text_form form,
                                encoder **out, ggdm_error *err)
{
    encoder made = {.model = model, .form = form};
    for (size_t i = 0; i < p->n_encoders; i++)
        if (p->encoders[i].model == model && p->encoders[i].form == form) {
            *out = &p->encoders[i];
            return GGDM_OK;
        }
    GGDM_TRY(
        ggdm_grow(&p->encoders, &p->encoders_cap, p->n_encoders + 1, sizeof *p->encoders, err));
    ggdm_status st = build_encoder(&made, err);
    if (st != GGDM_OK) {
        ggdm_graph_destroy(&made.graph);
        return st;
    }
    *out = &p->encoders[p->n_encoders++];
    **out = made;
    return GGDM_OK;
}

static ggdm_status encode(ggdm_prompts *p, entry *e, ggdm_error *err)
{
    encoder *with = NULL;
    GGDM_TRY(take_encoder(p, e->model, e->form, &with, err));
    GGDM_TRY(ggdm_prompt_tokens(e->model, e->text, e->truncate, with->ids, err));
    GGDM_TRY(ggdm_alloc(&e->data, with->count, sizeof *e->data, err));
    ggdm_graph_run(with->graph);
    memcpy(e->data, with->given, with->count * sizeof *e->data);
    e->count = with->count;
    p->encoded++;
    return GGDM_OK;
}

/* ---- the cache ------------------------------------------------------------------------------ */

static entry *find(const ggdm_prompts *p, const entry *like)
{
    for (size_t i = 0; i < p->n; i++) {
        entry *e = &p->entries[i];
        if (e->length == like->length && e->model == like->model && e->form == like->form &&
            e->truncate == like->truncate && memcmp(e->text, like->text, like->length) == 0)
            return e;
    }
    return NULL;
}

/* Room for one more: what was used least recently goes. */
static void make_room(ggdm_prompts *p, size_t bytes)
{
    while (p->n > 0 && (p->bytes + bytes > p->most || p->n == MAX_ENTRIES)) {
        entry *oldest = p->entries;
        for (size_t i = 1; i < p->n; i++)
            if (p->entries[i].used < oldest->used)
                oldest = &p->entries[i];
        drop_entry(p, oldest);
    }
}

/* A text that is not there yet; owned by the cache from here on. */
static ggdm_status add(ggdm_prompts *p, entry e, entry **out, ggdm_error *err)
{
    ggdm_status st;
    GGDM_TRY(ggdm_strdup(e.text, &e.text, err));
    GGDM_TRY_GOTO(st, encode(p, &e, err), failed);
    make_room(p, e.count * sizeof *e.data);
    GGDM_TRY_GOTO(st, ggdm_grow(&p->entries, &p->cap, p->n + 1, sizeof *p->entries, err), failed);
    p->bytes += e.count * sizeof *e.data;
    *out = &p->entries[p->n++];
    **out = e;
    return GGDM_OK;
failed:
    free(e.text);
    free(e.data);
    return st;
}

ggdm_status ggdm_prompts_get(ggdm_prompts *p, const ggdm_model *model, const char *text,
                             bool truncate, ggdm_text_form form, float *out, size_t count,
                             ggdm_error *err)
{
    const entry like = {.model = model,
                        .form = form,
                        .truncate = truncate,
                        .length = strlen(text),
                        .text = (char *)text};
    entry *e = find(p, &like);
    if (!e)
        GGDM_TRY(add(p, like, &e, err));
    if (e->count != count)
        return GGDM_FAIL(err, GGDM_EINTERNAL, "a prompt of %zu numbers, expected %zu", e->count,
                         count);
    e->used = ++p->clock;
    memcpy(out, e->data, count * sizeof *out);
    return GGDM_OK;
}
