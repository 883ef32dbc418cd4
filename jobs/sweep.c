/* Parsing in two layers: tables say what each map of the file may hold, then the checks that need
 * more than one field.  Every message carries the position of the value it is about. */
#include "jobs/sweep.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/nearest.h"
#include "common/yaml.h"

#define MAX_STEPS 100000
#define MAX_SAMPLES 100000000
#define MAX_AXIS 10000
#define MAX_CELLS 1000000
#define MAX_IMAGES 1000000000
#define MAX_NAME 64
#define MAX_SECONDS 1e9
#define CHECKPOINT_SECONDS 120 /* the default */

const char *const ggdm_axis_names[] = {"kappa", "duration", "target", "start", NULL};
const char *const ggdm_order_names[] = {"cost", "shuffle", NULL};

static const char *const sampler_kinds[] = {"ddpm", NULL};
static const char *const guidance_kinds[] = {"gradient", NULL};
static const char *const loss_kinds[] = {"classifier", NULL};

/* ---- the file's maps as tables ------------------------------------------------------------ */

/* The file as it is written; the sweep takes over what it owns. */
typedef struct spec {
    char *name, *model, *judge, *guide;
    const ggdm_node *sampler, *guidance, *loss, *axes, *checkpoint;
    int kind; /* of sampler, guidance, loss: each list has one name as yet */
    int64_t seed_value;
    ggdm_job job;
    int32_t samples;
    int32_t target_value; /* -1: not given */
    ggdm_order order;
} spec;

#define AT(member) offsetof(spec, member)

static const ggdm_field top_table[] = {
    {.key = "name", .type = GGDM_FIELD_STRING, .offset = AT(name), .required = true},
    {.key = "model",
     .type = GGDM_FIELD_STRING,
     .offset = AT(model),
     .required = true,
     .expected = "the name of a model or a directory"},
    {.key = "sampler", .type = GGDM_FIELD_NODE, .offset = AT(sampler)},
    {.key = "guidance", .type = GGDM_FIELD_NODE, .offset = AT(guidance)},
    {.key = "sweep", .type = GGDM_FIELD_NODE, .offset = AT(axes)},
    {.key = "samples",
     .type = GGDM_FIELD_INT32,
     .offset = AT(samples),
     .required = true,
     .lo = 1,
     .hi = MAX_SAMPLES,
     .expected = "a number of images per cell, from 1 to 100000000"},
    {.key = "seed",
     .type = GGDM_FIELD_INT64,
     .offset = AT(seed_value),
     .lo = 0,
     .hi = 0x1p63,
     .expected = "an integer from 0 to 9223372036854775807"},
    {.key = "judge",
     .type = GGDM_FIELD_STRING,
     .offset = AT(judge),
     .expected = "the name of a classifier or a directory"},
    {.key = "precision",
     .type = GGDM_FIELD_CHOICE,
     .offset = AT(job.precision),
     .choices = ggdm_precision_names},
    {.key = "batch", .type = GGDM_FIELD_INT32, .offset = AT(job.batch), .lo = 1, .hi = 65536},
    {.key = "threads", .type = GGDM_FIELD_INT32, .offset = AT(job.threads), .lo = 1, .hi = 4096},
    {.key = "checkpoint", .type = GGDM_FIELD_NODE, .offset = AT(checkpoint)},
    {.key = "order", .type = GGDM_FIELD_CHOICE, .offset = AT(order), .choices = ggdm_order_names},
    {.key = NULL}};

static const ggdm_field sampler_table[] = {
    {.key = "kind",
     .type = GGDM_FIELD_CHOICE,
     .offset = AT(kind),
     .required = true,
     .choices = sampler_kinds},
    {.key = "steps", .type = GGDM_FIELD_INT32, .offset = AT(job.steps), .lo = 1, .hi = MAX_STEPS},
    {.key = "variance",
     .type = GGDM_FIELD_CHOICE,
     .offset = AT(job.variance),
     .choices = ggdm_variance_names},
    {.key = "clip_x0", .type = GGDM_FIELD_BOOL, .offset = AT(job.clip_x0)},
    {.key = NULL}};

static const ggdm_field guidance_table[] = {
    {.key = "kind",
     .type = GGDM_FIELD_CHOICE,
     .offset = AT(kind),
     .required = true,
     .choices = guidance_kinds},
    {.key = "gradient",
     .type = GGDM_FIELD_CHOICE,
     .offset = AT(job.gradient),
     .choices = ggdm_gradient_names},
    {.key = "loss", .type = GGDM_FIELD_NODE, .offset = AT(loss), .required = true},
    {.key = NULL}};

static const ggdm_field loss_table[] = {{.key = "kind",
                                         .type = GGDM_FIELD_CHOICE,
                                         .offset = AT(kind),
                                         .required = true,
                                         .choices = loss_kinds},
                                        {.key = "model",
                                         .type = GGDM_FIELD_STRING,
                                         .offset = AT(guide),
                                         .required = true,
                                         .expected = "the name of a classifier or a directory"},
                                        {.key = "form",
                                         .type = GGDM_FIELD_CHOICE,
                                         .offset = AT(job.form),
                                         .choices = ggdm_loss_form_names},
                                        {.key = "target",
                                         .type = GGDM_FIELD_INT32,
                                         .offset = AT(target_value),
                                         .lo = 0,
                                         .hi = GGDM_MAX_CLASSES - 1,
                                         .expected = "a class from 0 to 999"},
                                        {.key = NULL}};

/* ---- axes --------------------------------------------------------------------------------- */

static bool is_whole_axis(ggdm_axis axis)
{
    return axis != GGDM_AXIS_KAPPA;
}

/* One value of an axis, from a list or alone. */
static ggdm_status read_value(const ggdm_node *node, ggdm_axis axis, int32_t steps, double *out,
                              ggdm_error *err)
{
    int64_t whole = 0;
    double real = 0;
    switch (axis) {
    case GGDM_AXIS_DURATION:
        if (ggdm_node_int(node, 0, steps, &whole, NULL) != GGDM_OK)
            return ggdm_node_expected(node, err, "a number of steps from 0 to %d (sampler.steps)",
                                      steps);
        break;
    case GGDM_AXIS_TARGET:
        if (ggdm_node_int(node, 0, GGDM_MAX_CLASSES - 1, &whole, NULL) != GGDM_OK)
            return ggdm_node_expected(node, err, "a class from 0 to %d", GGDM_MAX_CLASSES - 1);
        break;
    default:
        if (ggdm_node_double(node, 0, INFINITY, &real, NULL) != GGDM_OK)
            return ggdm_node_expected(node, err, "a finite number, 0 or more");
    }
    *out = is_whole_axis(axis) ? (double)whole : real + 0.0; /* -0 becomes 0 */
    return GGDM_OK;
}

typedef struct values {
    double *data;  /* owned */
    double *start; /* owned; of windows, NULL where all begin at step 0 */
    size_t count;
} values;

static void values_deinit(values *v)
{
    free(v->data);
    free(v->start);
}

static bool is_window(const ggdm_node *node)
{
    return ggdm_node_get(node, "start_step") || ggdm_node_get(node, "length");
}

/* {start_step, length}: guided from start_step on, for length steps. */
static ggdm_status read_window(const ggdm_node *node, int32_t steps, double *start, double *length,
                               ggdm_error *err)
{
    struct window {
        int32_t start, length;
    } w = {0, 0};
    const ggdm_field table[] = {{.key = "start_step",
                                 .type = GGDM_FIELD_INT32,
                                 .offset = offsetof(struct window, start),
                                 .required = true,
                                 .lo = 0,
                                 .hi = steps},
                                {.key = "length",
                                 .type = GGDM_FIELD_INT32,
                                 .offset = offsetof(struct window, length),
                                 .required = true,
                                 .lo = 0,
                                 .hi = steps},
                                {.key = NULL}};
    GGDM_TRY(ggdm_fields_read(node, table, NULL, &w, err));
    if (w.length > steps - w.start)
        return ggdm_node_expected(ggdm_node_get(node, "length"), err,
                                  "a number of steps from 0 to %d (sampler.steps less start_step)",
                                  steps - w.start);
    *start = w.start;
    *length = w.length;
    return GGDM_OK;
}

/* Value i of an axis: a window where the axis is duration and the value a map. */
static ggdm_status read_item(const ggdm_node *node, ggdm_axis axis, int32_t steps, values *out,
                             size_t i, ggdm_error *err)
{
    if (axis != GGDM_AXIS_DURATION || node->kind != GGDM_NODE_MAP)
        return read_value(node, axis, steps, &out->data[i], err);
    double start = 0;
    GGDM_TRY(read_window(node, steps, &start, &out->data[i], err));
    if (start == 0)
        return GGDM_OK;
    if (!out->start)
        GGDM_TRY(ggdm_alloc(&out->start, out->count, sizeof *out->start, err));
    out->start[i] = start;
    return GGDM_OK;
}

/* {from, to, step}: both ends included where the step meets them. */
static ggdm_status read_range(const ggdm_node *node, ggdm_axis axis, int32_t steps, values *out,
                              ggdm_error *err)
{
    struct range {
        const ggdm_node *from, *to, *step;
    } map = {NULL, NULL, NULL};
    const ggdm_field table[] = {{.key = "from",
                                 .type = GGDM_FIELD_NODE,
                                 .offset = offsetof(struct range, from),
                                 .required = true},
                                {.key = "to",
                                 .type = GGDM_FIELD_NODE,
                                 .offset = offsetof(struct range, to),
                                 .required = true},
                                {.key = "step",
                                 .type = GGDM_FIELD_NODE,
                                 .offset = offsetof(struct range, step),
                                 .required = true},
                                {.key = NULL}};
    GGDM_TRY(ggdm_fields_read(node, table, NULL, &map, err));
    double from = 0, to = 0, step = 0;
    GGDM_TRY(read_value(map.from, axis, steps, &from, err));
    GGDM_TRY(read_value(map.to, axis, steps, &to, err));
    bool whole = !is_whole_axis(axis) || map.step->kind == GGDM_NODE_INT;
    if (!whole || ggdm_node_double(map.step, 0, 0, &step, NULL) != GGDM_OK || step == 0 ||
        (to != from && (to < from) != (step < 0)))
        return ggdm_node_expected(map.step, err, "%s %s 0",
                                  is_whole_axis(axis) ? "an integer" : "a finite number",
                                  to < from ? "below" : "above");
    double intervals = floor((to - from) / step + 1e-9);
    if (!(intervals < MAX_AXIS))
        return ggdm_node_expected(map.step, err, "a step that gives at most %d values", MAX_AXIS);
    out->count = (size_t)intervals + 1;
    GGDM_TRY(ggdm_alloc(&out->data, out->count, sizeof *out->data, err));
    for (size_t i = 0; i < out->count; i++) {
        /* 12 digits, so that 0.1 + 2 * 0.1 is the 0.3 that a list would say. */
        char text[40];
        snprintf(text, sizeof text, "%.12g", from + (double)i * step);
        out->data[i] = strtod(text, NULL) + 0.0;
    }
    return GGDM_OK;
}

static ggdm_status read_list(const ggdm_node *node, ggdm_axis axis, int32_t steps, values *out,
                             ggdm_error *err)
{
    bool list = node->kind == GGDM_NODE_LIST;
    if (list && (node->count == 0 || node->count > MAX_AXIS))
        return ggdm_node_expected(node, err, "from 1 to %d values", MAX_AXIS);
    out->count = list ? node->count : 1;
    GGDM_TRY(ggdm_alloc(&out->data, out->count, sizeof *out->data, err));
    if (!list)
        return read_item(node, axis, steps, out, 0, err);
    for (const ggdm_node *n = node->first; n; n = n->next)
        GGDM_TRY(read_item(n, axis, steps, out, n->index, err));
    return GGDM_OK;
}

/* A list, a range or one value; on failure *out may be set and is the caller's. */
static ggdm_status read_axis(const ggdm_node *node, ggdm_axis axis, int32_t steps, values *out,
                             ggdm_error *err)
{
    if (node->kind == GGDM_NODE_NULL)
        return ggdm_node_expected(node, err,
                                  "a value, a list, or a range {from: A, to: B, step: C}");
    bool range = node->kind == GGDM_NODE_MAP && !(axis == GGDM_AXIS_DURATION && is_window(node));
    return range ? read_range(node, axis, steps, out, err) : read_list(node, axis, steps, out, err);
}

/* The axes while the file is read: which were given, and where. */
typedef struct axes {
    const ggdm_node *at[GGDM_N_AXES];
    ggdm_sweep *sweep;
    ggdm_error *err;
} axes;

static ggdm_status fail_axis(const ggdm_node *node, ggdm_error *err)
{
    ggdm_nearest meant = {.word = node->key};
    for (int axis = 0; axis < GGDM_AXIS_START; axis++)
        ggdm_nearest_try(&meant, ggdm_axis_names[axis]);
    ggdm_nearest_try(&meant, "zip");
    if (meant.name)
        return ggdm_node_fail_key(node, err, "unknown axis, did you mean '%s'?", meant.name);
    return ggdm_node_fail_key(node, err, "unknown axis, expected kappa, duration, target or zip");
}

/* Take the axis into a group.  Groups of one value are folded later. */
static ggdm_status add_axis(axes *a, const ggdm_node *node, ggdm_axis_group *group)
{
    int axis = 0;
    while (axis < GGDM_AXIS_START && strcmp(ggdm_axis_names[axis], node->key) != 0)
        axis++;
    if (axis == GGDM_AXIS_START)
        return fail_axis(node, a->err);
    if (a->at[axis])
        return ggdm_node_fail(node, a->err, "axis '%s' is there twice, first in line %d", node->key,
                              a->at[axis]->line);
    a->at[axis] = node;
    values v = {NULL, NULL, 0};
    ggdm_status st = read_axis(node, (ggdm_axis)axis, a->sweep->job.steps, &v, a->err);
    if (st == GGDM_OK && group->count && group->count != v.count)
        st = ggdm_node_fail(node, a->err, "%zu values, expected %zu as in the axis before it",
                            v.count, group->count);
    if (st != GGDM_OK) {
        values_deinit(&v);
        return st;
    }
    group->count = v.count;
    group->values[axis] = v.data;
    if (axis == GGDM_AXIS_DURATION)
        group->values[GGDM_AXIS_START] = v.start;
    return GGDM_OK;
}

/* A group of one value is a setting, not an axis. */
static void fold(ggdm_sweep *s, ggdm_axis_group *group)
{
    for (int axis = 0; axis < GGDM_N_AXES; axis++) {
        if (!group->values[axis])
            continue;
        s->fixed[axis] = group->values[axis][0];
        free(group->values[axis]);
    }
    memset(group, 0, sizeof *group);
}

static ggdm_status read_group(axes *a, const ggdm_node *node)
{
    ggdm_sweep *s = a->sweep;
    if (s->n_groups == GGDM_N_AXES)
        return ggdm_node_fail(node, a->err, "one too many, every axis is there already");
    ggdm_axis_group *group = &s->groups[s->n_groups++];
    if (strcmp(node->key, "zip") != 0) {
        GGDM_TRY(add_axis(a, node, group));
    } else {
        if (node->kind != GGDM_NODE_MAP || node->count == 0)
            return ggdm_node_expected(node, a->err, "a map of axes with equally many values");
        for (const ggdm_node *n = node->first; n; n = n->next)
            GGDM_TRY(add_axis(a, n, group));
    }
    if (group->count == 1) {
        fold(s, group);
        s->n_groups--;
        return GGDM_OK;
    }
    s->n_cells *= (int64_t)group->count;
    if (s->n_cells > MAX_CELLS)
        return ggdm_node_fail(node, a->err, "the sweep has %lld cells or more, expected at most %d",
                              (long long)s->n_cells, MAX_CELLS);
    return GGDM_OK;
}

/* sweep: of a guided sweep, with the defaults of what it leaves out. */
static ggdm_status read_axes(ggdm_sweep *s, const spec *in, ggdm_error *err)
{
    axes a = {.sweep = s, .err = err};
    s->fixed[GGDM_AXIS_DURATION] = s->job.steps;
    s->fixed[GGDM_AXIS_TARGET] = in->target_value;
    if (in->axes && (in->axes->kind != GGDM_NODE_MAP || in->axes->count == 0))
        return ggdm_node_expected(in->axes, err, "a map of axes: kappa, duration, target or zip");
    for (const ggdm_node *n = in->axes ? in->axes->first : NULL; n; n = n->next)
        GGDM_TRY(read_group(&a, n));

    const ggdm_node *root = in->axes ? in->axes : s->doc->root;
    if (!a.at[GGDM_AXIS_KAPPA])
        return ggdm_node_fail(root, err,
                              "axis 'kappa' is missing, expected sweep: {kappa: ...} "
                              "with the guidance strengths");
    if (!a.at[GGDM_AXIS_TARGET] && in->target_value < 0)
        return ggdm_node_fail(in->loss, err,
                              "no target, expected 'target' here or as an axis of "
                              "the sweep");
    if (a.at[GGDM_AXIS_TARGET] && in->target_value >= 0)
        return ggdm_node_fail(a.at[GGDM_AXIS_TARGET], err,
                              "the target is also given in guidance.loss, expected in one place");
    return GGDM_OK;
}

/* ---- durations ---------------------------------------------------------------------------- */

/* Seconds as a number or with a unit; "off" is 0. */
static ggdm_status read_duration(const ggdm_node *node, double *out, ggdm_error *err)
{
    static const struct {
        const char *suffix;
        double seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}};
    char *end = NULL;
    bool scalar = node->kind == GGDM_NODE_INT || node->kind == GGDM_NODE_REAL ||
                  (node->kind == GGDM_NODE_STRING && strchr("0123456789.", node->text[0]));
    if (strcmp(node->text, "off") == 0 || (node->kind == GGDM_NODE_BOOL && !node->boolean)) {
        *out = 0;
        return GGDM_OK;
    }
    double v = scalar ? strtod(node->text, &end) : -1;
    for (size_t i = 0; end && end != node->text && i < sizeof units / sizeof *units; i++)
        if (strcmp(end, units[i].suffix) == 0 && v >= 0 && v * units[i].seconds <= MAX_SECONDS) {
            *out = v * units[i].seconds;
            return GGDM_OK;
        }
    return ggdm_node_expected(node, err,
                              "a number of seconds, a duration like 90s, 2m or 1h, or "
                              "off");
}

/* ---- the whole file ----------------------------------------------------------------------- */

static ggdm_status check_name(const ggdm_sweep *s, ggdm_error *err)
{
    static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t size = strlen(s->name);
    if (size > MAX_NAME || s->name[strspn(s->name, ok)] || s->name[0] == '.' || s->name[0] == '-')
        return ggdm_node_expected(ggdm_node_get(s->doc->root, "name"), err,
                                  "at most %d letters, digits, '.', '_', '-', not '.' or '-' at "
                                  "the start (it names the run directory)",
                                  MAX_NAME);
    return GGDM_OK;
}

static ggdm_status read_spec(const ggdm_doc *doc, spec *in, ggdm_error *err)
{
    GGDM_TRY(ggdm_fields_read(doc->root, top_table, NULL, in, err));
    if (in->sampler)
        GGDM_TRY(ggdm_fields_read(in->sampler, sampler_table, NULL, in, err));
    if (in->guidance)
        GGDM_TRY(ggdm_fields_read(in->guidance, guidance_table, NULL, in, err));
    if (in->loss)
        GGDM_TRY(ggdm_fields_read(in->loss, loss_table, NULL, in, err));
    if (in->checkpoint)
        GGDM_TRY(read_duration(in->checkpoint, &in->job.checkpoint, err));
    return GGDM_OK;
}

static ggdm_status check_spec(ggdm_sweep *s, const spec *in, ggdm_error *err)
{
    GGDM_TRY(check_name(s, err));
    if (s->guide)
        GGDM_TRY(read_axes(s, in, err));
    else if (in->axes)
        return ggdm_node_fail(in->axes, err,
                              "axes of guidance without guidance, expected a 'guidance' map");
    if (s->n_cells * s->samples > MAX_IMAGES)
        return ggdm_node_fail(ggdm_node_get(s->doc->root, "samples"), err,
                              "%lld cells of %d images, expected at most %d images in all",
                              (long long)s->n_cells, (int)s->samples, MAX_IMAGES);
    return GGDM_OK;
}

ggdm_status ggdm_sweep_parse(const char *text, size_t size, const char *where, ggdm_sweep *out,
                             ggdm_error *err)
{
    ggdm_sweep s = {.fixed[GGDM_AXIS_TARGET] = -1, .n_cells = 1};
    spec in = {.job = {.steps = 1000, .checkpoint = CHECKPOINT_SECONDS}, .target_value = -1};
    ggdm_status st;
    memset(out, 0, sizeof *out);
    GGDM_TRY_GOTO(st, ggdm_strdup(where, &s.where, err), done);
    GGDM_TRY_GOTO(st, ggdm_yaml_parse(text, size, where, &s.doc, err), done);
    st = read_spec(s.doc, &in, err);
    s.name = in.name;
    s.model = in.model;
    s.guide = in.guide;
    s.judge = in.judge;
    s.samples = in.samples;
    s.order = in.order;
    s.job = in.job;
    s.job.seed = (uint64_t)in.seed_value;
    if (st == GGDM_OK)
        st = check_spec(&s, &in, err);

done:
    if (st == GGDM_OK)
        *out = s;
    else
        ggdm_sweep_deinit(&s);
    return st;
}

void ggdm_sweep_deinit(ggdm_sweep *s)
{
    free(s->where);
    free(s->name);
    free(s->model);
    free(s->guide);
    free(s->judge);
    for (int i = 0; i < GGDM_N_AXES; i++)
        for (int axis = 0; axis < GGDM_N_AXES; axis++)
            free(s->groups[i].values[axis]);
    ggdm_doc_destroy(&s->doc);
    memset(s, 0, sizeof *s);
}

ggdm_status ggdm_sweep_blame(const ggdm_sweep *sweep, const char *field, ggdm_error *err)
{
    const ggdm_node *node = sweep->doc ? sweep->doc->root : NULL;
    char key[64];
    for (const char *p = field; node && *p;) {
        size_t n = strcspn(p, ".");
        snprintf(key, sizeof key, "%.*s", (int)n, p);
        const ggdm_node *child = ggdm_node_get(node, key);
        if (!child)
            break; /* the closest there is: a default has no place of its own */
        node = child;
        p += n + (p[n] == '.');
    }
    if (!node)
        return ggdm_error_prefix(err, "%s: field '%s'", sweep->where ? sweep->where : "sweep",
                                 field);
    return ggdm_error_prefix(err, "%s:%d:%d: field '%s'", sweep->where, node->line, node->column,
                             field);
}
