/* What the ops refuse that bring images, rows and tokens to the form a network takes, and numbers
 * of PyTorch and of the PIL for them.  (References and gradients: the op table.) */
#include <math.h>
#include <string.h>

#include "models/nn/ops.h"
#include "tests/support/op_refused.h"

/* An image, tokens, rows, parameters and indices. */
typedef struct values {
    ggdm_val image, tokens, rows, p, row, index, numbers;
} values;

static values inputs(ggdm_graph *g)
{
    return (values){ggdm_graph_input(g, "image", GGDM_F32, GGDM_SHAPE4(2, 3, 4, 5)),
                    ggdm_graph_input(g, "tokens", GGDM_F32, GGDM_SHAPE3(2, 7, 5)),
                    ggdm_graph_input(g, "rows", GGDM_F32, GGDM_SHAPE2(2, 5)),
                    ggdm_graph_input(g, "p", GGDM_F32, GGDM_SHAPE2(7, 4)),
                    ggdm_graph_input(g, "row", GGDM_F32, GGDM_SHAPE1(4)),
                    ggdm_graph_input(g, "index", GGDM_I32, GGDM_SHAPE1(3)),
                    ggdm_graph_input(g, "numbers", GGDM_F32, GGDM_SHAPE1(2))};
}

static void test_shapes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const double five[5];
    REFUSED(GGDM_ESHAPE, ggdm_layer_norm(g, v.tokens, v.row, v.row, 1e-5),
            "layer_norm: gamma of 4 and beta of 4 channels, x has 5");
    REFUSED(GGDM_ESHAPE, ggdm_geglu(g, v.tokens), "geglu: x has 5 channels, expected an even");
    REFUSED(GGDM_ESHAPE, ggdm_embedding(g, v.p, v.rows), "embedding: index is not i32");
    REFUSED(GGDM_ESHAPE, ggdm_add_positions(g, v.tokens, v.p),
            "add_positions: p [7, 4] for tokens [7, 5]");
    REFUSED(GGDM_ESHAPE, ggdm_prepend(g, v.tokens, v.row), "prepend: a token of 4 channels");
    REFUSED(GGDM_ESHAPE, ggdm_take(g, v.tokens, v.index), "take: index is not i32, one for each");
    REFUSED(GGDM_ESHAPE, ggdm_take(g, v.tokens, v.numbers), "take: index is not i32, one for each");
    REFUSED(GGDM_ESHAPE, ggdm_normalize(g, v.tokens), "normalize: 'x' has shape");
    REFUSED(GGDM_ESHAPE, ggdm_channel_affine(g, v.image, five, five),
            "channel_affine: 5 channels, expected 1 to 4");
    REFUSED(GGDM_ESHAPE, ggdm_crop(g, v.image, v.rows, 2), "crop: window [2, 5], expected [2, 3]");
    REFUSED(GGDM_EINVAL, ggdm_resample(g, v.image, 0, 3, GGDM_RESAMPLE_PIL),
            "resample: 3x4 to 0x3, expected no less than a part in 64");
}

/* A graph of one op on images of h x w pixels of a channel, and its gradient. */
typedef struct one {
    ggdm_graph *g;
    ggdm_val x, y, gy, gx;
} one;

static one open_one(ggdm_shape shape)
{
    one o = {0};
    ggdm_error err;
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &o.g, &err), &err);
    o.x = ggdm_graph_input(o.g, "x", GGDM_F32, shape);
    return o;
}

static void run_one(one *o, const float *x, const float *gy)
{
    ggdm_error err;
    o->gy = ggdm_graph_input(o->g, "gy", GGDM_F32, *ggdm_graph_shape(o->g, o->y));
    ggdm_graph_output(o->g, o->y);
    ggdm_graph_backward(o->g, o->y, o->gy, 1, &o->x, &o->gx);
    ggdm_test_ok(ggdm_graph_compile(o->g, NULL, &err), &err);
    const int64_t n = ggdm_shape_count(ggdm_graph_shape(o->g, o->x));
    const int64_t n_out = ggdm_shape_count(ggdm_graph_shape(o->g, o->y));
    memcpy(ggdm_graph_data(o->g, o->x), x, sizeof *x * (size_t)n);
    for (int64_t i = 0; i < n_out; i++)
        ((float *)ggdm_graph_data(o->g, o->gy))[i] = gy ? gy[i] : 0;
    ggdm_graph_run(o->g);
}

static void check_near(const one *o, ggdm_val v, const float *want, double tolerance)
{
    const float *got = ggdm_graph_data(o->g, v);
    for (int64_t i = 0; i < ggdm_shape_count(ggdm_graph_shape(o->g, v)); i++)
        if (!(fabs((double)got[i] - want[i]) <= tolerance))
            ggdm_test_fail("[%d]: got %.9g, want %.9g", (int)i, (double)got[i], (double)want[i]);
}

static void test_min_max_shares_the_gradient_of_equals_as_pytorch(void **state)
{
    (void)state;
    static const float x[] = {1, 3, 1, 2, 3, 3}, gy[] = {1, 2, 3, 4, 5, 6};
    static const float y[] = {0, 1, 0, 0.5, 1, 1}, gx[] = {-1, -1.5, 0, 2, 0, 0.5};
    one o = open_one(GGDM_SHAPE2(1, 6));
    o.y = ggdm_min_max(o.g, o.x);
    run_one(&o, x, gy);
    check_near(&o, o.y, y, 0);
    check_near(&o, o.gx, gx, 1e-6);
    ggdm_graph_destroy(&o.g);
}

static void test_what_has_no_scale_becomes_zero(void **state)
{
    (void)state;
    static const float x[] = {2, 2, 2, 0, 0, 0}, gy[] = {1, 2, 3, 4, 5, 6}, zero[6];
    one flat = open_one(GGDM_SHAPE2(2, 3));
    flat.y = ggdm_min_max(flat.g, flat.x);
    run_one(&flat, x, gy);
    check_near(&flat, flat.y, zero, 0);
    check_near(&flat, flat.gx, zero, 0);
    ggdm_graph_destroy(&flat.g);
    one none = open_one(GGDM_SHAPE2(2, 3));
    none.y = ggdm_normalize(none.g, none.x);
    run_one(&none, zero, gy);
    check_near(&none, none.y, zero, 0);
    check_near(&none, none.gx, zero, 0);
    ggdm_graph_destroy(&none.g);
}

/* F.interpolate(mode="bicubic") of PyTorch 1.13, and Image.resize(..., BICUBIC) of Pillow 9.4 for
 * an image of mode F. */
static void test_resample_is_that_of_pytorch_and_of_the_pil(void **state)
{
    (void)state;
    static const float x[] = {0, 1, 4, 9, -2, 3, 7, 1, 5, -1, 2, 8};
    static const struct {
        ggdm_resample_form form;
        int height, width;
        float want[15];
    } rows[] = {
        {GGDM_RESAMPLE_TORCH,
         5,
         3,
         {0.229990736f, 1.75f, 8.94926834f, -0.860143542f, 4.11987495f, 5.47101402f, -1.35185182f,
          6.03125f, 1.93055558f, 1.87268984f, 2.23887491f, 4.68884706f, 4.60891676f, -1.26400006f,
          7.69597244f}},
        {GGDM_RESAMPLE_TORCH,
         2,
         6,
         {-0.898261189f, 0.141479492f, 2.22469521f, 4.24608946f, 6.20422363f, 7.12247705f,
          3.63604069f, 1.3543701f, 0.102136679f, 2.46044469f, 4.9913330f, 6.38407373f}},
        {GGDM_RESAMPLE_PIL,
         5,
         3,
         {0.156167701f, 2.13066578f, 8.33021069f, -0.49357903f, 3.65900564f, 5.92545843f,
          -0.993135035f, 5.38721275f, 2.7116704f, 1.77591443f, 2.07550073f, 5.05990648f, 3.6729846f,
          -0.323140323f, 6.98894691f}},
        {GGDM_RESAMPLE_PIL,
         2,
         6,
         {-1.16765225f, 0.156831279f, 2.42508245f, 4.83648777f, 5.80417347f, 5.9637785f,
          2.60125041f, 1.33424604f, 0.757078171f, 3.36020827f, 4.78916073f, 5.31897879f}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        one o = open_one(GGDM_SHAPE4(1, 3, 4, 1));
        o.y = ggdm_resample(o.g, o.x, rows[i].height, rows[i].width, rows[i].form);
        run_one(&o, x, NULL);
        check_near(&o, o.y, rows[i].want, 2e-6);
        ggdm_graph_destroy(&o.g);
    }
}

/* Image.resize of images in bytes, which rounds after each axis: by half a level the first time, of
 * which at most 1.4 are left by the second, and by half a level then. */
static void test_resample_held_is_that_of_the_pil_for_bytes(void **state)
{
    (void)state;
    static const float x[] = {-1, 1, 1, -1, 1, -1, -1, 1, -1, -1, 1, 1};
    static const struct {
        int height, width;
        uint8_t want[35];
    } rows[] = {
        {5, 7, {0,  69,  255, 255, 255, 69, 0,  101, 120, 163, 160, 151, 109, 89,  255, 178, 12, 0,
                12, 178, 255, 101, 67,  0,  72, 159, 233, 255, 0,   0,   0,   138, 255, 255, 255}},
        {3, 6, {0, 120, 255, 255, 120, 0, 255, 135, 0, 0, 135, 255, 0, 0, 31, 224, 255, 255}},
        {2, 3, {116, 161, 106, 72, 73, 238}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        float want[35];
        one o = open_one(GGDM_SHAPE4(1, 3, 4, 1));
        o.y = ggdm_resample(o.g, o.x, rows[i].height, rows[i].width, GGDM_RESAMPLE_PIL_HELD);
        run_one(&o, x, NULL);
        for (int k = 0; k < 35; k++)
            want[k] = (float)rows[i].want[k] / 127.5f - 1;
        check_near(&o, o.y, want, 1.2 / 127.5);
        ggdm_graph_destroy(&o.g);
    }
}

/* adaptive_avg_pool2d(x[..., :, :3], 2), wherever the window is said to be. */
static void test_crop_is_adaptive_pooling_and_stays_inside(void **state)
{
    (void)state;
    static const float x[] = {0, 1, 4, 9, -2, 3, 7, 1, 5, -1, 2, 8};
    static const float windows[][3] = {{0.99f, 0, 0}, {7, -3, -INFINITY}, {1, 0.5f, NAN}};
    static const float want[] = {0.5f, 3.75f, 1.25f, 2.75f};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        one o = open_one(GGDM_SHAPE4(1, 3, 4, 1));
        const ggdm_val window = ggdm_graph_input(o.g, "window", GGDM_F32, GGDM_SHAPE2(1, 3));
        o.y = ggdm_crop(o.g, o.x, window, 2);
        ggdm_error err;
        ggdm_graph_output(o.g, o.y);
        ggdm_test_ok(ggdm_graph_compile(o.g, NULL, &err), &err);
        memcpy(ggdm_graph_data(o.g, o.x), x, sizeof x);
        memcpy(ggdm_graph_data(o.g, window), windows[i], sizeof windows[i]);
        ggdm_graph_run(o.g);
        check_near(&o, o.y, want, 1e-6);
        ggdm_graph_destroy(&o.g);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes_that_do_not_fit_are_refused),
        cmocka_unit_test(test_min_max_shares_the_gradient_of_equals_as_pytorch),
        cmocka_unit_test(test_what_has_no_scale_becomes_zero),
        cmocka_unit_test(test_resample_is_that_of_pytorch_and_of_the_pil),
        cmocka_unit_test(test_resample_held_is_that_of_the_pil_for_bytes),
        cmocka_unit_test(test_crop_is_adaptive_pooling_and_stays_inside),
    };
    return ggdm_test_main(tests);
}
