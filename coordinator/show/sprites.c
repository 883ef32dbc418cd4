#include "coordinator/show/sprites.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/png_image.h"
#include "common/temp.h"
#include "coordinator/show/html.h"

#define MAX_SIDE 4096 /* pixels of a generated image */

/* ---- one trajectory -------------------------------------------------------------------------- */

typedef struct drawing {
    ggdm_sprite *sprite;
    ggdm_pixels sheet; /* of all tiles; no data until the first image is there */
    int32_t next;      /* index expected */
    size_t cap_missing, cap_diverged, cap_steps;
} drawing;

static int32_t least(int64_t a, int64_t b)
{
    return (int32_t)(a < b ? a : b);
}

/* The first image says how large all are, and so how many fit. */
static ggdm_status open_sheet(drawing *d, const ggdm_pixels *image, ggdm_error *err)
{
    ggdm_sprite *s = d->sprite;
    s->width = image->width;
    s->height = image->height;
    s->channels = image->channels;
    s->columns = least(GGDM_SPRITE_COLUMNS, least(s->wanted, GGDM_PNG_MAX_SIDE / s->width));
    const int64_t rows = least(GGDM_SPRITE_PIXELS / ((int64_t)s->columns * s->width * s->height),
                               GGDM_PNG_MAX_SIDE / s->height);
    s->shown = least(s->wanted, s->columns * (rows > 0 ? rows : 1));
    return ggdm_pixels_init(&d->sheet, s->columns * s->width,
                            (s->shown + s->columns - 1) / s->columns * s->height, s->channels, err);
}

static void draw(drawing *d, const ggdm_pixels *image, int32_t index)
{
    const ggdm_sprite *s = d->sprite;
    const size_t line = (size_t)s->width * (size_t)s->channels, stride = line * (size_t)s->columns;
    uint8_t *to = d->sheet.data + (size_t)(index / s->columns * s->height) * stride +
                  (size_t)(index % s->columns) * line;
    for (int32_t y = 0; y < s->height; y++)
        memcpy(to + (size_t)y * stride, image->data + (size_t)y * line, line);
}

static ggdm_status draw_sample(drawing *d, const ggdm_sample *sample, ggdm_error *err)
{
    ggdm_pixels image;
    ggdm_sprite *s = d->sprite;
    GGDM_TRY(ggdm_png_decode(sample->data, sample->size, MAX_SIDE, &image, err));
    ggdm_status st = d->sheet.data ? GGDM_OK : open_sheet(d, &image, err);
    if (st == GGDM_OK &&
        (image.width != s->width || image.height != s->height || image.channels != s->channels))
        st = GGDM_FAIL(err, GGDM_ESHAPE,
                       "image %d of trajectory %" PRId64 " is %d x %d of %d channels, those before "
                       "it %d x %d of %d",
                       sample->index, s->trajectory, image.width, image.height, image.channels,
                       s->width, s->height, s->channels);
    if (st == GGDM_OK && sample->index < s->shown)
        draw(d, &image, sample->index);
    ggdm_pixels_deinit(&image);
    return st;
}

static ggdm_status note_missing(drawing *d, int32_t until, ggdm_error *err)
{
    ggdm_sprite *s = d->sprite;
    for (; d->next < until; d->next++) {
        GGDM_TRY(ggdm_grow(&s->missing, &d->cap_missing, (size_t)s->n_missing + 1,
                           sizeof *s->missing, err));
        s->missing[s->n_missing++] = d->next;
    }
    return GGDM_OK;
}

static ggdm_status note_diverged(drawing *d, const ggdm_sample *sample, ggdm_error *err)
{
    ggdm_sprite *s = d->sprite;
    const size_t need = (size_t)s->diverged + 1;
    GGDM_TRY(
        ggdm_grow(&s->diverged_images, &d->cap_diverged, need, sizeof *s->diverged_images, err));
    GGDM_TRY(ggdm_grow(&s->diverged_steps, &d->cap_steps, need, sizeof *s->diverged_steps, err));
    s->diverged_images[s->diverged] = sample->index;
    s->diverged_steps[s->diverged++] = sample->diverged_step;
    return GGDM_OK;
}

static ggdm_status add_sample(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    drawing *d = context;
    if (sample->index >= d->sprite->wanted)
        return GGDM_OK;
    d->sprite->images++;
    if (sample->diverged)
        GGDM_TRY(note_diverged(d, sample, err));
    GGDM_TRY(draw_sample(d, sample, err));
    GGDM_TRY(note_missing(d, least(sample->index, d->sprite->shown), err));
    d->next = sample->index + 1;
    return GGDM_OK;
}

/* Tiles behind the last image that is there are not. */
static void cut(drawing *d)
{
    ggdm_sprite *s = d->sprite;
    s->shown = least(s->shown, d->next);
    d->sheet.height = (s->shown + s->columns - 1) / s->columns * s->height;
}

static ggdm_status keep(ggdm_sprites *out, drawing *d, ggdm_error *err)
{
    ggdm_sprite *s = d->sprite;
    uint8_t *png = NULL;
    cut(d);
    GGDM_TRY(ggdm_png_encode(d->sheet.data, d->sheet.width, d->sheet.height, d->sheet.channels,
                             &png, &s->size, err));
    s->at = ftell(out->file);
    const bool written = fwrite(png, 1, s->size, out->file) == s->size;
    free(png);
    out->images += s->images;
    out->bytes += (s->size + 2) / 3 * 4;
    return written ? GGDM_OK : GGDM_FAIL_ERRNO(err, errno, "%s: cannot be written", out->temp.name);
}

static ggdm_status make(const ggdm_results *r, ggdm_sprites *out, ggdm_sprite *s, ggdm_error *err)
{
    drawing d = {.sprite = s};
    ggdm_status st = ggdm_store_each_sample(r->store, s->trajectory, s->wanted, true, NULL, 0,
                                            add_sample, &d, err);
    if (st == GGDM_OK && d.sheet.data)
        st = keep(out, &d, err);
    ggdm_pixels_deinit(&d.sheet);
    return st;
}

/* ---- all ------------------------------------------------------------------------------------- */

static int by_trajectory(const void *a, const void *b)
{
    const ggdm_sprite *x = a, *y = b;
    return (x->trajectory > y->trajectory) - (x->trajectory < y->trajectory);
}

/* Each trajectory once, with as many images as any cell shows of it. */
static ggdm_status find_trajectories(const ggdm_results *r, ggdm_sprites *out, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(&out->sprites, (size_t)r->n_rows, sizeof *out->sprites, err));
    for (int32_t i = 0; i < r->n_rows; i++)
        out->sprites[i] = (ggdm_sprite){.trajectory = r->rows[i].cell.trajectory,
                                        .wanted = r->rows[i].cell.wanted};
    qsort(out->sprites, (size_t)r->n_rows, sizeof *out->sprites, by_trajectory);
    for (int32_t i = 0; i < r->n_rows; i++) {
        ggdm_sprite *last = out->n ? &out->sprites[out->n - 1] : NULL;
        if (!last || last->trajectory != out->sprites[i].trajectory)
            out->sprites[out->n++] = out->sprites[i];
        else if (last->wanted < out->sprites[i].wanted)
            last->wanted = out->sprites[i].wanted;
    }
    return GGDM_OK;
}

static ggdm_status open_file(ggdm_sprites *out, const char *dir, ggdm_error *err)
{
    char *path = NULL;
    GGDM_TRY(ggdm_path_join(dir, "sprites", &path, err));
    ggdm_status st = ggdm_temp_open(path, &out->temp, err);
    free(path);
    if (st == GGDM_OK && !(out->file = fdopen(dup(out->temp.fd), "w+b")))
        st = GGDM_FAIL_ERRNO(err, errno, "%s: cannot be written", out->temp.name);
    return st;
}

ggdm_status ggdm_sprites_make(const ggdm_results *r, const char *dir, ggdm_sprites *out,
                              ggdm_error *err)
{
    *out = (ggdm_sprites){0};
    GGDM_TRY(find_trajectories(r, out, err));
    GGDM_TRY(open_file(out, dir, err));
    for (int32_t i = 0; i < out->n; i++)
        GGDM_TRY(make(r, out, &out->sprites[i], err));
    return GGDM_OK;
}

void ggdm_sprites_deinit(ggdm_sprites *s)
{
    for (int32_t i = 0; i < s->n; i++) {
        free(s->sprites[i].missing);
        free(s->sprites[i].diverged_images);
        free(s->sprites[i].diverged_steps);
    }
    free(s->sprites);
    if (s->file)
        fclose(s->file);
    ggdm_temp_abort(&s->temp);
    *s = (ggdm_sprites){0};
}

/* ---- where they go --------------------------------------------------------------------------- */

/* *png owned. */
static ggdm_status read_back(const ggdm_sprites *s, int32_t i, uint8_t **png, ggdm_error *err)
{
    const ggdm_sprite *sprite = &s->sprites[i];
    GGDM_TRY(ggdm_alloc(png, sprite->size, 1, err));
    if (fseek(s->file, sprite->at, SEEK_SET) == 0 &&
        fread(*png, 1, sprite->size, s->file) == sprite->size)
        return GGDM_OK;
    free(*png);
    *png = NULL;
    return GGDM_FAIL_ERRNO(err, errno, "%s: cannot be read", s->temp.name);
}

ggdm_status ggdm_sprite_put_base64(const ggdm_sprites *s, int32_t i, FILE *f, ggdm_error *err)
{
    uint8_t *png;
    GGDM_TRY(read_back(s, i, &png, err));
    ggdm_html_base64(f, png, s->sprites[i].size);
    free(png);
    return GGDM_OK;
}

static ggdm_status write_file(const ggdm_sprites *s, int32_t i, const char *dir, ggdm_error *err)
{
    char name[40];
    uint8_t *png;
    snprintf(name, sizeof name, "%" PRId64 ".png", s->sprites[i].trajectory);
    GGDM_TRY(read_back(s, i, &png, err));
    ggdm_status st = ggdm_replace_file_in(dir, name, png, s->sprites[i].size, err);
    free(png);
    return st;
}

ggdm_status ggdm_sprites_write(const ggdm_sprites *s, const char *dir, ggdm_error *err)
{
    GGDM_TRY(ggdm_make_dirs(dir, err));
    for (int32_t i = 0; i < s->n; i++)
        if (s->sprites[i].size)
            GGDM_TRY(write_file(s, i, dir, err));
    return GGDM_OK;
}
