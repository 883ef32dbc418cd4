/* The files that a sweep names: pictures, read once, known by their pixels, kept in the store. */
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/png_image.h"
#include "coordinator/run/setup_models.h"

/* ---- from files ---------------------------------------------------------------------------- */

/* As it is named, or from the folder of the sweep. */
static ggdm_status picture_path(const ggdm_setup *s, const char *name, char **out, ggdm_error *err)
{
    char *folder = NULL;
    if (ggdm_exists(name))
        return ggdm_strdup(name, out, err);
    GGDM_TRY(ggdm_folder_of(s->spec.where, &folder, err));
    ggdm_status st = ggdm_path_join(folder, name, out, err);
    free(folder);
    return st;
}

static ggdm_status decode_picture(const char *data, size_t bytes, ggdm_picture *out,
                                  ggdm_error *err)
{
    ggdm_pixels p = {0};
    GGDM_TRY(ggdm_png_decode(data, bytes, GGDM_MAX_PICTURE_SIDE, &p, err));
    *out = (ggdm_picture){.height = p.height,
                          .width = p.width,
                          .channels = p.channels,
                          .data = p.data,
                          .owned = p.data};
    ggdm_picture_digest(out, out->digest);
    return GGDM_OK;
}

static ggdm_status take_file(ggdm_setup *s, const char *path, char digest[GGDM_HASH_TEXT_SIZE],
                             ggdm_error *err)
{
    ggdm_picture p = {.owned = NULL};
    char *data = NULL;
    size_t bytes = 0;
    GGDM_TRY(ggdm_read_file(path, GGDM_MAX_PICTURE_BYTES, &data, &bytes, err));
    ggdm_status st = decode_picture(data, bytes, &p, err);
    free(data);
    if (st != GGDM_OK)
        return st;
    memcpy(digest, p.digest, sizeof p.digest);
    st = ggdm_pictures_add(&s->outfit.pictures, &p, err);
    if (st != GGDM_OK)
        free(p.owned);
    return st;
}

/* ---- from the store ------------------------------------------------------------------------ */

/* Its bytes are as untrusted as a file's. */
static ggdm_status take_asset(void *context, const ggdm_store_asset *a, ggdm_error *err)
{
    ggdm_setup *s = context;
    ggdm_picture p = {
        .height = a->height, .width = a->width, .channels = a->channels, .data = a->data};
    if (strlen(a->digest) != sizeof p.digest - 1 || a->height > GGDM_MAX_PICTURE_SIDE ||
        a->width > GGDM_MAX_PICTURE_SIDE || a->channels > 3 || ggdm_picture_bytes(&p) != a->size)
        return GGDM_FAIL(err, GGDM_EFORMAT, "picture %.80s of %dx%dx%d has %zu bytes", a->digest,
                         a->height, a->width, a->channels, a->size);
    memcpy(p.digest, a->digest, sizeof p.digest);
    GGDM_TRY(ggdm_picture_check(&p, err));
    GGDM_TRY(ggdm_alloc(&p.owned, a->size, 1, err));
    memcpy(p.owned, a->data, a->size);
    p.data = p.owned;
    ggdm_status st = ggdm_pictures_add(&s->outfit.pictures, &p, err);
    if (st != GGDM_OK)
        free(p.owned);
    return st;
}

ggdm_status ggdm_setup_add_pictures(ggdm_setup *s, ggdm_store *store, ggdm_error *err)
{
    ggdm_status st = ggdm_store_each_asset(store, take_asset, s, err);
    return st == GGDM_OK ? st : ggdm_error_prefix(err, "run directory %s", s->run_dir);
}

/* What this sweep called so when the run in its directory began; *found: whether there is that. */
static ggdm_status recall(ggdm_setup *s, const char *name, char hex[GGDM_HASH_TEXT_SIZE],
                          bool *found, ggdm_error *err)
{
    ggdm_store *store = NULL;
    char *digest = NULL;
    ggdm_status st = GGDM_OK;
    *found = false;
    if (!s->run_dir || ggdm_store_read(s->run_dir, &store, NULL) != GGDM_OK)
        return GGDM_OK;
    GGDM_TRY_GOTO(st, ggdm_store_file_digest(store, s->sweep_digest, name, &digest, err), done);
    if (!digest)
        goto done;
    GGDM_TRY_GOTO(st, ggdm_setup_add_pictures(s, store, err), done);
    *found = ggdm_pictures_find(&s->outfit.pictures, digest) != NULL;
    if (*found)
        memcpy(hex, digest, GGDM_HASH_TEXT_SIZE);
done:
    free(digest);
    ggdm_store_close(&store);
    return st;
}

/* ---- names --------------------------------------------------------------------------------- */

static ggdm_status keep_name(ggdm_setup *s, const char *name, const char *hex, const char **digest,
                             ggdm_error *err)
{
    ggdm_store_model file;
    GGDM_TRY(ggdm_arena_text(&s->spec.arena, hex, &file.digest, err));
    GGDM_TRY(ggdm_arena_text(&s->spec.arena, name, &file.name, err));
    GGDM_TRY(ggdm_grow(&s->files, &s->files_cap, s->n_files + 1, sizeof *s->files, err));
    s->files[s->n_files++] = file;
    *digest = file.digest;
    return GGDM_OK;
}

static ggdm_status resolve(ggdm_setup *s, const char *name, const char **digest, ggdm_error *err)
{
    char hex[GGDM_HASH_TEXT_SIZE], *path = NULL;
    bool known = false;
    ggdm_status st;
    GGDM_TRY(picture_path(s, name, &path, err));
    if (!ggdm_exists(path))
        GGDM_TRY_GOTO(st, recall(s, name, hex, &known, err), done);
    if (!known)
        GGDM_TRY_GOTO(st, take_file(s, path, hex, err), done);
    st = keep_name(s, name, hex, digest, err);
done:
    free(path);
    return st;
}

ggdm_status ggdm_setup_resolve_file(void *context, const ggdm_param *row, const char *name,
                                    const char **digest, ggdm_error *err)
{
    ggdm_status st = resolve(context, name, digest, err);
    (void)row;
    return st == GGDM_OK ? st : ggdm_error_prefix(err, "file '%s'", name);
}

void ggdm_setup_files_deinit(ggdm_setup *s)
{
    free(s->files);
}
