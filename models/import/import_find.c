/* Where the parts of a source are. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "models/find.h"
#include "models/import/import.h"

#define CONFIG "config.json"
#define SCHEDULER "scheduler_config.json"

/* Names of weights in a directory: those that save_pretrained writes, in this order. */
static const char *const names[] = {"diffusion_pytorch_model.safetensors",
                                    "diffusion_pytorch_model.safetensors.index.json",
                                    "diffusion_pytorch_model.bin",
                                    "diffusion_pytorch_model.bin.index.json",
                                    "model.safetensors",
                                    "model.safetensors.index.json",
                                    "pytorch_model.bin",
                                    "pytorch_model.bin.index.json"};
enum { N_NAMES = sizeof names / sizeof *names };
/* Others: one file of them. */
static const char *const ends[] = {".safetensors", ".pt", ".pth", ".bin", ".ckpt"};
enum { N_ENDS = sizeof ends / sizeof *ends };

/* dir/name where that is there, else NULL. */
static ggdm_status find_in(const char *dir, const char *name, char **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_path_join(dir, name, out, err));
    if (!ggdm_exists(*out)) {
        free(*out);
        *out = NULL;
    }
    return GGDM_OK;
}

/* The one file of weights under any other name. */
static ggdm_status find_only(const char *dir, char **out, ggdm_error *err)
{
    DIR *d = opendir(dir);
    char *first = NULL, *second = NULL;
    ggdm_status st = GGDM_OK;
    for (struct dirent *e; d && st == GGDM_OK && !second && (e = readdir(d));)
        for (int i = 0; i < N_ENDS; i++)
            if (e->d_name[0] != '.' && ggdm_ends_with(e->d_name, ends[i])) {
                st = ggdm_strdup(e->d_name, first ? &second : &first, err);
                break;
            }
    if (d)
        closedir(d);
    if (st == GGDM_OK && second)
        st = GGDM_FAIL(err, GGDM_EINVAL,
                       "%s: several files of weights, among them %.200s and %.200s: name the one "
                       "that you want",
                       dir, first, second);
    else if (st == GGDM_OK && !first)
        st =
            GGDM_FAIL(err, GGDM_EINVAL,
                      "%s: no weights in it, expected .safetensors, .bin, .pt, .pth or .ckpt", dir);
    else if (st == GGDM_OK)
        st = ggdm_path_join(dir, first, out, err);
    free(first);
    free(second);
    return st;
}

static ggdm_status find_weights(const char *dir, char **out, ggdm_error *err)
{
    for (int i = 0; i < N_NAMES; i++) {
        GGDM_TRY(find_in(dir, names[i], out, err));
        if (*out)
            return GGDM_OK;
    }
    return find_only(dir, out, err);
}

/* The directory that a user means by one: of a pipeline its network. */
static ggdm_status enter(const char *source, char **dir, ggdm_error *err)
{
    if (ggdm_has_file(source, CONFIG) || !ggdm_has_file(source, GGDM_PIPELINE_FILE))
        return ggdm_strdup(source, dir, err);
    GGDM_TRY(ggdm_path_join(source, "unet", dir, err));
    return ggdm_is_dir(*dir) ? GGDM_OK
                             : GGDM_FAIL(err, GGDM_EINVAL,
                                         "%s: a pipeline without unet/: name the folder of one of "
                                         "its networks",
                                         source);
}

/* Beside the network, or in the scheduler/ of its pipeline. */
static ggdm_status find_scheduler(ggdm_import_paths *p, ggdm_error *err)
{
    GGDM_TRY(find_in(p->dir, SCHEDULER, &p->scheduler, err));
    if (!p->scheduler && ggdm_has_file(p->dir, "../" GGDM_PIPELINE_FILE))
        GGDM_TRY(find_in(p->dir, "../scheduler/" SCHEDULER, &p->scheduler, err));
    return GGDM_OK;
}

ggdm_status ggdm_import_find(const char *source, const char *config, ggdm_import_paths *out,
                             ggdm_error *err)
{
    *out = (ggdm_import_paths){0};
    if (!ggdm_exists(source))
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: no such file or directory, expected weights",
                         source);
    if (ggdm_is_dir(source)) {
        GGDM_TRY(enter(source, &out->dir, err));
        GGDM_TRY(find_weights(out->dir, &out->weights, err));
    } else {
        GGDM_TRY(ggdm_folder_of(source, &out->dir, err));
        GGDM_TRY(ggdm_strdup(source, &out->weights, err));
    }
    GGDM_TRY(config ? ggdm_strdup(config, &out->config, err)
                    : find_in(out->dir, CONFIG, &out->config, err));
    return find_scheduler(out, err);
}

void ggdm_import_paths_deinit(ggdm_import_paths *p)
{
    free(p->dir);
    free(p->weights);
    free(p->config);
    free(p->scheduler);
    *p = (ggdm_import_paths){0};
}

bool ggdm_import_is_needed(const char *source)
{
    ggdm_import_paths p;
    ggdm_error err = {0};
    if (!ggdm_exists(source)) /* a name in the zoo */
        return false;
    if (!ggdm_is_dir(source))
        return true;
    const bool found = ggdm_import_find(source, NULL, &p, &err) == GGDM_OK;
    const bool ours =
        !found || (p.config && (ggdm_ends_with(p.weights, ".safetensors") ||
                                ggdm_ends_with(p.weights, ".safetensors" GGDM_INDEX_END)));
    ggdm_import_paths_deinit(&p);
    return !ours;
}
