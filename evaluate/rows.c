#include "evaluate/rows.h"

#include <stdlib.h>
#include <string.h>

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

static ggdm_status reserve(const ggdm_rows *rows, ggdm_feature_rows *out, ggdm_error *err)
{
    const size_t n = (size_t)rows->n;
    GGDM_TRY(ggdm_grow(&out->images, &out->images_cap, n, sizeof *out->images, err));
    return ggdm_grow(&out->x, &out->x_cap, n * (size_t)rows->d, sizeof *out->x, err);
}

ggdm_status ggdm_rows_all(ggdm_rows *rows, ggdm_feature_rows *out, ggdm_error *err)
{
    *out = (ggdm_feature_rows){.n = rows->n, .d = rows->d};
    ggdm_status st = ggdm_world_agree(rows->world, reserve(rows, out, err), err);
    for (int64_t b = 0; b < ggdm_rows_blocks(rows) && st == GGDM_OK; b++) {
        const int64_t first = b * GGDM_ROWS_BLOCK, n = ggdm_rows_count(rows, b);
        const int owner = ggdm_rows_owner(rows, b);
        if (ggdm_rows_own(rows, b)) {
            memcpy(out->x + first * rows->d, ggdm_rows_own(rows, b),
                   (size_t)(n * rows->d) * sizeof *out->x);
            memcpy(out->images + first, rows->own.images + own_first(rows, b),
                   (size_t)n * sizeof *out->images);
        }
        st = ggdm_world_broadcast(rows->world, owner, out->x + first * rows->d,
                                  (size_t)(n * rows->d) * sizeof *out->x, err);
        if (st == GGDM_OK)
            st = ggdm_world_broadcast(rows->world, owner, out->images + first,
                                      (size_t)n * sizeof *out->images, err);
    }
    return st;
}
