#include "common/class_groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"

/* --- reading --- */

static bool is_name(const char *text)
{
    const size_t n = strlen(text);
    return n > 0 && n < GGDM_CLASS_NAME / 2 && *text != ' ' && ggdm_utf8_plain(text, n) == n;
}

static ggdm_status check_name(const ggdm_node *node, const char *name, ggdm_error *err)
{
    return is_name(name) ? GGDM_OK
                         : ggdm_node_fail(node, err,
                                          "class '%.80s', expected a name without control "
                                          "characters, of at most %d bytes",
                                          name, GGDM_CLASS_NAME / 2 - 1);
}

/* The classes of a group of attributes, each of another name. */
static ggdm_status check_classes(const ggdm_node *node, const ggdm_strings *classes,
                                 ggdm_error *err)
{
    if (classes->count < 2)
        return ggdm_node_fail(node, err, "%zu classes, expected 2 or more", classes->count);
    for (size_t i = 0; i < classes->count; i++) {
        GGDM_TRY(check_name(node, classes->data[i], err));
        for (size_t k = 0; k < i; k++)
            if (strcmp(classes->data[i], classes->data[k]) == 0)
                return ggdm_node_fail(node, err, "class '%.80s' is there twice", classes->data[i]);
    }
    return GGDM_OK;
}

static const ggdm_field group_fields[] = {
    {"name", GGDM_FIELD_STRING, offsetof(ggdm_class_group, name), .required = true},
    {"classes", GGDM_FIELD_STRINGS, offsetof(ggdm_class_group, classes), .required = true},
    {0}};

static ggdm_status read_group(const ggdm_node *node, ggdm_class_groups *out, ggdm_error *err)
{
    ggdm_class_group *g = &out->items[out->n++];
    g->first = out->n_classes;
    GGDM_TRY(ggdm_fields_read(node, group_fields, NULL, g, err));
    const ggdm_node *name = ggdm_node_get(node, "name");
    if (!is_name(g->name) || strchr(g->name, ':'))
        return ggdm_node_expected(name, err,
                                  "a name without ':' or control characters, of at most %d bytes",
                                  GGDM_CLASS_NAME / 2 - 1);
    for (int32_t i = 0; i + 1 < out->n; i++)
        if (strcmp(out->items[i].name, g->name) == 0)
            return ggdm_node_fail(name, err, "'%s' is there twice", g->name);
    GGDM_TRY(check_classes(ggdm_node_get(node, "classes"), &g->classes, err));
    if ((size_t)(GGDM_MAX_NAMED_CLASSES - out->n_classes) < g->classes.count)
        return ggdm_node_fail(node, err, "more than %d classes in all", GGDM_MAX_NAMED_CLASSES);
    out->n_classes += (int32_t)g->classes.count;
    return GGDM_OK;
}

ggdm_status ggdm_class_groups_read(const ggdm_node *list, ggdm_class_groups *out, ggdm_error *err)
{
    *out = (ggdm_class_groups){0};
    if (list->kind != GGDM_NODE_LIST || list->count == 0)
        return ggdm_node_expected(list, err, "a list of {name: NAME, classes: [NAME, ...]}");
    if (list->count > GGDM_MAX_CLASS_GROUPS)
        return ggdm_node_fail(list, err, "%zu groups, expected at most %d", list->count,
                              GGDM_MAX_CLASS_GROUPS);
    GGDM_TRY(ggdm_alloc(&out->items, list->count, sizeof *out->items, err));
    for (const ggdm_node *n = list->first; n; n = n->next)
        GGDM_TRY(read_group(n, out, err));
    return GGDM_OK;
}

/* One group of n classes whose name is "", the names still to be set. */
static ggdm_status make_group(ggdm_class_groups *out, int32_t n, ggdm_error *err)
{
    *out = (ggdm_class_groups){0};
    GGDM_TRY(ggdm_alloc(&out->items, 1, sizeof *out->items, err));
    out->n = 1;
    GGDM_TRY(ggdm_strdup("", &out->items->name, err));
    GGDM_TRY(ggdm_alloc(&out->items->classes.data, (size_t)n, sizeof(char *), err));
    out->items->classes.count = (size_t)n;
    out->n_classes = n;
    return GGDM_OK;
}

/* Name a class of such a group. */
static ggdm_status set_name(ggdm_class_groups *groups, int32_t class_number, const ggdm_node *name,
                            ggdm_error *err)
{
    ggdm_strings *classes = &groups->items->classes;
    const char *text = NULL;
    GGDM_TRY(ggdm_node_string(name, &text, err));
    if (classes->data[class_number])
        return ggdm_node_fail(name, err, "class %d has a name already", (int)class_number);
    GGDM_TRY(ggdm_strdup(text, &classes->data[class_number], err));
    return check_name(name, text, err);
}

ggdm_status ggdm_class_groups_read_labels(const ggdm_node *map, int32_t n, ggdm_class_groups *out,
                                          ggdm_error *err)
{
    if (map->kind != GGDM_NODE_MAP || map->count != (size_t)n)
        return ggdm_node_fail(map, err,
                              "expected an object with a name for each of \"0\" to \"%d\"", n - 1);
    GGDM_TRY(make_group(out, n, err));
    for (const ggdm_node *e = map->first; e; e = e->next) {
        char *end;
        const long i = strtol(e->key, &end, 10);
        if (*end || end == e->key || i < 0 || i >= n)
            return ggdm_node_fail(e, err, "expected a key from \"0\" to \"%d\"", n - 1);
        GGDM_TRY(set_name(out, (int32_t)i, e, err));
    }
    return GGDM_OK;
}

void ggdm_class_groups_write(ggdm_json *j, const char *key, const ggdm_class_groups *groups)
{
    ggdm_json_begin_array(j, key);
    for (int32_t i = 0; i < groups->n; i++) {
        const ggdm_class_group *g = &groups->items[i];
        ggdm_json_begin_object(j, NULL);
        ggdm_json_put_string(j, "name", g->name);
        ggdm_json_begin_array(j, "classes");
        for (size_t k = 0; k < g->classes.count; k++)
            ggdm_json_put_string(j, NULL, g->classes.data[k]);
        ggdm_json_end(j);
        ggdm_json_end(j);
    }
    ggdm_json_end(j);
}

void ggdm_class_groups_deinit(ggdm_class_groups *groups)
{
    for (int32_t i = 0; i < groups->n; i++)
        ggdm_fields_release(group_fields, &groups->items[i]);
    free(groups->items);
    *groups = (ggdm_class_groups){0};
}

/* --- asking --- */

const ggdm_class_group *ggdm_class_group_of(const ggdm_class_groups *groups, int32_t class_number)
{
    for (int32_t i = 0; i < groups->n && class_number >= 0; i++) {
        const ggdm_class_group *g = &groups->items[i];
        if (class_number < g->first + (int32_t)g->classes.count)
            return g;
    }
    return NULL;
}

int32_t ggdm_class_in_group(const ggdm_class_group *group, const char *name)
{
    for (size_t i = 0; i < group->classes.count; i++)
        if (strcmp(group->classes.data[i], name) == 0)
            return (int32_t)i;
    return -1;
}

/* Of a group of no and yes that has a name; else -1. */
static int32_t yes_of(const ggdm_class_group *g)
{
    const ggdm_strings *c = &g->classes;
    return *g->name && c->count == 2 && strcmp(c->data[0], "no") == 0 &&
                   strcmp(c->data[1], "yes") == 0
               ? g->first + 1
               : -1;
}

/* What of a name is a class of this group: behind the group's name and ':', all where that has
 * none; NULL: nothing. */
static const char *class_part(const ggdm_class_group *g, const char *name)
{
    const size_t n = strlen(g->name);
    if (n == 0)
        return name;
    return strncmp(name, g->name, n) == 0 && name[n] == ':' ? name + n + 1 : NULL;
}

int32_t ggdm_class_find(const ggdm_class_groups *groups, const char *name, int32_t from)
{
    for (int32_t i = 0; i < groups->n; i++) {
        const ggdm_class_group *g = &groups->items[i];
        const char *part = class_part(g, name);
        if (strcmp(g->name, name) == 0 && yes_of(g) >= from)
            return yes_of(g);
        for (size_t k = 0; part && k < g->classes.count; k++)
            if (g->first + (int32_t)k >= from && strcmp(g->classes.data[k], part) == 0)
                return g->first + (int32_t)k;
    }
    return -1;
}

const char *ggdm_class_name(const ggdm_class_groups *groups, int32_t class_number,
                            char text[GGDM_CLASS_NAME])
{
    const ggdm_class_group *g = ggdm_class_group_of(groups, class_number);
    text[0] = '\0';
    if (g && yes_of(g) == class_number)
        snprintf(text, GGDM_CLASS_NAME, "%s", g->name);
    else if (g)
        snprintf(text, GGDM_CLASS_NAME, "%s%s%s", g->name, *g->name ? ":" : "",
                 g->classes.data[class_number - g->first]);
    return text;
}
