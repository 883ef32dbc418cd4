/* The rounding errors of Winograd's F(4x4, 3x3) (models/nn/winograd.c, kernels_conv.inc). */
#include <math.h>

#include "models/nn/ref_impl.h"

enum { IN = 6, OUT = 4, KERNEL = 3 };
#define A 0.75
#define B 1.5
#define NA (2 * A * A * (B * B - A * A)) /* divisors of the weights */
#define NB (2 * B * B * (B * B - A * A))

/* The absolute values of the three matrices, of the weights and of four results; of three results,
 * which lack the fifth point. */
static const double pixels4[IN][IN] = {{A * A * B * B, 0, A *A + B *B, 0, 1, 0},
                                       {0, A *B *B, B *B, A, 1, 0},
                                       {0, A *B *B, B *B, A, 1, 0},
                                       {0, A *A *B, A *A, B, 1, 0},
                                       {0, A *A *B, A *A, B, 1, 0},
                                       {0, A *A *B *B, 0, A *A + B *B, 0, 1}};
static const double weights[IN][KERNEL] = {{1 / (A * A * B * B), 0, 0}, {1 / NA, A / NA, A *A / NA},
                                           {1 / NA, A / NA, A *A / NA}, {1 / NB, B / NB, B *B / NB},
                                           {1 / NB, B / NB, B *B / NB}, {0, 0, 1}};
static const double results4[OUT][IN] = {{1, 1, 1, 1, 1, 0},
                                         {0, A, A, B, B, 0},
                                         {0, A *A, A *A, B *B, B *B, 0},
                                         {0, A *A *A, A *A *A, B *B *B, B *B *B, 1}};
static const double pixels3[IN][IN] = {
    {A * A * B * B, A *A *B, B *B, B},
    {0, (A + B) * A *B, (B + A) * (B - A), A + B},
    {0, (B - A) * A *B, (B - A) * (B + A), B - A},
    {0, 2 * A *A *B, 0, 2 * B},
    {0},
    {0, A *A *B, A *A, B, 1},
};
static const double results3[OUT][IN] = {
    {1, 1, 1, 1, 0, 0}, {0, A, A, B, 0, 0}, {0, A *A, A *A, B *B, 0, 1}};

/* Lines of results along a side of an image (winograd.c): which tile has one, where it begins. */
typedef struct side_tile {
    int64_t first;
    int lines;
} side_tile;

static side_tile tile_of(int64_t line, int64_t side)
{
    const int64_t tiles = (side + OUT - 1) / OUT, threes = OUT * tiles - side;
    const int64_t fours = tiles > threes ? tiles - threes : 0;
    if (line < OUT * fours)
        return (side_tile){line / OUT * OUT, OUT};
    return (side_tile){OUT * fours + (line - OUT * fours) / (OUT - 1) * (OUT - 1), OUT - 1};
}

/* M |x| N' [rows, rows] of x [n, n], for matrices [rows, n]. */
static void both_sides(const double *matrix, const double *other, int rows, int n, const double *x,
                       double *y)
{
    double half[IN * IN];
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < n; j++) {
            half[r * n + j] = 0;
            for (int i = 0; i < n; i++)
                half[r * n + j] += matrix[r * n + i] * fabs(x[i * n + j]);
        }
    for (int r = 0; r < rows; r++)
        for (int s = 0; s < rows; s++) {
            y[r * rows + s] = 0;
            for (int j = 0; j < n; j++)
                y[r * rows + s] += other[s * n + j] * half[r * n + j];
        }
}

/* The 6 x 6 pixels of a channel around a tile that begins there; x: one image. */
static void take_pixels(const ggdm_conv *c, const ggdm_shape *x_shape, const double *x, int64_t row,
                        int64_t column, int64_t channel, double d[IN * IN])
{
    const int64_t h = x_shape->d[1], w = x_shape->d[2], channels = x_shape->d[3];
    for (int i = 0; i < IN * IN; i++) {
        const int64_t y = row - c->top + i / IN, v = column - c->left + i % IN;
        const bool inside = y >= 0 && y < h && v >= 0 && v < w;
        d[i] = inside ? x[(y * w + v) * channels + channel] : 0;
    }
}

/* A result is a sum over the channels in their order, of which the first term is rounded as often
 * as there are channels and the last one once; transforms of pixels add two times 3 roundings, of
 * results two times 3, weights one and the bias one. */
#define TRANSFORM_ROUNDINGS 14

/* Of one tile and output channel: terms times their roundings. */
static void tile_mag(const ggdm_conv *c, const ggdm_shape *shape, const double *x, const double *w,
                     side_tile row, side_tile column, double mag[OUT * OUT])
{
    const bool tall = row.lines == OUT, wide = column.lines == OUT;
    double sum[IN * IN] = {0}, d[IN * IN], v[IN * IN], u[IN * IN];
    const int64_t channels = shape[0].d[3];
    for (int64_t i = 0; i < channels; i++) {
        const double roundings = (double)(channels - i + TRANSFORM_ROUNDINGS);
        take_pixels(c, &shape[0], x, row.first, column.first, i, d);
        both_sides(tall ? *pixels4 : *pixels3, wide ? *pixels4 : *pixels3, IN, IN, d, v);
        both_sides(*weights, *weights, IN, KERNEL, w + i * KERNEL * KERNEL, u);
        for (int k = 0; k < IN * IN; k++)
            sum[k] += roundings * u[k] * v[k];
    }
    both_sides(tall ? *results4 : *results3, wide ? *results4 : *results3, OUT, IN, sum, mag);
}

/* The caller counts the roundings of the plain sum, so what is added to mag is less by as much. */
static double share_of_roundings(int64_t channels)
{
    return 1 / (double)(channels * KERNEL * KERNEL + 1 + GGDM_REF_ROUNDINGS);
}

/* To one channel of an image. */
static void add_tile(const double tile[OUT * OUT], double share, side_tile row, side_tile column,
                     const ggdm_shape *out, double *mag)
{
    for (int i = 0; i < row.lines && row.first + i < out->d[1]; i++)
        for (int j = 0; j < column.lines && column.first + j < out->d[2]; j++)
            mag[((row.first + i) * out->d[2] + column.first + j) * out->d[3]] +=
                share * tile[i * OUT + j];
}

void ggdm_ref_winograd_mag(const ggdm_conv *c, const ggdm_shape *shape, const double *x,
                           const double *w, const ggdm_shape *out, double *mag)
{
    const int64_t h = out->d[1], width = out->d[2], n_out = out->d[3];
    const int64_t image = ggdm_shape_inner(&shape[0]), filter = ggdm_shape_inner(&shape[1]);
    const double share = share_of_roundings(shape[0].d[3]);
    for (int64_t n = 0; n < out->d[0]; n++)
        for (int64_t y = 0; y < h; y++)
            for (int64_t v = 0; v < width; v++) {
                const side_tile row = tile_of(y, h), column = tile_of(v, width);
                if (y > row.first || v > column.first)
                    continue;
                for (int64_t o = 0; o < n_out; o++) {
                    double tile[OUT * OUT];
                    tile_mag(c, shape, x + n * image, w + o * filter, row, column, tile);
                    add_tile(tile, share, row, column, out, mag + n * h * width * n_out + o);
                }
            }
}
