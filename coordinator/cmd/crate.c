#include "coordinator/cmd/crate.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/temp.h"
#include "coordinator/cmd/trace.h"
#include "coordinator/run/model_paths.h"
#include "coordinator/run/run_dir.h"
#include "coordinator/show/finish.h"
#include "models/model.h"

/* ---- database, sweeps, recipes --------------------------------------------------------------- */

static ggdm_status copy_database(ggdm_store *store, const char *to, ggdm_error *err)
{
    char *path = NULL;
    GGDM_TRY(ggdm_path_join(to, GGDM_STORE_FILE, &path, err));
    ggdm_status st = ggdm_store_snapshot(store, path, err);
    free(path);
    return st;
}

static ggdm_status write_recipe(const ggdm_results *r, const ggdm_row *row, const char *folder,
                                ggdm_error *err)
{
    char name[GGDM_CELL_NAME_SIZE + 8], *text = NULL;
    snprintf(name, sizeof name, "%s.txt", row->cell.name);
    GGDM_TRY(ggdm_store_recipe(r->store, row->cell.trajectory, &text, err));
    ggdm_status st = ggdm_replace_file_in(folder, name, text, strlen(text), err);
    free(text);
    return st;
}

static ggdm_status write_recipes(const ggdm_results *r, const char *to, ggdm_error *err)
{
    char *folder = NULL;
    GGDM_TRY(ggdm_path_join(to, GGDM_CRATE_RECIPES, &folder, err));
    ggdm_status st = ggdm_make_dirs(folder, err);
    for (int32_t i = 0; i < r->n_rows && st == GGDM_OK; i++)
        st = write_recipe(r, &r->rows[i], folder, err);
    free(folder);
    return st;
}

/* ---- cards ----------------------------------------------------------------------------------- */

void ggdm_crate_card_name(const ggdm_store_model *model, char name[GGDM_CRATE_CARD_SIZE])
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    char text[100];
    size_t n = 0;
    for (const char *c = model->name; *c && n + 1 < sizeof text; c++)
        if (strchr(plain, *c))
            text[n++] = *c;
        else if (n > 0) /* of a path: what leads to it is of this machine */
            text[n++] = '-';
    text[n] = '\0';
    snprintf(name, GGDM_CRATE_CARD_SIZE, GGDM_CRATE_CARDS "/%s-%.8s/README.md", text,
             model->digest);
}

/* The card that lies with a model, in *out (owned); NULL: it has none, is not there, or is another
 * one by now. */
static ggdm_status find_card(const char *dir, const ggdm_store_model *model, char **out,
                             ggdm_error *err)
{
    ggdm_model_files files = {0};
    char digest[GGDM_HASH_TEXT_SIZE], *sweep = NULL, *path = NULL, *card = NULL;
    ggdm_error why = {0};
    ggdm_status st;
    *out = NULL;
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, "sweep.yaml", &sweep, err), done);
    GGDM_TRY_GOTO(st, ggdm_model_path_find(dir, sweep, model->name, &path, err), done);
    if (ggdm_model_files_open(path, &files, &why) != GGDM_OK) {
        ggdm_log(GGDM_LOG_WARN, "model '%s': its card is left out: %s", model->name, why.msg);
        goto done;
    }
    ggdm_hash_hex(files.digest, digest);
    GGDM_TRY_GOTO(st, ggdm_path_join(files.path, "README.md", &card, err), done);
    if (strcmp(digest, model->digest) != 0)
        ggdm_log(GGDM_LOG_WARN,
                 "model '%s': its card is left out: %s has the digest %s, expected %s", model->name,
                 files.path, digest, model->digest);
    else if (ggdm_exists(card))
        st = ggdm_read_text(card, GGDM_CRATE_MAX_CARD, out, err);
done:
    ggdm_model_files_close(&files);
    free(sweep);
    free(path);
    free(card);
    return st;
}

static ggdm_status write_card(const char *to, const ggdm_store_model *model, const char *card,
                              ggdm_error *err)
{
    char name[GGDM_CRATE_CARD_SIZE], *path = NULL, *folder = NULL;
    ggdm_status st;
    ggdm_crate_card_name(model, name);
    GGDM_TRY_GOTO(st, ggdm_path_join(to, name, &path, err), done);
    GGDM_TRY_GOTO(st, ggdm_folder_of(path, &folder, err), done);
    GGDM_TRY_GOTO(st, ggdm_make_dirs(folder, err), done);
    st = ggdm_replace_file(path, card, strlen(card), err);
done:
    free(path);
    free(folder);
    return st;
}

static ggdm_status write_cards(const ggdm_results *r, const char *dir, const char *to,
                               ggdm_error *err)
{
    for (int32_t i = 0; i < r->n_models; i++) {
        char *card = NULL;
        ggdm_status st = find_card(dir, &r->models[i], &card, err);
        if (st == GGDM_OK && card)
            st = write_card(to, &r->models[i], card, err);
        free(card);
        GGDM_TRY(st);
    }
    return GGDM_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static ggdm_status fill(ggdm_store *store, const char *dir, const char *to, ggdm_error *err)
{
    ggdm_results r = {0};
    ggdm_status st;
    GGDM_TRY_GOTO(st, copy_database(store, to, err), done);
    GGDM_TRY_GOTO(st, ggdm_run_dir_freeze_sweeps(store, to, err), done);
    GGDM_TRY_GOTO(st, ggdm_results_open(store, &r, err), done);
    for (int32_t i = 0; i < r.n_rows; i++)
        GGDM_TRY_GOTO(st, ggdm_trace_copy(dir, to, &r.rows[i].cell, err), done);
    GGDM_TRY_GOTO(st, ggdm_finish_run(store, to, GGDM_FINISH_WRITE, err), done);
    GGDM_TRY_GOTO(st, write_recipes(&r, to, err), done);
    GGDM_TRY_GOTO(st, write_cards(&r, dir, to, err), done);
    st = ggdm_crate_describe(&r, to, err);
done:
    ggdm_results_deinit(&r);
    return st;
}

/* New, or empty: what is there is never mixed with something else, or overwritten. */
static ggdm_status check_place(const char *out, ggdm_error *err)
{
    if (!ggdm_exists(out))
        return GGDM_OK;
    DIR *d = opendir(out);
    if (!d)
        return GGDM_FAIL_ERRNO(err, errno, "%s: expected a new or an empty directory", out);
    bool empty = true;
    for (struct dirent *e; (e = readdir(d));)
        empty = empty && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0);
    closedir(d);
    return empty ? GGDM_OK
                 : GGDM_FAIL(err, GGDM_EINVAL,
                             "%s: is not empty, expected a new or an empty directory", out);
}

/* In a directory of its own, which then gets the name out, without a slash at its end. */
static ggdm_status build(ggdm_store *store, const char *dir, const char *out, ggdm_error *err)
{
    char *folder = NULL, *temp = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_folder_of(out, &folder, err), done);
    GGDM_TRY_GOTO(st, ggdm_make_dirs(folder, err), done);
    GGDM_TRY_GOTO(st, ggdm_temp_name(out, &temp, err), done);
    GGDM_TRY_GOTO(st, ggdm_make_dirs(temp, err), done);
    st = fill(store, dir, temp, err);
    if (st == GGDM_OK && rename(temp, out) != 0)
        st = GGDM_FAIL_ERRNO(err, errno, "%s", out);
    if (st == GGDM_OK)
        st = ggdm_sync_dir(folder, err);
    else
        ggdm_remove_tree(temp);
done:
    free(folder);
    free(temp);
    return st;
}

ggdm_status ggdm_crate_write(ggdm_store *store, const char *dir, const char *out, ggdm_error *err)
{
    const ggdm_run_info *info = ggdm_store_run_info(store);
    char *name = NULL;
    if (info->shards)
        return GGDM_FAIL(err, GGDM_ESTATE,
                         "%s: is shard %d of %d, expected a whole run: `ggdm merge` joins them",
                         dir, info->shard, info->shards);
    GGDM_TRY(check_place(out, err));
    GGDM_TRY(ggdm_strdup(out, &name, err));
    for (size_t n = strlen(name); n > 1 && name[n - 1] == '/'; n--)
        name[n - 1] = '\0';
    ggdm_status st = build(store, dir, name, err);
    free(name);
    return st;
}
