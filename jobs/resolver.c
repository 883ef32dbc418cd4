#include "jobs/resolver.h"

/* An error of who knows no positions, at its place. */
static ggdm_status blame_value(const ggdm_node *at, ggdm_status st, ggdm_error *err)
{
    ggdm_error why = *err;
    if (at) {
        ggdm_node_fail(at, err, "%s", why.msg);
        err->code = st;
    }
    return st;
}

ggdm_status ggdm_resolve(const ggdm_resolver *r, const ggdm_param *row, const char *name,
                         const ggdm_node *at, const char **digest, int32_t *classes,
                         ggdm_error *err)
{
    ggdm_error why = {0};
    ggdm_status st = row->type == GGDM_PARAM_MODEL
                         ? r->model(r->context, row, name, digest, classes, &why)
                         : r->file(r->context, row, name, digest, &why);
    if (st == GGDM_OK)
        return st;
    if (err)
        *err = why;
    return err ? blame_value(at, st, err) : st;
}
