#include "worker/emit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "models/nn/ops.h"
#include "worker/emit_inputs.h"
#include "worker/kinds.h"
#include "worker/noise_levels.h"
#include "worker/prediction.h"

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

static const ggdm_model_ref *find_model(const ggdm_models *models, const char *digest)
{
    for (size_t i = 0; i < models->n; i++)
        if (strcmp(models->items[i].digest, digest) == 0)
            return &models->items[i];
    return NULL;
}

const ggdm_model *ggdm_models_find(const ggdm_models *models, const char *digest)
{
    const ggdm_model_ref *ref = find_model(models, digest);
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
    const ggdm_model_ref *ref = find_model(e->models, digest);
    if (!ref)
        ggdm_emit_fail_at(e, GGDM_EINVAL, item, key, "there is no model %s", digest);
    else
        add_slot(e, ref);
    if (e->status != GGDM_OK)
        return NULL;
    ggdm_graph_slot(e->graph, ref->digest);
    return ref->model;
}

/* Do the images [rows, H, W, C] suit a classifier? */
static void check_classifier(ggdm_emit *e, const ggdm_item *item, const char *key,
                             const ggdm_model *model, ggdm_val x)
{
    const ggdm_arch_info *info = &model->info;
    const int64_t *d = ggdm_graph_shape(e->graph, x)->d;
    if (!ggdm_arch_has_port(info, "logits"))
        ggdm_emit_fail_at(e, GGDM_EINVAL, item, key, "model '%s' is a %s, expected a classifier",
                          name_of(e, model), info->class_name);
    else if (d[1] != info->size || d[2] != info->size || d[3] != info->channels)
        ggdm_emit_fail_at(e, GGDM_ESHAPE, item, key,
                          "classifier '%s' takes images of %dx%dx%d, expected %lldx%lldx%lld",
                          name_of(e, model), info->size, info->size, info->channels,
                          (long long)d[1], (long long)d[2], (long long)d[3]);
}

/* t must stand for the same noise to a classifier of x_t and to the diffusion model. */
static void check_noise(ggdm_emit *e, const ggdm_item *item, const char *key,
                        const ggdm_model *model)
{
    const ggdm_model *diffusion = ggdm_models_find(e->models, ggdm_item_text(e->head, "model"));
    bool same = false;
    ggdm_error why;
    if (ggdm_noise_levels_same(model->files, diffusion->files, &same, &why) != GGDM_OK)
        ggdm_emit_fail_at(e, why.code, item, key, "%s", why.msg);
    else if (!same)
        ggdm_emit_fail_at(
            e, GGDM_EINVAL, item, key,
            "classifier '%s' was trained with another noise schedule than '%s': expected "
            "the same alpha_bar at all t (scheduler_config.json)",
            name_of(e, model), name_of(e, diffusion));
}

/* The classifier in a MODEL row, emitted for images; inner: as far as a layer. */
static ggdm_ports emit_on_images(ggdm_emit *e, const ggdm_item *item, const char *key,
                                 const char *layer, bool inner, ggdm_val x)
{
    ggdm_ports ports = GGDM_NO_PORTS;
    const ggdm_model *model = ggdm_emit_model(e, item, key);
    if (!model || x < 0)
        return ports;
    check_classifier(e, item, key, model, x);
    ports.x = x;
    ports.layer = layer;
    ports.inner = inner;
    if (e->status == GGDM_OK && ggdm_arch_has_port(&model->info, "t")) {
        if (e->noisy)
            check_noise(e, item, key, model);
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
    const ggdm_ports ports = emit_on_images(e, item, key, NULL, false, x);
    return raw ? ports.raw : ports.logits;
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
    return e->status == GGDM_OK ? emit_on_images(e, item, key, layer, true, x).features : -1;
}

/* ---- diffusion models ---------------------------------------------------------------------- */

/* Is the model a diffusion model of the head's images, given what it wants? */
static void check_network(ggdm_emit *e, const ggdm_item *item, const char *key,
                          const ggdm_model *model, ggdm_given given)
{
    const ggdm_item *condition = ggdm_item_child(e->head, "condition");
    const ggdm_arch_info *info = &model->info;
    const bool wants_label = ggdm_arch_has_port(info, "label");
    if (!ggdm_arch_has_port(info, "eps"))
        ggdm_emit_fail_at(e, GGDM_EINVAL, item, key,
                          "model '%s' is a %s, expected a diffusion model", name_of(e, model),
                          info->class_name);
    else if (given != GGDM_GIVEN_LABEL && !wants_label)
        ggdm_emit_fail_at(
            e, GGDM_EINVAL, item, key,
            "model '%s' takes no label, expected a class-conditional diffusion model, "
            "as eps without a label and with it is asked for",
            name_of(e, model));
    else if (item != e->head && wants_label != (condition != NULL))
        ggdm_emit_fail_at(
            e, GGDM_EINVAL, item, key,
            "model '%s' takes %s label, expected one that takes what the diffusion model "
            "takes",
            name_of(e, model), wants_label ? "a" : "no");
    else if (condition && !wants_label)
        ggdm_emit_fail_at(e, GGDM_EINVAL, condition, "label",
                          "model '%s' takes no label, expected no condition", name_of(e, model));
    else if (!condition && wants_label)
        ggdm_emit_fail_at(e, GGDM_EINVAL, item, key,
                          "model '%s' wants a label, expected condition: {label: ...}",
                          name_of(e, model));
    else if (given != GGDM_GIVEN_LABEL && info->null_label < 0)
        ggdm_emit_fail_at(e, GGDM_EINVAL, item, key,
                          "model '%s' has no label of no class, expected one that was trained with "
                          "label_dropout",
                          name_of(e, model));
}

/* Labels of the images, of no class, or both in pairs; -1 where the model takes none. */
static ggdm_val labels(ggdm_emit *e, const ggdm_model *model, ggdm_given given)
{
    const ggdm_item *condition = ggdm_item_child(e->head, "condition");
    if (!condition)
        return -1;
    if (given == GGDM_GIVEN_NONE)
        return ggdm_emit_constant(e, true, (float)model->info.null_label);
    ggdm_port port = {.source = ggdm_item_value(condition, "label"),
                      .is_class = true,
                      .copies = given == GGDM_GIVEN_BOTH ? 2 : 1,
                      .paired = given == GGDM_GIVEN_BOTH,
                      .other = model->info.null_label};
    return ggdm_emit_port(e, condition, "label", port);
}

ggdm_val ggdm_emit_network(ggdm_emit *e, const ggdm_item *item, const char *key, ggdm_given given)
{
    const ggdm_model *model = ggdm_emit_model(e, item, key);
    if (model)
        check_network(e, item, key, model, given);
    if (e->status != GGDM_OK)
        return -1;
    const bool both = given == GGDM_GIVEN_BOTH;
    ggdm_ports ports = GGDM_NO_PORTS;
    ports.label = labels(e, model, given);
    ports.x = both ? ggdm_repeat(e->graph, e->x, 2) : e->x;
    ports.t = both ? ggdm_repeat(e->graph, e->t, 2) : e->t;
    e->copies = both ? 2 : 1;
    e->evaluations += e->copies;
    ggdm_val eps = ggdm_emit_prediction(e, model->prediction, ports.x,
                                        ggdm_arch_emit(model->arch, e->graph, &ports));
    e->copies = 1;
    if (item == e->head && given != GGDM_GIVEN_NONE)
        e->variance = both && ports.variance >= 0 ? ggdm_split(e->graph, ports.variance, 2, 0)
                                                  : ports.variance;
    return eps;
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

void ggdm_emit_eps(ggdm_emit *e, const ggdm_item *source)
{
    e->eps = source ? ((const ggdm_source_kind *)source->kind)->emit(e, source)
                    : ggdm_emit_network(e, e->head, "model", GGDM_GIVEN_LABEL);
    e->x0 = e->x0_first = ggdm_lincomb(e->graph, e->x, e->eps, e->x0_x, e->x0_eps);
}

void ggdm_emit_score(ggdm_emit *e, ggdm_image_shape shape)
{
    emit_begin(e);
    e->x = ggdm_graph_input(e->graph, "x", GGDM_F32,
                            GGDM_SHAPE4(e->batch, shape.height, shape.width, shape.channels));
    e->score = ((const ggdm_scorer_kind *)e->setting->kind)->emit(e, e->setting, e->x);
    ggdm_graph_output(e->graph, e->score);
}
