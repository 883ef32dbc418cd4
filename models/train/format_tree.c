/* Folders of image files: DIR/train/CLASS/NAME.png with DIR/test (or DIR/val) like it, or
 * DIR/CLASS/NAME.png; without class folders all are of one class.  Classes are numbered in the
 * order of their names' bytes, as torchvision does. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "models/train/images.h"
#include "models/train/picture.h"

static const char *const splits[][3] = {{"train", NULL}, {"test", "val", NULL}};

typedef struct entry {
    char *name; /* below the root; owned */
    int32_t label;
} entry;

typedef struct tree {
    const char *root;
    entry *files;
    size_t n, cap;
} tree;

static int is_visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool is_folder(const char *dir, const char *name)
{
    char *path = NULL;
    bool folder = ggdm_path_join(dir, name, &path, NULL) == GGDM_OK && ggdm_is_dir(path);
    free(path);
    return folder;
}

static void free_list(struct dirent **list, int n)
{
    for (int i = 0; i < n; i++)
        free(list[i]);
    free(list);
}

static ggdm_status list_names(const char *dir, struct dirent ***out, int *n, ggdm_error *err)
{
    *n = scandir(dir, out, is_visible, by_bytes);
    return *n >= 0 ? GGDM_OK : GGDM_FAIL_ERRNO(err, errno, "cannot read the directory %s", dir);
}

static ggdm_status add_file(tree *t, const char *folder, const char *name, int32_t label,
                            ggdm_error *err)
{
    char *path = NULL;
    GGDM_TRY(ggdm_path_join(folder, name, &path, err));
    if (!ggdm_picture_is_one(name)) {
        ggdm_status st = GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                                   "%s/%s: expected images here, .png, .jpg or .jpeg, and nothing "
                                   "else",
                                   t->root, path);
        free(path);
        return st;
    }
    ggdm_status st = ggdm_grow(&t->files, &t->cap, t->n + 1, sizeof *t->files, err);
    if (st == GGDM_OK)
        t->files[t->n++] = (entry){path, label};
    else
        free(path);
    return st;
}

/* The files of root/folder. */
static ggdm_status add_folder(tree *t, const char *folder, int32_t label, ggdm_error *err)
{
    struct dirent **names = NULL;
    char *path = NULL;
    int n = 0;
    ggdm_status st;
    size_t before = t->n;
    GGDM_TRY_GOTO(st, ggdm_path_join(t->root, folder, &path, err), done);
    GGDM_TRY_GOTO(st, list_names(path, &names, &n, err), done);
    for (int i = 0; i < n; i++)
        GGDM_TRY_GOTO(st, add_file(t, folder, names[i]->d_name, label, err), done);
    if (t->n == before)
        st = GGDM_FAIL(err, GGDM_EINVAL, "%s: no images in the folder of this class", path);
done:
    free_list(names, n);
    free(path);
    return st;
}

/* Every folder of the root is a class; where there is none, the root has the images. */
static ggdm_status look_for_classes(tree *t, ggdm_images *out, ggdm_error *err)
{
    struct dirent **names = NULL;
    int n = 0, folders = 0;
    ggdm_status st;
    GGDM_TRY_GOTO(st, list_names(t->root, &names, &n, err), done);
    for (int i = 0; i < n; i++)
        folders += is_folder(t->root, names[i]->d_name);
    if (folders > 0)
        GGDM_TRY_GOTO(st, ggdm_alloc(&out->classes, (size_t)folders, sizeof *out->classes, err),
                      done);
    for (int i = 0; i < n; i++) {
        const char *name = names[i]->d_name;
        if (folders == 0) {
            GGDM_TRY_GOTO(st, add_file(t, "", name, 0, err), done);
        } else if (!is_folder(t->root, name)) {
            st = GGDM_FAIL(err, GGDM_EUNSUPPORTED, "%s/%s: expected only folders of classes here",
                           t->root, name);
            goto done;
        } else {
            GGDM_TRY_GOTO(st, ggdm_strdup(name, &out->classes[out->n_classes], err), done);
            GGDM_TRY_GOTO(st, add_folder(t, name, out->n_classes++, err), done);
        }
    }
done:
    free_list(names, n);
    return st;
}

static ggdm_status check_classes(const ggdm_images *out, const tree *t, const ggdm_image_want *want,
                                 ggdm_error *err)
{
    int n = out->n_classes > 0 ? out->n_classes : 1;
    if (want->n_classes == 0 || want->n_classes == n)
        return GGDM_OK;
    return GGDM_FAIL(
        err, GGDM_ESHAPE, "%s: %d class folder%s (%.40s%s), the network has %d classes", t->root,
        out->n_classes, out->n_classes == 1 ? "" : "s", out->n_classes > 0 ? out->classes[0] : "",
        out->n_classes > 1 ? ", ..." : "", want->n_classes);
}

/* A grey picture serves a network of colours, not the other way round. */
static ggdm_status put_picture(ggdm_images *out, int32_t i, const ggdm_pixels *p, const char *path,
                               ggdm_error *err)
{
    const size_t one = (size_t)out->width * (size_t)out->height;
    uint8_t *to = out->pixels + (size_t)i * one * (size_t)out->channels;
    if (p->width != out->width || p->height != out->height || p->channels > out->channels)
        return GGDM_FAIL(err, GGDM_ESHAPE,
                         "%s: %d x %d %s, the network takes %d x %d %s (height x width)", path,
                         p->height, p->width, p->channels == 1 ? "grey" : "RGB", out->height,
                         out->width, out->channels == 1 ? "grey" : "RGB");
    const int repeat = out->channels / p->channels;
    for (size_t k = 0; k < one * (size_t)p->channels; k++)
        for (int c = 0; c < repeat; c++)
            *to++ = p->data[k];
    return GGDM_OK;
}

static ggdm_status read_image(const tree *t, int32_t i, ggdm_images *out, ggdm_error *err)
{
    char *path = NULL;
    ggdm_pixels pixels;
    GGDM_TRY(ggdm_path_join(t->root, t->files[i].name, &path, err));
    ggdm_status st = ggdm_picture_read(path, out->width, &pixels, err);
    if (st == GGDM_OK)
        st = put_picture(out, i, &pixels, path, err);
    out->labels[i] = t->files[i].label;
    ggdm_pixels_deinit(&pixels);
    free(path);
    return st;
}

/* The directory of a split in *out (owned); NULL: it has none. */
static ggdm_status find_tree(const char *dir, ggdm_data_split split, char **out, ggdm_error *err)
{
    *out = NULL;
    for (const char *const *name = splits[split]; *name; name++)
        if (is_folder(dir, *name))
            return ggdm_path_join(dir, *name, out, err);
    return split == GGDM_SPLIT_TRAIN && ggdm_is_dir(dir) ? ggdm_strdup(dir, out, err) : GGDM_OK;
}

static ggdm_status read_all(tree *t, const ggdm_image_want *want, ggdm_images *out, ggdm_error *err)
{
    GGDM_TRY(look_for_classes(t, out, err));
    if (t->n == 0)
        return GGDM_OK;
    GGDM_TRY(check_classes(out, t, want, err));
    if (want->size == 0)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: pictures, of which a network has to say how large they are taken",
                         t->root);
    const int64_t shape[4] = {(int64_t)t->n, want->size, want->size, want->channels};
    GGDM_TRY(ggdm_images_init(out, shape, want, t->root, err));
    GGDM_TRY(ggdm_alloc(&out->labels, t->n, sizeof *out->labels, err));
    for (int32_t i = 0; i < out->n; i++)
        GGDM_TRY(read_image(t, i, out, err));
    return ggdm_strdup(t->root, &out->source, err);
}

static ggdm_status read_tree(const char *dir, ggdm_data_split split, const ggdm_image_want *want,
                             ggdm_images *out, ggdm_error *err)
{
    char *root = NULL;
    GGDM_TRY(find_tree(dir, split, &root, err));
    if (!root)
        return GGDM_OK;
    tree t = {.root = root};
    ggdm_status st = read_all(&t, want, out, err);
    for (size_t i = 0; i < t.n; i++)
        free(t.files[i].name);
    free(t.files);
    free(root);
    return st;
}

const ggdm_image_format ggdm_format_tree = {
    "a folder of images for each class: CLASS/NAME.png (or .jpg), or train/CLASS/... and "
    "test/CLASS/...",
    read_tree};
