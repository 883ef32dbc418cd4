#include "worker/emit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "models/nn/ops.h"
#include "worker/kinds.h"
#include "worker/prediction.h"

const char *const ggdm_gradient_names[] = {
    [GGDM_XT_FULL] = "xt-full", [GGDM_XT_AFFINE] = "xt-affine", [GGDM_X0] = "x0", NULL};

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

ggdm_val ggdm_emit_classifier(ggdm_emit *e, const ggdm_item *item, const char *key, ggdm_val x)
{
    const ggdm_model *model = ggdm_emit_model(e, item, key);
    if (!model || x < 0)
        return -1;
    const ggdm_arch_info *info = &model->info;
    const int64_t *d = ggdm_graph_shape(e->graph, x)->d;
    if (!ggdm_arch_has_port(info, "logits"))
        ggdm_emit_fail_at(e, GGDM_EINVAL, item, key, "model %s is a %s, expected a classifier",
                          model->files->path, info->class_name);
    else if (d[1] != info->size || d[2] != info->size || d[3] != info->channels)
        ggdm_emit_fail_at(e, GGDM_ESHAPE, item, key,
                          "classifier %s takes images of %dx%dx%d, expected %lldx%lldx%lld",
                          model->files->path, info->size, info->size, info->channels,
                          (long long)d[1], (long long)d[2], (long long)d[3]);
    ggdm_ports ports = GGDM_NO_PORTS;
    ports.x = x;
    return e->status == GGDM_OK ? ggdm_arch_emit(model->arch, e->graph, &ports) : -1;
}

/* ---- values -------------------------------------------------------------------------------- */

/* Where a value stands among the value rows of a tree. */
typedef struct place {
    const ggdm_value *value;
    int32_t index; /* so far */
    int32_t found; /* -1: not yet */
} place;

static ggdm_status look_at_value(void *context, const ggdm_item *item, const ggdm_param *row,
                                 ggdm_value *value, const char *path, ggdm_error *err)
{
    place *p = context;
    (void)item, (void)path, (void)err;
    if (row->structure)
        return GGDM_OK;
    if (value == p->value)
        p->found = p->index;
    p->index++;
    return GGDM_OK;
}

static int32_t index_in(const ggdm_item *tree, const ggdm_value *value)
{
    place p = {.value = value, .found = -1};
    if (!tree || ggdm_item_visit((ggdm_item *)tree, look_at_value, &p, NULL) != GGDM_OK)
        return -1;
    return p.found;
}

/* Where the walk finds the value of a row. */
static int32_t value_index(ggdm_emit *e, const ggdm_item *item, const char *key, bool *of_head)
{
    const ggdm_value *value = ggdm_item_value(item, key);
    int32_t index = index_in(e->setting, value);
    *of_head = index < 0;
    if (index < 0)
        index = index_in(e->head, value);
    if (index < 0)
        ggdm_emit_fail(e, GGDM_EINTERNAL, "%s '%s': row '%s' is no value of this program",
                       item->kind->family, item->kind->name, key);
    return index;
}

static const ggdm_param *row_of(const ggdm_item *item, const ggdm_value *value)
{
    return &item->kind->params[value - item->values];
}

ggdm_val ggdm_emit_value(ggdm_emit *e, const ggdm_item *item, const char *key)
{
    const ggdm_value *value = ggdm_item_value(item, key);
    const ggdm_param *row = row_of(item, value);
    const bool is_class = row->type == GGDM_PARAM_CLASS;
    for (int32_t i = 0; i < e->n_ports; i++)
        if (e->ports[i].source == value)
            return e->ports[i].value;
    if (row->type != GGDM_PARAM_REAL && !is_class)
        ggdm_emit_fail(e, GGDM_EINTERNAL, "%s '%s': row '%s' is neither a number nor a class",
                       item->kind->family, item->kind->name, key);
    if (e->n_ports == GGDM_MAX_PORTS)
        ggdm_emit_fail(e, GGDM_ESHAPE, "more than %d values in one step", GGDM_MAX_PORTS);
    bool of_head = false;
    int32_t index = e->status == GGDM_OK ? value_index(e, item, key, &of_head) : -1;
    if (index < 0)
        return -1;
    ggdm_val v =
        ggdm_graph_input(e->graph, key, is_class ? GGDM_I32 : GGDM_F32, GGDM_SHAPE1(e->batch));
    e->ports[e->n_ports++] = (ggdm_port){v, value, index, of_head, is_class};
    return v;
}

/* ---- pictures ------------------------------------------------------------------------------ */

/* As the sweep calls it. */
static const char *picture_name(const ggdm_value *value)
{
    return value->at ? value->at->text : value->scalar.text;
}

static ggdm_val find_picture_port(const ggdm_emit *e, const ggdm_value *source, int32_t channels,
                                  bool mask)
{
    for (int32_t i = 0; i < e->n_pictures; i++)
        if (e->pictures[i].source == source && e->pictures[i].channels == channels &&
            e->pictures[i].mask == mask)
            return e->pictures[i].value;
    return -1;
}

static ggdm_val emit_picture(ggdm_emit *e, const ggdm_item *item, const char *key,
                             ggdm_image_shape s, bool mask)
{
    const ggdm_value *value = ggdm_item_value(item, key);
    const ggdm_picture *p = ggdm_pictures_find(e->models->pictures, value->scalar.text);
    ggdm_val v = find_picture_port(e, value, s.channels, mask);
    if (v >= 0)
        return v;
    if (!p)
        ggdm_emit_fail_at(e, GGDM_EINVAL, item, key, "there is no picture %s", value->scalar.text);
    else if (p->height != s.height || p->width != s.width ||
             (p->channels != 1 && p->channels != s.channels))
        ggdm_emit_fail_at(e, GGDM_ESHAPE, item, key, "%.200s is %dx%dx%d, expected %dx%dx%d%s",
                          picture_name(value), p->height, p->width, p->channels, s.height, s.width,
                          s.channels, s.channels > 1 ? ", or one channel" : "");
    if (e->n_pictures == GGDM_MAX_PICTURE_PORTS)
        ggdm_emit_fail(e, GGDM_ESHAPE, "more than %d pictures in one step", GGDM_MAX_PICTURE_PORTS);
    bool of_head = false;
    int32_t index = e->status == GGDM_OK ? value_index(e, item, key, &of_head) : -1;
    if (index < 0)
        return -1;
    v = ggdm_graph_input(e->graph, key, GGDM_F32,
                         GGDM_SHAPE4(e->batch, s.height, s.width, s.channels));
    e->pictures[e->n_pictures++] = (ggdm_picture_port){v, value, index, s.channels, mask};
    return v;
}

ggdm_val ggdm_emit_picture(ggdm_emit *e, const ggdm_item *item, const char *key,
                           ggdm_image_shape shape)
{
    return emit_picture(e, item, key, shape, false);
}

ggdm_val ggdm_emit_mask(ggdm_emit *e, const ggdm_item *item, const char *key,
                        ggdm_image_shape shape)
{
    return emit_picture(e, item, key, shape, true);
}

/* ---- losses -------------------------------------------------------------------------------- */

ggdm_val ggdm_emit_loss(ggdm_emit *e, const ggdm_item *loss, ggdm_val x0)
{
    ggdm_val v = ((const ggdm_loss_kind *)loss->kind)->emit(e, loss, x0);
    return ggdm_lincomb(e->graph, v, e->ones, ggdm_emit_value(e, loss, "weight"), e->zeros);
}

void ggdm_emit_shift(ggdm_emit *e, ggdm_gradient gradient, ggdm_val loss, const ggdm_item *item,
                     const char *weight)
{
    if (e->n_terms == GGDM_MAX_TERMS)
        ggdm_emit_fail(e, GGDM_ESHAPE, "more than %d terms in one step", GGDM_MAX_TERMS);
    else
        e->terms[e->n_terms++] = (ggdm_term){gradient, loss, item, weight};
}

/* The shift of the terms with this gradient, in their order.  One alone is left unscaled: its
 * weight is applied by the walk, in the step's own arithmetic. */
static void emit_shift(ggdm_emit *e, ggdm_gradient gradient)
{
    const ggdm_term *of[GGDM_MAX_TERMS];
    int32_t n = 0;
    bool of_head;
    for (int32_t i = 0; i < e->n_terms; i++)
        if (e->terms[i].gradient == gradient)
            of[n++] = &e->terms[i];
    if (n == 0)
        return;
    ggdm_shift s = {.gradient = gradient, .loss = of[0]->loss, .weight = -1};
    if (n == 1)
        s.weight = value_index(e, of[0]->item, of[0]->weight, &of_head);
    for (int32_t i = 1; i < n; i++)
        s.loss = ggdm_lincomb(e->graph, s.loss, of[i]->loss,
                              i == 1 ? ggdm_emit_value(e, of[0]->item, of[0]->weight) : e->ones,
                              ggdm_emit_value(e, of[i]->item, of[i]->weight));
    /* xt-full goes through the network too; xt-affine and x0 end at x0-hat, and the step
     * multiplies the former by x0_x. */
    ggdm_val wrt = gradient == GGDM_XT_FULL ? e->x : e->x0;
    ggdm_graph_backward(e->graph, s.loss, e->ones, 1, &wrt, &s.grad);
    ggdm_graph_output(e->graph, s.loss);
    e->shifts[e->n_shifts++] = s;
}

/* ---- programs ------------------------------------------------------------------------------ */

static ggdm_val input(ggdm_emit *e, const char *name)
{
    return ggdm_graph_input(e->graph, name, GGDM_F32, GGDM_SHAPE1(e->batch));
}

static void emit_begin(ggdm_emit *e)
{
    e->x = e->t = e->x0_x = e->x0_eps = e->eps = e->x0 = e->score = -1;
    e->ones = input(e, "ones");
    e->zeros = input(e, "zeros");
    for (int i = 0; i < GGDM_N_PREDICTIONS; i++)
        e->predictions[i] = (ggdm_prediction_vals){-1, -1};
}

/* The diffusion model on its conditions: each row that is given goes to the port of its name. */
static void emit_network(ggdm_emit *e)
{
    const ggdm_item *condition = ggdm_item_child(e->head, "condition");
    const ggdm_model *model = ggdm_emit_model(e, e->head, "model");
    ggdm_val label = condition ? ggdm_emit_value(e, condition, "label") : -1;
    if (!model)
        return;
    const ggdm_arch_info *info = &model->info;
    const bool wants_label = ggdm_arch_has_port(info, "label");
    if (!ggdm_arch_has_port(info, "eps"))
        ggdm_emit_fail_at(e, GGDM_EINVAL, e->head, "model",
                          "model %s is a %s, expected a diffusion model", model->files->path,
                          info->class_name);
    else if (condition && !wants_label)
        ggdm_emit_fail_at(e, GGDM_EINVAL, condition, "label",
                          "model %s takes no label, expected no condition", model->files->path);
    else if (!condition && wants_label)
        ggdm_emit_fail_at(e, GGDM_EINVAL, e->head, "model",
                          "model %s wants a label, expected condition: {label: ...}",
                          model->files->path);
    if (e->status != GGDM_OK)
        return;
    ggdm_ports ports = GGDM_NO_PORTS;
    ports.x = e->x = ggdm_graph_input(
        e->graph, "x", GGDM_F32, GGDM_SHAPE4(e->batch, info->size, info->size, info->channels));
    ports.t = e->t;
    ports.label = label;
    e->eps = ggdm_emit_prediction(e, model->prediction, e->x,
                                  ggdm_arch_emit(model->arch, e->graph, &ports));
}

void ggdm_emit_tick(ggdm_emit *e)
{
    emit_begin(e);
    e->t = input(e, "t");
    e->x0_x = input(e, "x0_x");
    e->x0_eps = input(e, "x0_eps");
    emit_network(e);
    e->x0 = ggdm_lincomb(e->graph, e->x, e->eps, e->x0_x, e->x0_eps);
    ggdm_graph_output(e->graph, e->eps);
    ggdm_graph_output(e->graph, e->x0);
    if (e->setting && e->status == GGDM_OK)
        ((const ggdm_guidance_kind *)e->setting->kind)->emit(e, e->setting);
    for (int g = 0; g < GGDM_N_GRADIENTS && e->status == GGDM_OK; g++)
        emit_shift(e, (ggdm_gradient)g);
}

void ggdm_emit_score(ggdm_emit *e, ggdm_image_shape shape)
{
    emit_begin(e);
    e->x = ggdm_graph_input(e->graph, "x", GGDM_F32,
                            GGDM_SHAPE4(e->batch, shape.height, shape.width, shape.channels));
    e->score = ((const ggdm_scorer_kind *)e->setting->kind)->emit(e, e->setting, e->x);
    ggdm_graph_output(e->graph, e->score);
}
