#include "jobs/aims.h"

#include <stdio.h>

static const ggdm_class_groups *groups_of(const ggdm_resolver *r, const char *digest)
{
    return r->classes ? r->classes(r->context, digest) : NULL;
}

/* "glasses, hair_colour:blond, ..." */
static const char *list_names(const ggdm_class_groups *groups, char *text, size_t size)
{
    char name[GGDM_CLASS_NAME];
    size_t n = 0;
    *text = '\0';
    for (int32_t i = 0; i < groups->n_classes && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%s", i ? ", " : "",
                              ggdm_class_name(groups, i, name));
    return text;
}

/* "134, 517, ...": the classes of this name. */
static const char *list_numbers(const ggdm_class_groups *groups, const char *class_name, char *text,
                                size_t size)
{
    size_t n = 0;
    for (int32_t i = ggdm_class_find(groups, class_name, 0); i >= 0 && n < size;
         i = ggdm_class_find(groups, class_name, i + 1))
        n += (size_t)snprintf(text + n, size - n, "%s%d", n ? ", " : "", (int)i);
    return text;
}

ggdm_status ggdm_class_number(const ggdm_resolver *r, const char *digest, const char *name,
                              const char *class_name, const ggdm_node *at, int32_t *out,
                              ggdm_error *err)
{
    const ggdm_class_groups *groups = groups_of(r, digest);
    char list[300], text[700];
    *out = groups ? ggdm_class_find(groups, class_name, 0) : -1;
    if (*out >= 0 && ggdm_class_find(groups, class_name, *out + 1) < 0)
        return GGDM_OK;
    if (!groups)
        snprintf(text, sizeof text,
                 "value '%.80s', expected a number: the classes of model '%.80s' have no names",
                 class_name, name);
    else if (*out < 0)
        snprintf(text, sizeof text, "value '%.80s', expected a class of model '%.80s': %s",
                 class_name, name, list_names(groups, list, sizeof list));
    else
        snprintf(text, sizeof text,
                 "value '%.80s', expected a number: model '%.80s' calls several classes so: %s",
                 class_name, name, list_numbers(groups, class_name, list, sizeof list));
    return at ? ggdm_node_fail(at, err, "%s", text) : GGDM_FAIL(err, GGDM_EINVAL, "%s", text);
}

ggdm_status ggdm_aim_at(const ggdm_spec *spec, const ggdm_resolver *r, int64_t place,
                        const char *digest, const char *name, ggdm_aim *out, ggdm_error *err)
{
    const ggdm_parameter *p = &spec->parameters[spec->class_parameter];
    const ggdm_class_groups *groups = groups_of(r, digest);
    const int64_t v = ggdm_parameter_index(p, place);
    const ggdm_scalar *aim = &p->values[v];
    *out = (ggdm_aim){.number = (int32_t)aim->whole};
    if (aim->text)
        GGDM_TRY(ggdm_class_number(r, digest, name, aim->text, p->at[v], &out->number, err));
    const ggdm_class_group *group = groups ? ggdm_class_group_of(groups, out->number) : NULL;
    if (group && groups->n > 1)
        *out = (ggdm_aim){group->name, out->number - group->first};
    return GGDM_OK;
}
