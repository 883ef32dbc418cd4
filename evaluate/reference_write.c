/* A reference as an npz file (evaluate/reference_file.h), which rank 0 writes. */
#include <stdlib.h>
#include <string.h>

#include "common/container.h"
#include "common/mem.h"
#include "common/npy.h"
#include "evaluate/reference.h"

typedef struct writing {
    const ggdm_reference *of;
    const char *features;
    const ggdm_gaussian *gaussian;
    double *sigma; /* [d, d] */
} writing;

static ggdm_status put(ggdm_container *c, const char *name, ggdm_npy_type type,
                       const int64_t *shape, int n_dims, const void *data, size_t size,
                       ggdm_error *err)
{
    GGDM_TRY(ggdm_container_begin_array(c, name, type, shape, n_dims, err));
    return ggdm_container_write(c, data, size, err);
}

/* All but activations, of which the beginning. */
static ggdm_status put_head(const writing *w, ggdm_container *c, ggdm_error *err)
{
    const int64_t n = w->of->n, d = w->of->d;
    const size_t length = strlen(w->features), side = (size_t)d;
    const int64_t square[] = {d, d}, one[] = {1}, text[] = {(int64_t)length}, rows[] = {n, d};
    GGDM_TRY(put(c, "mu.npy", GGDM_NPY_F64, square, 1, w->gaussian->mean,
                 side * sizeof *w->gaussian->mean, err));
    GGDM_TRY(put(c, "sigma.npy", GGDM_NPY_F64, square, 2, w->sigma, side * side * sizeof *w->sigma,
                 err));
    GGDM_TRY(put(c, "n.npy", GGDM_NPY_I64, one, 1, &n, sizeof n, err));
    GGDM_TRY(put(c, "features.npy", GGDM_NPY_U8, text, 1, w->features, length, err));
    return ggdm_container_begin_array(c, "activations.npy", GGDM_NPY_F32, rows, 2, err);
}

/* c: NULL but on rank 0, whose error is *st. */
static ggdm_status put_rows(ggdm_rows *rows, ggdm_container *c, ggdm_status st, ggdm_error *err)
{
    for (int64_t b = 0; b < ggdm_rows_blocks(rows); b++) {
        ggdm_error why = {0};
        const float *x;
        if (ggdm_rows_block(rows, b, &x, &why) != GGDM_OK) {
            *err = why;
            return why.code;
        }
        if (c && st == GGDM_OK)
            st = ggdm_container_write(
                c, x, (size_t)(ggdm_rows_count(rows, b) * rows->d) * sizeof *x, err);
    }
    return st;
}

ggdm_status ggdm_reference_write(ggdm_reference *reference, const char *features, const char *path,
                                 ggdm_error *err)
{
    ggdm_world *world = reference->world;
    const bool first = ggdm_world_rank(world) == 0;
    const size_t side = (size_t)reference->d;
    ggdm_gaussian *gaussian;
    ggdm_container *c = NULL;
    writing w = {.of = reference, .features = features};
    GGDM_TRY(ggdm_reference_gaussian(reference, &gaussian, err));
    w.gaussian = gaussian;
    ggdm_status st = first ? ggdm_alloc(&w.sigma, side * side, sizeof *w.sigma, err) : GGDM_OK;
    st = ggdm_world_agree(world, st, err);
    if (st == GGDM_OK)
        st = ggdm_matrix_give_symmetric(&gaussian->sigma, w.sigma, err);
    if (st == GGDM_OK && first)
        st = ggdm_container_create(GGDM_ZIP, path, &c, err);
    if (st == GGDM_OK && first)
        st = put_head(&w, c, err);
    st = ggdm_world_agree(world, st, err);
    if (st == GGDM_OK)
        st = put_rows(&reference->rows, c, st, err);
    if (st == GGDM_OK && first)
        st = ggdm_container_commit(&c, err);
    ggdm_container_abort(&c);
    free(w.sigma);
    return ggdm_world_agree(world, st, err);
}
