/* `ggdm model list`: what there is to name in a sweep. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "coordinator/cmd/cmd_model.h"
#include "models/find.h"

#define MAX_CARD ((size_t)1 << 20)

/* What its model card says behind "For: " at the begin of a line; else what its kind can be. */
static void print_purpose(const char *dir, const ggdm_arch_info *info)
{
    static const char mark[] = "\nFor: ";
    char *path = NULL, *card = NULL;
    const char *line = NULL;
    if (ggdm_path_join(dir, "README.md", &path, NULL) == GGDM_OK &&
        ggdm_read_file(path, MAX_CARD, &card, NULL, NULL) == GGDM_OK)
        line = strstr(card, mark);
    if (line)
        printf("%.*s\n", (int)strcspn(line + strlen(mark), "\n"), line + strlen(mark));
    else if (info->role == GGDM_ENCODER)
        printf("%s\n", info->two_towers               ? "`model' of a loss of kind clip"
                       : info->ports & GGDM_PORT_TEXT ? "texts that a diffusion model looks at"
                                                      : "features of images");
    else if (info->role == GGDM_DIFFUSION)
        printf("`model' of a sweep%s\n", info->n_classes ? ", with a `condition.label'" : "");
    else
        printf("guide (`guidance.loss.model'%s) or `judge', %d classes\n",
               info->ports & GGDM_PORT_T ? ", also at x_t" : "", info->n_classes);
    free(card);
    free(path);
}

static ggdm_status print_model(const char *dir, const char *name, ggdm_error *err)
{
    char *path = NULL, images[40];
    ggdm_model_view view;
    ggdm_error why = {0};
    GGDM_TRY(ggdm_path_join(dir, name, &path, err));
    if (ggdm_model_look(path, &view, &why) != GGDM_OK) {
        printf("  %-20s cannot be used: %s\n", name, why.msg);
    } else {
        const ggdm_arch_info *i = &view.info;
        if (i->size)
            snprintf(images, sizeof images, "%d x %d x %d", i->size, i->size, i->channels);
        else
            snprintf(images, sizeof images, "none");
        printf("  %-20s %-25s %-14s %12" PRId64 " %8.1f MiB  ", name, i->class_name, images,
               view.parameters, (double)view.bytes / (1 << 20));
        print_purpose(path, i);
    }
    free(path);
    return GGDM_OK;
}

/* With its name as a heading; a directory without models is not worth one, unless it was asked for.
 */
static ggdm_status print_dir(const char *dir, bool asked, bool *any, ggdm_error *err)
{
    char **names;
    size_t n;
    ggdm_status st = ggdm_models_in(dir, &names, &n, err);
    if (st == GGDM_OK && (n || asked)) {
        printf("%s%s:\n", *any ? "\n" : "", dir);
        if (n)
            printf("  %-20s %-25s %-14s %12s %12s  %s\n", "name", "class", "images", "parameters",
                   "weights", "for");
        *any = true;
    }
    for (size_t i = 0; i < n && st == GGDM_OK; i++)
        st = print_model(dir, names[i], err);
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return st;
}

ggdm_status ggdm_model_list(const char *dir, ggdm_error *err)
{
    ggdm_zoos zoos;
    bool any = false;
    char *real[GGDM_N_ZOOS] = {NULL};
    if (dir && !ggdm_is_dir(dir))
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: no such directory, expected one with models in it",
                         dir);
    if (dir)
        return print_dir(dir, true, &any, err);
    GGDM_TRY(ggdm_zoos_find(&zoos, err));
    ggdm_status st = GGDM_OK;
    for (int i = 0; i < GGDM_N_ZOOS && st == GGDM_OK; i++) {
        real[i] = zoos.dir[i] ? realpath(zoos.dir[i], NULL) : NULL;
        bool again = !real[i]; /* or not there */
        for (int k = 0; k < i && !again; k++)
            again = real[k] && strcmp(real[k], real[i]) == 0;
        if (!again)
            st = print_dir(real[i], false, &any, err);
    }
    if (!any)
        printf("no models: set GGDM_ZOO to a directory of them\n");
    for (int i = 0; i < GGDM_N_ZOOS; i++)
        free(real[i]);
    ggdm_zoos_deinit(&zoos);
    return st;
}
