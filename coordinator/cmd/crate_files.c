#include "coordinator/cmd/crate_files.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fs.h"
#include "common/hash.h"
#include "common/mem.h"
#include "common/plural.h"
#include "coordinator/cmd/crate.h"

typedef struct file_kind {
    const char *pattern; /* of its path; a folder's ends in a slash */
    ggdm_crate_part part;
    const char *media; /* type; NULL: a folder */
    const char *description;
} file_kind;

/* The first that fits counts. */
static const file_kind kinds[] = {
    {"sweep*.yaml", GGDM_CRATE_INPUT, "application/yaml", "What was asked for, as it was written"},
    {"ggdm.db", GGDM_CRATE_OUTPUT, "application/vnd.sqlite3",
     "The run: recipes, units of work, images, scores and events, in tables of SQLite"},
    {"summary.csv", GGDM_CRATE_OUTPUT, "text/csv", "Results, a line for each cell"},
    {"summary.json", GGDM_CRATE_OUTPUT, "application/json",
     "Results with their intervals and what they are of"},
    {"report.html", GGDM_CRATE_OUTPUT, "text/html", "Results as a page"},
    {"report_files/", GGDM_CRATE_OUTPUT, NULL, "Images that the page shows"},
    {"report_files/*.png", GGDM_CRATE_OUTPUT, "image/png", "Images of a cell, side by side"},
    {"next.yaml", GGDM_CRATE_OUTPUT, "application/yaml", "A sweep of what is to be tried next"},
    {"archive/", GGDM_CRATE_OUTPUT, NULL, "Images, a folder for each complete cell"},
    {"archive/*/trace/", GGDM_CRATE_OUTPUT, NULL, "How the first images of the cell came about"},
    {"archive/*/trace/*.png", GGDM_CRATE_OUTPUT, "image/png",
     "The way of an image: x_t above, x0-hat below, from noise to the end"},
    {"archive/*/trace/*.csv", GGDM_CRATE_OUTPUT, "text/csv",
     "The way of an image: losses and gradients at every step"},
    {"archive/*/trace/trace.json", GGDM_CRATE_OUTPUT, "application/json", "What these are of"},
    {"archive/*/samples.tar", GGDM_CRATE_OUTPUT, "application/x-tar",
     "Images and what was measured of each, as a WebDataset shard"},
    {"archive/*/samples.npz", GGDM_CRATE_OUTPUT, "application/zip",
     "Images as an array of NumPy (arr_0) with what each aims at (arr_1)"},
    {"archive/*/sheet.png", GGDM_CRATE_OUTPUT, "image/png", "Images side by side"},
    {GGDM_CRATE_RECIPES "/", GGDM_CRATE_OUTPUT, NULL, "What each cell computes"},
    {GGDM_CRATE_RECIPES "/*.txt", GGDM_CRATE_OUTPUT, "text/plain",
     "All that makes the pixels of a cell, models by their digests; its key is a hash of this"},
    {GGDM_CRATE_CARDS "/", GGDM_CRATE_ASIDE, NULL, "What is known of the models"},
    {GGDM_CRATE_CARDS "/*/", GGDM_CRATE_ASIDE, NULL,
     "A model: its name and where its digest begins"},
    {GGDM_CRATE_CARDS "/*/README.md", GGDM_CRATE_ASIDE, "text/markdown", "Card of a model"},
    {"figures/", GGDM_CRATE_OUTPUT, NULL, "Figures, and what they are drawn from"},
    {"*.png", GGDM_CRATE_OUTPUT, "image/png", "Figure"},
    {"*.svg", GGDM_CRATE_OUTPUT, "image/svg+xml", "Figure"},
    {"*.pdf", GGDM_CRATE_OUTPUT, "application/pdf", "Figure"},
    {"*.gp", GGDM_CRATE_OUTPUT, "text/plain", "Figure as a script of gnuplot"},
    {"*.dat", GGDM_CRATE_OUTPUT, "text/plain", "Numbers that a figure shows"},
    {"*", GGDM_CRATE_OUTPUT, "application/octet-stream", "File"},
};

static const file_kind *kind_of(const char *id)
{
    const file_kind *k = kinds;
    while (fnmatch(k->pattern, id, 0) != 0)
        k++;
    return k;
}

/* ---- folders --------------------------------------------------------------------------------- */

typedef struct listing {
    struct dirent **entries;
    int n;
} listing;

static int is_part(const struct dirent *e)
{
    return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
           strcmp(e->d_name, GGDM_CRATE_METADATA_FILE) != 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* What is in dir/id, sorted.  *out is owned: free_listing. */
static ggdm_status list(const char *dir, const char *id, listing *out, ggdm_error *err)
{
    char *path = NULL;
    GGDM_TRY(ggdm_asprintf(&path, err, "%s/%s", dir, id));
    out->n = scandir(path, &out->entries, is_part, by_name);
    ggdm_status st = out->n >= 0 ? GGDM_OK : GGDM_FAIL_ERRNO(err, errno, "%s", path);
    free(path);
    return st;
}

static void free_listing(listing *l)
{
    for (int i = 0; i < l->n; i++)
        free(l->entries[i]);
    free(l->entries);
}

/* The id of what is called name in a folder; that of a folder ends in a slash. */
static ggdm_status id_of(const char *dir, const char *folder, const char *name, char **id,
                         ggdm_error *err)
{
    char *path = NULL;
    GGDM_TRY(ggdm_asprintf(&path, err, "%s/%s%s", dir, folder, name));
    ggdm_status st = ggdm_asprintf(id, err, "%s%s%s", folder, name, ggdm_is_dir(path) ? "/" : "");
    free(path);
    return st;
}

/* key: NULL in an array; else of the one there is. */
static ggdm_status put_refs(ggdm_json *j, const char *key, const char *dir, const char *folder,
                            const listing *l, int parts, ggdm_error *err)
{
    for (int i = 0; i < l->n; i++) {
        char *id = NULL;
        GGDM_TRY(id_of(dir, folder, l->entries[i]->d_name, &id, err));
        if (kind_of(id)->part & parts) {
            ggdm_json_begin_object(j, key);
            ggdm_json_put_string(j, "@id", id);
            ggdm_json_end(j);
        }
        free(id);
    }
    return GGDM_OK;
}

ggdm_status ggdm_crate_put_refs(ggdm_json *j, const char *dir, int parts, ggdm_error *err)
{
    listing l = {0};
    GGDM_TRY(list(dir, "", &l, err));
    ggdm_status st = put_refs(j, NULL, dir, "", &l, parts, err);
    free_listing(&l);
    return st;
}

/* ---- entities -------------------------------------------------------------------------------- */

static void begin(ggdm_json *j, const char *id, const char *type)
{
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_string(j, "@id", id);
    ggdm_json_put_string(j, "@type", type);
    ggdm_json_put_string(j, "name", id);
}

static ggdm_status put_file(ggdm_json *j, const char *dir, const char *id, ggdm_error *err)
{
    const file_kind *kind = kind_of(id);
    char digest[GGDM_HASH_TEXT_SIZE], size[32], *path = NULL;
    struct stat info;
    GGDM_TRY(ggdm_path_join(dir, id, &path, err));
    ggdm_status st = stat(path, &info) == 0 ? GGDM_OK : GGDM_FAIL_ERRNO(err, errno, "%s", path);
    if (st == GGDM_OK)
        st = ggdm_hash_file(path, digest, err);
    free(path);
    GGDM_TRY(st);
    snprintf(size, sizeof size, "%lld", (long long)info.st_size);
    begin(j, id, "File");
    ggdm_json_put_string(j, "description", kind->description);
    ggdm_json_put_string(j, "contentSize", size);
    ggdm_json_put_string(j, "sha256", digest);
    ggdm_json_put_string(j, "encodingFormat", kind->media);
    ggdm_json_end(j);
    return GGDM_OK;
}

/* The row whose archive this folder is, by the number in its name; NULL: of none. */
static const ggdm_row *row_of(const ggdm_results *r, const char *id)
{
    char folder[GGDM_CELL_NAME_SIZE + 16];
    const long i = strncmp(id, "archive/c", 9) == 0 ? strtol(id + 9, NULL, 10) : -1;
    if (i < 0 || i >= r->n_rows)
        return NULL;
    snprintf(folder, sizeof folder, "archive/%s/", r->rows[i].cell.name);
    return strcmp(folder, id) == 0 ? &r->rows[i] : NULL;
}

/* "s = 0.5, steps = 4; 4 images, 1 of them diverged" */
static void describe_cell(const ggdm_results *r, const ggdm_row *row, char *text, size_t size)
{
    size_t n = 0;
    for (int32_t i = 0; i < r->n_varying && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, "%s = %s%s", r->columns[r->varying[i]].name,
                              ggdm_results_value(r, row, r->varying[i]).text,
                              i + 1 < r->n_varying ? ", " : "; ");
    if (n < size)
        snprintf(text + n, size - n, "%d image%s, %d of them diverged", row->cell.done,
                 ggdm_plural(row->cell.done), row->cell.diverged);
}

static ggdm_status put_entities(ggdm_json *j, const ggdm_results *r, const char *dir,
                                const char *folder, ggdm_error *err);

static ggdm_status put_folder(ggdm_json *j, const ggdm_results *r, const char *dir, const char *id,
                              ggdm_error *err)
{
    const ggdm_row *row = row_of(r, id);
    char cell[2000];
    listing l = {0};
    if (row)
        describe_cell(r, row, cell, sizeof cell);
    GGDM_TRY(list(dir, id, &l, err));
    begin(j, id, "Dataset");
    ggdm_json_put_string(j, "description", row ? cell : kind_of(id)->description);
    if (l.n > 1)
        ggdm_json_begin_array(j, "hasPart");
    ggdm_status st = put_refs(j, l.n > 1 ? NULL : "hasPart", dir, id, &l, GGDM_CRATE_ALL, err);
    if (l.n > 1)
        ggdm_json_end(j);
    ggdm_json_end(j);
    free_listing(&l);
    return st == GGDM_OK ? put_entities(j, r, dir, id, err) : st;
}

static ggdm_status put_entities(ggdm_json *j, const ggdm_results *r, const char *dir,
                                const char *folder, ggdm_error *err)
{
    listing l = {0};
    GGDM_TRY(list(dir, folder, &l, err));
    ggdm_status st = GGDM_OK;
    for (int i = 0; i < l.n && st == GGDM_OK; i++) {
        char *id = NULL;
        st = id_of(dir, folder, l.entries[i]->d_name, &id, err);
        if (st == GGDM_OK)
            st = ggdm_ends_with(id, "/") ? put_folder(j, r, dir, id, err)
                                         : put_file(j, dir, id, err);
        free(id);
    }
    free_listing(&l);
    return st;
}

ggdm_status ggdm_crate_put_files(ggdm_json *j, const ggdm_results *r, const char *dir,
                                 ggdm_error *err)
{
    return put_entities(j, r, dir, "", err);
}
