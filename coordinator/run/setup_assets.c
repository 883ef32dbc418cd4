/* The files that a sweep names: pictures, read once, known by their pixels, kept in the store. */
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/png_image.h"
#include "coordinator/run/setup_models.h"

#define MAX_FILE ((size_t)16 << 20) /* bytes, also of the pixels */
#define MAX_ALL ((size_t)256 << 20) /* bytes of all of a run */
#define MAX_SIDE 2048               /* pixels */

/* As it is named, or from the folder of the sweep. */
static ggdm_status read_picture(const ggdm_setup *s, const char *name, char **data, size_t *size,
                                ggdm_error *err)
{
    char *folder = NULL, *path = NULL;
    ggdm_status st;
    if (ggdm_exists(name))
        return ggdm_read_file(name, MAX_FILE, data, size, err);
    GGDM_TRY_GOTO(st, ggdm_folder_of(s->spec.where, &folder, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(folder, name, &path, err), done);
    st = ggdm_read_file(path, MAX_FILE, data, size, err);
done:
    free(folder);
    free(path);
    return st;
}

/* Of the pixels and the shape, whatever the file is like otherwise. */
static void digest_picture(const ggdm_pixels *p, size_t size, char hex[GGDM_HASH_TEXT_SIZE])
{
    static const char version[] = "ggdm picture 1\n";
    uint8_t digest[GGDM_HASH_SIZE];
    ggdm_hash h;
    ggdm_hash_init(&h);
    ggdm_hash_update(&h, version, sizeof version - 1);
    ggdm_hash_u64(&h, (uint64_t)p->height);
    ggdm_hash_u64(&h, (uint64_t)p->width);
    ggdm_hash_u64(&h, (uint64_t)p->channels);
    ggdm_hash_update(&h, p->data, size);
    ggdm_hash_final(&h, digest);
    ggdm_hash_hex(digest, hex);
}

/* Keep the pixels, which are then the setup's. */
static ggdm_status keep_picture(ggdm_setup *s, ggdm_pixels *p, size_t size, const char *digest,
                                ggdm_error *err)
{
    size_t all = size;
    for (size_t i = 0; i < s->n_assets; i++) {
        if (strcmp(s->assets[i].digest, digest) == 0)
            return GGDM_OK;
        all += s->assets[i].size;
    }
    if (all > MAX_ALL)
        return GGDM_FAIL(err, GGDM_EINVAL, "the pictures of a sweep have more than %zu MiB",
                         MAX_ALL >> 20);
    ggdm_store_asset *assets = realloc(s->assets, (s->n_assets + 1) * sizeof *assets);
    if (!assets)
        return GGDM_FAIL(err, GGDM_ENOMEM, "cannot keep another picture");
    s->assets = assets;
    s->assets[s->n_assets++] = (ggdm_store_asset){.digest = digest,
                                                  .media = "image/raw",
                                                  .height = p->height,
                                                  .width = p->width,
                                                  .channels = p->channels,
                                                  .data = p->data,
                                                  .size = size};
    p->data = NULL;
    return GGDM_OK;
}

ggdm_status ggdm_setup_resolve_file(void *context, const ggdm_param *row, const char *path,
                                    const char **digest, ggdm_error *err)
{
    ggdm_setup *s = context;
    char hex[GGDM_HASH_TEXT_SIZE], *data = NULL;
    ggdm_pixels p = {0};
    size_t bytes = 0;
    ggdm_status st;
    (void)row;
    GGDM_TRY_GOTO(st, read_picture(s, path, &data, &bytes, err), done);
    GGDM_TRY_GOTO(st, ggdm_png_decode(data, bytes, MAX_SIDE, &p, err), done);
    const size_t size = (size_t)p.height * (size_t)p.width * (size_t)p.channels;
    digest_picture(&p, size, hex);
    GGDM_TRY_GOTO(st, ggdm_arena_text(&s->spec.arena, hex, digest, err), done);
    st = keep_picture(s, &p, size, *digest, err);
done:
    ggdm_pixels_deinit(&p);
    free(data);
    return st == GGDM_OK ? st : ggdm_error_prefix(err, "file '%s'", path);
}

void ggdm_setup_assets_deinit(ggdm_setup *s)
{
    for (size_t i = 0; i < s->n_assets; i++)
        free((void *)s->assets[i].data);
    free(s->assets);
}
