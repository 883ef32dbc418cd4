/* An import as a model directory, which appears whole or not at all. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/hash.h"
#include "common/mem.h"
#include "common/plural.h"
#include "common/temp.h"
#include "common/version.h"
#include "models/import/import.h"
#include "models/preprocessor_config.h"

/* The files of a tokenizer. */
static const char *const beside[] = {"vocab.json",
                                     "merges.txt",
                                     "tokenizer_config.json",
                                     "special_tokens_map.json",
                                     "bpe_simple_vocab_16e6.txt",
                                     "bpe_simple_vocab_16e6.txt.gz"};
enum { N_BESIDE = sizeof beside / sizeof *beside };
#define MAX_BESIDE ((size_t)64 << 20) /* bytes of each */

/* ---- the card ---- */

typedef struct text {
    char *bytes; /* owned */
    size_t size, cap;
    ggdm_status status;
} text;

__attribute__((format(printf, 2, 3))) static void put(text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (t->status == GGDM_OK)
        t->status = ggdm_grow(&t->bytes, &t->cap, t->size + (size_t)n + 1, 1, NULL);
    if (t->status != GGDM_OK)
        return;
    va_start(args, format);
    vsnprintf(t->bytes + t->size, (size_t)n + 1, format, args);
    va_end(args);
    t->size += (size_t)n;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static ggdm_status put_file(text *t, const char *path, ggdm_error *err)
{
    char digest[GGDM_HASH_TEXT_SIZE];
    ggdm_file file;
    GGDM_TRY(ggdm_hash_file(path, digest, err));
    GGDM_TRY(ggdm_file_open(path, &file, err));
    put(t, "| `%s` | %zu | `%s` |\n", base_name(path), file.size, digest);
    ggdm_file_close(&file);
    return GGDM_OK;
}

static void put_left_out(text *t, const ggdm_import *im)
{
    if (im->n_outside)
        put(t, "- Left out: %zu tensor%s whose names do not begin with `%s`.\n", im->n_outside,
            ggdm_plural((int64_t)im->n_outside), im->is.prefix);
    if (im->n_integers)
        put(t, "- Left out: %zu tensor%s of integers; no result depends on them.\n", im->n_integers,
            ggdm_plural((int64_t)im->n_integers));
    if (im->n_rounded)
        put(t, "- Rounded to F32: %zu tensor%s of F64.\n", im->n_rounded,
            ggdm_plural((int64_t)im->n_rounded));
}

static ggdm_status write_card(const ggdm_import *im, const char *dir, const char *name,
                              ggdm_error *err)
{
    const ggdm_foreign *f = &im->foreign;
    const char *state = ggdm_foreign_state(f, im->is.state);
    text t = {.size = 0};
    ggdm_status st = GGDM_OK;
    put(&t, "# %s\n\nA %s, imported by ggdm %s from %s, in the layout: %s.\n\n", base_name(name),
        im->model->info.class_name, ggdm_version, f->form,
        im->is.layout ? im->is.layout->name : "names of the network itself");
    put(&t, "| source | bytes | SHA-256 |\n|---|---|---|\n");
    for (size_t i = 0; i < ggdm_foreign_n_files(f) && st == GGDM_OK; i++)
        st = put_file(&t, ggdm_foreign_file(f, i), err);
    if (st == GGDM_OK && im->paths.config)
        st = put_file(&t, im->paths.config, err);
    put(&t, "\n");
    if (*state)
        put(&t, "- The weights are `%s` of that file.\n", state);
    put_left_out(&t, im);
    put(&t, "- Their terms are those of the source.\n");
    if (st == GGDM_OK)
        st = t.status == GGDM_OK ? ggdm_replace_file_in(dir, "README.md", t.bytes, t.size, err)
                                 : GGDM_FAIL(err, t.status, "%s: no memory for README.md", dir);
    free(t.bytes);
    return st;
}

/* ---- the files ---- */

/* from/name to dir/name, where it is there and dir has none yet. */
static ggdm_status copy(const char *from, const char *name, const char *dir, ggdm_error *err)
{
    char *path = NULL, *to = NULL, *bytes = NULL;
    size_t size = 0;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_path_join(from, name, &path, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, name, &to, err), done);
    if (!ggdm_exists(path) || ggdm_exists(to))
        goto done;
    GGDM_TRY_GOTO(st, ggdm_read_file(path, MAX_BESIDE, &bytes, &size, err), done);
    st = ggdm_replace_file_in(dir, name, bytes, size, err);
done:
    free(bytes);
    free(to);
    free(path);
    return st;
}

/* In the folder itself, in its tokenizer/, or in that of its pipeline. */
static ggdm_status copy_beside(const ggdm_import *im, const char *dir, ggdm_error *err)
{
    static const char *const folders[] = {"", "tokenizer", "../tokenizer"};
    for (int i = 0; i < 3; i++) {
        char *from = NULL;
        GGDM_TRY(*folders[i] ? ggdm_path_join(im->paths.dir, folders[i], &from, err)
                             : ggdm_strdup(im->paths.dir, &from, err));
        ggdm_status st = GGDM_OK;
        for (int k = 0; k < N_BESIDE && st == GGDM_OK; k++)
            st = copy(from, beside[k], dir, err);
        free(from);
        GGDM_TRY(st);
    }
    return GGDM_OK;
}

static ggdm_status write_files(const ggdm_import *im, const char *dir, const char *name,
                               ggdm_error *err)
{
    const ggdm_model_files *f = &im->files;
    const ggdm_arch_info *info = &im->model->info;
    GGDM_TRY(ggdm_replace_file_in(dir, info->weights_file, f->weights, f->weights_size, err));
    GGDM_TRY(ggdm_replace_file_in(dir, "config.json", f->config, strlen(f->config), err));
    if (f->scheduler && info->ports & GGDM_PORT_T)
        GGDM_TRY(ggdm_replace_file_in(dir, "scheduler_config.json", f->scheduler,
                                      strlen(f->scheduler), err));
    if (f->preprocessor)
        GGDM_TRY(ggdm_replace_file_in(dir, GGDM_PREPROCESSOR_FILE, f->preprocessor,
                                      strlen(f->preprocessor), err));
    if (info->ports & GGDM_PORT_TEXT)
        GGDM_TRY(copy_beside(im, dir, err));
    return write_card(im, dir, name, err);
}

/* A name for path without slashes at its end. */
static ggdm_status trim(const char *path, char **out, ggdm_error *err)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    return ggdm_asprintf(out, err, "%.*s", (int)n, path);
}

/* What an attempt has left: temp, and the parents of dir from first on. */
static void clean_up(const char *temp, const char *dir, const char *first)
{
    char *parent = NULL;
    ggdm_remove_tree(temp);
    if (first && strcmp(first, dir) != 0 && ggdm_folder_of(dir, &parent, NULL) == GGDM_OK)
        ggdm_remove_empty_dirs(parent, first);
    free(parent);
}

ggdm_status ggdm_import_check_new(const char *dir, ggdm_error *err)
{
    return ggdm_exists(dir)
               ? GGDM_FAIL(err, GGDM_EINVAL, "%s: is there already, expected a new directory", dir)
               : GGDM_OK;
}

ggdm_status ggdm_import_write(const ggdm_import *im, const char *path, ggdm_error *err)
{
    char *dir = NULL, *temp = NULL, *first = NULL;
    ggdm_status st;
    GGDM_TRY(ggdm_import_check_new(path, err));
    GGDM_TRY_GOTO(st, trim(path, &dir, err), done);
    GGDM_TRY_GOTO(st, ggdm_missing_dir(dir, &first, err), done);
    GGDM_TRY_GOTO(st, ggdm_temp_name(dir, &temp, err), done);
    st = ggdm_make_dirs(temp, err);
    if (st == GGDM_OK)
        st = write_files(im, temp, dir, err);
    if (st == GGDM_OK && rename(temp, dir) != 0)
        st = GGDM_FAIL_ERRNO(err, errno, "cannot make %s", dir);
    if (st == GGDM_OK)
        st = ggdm_sync_dir_of(dir, err);
    else
        clean_up(temp, dir, first);
done:
    free(dir);
    free(temp);
    free(first);
    return st;
}
