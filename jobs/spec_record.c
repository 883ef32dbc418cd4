/* How much images note on their way: of how many, at how many points. */
#include "jobs/spec_internal.h"

static const ggdm_field table[] = {
    {.key = "images",
     .type = GGDM_FIELD_INT32,
     .offset = offsetof(ggdm_record_wish, images),
     .lo = 0,
     .hi = GGDM_MAX_RECORD_IMAGES,
     .expected = "how many images of each trajectory note their way, from 0 to 1000"},
    {.key = "points",
     .type = GGDM_FIELD_INT32,
     .offset = offsetof(ggdm_record_wish, points),
     .lo = 1,
     .hi = GGDM_MAX_RECORD_POINTS,
     .expected = "at how many steps they do, from 1 to 1000"},
    {.key = NULL}};

ggdm_status ggdm_spec_read_record(ggdm_spec *s, const ggdm_node *node, ggdm_error *err)
{
    s->job.record = (ggdm_record_wish){GGDM_RECORD_IMAGES, GGDM_RECORD_POINTS};
    if (!node)
        return GGDM_OK;
    if (node->kind != GGDM_NODE_MAP)
        return ggdm_node_expected(node, err, "a map {images: ..., points: ...}");
    return ggdm_fields_read(node, table, NULL, &s->job.record, err);
}
