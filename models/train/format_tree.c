/* Folders of pictures: DIR/train/CLASS/NAME.png with DIR/test (or DIR/val) like it, or
 * DIR/CLASS/NAME.png; without class folders all are of one class.  Classes are numbered in the
 * order of their names' bytes, as torchvision does.  Captions are in NAME.txt beside each picture,
 * or in a file that names them (models/train/words_file.h). */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "models/train/faults.h"
#include "models/train/images.h"
#include "models/train/picture.h"
#include "models/train/picture_queue.h"
#include "models/train/words_file.h"

static const char *const splits[][3] = {{"train", NULL}, {"test", "val", NULL}};

#define MAX_TEXT ((size_t)1 << 20) /* bytes of a NAME.txt */

typedef struct tree {
    const char *root;
    ggdm_intern pictures; /* names below the root, in their order */
    int32_t *labels;      /* [pictures.n]; owned */
    size_t cap;
    ggdm_intern texts; /* names below the root of files that end in .txt, without that */
    char *words;       /* the file that names pictures; NULL: there is none; owned */
    ggdm_faults faults;
    int64_t n_files;
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

static ggdm_status add_picture(tree *t, const char *path, int32_t label, ggdm_error *err)
{
    int32_t i;
    GGDM_TRY(ggdm_grow(&t->labels, &t->cap, (size_t)t->pictures.n + 1, sizeof *t->labels, err));
    GGDM_TRY(ggdm_intern_text(&t->pictures, path, &i, err));
    t->labels[i] = label;
    return GGDM_OK;
}

static ggdm_status add_file(tree *t, const char *folder, const char *name, int32_t label,
                            ggdm_error *err)
{
    char *path = NULL;
    int32_t i;
    ggdm_status st = ggdm_path_join(folder, name, &path, err);
    t->n_files++;
    if (st == GGDM_OK && ggdm_picture_is_one(name)) {
        st = add_picture(t, path, label, err);
    } else if (st == GGDM_OK && ggdm_ends_with(name, ".txt") && !t->words) {
        path[strlen(path) - 4] = '\0';
        st = ggdm_intern_text(&t->texts, path, &i, err);
    } else if (st == GGDM_OK) {
        ggdm_error own = {0};
        GGDM_FAIL(&own, GGDM_EUNSUPPORTED,
                  "%s/%s: expected images here, .png, .jpg or .jpeg%s, and nothing else", t->root,
                  path,
                  t->words  ? ""
                  : *folder ? " (with captions of the same name, .txt)"
                            : " (with captions of the same name, .txt, or all of them in "
                              "captions.csv or captions.jsonl)");
        st = ggdm_faults_note(&t->faults, &own, err);
    }
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
    const int64_t before = t->n_files;
    GGDM_TRY_GOTO(st, ggdm_path_join(t->root, folder, &path, err), done);
    GGDM_TRY_GOTO(st, list_names(path, &names, &n, err), done);
    for (int i = 0; i < n; i++)
        GGDM_TRY_GOTO(st, add_file(t, folder, names[i]->d_name, label, err), done);
    if (t->n_files == before)
        st = GGDM_FAIL(err, GGDM_EINVAL, "%s: no images in the folder of this class", path);
done:
    free_list(names, n);
    free(path);
    return st;
}

/* Is the file of the root about others?  Those that are have their place in the tree. */
static ggdm_status take_special(tree *t, const char *name, bool *special, ggdm_error *err)
{
    *special = strcmp(name, "attributes.json") == 0;
    if (!ggdm_words_file_is_one(name))
        return GGDM_OK;
    *special = true;
    if (t->words)
        return GGDM_FAIL(err, GGDM_EINVAL, "%s and %s/%s are both there, expected one of them",
                         t->words, t->root, name);
    return ggdm_path_join(t->root, name, &t->words, err);
}

/* One entry of the root: a folder is a class; where there are none, the root has the images. */
static ggdm_status add_entry(tree *t, const char *name, int folders, ggdm_images *out,
                             ggdm_error *err)
{
    if (folders == 0)
        return add_file(t, "", name, 0, err);
    if (!is_folder(t->root, name))
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "%s/%s: expected only folders of classes here",
                         t->root, name);
    GGDM_TRY(ggdm_strdup(name, &out->classes[out->n_classes], err));
    return add_folder(t, name, out->n_classes++, err);
}

static ggdm_status look_for_files(tree *t, ggdm_images *out, ggdm_error *err)
{
    struct dirent **names = NULL;
    int n = 0, kept = 0, folders = 0;
    ggdm_status st = list_names(t->root, &names, &n, err);
    for (int i = 0; i < n && st == GGDM_OK; i++) {
        bool special = false;
        st = take_special(t, names[i]->d_name, &special, err);
        folders += is_folder(t->root, names[i]->d_name);
        if (special) /* to the end, where it is not looked at again */
            continue;
        struct dirent *own = names[kept];
        names[kept++] = names[i];
        names[i] = own;
    }
    if (st == GGDM_OK && folders > 0)
        st = ggdm_alloc(&out->classes, (size_t)folders, sizeof *out->classes, err);
    for (int i = 0; i < kept && st == GGDM_OK; i++)
        st = add_entry(t, names[i]->d_name, folders, out, err);
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

/* --- pictures --- */

static ggdm_status queue_picture(tree *t, int32_t i, ggdm_picture_queue *q, ggdm_error *err)
{
    char *path = NULL, *bytes = NULL;
    size_t size = 0;
    ggdm_error own = {0};
    ggdm_status st = ggdm_path_join(t->root, t->pictures.texts[i], &path, err);
    if (st == GGDM_OK)
        (void)ggdm_read_file(path, GGDM_PICTURE_MAX_FILE, &bytes, &size, &own);
    if (st == GGDM_OK && bytes)
        st = ggdm_picture_queue_add(q, i, bytes, size, path, err);
    else if (st == GGDM_OK)
        st = ggdm_faults_note(&t->faults, &own, err);
    free(path);
    return st;
}

static ggdm_status read_pictures(tree *t, const ggdm_image_want *want, ggdm_images *out,
                                 ggdm_error *err)
{
    ggdm_picture_queue q = {.want = want, .images = out, .faults = &t->faults};
    ggdm_status st = GGDM_OK;
    for (int32_t i = 0; i < out->n && st == GGDM_OK; i++)
        st = queue_picture(t, i, &q, err);
    if (st == GGDM_OK)
        st = ggdm_picture_queue_flush(&q, err);
    ggdm_picture_queue_deinit(&q);
    return st;
}

/* --- words --- */

/* A picture's name without its ending. */
static ggdm_status stem_of(const char *name, char **out, ggdm_error *err)
{
    return ggdm_asprintf(out, err, "%.*s", (int)(strrchr(name, '.') - name), name);
}

static ggdm_status read_text(const tree *t, int32_t i, const char *stem, ggdm_words *words,
                             ggdm_error *err)
{
    char *path = NULL, *text = NULL;
    size_t size = 0;
    ggdm_status st = ggdm_asprintf(&path, err, "%s/%s.txt", t->root, stem);
    if (st == GGDM_OK)
        st = ggdm_read_file(path, MAX_TEXT, &text, &size, err);
    if (st == GGDM_OK)
        st = ggdm_words_caption(words, i, text, size, path, err);
    free(text);
    free(path);
    return st;
}

/* Texts of pictures; each text must be that of one. */
static ggdm_status read_texts(tree *t, ggdm_words *words, ggdm_error *err)
{
    ggdm_intern stems = {0};
    ggdm_status st = GGDM_OK;
    for (int32_t i = 0; i < t->pictures.n && st == GGDM_OK; i++) {
        ggdm_error own = {0};
        char *stem = NULL;
        int32_t number;
        st = stem_of(t->pictures.texts[i], &stem, err);
        if (st == GGDM_OK)
            st = ggdm_intern_text(&stems, stem, &number, err);
        if (st == GGDM_OK && words->captions && ggdm_intern_find(&t->texts, stem) >= 0 &&
            read_text(t, i, stem, words, &own) != GGDM_OK)
            st = ggdm_faults_note(&t->faults, &own, err);
        free(stem);
    }
    for (int32_t i = 0; i < t->texts.n && st == GGDM_OK; i++)
        if (ggdm_intern_find(&stems, t->texts.texts[i]) < 0) {
            ggdm_error own = {0};
            GGDM_FAIL(&own, GGDM_EINVAL, "%s/%s.txt: no picture of this name is beside it", t->root,
                      t->texts.texts[i]);
            st = ggdm_faults_note(&t->faults, &own, err);
        }
    ggdm_intern_deinit(&stems);
    return st;
}

static void name_picture(const void *context, int32_t i, char text[GGDM_IMAGE_NAME])
{
    const tree *t = context;
    snprintf(text, GGDM_IMAGE_NAME, "%s", t->pictures.texts[i]);
}

/* dir: of attributes.json. */
static ggdm_status read_words(tree *t, const char *dir, const ggdm_image_want *want,
                              ggdm_images *out, ggdm_error *err)
{
    ggdm_words words = {0};
    ggdm_status st = ggdm_words_begin(dir, want, &words, err);
    if (st == GGDM_OK && t->words && ggdm_words_matter(&words))
        st = ggdm_words_file_read(&words, t->words, &t->pictures, err);
    if (st == GGDM_OK)
        st = read_texts(t, &words, err);
    if (st == GGDM_OK)
        st = ggdm_faults_tell(&t->faults, t->root, t->n_files, err);
    if (st == GGDM_OK)
        st = ggdm_words_give(&words, out, t->words ? t->words : t->root, name_picture, t, err);
    ggdm_words_deinit(&words);
    return st;
}

/* --- a split --- */

/* The directory of a split in *out (owned); NULL: it has none. */
static ggdm_status find_tree(const char *dir, ggdm_data_split split, char **out, ggdm_error *err)
{
    *out = NULL;
    for (const char *const *name = splits[split]; *name; name++)
        if (is_folder(dir, *name))
            return ggdm_path_join(dir, *name, out, err);
    return split == GGDM_SPLIT_TRAIN && ggdm_is_dir(dir) ? ggdm_strdup(dir, out, err) : GGDM_OK;
}

static ggdm_status read_all(tree *t, const char *dir, const ggdm_image_want *want, ggdm_images *out,
                            ggdm_error *err)
{
    GGDM_TRY(look_for_files(t, out, err));
    if (t->pictures.n == 0)
        return ggdm_faults_tell(&t->faults, t->root, t->n_files, err);
    GGDM_TRY(check_classes(out, t, want, err));
    if (want->size == 0)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: pictures, of which a network has to say how large they are taken",
                         t->root);
    const int64_t shape[4] = {t->pictures.n, want->size, want->size, want->channels};
    GGDM_TRY(ggdm_images_init(out, shape, want, t->root, err));
    out->labels = t->labels;
    t->labels = NULL;
    GGDM_TRY(read_pictures(t, want, out, err));
    GGDM_TRY(read_words(t, dir, want, out, err));
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
    ggdm_status st = read_all(&t, dir, want, out, err);
    ggdm_intern_deinit(&t.pictures);
    ggdm_intern_deinit(&t.texts);
    free(t.labels);
    free(t.words);
    free(root);
    return st;
}

const ggdm_image_format ggdm_format_tree = {
    "a folder of images for each class: CLASS/NAME.png (or .jpg), or train/CLASS/... and "
    "test/CLASS/...",
    read_tree};
