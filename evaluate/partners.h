/* Which cells are compared with which: of two runs, or of one. */
#ifndef GGDM_EVALUATE_PARTNERS_H
#define GGDM_EVALUATE_PARTNERS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/status.h"
#include "jobs/results.h"

typedef struct ggdm_partner {
    int32_t a, b; /* rows of the tables */
    bool by_key;  /* not their parameters, but their keys agree */
} ggdm_partner;

/* Why a cell is compared with none. */
typedef enum ggdm_alone {
    GGDM_ALONE_NOT,     /* it is compared */
    GGDM_ALONE_NONE,    /* no cell of the other side has its values */
    GGDM_ALONE_SEVERAL, /* several have, and so has another cell of its own side */
    GGDM_ALONE_AGAIN,   /* another cell of these values shows its images, or more of them */
    GGDM_ALONE_OUTSIDE, /* of one run: it is on the other side */
} ggdm_alone;

/* A parameter that tells cells apart, by its columns. */
typedef struct ggdm_matched_column {
    int32_t a, b;
} ggdm_matched_column;

typedef struct ggdm_partners {
    ggdm_arena arena;    /* of all below */
    ggdm_partner *pairs; /* [n] by a, then b; of one run by b, then a */
    int32_t n;
    ggdm_matched_column *columns; /* [n_columns] that both have to agree in */
    int32_t n_columns;
    ggdm_alone *alone_a, *alone_b; /* of each row */
} ggdm_partners;

/** Cells of two runs.  They are matched by the columns that both have, by path or else by name, and
 *  that vary in one of them: a cell that alone has its values on its side with each of the other
 *  side that has them.  Cells that are left over are matched by their keys, in their order.
 *  *out is owned: ggdm_partners_deinit, also after an error.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_partners_of_runs(const ggdm_results *a, const ggdm_results *b, ggdm_partners *out,
                                  ggdm_error *err);

/** Cells of one run: a is each that `against` means (jobs/cell_select.h), b the others, which are
 *  compared with those that equal them in all parameters that vary and of which the expression says
 *  nothing; where it means one cell, or no parameter stands in it, with all of them.
 *  Errors: those of the expression; GGDM_EINVAL where it means all cells. */
ggdm_status ggdm_partners_of_run(const ggdm_results *r, const char *against, ggdm_partners *out,
                                 ggdm_error *err);

void ggdm_partners_deinit(ggdm_partners *partners);

/** The column of a table that is the same parameter as one of another table: by path or else by
 *  name; -1: none. */
int32_t ggdm_partners_column(const ggdm_results *r, const ggdm_store_column *column);

#endif
