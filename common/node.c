/* Documents, and single values of their nodes; the reader of maps is in fields.c. */
#include "common/fields.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* ---- documents ---------------------------------------------------------------------------- */

ggdm_status ggdm_doc_create(const char *where, size_t max_nodes, ggdm_doc **out, ggdm_error *err)
{
    ggdm_doc *doc = NULL;
    *out = NULL;
    GGDM_TRY(ggdm_alloc(&doc, 1, sizeof *doc, err));
    doc->max_nodes = max_nodes;
    ggdm_status st = ggdm_strdup(where, &doc->where, err);
    if (st != GGDM_OK)
        free(doc);
    else
        *out = doc;
    return st;
}

void ggdm_doc_destroy(ggdm_doc **doc)
{
    if (!*doc)
        return;
    ggdm_arena_deinit(&(*doc)->arena);
    free((*doc)->where);
    free(*doc);
    *doc = NULL;
}

ggdm_status ggdm_doc_add(ggdm_doc *doc, const ggdm_node *parent, const char *key, const char *text,
                         ggdm_node **out, ggdm_error *err)
{
    ggdm_node *node = NULL;
    if (doc->n_nodes >= doc->max_nodes)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: more than %zu values", doc->where, doc->max_nodes);
    GGDM_TRY(ggdm_arena_alloc(&doc->arena, sizeof *node, &node, err));
    *node = (ggdm_node){.doc = doc, .parent = parent, .text = ""};
    if (key)
        GGDM_TRY(ggdm_arena_text(&doc->arena, key, &node->key, err));
    if (text && *text)
        GGDM_TRY(ggdm_arena_text(&doc->arena, text, &node->text, err));
    doc->n_nodes++;
    if (!parent) {
        doc->root = node;
    } else {
        ggdm_node *p = (ggdm_node *)parent; /* ours: the front ends build the tree through us */
        node->index = p->count++;
        if (!p->first)
            p->first = node;
        else
            p->last->next = node;
        p->last = node;
    }
    *out = node;
    return GGDM_OK;
}

const ggdm_node *ggdm_node_entries(const ggdm_node *map)
{
    return map && map->kind == GGDM_NODE_MAP ? map->first : NULL;
}

const ggdm_node *ggdm_node_get(const ggdm_node *map, const char *key)
{
    for (const ggdm_node *n = ggdm_node_entries(map); n; n = n->next)
        if (strcmp(n->key, key) == 0)
            return n;
    return NULL;
}

const ggdm_node *ggdm_node_at(const ggdm_node *map, const char *key)
{
    const ggdm_node *node = ggdm_node_get(map, key);
    return node ? node : map;
}

/* ---- messages ----------------------------------------------------------------------------- */

/* A small bounded text; what does not fit is cut off. */
typedef struct line {
    char text[400];
    size_t size;
} line;

static void line_add(line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void line_add(line *l, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(l->text + l->size, sizeof l->text - l->size, format, ap);
    va_end(ap);
    if (n > 0)
        l->size += (size_t)n < sizeof l->text - l->size ? (size_t)n : sizeof l->text - l->size - 1;
}

/* Text from outside, shortened, control characters replaced. */
static void line_add_quoted(line *l, const char *text)
{
    size_t n = strlen(text), shown = n > 60 ? 57 : n;
    while (shown < n && shown > 0 && ((unsigned char)text[shown] & 0xC0) == 0x80)
        shown--; /* not inside a UTF-8 sequence */
    line_add(l, "'");
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)text[i];
        line_add(l, "%c", c < 0x20 || c == 0x7F ? '?' : c);
    }
    line_add(l, "%s'", shown < n ? "..." : "");
}

/* "a.b[2]" of a node; nothing for the root.  Recursion is bounded by the parsers' depth caps. */
static void line_add_path(line *l, const ggdm_node *node)
{
    if (!node->parent)
        return;
    line_add_path(l, node->parent);
    if (!node->key) {
        line_add(l, "[%zu]", node->index);
        return;
    }
    line_add(l, "%s%.60s", l->size ? "." : "", node->key);
}

static void line_add_position(line *l, const ggdm_node *node, bool of_key)
{
    int row = of_key ? node->key_line : node->line, col = of_key ? node->key_column : node->column;
    line_add(l, "%.200s:", node->doc->where);
    if (row > 0)
        line_add(l, "%d:%d:", row, col);
    line path = {.size = 0};
    line_add_path(&path, node);
    if (path.size)
        line_add(l, " field '%s':", path.text);
}

static ggdm_status fail_at(const ggdm_node *node, bool of_key, const char *format, va_list ap,
                           ggdm_error *err)
{
    line head = {.size = 0};
    char text[600];
    line_add_position(&head, node, of_key);
    vsnprintf(text, sizeof text, format, ap);
    return GGDM_FAIL(err, GGDM_EINVAL, "%s %s", head.text, text);
}

ggdm_status ggdm_node_fail(const ggdm_node *node, ggdm_error *err, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    ggdm_status st = fail_at(node, false, format, ap, err);
    va_end(ap);
    return st;
}

ggdm_status ggdm_node_fail_key(const ggdm_node *node, ggdm_error *err, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    ggdm_status st = fail_at(node, true, format, ap, err);
    va_end(ap);
    return st;
}

static void line_add_value(line *l, const ggdm_node *node)
{
    switch (node->kind) {
    case GGDM_NODE_LIST:
        line_add(l, node->count ? "a list" : "an empty list");
        break;
    case GGDM_NODE_MAP:
        line_add(l, "a map");
        break;
    case GGDM_NODE_NULL:
        line_add(l,
                 *node->text    ? "value '%s'"
                 : node->parent ? "no value%s"
                                : "the file is empty%s",
                 node->text);
        break;
    default:
        line_add(l, "value ");
        line_add_quoted(l, node->text);
    }
}

ggdm_status ggdm_node_expected(const ggdm_node *node, ggdm_error *err, const char *expected, ...)
{
    line value = {.size = 0};
    char text[400];
    va_list ap;
    line_add_value(&value, node);
    va_start(ap, expected);
    vsnprintf(text, sizeof text, expected, ap);
    va_end(ap);
    return ggdm_node_fail(node, err, "%s, expected %s", value.text, text);
}

/* ---- single values ------------------------------------------------------------------------ */

static bool int_value(const ggdm_node *node, int64_t *out)
{
    if (node->kind != GGDM_NODE_INT)
        return false;
    if (node->negative) {
        if (node->magnitude > (uint64_t)INT64_MAX + 1)
            return false;
        *out = node->magnitude == (uint64_t)INT64_MAX + 1 ? INT64_MIN : -(int64_t)node->magnitude;
        return true;
    }
    *out = (int64_t)node->magnitude;
    return node->magnitude <= INT64_MAX;
}

ggdm_status ggdm_node_int(const ggdm_node *node, int64_t lo, int64_t hi, int64_t *out,
                          ggdm_error *err)
{
    int64_t v;
    bool any = lo == 0 && hi == 0;
    if (int_value(node, &v) && (any || (v >= lo && v <= hi))) {
        *out = v;
        return GGDM_OK;
    }
    if (any)
        return ggdm_node_expected(node, err, "an integer");
    return ggdm_node_expected(node, err, "an integer from %lld to %lld", (long long)lo,
                              (long long)hi);
}

int64_t ggdm_node_count(const ggdm_node *map, const char *key, int64_t otherwise)
{
    const int64_t most = INT64_C(1) << 53;
    const ggdm_node *node = ggdm_node_get(map, key);
    int64_t v;
    if (!node || !int_value(node, &v))
        return otherwise;
    return v < -most ? -most : v > most ? most : v;
}

ggdm_status ggdm_node_uint(const ggdm_node *node, uint64_t lo, uint64_t hi, uint64_t *out,
                           ggdm_error *err)
{
    bool any = lo == 0 && hi == 0;
    bool is = node->kind == GGDM_NODE_INT && !(node->negative && node->magnitude);
    if (is && (any || (node->magnitude >= lo && node->magnitude <= hi))) {
        *out = node->magnitude;
        return GGDM_OK;
    }
    if (any)
        return ggdm_node_expected(node, err, "an integer, 0 or more");
    return ggdm_node_expected(node, err, "an integer from %llu to %llu", (unsigned long long)lo,
                              (unsigned long long)hi);
}

ggdm_status ggdm_node_double(const ggdm_node *node, double lo, double hi, double *out,
                             ggdm_error *err)
{
    bool any = lo == 0 && hi == 0;
    bool is = node->kind == GGDM_NODE_INT || node->kind == GGDM_NODE_REAL;
    if (is && isfinite(node->real) && (any || (node->real >= lo && node->real <= hi))) {
        *out = node->real;
        return GGDM_OK;
    }
    if (any)
        return ggdm_node_expected(node, err, "a finite number");
    if (hi >= 1e300)
        return ggdm_node_expected(node, err, "a finite number, %g or more", lo);
    return ggdm_node_expected(node, err, "a number from %g to %g", lo, hi);
}

ggdm_status ggdm_node_string(const ggdm_node *node, const char **out, ggdm_error *err)
{
    if (node->kind == GGDM_NODE_STRING) {
        *out = node->text;
        return GGDM_OK;
    }
    bool scalar =
        node->kind == GGDM_NODE_BOOL || node->kind == GGDM_NODE_INT || node->kind == GGDM_NODE_REAL;
    return ggdm_node_expected(node, err, scalar ? "a text (put it in quotes)" : "a text");
}
