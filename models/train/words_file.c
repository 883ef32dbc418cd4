#include "models/train/words_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/csv.h"
#include "common/fs.h"
#include "common/json.h"
#include "common/mem.h"
#include "models/train/faults.h"
#include "models/train/lines.h"

#define MAX_FILE ((size_t)1 << 30) /* bytes */

typedef struct words_file {
    ggdm_words *words;
    const char *path;
    const ggdm_intern *names;
    uint8_t *told; /* [names->n]: of which something was said */
    int64_t n;     /* records */
    ggdm_faults faults;
} words_file;

/* The picture of this name in *out. */
static ggdm_status find_picture(words_file *f, const char *name, const char *where, int32_t *out,
                                ggdm_error *err)
{
    *out = ggdm_intern_find(f->names, strncmp(name, "./", 2) == 0 ? name + 2 : name);
    if (*out < 0)
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: no picture '%.100s' is here", where, name);
    if (f->told[*out])
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: '%.100s' is there twice; expected a list of its "
                         "captions where it has several",
                         where, name);
    f->told[*out] = 1;
    return GGDM_OK;
}

/* --- lines of JSON --- */

static ggdm_status read_object(words_file *f, const ggdm_node *object, const char *where,
                               ggdm_error *err)
{
    const ggdm_node *name = ggdm_node_get(object, "file_name");
    int32_t i;
    if (!name || name->kind != GGDM_NODE_STRING)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: expected {\"file_name\": \"...\", \"caption\": \"...\"}", where);
    GGDM_TRY(find_picture(f, name->text, where, &i, err));
    return ggdm_words_object(f->words, i, object, err);
}

static ggdm_status take_line(void *context, const char *text, size_t size, const char *where,
                             ggdm_error *err)
{
    words_file *f = context;
    ggdm_doc *doc = NULL;
    ggdm_error own = {0};
    f->n++;
    ggdm_status st = ggdm_json_parse(text, size, GGDM_LINE_MOST, where, &doc, &own);
    if (st == GGDM_OK)
        st = read_object(f, doc->root, where, &own);
    ggdm_doc_destroy(&doc);
    return ggdm_faults_note(&f->faults, &own, err);
}

static ggdm_status read_json(words_file *f, ggdm_error *err)
{
    return ggdm_each_line(f->path, take_line, f, err);
}

/* --- csv --- */

/* The column of one of two names, or n. */
static size_t find_column(const ggdm_csv *csv, const char *name, const char *other)
{
    size_t i = 0;
    while (i < csv->n && strcmp(csv->fields[i], name) != 0 && strcmp(csv->fields[i], other) != 0)
        i++;
    return i;
}

static ggdm_status read_record(words_file *f, const ggdm_csv *csv, const size_t column[2],
                               size_t columns, ggdm_error *err)
{
    char *where = NULL;
    int32_t i;
    GGDM_TRY(ggdm_asprintf(&where, err, "%s:%" PRId64, f->path, csv->line));
    ggdm_status st =
        csv->n == columns
            ? find_picture(f, csv->fields[column[0]], where, &i, err)
            : GGDM_FAIL(err, GGDM_EFORMAT, "%s: %zu fields, expected %zu", where, csv->n, columns);
    if (st == GGDM_OK) {
        const char *text = csv->fields[column[1]];
        st = ggdm_words_caption(f->words, i, text, strlen(text), where, err);
    }
    free(where);
    return st;
}

static ggdm_status read_records(words_file *f, ggdm_csv *csv, ggdm_error *err)
{
    GGDM_TRY(ggdm_csv_next(csv, f->path, err));
    const size_t columns = csv->n;
    const size_t column[2] = {find_column(csv, "file_name", "file_name"),
                              find_column(csv, "caption", "text")};
    if (column[0] == columns || column[1] == columns)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s:1: expected names of the columns, file_name and caption among them",
                         f->path);
    for (;;) {
        ggdm_error own = {0};
        GGDM_TRY(ggdm_csv_next(csv, f->path, err));
        if (csv->n == 0)
            return GGDM_OK;
        f->n++;
        (void)read_record(f, csv, column, columns, &own);
        GGDM_TRY(ggdm_faults_note(&f->faults, &own, err));
    }
}

static ggdm_status read_csv(words_file *f, ggdm_error *err)
{
    char *text = NULL;
    size_t size = 0;
    ggdm_csv csv;
    GGDM_TRY(ggdm_read_file(f->path, MAX_FILE, &text, &size, err));
    ggdm_csv_begin(text, size, &csv);
    ggdm_status st = read_records(f, &csv, err);
    ggdm_csv_deinit(&csv);
    free(text);
    return st;
}

/* --- either --- */

static const struct {
    const char *name;
    ggdm_status (*read)(words_file *f, ggdm_error *err);
} kinds[] = {{"captions.csv", read_csv},
             {"captions.jsonl", read_json},
             {"metadata.csv", read_csv},
             {"metadata.jsonl", read_json}};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static size_t find_kind(const char *name)
{
    size_t i = 0;
    while (i < N_KINDS && strcmp(kinds[i].name, name) != 0)
        i++;
    return i;
}

bool ggdm_words_file_is_one(const char *name)
{
    return find_kind(name) < N_KINDS;
}

ggdm_status ggdm_words_file_read(ggdm_words *words, const char *path, const ggdm_intern *names,
                                 ggdm_error *err)
{
    const char *slash = strrchr(path, '/');
    words_file f = {.words = words, .path = path, .names = names};
    GGDM_TRY(ggdm_alloc(&f.told, (size_t)names->n, 1, err));
    ggdm_status st = kinds[find_kind(slash ? slash + 1 : path)].read(&f, err);
    if (st == GGDM_OK)
        st = ggdm_faults_tell(&f.faults, path, f.n, err);
    free(f.told);
    return st;
}
