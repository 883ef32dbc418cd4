/* References of poolings (models/nn/ref.h). */
#include "models/nn/ref_impl.h"

/* ggdm_max_pool and ggdm_avg_pool of k. */
static ggdm_window side_by_side(const ggdm_op_config *cfg)
{
    return (ggdm_window){cfg->k, cfg->k, 0};
}

static ggdm_shape pool_shape(const ggdm_shape *shape, ggdm_window w)
{
    const int64_t *x = shape[0].d;
    return GGDM_SHAPE4(x[0], (x[1] + 2 * w.pad - w.size) / w.stride + 1,
                       (x[2] + 2 * w.pad - w.size) / w.stride + 1, x[3]);
}

ggdm_shape ggdm_ref_shape_pool(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    return pool_shape(shape, side_by_side(cfg));
}

ggdm_shape ggdm_ref_shape_pool_windows(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    return pool_shape(shape, cfg->window);
}

/* The largest element, or the mean, of those of a window at pixel (top, left) that are in an image
 * [height, width] whose pixels are step elements apart. */
static void pool_one(const double *x, int64_t height, int64_t width, int64_t step, int64_t top,
                     int64_t left, int size, bool mean, double *y, double *mag, int64_t at)
{
    double largest = -INFINITY, sum = 0, absolute = 0, count = 0;
    for (int i = 0; i < size * size; i++) {
        const int64_t h = top + i / size, w = left + i % size;
        if (h < 0 || h >= height || w < 0 || w >= width)
            continue;
        const double v = x[(h * width + w) * step];
        largest = fmax(largest, v);
        sum += v;
        absolute += fabs(v);
        count++;
    }
    put(y, mag, at, mean ? sum / count : largest, mean ? absolute / count : 0);
}

static int64_t pool(const ggdm_shape *shape, const double *x, ggdm_window window, bool mean,
                    double *y, double *mag)
{
    const ggdm_shape out = pool_shape(shape, window);
    const int64_t height = shape[0].d[1], width = shape[0].d[2], channels = shape[0].d[3];
    for (int64_t n = 0, at = 0; n < out.d[0]; n++, x += height * width * channels)
        for (int64_t oh = 0; oh < out.d[1]; oh++)
            for (int64_t ow = 0; ow < out.d[2]; ow++)
                for (int64_t c = 0; c < channels; c++, at++)
                    pool_one(x + c, height, width, channels, oh * window.stride - window.pad,
                             ow * window.stride - window.pad, window.size, mean, y, mag, at);
    return mean ? window.size * window.size : 0;
}

int64_t ggdm_ref_max_pool(const ggdm_op_config *cfg, const ggdm_shape *shape,
                          const double *const *in, double *y, double *mag)
{
    return pool(shape, in[0], side_by_side(cfg), false, y, mag);
}

int64_t ggdm_ref_avg_pool(const ggdm_op_config *cfg, const ggdm_shape *shape,
                          const double *const *in, double *y, double *mag)
{
    return pool(shape, in[0], side_by_side(cfg), true, y, mag);
}

int64_t ggdm_ref_max_pool_windows(const ggdm_op_config *cfg, const ggdm_shape *shape,
                                  const double *const *in, double *y, double *mag)
{
    return pool(shape, in[0], cfg->window, false, y, mag);
}

int64_t ggdm_ref_avg_pool_windows(const ggdm_op_config *cfg, const ggdm_shape *shape,
                                  const double *const *in, double *y, double *mag)
{
    return pool(shape, in[0], cfg->window, true, y, mag);
}

ggdm_shape ggdm_ref_shape_global_avg_pool(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    (void)cfg;
    return GGDM_SHAPE2(shape[0].d[0], shape[0].d[3]);
}

int64_t ggdm_ref_global_avg_pool(const ggdm_op_config *cfg, const ggdm_shape *shape,
                                 const double *const *in, double *y, double *mag)
{
    const int64_t pixels = shape[0].d[1] * shape[0].d[2], channels = shape[0].d[3];
    (void)cfg;
    for (int64_t n = 0; n < shape[0].d[0]; n++) {
        for (int64_t c = 0; c < channels; c++) {
            double sum = 0, absolute = 0;
            for (int64_t p = 0; p < pixels; p++) {
                sum += in[0][(n * pixels + p) * channels + c] / (double)pixels;
                absolute += fabs(in[0][(n * pixels + p) * channels + c]) / (double)pixels;
            }
            put(y, mag, n * channels + c, sum, absolute);
        }
    }
    return pixels;
}
