/* What the recipes of a run's cells say, and their texts in the report's document. */
#ifndef GGDM_COORDINATOR_REPORT_RECIPES_H
#define GGDM_COORDINATOR_REPORT_RECIPES_H

#include "common/json_write.h"
#include "jobs/results.h"

#define GGDM_REPORT_KINDS 200 /* bytes of "ddim, ddpm" */

typedef struct ggdm_report_recipes {
    bool known;                       /* false: an older program's run has none */
    bool *unguided;                   /* [n_rows], owned: no step of the cell is guided */
    char samplers[GGDM_REPORT_KINDS]; /* the kinds that cells have, in order of appearance */
    char losses[GGDM_REPORT_KINDS];   /* of their guidance */
} ggdm_report_recipes;

/** Put "recipes", each once, as many as are bounded to be, and what all of them say into *out,
 *  which is owned: ggdm_report_recipes_deinit, also after an error. */
ggdm_status ggdm_report_put_recipes(ggdm_json *j, const ggdm_results *r, ggdm_report_recipes *out,
                                    ggdm_error *err);
void ggdm_report_recipes_deinit(ggdm_report_recipes *recipes);

#endif
