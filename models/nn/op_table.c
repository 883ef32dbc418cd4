#include "models/nn/op_table.h"

#include <math.h>

#include "models/nn/op_entries.h"

/* clang-format off */
#define VEC          {1, {GGDM_BATCH, 1, 1, 1}}
#define ROWS(c)      {2, {GGDM_BATCH, c, 1, 1}}
#define SEQ(t, c)    {3, {GGDM_BATCH, t, c, 1}}
#define IMG(h, w, c) {4, {GGDM_BATCH, h, w, c}}
#define IMGS(k, h, w, c) {4, {GGDM_BATCHES(k), h, w, c}}
#define P1(a)        {1, {a, 1, 1, 1}}
#define P2(a, b)     {2, {a, b, 1, 1}}
#define ABSENT       {0, {1, 1, 1, 1}}

/* kernel k x k, stride s, padding top left bottom right, i -> o channels on h x w images */
#define CONV(note, n, h, w, i, o, kernel, s, t, l, b, r)                                           \
    {"conv2d " #kernel "x" #kernel " s" #s " p" #t #l #b #r " " #i "->" #o " " #h "x" #w note,     \
     &ggdm_op_conv2d, n, {IMG(h, w, i), {4, {o, i, kernel, kernel}}, P1(o)}, {.conv = {s, t, l, b, r}},\
     0, 0, 0}
#define CONV_NO_BIAS(n, h, w, i, o, kernel, s, t, l, b, r)                                         \
    {"conv2d " #kernel "x" #kernel " s" #s " p" #t #l #b #r " " #i "->" #o " " #h "x" #w " no bias",\
     &ggdm_op_conv2d, n, {IMG(h, w, i), {4, {o, i, kernel, kernel}}, ABSENT}, {.conv = {s, t, l, b, r}},\
     0, 0, 0}
/* kernel kh x kw, padding h above and below, w left and right */
#define CONV_INCEPTION(n, h, w, i, o, kh, kw, s, ph, pw)                                           \
    {"conv2d_inception " #kh "x" #kw " s" #s " " #i "->" #o " " #h "x" #w, &ggdm_op_conv2d_inception, n,\
     {IMG(h, w, i), {4, {o, i, kh, kw}}, P1(o)}, {.conv = {s, ph, pw, ph, pw}}, 0, 0, 0}
#define CONV_F32(n, h, w, i, o)                                                                    \
    {"conv2d_f32 3x3 " #i "->" #o " " #h "x" #w, &ggdm_op_conv2d_f32, n,                           \
     {IMG(h, w, i), {4, {o, i, 3, 3}}, P1(o)}, {.conv = {1, 1, 1, 1, 1}}, 0, 0, 0}
#define CONV_TRANSPOSE(note, n, h, w, i, o, kernel, s, t, l, b, r, bias)                           \
    {"conv_transpose " #kernel "x" #kernel " s" #s " p" #t #l #b #r " " #i "->" #o " " #h "x" #w note,\
     &ggdm_op_conv_transpose, n, {IMG(h, w, i), {4, {i, o, kernel, kernel}}, bias},                \
     {.conv = {s, t, l, b, r}}, 0, 0, 0}
#define PART(n, g, many, which, text, ...)                                                         \
    {"part_channels " #which " of " #many " in " #g " groups of " text, &ggdm_op_part_channels, n, \
     {__VA_ARGS__}, {.groups = g, .k = many, .part = which}, 0, 0, 0}
#define LINEAR(n, i, o)                                                                            \
    {"linear " #i "->" #o " M=" #n, &ggdm_op_linear, n, {ROWS(i), P2(o, i), P1(o)}, {.k = 0}, 0, 0, 0}
#define NORM(n, h, w, c, g, act)                                                                   \
    {"group_norm " #h "x" #w "x" #c " g" #g " silu=" #act, &ggdm_op_group_norm, n,                 \
     {IMG(h, w, c), P1(c), P1(c)}, {.groups = g, .eps = 1e-5, .silu = act}, 0, 0, 0}
#define BATCH_NORM(n, h, w, c, act)                                                                \
    {"batch_norm " #h "x" #w "x" #c " relu=" #act, &ggdm_op_batch_norm, n,                         \
     {IMG(h, w, c), P1(c), P1(c), P1(c), P1(c)}, {.eps = 1e-3, .relu = act}, 0, 0, 0}
#define ATTENTION(n, t, c, h, factor)                                                              \
    {"attention T" #t " C" #c " heads " #h " scale " #factor, &ggdm_op_attention, n,               \
     {SEQ(t, c), SEQ(t, c), SEQ(t, c)}, {.heads = {h}}, factor, 0, 0}
#define ATTENTION_MASKED(note, n, t, s, c, h, is_causal, n_keys, lo, hi)                           \
    {"attention_masked T" #t " S" #s " C" #c " heads " #h note, &ggdm_op_attention_masked, n,      \
     {SEQ(t, c), SEQ(s, c), SEQ(s, c), n_keys}, {.heads = {h, is_causal}}, 0, lo, hi}
#define SIMPLE(op, text, n, ...) {#op " " text, &ggdm_op_##op, n, {__VA_ARGS__}, {.k = 0}, 0, 0, 0}
#define POOL(op, n, h, w, c, size)                                                                 \
    {#op " k" #size " " #h "x" #w "x" #c, &ggdm_op_##op, n, {IMG(h, w, c)}, {.k = size}, 0, 0, 0}
#define WINDOWS(op, n, h, w, c, size, stride, pad)                                                 \
    {#op " k" #size " s" #stride " p" #pad " " #h "x" #w "x" #c, &ggdm_op_##op, n, {IMG(h, w, c)}, \
     {.window = {size, stride, pad}}, 0, 0, 0}
#define SLICE(n, from, many, text, ...)                                                            \
    {"slice_channels " #many " from " #from " of " text, &ggdm_op_slice_channels, n, {__VA_ARGS__},\
     {.first = from, .count = many}, 0, 0, 0}
#define BLUR(n, h, w, c, s, r)                                                                     \
    {"blur sigma " #s " radius " #r " " #h "x" #w "x" #c, &ggdm_op_blur, n, {IMG(h, w, c)},        \
     {.sigma = s, .radius = r}, 0, 0, 0}
#define RESAMPLE(n, how, h, w, c, h2, w2)                                                          \
    {"resample " #how " " #h "x" #w "x" #c " to " #h2 "x" #w2, &ggdm_op_resample, n, {IMG(h, w, c)},\
     {.resample = GGDM_RESAMPLE_##how, .height = h2, .width = w2}, 0, 0, 0}
#define CROP(n, h, w, c, size)                                                                     \
    {"crop of " #h "x" #w "x" #c " to " #size, &ggdm_op_crop, n, {IMG(h, w, c), ROWS(3)}, {.k = size},\
     0, 0, 0}
#define REPEAT(n, times, text, ...)                                                                \
    {"repeat " #times "x " text, &ggdm_op_repeat, n, {__VA_ARGS__}, {.k = times}, 0, 0, 0}
#define SPLIT(n, times, which, text, ...)                                                          \
    {"split " #which " of " #times " " text, &ggdm_op_split, n, {__VA_ARGS__},                     \
     {.k = times, .part = which}, 0, 0, 0}
#define TIME(n, d, swap, shift)                                                                    \
    {"time_features " #d " flip=" #swap " shift=" #shift, &ggdm_op_time_features, n, {VEC},        \
     {.dim = d, .flip = swap, .freq_shift = shift}, 0, 0, 0}
#define LAYER_NORM(n, e, text, c, ...)                                                             \
    {"layer_norm " text, &ggdm_op_layer_norm, n, {__VA_ARGS__, P1(c), P1(c)}, {.eps = e}, 0, 0, 0}
#define GELU(n, form, text, s, ...)                                                                \
    {"gelu " #form " " text, &ggdm_op_gelu, n, {__VA_ARGS__}, {.gelu = GGDM_GELU_##form}, s, 0, 0}
#define MIXTURE(op, text, n, ...)                                                                  \
    {#op " " text, &ggdm_op_##op, n, {__VA_ARGS__}, {.mixture = &mixture}, 0, -1, 5}
#define TARGET(op, n, classes)                                                                     \
    {#op " K" #classes, &ggdm_op_##op, n, {ROWS(classes), VEC}, {.k = 0}, 0, 0, classes}

/* Three components of two elements, far and near, narrow and wide, at two levels of noise. */
static const ggdm_mixture mixture = {
    .n = 3, .size = 2, .levels = 2, .alpha_bar = (const double[]){0.9, 0.4},
    .log_weight = (const double[]){-0.7, -1.2, -1.6},
    .mean = (const double[]){-0.5, 0.25, 0.75, -1, 0, 0.5},
    .variance = (const double[]){0.3, 0.1, 0.2, 0.5, 1.5, 0.8}};

#define TIMED(n, text, ...)                                                                        \
    {"timed_affine " text, &ggdm_op_timed_affine, n, {__VA_ARGS__, VEC},                           \
     {.levels = {600, timed_scale, timed_shift}}, 0, 0, 0}
static const double timed_scale[600] = {[0 ... 199] = 0.5, [200 ... 598] = -1.25, [599] = 1.5};
static const double timed_shift[600] = {[0 ... 199] = 2, [200 ... 598] = 0.25, [599] = -0.7};

const ggdm_op_row ggdm_op_rows[] = {
    /* small and awkward sizes */
    CONV("", 2, 9, 7, 1, 8, 3, 1, 1, 1, 1, 1),
    CONV("", 2, 6, 5, 3, 33, 3, 1, 1, 1, 1, 1),
    CONV("", 2, 5, 6, 33, 3, 3, 1, 1, 1, 1, 1),
    CONV("", 2, 5, 4, 33, 33, 3, 1, 1, 1, 1, 1),
    CONV("", 2, 7, 6, 33, 32, 3, 1, 0, 2, 1, 0),
    CONV("", 2, 5, 8, 32, 48, 3, 1, 3, 0, 0, 1),
    CONV("", 3, 8, 8, 16, 32, 3, 1, 1, 1, 1, 1),
    CONV("", 1, 6, 6, 8, 1, 3, 1, 1, 1, 1, 1),
    CONV("", 2, 7, 5, 4, 6, 3, 1, 0, 0, 0, 0),
    CONV("", 2, 8, 6, 8, 16, 3, 2, 1, 1, 1, 1),
    CONV("", 2, 9, 7, 8, 16, 3, 2, 1, 1, 1, 1),
    CONV("", 2, 8, 6, 8, 8, 3, 2, 0, 0, 1, 1), /* downsample_padding: 0 of diffusers */
    CONV("", 2, 7, 9, 33, 8, 3, 2, 0, 0, 1, 1),
    CONV("", 2, 5, 6, 3, 4, 3, 1, 2, 0, 1, 1),
    CONV("", 2, 4, 4, 33, 5, 1, 1, 0, 0, 0, 0),
    CONV("", 2, 5, 3, 32, 64, 1, 1, 0, 0, 0, 0),
    CONV("", 2, 7, 6, 4, 8, 1, 2, 0, 0, 0, 0),
    CONV("", 2, 9, 9, 1, 8, 5, 1, 2, 2, 2, 2),
    CONV("", 2, 8, 7, 3, 4, 5, 1, 0, 0, 0, 0),
    CONV("", 2, 10, 9, 8, 4, 5, 2, 2, 2, 2, 2),
    CONV("", 2, 1, 1, 8, 8, 3, 1, 1, 1, 1, 1),
    CONV_NO_BIAS(2, 6, 7, 8, 8, 3, 1, 1, 1, 1, 1),
    CONV_NO_BIAS(2, 5, 5, 3, 8, 1, 1, 0, 0, 0, 0),
    CONV_INCEPTION(2, 9, 8, 33, 8, 3, 3, 2, 0, 0),
    CONV_INCEPTION(2, 9, 8, 33, 16, 1, 7, 1, 0, 3),
    CONV_INCEPTION(2, 8, 9, 16, 33, 7, 1, 1, 3, 0),
    CONV_INCEPTION(2, 5, 6, 32, 32, 1, 3, 1, 0, 1),
    CONV_INCEPTION(2, 6, 5, 3, 32, 3, 1, 1, 1, 0),
    CONV_INCEPTION(1, 17, 17, 128, 64, 7, 1, 1, 3, 0), /* so large that it is cut into bands */
    /* shapes of the shipped models */
    CONV(" (model)", 2, 28, 28, 1, 32, 3, 1, 1, 1, 1, 1),
    CONV(" (model)", 2, 28, 28, 32, 1, 3, 1, 1, 1, 1, 1),
    CONV(" (model)", 1, 28, 28, 32, 32, 3, 1, 1, 1, 1, 1),
    CONV(" (model)", 1, 28, 28, 32, 32, 3, 2, 1, 1, 1, 1),
    CONV(" (model)", 1, 14, 14, 64, 64, 3, 1, 1, 1, 1, 1),
    CONV(" (model)", 1, 7, 7, 128, 64, 3, 1, 1, 1, 1, 1),
    CONV(" (model)", 1, 14, 14, 96, 32, 3, 1, 1, 1, 1, 1),
    SIMPLE(linear, "128->64 (model)", 2, ROWS(128), P2(64, 128), P1(64)),
    SIMPLE(linear, "64->64 on 7x7 positions (model)", 1, IMG(7, 7, 64), P2(64, 64), P1(64)),
    {"group_norm 28x28x32 g8 silu=true (model)", &ggdm_op_group_norm, 1,
     {IMG(28, 28, 32), P1(32), P1(32)}, {.groups = 8, .eps = 1e-5, .silu = true}, 0, 0, 0},
    {"group_norm 14x14x64 g8 silu=true (model)", &ggdm_op_group_norm, 1,
     {IMG(14, 14, 64), P1(64), P1(64)}, {.groups = 8, .eps = 1e-5, .silu = true}, 0, 0, 0},
    {"attention T49 C64 heads 1 (model)", &ggdm_op_attention, 1,
     {SEQ(49, 64), SEQ(49, 64), SEQ(49, 64)}, {.heads = {1}}, 0, 0, 0},
    SIMPLE(silu, "28x28x32 (model)", 1, IMG(28, 28, 32)),
    SIMPLE(add, "28x28x32 (model)", 1, IMG(28, 28, 32), IMG(28, 28, 32)),
    SIMPLE(add_embedding, "28x28x32 (model)", 1, IMG(28, 28, 32), ROWS(32)),
    SIMPLE(concat, "28x28x(32+32) (model)", 1, IMG(28, 28, 32), IMG(28, 28, 32)),
    SIMPLE(upsample2, "14x14x64 (model)", 1, IMG(14, 14, 64)),
    {"avg_pool k2 28x28x32 (model)", &ggdm_op_avg_pool, 1, {IMG(28, 28, 32)}, {.k = 2}, 0, 0, 0},

    LINEAR(1, 33, 7),
    LINEAR(7, 33, 7),
    LINEAR(32, 33, 7),
    LINEAR(1, 128, 10),
    LINEAR(7, 128, 10),
    LINEAR(32, 128, 10),
    LINEAR(2, 32, 128),
    LINEAR(3, 1, 1),
    LINEAR(2, 3136, 128),
    SIMPLE(linear, "8->8 M=2 no bias", 2, ROWS(8), P2(8, 8), ABSENT),
    SIMPLE(linear, "64->192 on 7x7 positions", 2, IMG(7, 7, 64), P2(192, 64), P1(192)),
    SIMPLE(linear, "9->5 on 7 positions", 2, SEQ(7, 9), P2(5, 9), P1(5)),

    NORM(2, 5, 3, 8, 1, false),
    NORM(2, 5, 3, 8, 1, true),
    NORM(2, 5, 3, 8, 4, false),
    NORM(2, 5, 3, 8, 4, true),
    NORM(2, 4, 6, 8, 8, false),
    NORM(2, 4, 6, 8, 8, true),
    NORM(2, 3, 5, 33, 1, false),
    NORM(2, 3, 5, 33, 3, true),
    NORM(2, 3, 5, 33, 33, true),
    NORM(2, 7, 7, 64, 32, true),
    NORM(1, 14, 14, 32, 32, true),
    NORM(2, 1, 1, 16, 2, true),
    BATCH_NORM(2, 5, 3, 8, false),
    BATCH_NORM(2, 4, 6, 33, false),
    BATCH_NORM(2, 3, 5, 17, true),
    BATCH_NORM(2, 1, 1, 16, true),
    SIMPLE(silu, "33", 2, ROWS(33)),
    SIMPLE(silu, "5x7x3", 2, IMG(5, 7, 3)),
    {"silu scale 30", &ggdm_op_silu, 2, {ROWS(64)}, {.k = 0}, 30, 0, 0},

    ATTENTION(2, 9, 8, 1, 1),
    ATTENTION(2, 7, 32, 4, 1),
    ATTENTION(2, 5, 33, 3, 1),
    ATTENTION(2, 2, 6, 2, 1),
    ATTENTION(2, 8, 16, 16, 1),
    ATTENTION(2, 13, 16, 1, 4),
    ATTENTION(1, 49, 64, 1, 1),
    {"attention 3x5 positions C16 heads 2", &ggdm_op_attention, 2,
     {IMG(3, 5, 16), IMG(3, 5, 16), IMG(3, 5, 16)}, {.heads = {2}}, 0, 0, 0},
    ATTENTION_MASKED("", 2, 9, 5, 8, 1, false, ABSENT, 0, 0),
    ATTENTION_MASKED("", 2, 5, 12, 33, 3, false, ABSENT, 0, 0),
    ATTENTION_MASKED(" causal", 2, 9, 9, 16, 2, true, ABSENT, 0, 0),
    ATTENTION_MASKED(" causal", 2, 7, 4, 16, 2, true, ABSENT, 0, 0),
    ATTENTION_MASKED(" causal", 2, 4, 7, 16, 2, true, ABSENT, 0, 0),
    ATTENTION_MASKED(" with key lengths", 7, 6, 8, 16, 2, false, VEC, -1, 10),
    ATTENTION_MASKED(" causal with key lengths", 7, 8, 8, 33, 3, true, VEC, 1, 9),
    /* so large that it is cut into blocks, the last one smaller */
    ATTENTION_MASKED(" in blocks, causal with key lengths", 1, 515, 513, 2, 1, true, VEC, 400, 513),

    SIMPLE(relu, "5x7x3", 2, IMG(5, 7, 3)),
    SIMPLE(relu, "33", 3, ROWS(33)),
    SIMPLE(add, "5x3x33", 2, IMG(5, 3, 33), IMG(5, 3, 33)),
    SIMPLE(add, "17", 3, ROWS(17), ROWS(17)),
    {"affine 5x7x3", &ggdm_op_affine, 2, {IMG(5, 7, 3)}, {.scale = 2, .shift = -1}, 0, 0, 0},
    {"affine 33", &ggdm_op_affine, 3, {ROWS(33)}, {.scale = 1 / 1.5, .shift = 0}, 0, 0, 0},
    SIMPLE(add_embedding, "5x3x33", 2, IMG(5, 3, 33), ROWS(33)),
    SIMPLE(add_embedding, "4x4x1", 3, IMG(4, 4, 1), ROWS(1)),
    SIMPLE(scale_shift, "5x3x33", 2, IMG(5, 3, 33), ROWS(66)),
    SIMPLE(scale_shift, "4x4x1", 3, IMG(4, 4, 1), ROWS(2)),
    SIMPLE(concat, "5x3x(3+8)", 2, IMG(5, 3, 3), IMG(5, 3, 8)),
    SIMPLE(concat, "2x4x(32+64)", 2, IMG(2, 4, 32), IMG(2, 4, 64)),
    SIMPLE(concat, "1x1x(33+1)", 3, IMG(1, 1, 33), IMG(1, 1, 1)),
    SIMPLE(concat, "(4+7)", 3, ROWS(4), ROWS(7)),
    SIMPLE(upsample2, "3x5x33", 2, IMG(3, 5, 33)),
    SIMPLE(upsample2, "4x2x1", 3, IMG(4, 2, 1)),
    SIMPLE(upsample2, "1x1x8", 3, IMG(1, 1, 8)),

    POOL(max_pool, 2, 6, 4, 8, 2),
    POOL(max_pool, 2, 5, 7, 3, 2),
    POOL(max_pool, 2, 8, 10, 33, 3),
    POOL(max_pool, 3, 4, 4, 1, 4),
    POOL(avg_pool, 2, 6, 4, 8, 2),
    POOL(avg_pool, 2, 5, 7, 3, 2),
    POOL(avg_pool, 2, 8, 10, 33, 3),
    POOL(avg_pool, 3, 4, 4, 1, 4),
    WINDOWS(max_pool_windows, 2, 5, 4, 17, 3, 2, 0),
    WINDOWS(max_pool_windows, 2, 5, 7, 3, 3, 1, 1),
    WINDOWS(max_pool_windows, 3, 4, 5, 8, 2, 3, 1),
    WINDOWS(avg_pool_windows, 2, 5, 7, 3, 3, 1, 1),
    WINDOWS(avg_pool_windows, 2, 9, 8, 33, 3, 2, 0),
    WINDOWS(avg_pool_windows, 3, 2, 1, 1, 3, 1, 1),
    SIMPLE(flatten, "3x5x4", 2, IMG(3, 5, 4)),
    SIMPLE(flatten, "7x7x33", 2, IMG(7, 7, 33)),
    SIMPLE(flatten, "1x1x8", 3, IMG(1, 1, 8)),
    SIMPLE(unroll, "3x5x4", 2, IMG(3, 5, 4)),
    SIMPLE(unroll, "33", 3, ROWS(33)),
    SIMPLE(global_avg_pool, "5x3x33", 2, IMG(5, 3, 33)),
    SIMPLE(global_avg_pool, "7x7x64", 2, IMG(7, 7, 64)),
    SIMPLE(global_avg_pool, "1x1x3", 3, IMG(1, 1, 3)),

    TIME(5, 32, false, 0),
    TIME(5, 32, true, 0),
    TIME(5, 64, true, 1),
    TIME(5, 6, false, 1),
    {"embedding 10x33", &ggdm_op_embedding, 7, {P2(10, 33), VEC}, {.k = 0}, 0, 0, 10},
    {"embedding 5x4 with indices outside", &ggdm_op_embedding, 17, {P2(5, 4), VEC}, {.k = 0}, 0, -3, 8},

    LAYER_NORM(2, 1e-5, "5 tokens of 33", 33, SEQ(5, 33)),
    LAYER_NORM(2, 1e-5, "50 tokens of 64", 64, SEQ(50, 64)),
    LAYER_NORM(2, 1e-6, "3x4x8", 8, IMG(3, 4, 8)),
    LAYER_NORM(3, 1e-5, "768 (ViT-B/32)", 768, ROWS(768)),
    LAYER_NORM(3, 1e-5, "3", 3, ROWS(3)),
    GELU(2, ERF, "5x7x3", 1, IMG(5, 7, 3)),
    GELU(2, ERF, "33 scale 5", 5, ROWS(33)),
    GELU(2, TANH, "5 tokens of 33", 1, SEQ(5, 33)),
    GELU(2, TANH, "33 scale 5", 5, ROWS(33)),
    GELU(2, QUICK, "2 tokens of 192", 1, SEQ(2, 192)),
    GELU(2, QUICK, "33 scale 5", 5, ROWS(33)),
    SIMPLE(geglu, "5 tokens of 2x33", 2, SEQ(5, 66)),
    SIMPLE(geglu, "2x8", 3, ROWS(16)),
    {"embedding_tokens 10x33, 7 each", &ggdm_op_embedding_tokens, 3, {P2(10, 33), ROWS(7)}, {.k = 0},
     0, 0, 10},
    {"embedding_tokens 5x4 with indices outside", &ggdm_op_embedding_tokens, 2, {P2(5, 4), ROWS(9)},
     {.k = 0}, 0, -3, 8},
    SIMPLE(add_positions, "7 tokens of 33", 3, SEQ(7, 33), P2(7, 33)),
    SIMPLE(add_positions, "1 token of 1", 2, SEQ(1, 1), P2(1, 1)),
    SIMPLE(prepend, "7 tokens of 33", 3, SEQ(7, 33), P1(33)),
    SIMPLE(prepend, "1 token of 8", 2, SEQ(1, 8), P1(8)),
    SIMPLE(prepend_each, "7 tokens of 33", 3, SEQ(7, 33), ROWS(33)),
    SIMPLE(prepend_each, "3x5 pixels of 8", 2, IMG(3, 5, 8), ROWS(8)),
    PART(2, 1, 3, 1, "5x33", SEQ(5, 33)),
    TIMED(3, "7x5x3", IMG(7, 5, 3)),
    TIMED(2, "33", ROWS(33)),
    PART(3, 4, 3, 2, "7x24", SEQ(7, 24)),
    PART(2, 2, 3, 0, "3x5x6", IMG(3, 5, 6)),
    CONV_TRANSPOSE("", 2, 5, 4, 8, 6, 4, 2, 1, 1, 1, 1, P1(6)),
    CONV_TRANSPOSE("", 2, 3, 7, 33, 3, 4, 2, 1, 1, 1, 1, P1(3)),
    CONV_TRANSPOSE(" no bias", 3, 4, 4, 1, 33, 4, 2, 1, 1, 1, 1, ABSENT),
    CONV_TRANSPOSE("", 2, 5, 6, 16, 16, 3, 1, 1, 1, 1, 1, P1(16)),
    CONV_TRANSPOSE("", 2, 4, 5, 3, 8, 3, 2, 0, 1, 1, 0, P1(8)),
    {"take of 7 tokens of 33", &ggdm_op_take, 5, {SEQ(7, 33), VEC}, {.k = 0}, 0, 0, 7},
    {"take of 3 tokens of 8, outside", &ggdm_op_take, 7, {SEQ(3, 8), VEC}, {.k = 0}, 0, -2, 5},

    {"take_end of 7 tokens of 33, the first 2", &ggdm_op_take_end, 5, {SEQ(7, 33), ROWS(7)}, {.k = 2}, 0,
     0, 5},
    {"take_end of 7 tokens of 8, the highest", &ggdm_op_take_end, 7, {SEQ(7, 8), ROWS(7)}, {.k = -1}, 0,
     0, 9},
    SIMPLE(patch_conv, "4x4 3->16 12x8", 2, IMG(12, 8, 3), {4, {16, 3, 4, 4}}),
    SIMPLE(patch_conv, "3x3 1->33 7x8, cut", 2, IMG(7, 8, 1), {4, {33, 1, 3, 3}}),
    SIMPLE(patch_conv, "1x1 8->8 3x2", 3, IMG(3, 2, 8), {4, {8, 8, 1, 1}}),
    SIMPLE(add_embedding_tokens, "7 tokens of 33", 2, SEQ(7, 33), ROWS(33)),
    SIMPLE(add_embedding_tokens, "1 token of 8", 3, SEQ(1, 8), ROWS(8)),

    SIMPLE(log_softmax, "K10", 3, ROWS(10)),
    SIMPLE(log_softmax, "K33", 2, ROWS(33)),
    SIMPLE(log_softmax, "K1000", 2, ROWS(1000)),
    {"log_softmax K10 scale 30", &ggdm_op_log_softmax, 7, {ROWS(10)}, {.k = 0}, 30, 0, 0},
    TARGET(nll, 7, 10),
    TARGET(nll, 2, 33),
    TARGET(neg_prob, 7, 10),
    TARGET(neg_prob, 2, 33),
    SIMPLE(mse, "5x7x3", 2, IMG(5, 7, 3), IMG(5, 7, 3)),
    SIMPLE(mse, "28x28x1", 2, IMG(28, 28, 1), IMG(28, 28, 1)),
    SIMPLE(mse, "7", 3, ROWS(7), ROWS(7)),
    SIMPLE(total_variation, "5x7x3", 2, IMG(5, 7, 3)),
    SIMPLE(total_variation, "28x28x1", 2, IMG(28, 28, 1)),
    SIMPLE(total_variation, "1x6x1", 3, IMG(1, 6, 1)),
    SIMPLE(lincomb, "5x7x3", 3, IMG(5, 7, 3), IMG(5, 7, 3), VEC, VEC),
    SIMPLE(lincomb, "33", 2, ROWS(33), ROWS(33), VEC, VEC),

    {"clamp 5x7x3", &ggdm_op_clamp, 2, {IMG(5, 7, 3)}, {.lo = -0.9, .hi = 1.1}, 0, 0, 0},
    {"clamp 33 from below", &ggdm_op_clamp, 3, {ROWS(33)}, {.lo = 0.1, .hi = INFINITY}, 0, 0, 0},
    SIMPLE(sub, "5x7x3", 2, IMG(5, 7, 3), IMG(5, 7, 3)),
    SIMPLE(sub, "numbers", 5, VEC, VEC),
    SIMPLE(mul, "5x7x3", 2, IMG(5, 7, 3), IMG(5, 7, 3)),
    SIMPLE(mul, "numbers", 5, VEC, VEC),
    SIMPLE(div, "5x7x3", 2, IMG(5, 7, 3), IMG(5, 7, 3)),
    SIMPLE(div, "numbers", 5, VEC, VEC),
    SIMPLE(exp, "5x7x3", 2, IMG(5, 7, 3)),
    SIMPLE(exp, "numbers", 5, VEC),
    SIMPLE(sqrt, "5x7x3", 2, IMG(5, 7, 3)),
    SIMPLE(sqrt, "numbers", 5, VEC),
    SIMPLE(arc, "5x7x3", 2, IMG(5, 7, 3)),
    SIMPLE(arc, "numbers", 5, VEC),
    SIMPLE(dot, "5x7x3", 2, IMG(5, 7, 3), IMG(5, 7, 3)),
    SIMPLE(dot, "28x28x1", 2, IMG(28, 28, 1), IMG(28, 28, 1)),
    SIMPLE(dot, "33", 3, ROWS(33), ROWS(33)),
    SIMPLE(scale_rows, "5x7x3", 2, IMG(5, 7, 3), VEC),
    SIMPLE(scale_rows, "33", 3, ROWS(33), VEC),
    SIMPLE(scale_rows, "numbers", 5, VEC, VEC),
    SIMPLE(log_sum_exp, "K1", 3, ROWS(1)),
    SIMPLE(log_sum_exp, "K33", 3, ROWS(33)),
    {"log_sum_exp K10 scale 30", &ggdm_op_log_sum_exp, 7, {ROWS(10)}, {.k = 0}, 30, 0, 0},

    SLICE(2, 0, 1, "5x7x3", IMG(5, 7, 3)),
    SLICE(2, 1, 2, "5x7x3", IMG(5, 7, 3)),
    SLICE(3, 7, 25, "33", ROWS(33)),
    {"join 3 numbers each", &ggdm_op_join, 2, {{1, {GGDM_BATCHES(3), 1, 1, 1}}}, {.k = 3}, 0, 0, 0},
    {"join 2 rows of 33 each", &ggdm_op_join, 3, {{2, {GGDM_BATCHES(2), 33, 1, 1}}}, {.k = 2}, 0, 0, 0},
    POOL(avg_pool_f32, 2, 5, 7, 3, 2),
    POOL(avg_pool_f32, 2, 28, 28, 1, 4),
    SIMPLE(normalize, "33", 3, ROWS(33)),
    SIMPLE(normalize, "512 (ViT-B/32)", 2, ROWS(512)),
    SIMPLE(normalize, "2", 3, ROWS(2)),
    SIMPLE(min_max, "5x7x3", 2, IMG(5, 7, 3)),
    SIMPLE(min_max, "3", 3, ROWS(3)),
    {"channel_affine 5x7x3", &ggdm_op_channel_affine, 2, {IMG(5, 7, 3)},
     {.channel_scale = (const double[]){2, 0.5, -1}, .channel_shift = (const double[]){0, -1, 3}},
     0, 0, 0},
    {"channel_affine 4x4x1", &ggdm_op_channel_affine, 3, {IMG(4, 4, 1)},
     {.channel_scale = (const double[]){0.3}, .channel_shift = (const double[]){0.1}}, 0, 0, 0},
    RESAMPLE(2, TORCH, 5, 7, 3, 12, 9),
    RESAMPLE(2, TORCH, 9, 8, 1, 4, 3),
    RESAMPLE(2, TORCH, 1, 2, 33, 3, 2),
    RESAMPLE(2, PIL, 4, 5, 3, 7, 9),
    RESAMPLE(2, PIL, 13, 11, 1, 5, 2),
    RESAMPLE(2, PIL, 9, 6, 3, 4, 8),
    RESAMPLE(2, PIL, 4, 5, 2, 4, 7),
    RESAMPLE(3, PIL_HELD, 4, 5, 3, 9, 7),
    RESAMPLE(2, PIL_HELD, 7, 6, 1, 7, 3),
    CROP(5, 9, 7, 3, 4),
    CROP(5, 12, 16, 1, 5),
    CROP(3, 4, 3, 8, 7),
    BLUR(2, 5, 7, 3, 1, 2),
    BLUR(2, 5, 6, 1, 2.5, 4),
    BLUR(3, 4, 4, 33, 0.5, 1),
    BLUR(3, 1, 3, 2, 1, 0),
    BLUR(1, 13, 12, 1, 3, 9),

    REPEAT(2, 2, "5x7x3", IMG(5, 7, 3)),
    REPEAT(3, 3, "33", ROWS(33)),
    REPEAT(2, 1, "4x4x1", IMG(4, 4, 1)),
    SPLIT(2, 2, 0, "5x7x3", IMGS(2, 5, 7, 3)),
    SPLIT(3, 2, 1, "5x7x3", IMGS(2, 5, 7, 3)),
    SPLIT(2, 3, 2, "33", {2, {GGDM_BATCHES(3), 33, 1, 1}}),
    SPLIT(2, 1, 0, "4x4x1", IMGS(1, 4, 4, 1)),
    SIMPLE(cast, "5x7x3", 2, IMG(5, 7, 3)),
    CONV_F32(2, 5, 6, 33, 3),
    CONV_F32(1, 9, 7, 8, 1),
    MIXTURE(mixture_eps, "1x1x2", 7, IMG(1, 1, 2), VEC),
    MIXTURE(mixture_eps, "1x2x1 with labels", 17, IMG(1, 2, 1), VEC, VEC),
    MIXTURE(mixture_logp, "1x2x1", 7, IMG(1, 2, 1), VEC),
    MIXTURE(mixture_logp, "2 without noise", 7, ROWS(2)),
};
/* clang-format on */

const size_t ggdm_op_n_rows = sizeof ggdm_op_rows / sizeof ggdm_op_rows[0];

ggdm_shape ggdm_op_input_shape(const ggdm_op_row *row, int i, int64_t batch)
{
    ggdm_shape s = row->shape[i];
    if (s.n > 0 && s.d[0] <= 0)
        s.d[0] = s.d[0] == GGDM_BATCH ? batch : -s.d[0] * batch;
    return s;
}
