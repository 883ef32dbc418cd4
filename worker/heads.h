/* Heads of recipes, ready to sample from: parsed, checked, with their chains.  A worker meets a few
 * of them again and again, so those used last are kept. */
#ifndef GGDM_WORKER_HEADS_H
#define GGDM_WORKER_HEADS_H

#include "worker/kinds.h"
#include "worker/programs.h"
#include "worker/walk.h"

typedef struct ggdm_head {
    const char *text;
    ggdm_arena arena; /* of the text and what was read in it */
    ggdm_item *item;  /* of GGDM_FAMILY_STAGE */
    ggdm_values values;
    uint64_t seed;
    const ggdm_item *sampler;
    const ggdm_sampler_kind *kind; /* of the sampler */
    ggdm_chain chain;
    ggdm_image_shape image;
    ggdm_state_shape state;
} ggdm_head;

typedef struct ggdm_head_cache ggdm_head_cache;

/** The catalogue and the models are borrowed. */
ggdm_status ggdm_head_cache_create(const ggdm_catalogue *catalogue, const ggdm_models *models,
                                   ggdm_head_cache **out, ggdm_error *err);
void ggdm_head_cache_destroy(ggdm_head_cache **heads);

/** The head of a text, untrusted; borrowed until the next call.
 *  Errors: those of ggdm_recipe_parse and ggdm_chain_create; GGDM_EINVAL where the model is not
 *  there. */
ggdm_status ggdm_head_cache_get(ggdm_head_cache *heads, const char *text, const ggdm_head **out,
                                ggdm_error *err);

#endif
