#include "common/fields.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/nearest.h"

/* ---- one field ---------------------------------------------------------------------------- */

/* Text behind the n bytes that buffer holds; what does not fit is cut off.  Returns the length. */
static size_t append(char *buffer, size_t size, size_t n, const char *text)
{
    size_t len = strlen(text);
    len = len < size - 1 - n ? len : size - 1 - n;
    memcpy(buffer + n, text, len);
    buffer[n + len] = '\0';
    return n + len;
}

/* Failure of a field: its own wording where it has one. */
static ggdm_status reword(const ggdm_node *node, const ggdm_field *field, ggdm_status st,
                          ggdm_error *err)
{
    if (st == GGDM_EINVAL && field->expected)
        return ggdm_node_expected(node, err, "%s", field->expected);
    return st;
}

static bool any_range(const ggdm_field *f)
{
    return f->lo == 0 && f->hi == 0;
}

static ggdm_status read_int(const ggdm_node *node, const ggdm_field *f, int64_t least, int64_t most,
                            int64_t *v, ggdm_error *err)
{
    int64_t lo = least, hi = most;
    if (!any_range(f)) {
        lo = ggdm_to_int(f->lo, least, most);
        hi = ggdm_to_int(f->hi, least, most);
    }
    return reword(node, f, ggdm_node_int(node, lo, hi, v, err), err);
}

static ggdm_status read_double(const ggdm_node *node, const ggdm_field *f, double *v,
                               ggdm_error *err)
{
    return reword(node, f, ggdm_node_double(node, f->lo, f->hi, v, err), err);
}

static ggdm_status read_text(const ggdm_node *node, const ggdm_field *f, char **out,
                             ggdm_error *err)
{
    const char *text = NULL;
    ggdm_status st = ggdm_node_string(node, &text, err);
    if (st == GGDM_OK && !*text)
        st = ggdm_node_expected(node, err, "a text that is not empty");
    GGDM_TRY(reword(node, f, st, err));
    char *copy;
    GGDM_TRY(ggdm_strdup(text, &copy, err));
    free(*out);
    *out = copy;
    return GGDM_OK;
}

static ggdm_status read_bool(const ggdm_node *node, const ggdm_field *f, bool *out, ggdm_error *err)
{
    if (node->kind != GGDM_NODE_BOOL)
        return reword(node, f, ggdm_node_expected(node, err, "true or false"), err);
    *out = node->boolean;
    return GGDM_OK;
}

static ggdm_status read_uint(const ggdm_node *node, const ggdm_field *f, uint64_t *out,
                             ggdm_error *err)
{
    uint64_t lo = 0, hi = UINT64_MAX;
    if (!any_range(f)) {
        lo = f->lo <= 0 ? 0 : (uint64_t)f->lo;
        hi = f->hi >= 0x1p64 ? UINT64_MAX : (uint64_t)f->hi;
    }
    return reword(node, f, ggdm_node_uint(node, lo, hi, out, err), err);
}

static ggdm_status read_choice(const ggdm_node *node, const ggdm_field *f, int *out,
                               ggdm_error *err)
{
    char names[400] = "";
    size_t n = 0;
    for (int i = 0; f->choices[i]; i++) {
        if (node->kind == GGDM_NODE_STRING && strcmp(node->text, f->choices[i]) == 0) {
            *out = i;
            return GGDM_OK;
        }
        n = append(names, sizeof names, n, i == 0 ? "" : f->choices[i + 1] ? ", " : " or ");
        n = append(names, sizeof names, n, f->choices[i]);
    }
    return reword(node, f, ggdm_node_expected(node, err, "%s", names), err);
}

_Static_assert(sizeof(ggdm_doubles) == sizeof(ggdm_strings) &&
                   sizeof(ggdm_ints) == sizeof(ggdm_strings),
               "lists have one layout");

/* The items of a list, each like a scalar of the row's type. */
static ggdm_status read_list(const ggdm_node *node, const ggdm_field *f, void *out, ggdm_error *err)
{
    if (node->kind != GGDM_NODE_LIST)
        return reword(node, f, ggdm_node_expected(node, err, "a list"), err);

    size_t size = f->type == GGDM_FIELD_DOUBLES ? sizeof(double)
                  : f->type == GGDM_FIELD_INTS  ? sizeof(int32_t)
                                                : sizeof(char *);
    void *data = NULL;
    GGDM_TRY(ggdm_alloc(&data, node->count, size, err));
    ggdm_status st = GGDM_OK;
    for (const ggdm_node *n = node->first; n && st == GGDM_OK; n = n->next) {
        int64_t v = 0;
        if (f->type == GGDM_FIELD_DOUBLES) {
            st = read_double(n, f, (double *)data + n->index, err);
        } else if (f->type == GGDM_FIELD_INTS) {
            st = read_int(n, f, INT32_MIN, INT32_MAX, &v, err);
            ((int32_t *)data)[n->index] = (int32_t)v;
        } else {
            st = read_text(n, f, (char **)data + n->index, err);
        }
    }
    /* The three list structs have one layout: a pointer and a count. */
    ggdm_strings list = {.data = data, .count = node->count};
    ggdm_field row = *f;
    row.offset = 0;
    if (st == GGDM_OK) {
        ggdm_fields_release((ggdm_field[]){row, {.key = NULL}}, out);
        memcpy(out, &list, sizeof list);
    } else {
        ggdm_fields_release((ggdm_field[]){row, {.key = NULL}}, &list);
    }
    return st;
}

ggdm_status ggdm_field_read(const ggdm_node *node, const ggdm_field *field, void *out,
                            ggdm_error *err)
{
    void *place = (char *)out + field->offset;
    int64_t v = 0;
    switch (field->type) {
    case GGDM_FIELD_BOOL:
        return read_bool(node, field, place, err);
    case GGDM_FIELD_INT32:
        GGDM_TRY(read_int(node, field, INT32_MIN, INT32_MAX, &v, err));
        *(int32_t *)place = (int32_t)v;
        return GGDM_OK;
    case GGDM_FIELD_INT64:
        return read_int(node, field, INT64_MIN, INT64_MAX, place, err);
    case GGDM_FIELD_UINT64:
        return read_uint(node, field, place, err);
    case GGDM_FIELD_DOUBLE:
        return read_double(node, field, place, err);
    case GGDM_FIELD_STRING:
        return read_text(node, field, place, err);
    case GGDM_FIELD_CHOICE:
        return read_choice(node, field, place, err);
    case GGDM_FIELD_DOUBLES:
    case GGDM_FIELD_INTS:
    case GGDM_FIELD_STRINGS:
        return read_list(node, field, place, err);
    case GGDM_FIELD_NODE:
        *(const ggdm_node **)place = node;
        return GGDM_OK;
    }
    return GGDM_FAIL(err, GGDM_EINTERNAL, "field '%s': type %d", field->key, (int)field->type);
}

/* ---- maps --------------------------------------------------------------------------------- */

/* Could the value have been meant for this row?  To choose among equally near keys only: a row of
 * type GGDM_FIELD_NODE mostly takes a map or a list, and others a scalar. */
static bool suits(const ggdm_node *node, const ggdm_field *f)
{
    bool compound = node->kind == GGDM_NODE_LIST || node->kind == GGDM_NODE_MAP;
    return compound == (f->type >= GGDM_FIELD_DOUBLES); /* lists, then nodes */
}

/* others: keys that are known, too, but not in the table; NULL-terminated, may be NULL. */
static ggdm_status fail_unknown(const ggdm_node *node, const ggdm_field *table,
                                const char *const *others, ggdm_error *err)
{
    ggdm_nearest meant = {.word = node->key};
    char names[400] = "";
    size_t n = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (const ggdm_field *f = table; f->key; f++)
            if (suits(node, f) == (pass == 0) && !ggdm_node_get(node->parent, f->key))
                ggdm_nearest_try(&meant, f->key);
        for (const char *const *o = others; o && *o; o++)
            if (!ggdm_node_get(node->parent, *o))
                ggdm_nearest_try(&meant, *o);
    }
    if (meant.name)
        return ggdm_node_fail_key(node, err, "unknown key, did you mean '%s'?", meant.name);
    for (const ggdm_field *f = table; f->key; f++) {
        n = append(names, sizeof names, n, n ? ", " : "");
        n = append(names, sizeof names, n, f->key);
    }
    for (const char *const *o = others; o && *o; o++) {
        n = append(names, sizeof names, n, n ? ", " : "");
        n = append(names, sizeof names, n, *o);
    }
    return ggdm_node_fail_key(node, err, "unknown key, expected one of: %s", names);
}

static bool listed(const char *const *names, const char *key)
{
    for (; names && *names; names++)
        if (strcmp(*names, "*") == 0 || strcmp(*names, key) == 0)
            return true;
    return false;
}

/* An explicit null stands for an absent optional field; `key:` with nothing behind it does not. */
static bool stands_for_absent(const ggdm_node *node, const ggdm_field *field)
{
    return node->kind == GGDM_NODE_NULL && *node->text && !field->required;
}

ggdm_status ggdm_fields_read(const ggdm_node *map, const ggdm_field *table,
                             const char *const *ignore, void *out, ggdm_error *err)
{
    if (map->kind != GGDM_NODE_MAP)
        return ggdm_node_expected(map, err, "a map of keys and values");
    for (const ggdm_node *n = map->first; n; n = n->next) {
        const ggdm_field *f = table;
        while (f->key && strcmp(f->key, n->key) != 0)
            f++;
        if (!f->key && listed(ignore, n->key))
            continue;
        if (!f->key)
            return fail_unknown(n, table, ignore, err);
        if (!stands_for_absent(n, f))
            GGDM_TRY(ggdm_field_read(n, f, out, err));
    }
    for (const ggdm_field *f = table; f->key; f++)
        if (f->required && !ggdm_node_get(map, f->key))
            return ggdm_node_fail(map, err, "required field '%s' is missing%s%s", f->key,
                                  f->expected ? ", expected " : "", f->expected ? f->expected : "");
    return GGDM_OK;
}

void ggdm_fields_release(const ggdm_field *table, void *out)
{
    for (const ggdm_field *f = table; f->key; f++) {
        void *place = (char *)out + f->offset;
        if (f->type == GGDM_FIELD_STRING) {
            free(*(char **)place);
            *(char **)place = NULL;
        } else if (f->type == GGDM_FIELD_DOUBLES || f->type == GGDM_FIELD_INTS ||
                   f->type == GGDM_FIELD_STRINGS) {
            ggdm_strings list; /* one layout: see read_list */
            memcpy(&list, place, sizeof list);
            for (size_t i = 0; f->type == GGDM_FIELD_STRINGS && i < list.count; i++)
                free(list.data[i]);
            free(list.data);
            memset(place, 0, sizeof list);
        } else if (f->type == GGDM_FIELD_NODE) {
            *(const ggdm_node **)place = NULL;
        }
    }
}
