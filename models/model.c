#include "models/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/json.h"
#include "common/mem.h"
#include "models/find.h"
#include "models/io/weights.h"

#define MAX_TEXT ((size_t)1 << 20) /* bytes of config.json and scheduler_config.json */
#define SCHEDULER "scheduler_config.json"

/* --- pipelines of diffusers --- */

/* A component counts unless it is [null, null] or a mere setting. */
static bool is_component(const ggdm_node *n)
{
    return n->key[0] != '_' && n->kind == GGDM_NODE_LIST && n->count == 2 &&
           n->first->kind == GGDM_NODE_STRING;
}

/* Of a pipeline only what is no more than a U-Net and its scheduler: what a decoder or a text
 * encoder would add must not be left out in silence. */
static ggdm_status check_pipeline(const ggdm_node *root, ggdm_error *err)
{
    for (const ggdm_node *n = ggdm_node_entries(root); n; n = n->next)
        if (is_component(n) && strcmp(n->key, "unet") && strcmp(n->key, "scheduler"))
            return ggdm_node_fail(n, err,
                                  "a pipeline with this component is not supported, expected unet "
                                  "and scheduler only (name its unet/ to run that alone)");
    const ggdm_node *unet = ggdm_node_get(root, "unet");
    return unet && is_component(unet)
               ? GGDM_OK
               : ggdm_node_fail(root, err, "the pipeline has no 'unet', expected one");
}

/* f->path names a pipeline: it becomes that of its U-Net. */
static ggdm_status enter_pipeline(ggdm_model_files *f, ggdm_error *err)
{
    char *path = NULL, *unet = NULL;
    ggdm_doc *doc = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_path_join(f->path, GGDM_PIPELINE_FILE, &path, err), done);
    GGDM_TRY_GOTO(st, ggdm_json_read(path, MAX_TEXT, &doc, err), done);
    GGDM_TRY_GOTO(st, check_pipeline(doc->root, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(f->path, "unet", &unet, err), done);
    free(f->path);
    f->path = unet;
done:
    ggdm_doc_destroy(&doc);
    free(path);
    return st;
}

/* --- reading the files --- */

static ggdm_status read_text(const char *path, char **out, ggdm_error *err)
{
    size_t size = 0;
    GGDM_TRY(ggdm_read_file(path, MAX_TEXT, out, &size, err));
    return strlen(*out) == size ? GGDM_OK
                                : GGDM_FAIL(err, GGDM_EFORMAT, "%s: contains a NUL byte", path);
}

static ggdm_status read_config(ggdm_model_files *f, ggdm_error *err)
{
    char *path = NULL;
    GGDM_TRY(ggdm_path_join(f->path, "config.json", &path, err));
    ggdm_status st = read_text(path, &f->config, err);
    free(path);
    return st;
}

/* The schedule of a diffusion model stands beside the network, else in the scheduler/ of the
 * pipeline whose unet/ the network is; that pipelines have one is certain. */
static ggdm_status read_scheduler(ggdm_model_files *f, ggdm_arch_role role, ggdm_error *err)
{
    const bool of_pipeline = role == GGDM_DIFFUSION && !ggdm_has_file(f->path, SCHEDULER) &&
                             ggdm_has_file(f->path, "../" GGDM_PIPELINE_FILE);
    GGDM_TRY(ggdm_path_join(f->path, of_pipeline ? "../scheduler/" SCHEDULER : SCHEDULER,
                            &f->scheduler_path, err));
    return of_pipeline || (role == GGDM_DIFFUSION && ggdm_exists(f->scheduler_path))
               ? read_text(f->scheduler_path, &f->scheduler, err)
               : GGDM_OK;
}

/* --- fitting the weights to the architecture --- */

/* Views of n tensors as params, with their names stored in m->names. */
static ggdm_status make_params(ggdm_model *m, const ggdm_st_tensor *tensors, size_t n,
                               ggdm_error *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += strlen(tensors[i].name) + 17;
    GGDM_TRY(ggdm_alloc(&m->names, bytes, 1, err));
    GGDM_TRY(ggdm_alloc(&m->params.items, n, sizeof *m->params.items, err));
    char *name = m->names;
    for (size_t i = 0; i < n; i++) {
        const ggdm_st_tensor *t = &tensors[i];
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
    ggdm_graph *g = NULL;
    GGDM_TRY(ggdm_graph_create(GGDM_F32, &g, err));
    ggdm_ports p = ggdm_arch_inputs(m->arch, g, 1);
    ggdm_status st = GGDM_OK;
    if (ggdm_arch_emit(m->arch, g, &p) < 0) { /* compiling reports why */
        st = ggdm_graph_compile(g, &m->params, err);
        if (st == GGDM_OK)
            st = GGDM_FAIL(err, GGDM_EINTERNAL, "network of %s could not be built",
                           m->info.class_name);
        ggdm_graph_destroy(&g);
    }
    *out = g;
    return st;
}

static ggdm_status read_arch(ggdm_model *m, const ggdm_model_files *files, ggdm_error *err)
{
    char *where = NULL;
    m->files = files;
    GGDM_TRY(ggdm_path_join(files->path, "config.json", &where, err));
    ggdm_status st = ggdm_arch_parse(files->config, strlen(files->config), where, &m->arch, err);
    free(where);
    if (st == GGDM_OK)
        m->info = ggdm_arch_get_info(m->arch);
    return st;
}

/* The n tensors as the model's parameters, if they are exactly those of its architecture. */
static ggdm_status fit(ggdm_model *m, const ggdm_st_tensor *tensors, size_t n, const char *where,
                       ggdm_error *err)
{
    ggdm_graph *g = NULL;
    GGDM_TRY(make_params(m, tensors, n, err));
    GGDM_TRY(declare(m, &g, err));
    ggdm_status st = check_params(m, g, where, err);
    ggdm_graph_destroy(&g);
    return st;
}

static ggdm_status parse_weights(ggdm_model *m, ggdm_error *err)
{
    const ggdm_model_files *f = m->files;
    ggdm_safetensors *parsed = NULL;
    char *where = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_path_join(f->path, m->info.weights_file, &where, err), done);
    GGDM_TRY_GOTO(st, ggdm_safetensors_parse(f->weights, f->weights_size, where, &parsed, err),
                  done);
    for (size_t i = 0; i < parsed->n_tensors; i++)
        GGDM_TRY_GOTO(st, ggdm_safetensors_as_f32(&parsed->tensors[i], where, err), done);
    st = fit(m, parsed->tensors, parsed->n_tensors, where, err);
done:
    ggdm_safetensors_destroy(&parsed);
    free(where);
    return st;
}

ggdm_status ggdm_model_create(const ggdm_model_files *files, ggdm_model **out, ggdm_error *err)
{
    ggdm_model *m = NULL;
    GGDM_TRY(ggdm_alloc(&m, 1, sizeof *m, err));
    ggdm_status st = read_arch(m, files, err);
    if (st == GGDM_OK)
        st = parse_weights(m, err);
    if (st != GGDM_OK)
        ggdm_model_destroy(&m);
    *out = m;
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

/* --- opening a directory --- */

/* The texts, and the weights' headers, which must fit the network: what does not is neither copied
 * nor hashed, however large it is. */
static ggdm_status open_headers(const char *name, ggdm_model_files *f, ggdm_model *m,
                                ggdm_error *err)
{
    GGDM_TRY(ggdm_model_find(name, &f->path, err));
    if (!ggdm_has_file(f->path, "config.json"))
        GGDM_TRY(enter_pipeline(f, err));
    GGDM_TRY(read_config(f, err));
    GGDM_TRY(read_arch(m, f, err));
    GGDM_TRY(read_scheduler(f, m->info.role, err));
    GGDM_TRY(ggdm_alloc(&f->stored, 1, sizeof *f->stored, err));
    GGDM_TRY(ggdm_weights_open(f->path, m->info.weights_file, f->stored, err));
    return fit(m, f->stored->tensors, f->stored->n_tensors, f->stored->where, err);
}

ggdm_status ggdm_model_files_open(const char *name, ggdm_model_files *out, ggdm_error *err)
{
    ggdm_model_files f = {0};
    ggdm_model *m = NULL; /* for its architecture */
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_alloc(&m, 1, sizeof *m, err), done);
    GGDM_TRY_GOTO(st, open_headers(name, &f, m, err), done);
    GGDM_TRY_GOTO(st, ggdm_weights_load(f.stored, err), done);
    f.weights = f.stored->data;
    f.weights_size = f.stored->size;
    GGDM_TRY_GOTO(st, ggdm_model_files_digest(&f, f.digest, err), done);
    *out = f;
    f = (ggdm_model_files){0};
done:
    ggdm_model_destroy(&m);
    ggdm_model_files_close(&f);
    return st;
}

ggdm_status ggdm_model_look(const char *name, ggdm_model_view *out, ggdm_error *err)
{
    ggdm_model_files f = {0};
    ggdm_model *m = NULL;
    *out = (ggdm_model_view){.parameters = 0};
    GGDM_TRY(ggdm_alloc(&m, 1, sizeof *m, err));
    ggdm_status st = open_headers(name, &f, m, err);
    if (st == GGDM_OK) {
        out->info = m->info; /* its texts are static */
        for (size_t i = 0; i < m->params.n; i++)
            out->parameters += ggdm_shape_count(&m->params.items[i].shape);
        for (size_t i = 0; i < f.stored->n_tensors; i++)
            out->bytes += f.stored->tensors[i].size;
    }
    ggdm_model_destroy(&m);
    ggdm_model_files_close(&f);
    return st;
}

void ggdm_model_files_lend(ggdm_model_files *f, const void *weights)
{
    if (f->stored)
        ggdm_weights_close(f->stored);
    free(f->stored);
    f->stored = NULL;
    f->weights = weights;
}

void ggdm_model_files_close(ggdm_model_files *f)
{
    ggdm_model_files_lend(f, NULL);
    free(f->path);
    free(f->config);
    free(f->scheduler);
    free(f->scheduler_path);
    *f = (ggdm_model_files){0};
}

/* --- numbers --- */

/* A block is looked at as a whole, which the compiler makes fast; only in a bad one the element is
 * looked for. */
static int64_t first_not_finite(const float *data, int64_t n)
{
    enum { BLOCK = 4096 };
    for (int64_t at = 0; at < n; at += BLOCK) {
        int64_t end = at + BLOCK < n ? at + BLOCK : n;
        int bad = 0;
        for (int64_t i = at; i < end; i++)
            bad |= !isfinite(data[i]);
        for (int64_t i = at; bad && i < end; i++)
            if (!isfinite(data[i]))
                return i;
    }
    return -1;
}

ggdm_status ggdm_model_check_finite(const ggdm_model *model, ggdm_error *err)
{
    for (size_t i = 0; i < model->params.n; i++) {
        const ggdm_tensor *t = &model->params.items[i];
        const float *data = t->data;
        int64_t bad = first_not_finite(data, ggdm_shape_count(&t->shape));
        if (bad < 0)
            continue;
        ggdm_shape at = {.n = t->shape.n};
        char text[128];
        int64_t rest = bad;
        for (int k = t->shape.n - 1; k >= 0; rest /= t->shape.d[k], k--)
            at.d[k] = rest % t->shape.d[k];
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: tensor '%.200s', element %s: value %g, expected finite numbers",
                         model->files->path, t->name, ggdm_shape_text(&at, text, sizeof text),
                         (double)data[bad]);
    }
    return GGDM_OK;
}
