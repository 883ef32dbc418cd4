/* Built from the library's events, not from its document: so memory is bounded while parsing, and
 * aliases are expanded under our own limits (the "billion laughs" of nested aliases). */
#include "common/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "common/mem.h"

#define MAX_DEPTH 32
#define MAX_NODES 200000
#define MAX_ANCHORS 64
/* Lines that begin with '%': the library compares each with all others. */
#define MAX_DIRECTIVES 16

typedef struct loader {
    yaml_parser_t parser;
    const char *where;
    const char *text; /* the whole file */
    size_t size;
    ggdm_doc *doc;
    struct {
        char *name;
        const ggdm_node *node;
    } anchors[MAX_ANCHORS];
    int n_anchors;
    ggdm_error *err;
} loader;

static ggdm_status fail_at(const loader *l, yaml_mark_t mark, const char *text)
{
    return GGDM_FAIL(l->err, GGDM_EFORMAT, "%s:%zu:%zu: %s", l->where, mark.line + 1,
                     mark.column + 1, text);
}

/* A tab that indents line, counted from 1, makes messages of the library that nobody understands:
 * its column, or 0. */
static size_t tab_in_indent(const loader *l, size_t line)
{
    const char *p = l->text, *end = l->text + l->size;
    for (; p && line > 1; line--) {
        p = memchr(p, '\n', (size_t)(end - p));
        p = p ? p + 1 : NULL;
    }
    for (const char *c = p; c && c < end && (*c == ' ' || *c == '\t'); c++)
        if (*c == '\t')
            return (size_t)(c - p) + 1;
    return 0;
}

/* YAML keeps '@' for itself; who means a file of ours learns what to write. */
static bool is_at_sign(const loader *l, yaml_mark_t mark)
{
    const char *p = l->text, *end = l->text + l->size;
    for (size_t line = mark.line; p && line > 0; line--) {
        p = memchr(p, '\n', (size_t)(end - p));
        p = p ? p + 1 : NULL;
    }
    /* (The column counts letters; what stands before a value here is a key, of single bytes.) */
    return p && (size_t)(end - p) > mark.column && p[mark.column] == '@';
}

static ggdm_status next_event(loader *l, yaml_event_t *event)
{
    const yaml_parser_t *p = &l->parser;
    if (yaml_parser_parse(&l->parser, event))
        return GGDM_OK;
    if (p->error == YAML_MEMORY_ERROR)
        return GGDM_FAIL(l->err, GGDM_ENOMEM, "%s: out of memory", l->where);
    const char *problem = p->problem ? p->problem : "unknown problem";
    if (p->error == YAML_READER_ERROR)
        return GGDM_FAIL(l->err, GGDM_EFORMAT, "%s:%zu:%zu: not valid YAML: %s (byte %zu)",
                         l->where, p->mark.line + 1, p->mark.column + 1, problem,
                         p->problem_offset);
    size_t tab = tab_in_indent(l, p->problem_mark.line + 1);
    if (tab)
        return GGDM_FAIL(l->err, GGDM_EFORMAT,
                         "%s:%zu:%zu: a tab, expected spaces: YAML is not indented with tabs",
                         l->where, p->problem_mark.line + 1, tab);
    if (is_at_sign(l, p->problem_mark))
        return fail_at(l, p->problem_mark, "a value that begins with '@', expected it in quotes");
    return GGDM_FAIL(l->err, GGDM_EFORMAT, "%s:%zu:%zu: not valid YAML: %s%s%s", l->where,
                     p->problem_mark.line + 1, p->problem_mark.column + 1, problem,
                     p->context ? ", " : "", p->context ? p->context : "");
}

/* ---- plain scalars: YAML 1.2 core schema -------------------------------------------------- */

static bool one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

/* [-+]?[0-9]+ within 64 bits. */
static bool parse_int(const char *text, ggdm_node *node)
{
    const char *digits = text + (*text == '-' || *text == '+');
    if (!*digits || digits[strspn(digits, "0123456789")])
        return false;
    errno = 0;
    node->magnitude = strtoull(digits, NULL, 10);
    node->negative = *text == '-';
    node->real = strtod(text, NULL);
    return errno != ERANGE;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?, [-+]?\.inf, \.nan */
static bool parse_real(const char *text, double *out)
{
    static const char *const inf[] = {".inf", ".Inf", ".INF", NULL};
    static const char *const nan[] = {".nan", ".NaN", ".NAN", NULL};
    const char *digits = "0123456789";
    const char *p = text + (*text == '-' || *text == '+');
    if (one_of(p, inf)) {
        *out = *text == '-' ? -INFINITY : INFINITY;
        return true;
    }
    if (one_of(text, nan)) {
        *out = NAN;
        return true;
    }
    size_t whole = strspn(p, digits), fraction = 0;
    p += whole;
    if (*p == '.') {
        fraction = strspn(++p, digits);
        p += fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '-' || *p == '+';
        size_t exponent = strspn(p, digits);
        if (exponent == 0)
            return false;
        p += exponent;
    }
    if (*p)
        return false;
    *out = strtod(text, NULL);
    return true;
}

static void resolve_plain(ggdm_node *node)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    if (one_of(node->text, nulls)) {
        node->kind = GGDM_NODE_NULL;
    } else if (one_of(node->text, trues) || one_of(node->text, falses)) {
        node->kind = GGDM_NODE_BOOL;
        node->boolean = tolower((unsigned char)node->text[0]) == 't';
    } else if (parse_int(node->text, node)) {
        node->kind = GGDM_NODE_INT;
    } else if (parse_real(node->text, &node->real)) {
        node->kind = GGDM_NODE_REAL;
    } else {
        node->kind = GGDM_NODE_STRING;
    }
}

/* ---- the tree ----------------------------------------------------------------------------- */

/* Where a node goes: parent and, in a map, its key. */
typedef struct place {
    const ggdm_node *parent;
    const char *key;
    yaml_mark_t key_mark;
    int depth;
} place;

static ggdm_status add_node(loader *l, const place *at, const char *text, yaml_mark_t mark,
                            ggdm_node **out)
{
    GGDM_TRY(ggdm_doc_add(l->doc, at->parent, at->key, text, out, l->err));
    ggdm_node *n = *out;
    n->line = (int)mark.line + 1;
    n->column = (int)mark.column + 1;
    n->key_line = (int)at->key_mark.line + 1;
    n->key_column = (int)at->key_mark.column + 1;
    return GGDM_OK;
}

/* Also replaces an anchor of that name, as YAML says. */
static ggdm_status remember_anchor(loader *l, const yaml_event_t *event, const char *name,
                                   const ggdm_node *node)
{
    int i = 0;
    while (i < l->n_anchors && strcmp(l->anchors[i].name, name) != 0)
        i++;
    if (i == MAX_ANCHORS)
        return fail_at(l, event->start_mark, "more than 64 anchors");
    if (i == l->n_anchors) {
        GGDM_TRY(ggdm_strdup(name, &l->anchors[i].name, l->err));
        l->n_anchors++;
    }
    l->anchors[i].node = node;
    return GGDM_OK;
}

static ggdm_status copy_children(loader *l, const place *at, const ggdm_node *to,
                                 const ggdm_node *from);

/* Copy of an anchored tree; it keeps its positions, its own key is that of the new place.  Texts
 * are shared: a long one that many aliases name is there once. */
static ggdm_status copy_tree(loader *l, const place *at, yaml_mark_t mark, const ggdm_node *from,
                             ggdm_node **out)
{
    if (at->depth > MAX_DEPTH)
        return fail_at(l, mark, "nested deeper than 32 levels");
    ggdm_node *node;
    GGDM_TRY(add_node(l, at, NULL, mark, &node));
    *out = node;
    node->text = from->text;
    node->kind = from->kind;
    node->boolean = from->boolean;
    node->negative = from->negative;
    node->magnitude = from->magnitude;
    node->real = from->real;
    return copy_children(l, at, node, from);
}

static ggdm_status copy_children(loader *l, const place *at, const ggdm_node *to,
                                 const ggdm_node *from)
{
    for (const ggdm_node *n = from->first; n; n = n->next) {
        yaml_mark_t child = {.line = (size_t)n->line - 1, .column = (size_t)n->column - 1};
        place below = {.parent = to, .depth = at->depth + 1};
        ggdm_node *copy = NULL;
        below.key_mark.line = (size_t)n->key_line - 1;
        below.key_mark.column = (size_t)n->key_column - 1;
        GGDM_TRY(copy_tree(l, &below, child, n, &copy));
        copy->key = n->key;
    }
    return GGDM_OK;
}

static ggdm_status load_alias(loader *l, const place *at, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    ggdm_node *copy;
    for (int i = 0; i < l->n_anchors; i++)
        if (strcmp(l->anchors[i].name, name) == 0)
            return copy_tree(l, at, event->start_mark, l->anchors[i].node, &copy);
    return fail_at(l, event->start_mark, "alias of an unknown anchor");
}

static ggdm_status check_scalar(const loader *l, const yaml_event_t *event)
{
    if (event->data.scalar.tag)
        return fail_at(l, event->start_mark, "tags are not supported");
    if (strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
        return fail_at(l, event->start_mark, "text contains a NUL character");
    return GGDM_OK;
}

/* Of the same key the one that comes first. */
static int by_key(const void *a, const void *b)
{
    const ggdm_node *x = *(const ggdm_node *const *)a, *y = *(const ggdm_node *const *)b;
    int order = strcmp(x->key, y->key);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* The children of map in *out (owned), sorted. */
static ggdm_status sort_keys(const loader *l, const ggdm_node *map, const ggdm_node ***out)
{
    GGDM_TRY(ggdm_alloc(out, map->count, sizeof **out, l->err));
    for (const ggdm_node *n = map->first; n; n = n->next)
        (*out)[n->index] = n;
    qsort(*out, map->count, sizeof **out, by_key);
    return GGDM_OK;
}

static ggdm_status check_duplicates(const loader *l, const ggdm_node *map)
{
    if (map->count < 2)
        return GGDM_OK;
    const ggdm_node **all;
    ggdm_status st = GGDM_OK;
    GGDM_TRY(sort_keys(l, map, &all));
    for (size_t i = 1; i < map->count && st == GGDM_OK; i++)
        if (strcmp(all[i - 1]->key, all[i]->key) == 0)
            st = GGDM_FAIL(l->err, GGDM_EFORMAT,
                           "%s:%d:%d: key '%.60s' is there twice, first in line %d", l->where,
                           all[i]->key_line, all[i]->key_column, all[i]->key, all[i - 1]->key_line);
    free(all);
    return st;
}

/* ---- merge keys ----------------------------------------------------------------------------- */

/* The value of `<<:` itself and, where it is a list, its items: maps whose keys count where map has
 * none of its own; of several the first that has it. */
static ggdm_status copy_sources(loader *l, const place *at, ggdm_node *map, const ggdm_node *value)
{
    bool list = value->kind == GGDM_NODE_LIST;
    for (const ggdm_node *from = list ? value->first : value; from;
         from = list ? from->next : NULL) {
        if (from->kind != GGDM_NODE_MAP)
            return GGDM_FAIL(l->err, GGDM_EFORMAT,
                             "%s:%d:%d: the merge key << takes a map or a list of maps", l->where,
                             from->line, from->column);
        GGDM_TRY(copy_children(l, at, map, from));
    }
    return GGDM_OK;
}

/* Append those of the children from..to that are not dropped. */
static void keep_children(ggdm_node *map, const ggdm_node *const *children, const bool *drop,
                          size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (drop[i])
            continue;
        ggdm_node *child = (ggdm_node *)children[i]; /* ours: it was made here */
        child->index = map->count++;
        child->next = NULL;
        *(map->first ? &map->last->next : &map->first) = child;
        map->last = child;
    }
}

/* Of each key all but the first go, and the merge key; what was merged, behind the map's own
 * children as yet, comes in its place. */
static ggdm_status thread_children(loader *l, ggdm_node *map, const ggdm_node *merge, size_t own)
{
    const ggdm_node **all;
    const size_t n = map->count, at = merge->index;
    bool *drop = NULL;
    ggdm_status st;
    GGDM_TRY(sort_keys(l, map, &all));
    GGDM_TRY_GOTO(st, ggdm_alloc(&drop, n, sizeof *drop, l->err), done);
    drop[at] = true;
    for (size_t i = 1; i < n; i++)
        if (strcmp(all[i - 1]->key, all[i]->key) == 0)
            drop[all[i]->index] = true;
    for (const ggdm_node *c = map->first; c; c = c->next)
        all[c->index] = c;
    map->first = NULL;
    map->count = 0;
    keep_children(map, all, drop, 0, at);
    keep_children(map, all, drop, own, n);
    keep_children(map, all, drop, at + 1, own);
done:
    free(drop);
    free(all);
    return st;
}

/* Take over what stands behind `<<`.  Linear in what is copied, which counts as any other value. */
static ggdm_status merge_maps(loader *l, const place *at, ggdm_node *map, const ggdm_node *merge)
{
    size_t own = map->count;
    GGDM_TRY(copy_sources(l, at, map, merge));
    return thread_children(l, map, merge, own);
}

static ggdm_status load_node(loader *l, const place *at, yaml_event_t *event);

static ggdm_status load_list(loader *l, const place *at, ggdm_node *node)
{
    for (;;) {
        yaml_event_t event;
        GGDM_TRY(next_event(l, &event));
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return GGDM_OK;
        }
        place below = {.parent = node, .depth = at->depth + 1};
        ggdm_status st = load_node(l, &below, &event);
        yaml_event_delete(&event);
        GGDM_TRY(st);
    }
}

/* The value behind a key that was just read. */
static ggdm_status load_value(loader *l, const place *at, ggdm_node *node, const yaml_event_t *key)
{
    if (key->type != YAML_SCALAR_EVENT)
        return fail_at(l, key->start_mark, "a key must be a simple text");
    GGDM_TRY(check_scalar(l, key));
    yaml_event_t event;
    GGDM_TRY(next_event(l, &event));
    place below = {node, (const char *)key->data.scalar.value, key->start_mark, at->depth + 1};
    ggdm_status st = load_node(l, &below, &event);
    yaml_event_delete(&event);
    return st;
}

/* A key `<<` without quotes. */
static bool is_merge_key(const yaml_event_t *key)
{
    return key->type == YAML_SCALAR_EVENT && key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           strcmp((const char *)key->data.scalar.value, "<<") == 0;
}

static ggdm_status load_map(loader *l, const place *at, ggdm_node *node)
{
    for (const ggdm_node *merge = NULL;;) {
        yaml_event_t key;
        GGDM_TRY(next_event(l, &key));
        if (key.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&key);
            GGDM_TRY(check_duplicates(l, node));
            return merge ? merge_maps(l, at, node, merge) : GGDM_OK;
        }
        bool merges = is_merge_key(&key);
        ggdm_status st = load_value(l, at, node, &key);
        yaml_event_delete(&key);
        GGDM_TRY(st);
        if (merges)
            merge = node->last;
    }
}

static ggdm_status load_scalar(loader *l, const place *at, const yaml_event_t *event)
{
    ggdm_node *node;
    GGDM_TRY(check_scalar(l, event));
    GGDM_TRY(add_node(l, at, (const char *)event->data.scalar.value, event->start_mark, &node));
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        resolve_plain(node);
    else
        node->kind = GGDM_NODE_STRING;
    const char *anchor = (const char *)event->data.scalar.anchor;
    return anchor ? remember_anchor(l, event, anchor, node) : GGDM_OK;
}

static ggdm_status load_node(loader *l, const place *at, yaml_event_t *event)
{
    bool map = event->type == YAML_MAPPING_START_EVENT;
    if (at->depth > MAX_DEPTH)
        return fail_at(l, event->start_mark, "nested deeper than 32 levels");
    if (event->type == YAML_ALIAS_EVENT)
        return load_alias(l, at, event);
    if (event->type == YAML_SCALAR_EVENT)
        return load_scalar(l, at, event);
    if (!map && event->type != YAML_SEQUENCE_START_EVENT)
        return fail_at(l, event->start_mark, "not valid YAML: a value is missing");
    if (map ? event->data.mapping_start.tag != NULL : event->data.sequence_start.tag != NULL)
        return fail_at(l, event->start_mark, "tags are not supported");

    ggdm_node *node;
    GGDM_TRY(add_node(l, at, NULL, event->start_mark, &node));
    node->kind = map ? GGDM_NODE_MAP : GGDM_NODE_LIST;
    GGDM_TRY(map ? load_map(l, at, node) : load_list(l, at, node));
    /* Known only when complete: an alias cannot contain itself. */
    const char *anchor =
        (const char *)(map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor);
    return anchor ? remember_anchor(l, event, anchor, node) : GGDM_OK;
}

/* Stream start, document start, the root, document end, stream end. */
static ggdm_status load_stream(loader *l)
{
    for (int documents = 0;;) {
        yaml_event_t event;
        GGDM_TRY(next_event(l, &event));
        ggdm_status st = GGDM_OK;
        yaml_event_type_t type = event.type;
        if (type == YAML_DOCUMENT_START_EVENT && documents++)
            st = fail_at(l, event.start_mark, "a second document, expected one");
        else if (type == YAML_STREAM_END_EVENT && !documents)
            st = add_node(l, &(place){.depth = 0}, NULL, event.start_mark, &(ggdm_node *){NULL});
        else if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_START_EVENT &&
                 type != YAML_DOCUMENT_END_EVENT && type != YAML_STREAM_END_EVENT)
            st = load_node(l, &(place){.depth = 0}, &event);
        yaml_event_delete(&event);
        GGDM_TRY(st);
        if (type == YAML_STREAM_END_EVENT)
            return GGDM_OK;
    }
}

static ggdm_status check_directives(const char *text, size_t size, const char *where,
                                    ggdm_error *err)
{
    size_t lines = 0, n = 0;
    for (const char *p = text, *end = text + size; p && p < end; lines++) {
        n += *p == '%';
        if (n > MAX_DIRECTIVES)
            return GGDM_FAIL(err, GGDM_EFORMAT, "%s:%zu:1: more than %d directives", where,
                             lines + 1, MAX_DIRECTIVES);
        p = memchr(p, '\n', (size_t)(end - p));
        p = p ? p + 1 : NULL;
    }
    return GGDM_OK;
}

ggdm_status ggdm_yaml_parse(const char *text, size_t size, const char *where, ggdm_doc **out,
                            ggdm_error *err)
{
    loader l = {.where = where, .text = text, .size = size, .err = err};
    ggdm_status st;
    *out = NULL;
    if (size > GGDM_YAML_MAX_SIZE)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: %zu bytes of YAML, expected at most %zu", where,
                         size, GGDM_YAML_MAX_SIZE);
    GGDM_TRY(check_directives(text, size, where, err));
    if (!yaml_parser_initialize(&l.parser))
        return GGDM_FAIL(err, GGDM_ENOMEM, "%s: out of memory", where);
    yaml_parser_set_input_string(&l.parser, (const unsigned char *)text, size);
    GGDM_TRY_GOTO(st, ggdm_doc_create(where, MAX_NODES, &l.doc, err), done);
    GGDM_TRY_GOTO(st, load_stream(&l), done);
    *out = l.doc;
    l.doc = NULL;

done:
    for (int i = 0; i < l.n_anchors; i++)
        free(l.anchors[i].name);
    ggdm_doc_destroy(&l.doc);
    yaml_parser_delete(&l.parser);
    return st;
}
