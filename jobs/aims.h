/* What a cell aims at, and what that is to a classifier: of one that answers several questions
 * (common/class_groups.h) a number among the answers to one of them. */
#ifndef GGDM_JOBS_AIMS_H
#define GGDM_JOBS_AIMS_H

#include "jobs/resolver.h"
#include "jobs/spec.h"

/* A class as a classifier counts it. */
typedef struct ggdm_aim {
    const char *group; /* the question; NULL: it answers one only */
    int32_t number;    /* of the class in its group; -1: the cell aims at nothing */
} ggdm_aim;

/** What the cell at a place aims at, to the model with this digest, which messages call name.
 *  Errors: GGDM_EINVAL, at the aim's position, where the model has no such class. */
ggdm_status ggdm_aim_at(const ggdm_spec *spec, const ggdm_resolver *r, int64_t place,
                        const char *digest, const char *name, ggdm_aim *out, ggdm_error *err);

/** The number of the class that a model (as above) calls so; at: for messages.
 *  Errors: GGDM_EINVAL with the names that it has, or the numbers of several that are called so. */
ggdm_status ggdm_class_number(const ggdm_resolver *r, const char *digest, const char *name,
                              const char *class_name, const ggdm_node *at, int32_t *out,
                              ggdm_error *err);

#endif
