/* The differentiable ops, each emitted into a graph.  Shapes: x [N, H, W, C] unless said otherwise;
 * results that are images have the dtype of the graph, rows ([N, C]), losses and what lincomb and
 * conv2d_f32 make are f32.  Every op has its vector-Jacobian product
 * (models/nn/op_*.c) to all inputs but indices and constants of a schedule, a double-precision
 * reference (models/nn/ref*.c) and rows in the op table.  All return -1 after an error (sticky, see
 * graph.h). */
#ifndef GGDM_MODELS_NN_OPS_H
#define GGDM_MODELS_NN_OPS_H

#include "models/nn/graph.h"

typedef struct ggdm_conv {
    int stride;                   /* 1 or 2 */
    int top, left, bottom, right; /* zero padding in pixels, may be asymmetric */
} ggdm_conv;

typedef struct ggdm_window {
    int size, stride, pad; /* pixels; pad at each edge, at most half of size */
} ggdm_window;

typedef enum ggdm_gelu_form {
    GGDM_GELU_ERF,  /* x Phi(x) = x / 2 (1 + erf(x / sqrt 2)): "gelu" of Hugging Face */
    GGDM_GELU_TANH, /* x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): "gelu_new" */
    GGDM_GELU_QUICK /* x sigmoid(1.702 x): "quick_gelu", OpenAI's CLIP */
} ggdm_gelu_form;

/** y[n,oh,ow,o] = b[o] + sum w[o,i,kh,kw] x[n, oh*stride+kh-top, ow*stride+kw-left, i].
 *  w [O, I, KH, KW], b [O] or -1. */
ggdm_val ggdm_conv2d(ggdm_graph *g, ggdm_val x, ggdm_val w, ggdm_val b, ggdm_conv conv);
/** The same with an f32 result in any graph: the last layer of a network. */
ggdm_val ggdm_conv2d_f32(ggdm_graph *g, ggdm_val x, ggdm_val w, ggdm_val b, ggdm_conv conv);

/** The gradient of a convolution to its source, as a layer (nn.ConvTranspose2d without output
 *  padding): what conv2d would make x of.  w [I, O, KH, KW], b [O] or -1; conv is that of the
 *  convolution: y has (H - 1) stride + KH - top - bottom lines. */
ggdm_val ggdm_conv_transpose(ggdm_graph *g, ggdm_val x, ggdm_val w, ggdm_val b, ggdm_conv conv);

/** y = x w^T + b over the last dimension: x [..., I], w [O, I] (or with ones behind: a convolution
 *  of one pixel), b [O] or -1. */
ggdm_val ggdm_linear(ggdm_graph *g, ggdm_val x, ggdm_val w, ggdm_val b);

/** Group normalisation (Wu & He 2018), then SiLU if silu is set:
 *  y = act((x - mean) / sqrt(var + eps) * gamma[c] + beta[c]), biased variance over a group. */
ggdm_val ggdm_group_norm(ggdm_graph *g, ggdm_val x, ggdm_val gamma, ggdm_val beta, int groups,
                         double eps, bool silu);

/** Batch normalisation by given statistics, as a trained network has them (Ioffe & Szegedy 2015),
 *  then ReLU if relu is set: y = act((x - mean[c]) / sqrt(var[c] + eps) * gamma[c] + beta[c]). */
ggdm_val ggdm_batch_norm(ggdm_graph *g, ggdm_val x, ggdm_val gamma, ggdm_val beta, ggdm_val mean,
                         ggdm_val var, double eps, bool relu);

/** Layer normalisation (Ba, Kiros & Hinton 2016) over the last dimension of x [N, ..., C]:
 *  y = (x - mean) / sqrt(var + eps) * gamma[c] + beta[c], biased variance; gamma, beta [C]. */
ggdm_val ggdm_layer_norm(ggdm_graph *g, ggdm_val x, ggdm_val gamma, ggdm_val beta, double eps);

typedef struct ggdm_heads {
    int n; /* must divide the channels */
    bool causal;
} ggdm_heads;

/** Scaled dot-product attention: q [N, ..., C] with T positions in between ([N, C]: one), k and
 *  v [N, ..., C] with S; per head softmax(q k^T / sqrt(C / heads)) v, in the shape of q.  n_keys
 * [N] i32, or -1: only the first so many keys of an image count.  Causal: position t looks at keys
 * 0 .. t.  A position that looks at none gets zeros. */
ggdm_val ggdm_attention(ggdm_graph *g, ggdm_val q, ggdm_val k, ggdm_val v, ggdm_val n_keys,
                        ggdm_heads heads);

/** x in another dtype, rounded to nearest even; x itself where it has that dtype. */
ggdm_val ggdm_cast(ggdm_graph *g, ggdm_val x, ggdm_dtype dtype);
ggdm_val ggdm_silu(ggdm_graph *g, ggdm_val x); /* x * sigmoid(x) */
ggdm_val ggdm_relu(ggdm_graph *g, ggdm_val x);
ggdm_val ggdm_gelu(ggdm_graph *g, ggdm_val x, ggdm_gelu_form form); /* Hendrycks & Gimpel 2016 */
/** a gelu(b) with [a, b] = x [..., 2C], in the form with erf: "geglu" of diffusers. */
ggdm_val ggdm_geglu(ggdm_graph *g, ggdm_val x);
ggdm_val ggdm_add(ggdm_graph *g, ggdm_val a, ggdm_val b); /* equal shapes */
/** scale * x + shift with constants (center_input_sample, mid_block_scale_factor of diffusers). */
ggdm_val ggdm_affine(ggdm_graph *g, ggdm_val x, double scale, double shift);
/** x [N, H, W, C] or [N, T, C] + e [N, C] at every pixel. */
ggdm_val ggdm_add_embedding(ggdm_graph *g, ggdm_val x, ggdm_val e);
/** x * (1 + s) + t with [s, t] = e [N, 2C]: scale first ("scale_shift" of diffusers). */
ggdm_val ggdm_scale_shift(ggdm_graph *g, ggdm_val x, ggdm_val e);
/** Of each of so many groups of channels, cut into parts, that one: [..., C] -> [..., C / parts].
 */
ggdm_val ggdm_part_channels(ggdm_graph *g, ggdm_val x, int groups, int parts, int part);
/** Concatenation along the last dimension. */
ggdm_val ggdm_concat(ggdm_graph *g, ggdm_val a, ggdm_val b);
ggdm_val ggdm_upsample2(ggdm_graph *g, ggdm_val x); /* nearest, twice the height and width */
/** Pooling over k x k windows at stride k; H and W are cut to multiples of k. */
ggdm_val ggdm_max_pool(ggdm_graph *g, ggdm_val x, int k);
ggdm_val ggdm_avg_pool(ggdm_graph *g, ggdm_val x, int k);
/** The same with an f32 result of f32 in any graph: what a loss sees of a smaller image. */
ggdm_val ggdm_avg_pool_f32(ggdm_graph *g, ggdm_val x, int k);
/** The same over windows that may overlap and hang over the edges, of the pixels that are there:
 *  (H + 2 pad - size) / stride + 1 of them, rounded down. */
ggdm_val ggdm_max_pool_windows(ggdm_graph *g, ggdm_val x, ggdm_window window);
ggdm_val ggdm_avg_pool_windows(ggdm_graph *g, ggdm_val x, ggdm_window window);
/** [N, H, W, C] -> [N, C*H*W] in the order of PyTorch's flatten of [N, C, H, W]. */
ggdm_val ggdm_flatten(ggdm_graph *g, ggdm_val x);
/** [N, ...] -> [N, elements] f32, in the order of memory: of an image row, column, channel, as
 *  TensorFlow flattens it. */
ggdm_val ggdm_unroll(ggdm_graph *g, ggdm_val x);
/** Mean over height and width: [N, H, W, C] -> [N, C]. */
ggdm_val ggdm_global_avg_pool(ggdm_graph *g, ggdm_val x);

/** Every image k times, in the dtype of x: [N, ...] -> [k N, ...], rows n k ... n k + k - 1 are
 * image n.  And the reverse: row part (0 <= part < k) of the k of each image, [k N, ...] -> [N,
 * ...]. */
ggdm_val ggdm_repeat(ggdm_graph *g, ggdm_val x, int k);
ggdm_val ggdm_split(ggdm_graph *g, ggdm_val x, int k, int part);
/** The k rows of each image as one: [k N] -> [N, k], [k N, C] -> [N, k C]. */
ggdm_val ggdm_join(ggdm_graph *g, ggdm_val x, int k);

/** Sinusoidal features of t [N] f32 -> [N, dim] (diffusers get_timestep_embedding):
 *  f_i = exp(-ln(10000) i / (dim/2 - freq_shift)); [sin, cos], or [cos, sin] if flip. */
ggdm_val ggdm_time_features(ggdm_graph *g, ggdm_val t, int dim, bool flip, double freq_shift);
/* Numbers of every timestep. */
typedef struct ggdm_levels {
    int32_t n;
    const double *scale, *shift; /* [n] */
} ggdm_levels;

/** x scale[t] + shift[t] of each image, f32, with constants (borrowed: they must outlive the
 * graph): x [N, ...], t [N] f32, rounded and held inside of the table.  No gradient to t. */
ggdm_val ggdm_timed_affine(ggdm_graph *g, ggdm_val x, ggdm_val t, const ggdm_levels *levels);
/** Row lookup: table [K, C], index [N] i32 -> [N, C], or [N, T] -> [N, T, C]; an index outside
 * [0, K) gives zeros. */
ggdm_val ggdm_embedding(ggdm_graph *g, ggdm_val table, ggdm_val index);

/* Tokens, the positions of a sequence: x [N, T, C]. */

/** x + p [T, C] of every image. */
ggdm_val ggdm_add_positions(ggdm_graph *g, ggdm_val x, ggdm_val p);
/** token [C], or [N, C] f32, one for each image, before those of every image,
 *  or its pixels: [N, T + 1, C]. */
ggdm_val ggdm_prepend(ggdm_graph *g, ggdm_val x, ggdm_val token);
/** A convolution whose stride is the size of its kernel, to tokens: x [N, H, W, I], w [O, I, P, P]
 *  -> [N, H/P * W/P, O], rows of patches one behind the other; what does not fill a patch is cut.
 */
ggdm_val ggdm_patch_conv(ggdm_graph *g, ggdm_val x, ggdm_val w);
/** One token of each image: index [N] i32 -> [N, C] f32; an index outside [0, T) gives zeros. */
ggdm_val ggdm_take(ggdm_graph *g, ggdm_val x, ggdm_val index);
/** The token at the end of each text [N, T] i32 -> [N, C] f32: where the id end stands first, or
 * its highest id where end is -1; the first token where end is not there. */
ggdm_val ggdm_take_end(ggdm_graph *g, ggdm_val x, ggdm_val text, int end);

/** log softmax over the last dimension of x [N, K], f32. */
ggdm_val ggdm_log_softmax(ggdm_graph *g, ggdm_val x);
/** Per image -logp[n, target[n]] (nats): logp [N, K], target [N] i32 -> [N]. */
ggdm_val ggdm_nll(ggdm_graph *g, ggdm_val logp, ggdm_val target);
/** Per image -exp(logp[n, target[n]]): the loss of the GGDM code. */
ggdm_val ggdm_neg_prob(ggdm_graph *g, ggdm_val logp, ggdm_val target);
/** Per image mean squared error: a, b [N, ...] -> [N] f32. */
ggdm_val ggdm_mse(ggdm_graph *g, ggdm_val a, ggdm_val b);
/** Per image mean over the values of x [N, H, W, C] of the squared differences to the right and the
 *  lower neighbour (at the edge 0) -> [N] f32: the squared total variation. */
ggdm_val ggdm_total_variation(ggdm_graph *g, ggdm_val x);
/** Per image linear combination a[n] x + b[n] y: x, y [N, ...], a, b [N] f32 (x0-hat from x_t and
 *  eps; no gradient to a and b). */
ggdm_val ggdm_lincomb(ggdm_graph *g, ggdm_val x, ggdm_val y, ggdm_val a, ggdm_val b);

/* Arithmetic of losses and guidances.  Operands and results are f32 in any graph. */

/** x held in [lo, hi]; the gradient passes where lo <= x <= hi. */
ggdm_val ggdm_clamp(ggdm_graph *g, ggdm_val x, double lo, double hi);
/** Elementwise a - b, a b and a / b of equal shapes: also of [N], numbers per image. */
ggdm_val ggdm_sub(ggdm_graph *g, ggdm_val a, ggdm_val b);
ggdm_val ggdm_mul(ggdm_graph *g, ggdm_val a, ggdm_val b);
ggdm_val ggdm_div(ggdm_graph *g, ggdm_val a, ggdm_val b);
/** Elementwise; the gradient where x = 0 is 0. */
ggdm_val ggdm_sqrt(ggdm_graph *g, ggdm_val x);
/** Elementwise e^x; of a single number (a parameter without dimensions) -> [1]. */
ggdm_val ggdm_exp(ggdm_graph *g, ggdm_val x);
/** Half of the squared angle of unit vectors whose squared distance is x: 2 asin(sqrt(x) / 2)^2. */
ggdm_val ggdm_arc(ggdm_graph *g, ggdm_val x);
/** Per image the sum of a b: a, b [N, ...] -> [N].  A norm is sqrt(dot(a, a)). */
ggdm_val ggdm_dot(ggdm_graph *g, ggdm_val a, ggdm_val b);
/** Every image times its number: x [N, ...], a [N]; lincomb with a gradient to the factor. */
ggdm_val ggdm_scale_rows(ggdm_graph *g, ggdm_val x, ggdm_val a);
/** Per image log sum_k exp(x[n, k]): x [N, K] -> [N]. */
ggdm_val ggdm_log_sum_exp(ggdm_graph *g, ggdm_val x);
/** Elements first ... first + count - 1 of the last dimension: [N, ..., C] -> [N, ..., count]. */
ggdm_val ggdm_slice_channels(ggdm_graph *g, ggdm_val x, int first, int count);

/** x [N, C] over its length -> [N, C]; what is zero stays zero, and has gradient zero. */
ggdm_val ggdm_normalize(ggdm_graph *g, ggdm_val x);
/** Per image (x - min) / (max - min): x [N, ...].  The gradient passes through min and max, which
 *  equal elements share; an image of one value becomes 0, with gradient 0. */
ggdm_val ggdm_min_max(ggdm_graph *g, ggdm_val x);

#define GGDM_AFFINE_CHANNELS 4 /* at most */

/** x scale[c] + shift[c] of x [N, ..., C], with constants (copied). */
ggdm_val ggdm_channel_affine(ggdm_graph *g, ggdm_val x, const double *scale, const double *shift);

#define GGDM_RESAMPLE_SHRINK 64 /* at most, each side */

typedef enum ggdm_resample_form {
    GGDM_RESAMPLE_TORCH,   /* bicubic, a = -0.75, without antialiasing: F.interpolate, nn.Upsample
                              with align_corners=False */
    GGDM_RESAMPLE_PIL,     /* bicubic, a = -0.5, antialiased: Image.resize, of images in f32 */
    GGDM_RESAMPLE_PIL_HELD /* ... of images in bytes but for their roundings: -1 stands for 0 and 1
                              for 255, and what is beyond is held there, after each axis */
} ggdm_resample_form;

/** x [N, H, W, C] -> [N, height, width, C]: the width first, then the height; an axis that has its
 *  length already is left as it is. */
ggdm_val ggdm_resample(ggdm_graph *g, ggdm_val x, int height, int width, ggdm_resample_form form);
/** A square of each image [N, H, W, C], made size x size by means (adaptive_avg_pool2d): the random
 *  cut-outs of CLIP guidance.  window [N, 3] f32 (no gradient) are side, top and left in shares of
 *  [0, 1) of what is possible: sides from size (or, if it is less, the shorter side of the image)
 * to the shorter side of the image, places where the square fits. */
ggdm_val ggdm_crop(ggdm_graph *g, ggdm_val x, ggdm_val window, int size);

#define GGDM_BLUR_RADIUS 64 /* at most */

/** Gaussian blur: y[h, w] = sum over |i|, |j| <= radius of v(i) v(j) x[h + i, w + j] with
 *  v(i) = exp(-i^2 / (2 sigma^2)) over their sum.  Beyond an edge the image is mirrored without its
 *  outermost pixel twice: d c b | a b c d, PyTorch's "reflect" (SciPy's "mirror"); hence radius
 *  must be less than H and W. */
ggdm_val ggdm_blur(ggdm_graph *g, ggdm_val x, double sigma, int radius);

#define GGDM_MIXTURE_COMPONENTS 256 /* at most */

/* Normal distributions with diagonal covariances, of which an image is one with probability
 * exp(log_weight).  Noised to level t it is again such a mixture, with means sqrt(ab) mean and
 * variances ab variance + 1 - ab, ab = alpha_bar[t]. */
typedef struct ggdm_mixture {
    int n;                         /* components */
    int64_t size;                  /* elements of an image */
    const double *log_weight;      /* [n] */
    const double *mean, *variance; /* [n, size] */
    const double *alpha_bar;       /* [levels], of all t */
    int32_t levels;
} ggdm_mixture;

/** eps = -sqrt(1 - ab) grad log p_t(x), the exact prediction for images of the mixture (borrowed:
 *  it must outlive the graph): x [N, ...] with size elements, t [N] f32, rounded and held inside of
 *  the table; label [N] i32 or -1: where it names a component, that of its images alone.  -> [N,
 *  ...] f32.  No gradient to t. */
ggdm_val ggdm_mixture_eps(ggdm_graph *g, ggdm_val x, ggdm_val t, ggdm_val label,
                          const ggdm_mixture *mixture);
/** log p(component given x_t) -> [N, n] f32; without t (-1) x are images without noise. */
ggdm_val ggdm_mixture_logp(ggdm_graph *g, ggdm_val x, ggdm_val t, const ggdm_mixture *mixture);

#endif
