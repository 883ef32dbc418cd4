/* References of what brings images and rows to a scale and to a size (models/nn/ref.h). */
#include <stdlib.h>

#include "models/nn/ref_impl.h"

int64_t ggdm_ref_normalize(const ggdm_op_config *cfg, const ggdm_shape *shape,
                           const double *const *in, double *y, double *mag)
{
    const int64_t channels = shape[0].d[1];
    (void)cfg;
    for (int64_t n = 0; n < shape[0].d[0]; n++) {
        const double *x = in[0] + n * channels;
        double square = 0;
        for (int64_t c = 0; c < channels; c++)
            square += x[c] * x[c];
        for (int64_t c = 0; c < channels; c++)
            put(y, mag, n * channels + c, x[c] / sqrt(square), fabs(x[c]) / sqrt(square));
    }
    return channels;
}

int64_t ggdm_ref_min_max(const ggdm_op_config *cfg, const ggdm_shape *shape,
                         const double *const *in, double *y, double *mag)
{
    const int64_t count = ggdm_shape_count(&shape[0]) / shape[0].d[0];
    (void)cfg;
    for (int64_t n = 0; n < shape[0].d[0]; n++) {
        const double *x = in[0] + n * count;
        double min = INFINITY, max = -INFINITY;
        for (int64_t i = 0; i < count; i++) {
            min = fmin(min, x[i]);
            max = fmax(max, x[i]);
        }
        const double v = 1 / (max - min);
        for (int64_t i = 0; i < count; i++)
            put(y, mag, n * count + i, (x[i] - min) * v,
                (fabs(x[i]) + fabs(min)) * v + (x[i] - min) * v * v * (fabs(max) + fabs(min)));
    }
    return 2;
}

int64_t ggdm_ref_channel_affine(const ggdm_op_config *cfg, const ggdm_shape *shape,
                                const double *const *in, double *y, double *mag)
{
    const int64_t channels = shape[0].d[shape[0].n - 1];
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++) {
        const double x = in[0][i] * cfg->channel_scale[i % channels];
        const double shift = cfg->channel_shift[i % channels];
        put(y, mag, i, x + shift, fabs(x) + fabs(shift));
    }
    return 2;
}

/* --- sizes ----------------------------------------------------------------------------------- */

ggdm_shape ggdm_ref_shape_resample(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    return GGDM_SHAPE4(shape[0].d[0], cfg->height, cfg->width, shape[0].d[3]);
}

/* The cubic convolution kernel with parameter a. */
static double keys(double a, double x)
{
    x = fabs(x);
    if (x <= 1)
        return (a + 2) * pow(x, 3) - (a + 3) * pow(x, 2) + 1;
    return x < 2 ? a * pow(x, 3) - 5 * a * pow(x, 2) + 8 * a * x - 4 * a : 0;
}

/* How much of each of n pixels there is in pixel i of size: share [size, n], to be freed. */
static double *shares(ggdm_resample_form form, int64_t size, int64_t n)
{
    double *share = calloc((size_t)(size * n), sizeof *share);
    for (int64_t i = 0; share && i < size; i++) {
        const double scale = (double)n / (double)size, at = ((double)i + 0.5) * scale;
        double sum = 0;
        for (int64_t j = -3; j < n + 3; j++) { /* the edges go on for ever */
            const int64_t pixel = j < 0 ? 0 : j < n ? j : n - 1;
            const double distance = (double)j + 0.5 - at;
            if (form == GGDM_RESAMPLE_TORCH)
                share[i * n + pixel] += keys(-0.75, distance);
            else if (pixel == j)
                share[i * n + j] = keys(-0.5, distance / fmax(scale, 1));
        }
        for (int64_t j = 0; j < n; j++)
            sum += share[i * n + j];
        for (int64_t j = 0; j < n; j++)
            share[i * n + j] /= sum;
    }
    return share;
}

/* Along one axis: x [lines, n, step] -> y [lines, size, step], and their magnitudes. */
static void resample_axis(ggdm_resample_form form, const double *x, const double *x_mag,
                          int64_t lines, int64_t n, int64_t size, int64_t step, double *y,
                          double *y_mag)
{
    double *share = shares(form, size, n);
    for (int64_t at = 0; share && at < lines * size * step; at++) {
        const int64_t line = at / step / size, i = at / step % size, k = at % step;
        double sum = 0, magnitude = 0;
        for (int64_t j = 0; j < n; j++) {
            sum += share[i * n + j] * x[(line * n + j) * step + k];
            magnitude += fabs(share[i * n + j]) * x_mag[(line * n + j) * step + k];
        }
        if (form == GGDM_RESAMPLE_PIL_HELD && n != size)
            sum = fmax(-1, fmin(sum, 1));
        y[at] = sum;
        y_mag[at] = magnitude;
    }
    free(share);
}

int64_t ggdm_ref_resample(const ggdm_op_config *cfg, const ggdm_shape *shape,
                          const double *const *in, double *y, double *mag)
{
    const int64_t images = shape[0].d[0], height = shape[0].d[1], width = shape[0].d[2];
    const int64_t channels = shape[0].d[3], lines = images * height;
    const size_t count = (size_t)(lines * width * channels);
    const size_t middle = (size_t)(lines * cfg->width * channels);
    const size_t out = (size_t)(images * cfg->height * cfg->width * channels);
    double *of = malloc((count + 2 * middle + out) * sizeof *of), *rows = of + count;
    double *rows_mag = rows + middle, *y_mag = rows_mag + middle;
    for (size_t i = 0; of && i < count; i++)
        of[i] = fabs(in[0][i]);
    if (of) {
        resample_axis(cfg->resample, in[0], of, lines, width, cfg->width, channels, rows, rows_mag);
        resample_axis(cfg->resample, rows, rows_mag, images, height, cfg->height,
                      cfg->width * channels, y, y_mag);
    }
    for (size_t i = 0; of && mag && i < out; i++)
        mag[i] = y_mag[i];
    free(of);
    return height + width;
}

ggdm_shape ggdm_ref_shape_crop(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    return GGDM_SHAPE4(shape[0].d[0], cfg->k, cfg->k, shape[0].d[3]);
}

static int64_t chosen(double share, int64_t lowest, int64_t highest)
{
    return lowest + (int64_t)floor(share * (double)(highest - lowest + 1));
}

int64_t ggdm_ref_crop(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                      double *y, double *mag)
{
    const int64_t height = shape[0].d[1], width = shape[0].d[2], channels = shape[0].d[3];
    const int64_t size = cfg->k, shorter = height < width ? height : width;
    int64_t most = 0;
    for (int64_t at = 0; at < shape[0].d[0] * size * size * channels; at++) {
        const int64_t n = at / (size * size * channels), c = at % channels;
        const double *x = in[0] + n * height * width * channels, *window = in[1] + 3 * n;
        const int64_t side = chosen(window[0], size < shorter ? size : shorter, shorter);
        const int64_t top = chosen(window[1], 0, height - side);
        const int64_t left = chosen(window[2], 0, width - side);
        const double part = (double)side / (double)size; /* of adaptive_avg_pool2d */
        const double i = (double)(at / channels / size % size), j = (double)(at / channels % size);
        double sum = 0, absolute = 0, count = 0;
        for (int64_t h = (int64_t)floor(i * part + 1e-9); h < (int64_t)ceil((i + 1) * part - 1e-9);
             h++)
            for (int64_t w = (int64_t)floor(j * part + 1e-9);
                 w < (int64_t)ceil((j + 1) * part - 1e-9); w++, count++) {
                sum += x[((top + h) * width + left + w) * channels + c];
                absolute += fabs(x[((top + h) * width + left + w) * channels + c]);
            }
        most = count > (double)most ? (int64_t)count : most;
        put(y, mag, at, sum / count, absolute / count);
    }
    return most;
}
