/* Prompts in a program: inputs that the walk fills with what a network made of them
 * (worker/prompts.h), so that no step reads a text. */
#include <stdio.h>
#include <string.h>

#include "models/nn/ops.h"
#include "worker/emit_inputs.h"

/* The model that reads an item's prompts; it is not part of the graph. */
static const ggdm_model_ref *reader_of(ggdm_emit *e, const ggdm_item *item, const char *key)
{
    const char *digest = ggdm_item_text(item, key);
    const ggdm_model_ref *ref = digest ? ggdm_models_ref(e->models, digest) : NULL;
    if (!ref)
        ggdm_emit_fail_at(e, GGDM_EINVAL, item, key, "there is no model %s that reads prompts",
                          digest ? digest : "");
    return ref;
}

static bool equal_ports(const ggdm_text_port *a, const ggdm_text_port *b)
{
    return a->reader == b->reader && a->form == b->form && a->copies == b->copies &&
           memcmp(a->sources, b->sources, sizeof a->sources) == 0;
}

static ggdm_val add_port(ggdm_emit *e, ggdm_text_port port)
{
    const ggdm_arch_info *info = &port.reader->model->info;
    const int64_t rows = (int64_t)e->batch * port.copies;
    char name[40];
    for (int32_t i = 0; i < e->n_texts; i++)
        if (equal_ports(&e->texts[i], &port))
            return e->texts[i].value;
    if (e->n_texts == GGDM_MAX_TEXT_PORTS)
        ggdm_emit_fail(e, GGDM_ESHAPE, "more than %d prompts in one step", GGDM_MAX_TEXT_PORTS);
    if (e->status != GGDM_OK)
        return -1;
    snprintf(name, sizeof name, "prompt%d", e->n_texts);
    port.value =
        port.form == GGDM_TEXT_EMBEDDING
            ? ggdm_graph_input(e->graph, name, GGDM_F32, GGDM_SHAPE2(rows, info->embedding_size))
            : ggdm_graph_input(e->graph, name, GGDM_F32,
                               GGDM_SHAPE3(rows, info->context_length, info->sequence_size));
    e->texts[e->n_texts++] = port;
    return port.value;
}

/* The places of prompts; one that is not given is empty. */
static void find_sources(ggdm_emit *e, const ggdm_item *item, const char *const *keys,
                         ggdm_text_port *port)
{
    for (int32_t i = 0; i < port->copies; i++) {
        const ggdm_value *value = ggdm_item_value(item, keys[i]);
        port->indices[i] = -1;
        if (value->set) {
            port->sources[i] = value;
            port->indices[i] = ggdm_emit_value_index(e, item, keys[i], &port->of_head);
        }
    }
}

ggdm_val ggdm_emit_sequences(ggdm_emit *e, const ggdm_item *item, const char *model,
                             const char *const *keys, int32_t n)
{
    ggdm_text_port port = {.reader = reader_of(e, item, model),
                           .truncate = ggdm_item_truncates(item),
                           .form = GGDM_TEXT_SEQUENCE,
                           .copies = n,
                           .of_head = true};
    if (!port.reader)
        return -1;
    find_sources(e, item, keys, &port);
    return add_port(e, port);
}

ggdm_val ggdm_emit_prompt(ggdm_emit *e, const ggdm_item *item, const char *model, const char *key)
{
    ggdm_text_port port = {.reader = reader_of(e, item, model),
                           .truncate = ggdm_item_truncates(item),
                           .form = GGDM_TEXT_EMBEDDING,
                           .copies = 1};
    if (!port.reader)
        return -1;
    find_sources(e, item, &key, &port);
    ggdm_val v = add_port(e, port);
    return e->copies > 1 ? ggdm_repeat(e->graph, v, e->copies) : v;
}
