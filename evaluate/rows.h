/* A matrix of features over a world: a row for each image of a set, in their order.  Rows stand in
 * blocks, which are dealt to the ranks in turn: block b is on rank b % size.  What all ranks need
 * they get block by block, so that no rank ever holds all, and what is summed in the order of
 * blocks has the same bits for any number of ranks. */
#ifndef GGDM_EVALUATE_ROWS_H
#define GGDM_EVALUATE_ROWS_H

#include "common/collective.h"
#include "evaluate/features.h"

#define GGDM_ROWS_BLOCK 64

typedef struct ggdm_rows {
    ggdm_world *world;     /* borrowed */
    int64_t n, d;          /* of all ranks */
    ggdm_feature_rows own; /* those of this rank's blocks, one block behind the other */
    float *visitor;        /* [GGDM_ROWS_BLOCK, d] a block of another rank */
    size_t visitor_cap;
} ggdm_rows;

void ggdm_rows_deinit(ggdm_rows *rows);

int64_t ggdm_rows_blocks(const ggdm_rows *rows);
/** How many rows block b has: GGDM_ROWS_BLOCK, but for the last. */
int64_t ggdm_rows_count(const ggdm_rows *rows, int64_t b);
/** The rank that has block b. */
int ggdm_rows_owner(const ggdm_rows *rows, int64_t b);
/** Block b [count, d] where it is this rank's, else NULL. */
const float *ggdm_rows_own(const ggdm_rows *rows, int64_t b);
/** Block b [count, d] on every rank, until the next call.  Collective. */
ggdm_status ggdm_rows_block(ggdm_rows *rows, int64_t b, const float **out, ggdm_error *err);
/** v [n] has a number for each row, right for this rank's own; afterwards for all.  Collective. */
ggdm_status ggdm_rows_share(const ggdm_rows *rows, double *v, ggdm_error *err);

#endif
