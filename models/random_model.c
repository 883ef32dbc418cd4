#include "models/random_model.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/philox.h"

/* The network's parameters, as a graph declares them. */
static ggdm_status declare_params(ggdm_random_model *m, ggdm_error *err)
{
    GGDM_TRY(ggdm_graph_create(GGDM_F32, &m->names, err));
    ggdm_ports p = ggdm_arch_inputs(m->model->arch, m->names, 1);
    ggdm_arch_emit(m->model->arch, m->names, &p);
    return GGDM_OK; /* a building error shows as missing parameters when a network is compiled */
}

static void initialise(const ggdm_param_info *p, uint32_t index, int64_t n, float *w)
{
    double scale = p->init.scale > 0 && p->init.kind != GGDM_INIT_ONE ? p->init.scale : 0.05;
    ggdm_normals(0, GGDM_STREAM_INIT, index, 0, n, w);
    for (int64_t i = 0; i < n; i++)
        w[i] = (float)scale * w[i] + (p->init.kind == GGDM_INIT_ONE ? 1.0f : 0.0f);
}

static ggdm_status make_params(ggdm_random_model *m, ggdm_error *err)
{
    ggdm_params *params = &m->model->params;
    params->n = (size_t)ggdm_graph_param_count(m->names);
    GGDM_TRY(ggdm_alloc(&params->items, params->n, sizeof *params->items, err));
    size_t total = 0;
    for (size_t i = 0; i < params->n; i++) {
        ggdm_shape shape = ggdm_graph_param_info(m->names, (int)i).shape;
        total += (size_t)ggdm_shape_count(&shape);
    }
    GGDM_TRY(ggdm_alloc(&m->weights, total, sizeof *m->weights, err));
    float *next = m->weights;
    for (size_t i = 0; i < params->n; i++) {
        ggdm_param_info p = ggdm_graph_param_info(m->names, (int)i);
        int64_t n = ggdm_shape_count(&p.shape);
        initialise(&p, (uint32_t)i, n, next);
        params->items[i] = (ggdm_tensor){p.name, GGDM_F32, p.shape, next};
        next += n;
    }
    return GGDM_OK;
}

ggdm_status ggdm_random_model_make(const char *path, ggdm_random_model *out, ggdm_error *err)
{
    size_t size;
    ggdm_status st;
    *out = (ggdm_random_model){0};
    GGDM_TRY_GOTO(st, ggdm_strdup(path, &out->files.path, err), done);
    GGDM_TRY_GOTO(st, ggdm_read_file(path, (size_t)1 << 20, &out->files.config, &size, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&out->model, 1, sizeof *out->model, err), done);
    out->model->files = &out->files;
    GGDM_TRY_GOTO(st, ggdm_arch_parse(out->files.config, size, path, &out->model->arch, err), done);
    out->model->info = ggdm_arch_get_info(out->model->arch);
    GGDM_TRY_GOTO(st, declare_params(out, err), done);
    st = make_params(out, err);
done:
    if (st != GGDM_OK)
        ggdm_random_model_deinit(out);
    return st;
}

void ggdm_random_model_deinit(ggdm_random_model *m)
{
    ggdm_model_destroy(&m->model);
    ggdm_model_files_close(&m->files);
    ggdm_graph_destroy(&m->names);
    free(m->weights);
    m->weights = NULL;
}
