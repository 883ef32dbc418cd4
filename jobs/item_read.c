/* Items out of documents: YAML of a sweep, JSON of a recipe; either may come from anywhere. */
#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/hash.h"
#include "common/nearest.h"
#include "common/utf8.h"
#include "jobs/item.h"

/* ---- scalars ------------------------------------------------------------------------------- */

static ggdm_status fail_scalar(const ggdm_param *p, const ggdm_node *node, ggdm_dialect dialect,
                               ggdm_error *err)
{
    char expected[300];
    if (dialect == GGDM_OF_RECIPE && (p->type == GGDM_PARAM_MODEL || p->type == GGDM_PARAM_FILE))
        return ggdm_node_expected(node, err, "the digest of a %s, 64 hex digits",
                                  ggdm_param_type_names[p->type]);
    if (p->type == GGDM_PARAM_TEXT && node->text && *node->text && node->kind != GGDM_NODE_STRING)
        return ggdm_node_expected(node, err, "a text, in quotes where it looks like another value");
    ggdm_param_expected(p, expected, sizeof expected);
    return ggdm_node_expected(node, err, "%s", expected);
}

/* Steps are computed in f32: what is beyond it is infinite there. */
static bool read_real(const ggdm_param *p, const ggdm_node *node, double *out)
{
    if (ggdm_node_double(node, p->lo, p->hi, out, NULL) != GGDM_OK || fabs(*out) > FLT_MAX ||
        (p->above && *out <= p->lo))
        return false;
    *out += 0.0; /* -0 becomes 0 */
    return true;
}

static bool read_choice(const ggdm_param *p, const ggdm_node *node, int64_t *out)
{
    if (node->kind != GGDM_NODE_STRING)
        return false;
    for (*out = 0; p->choices[*out]; ++*out)
        if (strcmp(p->choices[*out], node->text) == 0)
            return true;
    return false;
}

/* Steps as an integer, a share of them with a point. */
static bool read_steps(const ggdm_node *node, double *out, bool *share)
{
    int64_t whole = 0;
    *share = node && node->kind == GGDM_NODE_REAL;
    if (!node)
        return false;
    if (*share)
        return ggdm_node_double(node, 0, 1, out, NULL) == GGDM_OK;
    bool ok = ggdm_node_int(node, 0, INT32_MAX, &whole, NULL) == GGDM_OK;
    *out = (double)whole;
    return ok;
}

static ggdm_status fail_steps(const ggdm_node *node, ggdm_error *err)
{
    return ggdm_node_expected(node, err,
                              "a number of sampler steps, or a share of them from 0.0 to 1.0");
}

/* {start_step, length}. */
static ggdm_status read_window(const ggdm_node *node, ggdm_scalar *out, ggdm_error *err)
{
    struct {
        const ggdm_node *start, *length;
    } w = {NULL, NULL};
    const ggdm_field table[] = {
        {.key = "start_step", .type = GGDM_FIELD_NODE, .offset = 0, .required = true},
        {.key = "length", .type = GGDM_FIELD_NODE, .offset = sizeof w.start, .required = true},
        {.key = NULL}};
    GGDM_TRY(ggdm_fields_read(node, table, NULL, &w, err));
    if (!read_steps(w.start, &out->start, &out->start_share))
        return fail_steps(w.start, err);
    if (!read_steps(w.length, &out->real, &out->length_share))
        return fail_steps(w.length, err);
    return GGDM_OK;
}

static bool is_digest(const char *text)
{
    return strlen(text) == 2 * GGDM_HASH_SIZE && text[strspn(text, "0123456789abcdef")] == '\0';
}

static bool read_text(const ggdm_param *p, const ggdm_node *node, ggdm_dialect dialect)
{
    if (node->kind != GGDM_NODE_STRING || strlen(node->text) >= GGDM_MAX_TEXT ||
        ggdm_utf8_plain(node->text, strlen(node->text)) < strlen(node->text))
        return false;
    if (p->type == GGDM_PARAM_TEXT)
        return !p->filled || dialect == GGDM_OF_RECIPE || node->text[strspn(node->text, " ")];
    return dialect == GGDM_OF_RECIPE ? is_digest(node->text) : *node->text != '\0';
}

bool ggdm_is_prompt_file(const ggdm_param *p, const ggdm_node *node)
{
    return p->type == GGDM_PARAM_TEXT && p->of && node->kind == GGDM_NODE_STRING &&
           node->text[0] == '@';
}

ggdm_status ggdm_scalar_read(ggdm_arena *arena, const ggdm_param *p, const ggdm_node *node,
                             ggdm_dialect dialect, ggdm_scalar *out, ggdm_error *err)
{
    bool ok = false;
    *out = (ggdm_scalar){0};
    switch (p->type) {
    case GGDM_PARAM_REAL:
        ok = read_real(p, node, &out->real);
        break;
    case GGDM_PARAM_WHOLE:
        ok = ggdm_node_int(node, ggdm_param_lowest(p), ggdm_param_highest(p), &out->whole, NULL) ==
             GGDM_OK;
        break;
    case GGDM_PARAM_FLAG:
        ok = node->kind == GGDM_NODE_BOOL;
        out->whole = node->boolean;
        break;
    case GGDM_PARAM_CHOICE:
        ok = read_choice(p, node, &out->whole);
        break;
    case GGDM_PARAM_CLASS:
        ok = ggdm_node_int(node, 0, GGDM_MAX_CLASSES - 1, &out->whole, NULL) == GGDM_OK;
        if (!ok && dialect == GGDM_OF_SWEEP && read_text(p, node, dialect)) {
            out->whole = -1; /* until its model is known */
            return ggdm_arena_text(arena, node->text, &out->text, err);
        }
        break;
    case GGDM_PARAM_WINDOW:
        if (dialect == GGDM_OF_RECIPE)
            return ggdm_node_fail_key(node, err, "unknown key: a recipe's runs say when");
        if (node->kind == GGDM_NODE_MAP)
            return read_window(node, out, err);
        ok = read_steps(node, &out->real, &out->length_share);
        break;
    case GGDM_PARAM_TEXT:
    case GGDM_PARAM_MODEL:
    case GGDM_PARAM_FILE:
        ok = read_text(p, node, dialect);
        if (ok)
            GGDM_TRY(ggdm_arena_text(arena, node->text, &out->text, err));
        break;
    default:
        break;
    }
    return ok ? GGDM_OK : fail_scalar(p, node, dialect, err);
}

/* ---- items --------------------------------------------------------------------------------- */

typedef struct reader {
    const ggdm_catalogue *catalogue;
    ggdm_arena *arena;
    ggdm_dialect dialect;
    int depth, items;
    ggdm_error *err;
} reader;

static ggdm_status read_item(reader *r, const char *family, const ggdm_node *node,
                             const char *const *ignore, bool member, ggdm_item **out);

/* "kind: NAME" names none of the family's. */
static ggdm_status fail_kind(const reader *r, const char *family, const ggdm_node *node)
{
    char names[300] = "";
    size_t n = 0;
    ggdm_nearest meant = {.word = node->text};
    for (size_t i = 0; i < r->catalogue->n_kinds && n < sizeof names; i++) {
        const ggdm_kind *k = r->catalogue->kinds[i];
        if (strcmp(k->family, family) != 0)
            continue;
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "", k->name);
        ggdm_nearest_try(&meant, k->name);
    }
    if (r->dialect == GGDM_OF_RECIPE)
        return GGDM_FAIL(r->err, GGDM_EUNSUPPORTED,
                         "this program has no %s '%.60s': a newer one made this recipe", family,
                         node->text);
    if (meant.name)
        return ggdm_node_expected(node, r->err, "one of %s: did you mean '%s'?", names, meant.name);
    return ggdm_node_expected(node, r->err, strchr(names, ',') ? "one of %s" : "%s", names);
}

static ggdm_status find_kind(const reader *r, const char *family, const ggdm_node *node,
                             const ggdm_kind **out)
{
    const ggdm_node *name = ggdm_node_get(node, "kind");
    if (name && name->kind != GGDM_NODE_STRING)
        return fail_kind(r, family, name);
    *out = ggdm_catalogue_find(r->catalogue, family, name ? name->text : NULL);
    if (!*out && name)
        return fail_kind(r, family, name);
    if (!*out)
        return ggdm_node_fail(node, r->err, "required field 'kind' is missing");
    return GGDM_OK;
}

/* What a recipe says of how old its kind is; in a sweep it is always today's. */
static ggdm_status check_revision(const reader *r, const ggdm_kind *kind, const ggdm_node *node)
{
    const ggdm_node *n = ggdm_node_get(node, "revision");
    int64_t revision = 0;
    if (r->dialect == GGDM_OF_SWEEP)
        return GGDM_OK;
    if (n)
        GGDM_TRY(ggdm_node_int(n, 1, INT32_MAX, &revision, r->err));
    if (revision == kind->revision)
        return GGDM_OK;
    return GGDM_FAIL(r->err, GGDM_EUNSUPPORTED,
                     "%s '%s' is of revision %lld, this program has %d: finish this run with the "
                     "version that began it",
                     kind->family, kind->name, (long long)revision, kind->revision);
}

static ggdm_status fail_key(const reader *r, const ggdm_kind *kind, const ggdm_node *node)
{
    char names[300] = "";
    size_t n = 0;
    ggdm_nearest meant = {.word = node->key};
    for (size_t i = 0; i < kind->n_params && n < sizeof names; i++) {
        ggdm_nearest_try(&meant, kind->params[i].key);
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "",
                              kind->params[i].key);
    }
    if (meant.name)
        return ggdm_node_fail_key(node, r->err, "unknown key, did you mean '%s'?", meant.name);
    return ggdm_node_fail_key(node, r->err, "unknown key, expected one of: %s", names);
}

/* ---- lists of named nodes ------------------------------------------------------------------ */

bool ggdm_item_is_name(const char *text)
{
    static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    return *text && strlen(text) <= 64 && text[strspn(text, ok)] == '\0';
}

/* Is a name that of a member but this, or of a key of the owner?  Paths leave out the list. */
static bool is_taken(const ggdm_kind *owner, const ggdm_item *first, const char *name,
                     const ggdm_item *but)
{
    if (ggdm_kind_param(owner, name))
        return true;
    for (const ggdm_item *i = first; i; i = i->next)
        if (i != but && i->name && strcmp(i->name, name) == 0)
            return true;
    return false;
}

static ggdm_status read_name(const reader *r, const ggdm_node *node, ggdm_item *item)
{
    const ggdm_node *name = ggdm_node_get(node, "name");
    if (!name || r->dialect == GGDM_OF_RECIPE)
        return GGDM_OK;
    if (name->kind != GGDM_NODE_STRING || !ggdm_item_is_name(name->text))
        return ggdm_node_expected(name, r->err, "letters, digits, '_' and '-'");
    item->named = true;
    return ggdm_arena_text(r->arena, name->text, &item->name, r->err);
}

/* The name of a member that was given none: its kind's, or a number. */
static ggdm_status make_name(const reader *r, const ggdm_kind *owner, const ggdm_item *first,
                             int number, ggdm_item *member)
{
    const char *kind = member->kind->name;
    char made[96];
    snprintf(made, sizeof made, "%.64s", kind);
    for (bool plain = !member->kind->implied; !plain || is_taken(owner, first, made, member);
         plain = true, number++)
        snprintf(made, sizeof made, member->kind->implied ? "%.0s%d" : "%.64s-%d", kind, number);
    return ggdm_arena_text(r->arena, made, &member->name, r->err);
}

/* Those that are given come first, they must be good as they are. */
static ggdm_status name_members(const reader *r, const ggdm_kind *owner, ggdm_item *first)
{
    for (ggdm_item *i = first; i; i = i->next)
        if (i->named && is_taken(owner, first, i->name, i))
            return ggdm_node_fail(ggdm_node_get(i->at, "name"), r->err,
                                  "the name '%s' is there twice, or a key of %s '%s'", i->name,
                                  owner->family, owner->name);
    int number = 1;
    for (ggdm_item *i = first; i; i = i->next, number++)
        if (!i->named)
            GGDM_TRY(make_name(r, owner, first, number, i));
    return GGDM_OK;
}

static ggdm_status read_list(reader *r, const ggdm_kind *owner, const ggdm_param *p,
                             const ggdm_node *node, ggdm_item **out)
{
    ggdm_item **end = out;
    if (node->kind != GGDM_NODE_LIST)
        return ggdm_node_expected(node, r->err, "a list of maps");
    if ((double)node->count < p->lo || (double)node->count > p->hi)
        return ggdm_node_expected(node, r->err, "a list of %g to %g maps", p->lo, p->hi);
    for (const ggdm_node *n = node->first; n; n = n->next) {
        GGDM_TRY(read_item(r, p->family, n, NULL, true, end));
        end = &(*end)->next;
    }
    return name_members(r, owner, *out);
}

/* ---- the whole ----------------------------------------------------------------------------- */

static ggdm_status read_value(reader *r, ggdm_item *item, const ggdm_node *node)
{
    const ggdm_kind *k = item->kind;
    ggdm_value *v = ggdm_item_value(item, node->key);
    if (!v)
        return fail_key(r, k, node);
    const ggdm_param *p = &k->params[v - item->values];
    if (node->kind == GGDM_NODE_NULL && r->dialect == GGDM_OF_SWEEP)
        return GGDM_OK; /* as if it were absent */
    v->at = node;
    v->set = true;
    if (p->type == GGDM_PARAM_NODE)
        return read_item(r, p->family, node, NULL, false, &v->items);
    if (p->type == GGDM_PARAM_NODES)
        return read_list(r, k, p, node, &v->items);
    if (r->dialect == GGDM_OF_SWEEP && ggdm_is_prompt_file(p, node))
        return ggdm_node_expected(
            node, r->err, "a text: a file of prompts is an axis, as `sweep: {%s: \"%.80s\"}'",
            ggdm_param_axis(p), node->text);
    return ggdm_scalar_read(r->arena, p, node, r->dialect, &v->scalar, r->err);
}

static bool is_own_key(const char *key, bool member, ggdm_dialect dialect,
                       const char *const *ignore)
{
    if (strcmp(key, "kind") == 0 || (dialect == GGDM_OF_RECIPE && strcmp(key, "revision") == 0) ||
        (member && dialect == GGDM_OF_SWEEP && strcmp(key, "name") == 0))
        return true;
    for (; ignore && *ignore; ignore++)
        if (strcmp(*ignore, key) == 0)
            return true;
    return false;
}

static ggdm_status read_item(reader *r, const char *family, const ggdm_node *node,
                             const char *const *ignore, bool member, ggdm_item **out)
{
    const ggdm_kind *kind = NULL;
    if (node->kind != GGDM_NODE_MAP)
        return ggdm_node_expected(node, r->err, "a map of keys and values");
    if (r->depth == GGDM_MAX_DEPTH)
        return ggdm_node_fail(node, r->err, "nested deeper than %d", GGDM_MAX_DEPTH);
    if (r->items++ == GGDM_MAX_ITEMS)
        return ggdm_node_fail(node, r->err, "more than %d nodes", GGDM_MAX_ITEMS);
    GGDM_TRY(find_kind(r, family, node, &kind));
    if (kind->expand && r->dialect == GGDM_OF_RECIPE)
        return ggdm_node_fail(node, r->err, "%s '%s' is a preset, expected what it stands for",
                              family, kind->name);
    GGDM_TRY(check_revision(r, kind, node));
    GGDM_TRY(ggdm_item_create(r->arena, kind, out, r->err));
    (*out)->at = node;
    if (member)
        GGDM_TRY(read_name(r, node, *out));
    r->depth++;
    for (const ggdm_node *n = node->first; n; n = n->next)
        if (!is_own_key(n->key, member, r->dialect, ignore))
            GGDM_TRY(read_value(r, *out, n));
    r->depth--;
    return GGDM_OK;
}

ggdm_status ggdm_item_read(const ggdm_catalogue *c, ggdm_arena *arena, const char *family,
                           const ggdm_node *node, const char *const *ignore, ggdm_dialect dialect,
                           ggdm_item **out, ggdm_error *err)
{
    reader r = {.catalogue = c, .arena = arena, .dialect = dialect, .err = err};
    *out = NULL;
    return read_item(&r, family, node, ignore, false, out);
}
