#include "models/find.h"

#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/nearest.h"
#include "common/shipped.h"

bool ggdm_has_file(const char *dir, const char *name)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    return n > 0 && (size_t)n < sizeof path && ggdm_exists(path);
}

static bool is_model_dir(const char *dir)
{
    return ggdm_has_file(dir, "config.json") || ggdm_has_file(dir, GGDM_PIPELINE_FILE);
}

ggdm_status ggdm_zoos_find(ggdm_zoos *out, ggdm_error *err)
{
    char built[PATH_MAX], installed[PATH_MAX]; /* build/release/ggdm, PREFIX/bin/ggdm */
    ggdm_beside_program("../../models/zoo", built, sizeof built);
    ggdm_beside_program("../share/ggdm/zoo", installed, sizeof installed);
    const char *const dirs[GGDM_N_ZOOS] = {getenv("GGDM_ZOO"), built, installed, "models/zoo"};
    *out = (ggdm_zoos){{NULL}};
    for (int i = 0; i < GGDM_N_ZOOS; i++) {
        ggdm_status st = dirs[i] && *dirs[i] ? ggdm_strdup(dirs[i], &out->dir[i], err) : GGDM_OK;
        if (st != GGDM_OK) {
            ggdm_zoos_deinit(out);
            return st;
        }
    }
    return GGDM_OK;
}

void ggdm_zoos_deinit(ggdm_zoos *zoos)
{
    for (int i = 0; i < GGDM_N_ZOOS; i++)
        free(zoos->dir[i]);
    *zoos = (ggdm_zoos){{NULL}};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

ggdm_status ggdm_models_in(const char *dir, char ***out, size_t *n, ggdm_error *err)
{
    DIR *d = opendir(dir);
    ggdm_status st = GGDM_OK;
    size_t cap = 0;
    *out = NULL;
    *n = 0;
    for (struct dirent *e; d && st == GGDM_OK && (e = readdir(d));) {
        char path[PATH_MAX];
        int length = snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (e->d_name[0] == '.' || length >= (int)sizeof path || !is_model_dir(path))
            continue;
        st = ggdm_grow(out, &cap, *n + 1, sizeof **out, err);
        if (st == GGDM_OK)
            st = ggdm_strdup(e->d_name, &(*out)[*n], err);
        *n += st == GGDM_OK;
    }
    if (d)
        closedir(d);
    if (*n)
        qsort(*out, *n, sizeof **out, by_name);
    return st;
}

/* The name in a zoo that is nearest to this one, as ", did you mean 'NAME'"; "" where none is near.
 */
static void guess(const ggdm_zoos *zoos, const char *name, char *out, size_t size)
{
    ggdm_nearest meant = {.word = name}; /* its name does not outlive a list: only steps count */
    *out = '\0';
    for (int i = 0; i < GGDM_N_ZOOS; i++) {
        char **names = NULL;
        size_t n = 0;
        if (zoos->dir[i])
            ggdm_models_in(zoos->dir[i], &names, &n, NULL);
        for (size_t k = 0; k < n; k++) {
            const size_t before = meant.name ? meant.steps : SIZE_MAX;
            ggdm_nearest_try(&meant, names[k]);
            if (meant.name && meant.steps < before)
                snprintf(out, size, ", did you mean '%.100s'", names[k]);
            free(names[k]);
        }
        free(names);
    }
}

static ggdm_status fail_nowhere(const ggdm_zoos *zoos, const char *name, ggdm_error *err)
{
    char places[700] = "", meant[128];
    for (int i = 0; i < GGDM_N_ZOOS; i++) {
        size_t n = strlen(places);
        if (zoos->dir[i])
            snprintf(places + n, sizeof places - n, ", %.200s/%.100s", zoos->dir[i], name);
    }
    guess(zoos, name, meant, sizeof meant);
    return GGDM_FAIL(err, GGDM_EINVAL,
                     "model '%.100s' not found%s: no config.json in ./%.100s%s%s (`ggdm model "
                     "list' shows those there are)",
                     name, meant, name, places, zoos->dir[0] ? "" : "; GGDM_ZOO is not set");
}

static bool is_file(const char *name)
{
    return ggdm_exists(name) && !ggdm_is_dir(name);
}

static ggdm_status fail_directory(const char *name, ggdm_error *err)
{
    if (is_file(name))
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "model '%.400s' is a file, expected a directory (of weights `ggdm model "
                         "import FILE --out DIR' makes one)",
                         name);
    return GGDM_FAIL(err, GGDM_EINVAL, "model '%s': no such directory with a config.json in it",
                     name);
}

ggdm_status ggdm_model_find(const char *name, char **out, ggdm_error *err)
{
    ggdm_zoos zoos;
    ggdm_status st = GGDM_OK;
    *out = NULL;
    if (!*name)
        return GGDM_FAIL(err, GGDM_EINVAL, "model name is empty, expected a name or a directory");
    if (is_model_dir(name))
        return ggdm_strdup(name, out, err);
    if (*name == '/' || *name == '.')
        return fail_directory(name, err);
    GGDM_TRY(ggdm_zoos_find(&zoos, err));
    for (int i = 0; i < GGDM_N_ZOOS && !*out && st == GGDM_OK; i++) {
        if (zoos.dir[i])
            st = ggdm_path_join(zoos.dir[i], name, out, err);
        if (*out && !is_model_dir(*out)) {
            free(*out);
            *out = NULL;
        }
    }
    if (st == GGDM_OK && !*out)
        st = strchr(name, '/') || is_file(name) ? fail_directory(name, err)
                                                : fail_nowhere(&zoos, name, err);
    ggdm_zoos_deinit(&zoos);
    return st;
}

bool ggdm_model_exists(const char *name)
{
    char *dir = NULL;
    bool found = ggdm_model_find(name, &dir, NULL) == GGDM_OK;
    free(dir);
    return found;
}
