/* What `ggdm compare` compares, and what is known of it before any image was read. */
#ifndef GGDM_COORDINATOR_COMPARE_WHAT_H
#define GGDM_COORDINATOR_COMPARE_WHAT_H

#include "evaluate/compare.h"

/* Two runs, or cells of one. */
typedef struct ggdm_compare_what {
    const char *dir[2];           /* of one run: the same twice, as the next */
    const ggdm_results *table[2]; /* borrowed */
    const char *against;          /* of one run; NULL: of two */
    ggdm_partners partners;
} ggdm_compare_what;

/* A parameter that tells pairs apart: a column of one side. */
typedef struct ggdm_compare_label {
    int32_t side, column;
} ggdm_compare_label;

/** The parameters that tell pairs apart: what varies in a and, of two runs, in b alone; of one run
 *  they are those of b.  The arena's. */
ggdm_status ggdm_compare_labels(const ggdm_compare_what *what, ggdm_arena *arena,
                                ggdm_compare_label **out, int32_t *n, ggdm_error *err);
const ggdm_store_column *ggdm_compare_label_column(const ggdm_compare_what *what,
                                                   const ggdm_compare_label *label);
ggdm_store_value ggdm_compare_label_value(const ggdm_compare_what *what,
                                          const ggdm_compare_label *label,
                                          const ggdm_partner *partner);

/** Visit what is the same within each of two runs and not in both, with its values: what they were
 *  computed with, parameters ("-": it has none, "varies": it does not say), models of one name. */
typedef void (*ggdm_setting_visitor)(void *context, const char *name, const char *a, const char *b);
void ggdm_compare_each_setting(const ggdm_compare_what *what, ggdm_setting_visitor visit,
                               void *context);

/** Visit the measures that no pair of cells could be compared by, with the reason. */
typedef void (*ggdm_measure_visitor)(void *context, const char *name, const char *reason);
void ggdm_compare_each_unknown(const ggdm_comparison *c, ggdm_measure_visitor visit, void *context);

/** Why a row of a side is compared with none. */
ggdm_alone ggdm_compare_alone(const ggdm_compare_what *what, int side, int32_t row);
/** Of a side, the cells that have no partner. */
int32_t ggdm_compare_n_alone(const ggdm_compare_what *what, int side);

#endif
