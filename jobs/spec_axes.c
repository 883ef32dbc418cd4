/* Axes of a sweep: parameters with several values, and the values that cells have. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "jobs/spec_internal.h"

#define MAX_VALUES 10000 /* of an axis */

/* ---- values of an axis --------------------------------------------------------------------- */

typedef struct values {
    ggdm_scalar *data;    /* [count], the arena's */
    const ggdm_node **at; /* [count] */
    int32_t count;
} values;

static ggdm_status alloc_values(ggdm_spec *s, size_t count, values *out, ggdm_error *err)
{
    out->count = (int32_t)count;
    GGDM_TRY(ggdm_arena_alloc(&s->arena, count * sizeof *out->data, &out->data, err));
    return ggdm_arena_alloc(&s->arena, count * sizeof *out->at, &out->at, err);
}

static bool can_range(const ggdm_param *row)
{
    return row->type == GGDM_PARAM_REAL || row->type == GGDM_PARAM_WHOLE ||
           row->type == GGDM_PARAM_CLASS || row->type == GGDM_PARAM_WINDOW;
}

/* Numbers from first to last; long, so that large seeds keep their digits. */
typedef struct progression {
    bool real; /* else integers */
    bool share;
    long double from, to, step;
} progression;

/* One end of a range: a number, of windows their length. */
static ggdm_status read_end(ggdm_spec *s, const ggdm_param *row, const ggdm_node *node,
                            progression *p, long double *out, ggdm_error *err)
{
    ggdm_scalar v;
    if (row->type == GGDM_PARAM_WINDOW && node->kind == GGDM_NODE_MAP)
        return ggdm_node_expected(node, err, "a number of sampler steps, or a share of them");
    GGDM_TRY(ggdm_scalar_read(&s->arena, row, node, GGDM_OF_SWEEP, &v, err));
    if (v.text)
        return ggdm_node_expected(node, err, "the number of a class");
    bool real = row->type == GGDM_PARAM_REAL || row->type == GGDM_PARAM_WINDOW;
    *out = real ? (long double)v.real : (long double)v.whole;
    p->share |= v.length_share;
    p->real = row->type == GGDM_PARAM_REAL || p->share;
    return GGDM_OK;
}

static ggdm_status read_step(const ggdm_node *node, progression *p, ggdm_error *err)
{
    double real = 0;
    int64_t whole = 0;
    bool ok = p->real ? ggdm_node_double(node, 0, 0, &real, NULL) == GGDM_OK
                      : ggdm_node_int(node, INT64_MIN, INT64_MAX, &whole, NULL) == GGDM_OK;
    p->step = p->real ? (long double)real : (long double)whole;
    if (!ok || p->step == 0 || (p->to != p->from && (p->to < p->from) != (p->step < 0)))
        return ggdm_node_expected(node, err, "%s %s 0", p->real ? "a finite number" : "an integer",
                                  p->to < p->from ? "below" : "above");
    return GGDM_OK;
}

/* 12 digits, so that 0.1 + 2 * 0.1 is the 0.3 that a list would say. */
static double round_real(long double v)
{
    char text[40];
    snprintf(text, sizeof text, "%.12Lg", v);
    return strtod(text, NULL) + 0.0;
}

/* {from, to, step}: both ends included where the step meets them. */
static ggdm_status read_range(ggdm_spec *s, const ggdm_param *row, const ggdm_node *node,
                              values *out, ggdm_error *err)
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
    progression p = {.real = false};
    GGDM_TRY(ggdm_fields_read(node, table, NULL, &map, err));
    GGDM_TRY(read_end(s, row, map.from, &p, &p.from, err));
    GGDM_TRY(read_end(s, row, map.to, &p, &p.to, err));
    if (p.share && (p.from > 1 || p.to > 1))
        return ggdm_node_expected(p.from > 1 ? map.from : map.to, err,
                                  "a share of the steps from 0.0 to 1.0, as the other end");
    GGDM_TRY(read_step(map.step, &p, err));
    long double intervals = floorl((p.to - p.from) / p.step + 1e-9L);
    if (!(intervals < MAX_VALUES))
        return ggdm_node_expected(map.step, err, "a step that gives at most %d values", MAX_VALUES);
    GGDM_TRY(alloc_values(s, (size_t)intervals + 1, out, err));
    for (int32_t i = 0; i < out->count; i++) {
        long double v = p.from + i * p.step;
        out->data[i] = p.real ? (ggdm_scalar){.real = round_real(v), .length_share = p.share}
                              : (ggdm_scalar){.whole = (int64_t)v, .real = (double)v};
        out->at[i] = node;
    }
    return GGDM_OK;
}

static bool is_window(const ggdm_param *row, const ggdm_node *node)
{
    return row->type == GGDM_PARAM_WINDOW &&
           (ggdm_node_get(node, "start_step") || ggdm_node_get(node, "length"));
}

static ggdm_status read_list(ggdm_spec *s, const ggdm_param *row, const ggdm_node *node,
                             values *out, ggdm_error *err)
{
    bool list = node->kind == GGDM_NODE_LIST;
    if (list && (node->count == 0 || node->count > MAX_VALUES))
        return ggdm_node_expected(node, err, "from 1 to %d values", MAX_VALUES);
    GGDM_TRY(alloc_values(s, list ? node->count : 1, out, err));
    const ggdm_node *n = list ? node->first : node;
    for (int32_t i = 0; i < out->count; i++, n = n->next) {
        GGDM_TRY(ggdm_scalar_read(&s->arena, row, n, GGDM_OF_SWEEP, &out->data[i], err));
        out->at[i] = n;
    }
    return GGDM_OK;
}

/* ---- axes ---------------------------------------------------------------------------------- */

typedef struct axes {
    ggdm_spec *spec;
    const bool *given;
    const ggdm_node **at; /* [n_parameters] where each axis stands */
    int64_t counts[GGDM_MAX_AXES];
    int32_t group_of[GGDM_MAX_AXES * 16]; /* of each axis, in order: its group ... */
    ggdm_parameter *axis[GGDM_MAX_AXES * 16];
    int n_groups, n_axes;
    ggdm_error *err;
} axes;

static ggdm_status add_axis(axes *a, const ggdm_node *node, int group)
{
    ggdm_spec *s = a->spec;
    ggdm_parameter *p = NULL;
    values v = {NULL, NULL, 0};
    GGDM_TRY(ggdm_spec_find(s, node->key, node, &p, a->err));
    if (a->given[p - s->parameters])
        return GGDM_OK; /* --set has the last word */
    if (a->at[p - s->parameters])
        return ggdm_node_fail(node, a->err, "axis '%s' is there twice, first in line %d", node->key,
                              a->at[p - s->parameters]->line);
    if (a->n_axes == (int)(sizeof a->axis / sizeof *a->axis))
        return ggdm_node_fail(node, a->err, "one axis too many");
    a->at[p - s->parameters] = node;
    if (node->kind == GGDM_NODE_NULL)
        return ggdm_node_expected(node, a->err,
                                  "a value, a list, or a range {from: A, to: B, "
                                  "step: C}");
    if (ggdm_is_prompt_file(p->row, node))
        GGDM_TRY(ggdm_spec_read_prompts(s, node, &node, a->err));
    bool range = node->kind == GGDM_NODE_MAP && can_range(p->row) && !is_window(p->row, node);
    GGDM_TRY(range ? read_range(s, p->row, node, &v, a->err)
                   : read_list(s, p->row, node, &v, a->err));
    if (a->counts[group] && a->counts[group] != v.count)
        return ggdm_node_fail(node, a->err, "%d values, expected %d as in the axis before it",
                              (int)v.count, (int)a->counts[group]);
    a->counts[group] = v.count;
    p->values = v.data;
    p->at = v.at;
    p->count = v.count;
    p->known = true;
    a->group_of[a->n_axes] = group;
    a->axis[a->n_axes++] = p;
    return GGDM_OK;
}

static ggdm_status read_group(axes *a, const ggdm_node *node)
{
    ggdm_spec *s = a->spec;
    const int group = a->n_groups;
    if (group == GGDM_MAX_AXES)
        return ggdm_node_fail(node, a->err, "more than %d axes", GGDM_MAX_AXES);
    if (strcmp(node->key, "zip") != 0) {
        GGDM_TRY(add_axis(a, node, group));
    } else {
        if (node->kind != GGDM_NODE_MAP || node->count == 0)
            return ggdm_node_expected(node, a->err, "a map of axes with equally many values");
        for (const ggdm_node *n = node->first; n; n = n->next)
            GGDM_TRY(add_axis(a, n, group));
    }
    if (a->counts[group] == 0)
        return GGDM_OK;
    a->n_groups++;
    s->n_cells *= a->counts[group];
    if (s->n_cells > GGDM_MAX_CELLS)
        return ggdm_node_fail(node, a->err, "the sweep has %lld cells or more, expected at most %d",
                              (long long)s->n_cells, GGDM_MAX_CELLS);
    return GGDM_OK;
}

/* The first group varies slowest. */
static void set_strides(axes *a)
{
    int64_t stride = 1;
    for (int group = a->n_groups - 1; group >= 0; group--) {
        for (int i = 0; i < a->n_axes; i++)
            if (a->group_of[i] == group)
                a->axis[i]->stride = stride;
        stride *= a->counts[group];
    }
}

/* Parameters that are no axes have the one value of the tree. */
static ggdm_status keep_single_values(ggdm_spec *s, ggdm_error *err)
{
    for (int32_t i = 0; i < s->n_parameters; i++) {
        ggdm_parameter *p = &s->parameters[i];
        values v;
        if (p->values)
            continue;
        GGDM_TRY(alloc_values(s, 1, &v, err));
        v.data[0] = p->slot->scalar;
        v.at[0] = p->slot->at;
        p->values = v.data;
        p->at = v.at;
        p->known = p->slot->set || p->row->fallback;
    }
    return GGDM_OK;
}

ggdm_status ggdm_spec_read_axes(ggdm_spec *s, const ggdm_node *node, const bool *given,
                                ggdm_error *err)
{
    axes a = {.spec = s, .given = given, .err = err};
    GGDM_TRY(ggdm_arena_alloc(&s->arena, (size_t)s->n_parameters * sizeof *a.at, &a.at, err));
    if (node && (node->kind != GGDM_NODE_MAP || node->count == 0))
        return ggdm_node_expected(node, err, "a map of axes: names of parameters, or zip");
    for (const ggdm_node *n = node ? node->first : NULL; n; n = n->next)
        GGDM_TRY(read_group(&a, n));
    set_strides(&a);
    return keep_single_values(s, err);
}

/* ---- cells --------------------------------------------------------------------------------- */

int64_t ggdm_parameter_index(const ggdm_parameter *p, int64_t cell)
{
    return cell / p->stride % p->count;
}

const ggdm_scalar *ggdm_spec_value(const ggdm_spec *spec, int32_t parameter, int64_t cell)
{
    const ggdm_parameter *p = &spec->parameters[parameter];
    return &p->values[ggdm_parameter_index(p, cell)];
}

void ggdm_spec_put_cell(ggdm_spec *spec, int64_t cell)
{
    for (int32_t i = 0; i < spec->n_parameters; i++) {
        ggdm_parameter *p = &spec->parameters[i];
        int64_t v = ggdm_parameter_index(p, cell);
        p->slot->scalar = p->values[v];
        p->slot->at = p->at[v];
        p->slot->set = p->at[v] != NULL;
    }
}
