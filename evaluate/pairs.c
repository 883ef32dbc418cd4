#include "evaluate/pairs.h"

#include <string.h>

enum {
    SIDE = GGDM_ROWS_BLOCK,
    DEPTH = 64, /* features at once: two pieces and a tile stay in the fastest cache */
    ROWS = 8,   /* sums at once, LANES each: as many as there are registers for */
    LANES = 4
};
typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));

/* Some features of a block of rows, transposed. */
typedef double piece[DEPTH][SIDE];

static void take(const float *x, int64_t n, int64_t d, int64_t depth, piece out)
{
    for (int64_t i = 0; i < SIDE; i++)
        for (int64_t k = 0; k < depth; k++)
            out[k][i] = i < n ? x[i * d + k] : 0;
}

/* dots += a^T b, each sum in the order of k.  (What the compiler makes of it for other machines has
 * the same bits.) */
__attribute__((target_clones("avx2", "default"))) static void
add_products(const piece a, const piece b, int64_t depth, double *dots)
{
    for (int i = 0; i < SIDE; i += ROWS)
        for (int j = 0; j < SIDE; j += LANES) {
            lanes sum[ROWS];
            for (int r = 0; r < ROWS; r++)
                memcpy(&sum[r], dots + (i + r) * SIDE + j, sizeof *sum);
            for (int64_t k = 0; k < depth; k++) {
                lanes column;
                memcpy(&column, &b[k][j], sizeof column);
                for (int r = 0; r < ROWS; r++)
                    sum[r] += a[k][i + r] * column;
            }
            for (int r = 0; r < ROWS; r++)
                memcpy(dots + (i + r) * SIDE + j, &sum[r], sizeof *sum);
        }
}

/* Blocks of n_a and n_b rows. */
static void multiply(const float *a, int64_t n_a, const float *b, int64_t n_b, int64_t d,
                     double *dots)
{
    piece of_a, of_b;
    memset(dots, 0, SIDE * SIDE * sizeof *dots);
    for (int64_t k = 0; k < d; k += DEPTH) {
        const int64_t depth = d - k < DEPTH ? d - k : DEPTH;
        take(a + k, n_a, d, depth, of_a);
        take(b + k, n_b, d, depth, of_b);
        add_products(of_a, of_b, depth, dots);
    }
}

/* Block q of b, [n, d], with this rank's blocks of a. */
static void visit_block(const ggdm_rows *a, const float *b, int64_t q, int64_t n,
                        ggdm_tile_visitor visit, void *context)
{
    const int rank = ggdm_world_rank(a->world), ranks = ggdm_world_size(a->world);
#pragma omp parallel for schedule(dynamic)
    for (int64_t p = rank; p < ggdm_rows_blocks(a); p += ranks) {
        double dots[SIDE * SIDE];
        const ggdm_tile tile = {p * SIDE, ggdm_rows_count(a, p), q * SIDE, n, dots};
        multiply(ggdm_rows_own(a, p), tile.rows, b, n, a->d, dots);
        visit(context, &tile);
    }
}

ggdm_status ggdm_pairs_each(ggdm_rows *a, ggdm_rows *b, ggdm_tile_visitor visit, void *context,
                            ggdm_error *err)
{
    for (int64_t q = 0; q < ggdm_rows_blocks(b); q++) {
        const float *block;
        GGDM_TRY(ggdm_rows_block(b, q, &block, err));
        visit_block(a, block, q, ggdm_rows_count(b, q), visit, context);
    }
    return GGDM_OK;
}
