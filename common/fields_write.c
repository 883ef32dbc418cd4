#include "common/fields_write.h"

void ggdm_fields_put_node(ggdm_json *j, const char *key, const ggdm_node *n)
{
    switch (n->kind) {
    case GGDM_NODE_NULL:
        ggdm_json_put_null(j, key);
        break;
    case GGDM_NODE_BOOL:
        ggdm_json_put_bool(j, key, n->boolean);
        break;
    case GGDM_NODE_INT:
    case GGDM_NODE_REAL:
        ggdm_json_put_double(j, key, n->real);
        break;
    case GGDM_NODE_STRING:
        ggdm_json_put_string(j, key, n->text);
        break;
    case GGDM_NODE_LIST:
    case GGDM_NODE_MAP:
        if (n->kind == GGDM_NODE_LIST)
            ggdm_json_begin_array(j, key);
        else
            ggdm_json_begin_object(j, key);
        for (const ggdm_node *child = n->first; child; child = child->next)
            ggdm_fields_put_node(j, child->key, child);
        ggdm_json_end(j);
    }
}

static void write_int(ggdm_json *j, const ggdm_field *f, int64_t v)
{
    bool any = f->lo == 0 && f->hi == 0;
    if (any || ((double)v >= f->lo && (double)v <= f->hi))
        ggdm_json_put_int(j, f->key, v);
    else
        ggdm_json_put_null(j, f->key);
}

static void write_ints(ggdm_json *j, const char *key, const ggdm_ints *list)
{
    ggdm_json_begin_array(j, key);
    for (size_t i = 0; i < list->count; i++)
        ggdm_json_put_int(j, NULL, list->data[i]);
    ggdm_json_end(j);
}

static void write_doubles(ggdm_json *j, const char *key, const ggdm_doubles *list)
{
    ggdm_json_begin_array(j, key);
    for (size_t i = 0; i < list->count; i++)
        ggdm_json_put_double(j, NULL, list->data[i]);
    ggdm_json_end(j);
}

static void write_row(ggdm_json *j, const ggdm_field *f, const void *place)
{
    switch (f->type) {
    case GGDM_FIELD_BOOL:
        ggdm_json_put_bool(j, f->key, *(const bool *)place);
        break;
    case GGDM_FIELD_INT32:
        write_int(j, f, *(const int32_t *)place);
        break;
    case GGDM_FIELD_DOUBLE:
        ggdm_json_put_double(j, f->key, *(const double *)place + 0.0); /* -0 is 0 */
        break;
    case GGDM_FIELD_CHOICE:
        ggdm_json_put_string(j, f->key, f->choices[*(const int *)place]);
        break;
    case GGDM_FIELD_INTS:
        write_ints(j, f->key, place);
        break;
    case GGDM_FIELD_DOUBLES:
        write_doubles(j, f->key, place);
        break;
    case GGDM_FIELD_NODE:
        ggdm_fields_put_node(j, f->key, *(const ggdm_node *const *)place);
        break;
    default:
        j->status = GGDM_EINTERNAL;
    }
}

/* Does a row say nothing? */
static bool is_default(const ggdm_field *f, const void *place, const void *fallback)
{
    switch (f->type) {
    case GGDM_FIELD_BOOL:
        return *(const bool *)place == *(const bool *)fallback;
    case GGDM_FIELD_INT32:
        return *(const int32_t *)place == *(const int32_t *)fallback;
    case GGDM_FIELD_DOUBLE:
        return *(const double *)place == *(const double *)fallback;
    case GGDM_FIELD_CHOICE:
        return *(const int *)place == *(const int *)fallback;
    case GGDM_FIELD_INTS:
        return ((const ggdm_ints *)place)->count == 0;
    case GGDM_FIELD_DOUBLES:
        return ((const ggdm_doubles *)place)->count == 0;
    case GGDM_FIELD_NODE:
        return !*(const ggdm_node *const *)place ||
               (*(const ggdm_node *const *)place)->kind == GGDM_NODE_NULL;
    default:
        return false;
    }
}

void ggdm_fields_write(ggdm_json *j, const ggdm_field *table, const void *values,
                       const void *defaults)
{
    for (const ggdm_field *f = table; f->key; f++) {
        const void *place = (const char *)values + f->offset;
        bool silent = is_default(f, place, (const char *)defaults + f->offset);
        if (!silent || (f->required && f->type != GGDM_FIELD_NODE))
            write_row(j, f, place);
    }
}
