#include "worker/pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* ---- one ----------------------------------------------------------------------------------- */

size_t ggdm_picture_bytes(const ggdm_picture *p)
{
    return (size_t)p->height * (size_t)p->width * (size_t)p->channels;
}

void ggdm_picture_digest(const ggdm_picture *p, char hex[GGDM_HASH_TEXT_SIZE])
{
    static const char version[] = "ggdm picture 1\n";
    uint8_t digest[GGDM_HASH_SIZE];
    ggdm_hash h;
    ggdm_hash_init(&h);
    ggdm_hash_update(&h, version, sizeof version - 1);
    ggdm_hash_u64(&h, (uint64_t)p->height);
    ggdm_hash_u64(&h, (uint64_t)p->width);
    ggdm_hash_u64(&h, (uint64_t)p->channels);
    ggdm_hash_update(&h, p->data, ggdm_picture_bytes(p));
    ggdm_hash_final(&h, digest);
    ggdm_hash_hex(digest, hex);
}

ggdm_status ggdm_picture_check(const ggdm_picture *p, ggdm_error *err)
{
    char found[GGDM_HASH_TEXT_SIZE];
    ggdm_picture_digest(p, found);
    return strcmp(found, p->digest) == 0
               ? GGDM_OK
               : GGDM_FAIL(err, GGDM_EFORMAT, "picture %s has the digest %s", p->digest, found);
}

void ggdm_picture_fill(const ggdm_picture *p, int32_t channels, bool mask, float *out)
{
    const int64_t pixels = (int64_t)p->height * p->width;
    const int32_t step = p->channels == 1 ? 0 : 1;
    for (int64_t i = 0; i < pixels; i++)
        for (int32_t c = 0; c < channels; c++) {
            const float v = (float)p->data[i * p->channels + c * step];
            out[i * channels + c] = mask ? v / 255.0f : v / 127.5f - 1.0f;
        }
}

static ggdm_status check_shape(const ggdm_picture *p, ggdm_error *err)
{
    if (p->height >= 1 && p->height <= GGDM_MAX_PICTURE_SIDE && p->width >= 1 &&
        p->width <= GGDM_MAX_PICTURE_SIDE && (p->channels == 1 || p->channels == 3))
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_EINVAL,
                     "a picture of %dx%dx%d, expected sides of 1 to %d, and 1 or 3 channels",
                     p->height, p->width, p->channels, GGDM_MAX_PICTURE_SIDE);
}

/* ---- many ---------------------------------------------------------------------------------- */

/* Where a digest is, or belongs. */
static size_t place_of(const ggdm_pictures *list, const char *digest)
{
    size_t lo = 0, hi = list->n;
    while (lo < hi) {
        const size_t middle = lo + (hi - lo) / 2;
        if (strcmp(list->items[middle].digest, digest) < 0)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

static bool is_at(const ggdm_pictures *list, size_t place, const char *digest)
{
    return place < list->n && strcmp(list->items[place].digest, digest) == 0;
}

const ggdm_picture *ggdm_pictures_find(const ggdm_pictures *list, const char *digest)
{
    const size_t place = list ? place_of(list, digest) : 0;
    return list && is_at(list, place, digest) ? &list->items[place] : NULL;
}

ggdm_status ggdm_pictures_add(ggdm_pictures *list, const ggdm_picture *p, ggdm_error *err)
{
    const size_t place = place_of(list, p->digest), bytes = ggdm_picture_bytes(p);
    GGDM_TRY(check_shape(p, err));
    if (is_at(list, place, p->digest)) {
        free(p->owned);
        return GGDM_OK;
    }
    if (bytes > GGDM_MAX_PICTURE_BYTES || list->bytes + bytes > GGDM_MAX_PICTURES_BYTES ||
        list->n == GGDM_MAX_PICTURES)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "expected at most %zu MiB of pixels in a picture, and %d pictures and "
                         "%zu MiB in a run",
                         GGDM_MAX_PICTURE_BYTES >> 20, GGDM_MAX_PICTURES,
                         GGDM_MAX_PICTURES_BYTES >> 20);
    GGDM_TRY(ggdm_grow(&list->items, &list->cap, list->n + 1, sizeof *list->items, err));
    memmove(list->items + place + 1, list->items + place, (list->n - place) * sizeof *list->items);
    list->items[place] = *p;
    list->n++;
    list->bytes += bytes;
    return GGDM_OK;
}

void ggdm_pictures_deinit(ggdm_pictures *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i].owned);
    free(list->items);
    *list = (ggdm_pictures){0};
}

/* ---- in trees ------------------------------------------------------------------------------ */

typedef struct shapes {
    const ggdm_pictures *list;
    char *text; /* owned */
} shapes;

static ggdm_status add_shape(void *context, const ggdm_item *item, const ggdm_param *row,
                             ggdm_value *value, const char *path, ggdm_error *err)
{
    shapes *s = context;
    const char *digest = value->scalar.text;
    char *longer = NULL;
    (void)path;
    if (row->type != GGDM_PARAM_FILE)
        return GGDM_OK;
    const ggdm_picture *p = digest ? ggdm_pictures_find(s->list, digest) : NULL;
    if (digest && !p)
        return ggdm_item_fail(item, row->key, err, "there is no picture %s", digest);
    GGDM_TRY(
        p ? ggdm_asprintf(&longer, err, "%s %dx%dx%d", s->text, p->height, p->width, p->channels)
          : ggdm_asprintf(&longer, err, "%s -", s->text));
    free(s->text);
    s->text = longer;
    return GGDM_OK;
}

ggdm_status ggdm_pictures_shapes(const ggdm_pictures *list, ggdm_arena *arena,
                                 const ggdm_item *tree, const char **out, ggdm_error *err)
{
    shapes s = {.list = list};
    *out = "";
    if (!tree)
        return GGDM_OK;
    GGDM_TRY(ggdm_strdup("", &s.text, err));
    ggdm_status st = ggdm_item_visit((ggdm_item *)tree, add_shape, &s, err);
    if (st == GGDM_OK)
        st = ggdm_arena_text(arena, s.text, out, err);
    free(s.text);
    return st;
}
