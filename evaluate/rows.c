#include "evaluate/rows.h"

#include <stdlib.h>

#include "common/mem.h"

void ggdm_rows_deinit(ggdm_rows *rows)
{
    ggdm_feature_rows_deinit(&rows->own);
    free(rows->visitor);
    *rows = (ggdm_rows){0};
}

int64_t ggdm_rows_blocks(const ggdm_rows *rows)
{
    return (rows->n + GGDM_ROWS_BLOCK - 1) / GGDM_ROWS_BLOCK;
}

int64_t ggdm_rows_count(const ggdm_rows *rows, int64_t b)
{
    const int64_t left = rows->n - b * GGDM_ROWS_BLOCK;
    return left < GGDM_ROWS_BLOCK ? left : GGDM_ROWS_BLOCK;
}

int ggdm_rows_owner(const ggdm_rows *rows, int64_t b)
{
    return (int)(b % ggdm_world_size(rows->world));
}

/* The first of the own rows that block b is, where it is. */
static int64_t own_first(const ggdm_rows *rows, int64_t b)
{
    return b / ggdm_world_size(rows->world) * GGDM_ROWS_BLOCK;
}

const float *ggdm_rows_own(const ggdm_rows *rows, int64_t b)
{
    if (ggdm_rows_owner(rows, b) != ggdm_world_rank(rows->world))
        return NULL;
    return rows->own.x + own_first(rows, b) * rows->d;
}

/* (The sender's buffer is only read.) */
ggdm_status ggdm_rows_block(ggdm_rows *rows, int64_t b, const float **out, ggdm_error *err)
{
    const size_t count = (size_t)(ggdm_rows_count(rows, b) * rows->d);
    const float *own = ggdm_rows_own(rows, b);
    ggdm_status st = GGDM_OK;
    if (rows->visitor_cap == 0 && ggdm_world_size(rows->world) > 1)
        st = ggdm_world_agree(rows->world,
                              ggdm_grow(&rows->visitor, &rows->visitor_cap,
                                        (size_t)(GGDM_ROWS_BLOCK * rows->d), sizeof *own, err),
                              err);
    if (st != GGDM_OK)
        return st;
    *out = own ? own : rows->visitor;
    return ggdm_world_broadcast(rows->world, ggdm_rows_owner(rows, b), (float *)*out,
                                count * sizeof *own, err);
}

ggdm_status ggdm_rows_share(const ggdm_rows *rows, double *v, ggdm_error *err)
{
    for (int64_t b = 0; b < ggdm_rows_blocks(rows); b++)
        GGDM_TRY(ggdm_world_broadcast(rows->world, ggdm_rows_owner(rows, b),
                                      v + b * GGDM_ROWS_BLOCK,
                                      (size_t)ggdm_rows_count(rows, b) * sizeof *v, err));
    return GGDM_OK;
}
