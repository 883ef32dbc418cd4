/* Several guidances in one sweep, of which each cell uses one: kinds side by side on the same
 * noise. */
#include <stdio.h>
#include <string.h>

#include "worker/kinds.h"

static const ggdm_param rows[] = {
    {.key = "of",
     .type = GGDM_PARAM_NODES,
     .required = true,
     .lo = 1,
     .hi = 64,
     .family = GGDM_FAMILY_GUIDANCE,
     .help = "Guidances, each with a `name`."},
    {.key = "use",
     .label = "guidance",
     .type = GGDM_PARAM_TEXT,
     .structure = true,
     .required = true,
     .help = "The name of the one that acts: an axis, as a rule."},
};

static const ggdm_item *used(const ggdm_item *preset)
{
    const char *name = ggdm_item_text(preset, "use");
    for (const ggdm_item *i = ggdm_item_child(preset, "of"); i; i = i->next)
        if (i->name && strcmp(i->name, name) == 0)
            return i;
    return NULL;
}

static ggdm_status one_of_check(const ggdm_item *preset, ggdm_error *err)
{
    char names[300] = "";
    size_t n = 0;
    if (used(preset))
        return GGDM_OK;
    for (const ggdm_item *i = ggdm_item_child(preset, "of"); i && n < sizeof names; i = i->next)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "", i->name);
    return ggdm_item_fail(preset, "use", err, "value '%s', expected one of %s",
                          ggdm_item_text(preset, "use"), names);
}

static ggdm_status one_of_expand(const ggdm_catalogue *c, ggdm_arena *arena,
                                 const ggdm_item *preset, ggdm_item **out, ggdm_error *err)
{
    (void)c;
    GGDM_TRY(ggdm_item_copy(arena, used(preset), out, err));
    (*out)->name = NULL;
    return GGDM_OK;
}

const ggdm_guidance_kind ggdm_guidance_one_of = {
    .kind = {.family = GGDM_FAMILY_GUIDANCE,
             .name = "one-of",
             .help = "Several guidances side by side, of which each cell uses one.",
             GGDM_PARAMS(rows),
             .expand = one_of_expand,
             .check = one_of_check}};
