/* IDX files by the names under which MNIST and its kin are published:
 * [NAME-]{train,t10k,test}-images[-.]idx[34]-ubyte[.gz], with labels[-.]idx1-ubyte[.gz], in the
 * directory, in its raw/ or in an X/raw/ (torchvision). */
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "models/train/idx.h"
#include "models/train/images.h"

static const char *const splits[][3] = {{"train", NULL}, {"t10k", "test", NULL}};
static const char *const places[] = {"", "raw/", "*/raw/"};
static const char *const packings[] = {"", ".gz"}; /* the first that is there: the same data */

/* DIR as a pattern that matches it alone. */
static ggdm_status escape(const char *dir, char **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(out, 2 * strlen(dir) + 1, 1, err));
    for (char *to = *out; *dir; *to++ = *dir++)
        if (strchr("*?[\\", *dir))
            *to++ = '\\';
    return GGDM_OK;
}

/* The one file that matches in *out (owned), NULL where none does. */
static ggdm_status match_file(const char *pattern, char **out, ggdm_error *err)
{
    glob_t found = {0};
    ggdm_status st = GGDM_OK;
    *out = NULL;
    if (glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc > 1)
        st = GGDM_FAIL(err, GGDM_EINVAL,
                       "%s and %s are both there, expected one data set in a directory",
                       found.gl_pathv[0], found.gl_pathv[1]);
    else if (found.gl_pathc == 1)
        st = ggdm_strdup(found.gl_pathv[0], out, err);
    globfree(&found);
    return st;
}

/* what: "images[-.]idx[34]" or "labels[-.]idx1" */
static ggdm_status find_idx(const char *dir, ggdm_data_split split, const char *what, char **out,
                            ggdm_error *err)
{
    char *base = NULL;
    ggdm_status st = escape(dir, &base, err);
    *out = NULL;
    for (int place = 0; place < 3 && !*out; place++)
        for (int packing = 0; packing < 2 && !*out; packing++)
            for (const char *const *name = splits[split]; *name && !*out && st == GGDM_OK; name++) {
                static const char *const before[] = {"", "*-"}; /* emnist-letters- */
                for (int i = 0; i < 2 && !*out && st == GGDM_OK; i++) {
                    char *pattern = NULL;
                    st = ggdm_asprintf(&pattern, err, "%s/%s%s%s-%s-ubyte%s", base, places[place],
                                       before[i], *name, what, packings[packing]);
                    if (st == GGDM_OK)
                        st = match_file(pattern, out, err);
                    free(pattern);
                }
            }
    free(base);
    return st;
}

static ggdm_status read_images(const char *path, const ggdm_image_want *want, ggdm_images *out,
                               ggdm_error *err)
{
    ggdm_source *s = NULL;
    ggdm_idx idx;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_source_open(path, &s, err), done);
    GGDM_TRY_GOTO(st, ggdm_idx_read(s, &ggdm_idx_images, &idx, err), done);
    const int64_t shape[4] = {idx.dims[0], idx.dims[1], idx.dims[2],
                              idx.n_dims == 4 ? idx.dims[3] : 1};
    GGDM_TRY_GOTO(st, ggdm_images_init(out, shape, want, path, err), done);
    GGDM_TRY_GOTO(st, ggdm_source_read(s, out->pixels, idx.size, err), done);
    st = ggdm_source_end(s, err);
done:
    ggdm_source_close(&s);
    return st;
}

static ggdm_status read_labels(const char *path, const ggdm_image_want *want, ggdm_images *out,
                               ggdm_error *err)
{
    ggdm_source *s = NULL;
    ggdm_idx idx;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_source_open(path, &s, err), done);
    GGDM_TRY_GOTO(st, ggdm_idx_read(s, &ggdm_idx_labels, &idx, err), done);
    GGDM_TRY_GOTO(st,
                  ggdm_images_read_labels(out, s, idx.dims[0], (int)idx.bytes, idx.is_signed, true,
                                          want, err),
                  done);
    st = ggdm_source_end(s, err);
done:
    ggdm_source_close(&s);
    return st;
}

static ggdm_status read_idx(const char *dir, ggdm_data_split split, const ggdm_image_want *want,
                            ggdm_images *out, ggdm_error *err)
{
    char *images = NULL, *labels = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, find_idx(dir, split, "images[-.]idx[34]", &images, err), done);
    if (!images)
        goto done;
    GGDM_TRY_GOTO(st, find_idx(dir, split, "labels[-.]idx1", &labels, err), done);
    GGDM_TRY_GOTO(st, read_images(images, want, out, err), done);
    if (labels)
        GGDM_TRY_GOTO(st, read_labels(labels, want, out, err), done);
    st = ggdm_asprintf(&out->source, err, "%s%s%s", images, labels ? ", " : "",
                       labels ? labels : "");
done:
    free(images);
    free(labels);
    return st;
}

const ggdm_image_format ggdm_format_idx = {
    "IDX files train-images-idx3-ubyte and train-labels-idx1-ubyte (or .gz)", read_idx};
