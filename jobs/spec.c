/* The sweep file in layers: a table says what the skeleton's maps may hold, the catalogue's rows
 * all else; then the checks that need more than one field.  Every message carries the position of
 * the value it is about. */
#include "jobs/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/yaml.h"
#include "jobs/recipe.h"
#include "jobs/spec_internal.h"

#define MAX_IMAGES 1000000000
#define MAX_NAME 64
#define MAX_SECONDS 1e9
#define MAX_JUDGES 16
#define CHECKPOINT_SECONDS 120 /* the default */

const char *const ggdm_order_names[] = {"cost", "shuffle", NULL};

/* ---- the skeleton as a table --------------------------------------------------------------- */

typedef struct skeleton {
    char *name;
    const ggdm_node *axes, *judge, *checkpoint;
    ggdm_job job;
    int32_t samples;
    ggdm_order order;
} skeleton;

#define AT(member) offsetof(skeleton, member)

static const ggdm_field top_table[] = {
    {.key = "name", .type = GGDM_FIELD_STRING, .offset = AT(name), .required = true},
    {.key = "sweep", .type = GGDM_FIELD_NODE, .offset = AT(axes)},
    {.key = "samples",
     .type = GGDM_FIELD_INT32,
     .offset = AT(samples),
     .required = true,
     .lo = 1,
     .hi = GGDM_MAX_SAMPLES,
     .expected = "a number of images per cell, from 1 to 100000000"},
    {.key = "judge", .type = GGDM_FIELD_NODE, .offset = AT(judge)},
    {.key = "precision",
     .type = GGDM_FIELD_CHOICE,
     .offset = AT(job.precision),
     .choices = ggdm_precision_names},
    {.key = "batch", .type = GGDM_FIELD_INT32, .offset = AT(job.batch), .lo = 1, .hi = 65536},
    {.key = "threads", .type = GGDM_FIELD_INT32, .offset = AT(job.threads), .lo = 1, .hi = 4096},
    {.key = "checkpoint", .type = GGDM_FIELD_NODE, .offset = AT(checkpoint)},
    {.key = "order", .type = GGDM_FIELD_CHOICE, .offset = AT(order), .choices = ggdm_order_names},
    {.key = NULL}};

enum { N_TOP = sizeof top_table / sizeof *top_table - 1 };

/* Each reader of the top map leaves the other's keys alone. */
static void list_keys(const char *skeleton_keys[N_TOP + 1], const char *stage_keys[16])
{
    size_t n = 0;
    for (; n < N_TOP; n++)
        skeleton_keys[n] = top_table[n].key;
    skeleton_keys[n] = NULL;
    for (n = 0; n < ggdm_kind_stage.n_params; n++)
        stage_keys[n] = ggdm_kind_stage.params[n].key;
    stage_keys[n] = NULL;
}

/* Seconds as a number or with a unit; "off" is 0. */
static ggdm_status read_seconds(const ggdm_node *node, double *out, ggdm_error *err)
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

static ggdm_status check_name(const ggdm_spec *s, ggdm_error *err)
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

/* ---- --set --------------------------------------------------------------------------------- */

/* One "PATH=VALUE": the value as a document, its node, and the path's length. */
static ggdm_status read_set(ggdm_spec *s, const char *set, size_t *length, const ggdm_node **out,
                            ggdm_error *err)
{
    const char *equals = strchr(set, '=');
    char where[300];
    if (!equals || equals == set)
        return GGDM_FAIL(err, GGDM_EINVAL, "--set '%s': expected PATH=VALUE", set);
    if (s->n_sets == GGDM_MAX_SETS)
        return GGDM_FAIL(err, GGDM_EINVAL, "--set: more than %d", GGDM_MAX_SETS);
    *length = (size_t)(equals - set);
    snprintf(where, sizeof where, "--set %.*s", (int)*length, set);
    GGDM_TRY(ggdm_yaml_parse(equals + 1, strlen(equals + 1), where, &s->sets[s->n_sets], err));
    *out = s->sets[s->n_sets++]->root;
    return GGDM_OK;
}

static const ggdm_field *find_top(const char *name, size_t length)
{
    for (const ggdm_field *f = top_table; f->key; f++)
        if (strlen(f->key) == length && memcmp(f->key, name, length) == 0)
            return f;
    return NULL;
}

/* Those of the skeleton's own keys. */
static ggdm_status set_top(ggdm_spec *s, const char *const *sets, int n_sets,
                           const ggdm_node **nodes, skeleton *in, ggdm_error *err)
{
    for (int i = 0; i < n_sets; i++) {
        size_t length = 0;
        GGDM_TRY(read_set(s, sets[i], &length, &nodes[i], err));
        const ggdm_field *f = find_top(sets[i], length);
        if (!f)
            continue;
        GGDM_TRY(ggdm_field_read(nodes[i], f, in, err));
        nodes[i] = NULL;
    }
    return GGDM_OK;
}

/* Those of parameters. */
static ggdm_status set_parameters(ggdm_spec *s, const char *const *sets, int n_sets,
                                  const ggdm_node *const *nodes, bool *given, ggdm_error *err)
{
    for (int i = 0; i < n_sets; i++) {
        char name[300];
        ggdm_parameter *p = NULL;
        if (!nodes[i])
            continue;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(sets[i], "="), sets[i]);
        GGDM_TRY(ggdm_spec_find(s, name, nodes[i], &p, err));
        GGDM_TRY(
            ggdm_scalar_read(&s->arena, p->row, nodes[i], GGDM_OF_SWEEP, &p->slot->scalar, err));
        p->slot->set = true;
        p->slot->at = nodes[i];
        given[p - s->parameters] = true;
    }
    return GGDM_OK;
}

/* ---- judges -------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* The first model among an item's rows: what a judge that is only a name means. */
static const ggdm_param *model_row(const ggdm_kind *kind)
{
    for (size_t i = 0; i < kind->n_params; i++)
        if (kind->params[i].type == GGDM_PARAM_MODEL)
            return &kind->params[i];
    return NULL;
}

static ggdm_status read_plain_judge(ggdm_spec *s, const ggdm_node *node, ggdm_judge *out,
                                    ggdm_error *err)
{
    const ggdm_kind *kind = ggdm_catalogue_find(s->catalogue, GGDM_FAMILY_SCORER, NULL);
    const ggdm_param *row = kind ? model_row(kind) : NULL;
    ggdm_scalar model;
    if (!row)
        return ggdm_node_expected(node, err, "a map {kind: ...}");
    if (node->kind != GGDM_NODE_STRING || !*node->text)
        return ggdm_node_expected(node, err, "the name of a classifier or a directory");
    GGDM_TRY(ggdm_scalar_read(&s->arena, row, node, GGDM_OF_SWEEP, &model, err));
    GGDM_TRY(ggdm_item_create(&s->arena, kind, &out->item, err));
    ggdm_item_set(out->item, row->key, model);
    ggdm_item_value(out->item, row->key)->at = node;
    return GGDM_OK;
}

static ggdm_status read_judge(ggdm_spec *s, const ggdm_node *node, ggdm_judge *out, ggdm_error *err)
{
    static const char *const ignore[] = {"name", NULL};
    const ggdm_node *name = ggdm_node_get(node, "name");
    if (node->kind != GGDM_NODE_MAP)
        return read_plain_judge(s, node, out, err);
    GGDM_TRY(ggdm_item_read(s->catalogue, &s->arena, GGDM_FAMILY_SCORER, node, ignore,
                            GGDM_OF_SWEEP, &out->item, err));
    GGDM_TRY(ggdm_item_check(out->item, err));
    if (!name)
        return GGDM_OK;
    if (name->kind != GGDM_NODE_STRING || !ggdm_item_is_name(name->text))
        return ggdm_node_expected(name, err, "letters, digits, '_' and '-'");
    return ggdm_arena_text(&s->arena, name->text, &out->name, err);
}

/* The name in results, where none was given. */
static const char *judge_name(const ggdm_spec *s, const ggdm_judge *j)
{
    const ggdm_param *row = model_row(j->item->kind);
    if (!row)
        return j->item->kind->name;
    return s->n_judges == 1 ? "judge" : base_name(ggdm_item_text(j->item, row->key));
}

static ggdm_status read_judges(ggdm_spec *s, const ggdm_node *node, ggdm_error *err)
{
    bool list = node && node->kind == GGDM_NODE_LIST;
    if (!node)
        return GGDM_OK;
    if (list && (node->count == 0 || node->count > MAX_JUDGES))
        return ggdm_node_expected(node, err, "from 1 to %d judges", MAX_JUDGES);
    s->n_judges = list ? (int32_t)node->count : 1;
    GGDM_TRY(ggdm_arena_alloc(&s->arena, (size_t)s->n_judges * sizeof *s->judges, &s->judges, err));
    if (!list)
        GGDM_TRY(read_judge(s, node, &s->judges[0], err));
    for (const ggdm_node *n = list ? node->first : NULL; n; n = n->next)
        GGDM_TRY(read_judge(s, n, &s->judges[n->index], err));
    for (int32_t i = 0; i < s->n_judges; i++) {
        if (!s->judges[i].name)
            s->judges[i].name = judge_name(s, &s->judges[i]);
        for (int32_t k = 0; k < i; k++)
            if (strcmp(s->judges[i].name, s->judges[k].name) == 0)
                return ggdm_node_fail(node, err, "two judges are called '%s', expected other names",
                                      s->judges[i].name);
    }
    return GGDM_OK;
}

/* ---- the whole file ------------------------------------------------------------------------ */

/* A required node that has a standard kind need not be written. */
static ggdm_status add_standard_nodes(ggdm_spec *s, ggdm_error *err)
{
    for (size_t i = 0; i < s->stage->kind->n_params; i++) {
        const ggdm_param *p = &s->stage->kind->params[i];
        for (size_t k = 0; k < s->catalogue->n_kinds; k++) {
            const ggdm_kind *kind = s->catalogue->kinds[k];
            ggdm_item *child = NULL;
            if (p->type != GGDM_PARAM_NODE || !p->required || s->stage->values[i].items ||
                !kind->standard || strcmp(kind->family, p->family) != 0)
                continue;
            GGDM_TRY(ggdm_item_create(&s->arena, kind, &child, err));
            child->at = s->stage->at;
            ggdm_item_set_child(s->stage, p->key, child);
        }
    }
    return GGDM_OK;
}

static bool is_aim(const ggdm_parameter *p, const char *where)
{
    return p->row->type == GGDM_PARAM_CLASS && p->known &&
           strncmp(p->path, where, strlen(where)) == 0;
}

static void find_class(ggdm_spec *s)
{
    static const char *const where[] = {"guidance.", "condition."};
    s->class_parameter = -1;
    for (size_t w = 0; w < sizeof where / sizeof *where; w++)
        for (int32_t i = 0; i < s->n_parameters && s->class_parameter < 0; i++)
            if (is_aim(&s->parameters[i], where[w]))
                s->class_parameter = i;
}

static ggdm_status read_tree(ggdm_spec *s, const char *const *sets, int n_sets,
                             const ggdm_node *const *nodes, const ggdm_node *axes, ggdm_error *err)
{
    bool *given = NULL;
    GGDM_TRY(add_standard_nodes(s, err));
    GGDM_TRY(ggdm_spec_list_parameters(s, err));
    GGDM_TRY(ggdm_arena_alloc(&s->arena, (size_t)s->n_parameters, &given, err));
    GGDM_TRY(set_parameters(s, sets, n_sets, nodes, given, err));
    GGDM_TRY(ggdm_spec_read_axes(s, axes, given, err));
    ggdm_spec_put_cell(s, 0);
    GGDM_TRY(ggdm_item_check(s->stage, err));
    find_class(s);
    return GGDM_OK;
}

static ggdm_status read_file(ggdm_spec *s, const char *const *sets, int n_sets, skeleton *in,
                             ggdm_error *err)
{
    const char *skeleton_keys[N_TOP + 1], *stage_keys[16];
    const ggdm_node *nodes[GGDM_MAX_SETS] = {NULL};
    if (n_sets > GGDM_MAX_SETS)
        return GGDM_FAIL(err, GGDM_EINVAL, "--set: %d of them, expected at most %d", n_sets,
                         GGDM_MAX_SETS);
    list_keys(skeleton_keys, stage_keys);
    GGDM_TRY(ggdm_fields_read(s->doc->root, top_table, stage_keys, in, err));
    GGDM_TRY(set_top(s, sets, n_sets, nodes, in, err));
    if (in->checkpoint)
        GGDM_TRY(read_seconds(in->checkpoint, &in->job.checkpoint, err));
    s->name = in->name;
    s->samples = in->samples;
    s->order = in->order;
    s->job = in->job;
    in->name = NULL;
    GGDM_TRY(check_name(s, err));
    GGDM_TRY(ggdm_item_read(s->catalogue, &s->arena, GGDM_FAMILY_STAGE, s->doc->root, skeleton_keys,
                            GGDM_OF_SWEEP, &s->stage, err));
    GGDM_TRY(read_tree(s, sets, n_sets, nodes, in->axes, err));
    GGDM_TRY(read_judges(s, in->judge, err));
    if (s->n_cells * s->samples > MAX_IMAGES)
        return ggdm_node_fail(ggdm_node_get(s->doc->root, "samples"), err,
                              "%lld cells of %d images, expected at most %d images in all",
                              (long long)s->n_cells, (int)s->samples, MAX_IMAGES);
    return GGDM_OK;
}

ggdm_status ggdm_spec_parse(const ggdm_catalogue *c, const char *text, size_t size,
                            const char *where, const char *const *sets, int n_sets, ggdm_spec *out,
                            ggdm_error *err)
{
    ggdm_spec s = {.catalogue = c, .n_cells = 1, .class_parameter = -1};
    skeleton in = {.job = {.checkpoint = CHECKPOINT_SECONDS}};
    ggdm_status st;
    memset(out, 0, sizeof *out);
    GGDM_TRY_GOTO(st, ggdm_strdup(where, &s.where, err), done);
    GGDM_TRY_GOTO(st, ggdm_yaml_parse(text, size, where, &s.doc, err), done);
    st = read_file(&s, sets, n_sets, &in, err);
done:
    free(in.name);
    if (st == GGDM_OK)
        *out = s;
    else
        ggdm_spec_deinit(&s);
    return st;
}

void ggdm_spec_deinit(ggdm_spec *s)
{
    for (int i = 0; i < s->n_sets; i++)
        ggdm_doc_destroy(&s->sets[i]);
    ggdm_doc_destroy(&s->doc);
    ggdm_arena_deinit(&s->arena);
    free(s->where);
    free(s->name);
    memset(s, 0, sizeof *s);
}

ggdm_status ggdm_spec_blame(const ggdm_spec *spec, const char *field, ggdm_error *err)
{
    const ggdm_node *node = spec->doc ? spec->doc->root : NULL;
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
        return ggdm_error_prefix(err, "%s: field '%s'", spec->where ? spec->where : "sweep", field);
    return ggdm_error_prefix(err, "%s:%d:%d: field '%s'", spec->where, node->line, node->column,
                             field);
}
