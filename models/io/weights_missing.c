/* What is there instead of weights that are not. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "models/io/weights.h"

static const char import[] = "`ggdm model import DIR --out NEW` makes a model of it";

/* What weights that end so are for, and what to do. */
static const struct {
    const char *end, *advice;
} others[] = {
    {".safetensors", "give it that name if it is what you want"},
    {".safetensors.index.json", "expected an index of that name"},
    {".bin", import},
    {".pt", import},
    {".pth", import},
    {".ckpt", import},
};
enum { N_OTHERS = sizeof others / sizeof *others };

/* The file of dir that is most likely meant: *found (owned) of kind others[*kind]. */
static ggdm_status find_other(const char *dir, char **found, int *kind, ggdm_error *err)
{
    DIR *d = opendir(dir);
    ggdm_status st = GGDM_OK;
    *kind = N_OTHERS;
    for (struct dirent *e; d && st == GGDM_OK && (e = readdir(d));)
        for (int i = 0; i <= *kind && i < N_OTHERS; i++) {
            /* of one kind the first by name, whatever the directory's order */
            if (!ggdm_ends_with(e->d_name, others[i].end) ||
                (i == *kind && strcmp(e->d_name, *found) >= 0))
                continue;
            free(*found);
            *kind = i;
            st = ggdm_strdup(e->d_name, found, err);
            break;
        }
    if (d)
        closedir(d);
    return st;
}

ggdm_status ggdm_weights_missing(const char *dir, const char *path, ggdm_error *err)
{
    char *found = NULL;
    int kind;
    ggdm_status st = find_other(dir, &found, &kind, err);
    if (st == GGDM_OK && kind == N_OTHERS)
        st = GGDM_FAIL(err, GGDM_EINVAL, "%s: the weights are missing, expected this file", path);
    else if (st == GGDM_OK)
        st = GGDM_FAIL(err, GGDM_EINVAL, "%s: the weights are missing; there is %.200s: %s", path,
                       found, others[kind].advice);
    free(found);
    return st;
}
