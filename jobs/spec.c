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
#define CHECKPOINT_SECONDS 120 /* the default */

const char *const ggdm_order_names[] = {"cost", "shuffle", NULL};

/* ---- the skeleton as a table --------------------------------------------------------------- */

typedef struct skeleton {
    char *name;
    const ggdm_node *axes, *judge, *until, *evaluate, *record, *trace, *checkpoint, *set;
    ggdm_job job;
    int32_t samples, sheet;
    ggdm_order order;
} skeleton;

#define AT(member) offsetof(skeleton, member)

static const ggdm_field top_table[] = {
    {.key = "name", .type = GGDM_FIELD_STRING, .offset = AT(name), .required = true},
    {.key = "sweep", .type = GGDM_FIELD_NODE, .offset = AT(axes)},
    {.key = "samples",
     .type = GGDM_FIELD_INT32,
     .offset = AT(samples),
     .lo = 1,
     .hi = GGDM_MAX_SAMPLES,
     .expected = "a number of images per cell, from 1 to 100000000"},
    {.key = "until", .type = GGDM_FIELD_NODE, .offset = AT(until)},
    {.key = "judge", .type = GGDM_FIELD_NODE, .offset = AT(judge)},
    {.key = "evaluate", .type = GGDM_FIELD_NODE, .offset = AT(evaluate)},
    {.key = "record", .type = GGDM_FIELD_NODE, .offset = AT(record)},
    {.key = "trace", .type = GGDM_FIELD_NODE, .offset = AT(trace)},
    {.key = "sheet",
     .type = GGDM_FIELD_INT32,
     .offset = AT(sheet),
     .lo = 1,
     .hi = GGDM_MAX_SHEET,
     .expected = "a number of images of each cell on the sheet over all cells, from 1 to 100"},
    {.key = "precision",
     .type = GGDM_FIELD_CHOICE,
     .offset = AT(job.precision),
     .choices = ggdm_precision_names},
    {.key = "batch", .type = GGDM_FIELD_INT32, .offset = AT(job.batch), .lo = 1, .hi = 65536},
    {.key = "threads", .type = GGDM_FIELD_INT32, .offset = AT(job.threads), .lo = 1, .hi = 4096},
    {.key = "checkpoint", .type = GGDM_FIELD_NODE, .offset = AT(checkpoint)},
    {.key = "set", .type = GGDM_FIELD_NODE, .offset = AT(set)},
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

static ggdm_status check_name(const char *name, const ggdm_node *node, ggdm_error *err)
{
    static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (strlen(name) > MAX_NAME || name[strspn(name, ok)] || name[0] == '.' || name[0] == '-')
        return ggdm_node_expected(node, err,
                                  "at most %d letters, digits, '.', '_', '-', not '.' or '-' at "
                                  "the start (it names the run directory)",
                                  MAX_NAME);
    return GGDM_OK;
}

/* ---- --set, and `set:` of the file --------------------------------------------------------- */

/* "PATH=VALUE", of which the command line's come behind the file's and so have the last word. */
typedef struct setting_list {
    const char *texts[GGDM_MAX_SETS];
    const ggdm_node *values[GGDM_MAX_SETS]; /* NULL: it was the skeleton's and is done */
    int n;
} setting_list;

static ggdm_status collect_sets(const ggdm_node *own, const char *const *sets, int n_sets,
                                setting_list *out, ggdm_error *err)
{
    if (own && own->kind == GGDM_NODE_NULL)
        own = NULL;
    if (own && own->kind != GGDM_NODE_LIST)
        return ggdm_node_expected(own, err, "a list of PATH=VALUE");
    if ((own ? own->count : 0) + (size_t)n_sets > GGDM_MAX_SETS)
        return GGDM_FAIL(err, GGDM_EINVAL, "more than %d values set", GGDM_MAX_SETS);
    for (const ggdm_node *n = own ? own->first : NULL; n; n = n->next) {
        if (n->kind != GGDM_NODE_STRING)
            return ggdm_node_expected(n, err, "PATH=VALUE");
        out->texts[out->n++] = n->text;
    }
    for (int i = 0; i < n_sets; i++)
        out->texts[out->n++] = sets[i];
    return GGDM_OK;
}

/* The value as a document of its own. */
static ggdm_status read_set(ggdm_spec *s, const char *set, const ggdm_node **out, ggdm_error *err)
{
    const char *equals = strchr(set, '=');
    char where[300];
    if (!equals || equals == set)
        return GGDM_FAIL(err, GGDM_EINVAL, "--set '%s': expected PATH=VALUE", set);
    snprintf(where, sizeof where, "--set %.*s", (int)(equals - set), set);
    GGDM_TRY(ggdm_yaml_parse(equals + 1, strlen(equals + 1), where, &s->sets[s->n_sets], err));
    *out = s->sets[s->n_sets++]->root;
    return GGDM_OK;
}

static const ggdm_field *find_top(const char *set)
{
    const size_t length = strcspn(set, "=");
    for (const ggdm_field *f = top_table; f->key; f++)
        if (strlen(f->key) == length && memcmp(f->key, set, length) == 0 && f->offset != AT(set))
            return f;
    return NULL;
}

/* Those of the skeleton's own keys. */
static ggdm_status set_top(ggdm_spec *s, setting_list *list, skeleton *in, ggdm_error *err)
{
    for (int i = 0; i < list->n; i++) {
        GGDM_TRY(read_set(s, list->texts[i], &list->values[i], err));
        const ggdm_field *f = find_top(list->texts[i]);
        if (!f)
            continue;
        GGDM_TRY(ggdm_field_read(list->values[i], f, in, err));
        if (f->offset == AT(name))
            GGDM_TRY(check_name(in->name, list->values[i], err));
        list->values[i] = NULL;
    }
    return GGDM_OK;
}

/* Those of parameters. */
static ggdm_status set_parameters(ggdm_spec *s, const setting_list *list, bool *given,
                                  ggdm_error *err)
{
    for (int i = 0; i < list->n; i++) {
        const ggdm_node *value = list->values[i];
        char name[300];
        ggdm_parameter *p = NULL;
        if (!value)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(list->texts[i], "="), list->texts[i]);
        GGDM_TRY(ggdm_spec_find(s, name, value, &p, err));
        if (ggdm_is_prompt_file(p->row, value))
            return ggdm_node_expected(value, err,
                                      "a text, not a file of prompts, which is an axis");
        GGDM_TRY(ggdm_scalar_read(&s->arena, p->row, value, GGDM_OF_SWEEP, &p->slot->scalar, err));
        p->slot->set = true;
        p->slot->at = value;
        given[p - s->parameters] = true;
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

/* where NULL: a judge's. */
static bool is_aim(const ggdm_parameter *p, const char *where)
{
    return p->row->type == GGDM_PARAM_CLASS && p->known &&
           (where ? strncmp(p->path, where, strlen(where)) == 0 : p->judge >= 0);
}

static void find_class(ggdm_spec *s)
{
    static const char *const where[] = {NULL, "guidance.", "condition."};
    s->class_parameter = -1;
    for (size_t w = 0; w < sizeof where / sizeof *where; w++)
        for (int32_t i = 0; i < s->n_parameters && s->class_parameter < 0; i++)
            if (is_aim(&s->parameters[i], where[w]))
                s->class_parameter = i;
}

static ggdm_status read_tree(ggdm_spec *s, const setting_list *sets, const ggdm_node *axes,
                             ggdm_error *err)
{
    bool *given = NULL;
    GGDM_TRY(add_standard_nodes(s, err));
    GGDM_TRY(ggdm_spec_add_condition(s, sets->texts, sets->values, sets->n, axes, err));
    GGDM_TRY(ggdm_spec_list_parameters(s, err));
    GGDM_TRY(ggdm_arena_alloc(&s->arena, (size_t)s->n_parameters, &given, err));
    GGDM_TRY(set_parameters(s, sets, given, err));
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
    setting_list list = {.n = 0};
    list_keys(skeleton_keys, stage_keys);
    GGDM_TRY(ggdm_fields_read(s->doc->root, top_table, stage_keys, in, err));
    GGDM_TRY(check_name(in->name, ggdm_node_get(s->doc->root, "name"), err));
    GGDM_TRY(collect_sets(in->set, sets, n_sets, &list, err));
    GGDM_TRY(set_top(s, &list, in, err));
    if (in->checkpoint)
        GGDM_TRY(read_seconds(in->checkpoint, &in->job.checkpoint, err));
    s->name = in->name;
    s->samples = in->samples;
    s->order = in->order;
    s->sheet = in->sheet;
    s->job = in->job;
    in->name = NULL;
    GGDM_TRY(ggdm_spec_read_record(s, in->record, err));
    GGDM_TRY(ggdm_item_read(s->catalogue, &s->arena, GGDM_FAMILY_STAGE, s->doc->root, skeleton_keys,
                            GGDM_OF_SWEEP, &s->stage, err));
    GGDM_TRY(ggdm_spec_read_judges(s, in->judge, err));
    GGDM_TRY(read_tree(s, &list, in->axes, err));
    GGDM_TRY(ggdm_spec_read_evaluations(s, in->evaluate, err));
    GGDM_TRY(ggdm_spec_read_trace(s, in->trace, err));
    GGDM_TRY(ggdm_spec_read_until(s, in->until, err));
    const int32_t most = s->until.at_most ? s->until.at_most : s->samples;
    if (s->n_cells * most > MAX_IMAGES)
        return ggdm_node_fail(s->until.at_most ? in->until : ggdm_node_get(s->doc->root, "samples"),
                              err, "%lld cells of %d images, expected at most %d images in all",
                              (long long)s->n_cells, (int)most, MAX_IMAGES);
    return GGDM_OK;
}

ggdm_status ggdm_spec_parse(const ggdm_catalogue *c, const char *text, size_t size,
                            const char *where, const char *const *sets, int n_sets, ggdm_spec *out,
                            ggdm_error *err)
{
    ggdm_spec s = {.catalogue = c, .n_cells = 1, .class_parameter = -1, .class_numbers = -1};
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
    for (int i = 0; i < s->n_files; i++)
        ggdm_doc_destroy(&s->files[i].doc);
    ggdm_doc_destroy(&s->doc);
    for (int32_t i = 0; i < s->n_evaluations; i++) {
        free(s->evaluations[i].features);
        free(s->evaluations[i].reference);
    }
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
