#include "worker/emit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "models/nn/ops.h"
#include "worker/emit_inputs.h"
#include "worker/kinds.h"
#include "worker/noise_levels.h"

void ggdm_emit_fail(ggdm_emit *e, ggdm_status status, const char *format, ...)
{
    char text[600];
    va_list args;
    if (e->status != GGDM_OK)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    e->status = GGDM_FAIL(&e->error, status, "%s", text);
}

void ggdm_emit_fail_at(ggdm_emit *e, ggdm_status status, const ggdm_item *item, const char *key,
                       const char *format, ...)
{
    char text[600];
    va_list args;
    if (e->status != GGDM_OK)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ggdm_item_fail(item, key, &e->error, "%s", text);
    e->status = e->error.code = status;
}

ggdm_status ggdm_emit_status(const ggdm_emit *e, ggdm_error *err)
{
    if (e->status == GGDM_OK)
        return ggdm_graph_status(e->graph, err);
    if (err)
        *err = e->error;
    return e->status;
}

/* ---- models -------------------------------------------------------------------------------- */

const ggdm_model_ref *ggdm_models_ref(const ggdm_models *models, const char *digest)
{
    for (size_t i = 0; i < models->n; i++)
        if (strcmp(models->items[i].digest, digest) == 0)
            return &models->items[i];
    return NULL;
}

const ggdm_model *ggdm_models_find(const ggdm_models *models, const char *digest)
{
    const ggdm_model_ref *ref = ggdm_models_ref(models, digest);
    return ref ? ref->model : NULL;
}

const char *ggdm_models_name(const ggdm_models *models, const ggdm_model *model)
{
    for (size_t i = 0; i < models->n; i++)
        if (models->items[i].model == model && models->items[i].name)
            return models->items[i].name;
    return model->files->path;
}

static const char *name_of(const ggdm_emit *e, const ggdm_model *model)
{
    return ggdm_models_name(e->models, model);
}

/* Each model has one slot. */
static void add_slot(ggdm_emit *e, const ggdm_model_ref *ref)
{
    int32_t i = 0;
    while (i < e->n_slots && e->slots[i] != ref)
        i++;
    if (i == GGDM_MAX_SLOTS)
        ggdm_emit_fail(e, GGDM_ESHAPE, "more than %d models in one graph", GGDM_MAX_SLOTS);
    else if (i == e->n_slots)
        e->slots[e->n_slots++] = ref;
}

const ggdm_model *ggdm_emit_model(ggdm_emit *e, const ggdm_item *item, const char *key)
{
    const char *digest = ggdm_item_text(item, key);
    const ggdm_model_ref *ref = ggdm_models_ref(e->models, digest);
    if (!ref)
        ggdm_emit_fail_at(e, GGDM_EINVAL, item, key, "there is no model %s", digest);
    else
        add_slot(e, ref);
    if (e->status != GGDM_OK)
        return NULL;
    ggdm_graph_slot(e->graph, ref->digest);
    return ref->model;
}

/* What looks at images, in messages. */
typedef struct looker {
    const char *port, *what, *expected;
} looker;
static const looker classifier = {"logits", "classifier", "a classifier"},
                    encoder = {"embedding", "network", "a network of images and texts"};

/* The network in a MODEL row that looks at images; NULL after an error. */
static const ggdm_model *find_looker(ggdm_emit *e, const ggdm_item *item, const char *key,
                                     const looker *as)
{
    const ggdm_model *model = ggdm_emit_model(e, item, key);
    if (model && (!ggdm_arch_has_port(&model->info, as->port) || model->info.size == 0))
        ggdm_emit_fail_at(e, GGDM_EINVAL, item, key, "model '%s' is a %s, expected %s",
                          name_of(e, model), model->info.class_name, as->expected);
    return e->status == GGDM_OK ? model : NULL;
}

int ggdm_emit_image_size(ggdm_emit *e, const ggdm_item *item, const char *key)
{
    const ggdm_model *model = find_looker(e, item, key, &encoder);
    return model ? model->info.size : 0;
}

/* Do the images [rows, H, W, C] suit the model? */
static void check_images(ggdm_emit *e, const ggdm_item *item, const char *key,
                         const ggdm_model *model, const looker *as, ggdm_val x)
{
    const ggdm_arch_info *info = &model->info;
    const int64_t *d = ggdm_graph_shape(e->graph, x)->d;
    if (d[1] != info->size || d[2] != info->size || d[3] != info->channels)
        ggdm_emit_fail_at(e, GGDM_ESHAPE, item, key,
                          "%s '%s' takes images of %dx%dx%d, expected %lldx%lldx%lld", as->what,
                          name_of(e, model), info->size, info->size, info->channels,
                          (long long)d[1], (long long)d[2], (long long)d[3]);
}

/* t must stand for the same noise to what looks at x_t and to the diffusion model. */
static void check_noise(ggdm_emit *e, const ggdm_item *item, const char *key,
                        const ggdm_model *model, const looker *as)
{
    const ggdm_model *diffusion = ggdm_models_find(e->models, ggdm_item_text(e->head, "model"));
    bool same = false;
    ggdm_error why;
    if (ggdm_noise_levels_same(model->files, diffusion->files, &same, &why) != GGDM_OK)
        ggdm_emit_fail_at(e, why.code, item, key, "%s", why.msg);
    else if (!same)
        ggdm_emit_fail_at(e, GGDM_EINVAL, item, key,
                          "%s '%s' was trained with another noise schedule than '%s': expected "
                          "the same alpha_bar at all t (scheduler_config.json)",
                          as->what, name_of(e, model), name_of(e, diffusion));
}

/* The network in a MODEL row, emitted for images; inner: as far as a layer. */
static ggdm_ports emit_on_images(ggdm_emit *e, const ggdm_item *item, const char *key,
                                 const looker *as, const char *layer, bool inner, ggdm_val x)
{
    ggdm_ports ports = GGDM_NO_PORTS;
    const ggdm_model *model = find_looker(e, item, key, as);
    if (!model || x < 0)
        return ports;
    check_images(e, item, key, model, as, x);
    ports.x = x;
    ports.layer = layer;
    ports.inner = inner;
    if (e->status == GGDM_OK && ggdm_arch_has_port(&model->info, "t")) {
        if (e->noisy)
            check_noise(e, item, key, model, as);
        ports.t = e->noisy ? e->t : ggdm_emit_zeros(e);
        if (e->noisy && e->copies > 1)
            ports.t = ggdm_repeat(e->graph, e->t, e->copies);
    }
    if (e->status == GGDM_OK)
        ggdm_arch_emit(model->arch, e->graph, &ports);
    return ports;
}

ggdm_val ggdm_emit_classifier(ggdm_emit *e, const ggdm_item *item, const char *key, ggdm_val x,
                              bool raw)
{
    const ggdm_ports ports = emit_on_images(e, item, key, &classifier, NULL, false, x);
    return raw ? ports.raw : ports.logits;
}

ggdm_val ggdm_emit_embedding(ggdm_emit *e, const ggdm_item *item, const char *key, ggdm_val x,
                             ggdm_val *scale)
{
    const ggdm_ports ports = emit_on_images(e, item, key, &encoder, NULL, false, x);
    if (scale)
        *scale = ports.scale;
    return ports.embedding;
}

ggdm_val ggdm_emit_features(ggdm_emit *e, const ggdm_item *item, const char *key,
                            const char *layer_key, ggdm_val x)
{
    const char *layer = ggdm_item_text(item, layer_key);
    const ggdm_model *model = ggdm_emit_model(e, item, key);
    if (model && layer && !ggdm_arch_has_layer(model->arch, layer))
        ggdm_emit_fail_at(e, GGDM_EINVAL, item, layer_key,
                          "model '%s' has no layer '%s', expected one in front of its last, as "
                          "layers.0 (by the names of its parameters)",
                          name_of(e, model), layer);
    return e->status == GGDM_OK ? emit_on_images(e, item, key, &classifier, layer, true, x).features
                                : -1;
}

/* ---- losses -------------------------------------------------------------------------------- */

ggdm_val ggdm_emit_loss(ggdm_emit *e, const ggdm_item *loss, ggdm_val x0)
{
    ggdm_val v = ((const ggdm_loss_kind *)loss->kind)->emit(e, loss, x0);
    return ggdm_lincomb(e->graph, v, ggdm_emit_ones(e), ggdm_emit_value(e, loss, "weight"),
                        ggdm_emit_zeros(e));
}

void ggdm_emit_shift(ggdm_emit *e, ggdm_val loss, ggdm_val grad, const ggdm_item *item,
                     const char *weight, ggdm_scale scale)
{
    bool of_head;
    if (e->n_shifts == GGDM_MAX_TERMS)
        ggdm_emit_fail(e, GGDM_ESHAPE, "more than %d terms in one step", GGDM_MAX_TERMS);
    if (e->status != GGDM_OK)
        return;
    ggdm_graph_output(e->graph, loss);
    ggdm_graph_output(e->graph, grad);
    e->shifts[e->n_shifts++] = (ggdm_shift){
        loss, grad, weight ? ggdm_emit_value_index(e, item, weight, &of_head) : -1, scale};
}

void ggdm_emit_term(ggdm_emit *e, int32_t k, ggdm_val loss, ggdm_val grad, const ggdm_item *item,
                    const char *weight, ggdm_scale scale)
{
    bool of_head;
    if (e->status != GGDM_OK)
        return;
    ggdm_graph_output(e->graph, loss);
    e->terms[k] = (ggdm_seen_term){
        loss, grad, weight ? ggdm_emit_value_index(e, item, weight, &of_head) : -1, scale};
    e->n_terms = k < e->n_terms ? e->n_terms : k + 1;
}

/* ---- programs ------------------------------------------------------------------------------ */

static void emit_begin(ggdm_emit *e)
{
    e->x = e->t = e->x0_x = e->x0_eps = e->eps = e->x0 = e->x0_first = e->x0_change = e->variance =
        e->carried = e->carry = e->score = -1;
    e->copies = 1;
}

static ggdm_val input(ggdm_emit *e, const char *name)
{
    return ggdm_graph_input(e->graph, name, GGDM_F32, GGDM_SHAPE1(e->batch));
}

/* What a tick is given: x of the diffusion model's shape, t, the factors of x0-hat. */
static void emit_inputs(ggdm_emit *e)
{
    const ggdm_model *model = ggdm_emit_model(e, e->head, "model");
    if (!model)
        return;
    const ggdm_arch_info *info = &model->info;
    e->x = ggdm_graph_input(e->graph, "x", GGDM_F32,
                            GGDM_SHAPE4(e->batch, info->size, info->size, info->channels));
    e->t = input(e, "t");
    e->x0_x = input(e, "x0_x");
    e->x0_eps = input(e, "x0_eps");
}

void ggdm_emit_tick(ggdm_emit *e)
{
    emit_begin(e);
    emit_inputs(e);
    if (e->status != GGDM_OK)
        return;
    if (e->setting)
        ((const ggdm_guidance_kind *)e->setting->kind)->emit(e, e->setting);
    else
        ggdm_emit_eps(e, NULL);
    ggdm_graph_output(e->graph, e->eps);
    ggdm_graph_output(e->graph, e->x0);
    if (e->x0_change >= 0)
        ggdm_graph_output(e->graph, e->x0_change);
    if (e->variance >= 0)
        ggdm_graph_output(e->graph, e->variance);
    if (e->carry >= 0)
        ggdm_graph_output(e->graph, e->carry);
}

void ggdm_emit_score(ggdm_emit *e, ggdm_image_shape shape)
{
    emit_begin(e);
    e->x = ggdm_graph_input(e->graph, "x", GGDM_F32,
                            GGDM_SHAPE4(e->batch, shape.height, shape.width, shape.channels));
    e->score = ((const ggdm_scorer_kind *)e->setting->kind)->emit(e, e->setting, e->x);
    ggdm_graph_output(e->graph, e->score);
}
