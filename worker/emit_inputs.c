/* The inputs of a program beside x and t: values of settings, numbers, noise, pictures. */
#include "worker/emit_inputs.h"

#include <stdio.h>
#include <string.h>

#include "models/nn/ops.h"

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
int32_t ggdm_emit_value_index(ggdm_emit *e, const ggdm_item *item, const char *key, bool *of_head)
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

int32_t ggdm_emit_rows(const ggdm_emit *e)
{
    return e->batch * e->copies;
}

/* An input for the walk to fill. */
static ggdm_val add_port(ggdm_emit *e, ggdm_port port, const char *name)
{
    char key[40];
    if (e->n_ports == GGDM_MAX_PORTS)
        ggdm_emit_fail(e, GGDM_ESHAPE, "more than %d values in one step", GGDM_MAX_PORTS);
    if (e->status != GGDM_OK)
        return -1;
    snprintf(key, sizeof key, "%.24s%d", name, e->n_ports);
    port.value = ggdm_graph_input(e->graph, key, port.is_class ? GGDM_I32 : GGDM_F32,
                                  GGDM_SHAPE1((int64_t)e->batch * port.copies));
    e->ports[e->n_ports++] = port;
    return port.value;
}

static bool equal_scales(const ggdm_scale *a, const ggdm_scale *b)
{
    return a->schedule == b->schedule && a->number == b->number && a->through_x0 == b->through_x0;
}

/* The port of a value, which is new where there is none like it. */
ggdm_val ggdm_emit_port(ggdm_emit *e, const ggdm_item *item, const char *key, ggdm_port port)
{
    for (int32_t i = 0; i < e->n_ports; i++) {
        const ggdm_port *p = &e->ports[i];
        if (p->source == port.source && p->copies == port.copies && p->paired == port.paired &&
            equal_scales(&p->scale, &port.scale))
            return p->value;
    }
    if (port.source && e->status == GGDM_OK)
        port.index = ggdm_emit_value_index(e, item, key, &port.of_head);
    return add_port(e, port, key ? key : "number");
}

ggdm_val ggdm_emit_scaled(ggdm_emit *e, const ggdm_item *item, const char *key, ggdm_scale scale)
{
    ggdm_port port = {.copies = e->copies, .scale = scale};
    if (key) {
        port.source = ggdm_item_value(item, key);
        const ggdm_param *row = row_of(item, port.source);
        port.is_class = row->type == GGDM_PARAM_CLASS;
        if (row->type != GGDM_PARAM_REAL && !port.is_class)
            ggdm_emit_fail(e, GGDM_EINTERNAL, "%s '%s': row '%s' is neither a number nor a class",
                           item->kind->family, item->kind->name, key);
    }
    return ggdm_emit_port(e, item, key, port);
}

ggdm_val ggdm_emit_value(ggdm_emit *e, const ggdm_item *item, const char *key)
{
    return ggdm_emit_scaled(e, item, key, (ggdm_scale){0});
}

static ggdm_val constant_of(ggdm_emit *e, bool is_class, float number, ggdm_shape shape)
{
    const int64_t count = ggdm_shape_count(&shape);
    char name[40];
    for (int32_t i = 0; i < e->n_constants; i++) {
        const ggdm_constant *c = &e->constants[i];
        if (c->is_class == is_class && c->count == count && c->number == number &&
            ggdm_graph_shape(e->graph, c->value)->n == shape.n)
            return c->value;
    }
    if (e->n_constants == GGDM_MAX_CONSTANTS)
        ggdm_emit_fail(e, GGDM_ESHAPE, "more than %d constants in one step", GGDM_MAX_CONSTANTS);
    if (e->status != GGDM_OK)
        return -1;
    snprintf(name, sizeof name, "constant%d", e->n_constants);
    ggdm_val v = ggdm_graph_input(e->graph, name, is_class ? GGDM_I32 : GGDM_F32, shape);
    e->constants[e->n_constants++] = (ggdm_constant){v, is_class, count, number};
    return v;
}

ggdm_val ggdm_emit_constant(ggdm_emit *e, bool is_class, float number)
{
    return constant_of(e, is_class, number, GGDM_SHAPE1(ggdm_emit_rows(e)));
}

ggdm_val ggdm_emit_ones_like(ggdm_emit *e, ggdm_val x)
{
    return x < 0 ? -1 : constant_of(e, false, 1, *ggdm_graph_shape(e->graph, x));
}

ggdm_val ggdm_emit_number(ggdm_emit *e, double number)
{
    return ggdm_emit_constant(e, false, (float)number);
}

ggdm_val ggdm_emit_ones(ggdm_emit *e)
{
    return ggdm_emit_constant(e, false, 1);
}

ggdm_val ggdm_emit_zeros(ggdm_emit *e)
{
    return ggdm_emit_constant(e, false, 0);
}

ggdm_val ggdm_emit_carried(ggdm_emit *e)
{
    if (e->status == GGDM_OK && e->carried < 0)
        e->carried =
            ggdm_graph_input(e->graph, "carried", GGDM_F32, *ggdm_graph_shape(e->graph, e->x));
    return e->carried;
}

ggdm_val ggdm_emit_noise(ggdm_emit *e, int32_t samples)
{
    char name[40];
    for (int32_t i = 0; i < e->n_noises; i++)
        if (e->noises[i].samples == samples)
            return e->noises[i].value;
    if (e->n_noises == GGDM_MAX_TERMS)
        ggdm_emit_fail(e, GGDM_ESHAPE, "more than %d kinds of noise in one step", GGDM_MAX_TERMS);
    if (e->status != GGDM_OK)
        return -1;
    ggdm_shape shape = *ggdm_graph_shape(e->graph, e->x);
    shape.d[0] *= samples;
    snprintf(name, sizeof name, "noise%d", e->n_noises);
    ggdm_val v = ggdm_graph_input(e->graph, name, GGDM_F32, shape);
    e->noises[e->n_noises++] = (ggdm_noise_input){v, samples};
    return v;
}

ggdm_val ggdm_emit_windows(ggdm_emit *e, double power)
{
    char name[40];
    for (int32_t i = 0; i < e->n_windows; i++)
        if (e->windows[i].windows == e->copies && e->windows[i].power == power)
            return e->windows[i].value;
    if (!e->head)
        ggdm_emit_fail(e, GGDM_EINTERNAL, "cut-outs of a finished image");
    if (e->copies > GGDM_MAX_CUTOUTS)
        ggdm_emit_fail(e, GGDM_ESHAPE, "%d cut-outs of an image in one step, expected at most %d",
                       e->copies, GGDM_MAX_CUTOUTS);
    if (e->n_windows == GGDM_MAX_TERMS)
        ggdm_emit_fail(e, GGDM_ESHAPE, "more than %d kinds of cut-outs in one step",
                       GGDM_MAX_TERMS);
    if (e->status != GGDM_OK)
        return -1;
    snprintf(name, sizeof name, "windows%d", e->n_windows);
    ggdm_val v = ggdm_graph_input(e->graph, name, GGDM_F32, GGDM_SHAPE2(ggdm_emit_rows(e), 3));
    e->windows[e->n_windows++] = (ggdm_window_input){v, e->copies, power};
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
    int32_t index = e->status == GGDM_OK ? ggdm_emit_value_index(e, item, key, &of_head) : -1;
    if (index < 0)
        return -1;
    v = ggdm_graph_input(e->graph, key, GGDM_F32,
                         GGDM_SHAPE4(e->batch, s.height, s.width, s.channels));
    e->pictures[e->n_pictures++] = (ggdm_picture_port){v, value, index, s.channels, mask};
    return v;
}

/* A picture for each row of what is emitted now. */
static ggdm_val per_row(ggdm_emit *e, ggdm_val picture)
{
    return e->copies > 1 ? ggdm_repeat(e->graph, picture, e->copies) : picture;
}

ggdm_val ggdm_emit_picture(ggdm_emit *e, const ggdm_item *item, const char *key,
                           ggdm_image_shape shape)
{
    return per_row(e, emit_picture(e, item, key, shape, false));
}

ggdm_val ggdm_emit_mask(ggdm_emit *e, const ggdm_item *item, const char *key,
                        ggdm_image_shape shape)
{
    return per_row(e, emit_picture(e, item, key, shape, true));
}
