/* NumPy archives: train.npz and test.npz (or val.npz) in a directory, or one that is named itself;
 * images u8 [N, H, W] or [N, H, W, C], labels of any integer type.  Captions and attributes are
 * lines of the .jsonl of the same name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/npy.h"
#include "models/train/images.h"
#include "models/train/words.h"

/* Names of the arrays.  Of a file that has both splits those of the test are the last (Keras). */
static const char *const image_names[][4] = {{"arr_0.npy", "images.npy", "x_train.npy", NULL},
                                             {"arr_0.npy", "images.npy", "x_test.npy", NULL}};
static const char *const label_names[][4] = {{"arr_1.npy", "labels.npy", "y_train.npy", NULL},
                                             {"arr_1.npy", "labels.npy", "y_test.npy", NULL}};
enum { LAST = 2 };
static const char *const files[][3] = {{"train.npz", NULL}, {"test.npz", "val.npz", NULL}};

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names && strcmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

static ggdm_status read_pixels(ggdm_source *s, const ggdm_image_want *want, ggdm_images *out,
                               ggdm_error *err)
{
    const char *where = ggdm_source_where(s);
    ggdm_npy a;
    GGDM_TRY(ggdm_npy_read(s, &a, err));
    if (a.kind != 'u' || a.bytes != 1)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                         "%s: elements '%c%d', expected uint8 ('u1'), 0..255", where, a.kind,
                         a.bytes);
    if (a.n_dims != 3 && a.n_dims != 4)
        return GGDM_FAIL(err, GGDM_ESHAPE, "%s: %d dimensions, expected [N, H, W] or [N, H, W, C]",
                         where, a.n_dims);
    const int64_t shape[4] = {a.shape[0], a.shape[1], a.shape[2], a.n_dims == 4 ? a.shape[3] : 1};
    GGDM_TRY(ggdm_images_init(out, shape, want, where, err));
    return ggdm_source_read(s, out->pixels, (size_t)a.size, err);
}

static ggdm_status read_labels(ggdm_source *s, const ggdm_image_want *want, ggdm_images *out,
                               ggdm_error *err)
{
    ggdm_npy a;
    GGDM_TRY(ggdm_npy_read(s, &a, err));
    bool column = a.n_dims == 1 || (a.n_dims == 2 && a.shape[1] == 1);
    bool integers = (a.kind == 'u' || a.kind == 'i') && a.bytes <= 8;
    if (!column || !integers)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                         "%s: elements '%c%d' in %d dimensions, expected labels: integers [N]",
                         ggdm_source_where(s), a.kind, a.bytes, a.n_dims);
    return ggdm_images_read_labels(out, s, a.shape[0], a.bytes, a.kind == 'i', a.big_endian, want,
                                   err);
}

/* The first member of one of these names.  (They come in any order, and labels are read when the
 * images are known.) */
static ggdm_status read_members(const char *path, const char *const *names, bool labels,
                                const ggdm_image_want *want, ggdm_images *out, ggdm_error *err)
{
    ggdm_source *s = NULL;
    const char *name;
    GGDM_TRY(ggdm_source_open_zip(path, &s, err));
    ggdm_status st = ggdm_source_next(s, &name, err);
    while (st == GGDM_OK && name && !is_one_of(name, names))
        st = ggdm_source_next(s, &name, err);
    if (st == GGDM_OK && name)
        st = labels ? read_labels(s, want, out, err) : read_pixels(s, want, out, err);
    if (st == GGDM_OK && name)
        st = ggdm_source_end(s, err);
    ggdm_source_close(&s);
    return st;
}

/* DIR/NAME of the split, or dir itself where that is a file; NULL: there is none. */
static ggdm_status find_npz(const char *dir, ggdm_data_split split, char **out, ggdm_error *err)
{
    *out = NULL;
    if (ggdm_ends_with(dir, ".npz") && ggdm_exists(dir))
        return ggdm_strdup(dir, out, err);
    for (const char *const *name = files[split]; *name; name++) {
        GGDM_TRY(ggdm_path_join(dir, *name, out, err));
        if (ggdm_exists(*out))
            return GGDM_OK;
        free(*out);
        *out = NULL;
    }
    return GGDM_OK;
}

/* --- words --- */

static void name_line(const void *context, int32_t i, char text[GGDM_IMAGE_NAME])
{
    (void)context;
    snprintf(text, GGDM_IMAGE_NAME, "line %d", i + 1);
}

/* NAME.jsonl for NAME.npz. */
static ggdm_status read_lines(const char *npz, ggdm_words *words, ggdm_images *out, ggdm_error *err)
{
    char *path = NULL;
    GGDM_TRY(ggdm_asprintf(&path, err, "%.*s.jsonl", (int)strlen(npz) - 4, npz));
    ggdm_status st =
        ggdm_exists(path)
            ? ggdm_words_lines(words, path, out->n, err)
            : GGDM_FAIL(err, GGDM_EINVAL,
                        "%s: not there, and the network wants %s; expected a line for each "
                        "image: {\"caption\": \"...\", \"attributes\": {...}}",
                        path, words->captions ? "captions" : "attributes");
    if (st == GGDM_OK)
        st = ggdm_words_give(words, out, path, name_line, NULL, err);
    free(path);
    return st;
}

static ggdm_status read_words(const char *npz, const ggdm_image_want *want, ggdm_images *out,
                              ggdm_error *err)
{
    ggdm_words words = {0};
    char *dir = NULL;
    GGDM_TRY(ggdm_folder_of(npz, &dir, err));
    ggdm_status st = ggdm_words_begin(dir, want, &words, err);
    if (st == GGDM_OK && ggdm_words_matter(&words))
        st = read_lines(npz, &words, out, err);
    ggdm_words_deinit(&words);
    free(dir);
    return st;
}

static ggdm_status read_npz(const char *dir, ggdm_data_split split, const ggdm_image_want *want,
                            ggdm_images *out, ggdm_error *err)
{
    char *path = NULL;
    ggdm_status st;
    GGDM_TRY(find_npz(dir, split, &path, err));
    if (!path)
        return GGDM_OK;
    const int from = ggdm_ends_with(dir, ".npz") && split == GGDM_SPLIT_TEST ? LAST : 0;
    GGDM_TRY_GOTO(st, read_members(path, image_names[split] + from, false, want, out, err), done);
    if (out->n == 0 && from == 0)
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%s: no array arr_0, images or x_%s, expected images",
                       path, split == GGDM_SPLIT_TRAIN ? "train" : "test");
    if (out->n == 0)
        goto done;
    GGDM_TRY_GOTO(st, read_members(path, label_names[split] + from, true, want, out, err), done);
    GGDM_TRY_GOTO(st, read_words(path, want, out, err), done);
    st = ggdm_strdup(path, &out->source, err);
done:
    free(path);
    return st;
}

const ggdm_image_format ggdm_format_npz = {"train.npz and test.npz, or one .npz, with arr_0 (uint8 "
                                           "[N, H, W, C]) and arr_1 (labels), and a .jsonl "
                                           "of words beside each",
                                           read_npz};
