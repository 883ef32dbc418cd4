/* Tar archives in WebDataset's way: files of the same name but for what follows its first dot, one
 * behind the other, are one sample: NAME.png or NAME.jpg, with NAME.txt (a caption), NAME.json
 * (words, models/train/words.h) and NAME.cls (a label) as far as they are there.  DIR is an
 * archive, or has some: those whose names begin with "test" or "val" are the test images.
 * samples.tar of a run is one. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/fs.h"
#include "common/intern.h"
#include "common/json.h"
#include "common/mem.h"
#include "models/train/faults.h"
#include "models/train/images.h"
#include "models/train/picture.h"
#include "models/train/picture_queue.h"
#include "models/train/words.h"

#define MAX_WORDS ((size_t)1 << 20) /* bytes of a .txt, .json or .cls */

typedef enum part { PICTURE, TEXT, OBJECT, LABEL, N_PARTS } part;
static const struct {
    const char *ending;
    part part;
} endings[] = {{"png", PICTURE}, {"jpg", PICTURE}, {"jpeg", PICTURE},
               {"txt", TEXT},    {"json", OBJECT}, {"cls", LABEL}};
enum { N_ENDINGS = sizeof endings / sizeof *endings };

typedef struct reading {
    const ggdm_image_want *want;
    struct dirent **names; /* [n_names] of archives in the folder; NULL: dir is one */
    int n_names;
    ggdm_intern samples;  /* "ARCHIVE: NAME", by number */
    bool (*has)[N_PARTS]; /* [samples.n]: files that they have; owned */
    size_t cap;
    int32_t parts[N_PARTS]; /* samples that have such a file */
    int32_t at;             /* the sample whose files are being read, -1: none yet */
    int64_t n_files;
    ggdm_images *out; /* NULL: a first pass, which looks for what is there */
    ggdm_words words;
    ggdm_picture_queue queue;
    ggdm_faults faults;
} reading;

/* --- what is there --- */

/* Notes a fault of the sample that is being read. */
static ggdm_status note(reading *r, const char *what, ggdm_error *err)
{
    ggdm_error own = {0};
    GGDM_FAIL(&own, GGDM_EFORMAT, "%s: %s", r->samples.texts[r->at], what);
    return ggdm_faults_note(&r->faults, &own, err);
}

/* The first pass: a file begins another sample, or is one more of the last. */
static ggdm_status find_sample(reading *r, const char *name, ggdm_error *err)
{
    const int32_t before = r->samples.n, last = r->at;
    GGDM_TRY(ggdm_intern_text(&r->samples, name, &r->at, err));
    if (r->at == last)
        return GGDM_OK;
    if (r->at < before)
        return note(r, "its files are not one behind the other", err);
    GGDM_TRY(ggdm_grow(&r->has, &r->cap, (size_t)r->at + 1, sizeof *r->has, err));
    memset(r->has[r->at], 0, sizeof *r->has);
    return GGDM_OK;
}

/* Which files has each sample? */
static ggdm_status count_file(reading *r, part p, ggdm_error *err)
{
    if (r->has[r->at][p])
        return note(r, p == PICTURE ? "two pictures, expected one" : "a file is there twice", err);
    r->has[r->at][p] = true;
    r->parts[p]++;
    return GGDM_OK;
}

static ggdm_status check_samples(reading *r, ggdm_error *err)
{
    for (r->at = 0; r->at < r->samples.n; r->at++) {
        if (!r->has[r->at][PICTURE])
            GGDM_TRY(note(r, "no picture, expected .png, .jpg or .jpeg", err));
        if (r->parts[LABEL] > 0 && !r->has[r->at][LABEL])
            GGDM_TRY(note(r, "no .cls, which others have", err));
    }
    r->at = -1;
    return GGDM_OK;
}

/* --- what is in it --- */

static ggdm_status read_label(reading *r, const char *bytes, size_t size, const char *where,
                              ggdm_error *err)
{
    const int most = r->want->n_classes > 0 ? r->want->n_classes : INT32_MAX;
    char text[32], *end = NULL;
    snprintf(text, sizeof text, "%.*s", size < sizeof text ? (int)size : (int)sizeof text, bytes);
    errno = 0;
    const long label = strtol(text, &end, 10);
    end += strspn(end, " \r\n");
    if (end == text || *end || errno || label < 0 || label >= most)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: '%.20s', expected a label, 0..%d", where, text,
                         most - 1);
    r->out->labels[r->at] = (int32_t)label;
    return GGDM_OK;
}

/* Captions in NAME.json are those of NAME.txt once more where these are there. */
static ggdm_status read_object(reading *r, const char *text, size_t size, const char *where,
                               ggdm_error *err)
{
    ggdm_doc *doc = NULL;
    const bool captions = r->words.captions;
    r->words.captions = captions && !r->has[r->at][TEXT];
    ggdm_status st = ggdm_json_parse(text, size, MAX_WORDS, where, &doc, err);
    if (st == GGDM_OK)
        st = ggdm_words_object(&r->words, r->at, doc->root, err);
    ggdm_doc_destroy(&doc);
    r->words.captions = captions;
    return st;
}

static ggdm_status read_words(reading *r, part p, const char *text, size_t size, const char *where,
                              ggdm_error *err)
{
    switch (p) {
    case TEXT:
        return ggdm_words_caption(&r->words, r->at, text, size, where, err);
    case OBJECT:
        return read_object(r, text, size, where, err);
    default:
        return read_label(r, text, size, where, err);
    }
}

/* The second pass. */
static ggdm_status read_file(reading *r, part p, ggdm_source *s, ggdm_error *err)
{
    const char *where = ggdm_source_where(s);
    char *bytes = NULL;
    size_t size = 0;
    ggdm_error own = {0};
    if ((p == TEXT || p == OBJECT) && !ggdm_words_matter(&r->words))
        return GGDM_OK;
    if (ggdm_source_rest(s, p == PICTURE ? GGDM_PICTURE_MAX_FILE : MAX_WORDS, &bytes, &size,
                         &own) != GGDM_OK)
        return ggdm_faults_note(&r->faults, &own, err);
    if (p == PICTURE)
        return ggdm_picture_queue_add(&r->queue, r->at, bytes, size, where, err);
    (void)read_words(r, p, bytes, size, where, &own);
    free(bytes);
    return ggdm_faults_note(&r->faults, &own, err);
}

/* --- a pass --- */

/* Which part of a sample has such a name; *stem: how much of it names the sample. */
static bool find_part(const char *name, size_t *stem, part *out)
{
    const char *slash = strrchr(name, '/'), *file = slash ? slash + 1 : name;
    const char *dot = strchr(file, '.');
    if (!dot)
        return false;
    *stem = (size_t)(dot - name);
    for (int i = 0; i < N_ENDINGS; i++)
        if (strcasecmp(dot + 1, endings[i].ending) == 0) {
            *out = endings[i].part;
            return true;
        }
    return false;
}

static bool is_hidden(const char *name)
{
    const char *slash = strrchr(name, '/');
    return (slash ? slash[1] : name[0]) == '.';
}

static ggdm_status take_member(reading *r, const char *path, ggdm_source *s, const char *name,
                               ggdm_error *err)
{
    char *sample = NULL;
    size_t stem = 0;
    part p = PICTURE;
    if (ggdm_source_is_folder(s) || is_hidden(name))
        return GGDM_OK;
    if (!find_part(name, &stem, &p)) {
        ggdm_error own = {0};
        if (!r->out)
            GGDM_FAIL(&own, GGDM_EUNSUPPORTED,
                      "%s: expected NAME.png, .jpg, .jpeg, .txt, .json or .cls",
                      ggdm_source_where(s));
        return ggdm_faults_note(&r->faults, &own, err);
    }
    r->n_files += !r->out;
    GGDM_TRY(ggdm_asprintf(&sample, err, "%s: %.*s", path, (int)stem, name));
    ggdm_status st = GGDM_OK;
    if (!r->out)
        st = find_sample(r, sample, err);
    else if ((r->at = ggdm_intern_find(&r->samples, sample)) < 0)
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%s: was not there a moment ago", sample);
    if (st == GGDM_OK)
        st = r->out ? read_file(r, p, s, err) : count_file(r, p, err);
    free(sample);
    return st;
}

static ggdm_status read_archive(reading *r, const char *path, ggdm_error *err)
{
    ggdm_source *s = NULL;
    const char *name;
    ggdm_status st = ggdm_source_open_tar(path, &s, err);
    if (st == GGDM_OK)
        st = ggdm_source_next(s, &name, err);
    while (st == GGDM_OK && name) {
        st = take_member(r, path, s, name, err);
        if (st == GGDM_OK)
            st = ggdm_source_next(s, &name, err);
    }
    ggdm_source_close(&s);
    return st;
}

static ggdm_status read_archives(reading *r, const char *dir, ggdm_error *err)
{
    if (!r->names)
        return read_archive(r, dir, err);
    ggdm_status st = GGDM_OK;
    for (int i = 0; i < r->n_names && st == GGDM_OK; i++) {
        char *path = NULL;
        st = ggdm_path_join(dir, r->names[i]->d_name, &path, err);
        if (st == GGDM_OK)
            st = read_archive(r, path, err);
        free(path);
    }
    return st;
}

/* --- a split --- */

static void name_sample(const void *context, int32_t i, char text[GGDM_IMAGE_NAME])
{
    const reading *r = context;
    const char *name = strstr(r->samples.texts[i], ": ");
    snprintf(text, GGDM_IMAGE_NAME, "%s", name + 2);
}

static ggdm_status fill(reading *r, const char *dir, const char *folder, ggdm_error *err)
{
    const ggdm_image_want *want = r->want;
    const int64_t shape[4] = {r->samples.n, want->size, want->size, want->channels};
    if (want->size == 0)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: pictures, of which a network has to say how large they are taken",
                         dir);
    GGDM_TRY(ggdm_images_init(r->out, shape, want, dir, err));
    if (r->parts[LABEL] > 0)
        GGDM_TRY(ggdm_alloc(&r->out->labels, (size_t)r->out->n, sizeof *r->out->labels, err));
    GGDM_TRY(ggdm_words_begin(folder, want, &r->words, err));
    r->queue = (ggdm_picture_queue){.want = want, .images = r->out, .faults = &r->faults};
    GGDM_TRY(read_archives(r, dir, err));
    GGDM_TRY(ggdm_picture_queue_flush(&r->queue, err));
    GGDM_TRY(ggdm_faults_tell(&r->faults, dir, r->n_files, err));
    GGDM_TRY(ggdm_words_give(&r->words, r->out, dir, name_sample, r, err));
    return ggdm_strdup(dir, &r->out->source, err);
}

static ggdm_status read_all(reading *r, const char *dir, ggdm_images *out, ggdm_error *err)
{
    char *folder = NULL;
    r->at = -1;
    GGDM_TRY(read_archives(r, dir, err));
    if (r->n_files == 0 && r->faults.n == 0)
        return GGDM_OK;
    GGDM_TRY(check_samples(r, err));
    GGDM_TRY(ggdm_faults_tell(&r->faults, dir, r->n_files, err));
    r->out = out;
    GGDM_TRY(r->names ? ggdm_strdup(dir, &folder, err) : ggdm_folder_of(dir, &folder, err));
    ggdm_status st = fill(r, dir, folder, err);
    free(folder);
    return st;
}

/* --- archives --- */

static bool is_of_test(const char *name)
{
    return strncmp(name, "test", 4) == 0 || strncmp(name, "val", 3) == 0;
}

static int is_training_tar(const struct dirent *e)
{
    return e->d_name[0] != '.' && ggdm_ends_with(e->d_name, ".tar") && !is_of_test(e->d_name);
}

static int is_test_tar(const struct dirent *e)
{
    return e->d_name[0] != '.' && ggdm_ends_with(e->d_name, ".tar") && is_of_test(e->d_name);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static ggdm_status read_tar(const char *dir, ggdm_data_split split, const ggdm_image_want *want,
                            ggdm_images *out, ggdm_error *err)
{
    reading r = {.want = want};
    ggdm_status st = GGDM_OK;
    const bool folder = ggdm_is_dir(dir);
    if (folder)
        r.n_names = scandir(dir, &r.names,
                            split == GGDM_SPLIT_TRAIN ? is_training_tar : is_test_tar, by_bytes);
    const bool itself =
        !folder && split == GGDM_SPLIT_TRAIN && ggdm_ends_with(dir, ".tar") && ggdm_exists(dir);
    if (itself || r.n_names > 0)
        st = read_all(&r, dir, out, err);
    for (int i = 0; i < r.n_names; i++)
        free(r.names[i]);
    free(r.names);
    ggdm_intern_deinit(&r.samples);
    ggdm_picture_queue_deinit(&r.queue);
    ggdm_words_deinit(&r.words);
    free(r.has);
    return st;
}

const ggdm_image_format ggdm_format_tar = {
    "tar archives with NAME.png (or .jpg), and NAME.txt, .json and .cls as far as they are there",
    read_tar};
