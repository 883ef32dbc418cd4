/* What `ggdm compare` prints: tables for people, which are Markdown, or JSON. */
#ifndef GGDM_COORDINATOR_COMPARE_VIEW_H
#define GGDM_COORDINATOR_COMPARE_VIEW_H

#include <stdio.h>

#include "coordinator/cmd/compare_what.h"

/* Pairs of cells: of whose images of the same index, pixels and measures. */
typedef struct ggdm_compare_counts {
    int32_t equal, unequal; /* all, not all images are equal to the bit */
    int32_t apart;          /* no image has the index of another */
    int32_t partly;         /* images are pairs, and some are in one cell only */
} ggdm_compare_counts;

ggdm_compare_counts ggdm_compare_count(const ggdm_comparison *c);
/** Of how many pairs of cells this measure differs by more than chance; *tests: of how many. */
int32_t ggdm_compare_n_differing(const ggdm_comparison *c, int32_t measure, int32_t *tests);

/** Errors: GGDM_ENOMEM. */
ggdm_status ggdm_compare_print(FILE *out, const ggdm_compare_what *what, const ggdm_comparison *c,
                               ggdm_error *err);
/** As ggdm_compare_print (coordinator/cmd/compare_json.c). */
ggdm_status ggdm_compare_print_json(FILE *out, const ggdm_compare_what *what,
                                    const ggdm_comparison *c, ggdm_error *err);

#endif
