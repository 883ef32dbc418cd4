#include "models/train/attributes.h"

#include <string.h>

#include "common/mem.h"

static int32_t find_group(const ggdm_class_groups *groups, const char *name)
{
    for (int32_t i = 0; i < groups->n; i++)
        if (strcmp(groups->items[i].name, name) == 0)
            return i;
    return -1;
}

/* One group of the network, of all images: column `to` of the targets. */
static ggdm_status take_group(ggdm_images *images, const ggdm_class_groups *want, int32_t to,
                              ggdm_error *err)
{
    const ggdm_class_group *g = &want->items[to];
    const ggdm_class_groups *groups = &images->attributes.groups;
    const int32_t from = find_group(groups, g->name);
    if (from < 0)
        return GGDM_FAIL(err, GGDM_ESHAPE,
                         "%s: the images have no attribute '%s', which the network's config has",
                         images->source, g->name);
    const ggdm_strings *classes = &groups->items[from].classes;
    for (int32_t i = 0; i < images->n; i++) {
        const char *name = classes->data[images->attributes.of[(int64_t)i * groups->n + from]];
        const int32_t target = ggdm_class_in_group(g, name);
        if (target < 0)
            return GGDM_FAIL(err, GGDM_ESHAPE,
                             "%s: image %d has %s '%s', expected a class that the network's config "
                             "has",
                             images->source, i, g->name, name);
        images->targets[(int64_t)i * want->n + to] = g->first + target;
    }
    return GGDM_OK;
}

ggdm_status ggdm_attributes_take(ggdm_images *images, const ggdm_class_groups *want,
                                 ggdm_error *err)
{
    if (images->attributes.groups.n == 0)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: images without attributes, expected attributes.json and a .jsonl "
                         "beside them (docs/TRAINING.md)",
                         images->source);
    GGDM_TRY(ggdm_alloc(&images->targets, (size_t)images->n * (size_t)want->n,
                        sizeof *images->targets, err));
    images->n_targets = want->n;
    for (int32_t i = 0; i < want->n; i++)
        GGDM_TRY(take_group(images, want, i, err));
    return GGDM_OK;
}
