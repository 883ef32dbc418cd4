/* `trace:`: of which images their way is shown when all are there. */
#include "jobs/spec_internal.h"

#define IMAGES 4 /* of a cell, the default */

#define AT(member) offsetof(ggdm_spec_trace, member)

static const ggdm_field table[] = {
    {.key = "images",
     .type = GGDM_FIELD_INT32,
     .offset = AT(images),
     .lo = 1,
     .hi = GGDM_MAX_TRACED,
     .expected = "a number of images of each cell whose way is shown, from 1 to 1000"},
    {.key = "every",
     .type = GGDM_FIELD_INT32,
     .offset = AT(every),
     .lo = 1,
     .hi = GGDM_MAX_STEPS,
     .expected = "a number of steps between two pictures of an image, from 1 to 100000"},
    {.key = NULL}};

ggdm_status ggdm_spec_read_trace(ggdm_spec *s, const ggdm_node *node, ggdm_error *err)
{
    ggdm_spec_trace in = {.images = IMAGES};
    if (!node)
        return GGDM_OK;
    if (node->kind != GGDM_NODE_MAP)
        return ggdm_node_expected(node, err, "a map {images: 4, every: 50}");
    GGDM_TRY(ggdm_fields_read(node, table, NULL, &in, err));
    s->trace = in;
    return GGDM_OK;
}
