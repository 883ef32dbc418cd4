/* What the names in a sweep mean: models and files become digests, and are asked whether they go
 * together. */
#ifndef GGDM_JOBS_RESOLVER_H
#define GGDM_JOBS_RESOLVER_H

#include "common/class_groups.h"
#include "jobs/item.h"
#include "jobs/messages.h"

/* What the tree's names mean: asked once for each value of the sweep. */
typedef struct ggdm_resolver {
    void *context;
    /** A model: *digest the hex digest that stands in recipes (borrowed until the resolver goes),
     *  *classes its classes (0: none).  Whether it has the row's port is checked here.  Errors: put
     *  no position in front, the caller does. */
    ggdm_status (*model)(void *context, const ggdm_param *row, const char *name,
                         const char **digest, int32_t *classes, ggdm_error *err);
    /** A file: *digest that of its meaning. */
    ggdm_status (*file)(void *context, const ggdm_param *row, const char *path, const char **digest,
                        ggdm_error *err);
    /** The names of a model's classes (by digest); NULL: they have none.  NULL: as that. */
    const ggdm_class_groups *(*classes)(void *context, const char *model);
    /** Can a model (by digest) read a prompt?  NULL: always.  Errors: as of model. */
    ggdm_status (*text)(void *context, const char *model, const char *text, bool truncate,
                        ggdm_error *err);
    /** What a cell leaves open is taken from its model: rows of the stage's sampler that are not
     * set. The tree is resolved.  NULL: rows have their defaults. */
    ggdm_status (*complete)(void *context, ggdm_item *stage, ggdm_error *err);
    /** Does a stage's model go with what guides it in some steps (NULL: nothing), and with what it
     *  is given?  Trees are resolved; errors have their positions.  NULL: always. */
    ggdm_status (*check_step)(void *context, const ggdm_item *stage, const ggdm_item *setting,
                              ggdm_error *err);
    /** Does a scorer take the samples of a stage?  Errors: GGDM_ESHAPE where it does not, with its
     *  position.  NULL: always. */
    ggdm_status (*check_scorer)(void *context, const ggdm_item *stage, const ggdm_item *scorer,
                                ggdm_error *err);
    ggdm_precision precision; /* resolved */
    const char *isa;          /* as recorded with the results */
} ggdm_resolver;

/** Ask a resolver for a MODEL or FILE value; its errors get the position at (NULL: none). */
ggdm_status ggdm_resolve(const ggdm_resolver *r, const ggdm_param *row, const char *name,
                         const ggdm_node *at, const char **digest, int32_t *classes,
                         ggdm_error *err);

/** Can the prompts of a tree, which is resolved, be read by the models in the rows that they are of
 *  (stage: where that is no row beside them; NULL)?  A row `truncate` beside a prompt counts. */
ggdm_status ggdm_resolve_prompts(const ggdm_resolver *r, const ggdm_item *stage, ggdm_item *tree,
                                 ggdm_error *err);

#endif
