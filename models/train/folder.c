#include "models/train/folder.h"

#include <stdlib.h>

#include "common/fs.h"
#include "common/mem.h"

#define PATIENCE 1.0 /* seconds, for one that is just ending */

ggdm_status ggdm_folder_open(const char *dir, bool own, bool take_over, ggdm_folder *out,
                             ggdm_error *err)
{
    const ggdm_owner_options options = {.patience = PATIENCE, .take_over = take_over};
    ggdm_status st;
    *out = (ggdm_folder){0};
    GGDM_TRY_GOTO(st, ggdm_strdup(dir, &out->dir, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, "checkpoint.safetensors", &out->checkpoint, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, "curve.csv", &out->curve, err), done);
    if (own) {
        GGDM_TRY_GOTO(st, ggdm_make_dirs(dir, err), done);
        GGDM_TRY_GOTO(st, ggdm_owner_take(dir, &options, &out->owner, err), done);
    }
done:
    if (st != GGDM_OK)
        ggdm_folder_close(out);
    return st;
}

ggdm_status ggdm_folder_check_free(const ggdm_folder *folder, const char *weights_file,
                                   ggdm_error *err)
{
    const char *const ours[] = {weights_file,       "config.json",
                                "model_index.json", "scheduler_config.json",
                                "README.md",        "curve.csv"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        char *path = NULL;
        GGDM_TRY(ggdm_path_join(folder->dir, ours[i], &path, err));
        bool there = ggdm_exists(path);
        free(path);
        if (there)
            return GGDM_FAIL(
                err, GGDM_ESTATE,
                "%s: %s is there, which training would overwrite, and no checkpoint of "
                "it; expected a new or an empty folder (choose another --out)",
                folder->dir, ours[i]);
    }
    return GGDM_OK;
}

void ggdm_folder_close(ggdm_folder *folder)
{
    ggdm_owner_release(&folder->owner);
    free(folder->dir);
    free(folder->checkpoint);
    free(folder->curve);
    *folder = (ggdm_folder){0};
}
