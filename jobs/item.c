#include "jobs/item.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool is_node(const ggdm_param *p)
{
    return p->type == GGDM_PARAM_NODE || p->type == GGDM_PARAM_NODES;
}

ggdm_status ggdm_item_create(ggdm_arena *arena, const ggdm_kind *kind, ggdm_item **out,
                             ggdm_error *err)
{
    ggdm_item *item = NULL;
    GGDM_TRY(
        ggdm_arena_alloc(arena, sizeof *item + kind->n_params * sizeof *item->values, &item, err));
    item->kind = kind;
    for (size_t i = 0; i < kind->n_params; i++)
        if (kind->params[i].fallback)
            item->values[i].scalar = *kind->params[i].fallback;
    *out = item;
    return GGDM_OK;
}

/* ---- copies -------------------------------------------------------------------------------- */

/* The items of a row; *out NULL: none was kept. */
static ggdm_status copy_list(ggdm_arena *arena, const ggdm_item *first, ggdm_item_filter keep,
                             void *context, ggdm_item **out, ggdm_error *err)
{
    ggdm_item **end = out;
    *out = NULL;
    for (const ggdm_item *i = first; i; i = i->next) {
        GGDM_TRY(ggdm_item_copy_kept(arena, i, keep, context, end, err));
        if (*end)
            end = &(*end)->next;
    }
    return GGDM_OK;
}

ggdm_status ggdm_item_copy_kept(ggdm_arena *arena, const ggdm_item *item, ggdm_item_filter keep,
                                void *context, ggdm_item **out, ggdm_error *err)
{
    const ggdm_kind *k = item->kind;
    const size_t size = sizeof *item + k->n_params * sizeof *item->values;
    ggdm_item *copy = NULL;
    *out = NULL;
    if (keep && !keep(context, item))
        return GGDM_OK;
    GGDM_TRY(ggdm_arena_alloc(arena, size, &copy, err));
    memcpy(copy, item, size);
    copy->next = NULL;
    for (size_t i = 0; i < k->n_params; i++) {
        if (!is_node(&k->params[i]) || !item->values[i].items)
            continue;
        GGDM_TRY(
            copy_list(arena, item->values[i].items, keep, context, &copy->values[i].items, err));
        if (!copy->values[i].items && k->params[i].required)
            return GGDM_OK;
    }
    *out = copy;
    return GGDM_OK;
}

ggdm_status ggdm_item_copy(ggdm_arena *arena, const ggdm_item *item, ggdm_item **out,
                           ggdm_error *err)
{
    return ggdm_item_copy_kept(arena, item, NULL, NULL, out, err);
}

/* ---- values -------------------------------------------------------------------------------- */

static size_t row_index(const ggdm_item *item, const char *key)
{
    for (size_t i = 0; i < item->kind->n_params; i++)
        if (strcmp(item->kind->params[i].key, key) == 0)
            return i;
    return item->kind->n_params;
}

ggdm_value *ggdm_item_value(const ggdm_item *item, const char *key)
{
    size_t i = row_index(item, key);
    return i < item->kind->n_params ? (ggdm_value *)&item->values[i] : NULL;
}

double ggdm_item_real(const ggdm_item *item, const char *key)
{
    return ggdm_item_value(item, key)->scalar.real;
}

int64_t ggdm_item_whole(const ggdm_item *item, const char *key)
{
    return ggdm_item_value(item, key)->scalar.whole;
}

bool ggdm_item_flag(const ggdm_item *item, const char *key)
{
    return ggdm_item_value(item, key)->scalar.whole != 0;
}

const char *ggdm_item_text(const ggdm_item *item, const char *key)
{
    const ggdm_param *p = &item->kind->params[row_index(item, key)];
    const ggdm_scalar *v = &ggdm_item_value(item, key)->scalar;
    return p->type == GGDM_PARAM_CHOICE ? p->choices[v->whole] : v->text;
}

ggdm_item *ggdm_item_child(const ggdm_item *item, const char *key)
{
    return ggdm_item_value(item, key)->items;
}

const char *ggdm_item_model_of(const ggdm_item *item, const ggdm_item *stage, const ggdm_param *row)
{
    const ggdm_value *beside = ggdm_item_value(item, row->of);
    return beside ? beside->scalar.text : stage ? ggdm_item_text(stage, row->of) : NULL;
}

bool ggdm_item_truncates(const ggdm_item *item)
{
    const ggdm_value *v = ggdm_item_value(item, "truncate");
    return v && v->scalar.whole != 0;
}

void ggdm_item_set(ggdm_item *item, const char *key, ggdm_scalar scalar)
{
    ggdm_value *v = ggdm_item_value(item, key);
    v->scalar = scalar;
    v->set = true;
}

void ggdm_item_set_child(ggdm_item *item, const char *key, ggdm_item *child)
{
    ggdm_value *v = ggdm_item_value(item, key);
    v->items = child;
    v->set = child != NULL;
}

ggdm_status ggdm_item_fail(const ggdm_item *item, const char *key, ggdm_error *err,
                           const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const ggdm_node *at = key ? ggdm_item_value(item, key)->at : NULL;
    if (at || item->at)
        return ggdm_node_fail(at ? at : item->at, err, "%s", text);
    return GGDM_FAIL(err, GGDM_EINVAL, "%s '%s'%s%s: %s", item->kind->family, item->kind->name,
                     key ? ", " : "", key ? key : "", text);
}

/* ---- scalars ------------------------------------------------------------------------------- */

static bool equal_texts(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool ggdm_scalar_equal(ggdm_param_type type, const ggdm_scalar *a, const ggdm_scalar *b)
{
    switch (type) {
    case GGDM_PARAM_REAL:
        return a->real == b->real;
    case GGDM_PARAM_WINDOW:
        return a->real == b->real && a->start == b->start && a->start_share == b->start_share &&
               a->length_share == b->length_share;
    case GGDM_PARAM_TEXT:
    case GGDM_PARAM_MODEL:
    case GGDM_PARAM_FILE:
        return equal_texts(a->text, b->text);
    case GGDM_PARAM_CLASS:
        return a->whole == b->whole && equal_texts(a->text, b->text);
    default:
        return a->whole == b->whole;
    }
}

/* A share has a point, so that it is none of steps: "1.0". */
static void steps_text(double v, bool share, char text[GGDM_NUMBER_SIZE])
{
    ggdm_number_text(v, text);
    if (share && !strpbrk(text, ".e"))
        strcat(text, ".0"); /* 0 or 1 */
}

static void window_text(const ggdm_scalar *v, char *text, size_t size)
{
    char start[GGDM_NUMBER_SIZE], length[GGDM_NUMBER_SIZE];
    steps_text(v->start, v->start_share, start);
    steps_text(v->real, v->length_share, length);
    if (v->start == 0)
        snprintf(text, size, "%s", length);
    else
        snprintf(text, size, "%s+%s", start, length);
}

void ggdm_scalar_text(const ggdm_param *p, const ggdm_scalar *v, char *text, size_t size)
{
    char number[GGDM_NUMBER_SIZE];
    switch (p->type) {
    case GGDM_PARAM_REAL:
        ggdm_number_text(v->real, number);
        snprintf(text, size, "%s", number);
        break;
    case GGDM_PARAM_CLASS:
        if (v->text) {
            snprintf(text, size, "%s", v->text);
            break;
        }
        /* fall through */
    case GGDM_PARAM_WHOLE:
        snprintf(text, size, "%lld", (long long)v->whole);
        break;
    case GGDM_PARAM_FLAG:
        snprintf(text, size, "%s", v->whole ? "true" : "false");
        break;
    case GGDM_PARAM_CHOICE:
        snprintf(text, size, "%s", p->choices[v->whole]);
        break;
    case GGDM_PARAM_WINDOW:
        window_text(v, text, size);
        break;
    default:
        snprintf(text, size, "%s", v->text ? v->text : "");
    }
}

/* ---- canonical text ------------------------------------------------------------------------ */

static void print_scalar(const ggdm_param *p, const ggdm_scalar *v, ggdm_json *j)
{
    switch (p->type) {
    case GGDM_PARAM_REAL:
        ggdm_json_put_double(j, p->key, v->real + 0.0); /* -0 is 0 */
        break;
    case GGDM_PARAM_WHOLE:
    case GGDM_PARAM_CLASS:
        ggdm_json_put_int(j, p->key, v->whole);
        break;
    case GGDM_PARAM_FLAG:
        ggdm_json_put_bool(j, p->key, v->whole != 0);
        break;
    case GGDM_PARAM_CHOICE:
        ggdm_json_put_string(j, p->key, p->choices[v->whole]);
        break;
    default:
        ggdm_json_put_string(j, p->key, v->text);
    }
}

static bool at_default(const ggdm_param *p, const ggdm_value *v)
{
    return p->fallback ? ggdm_scalar_equal(p->type, &v->scalar, p->fallback) : !v->set;
}

static void print_item(const ggdm_item *item, const char *key, bool program, const char *skip,
                       ggdm_json *j);

static void print_value(const ggdm_param *p, const ggdm_value *v, bool program, ggdm_json *j)
{
    if (p->type == GGDM_PARAM_NODE) {
        if (v->items)
            print_item(v->items, p->key, program, NULL, j);
    } else if (p->type == GGDM_PARAM_NODES) {
        if (!v->items)
            return;
        ggdm_json_begin_array(j, p->key);
        for (const ggdm_item *i = v->items; i; i = i->next)
            print_item(i, NULL, program, NULL, j);
        ggdm_json_end(j);
    } else if (program && !p->structure && (v->set || p->fallback)) {
        ggdm_json_put_null(j, p->key);
    } else if (!at_default(p, v)) {
        print_scalar(p, &v->scalar, j);
    }
}

static void print_item(const ggdm_item *item, const char *key, bool program, const char *skip,
                       ggdm_json *j)
{
    const ggdm_kind *k = item->kind;
    ggdm_json_begin_object(j, key);
    if (!k->implied)
        ggdm_json_put_string(j, "kind", k->name);
    if (k->revision)
        ggdm_json_put_int(j, "revision", k->revision);
    for (size_t i = 0; i < k->n_params; i++)
        if (!skip || strcmp(skip, k->params[i].key) != 0)
            print_value(&k->params[i], &item->values[i], program, j);
    ggdm_json_end(j);
}

void ggdm_item_print(const ggdm_item *item, bool program, const char *skip, ggdm_json *j)
{
    print_item(item, NULL, program, skip, j);
}
