#include "common/png_image.h"

#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* libpng reports errors by a callback that must not return: it jumps back to the public function.
 * Everything that lives across the jump is in this struct, not in local variables. */
typedef struct png_task {
    jmp_buf back;
    char message[200];
    ggdm_status status; /* when the error is not libpng's own */
    const uint8_t *in;  /* decoding */
    size_t in_size, in_pos;
    uint8_t *out; /* encoding, owned */
    size_t out_size, out_cap;
    ggdm_pixels pixels; /* decoding, owned */
    uint8_t *raw;       /* decoding: with alpha, [height, width, raw_channels]; owned */
    size_t memory;      /* decoding: what libpng may still take */
} png_task;

static ggdm_status check_format(int32_t width, int32_t height, int32_t channels, ggdm_error *err)
{
    if (width < 1 || height < 1 || width > GGDM_PNG_MAX_SIDE || height > GGDM_PNG_MAX_SIDE ||
        (channels != 1 && channels != 3))
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "image of %d x %d pixels, %d channels; expected sides in [1, %d], 1 or 3 "
                         "channels",
                         width, height, channels, GGDM_PNG_MAX_SIDE);
    return GGDM_OK;
}

ggdm_status ggdm_pixels_init(ggdm_pixels *p, int32_t width, int32_t height, int32_t channels,
                             ggdm_error *err)
{
    *p = (ggdm_pixels){0};
    GGDM_TRY(check_format(width, height, channels, err));
    GGDM_TRY(ggdm_alloc(&p->data, (size_t)width * (size_t)height, (size_t)channels, err));
    p->width = width;
    p->height = height;
    p->channels = channels;
    return GGDM_OK;
}

void ggdm_pixels_deinit(ggdm_pixels *p)
{
    free(p->data);
    *p = (ggdm_pixels){0};
}

void ggdm_pixels_dequantise(const uint8_t *pixels, float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)pixels[i] / 127.5f - 1.0f;
}

static void on_png_error(png_structp png, png_const_charp message)
{
    png_task *task = png_get_error_ptr(png);
    if (!task->message[0])
        snprintf(task->message, sizeof task->message, "%s", message);
    longjmp(task->back, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

/* ---- encoding ------------------------------------------------------------------------------- */

static void write_bytes(png_structp png, png_bytep data, size_t size)
{
    png_task *task = png_get_io_ptr(png);
    if (ggdm_grow(&task->out, &task->out_cap, task->out_size + size, 1, NULL) != GGDM_OK) {
        task->status = GGDM_ENOMEM;
        png_error(png, "out of memory");
    }
    memcpy(task->out + task->out_size, data, size);
    task->out_size += size;
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

/* What every writer starts with: all that changes the bytes is said here, nothing is left to the
 * library's choice. */
static void set_compression(png_structp png)
{
    png_set_compression_level(png, 6);
    png_set_compression_strategy(png, 0);
    png_set_compression_mem_level(png, 8);
    png_set_compression_window_bits(png, 15);
    png_set_text_compression_level(png, 6);
    png_set_text_compression_strategy(png, 0);
    png_set_text_compression_mem_level(png, 8);
    png_set_text_compression_window_bits(png, 15);
}

/* Calls the library; an error of it jumps out. */
typedef void png_body(png_structp png, png_infop info, const void *context);

/* What body writes: *out owned. */
static ggdm_status write_png(png_body *body, const void *context, uint8_t **out, size_t *size,
                             ggdm_error *err)
{
    png_task *task = NULL;
    GGDM_TRY(ggdm_alloc(&task, 1, sizeof *task, err));
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, task, on_png_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    ggdm_status st = info ? GGDM_OK : GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for a PNG");
    if (st == GGDM_OK) {
        if (setjmp(task->back) == 0) {
            png_set_write_fn(png, task, write_bytes, flush_nothing);
            set_compression(png);
            body(png, info, context);
        } else {
            task->status = task->status != GGDM_OK ? task->status : GGDM_EINTERNAL;
        }
        st = task->status;
        if (st != GGDM_OK)
            GGDM_FAIL(err, st, "cannot encode a PNG: %s", task->message);
    }
    png_destroy_write_struct(&png, &info);
    if (st == GGDM_OK) {
        *out = task->out;
        *size = task->out_size;
        task->out = NULL;
    }
    free(task->out);
    free(task);
    return st;
}

static void write_rows(png_structp png, png_infop info, const void *context)
{
    const ggdm_pixels *p = context;
    png_set_filter(png, PNG_FILTER_TYPE_BASE,
                   p->channels == 1 ? PNG_FILTER_NONE : PNG_FILTER_PAETH);
    png_set_IHDR(png, info, (png_uint_32)p->width, (png_uint_32)p->height, 8,
                 p->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (int32_t y = 0; y < p->height; y++)
        png_write_row(png, p->data + (size_t)y * (size_t)p->width * (size_t)p->channels);
    png_write_end(png, info);
}

ggdm_status ggdm_png_encode(const uint8_t *pixels, int32_t width, int32_t height, int32_t channels,
                            uint8_t **out, size_t *size, ggdm_error *err)
{
    const ggdm_pixels p = {width, height, channels, (uint8_t *)pixels};
    *out = NULL;
    *size = 0;
    GGDM_TRY(check_format(width, height, channels, err));
    return write_png(write_rows, &p, out, size, err);
}

/* ---- texts ---------------------------------------------------------------------------------- */

enum {
    HEADER = 33,    /* bytes: the signature and the first chunk, IHDR */
    LONG_TEXT = 128 /* bytes: below it zlib gains nothing */
};

typedef struct labelled {
    const uint8_t *png;
    size_t size;
    const ggdm_png_text *texts;
    int n;
} labelled;

static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
            return false;
    return true;
}

/* tEXt or zTXt where they will do, iTXt for the rest of UTF-8. */
static void set_text(png_structp png, png_infop info, const ggdm_png_text *text)
{
    const bool is_long = strlen(text->text) >= LONG_TEXT;
    png_text t = {.key = (char *)text->key, .text = (char *)text->text};
    if (is_ascii(text->text))
        t.compression = is_long ? PNG_TEXT_COMPRESSION_zTXt : PNG_TEXT_COMPRESSION_NONE;
    else
        t.compression = is_long ? PNG_ITXT_COMPRESSION_zTXt : PNG_ITXT_COMPRESSION_NONE;
    png_set_text(png, info, &t, 1);
}

/* The library writes header and texts; what is behind the header of the other picture follows. */
static void write_labelled(png_structp png, png_infop info, const void *context)
{
    const labelled *l = context;
    const uint8_t *h = l->png;
    png_set_IHDR(png, info, png_get_uint_32(h + 16), png_get_uint_32(h + 20), h[24], h[25], h[28],
                 h[26], h[27]);
    for (int i = 0; i < l->n; i++)
        set_text(png, info, &l->texts[i]);
    png_write_info(png, info);
    write_bytes(png, (png_bytep)(h + HEADER), l->size - HEADER);
}

ggdm_status ggdm_png_label(const void *png, size_t size, const ggdm_png_text *texts, int n,
                           uint8_t **out, size_t *out_size, ggdm_error *err)
{
    static const uint8_t begin[] = "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";
    const labelled l = {png, size, texts, n};
    *out = NULL;
    *out_size = 0;
    if (size < HEADER || memcmp(png, begin, sizeof begin - 1) != 0)
        return GGDM_FAIL(err, GGDM_EFORMAT, "PNG: no header");
    return write_png(write_labelled, &l, out, out_size, err);
}

/* ---- decoding ------------------------------------------------------------------------------- */

/* A chunk of 53 bytes that says it has two gigabytes makes libpng allocate them, whatever it was
 * told about limits: its allocations are ours. */
#define DECODE_MEMORY ((size_t)16 << 20) /* bytes beside the pixels */

typedef union png_block {
    size_t size;
    max_align_t align;
} png_block;

static png_voidp take_memory(png_structp png, png_alloc_size_t size)
{
    png_task *task = png_get_mem_ptr(png);
    png_block *b = size <= task->memory ? malloc(sizeof *b + size) : NULL;
    if (!b)
        return NULL;
    task->memory -= size;
    b->size = size;
    return b + 1;
}

static void give_memory(png_structp png, png_voidp memory)
{
    png_task *task = png_get_mem_ptr(png);
    png_block *b = (png_block *)memory - 1;
    task->memory += b->size;
    free(b);
}

static void read_bytes(png_structp png, png_bytep data, size_t size)
{
    png_task *task = png_get_io_ptr(png);
    if (size > task->in_size - task->in_pos)
        png_error(png, "truncated");
    memcpy(data, task->in + task->in_pos, size);
    task->in_pos += size;
}

/* Stop decoding for a reason of our own. */
static void refuse_png(png_structp png, png_task *task, ggdm_status status, const char *message)
{
    task->status = status;
    png_error(png, message);
}

static void open_png(png_structp png, png_infop info, png_task *task, int32_t max_side)
{
    char text[100];
    png_set_read_fn(png, task, read_bytes);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    /* Texts, profiles and the like: skipped, as the library would allocate what they say they have,
     * whatever its own limit. */
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_read_info(png, info);
    png_uint_32 width = png_get_image_width(png, info), height = png_get_image_height(png, info);
    if (width > (png_uint_32)max_side || height > (png_uint_32)max_side) {
        snprintf(text, sizeof text, "%u x %u pixels, expected at most %d a side", width, height,
                 max_side);
        refuse_png(png, task, GGDM_ESHAPE, text);
    }
}

static void make_pixels(png_structp png, png_infop info, png_task *task, int32_t channels)
{
    if (ggdm_pixels_init(&task->pixels, (int32_t)png_get_image_width(png, info),
                         (int32_t)png_get_image_height(png, info), channels, NULL) != GGDM_OK)
        refuse_png(png, task, GGDM_ENOMEM, "out of memory");
}

static void decode_rows(png_structp png, png_infop info, png_task *task)
{
    char text[100];
    int color = png_get_color_type(png, info), depth = png_get_bit_depth(png, info);
    if (depth != 8 || (color != PNG_COLOR_TYPE_GRAY && color != PNG_COLOR_TYPE_RGB) ||
        png_get_interlace_type(png, info) != PNG_INTERLACE_NONE) {
        snprintf(
            text, sizeof text,
            "color type %d, %d bits, interlace %d; expected grey or RGB of 8 bits, no interlace",
            color, depth, png_get_interlace_type(png, info));
        refuse_png(png, task, GGDM_EUNSUPPORTED, text);
    }
    make_pixels(png, info, task, color == PNG_COLOR_TYPE_GRAY ? 1 : 3);
    const ggdm_pixels *p = &task->pixels;
    for (int32_t y = 0; y < p->height; y++)
        png_read_row(png, p->data + (size_t)y * (size_t)p->width * (size_t)p->channels, NULL);
    png_read_end(png, NULL);
}

/* Over white: raw [n, channels + 1], the last of which is alpha. */
static void flatten(const uint8_t *raw, uint8_t *out, size_t n, size_t channels)
{
    for (size_t i = 0; i < n; i++, raw += channels + 1)
        for (size_t c = 0; c < channels; c++)
            *out++ =
                (uint8_t)((raw[c] * raw[channels] + 255u * (255u - raw[channels]) + 127) / 255);
}

/* Whatever a PNG may hold, as 8 bits of grey or RGB. */
static void decode_any(png_structp png, png_infop info, png_task *task)
{
    png_set_expand(png);
    png_set_scale_16(png);
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    const size_t channels = png_get_channels(png, info), alpha = channels % 2 == 0;
    make_pixels(png, info, task, (int32_t)(channels - alpha));
    const ggdm_pixels *p = &task->pixels;
    const size_t n = (size_t)p->width * (size_t)p->height, row = (size_t)p->width * channels;
    if (alpha && ggdm_alloc(&task->raw, n, channels, NULL) != GGDM_OK)
        refuse_png(png, task, GGDM_ENOMEM, "out of memory");
    uint8_t *to = alpha ? task->raw : p->data;
    for (int pass = 0; pass < passes; pass++)
        for (int32_t y = 0; y < p->height; y++)
            png_read_row(png, to + (size_t)y * row, NULL);
    png_read_end(png, NULL);
    if (alpha)
        flatten(task->raw, p->data, n, channels - 1);
}

static ggdm_status decode_png(const void *data, size_t size, int32_t max_side, bool any,
                              ggdm_pixels *out, ggdm_error *err)
{
    *out = (ggdm_pixels){0};
    if (max_side < 1 || max_side > GGDM_PNG_MAX_SIDE)
        return GGDM_FAIL(err, GGDM_EINVAL, "PNG limit %d, expected [1, %d]", max_side,
                         GGDM_PNG_MAX_SIDE);
    png_task *task = NULL;
    GGDM_TRY(ggdm_alloc(&task, 1, sizeof *task, err));
    task->in = data;
    task->in_size = size;
    task->memory = DECODE_MEMORY;
    png_structp png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, task, on_png_error,
                                               on_warning, task, take_memory, give_memory);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    ggdm_status st = info ? GGDM_OK : GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for a PNG");
    if (st == GGDM_OK) {
        if (setjmp(task->back) == 0) {
            open_png(png, info, task, max_side);
            (any ? decode_any : decode_rows)(png, info, task);
        } else {
            task->status = task->status != GGDM_OK ? task->status : GGDM_EFORMAT;
        }
        st = task->status;
        if (st != GGDM_OK)
            GGDM_FAIL(err, st, "PNG: %s", task->message);
    }
    png_destroy_read_struct(&png, &info, NULL);
    if (st == GGDM_OK) {
        *out = task->pixels;
        task->pixels = (ggdm_pixels){0};
    }
    ggdm_pixels_deinit(&task->pixels);
    free(task->raw);
    free(task);
    return st;
}

ggdm_status ggdm_png_decode(const void *png, size_t size, int32_t max_side, ggdm_pixels *out,
                            ggdm_error *err)
{
    return decode_png(png, size, max_side, false, out, err);
}

ggdm_status ggdm_png_decode_any(const void *png, size_t size, int32_t max_side, ggdm_pixels *out,
                                ggdm_error *err)
{
    return decode_png(png, size, max_side, true, out, err);
}
