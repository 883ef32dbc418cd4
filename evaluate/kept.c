#include "evaluate/kept.h"

#include <stdlib.h>

struct ggdm_kept {
    ggdm_kept *next;
    ggdm_keeper make;
    double *v;
};

static ggdm_status make_one(ggdm_reference *r, ggdm_keeper make, size_t count, ggdm_kept **out,
                            ggdm_error *err)
{
    ggdm_world *world = r->rows.world;
    GGDM_TRY(ggdm_world_alloc(world, out, 1, sizeof **out, err));
    (*out)->make = make;
    GGDM_TRY(ggdm_world_alloc(world, &(*out)->v, count, sizeof *(*out)->v, err));
    return make(r, (*out)->v, err);
}

static void free_one(ggdm_kept *kept)
{
    if (kept)
        free(kept->v);
    free(kept);
}

ggdm_status ggdm_kept_get(ggdm_reference *r, ggdm_keeper make, size_t count, const double **out,
                          ggdm_error *err)
{
    ggdm_kept *kept = r->kept;
    while (kept && kept->make != make)
        kept = kept->next;
    if (!kept) {
        const ggdm_status st = make_one(r, make, count, &kept, err);
        if (st != GGDM_OK) {
            free_one(kept);
            return st;
        }
        kept->next = r->kept;
        r->kept = kept;
    }
    *out = kept->v;
    return GGDM_OK;
}

void ggdm_kept_free(ggdm_reference *r)
{
    while (r->kept) {
        ggdm_kept *kept = r->kept;
        r->kept = kept->next;
        free_one(kept);
    }
}
