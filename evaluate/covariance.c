#include "evaluate/covariance.h"

#include <stdlib.h>

#include "common/mem.h"

#define SLICE 256 /* features at once */

ggdm_status ggdm_rows_mean(ggdm_rows *rows, double *mean, ggdm_error *err)
{
    const int64_t d = rows->d;
    for (int64_t j = 0; j < d; j++)
        mean[j] = 0;
    for (int64_t b = 0; b < ggdm_rows_blocks(rows); b++) {
        const float *x;
        GGDM_TRY(ggdm_rows_block(rows, b, &x, err));
        for (int64_t i = 0; i < ggdm_rows_count(rows, b); i++)
            for (int64_t j = 0; j < d; j++)
                mean[j] += x[i * d + j];
    }
    for (int64_t j = 0; j < d; j++)
        mean[j] /= (double)rows->n;
    return GGDM_OK;
}

/* Room on all ranks for k rows of n doubles. */
static ggdm_status make_panel(ggdm_world *world, int64_t k, int64_t n, double **out,
                              ggdm_error *err)
{
    return ggdm_world_agree(world, ggdm_alloc(out, (size_t)k * (size_t)n, sizeof **out, err), err);
}

/* Block b, shifted and weighed: panel [count, d]. */
static ggdm_status read_block(ggdm_rows *rows, int64_t b, const double *shift,
                              const double *weights, double *panel, ggdm_error *err)
{
    const int64_t d = rows->d;
    const float *x;
    GGDM_TRY(ggdm_rows_block(rows, b, &x, err));
    for (int64_t i = 0; i < ggdm_rows_count(rows, b); i++) {
        const double weight = weights ? weights[b * GGDM_ROWS_BLOCK + i] : 1;
        for (int64_t j = 0; j < d; j++)
            panel[i * d + j] = weight * (x[i * d + j] - (shift ? shift[j] : 0));
    }
    return GGDM_OK;
}

ggdm_status ggdm_rows_gram(ggdm_rows *rows, const double *shift, const double *weights,
                           ggdm_matrix *out, ggdm_error *err)
{
    double *panel = NULL;
    ggdm_status st = make_panel(rows->world, GGDM_ROWS_BLOCK, rows->d, &panel, err);
    for (int64_t b = 0; b < ggdm_rows_blocks(rows) && st == GGDM_OK; b++) {
        st = read_block(rows, b, shift, weights, panel, err);
        if (st == GGDM_OK)
            ggdm_matrix_add_gram(out, panel, ggdm_rows_count(rows, b));
    }
    free(panel);
    return st;
}

ggdm_status ggdm_rows_covariance(ggdm_rows *rows, const double *mean, ggdm_matrix *out,
                                 ggdm_error *err)
{
    double *scale = NULL;
    ggdm_status st = make_panel(rows->world, 1, rows->d, &scale, err);
    if (st == GGDM_OK)
        st = ggdm_rows_gram(rows, mean, NULL, out, err);
    for (int64_t j = 0; j < rows->d && st == GGDM_OK; j++)
        scale[j] = 1 / (double)(rows->n - 1);
    if (st == GGDM_OK)
        ggdm_matrix_scale(out, scale);
    free(scale);
    return st;
}

/* Features first to first + k - 1 of all rows, weighed: panel [k, n].  slice: room for those of a
 * block. */
static ggdm_status read_slice(ggdm_rows *rows, int64_t first, int64_t k, const double *weights,
                              float *slice, double *panel, ggdm_error *err)
{
    const int64_t n = rows->n;
    for (int64_t b = 0; b < ggdm_rows_blocks(rows); b++) {
        const int64_t count = ggdm_rows_count(rows, b), row = b * GGDM_ROWS_BLOCK;
        const float *own = ggdm_rows_own(rows, b);
        for (int64_t i = 0; own && i < count; i++)
            for (int64_t j = 0; j < k; j++)
                slice[i * k + j] = own[i * rows->d + first + j];
        GGDM_TRY(ggdm_world_broadcast(rows->world, ggdm_rows_owner(rows, b), slice,
                                      (size_t)(count * k) * sizeof *slice, err));
        for (int64_t j = 0; j < k; j++)
            for (int64_t i = 0; i < count; i++)
                panel[j * n + row + i] = weights[row + i] * slice[i * k + j];
    }
    return GGDM_OK;
}

ggdm_status ggdm_rows_kernel(ggdm_rows *rows, const double *weights, ggdm_matrix *out,
                             ggdm_error *err)
{
    float slice[GGDM_ROWS_BLOCK * SLICE];
    double *panel = NULL;
    ggdm_status st = make_panel(rows->world, SLICE, rows->n, &panel, err);
    for (int64_t first = 0; first < rows->d && st == GGDM_OK; first += SLICE) {
        const int64_t k = rows->d - first < SLICE ? rows->d - first : SLICE;
        st = read_slice(rows, first, k, weights, slice, panel, err);
        if (st == GGDM_OK)
            ggdm_matrix_add_gram(out, panel, k);
    }
    free(panel);
    return st;
}

ggdm_status ggdm_rows_centred(ggdm_rows *rows, const double *mean, ggdm_matrix *out,
                              ggdm_error *err)
{
    double *panel = NULL;
    ggdm_status st = make_panel(rows->world, GGDM_ROWS_BLOCK, rows->d, &panel, err);
    for (int64_t b = 0; b < ggdm_rows_blocks(rows) && st == GGDM_OK; b++) {
        st = read_block(rows, b, mean, NULL, panel, err);
        for (int64_t t = 0; t < ggdm_matrix_tiles(out) && st == GGDM_OK; t++) {
            const ggdm_matrix_part tile = ggdm_matrix_tile(out, t);
            for (int64_t j = 0; tile.row == b * GGDM_TILE && j < tile.cols; j++)
                for (int64_t i = 0; i < tile.rows; i++)
                    tile.x[j * out->stride + i] = panel[i * rows->d + tile.col + j];
        }
    }
    free(panel);
    return st;
}
