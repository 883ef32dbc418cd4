/* The part of report.md and report.tex that has a row for each cell. */
#ifndef GGDM_COORDINATOR_PAPER_CELLS_H
#define GGDM_COORDINATOR_PAPER_CELLS_H

#include "common/arena.h"
#include "coordinator/show/markup.h"
#include "coordinator/show/quantity.h"

/* What a page shows. */
typedef struct ggdm_shown {
    ggdm_quantity quantity;
    int decimals; /* of all its cells */
} ggdm_shown;

/* A page while it is written. */
typedef struct ggdm_paper {
    FILE *out;
    const ggdm_results *r;
    const ggdm_markup *markup;
    ggdm_arena arena;
    ggdm_shown *shown; /* [n] */
    int32_t n;
    int32_t tables; /* so far */
} ggdm_paper;

/** The parameters that vary, n where it is not the same everywhere, diverged images where there are
 *  some, and the quantities; in several tables where one has no room for all.  folded: out of the
 *  way, as there are other tables.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_paper_put_cells(ggdm_paper *p, bool folded, ggdm_error *err);

#endif
