#include "models/model.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/hash.h"
#include "common/mem.h"
#include "common/shipped.h"
#include "models/io/safetensors.h"

#define MAX_TEXT ((size_t)1 << 20) /* bytes of config.json and scheduler_config.json */

/* --- finding and reading the files --- */

static bool is_model_dir(const char *dir)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/config.json", dir);
    return n > 0 && (size_t)n < sizeof path && ggdm_exists(path);
}

static ggdm_status find_dir(const char *name, char **out, ggdm_error *err)
{
    if (!*name)
        return GGDM_FAIL(err, GGDM_EINVAL, "model name is empty, expected a name or a directory");
    if (is_model_dir(name))
        return ggdm_strdup(name, out, err);
    if (strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
        return GGDM_FAIL(err, GGDM_EINVAL, "model '%s': no such directory with a config.json in it",
                         name);
    char built[PATH_MAX], installed[PATH_MAX]; /* build/release/ggdm, PREFIX/bin/ggdm */
    ggdm_beside_program("../../models/zoo", built, sizeof built);
    ggdm_beside_program("../share/ggdm/zoo", installed, sizeof installed);
    const char *const zoos[] = {getenv("GGDM_ZOO"), built, installed, "models/zoo"};
    for (size_t i = 0; i < sizeof zoos / sizeof *zoos; i++) {
        if (!zoos[i] || !*zoos[i])
            continue;
        GGDM_TRY(ggdm_path_join(zoos[i], name, out, err));
        if (is_model_dir(*out))
            return GGDM_OK;
        free(*out);
        *out = NULL;
    }
    return GGDM_FAIL(err, GGDM_EINVAL,
                     "model '%s' not found: no config.json in ./%s, $GGDM_ZOO/%s (GGDM_ZOO is "
                     "%.200s), %.200s/%s, %.200s/%s, models/zoo/%s",
                     name, name, name, zoos[0] ? zoos[0] : "not set", built, name, installed, name,
                     name);
}

static ggdm_status read_text(const char *dir, const char *name, bool optional, char **out,
                             ggdm_error *err)
{
    char *path = NULL;
    GGDM_TRY(ggdm_path_join(dir, name, &path, err));
    ggdm_status st = GGDM_OK;
    if (!optional || ggdm_exists(path)) {
        size_t size = 0;
        st = ggdm_read_file(path, MAX_TEXT, out, &size, err);
        if (st == GGDM_OK && strlen(*out) != size)
            st = GGDM_FAIL(err, GGDM_EFORMAT, "%s: contains a NUL byte", path);
    }
    free(path);
    return st;
}

/* Map the weights file that the architecture of the config names. */
static ggdm_status map_weights(ggdm_model_files *f, ggdm_error *err)
{
    char *path = NULL;
    ggdm_arch *arch = NULL;
    ggdm_mapping *map = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_path_join(f->path, "config.json", &path, err), done);
    GGDM_TRY_GOTO(st, ggdm_arch_parse(f->config, strlen(f->config), path, &arch, err), done);
    free(path);
    path = NULL;
    const char *file = ggdm_arch_get_info(arch).weights_file;
    GGDM_TRY_GOTO(st, ggdm_path_join(f->path, file, &path, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&map, 1, sizeof *map, err), done);
    GGDM_TRY_GOTO(st, ggdm_map_file(path, map, err), done);
    f->weights = map->data;
    f->weights_size = map->size;
    f->map = map;
    map = NULL;
done:
    free(map);
    ggdm_arch_destroy(&arch);
    free(path);
    return st;
}

void ggdm_model_files_digest(const ggdm_model_files *f, uint8_t digest[32])
{
    ggdm_hash h;
    ggdm_hash_init(&h);
    ggdm_hash_text(&h, f->config);
    ggdm_hash_text(&h, f->scheduler ? f->scheduler : "");
    ggdm_hash_u64(&h, f->weights_size);
    ggdm_hash_update(&h, f->weights, f->weights_size);
    ggdm_hash_final(&h, digest);
}

ggdm_status ggdm_model_files_open(const char *name, ggdm_model_files *out, ggdm_error *err)
{
    ggdm_model_files f = {0};
    ggdm_status st;
    GGDM_TRY_GOTO(st, find_dir(name, &f.path, err), done);
    GGDM_TRY_GOTO(st, read_text(f.path, "config.json", false, &f.config, err), done);
    GGDM_TRY_GOTO(st, read_text(f.path, "scheduler_config.json", true, &f.scheduler, err), done);
    GGDM_TRY_GOTO(st, map_weights(&f, err), done);
    ggdm_model_files_digest(&f, f.digest);
    *out = f;
    f = (ggdm_model_files){0};
done:
    ggdm_model_files_close(&f);
    return st;
}

void ggdm_model_files_close(ggdm_model_files *f)
{
    if (f->map)
        ggdm_unmap_file(f->map);
    free(f->map);
    free(f->path);
    free(f->config);
    free(f->scheduler);
    *f = (ggdm_model_files){0};
}

/* --- fitting the weights to the architecture --- */

/* Views of all tensors as params, with their names stored in m->names. */
static ggdm_status make_params(ggdm_model *m, const ggdm_safetensors *st, const char *where,
                               ggdm_error *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < st->n_tensors; i++)
        bytes += strlen(st->tensors[i].name) + 17;
    GGDM_TRY(ggdm_alloc(&m->names, bytes, 1, err));
    GGDM_TRY(ggdm_alloc(&m->params.items, st->n_tensors, sizeof *m->params.items, err));
    char *name = m->names;
    for (size_t i = 0; i < st->n_tensors; i++) {
        const ggdm_st_tensor *t = &st->tensors[i];
        GGDM_TRY(ggdm_safetensors_as_f32(t, where, err));
        if (ggdm_arch_canonical_name(t->name, name, strlen(t->name) + 17) != name)
            strcpy(name, t->name);
        m->params.items[m->params.n++] = (ggdm_tensor){name, GGDM_F32, t->shape, t->data};
        name += strlen(name) + 1;
    }
    return GGDM_OK;
}

static const ggdm_tensor *find_param(const ggdm_params *params, const char *name)
{
    for (size_t i = 0; i < params->n; i++)
        if (!strcmp(params->items[i].name, name))
            return &params->items[i];
    return NULL;
}

static bool is_declared(const ggdm_graph *g, const char *name)
{
    for (int i = 0; i < ggdm_graph_param_count(g); i++)
        if (!strcmp(ggdm_graph_param_info(g, i).name, name))
            return true;
    return false;
}

/* Compare what the architecture declares with what the file has. */
static ggdm_status check_params(const ggdm_model *m, const ggdm_graph *g, const char *where,
                                ggdm_error *err)
{
    for (int i = 0; i < ggdm_graph_param_count(g); i++) {
        ggdm_param_info p = ggdm_graph_param_info(g, i);
        char found[128], expected[128];
        ggdm_shape_text(&p.shape, expected, sizeof expected);
        const ggdm_tensor *t = find_param(&m->params, p.name);
        if (!t)
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "%s: tensor '%s' is missing, expected shape %s by config.json", where,
                             p.name, expected);
        if (!ggdm_shape_equal(&t->shape, &p.shape))
            return GGDM_FAIL(err, GGDM_ESHAPE,
                             "%s: tensor '%s' has shape %s, expected %s by config.json", where,
                             p.name, ggdm_shape_text(&t->shape, found, sizeof found), expected);
    }
    for (size_t i = 0; i < m->params.n; i++)
        if (!is_declared(g, m->params.items[i].name))
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "%s: tensor '%.200s' is unexpected: the network of config.json has "
                             "none of this name",
                             where, m->params.items[i].name);
    for (size_t i = 1; m->params.n > (size_t)ggdm_graph_param_count(g) && i < m->params.n; i++)
        for (size_t j = 0; j < i; j++)
            if (!strcmp(m->params.items[i].name, m->params.items[j].name))
                return GGDM_FAIL(err, GGDM_EFORMAT,
                                 "%s: tensor '%.200s' is there twice, under its old and new name",
                                 where, m->params.items[i].name);
    return GGDM_OK;
}

/* Emit the network for one image, to learn which parameters it has. */
static ggdm_status declare(const ggdm_model *m, ggdm_graph **out, ggdm_error *err)
{
    const ggdm_arch_info *a = &m->info;
    ggdm_graph *g = NULL;
    GGDM_TRY(ggdm_graph_create(GGDM_F32, &g, err));
    ggdm_val x = ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE4(1, a->size, a->size, a->channels));
    ggdm_val t = -1, label = -1;
    if (a->role == GGDM_DIFFUSION) {
        t = ggdm_graph_input(g, "t", GGDM_F32, GGDM_SHAPE1(1));
        if (a->n_classes > 0)
            label = ggdm_graph_input(g, "label", GGDM_I32, GGDM_SHAPE1(1));
    }
    ggdm_val y = ggdm_arch_emit(m->arch, g, x, t, label);
    ggdm_status st = GGDM_OK;
    if (y < 0) { /* compiling reports why */
        st = ggdm_graph_compile(g, &m->params, err);
        if (st == GGDM_OK)
            st = GGDM_FAIL(err, GGDM_EINTERNAL, "network of %s could not be built", a->class_name);
        ggdm_graph_destroy(&g);
    }
    *out = g;
    return st;
}

ggdm_status ggdm_model_create(const ggdm_model_files *files, ggdm_model **out, ggdm_error *err)
{
    ggdm_model *m = NULL;
    ggdm_safetensors *tensors = NULL;
    ggdm_graph *g = NULL;
    char *where = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_alloc(&m, 1, sizeof *m, err), done);
    m->files = files;
    GGDM_TRY_GOTO(st, ggdm_path_join(files->path, "config.json", &where, err), done);
    GGDM_TRY_GOTO(st, ggdm_arch_parse(files->config, strlen(files->config), where, &m->arch, err),
                  done);
    m->info = ggdm_arch_get_info(m->arch);
    free(where);
    where = NULL;
    GGDM_TRY_GOTO(st, ggdm_path_join(files->path, m->info.weights_file, &where, err), done);
    GGDM_TRY_GOTO(st,
                  ggdm_safetensors_parse(files->weights, files->weights_size, where, &tensors, err),
                  done);
    GGDM_TRY_GOTO(st, make_params(m, tensors, where, err), done);
    GGDM_TRY_GOTO(st, declare(m, &g, err), done);
    GGDM_TRY_GOTO(st, check_params(m, g, where, err), done);
    *out = m;
    m = NULL;
done:
    ggdm_graph_destroy(&g);
    ggdm_safetensors_destroy(&tensors);
    free(where);
    ggdm_model_destroy(&m);
    return st;
}

void ggdm_model_destroy(ggdm_model **model)
{
    if (!model || !*model)
        return;
    ggdm_arch_destroy(&(*model)->arch);
    free((*model)->params.items);
    free((*model)->names);
    free(*model);
    *model = NULL;
}
