/* What one cell computes, as canonical text: the only thing that is hashed, stored, sent and
 * trusted (docs/decisions/016).
 *
 * A recipe is a head (model, sampler, condition, seed) and its runs: settings (the guidance in one
 * step) with the step where each ends.  Here are texts out of a sweep's tree, and trees out of
 * texts that may come from anywhere. */
#ifndef GGDM_JOBS_RECIPE_H
#define GGDM_JOBS_RECIPE_H

#include "common/hash.h"
#include "jobs/item.h"
#include "jobs/messages.h"

#define GGDM_MAX_RUNS 1024 /* of a recipe */

/* Settings in [end of the one before, end). */
typedef struct ggdm_run_text {
    int32_t end;
    const char *setting;   /* "{}": unguided */
    const ggdm_item *tree; /* of a recipe that was made: what setting says; NULL: unguided */
} ggdm_run_text;

typedef struct ggdm_recipe {
    const char *head;
    int32_t steps; /* of the chain: the last run's end */
    int32_t n_runs;
    ggdm_run_text *runs;
} ggdm_recipe;

/** The recipe of a stage whose names are resolved (models and files are digests): its guidance is
 *  expanded, cut at the edges of windows, reduced; equal neighbours are joined.  The arena's.
 *  Errors: GGDM_EINVAL with the position of a window that does not fit the chain; GGDM_ESHAPE
 *  beyond the bounds above. */
ggdm_status ggdm_recipe_make(const ggdm_catalogue *c, ggdm_arena *arena, const ggdm_item *stage,
                             ggdm_recipe *out, ggdm_error *err);

/** The whole text, {"stages":[{"head":HEAD,"runs":[[500,SETTING],[1000,{}]]}]}, owned. */
ggdm_status ggdm_recipe_text(const ggdm_recipe *recipe, char **out, ggdm_error *err);

/** The key: SHA-256 of "ggdm recipe 1\n", precision, a space, isa, "\n", and the whole text. */
void ggdm_recipe_key(const ggdm_recipe *recipe, const char *precision, const char *isa,
                     uint8_t key[GGDM_HASH_SIZE]);

/** A head or a setting out of its text, checked row by row, and that it is the canonical text of
 *  what it says.  family: GGDM_FAMILY_STAGE, GGDM_FAMILY_GUIDANCE, GGDM_FAMILY_SCORER.
 *  *out NULL: "{}" of a guidance.  Untrusted input.
 *  Errors: GGDM_EFORMAT, GGDM_EINVAL saying where; GGDM_EUNSUPPORTED for a kind or revision that
 *  this program does not have. */
ggdm_status ggdm_recipe_parse(const ggdm_catalogue *c, ggdm_arena *arena, const char *family,
                              const char *text, ggdm_item **out, ggdm_error *err);

/** The text of an item; of a stage, its head.  The arena's.  program: as for ggdm_item_print. */
ggdm_status ggdm_recipe_print(ggdm_arena *arena, const ggdm_item *item, bool program,
                              const char **out, ggdm_error *err);

/* The skeleton's own kind (model, sampler, condition, guidance, seed); every catalogue has it. */
extern const ggdm_kind ggdm_kind_stage;

#endif
