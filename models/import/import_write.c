/* An import as a model directory, which appears whole or not at all. */
#include <errno.h>
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

/* ---- the card ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static ggdm_status put_file(FILE *card, const char *path, ggdm_error *err)
{
    char digest[GGDM_HASH_TEXT_SIZE];
    ggdm_file file;
    GGDM_TRY(ggdm_hash_file(path, digest, err));
    GGDM_TRY(ggdm_file_open(path, &file, err));
    fprintf(card, "| `%s` | %zu | `%s` |\n", base_name(path), file.size, digest);
    ggdm_file_close(&file);
    return GGDM_OK;
}

static void put_left_out(FILE *card, const ggdm_import *im)
{
    if (im->n_outside)
        fprintf(card, "- Left out: %zu tensor%s whose names do not begin with `%s`.\n",
                im->n_outside, ggdm_plural((int64_t)im->n_outside), im->is.prefix);
    if (im->n_integers)
        fprintf(card, "- Left out: %zu tensor%s of integers; no result depends on them.\n",
                im->n_integers, ggdm_plural((int64_t)im->n_integers));
    if (im->n_rounded)
        fprintf(card, "- Rounded to F32: %zu tensor%s of F64.\n", im->n_rounded,
                ggdm_plural((int64_t)im->n_rounded));
}

static ggdm_status write_card(const ggdm_import *im, const char *dir, const char *name,
                              ggdm_error *err)
{
    const ggdm_foreign *f = &im->foreign;
    const char *state = ggdm_foreign_state(f, im->is.state);
    char *text = NULL;
    size_t size = 0;
    FILE *card = open_memstream(&text, &size);
    ggdm_status st = GGDM_OK;
    if (!card)
        return GGDM_FAIL(err, GGDM_ENOMEM, "%s: no memory for README.md", dir);
    fprintf(card, "# %s\n\nA %s, imported by ggdm %s from %s, in the layout: %s.\n\n",
            base_name(name), im->model->info.class_name, ggdm_version, f->form,
            im->is.layout ? im->is.layout->name : "names of the network itself");
    fprintf(card, "| source | bytes | SHA-256 |\n|---|---|---|\n");
    for (size_t i = 0; i < ggdm_foreign_n_files(f) && st == GGDM_OK; i++)
        st = put_file(card, ggdm_foreign_file(f, i), err);
    if (st == GGDM_OK && im->paths.config)
        st = put_file(card, im->paths.config, err);
    fprintf(card, "\n");
    if (*state)
        fprintf(card, "- The weights are `%s` of that file.\n", state);
    put_left_out(card, im);
    fprintf(card, "- Their terms are those of the source.\n");
    if (fclose(card) != 0 && st == GGDM_OK)
        st = GGDM_FAIL(err, GGDM_ENOMEM, "%s: no memory for README.md", dir);
    if (st == GGDM_OK)
        st = ggdm_replace_file_in(dir, "README.md", text, size, err);
    free(text);
    return st;
}

/* ---- the files ---- */

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
        GGDM_TRY(ggdm_tokenizer_copy(im->paths.dir, dir, err));
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
