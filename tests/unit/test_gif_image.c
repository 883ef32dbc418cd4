/* Animations, read back by giflib; letters in pictures. */
#include "common/gif_image.h"

#include <gif_lib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/ggdm_test.h"

enum { W = 19, H = 7, FRAMES = 3, LEVEL = 255 / 5 };

typedef struct memory {
    const uint8_t *data;
    size_t size, at;
} memory;

static int read_memory(GifFileType *file, GifByteType *out, int n)
{
    memory *m = file->UserData;
    size_t left = m->size - m->at, take = (size_t)n < left ? (size_t)n : left;
    memcpy(out, m->data + m->at, take);
    m->at += take;
    return (int)take;
}

static GifFileType *read_gif(memory *m)
{
    int why = 0;
    GifFileType *file = DGifOpen(m, read_memory, &why);
    assert_non_null(file);
    assert_int_equal(DGifSlurp(file), GIF_OK);
    return file;
}

static uint8_t *make_gif(int32_t channels, const uint8_t *frames, size_t *size)
{
    ggdm_gif *gif = NULL;
    ggdm_error err;
    uint8_t *data = NULL;
    ggdm_test_ok(ggdm_gif_create(W, H, channels, &gif, &err), &err);
    for (int i = 0; i < FRAMES; i++)
        ggdm_test_ok(ggdm_gif_add(gif, frames + i * W * H * channels, 5 + 10 * i, &err), &err);
    ggdm_test_ok(ggdm_gif_finish(gif, &data, size, &err), &err);
    ggdm_gif_destroy(&gif);
    ggdm_gif_destroy(&gif);
    return data;
}

static void random_bytes(uint8_t *out, int n)
{
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    for (int i = 0; i < n; i++)
        out[i] = (uint8_t)ggdm_test_below(&rng, 256);
}

static void test_gif_grey_frames_are_exact_and_last_as_long_as_said(void **state)
{
    (void)state;
    uint8_t frames[FRAMES * W * H];
    size_t size;
    random_bytes(frames, (int)sizeof frames);
    uint8_t *data = make_gif(1, frames, &size);
    memory m = {data, size, 0};
    GifFileType *file = read_gif(&m);
    assert_int_equal(file->SWidth, W);
    assert_int_equal(file->SHeight, H);
    assert_int_equal(file->ImageCount, FRAMES);
    for (int i = 0; i < FRAMES; i++) {
        GraphicsControlBlock control;
        assert_int_equal(DGifSavedExtensionToGCB(file, i, &control), GIF_OK);
        assert_int_equal(control.DelayTime, 5 + 10 * i);
        for (int k = 0; k < W * H; k++) {
            const GifColorType c = file->SColorMap->Colors[file->SavedImages[i].RasterBits[k]];
            assert_int_equal(c.Red, frames[i * W * H + k]);
            assert_int_equal(c.Green, c.Red);
            assert_int_equal(c.Blue, c.Red);
        }
    }
    DGifCloseFile(file, NULL);
    assert_non_null(memmem(data, size, "NETSCAPE2.0\3\1\0\0", 16)); /* for ever */
    free(data);
}

/* Dithered between levels that are 51 apart (of green 42.5); black and white are levels. */
static void test_gif_color_frames_are_within_a_level(void **state)
{
    (void)state;
    uint8_t frames[FRAMES * W * H * 3];
    size_t size;
    random_bytes(frames, (int)sizeof frames);
    memset(frames, 0, W * H * 3);
    memset(frames + W * H * 3, 255, W * H * 3);
    uint8_t *data = make_gif(3, frames, &size);
    memory m = {data, size, 0};
    GifFileType *file = read_gif(&m);
    for (int i = 0; i < FRAMES * W * H; i++) {
        const uint8_t *rgb = frames + 3 * i;
        const GifByteType *bits = file->SavedImages[i / (W * H)].RasterBits;
        const GifColorType c = file->SColorMap->Colors[bits[i % (W * H)]];
        const int most = i < 2 * W * H ? 0 : LEVEL;
        assert_in_range(abs(c.Red - rgb[0]), 0, most);
        assert_in_range(abs(c.Green - rgb[1]), 0, most);
        assert_in_range(abs(c.Blue - rgb[2]), 0, most);
    }
    DGifCloseFile(file, NULL);
    free(data);
}

/* A flat area is as bright as it was, on the whole. */
static void test_gif_dithering_keeps_the_mean(void **state)
{
    (void)state;
    enum { SIDE = 16 };
    for (int v = 0; v < 256; v += 15) {
        uint8_t frame[SIDE * SIDE * 3];
        size_t size;
        uint8_t *data;
        ggdm_gif *gif = NULL;
        ggdm_error err;
        double sum = 0;
        memset(frame, v, sizeof frame);
        ggdm_test_ok(ggdm_gif_create(SIDE, SIDE, 3, &gif, &err), &err);
        ggdm_test_ok(ggdm_gif_add(gif, frame, 1, &err), &err);
        ggdm_test_ok(ggdm_gif_finish(gif, &data, &size, &err), &err);
        ggdm_gif_destroy(&gif);
        memory m = {data, size, 0};
        GifFileType *file = read_gif(&m);
        for (int i = 0; i < SIDE * SIDE; i++)
            sum += file->SColorMap->Colors[file->SavedImages[0].RasterBits[i]].Red;
        /* A share is rounded to sixteenths of a level, and its ends to whole ones. */
        assert_true(fabs(sum / (SIDE * SIDE) - v) <= LEVEL / 16.0 + 1);
        DGifCloseFile(file, NULL);
        free(data);
    }
}

static void test_gif_of_no_size_fails(void **state)
{
    (void)state;
    ggdm_gif *gif = NULL;
    ggdm_error err;
    ggdm_test_error(ggdm_gif_create(0, 4, 1, &gif, &err), &err, GGDM_EINVAL, "0");
    assert_null(gif);
    ggdm_test_error(ggdm_gif_create(4, 4, 2, &gif, &err), &err, GGDM_EINVAL, "channels");
}

static void test_text_is_drawn_inside_the_picture_only(void **state)
{
    (void)state;
    ggdm_pixels p, q;
    ggdm_error err;
    ggdm_test_ok(ggdm_pixels_init(&p, 20, 10, 3, &err), &err);
    ggdm_test_ok(ggdm_pixels_init(&q, 20, 10, 3, &err), &err);
    memset(p.data, 255, 600);
    memset(q.data, 255, 600);
    ggdm_draw_text(&p, 1, 1, "T");
    /* Its upper bar is wide, its foot is not. */
    int bar = 0, foot = 0;
    for (int x = 0; x < 9; x++) {
        bar += p.data[(1 * 20 + x) * 3] == 0;
        foot += p.data[(6 * 20 + x) * 3] == 0;
    }
    assert_true(bar >= 5 && foot >= 1 && foot < bar);
    ggdm_draw_text(&q, 15, -3, "WWW");
    ggdm_draw_text(&q, -5, 6, "W\xc3\xa9");
    for (int i = 0; i < 200; i++)
        assert_true(q.data[3 * i] == q.data[3 * i + 1] && q.data[3 * i] == q.data[3 * i + 2]);
    ggdm_pixels_deinit(&p);
    ggdm_pixels_deinit(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gif_grey_frames_are_exact_and_last_as_long_as_said),
        cmocka_unit_test(test_gif_color_frames_are_within_a_level),
        cmocka_unit_test(test_gif_dithering_keeps_the_mean),
        cmocka_unit_test(test_gif_of_no_size_fails),
        cmocka_unit_test(test_text_is_drawn_inside_the_picture_only),
    };
    return ggdm_test_main(tests);
}
