/* Convolutions whose stride is the size of their kernel: pixels are brought together by patches,
 * then it is a linear layer over them. */
#include <string.h>

#include "models/nn/graph_impl.h"
#include "models/nn/ops.h"

/* One image [H, W, I] and its patches [H/P, W/P, I, P, P], in either direction. */
typedef struct patching {
    char *pixels, *patches;
    int64_t rows, columns; /* of patches */
    int64_t width, channels, size;
} patching;

static patching patching_of(const ggdm_op *op, const ggdm_value *image, const ggdm_value *tokens,
                            int64_t n)
{
    const int64_t *d = image->shape.d, size = op->patch.size;
    return (patching){.pixels = ggdm_act_image(image, n),
                      .patches = ggdm_act_image(tokens, n),
                      .rows = d[1] / size,
                      .columns = d[2] / size,
                      .width = d[2],
                      .channels = d[3],
                      .size = size};
}

/* The element of a patch that is channel c of its first pixel in a row of it. */
static int64_t first_in_row(const patching *p, int64_t patch, int64_t c, int64_t row)
{
    return ((patch * p->channels + c) * p->size + row) * p->size;
}

/* A function that moves elements of a type: MOVE has from and to, of pixels and of patches. */
#define MOVER(name, type, MOVE)                                                                    \
    static void name(const patching *p)                                                            \
    {                                                                                              \
        type *pixels = (type *)(void *)p->pixels, *patches = (type *)(void *)p->patches;           \
        for (int64_t patch = 0; patch < p->rows * p->columns; patch++)                             \
            for (int64_t row = 0; row < p->size; row++) {                                          \
                const int64_t y = patch / p->columns * p->size + row;                              \
                const int64_t x = patch % p->columns * p->size;                                    \
                type *pixel = pixels + (y * p->width + x) * p->channels;                           \
                for (int64_t c = 0; c < p->channels; c++) {                                        \
                    type *to = patches + first_in_row(p, patch, c, row);                           \
                    for (int64_t k = 0; k < p->size; k++)                                          \
                        MOVE(pixel[k * p->channels + c], to[k]);                                   \
                }                                                                                  \
            }                                                                                      \
    }
#define GATHER(pixel, element) element = pixel
#define SCATTER(pixel, element) pixel = element

MOVER(gather_4, uint32_t, GATHER)
MOVER(gather_2, uint16_t, GATHER)
MOVER(scatter_4, uint32_t, SCATTER)
MOVER(scatter_2, uint16_t, SCATTER)

static void patches_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *x = ggdm_in(g, op, 0);
    const patching p = patching_of(op, x, ggdm_out(g, op, 0), n);
    (ggdm_dtype_size(x->dtype) == 4 ? gather_4 : gather_2)(&p);
}

/* in gy; out gx: of pixels that are in no patch nothing */
static void patches_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *gx = ggdm_out(g, op, 0);
    const patching p = patching_of(op, gx, ggdm_in(g, op, 0), n);
    const size_t size = ggdm_dtype_size(gx->dtype);
    if (gx->shape.d[1] % p.size || gx->shape.d[2] % p.size)
        memset(p.pixels, 0, size * (size_t)ggdm_shape_inner(&gx->shape));
    (size == 4 ? scatter_4 : scatter_2)(&p);
}

static const ggdm_op_kind kind_patches_bwd = {.name = "patches_backward",
                                              .run_image = patches_bwd_run};

static void patches_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                        ggdm_val *gin)
{
    (void)need;
    ggdm_op bwd = ggdm_op_make(&kind_patches_bwd, gy, -1, -1, -1);
    bwd.patch = op->patch;
    bwd.out[0] = ggdm_graph_value(g, g->dtype, *ggdm_graph_shape(g, op->in[0]));
    gin[0] = ggdm_graph_emit(g, &bwd);
}

static const ggdm_op_kind kind_patches = {
    .name = "patches", .run_image = patches_run, .vjp = patches_vjp};

ggdm_val ggdm_patch_conv(ggdm_graph *g, ggdm_val x, ggdm_val w)
{
    const ggdm_value *vx = ggdm_graph_check(g, "patch_conv", "x", x, 4);
    const ggdm_value *vw = ggdm_graph_check(g, "patch_conv", "w", w, 4);
    if (!vx || !vw)
        return -1;
    const int64_t *xd = vx->shape.d, *wd = vw->shape.d, size = wd[2];
    if (wd[1] != xd[3] || wd[3] != size || xd[1] < size || xd[2] < size)
        return ggdm_graph_fail(g, GGDM_ESHAPE,
                               "patch_conv: patches of %lldx%lldx%lld, image of %lldx%lldx%lld",
                               (long long)size, (long long)wd[3], (long long)wd[1],
                               (long long)xd[1], (long long)xd[2], (long long)xd[3]);
    const int64_t patches = (xd[1] / size) * (xd[2] / size);
    const ggdm_shape tokens = GGDM_SHAPE3(xd[0], patches, ggdm_shape_inner(&vw->shape));
    const ggdm_shape result = GGDM_SHAPE3(xd[0], patches, wd[0]);
    ggdm_op op = ggdm_op_make(&kind_patches, ggdm_graph_act(g, x), -1, -1, -1);
    op.patch.size = (int)size;
    op.out[0] = ggdm_graph_value(g, g->dtype, tokens);
    return ggdm_emit_linear_conv(g, ggdm_graph_emit(g, &op), w, -1, result);
}
