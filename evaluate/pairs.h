/* Each row of one matrix with each of another, as products: what kernels and distances are made of.
 *
 * Products of two f32 are exact in f64 and are added in the order of the features, whoever does it
 * and with what instructions: a product has the same bits for any number of ranks and threads, on
 * any machine, and a row has with its copy the product that it has with itself.  A rank has the
 * products of its own rows; the rows of the other matrix pass by, block by block. */
#ifndef GGDM_EVALUATE_PAIRS_H
#define GGDM_EVALUATE_PAIRS_H

#include "evaluate/rows.h"

/* Rows of a with rows of b. */
typedef struct ggdm_tile {
    int64_t row, rows;       /* of a: from row on */
    int64_t column, columns; /* of b */
    const double *dots;      /* [rows][GGDM_ROWS_BLOCK], of which columns are there */
} ggdm_tile;

/** Tiles of the same rows come in the order of columns; those of other rows come from other threads
 *  at the same time. */
typedef void (*ggdm_tile_visitor)(void *context, const ggdm_tile *tile);

/** Show visit this rank's rows of a with all of b, which has as many features or is a itself.
 *  Collective. */
ggdm_status ggdm_pairs_each(ggdm_rows *a, ggdm_rows *b, ggdm_tile_visitor visit, void *context,
                            ggdm_error *err);

#endif
