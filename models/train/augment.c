#include "models/train/augment.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/philox.h"

/* The uniforms that one image draws, in this order: adding one at the end changes no other. */
enum draw {
    DRAW_ROTATE,
    DRAW_SCALE_X,
    DRAW_SCALE_Y,
    DRAW_SHEAR,
    DRAW_SHIFT_X,
    DRAW_SHIFT_Y,
    DRAW_BLUR_CHOICE,
    DRAW_BLUR,
    DRAW_NOISE_CHOICE,
    DRAW_NOISE,
    DRAW_CONTRAST,
    DRAW_FLIP,
    DRAW_COUNT
};

/* The noise of a sample is another Philox sequence than its uniforms. */
#define NOISE_BIT 0x80000000u

static double symmetric(double u, double bound)
{
    return (2.0 * u - 1.0) * bound;
}

/* The image seen at (y, x), bilinear, -1 outside. */
static float bilinear(const float *image, int h, int w, int c, int channel, double y, double x)
{
    double fy = floor(y), fx = floor(x), value = 0.0;
    double wy = y - fy, wx = x - fx;
    if (fy < -1.0 || fx < -1.0 || fy >= h || fx >= w)
        return -1.0f;
    int iy = (int)fy, ix = (int)fx;
    for (int dy = 0; dy < 2; dy++)
        for (int dx = 0; dx < 2; dx++) {
            int py = iy + dy, px = ix + dx;
            double weight = (dy ? wy : 1.0 - wy) * (dx ? wx : 1.0 - wx);
            bool inside = py >= 0 && py < h && px >= 0 && px < w;
            value += weight * (inside ? image[((int64_t)py * w + px) * c + channel] : -1.0);
        }
    return (float)value;
}

/* Affine map about the centre: output pixel p shows the input at A p + b, with
 * A = R(rotate) * shear * diag(scale). */
static void warp(const ggdm_augment *a, const double *u, int h, int w, int c, float *image,
                 float *scratch)
{
    double angle = symmetric(u[DRAW_ROTATE], a->rotate) * (3.14159265358979323846 / 180.0);
    double sx = exp(symmetric(u[DRAW_SCALE_X], a->scale));
    double sy = exp(symmetric(u[DRAW_SCALE_Y], a->scale));
    double shear = symmetric(u[DRAW_SHEAR], a->shear);
    double tx = symmetric(u[DRAW_SHIFT_X], a->shift), ty = symmetric(u[DRAW_SHIFT_Y], a->shift);
    double cosine = cos(angle), sine = sin(angle);
    double axx = sx * cosine, axy = sy * (cosine * shear - sine);
    double ayx = sx * sine, ayy = sy * (sine * shear + cosine);
    double cy = 0.5 * (h - 1), cx = 0.5 * (w - 1);
    memcpy(scratch, image, sizeof *image * (size_t)h * (size_t)w * (size_t)c);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            double qx = axx * (x - cx) + axy * (y - cy) + cx + tx;
            double qy = ayx * (x - cx) + ayy * (y - cy) + cy + ty;
            for (int k = 0; k < c; k++)
                image[((int64_t)y * w + x) * c + k] = bilinear(scratch, h, w, c, k, qy, qx);
        }
}

static void mirror(int h, int w, int c, float *image)
{
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w / 2; x++)
            for (int k = 0; k < c; k++) {
                float *a = image + ((int64_t)y * w + x) * c + k;
                float *b = image + ((int64_t)y * w + w - 1 - x) * c + k;
                const float keep = *a;
                *a = *b;
                *b = keep;
            }
}

#define BLUR_MAX_RADIUS 12

/* One pass of a separable convolution with edge repetition: n positions `stride` apart. */
static void blur_line(const double *kernel, int radius, const float *in, float *out, int n,
                      int64_t stride)
{
    for (int i = 0; i < n; i++) {
        double sum = 0.0;
        for (int k = -radius; k <= radius; k++) {
            int j = i + k < 0 ? 0 : i + k >= n ? n - 1 : i + k;
            sum += kernel[k + radius] * in[j * stride];
        }
        out[i * stride] = (float)sum;
    }
}

static void blur(double sigma, int h, int w, int c, float *image, float *scratch)
{
    double kernel[2 * BLUR_MAX_RADIUS + 1], total = 0.0;
    int radius = (int)ceil(3.0 * sigma);
    if (radius < 1)
        return;
    if (radius > BLUR_MAX_RADIUS)
        radius = BLUR_MAX_RADIUS;
    for (int k = -radius; k <= radius; k++)
        total += kernel[k + radius] = exp(-0.5 * k * k / (sigma * sigma));
    for (int k = 0; k <= 2 * radius; k++)
        kernel[k] /= total;
    for (int y = 0; y < h; y++)
        for (int k = 0; k < c; k++)
            blur_line(kernel, radius, image + (int64_t)y * w * c + k,
                      scratch + (int64_t)y * w * c + k, w, c);
    for (int x = 0; x < w; x++)
        for (int k = 0; k < c; k++)
            blur_line(kernel, radius, scratch + x * c + k, image + x * c + k, h, (int64_t)w * c);
}

void ggdm_augment_image(const ggdm_augment *a, uint64_t seed, uint64_t sample, int height,
                        int width, int channels, float *image, float *scratch)
{
    uint32_t low = (uint32_t)sample, high = (uint32_t)(sample >> 32) & ~NOISE_BIT;
    int64_t n = (int64_t)height * width * channels;
    double u[DRAW_COUNT];
    ggdm_uniforms(seed, GGDM_STREAM_AUGMENT, low, high, DRAW_COUNT, u);
    if (u[DRAW_FLIP] < a->flip)
        mirror(height, width, channels, image);
    if (a->rotate > 0 || a->scale > 0 || a->shear > 0 || a->shift > 0)
        warp(a, u, height, width, channels, image, scratch);
    if (u[DRAW_BLUR_CHOICE] < a->blur_share)
        blur(u[DRAW_BLUR] * a->blur, height, width, channels, image, scratch);
    if (a->contrast > 0) {
        float factor = (float)(1.0 + symmetric(u[DRAW_CONTRAST], a->contrast));
        for (int64_t i = 0; i < n; i++)
            image[i] *= factor;
    }
    if (u[DRAW_NOISE_CHOICE] < a->noise_share) {
        float sigma = (float)(u[DRAW_NOISE] * a->noise);
        ggdm_normals(seed, GGDM_STREAM_AUGMENT, low, high | NOISE_BIT, n, scratch);
        for (int64_t i = 0; i < n; i++)
            image[i] += sigma * scratch[i];
    }
}
