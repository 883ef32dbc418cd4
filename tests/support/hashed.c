#include "tests/support/hashed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/nn/packs.h"
#include "tests/support/ggdm_test.h"

uint32_t ggdm_hashed_seed(const char *a, const char *b)
{
    uint32_t h = 2166136261u;
    for (const char *c = a; *c; c++)
        h = (h ^ (unsigned char)*c) * 16777619u;
    for (const char *c = b; *c; c++)
        h = (h ^ (unsigned char)*c) * 16777619u;
    return h;
}

uint32_t ggdm_hashed_bits(uint32_t seed, int64_t i)
{
    uint32_t x = (uint32_t)i * 0x9e3779b9u + seed;
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
}

double ggdm_hashed_number(uint32_t seed, int64_t i)
{
    return (ggdm_hashed_bits(seed, i) >> 8) / 8388608.0 - 1;
}

static void make_params(ggdm_hashed *net,
                        void (*scale)(const ggdm_param_info *p, double *at, double *by))
{
    ggdm_params *params = &net->params;
    params->n = (size_t)ggdm_graph_param_count(net->names);
    params->items = ggdm_test_alloc(params->n, sizeof *params->items);
    for (size_t i = 0; i < params->n; i++) {
        const ggdm_param_info p = ggdm_graph_param_info(net->names, (int)i);
        net->count += ggdm_shape_count(&p.shape);
    }
    float *next = net->weights = ggdm_test_alloc((size_t)net->count, sizeof *next);
    for (size_t i = 0; i < params->n; i++) {
        const ggdm_param_info p = ggdm_graph_param_info(net->names, (int)i);
        const int64_t n = ggdm_shape_count(&p.shape);
        const uint32_t seed = ggdm_hashed_seed(p.name, "");
        double at, by;
        scale(&p, &at, &by);
        for (int64_t k = 0; k < n; k++)
            next[k] = (float)(at + by * ggdm_hashed_number(seed, k));
        params->items[i] = (ggdm_tensor){p.name, GGDM_F32, p.shape, next};
        next += n;
    }
}

void ggdm_hashed_open(const char *config,
                      void (*scale)(const ggdm_param_info *p, double *at, double *by),
                      ggdm_hashed *out)
{
    ggdm_error err;
    *out = (ggdm_hashed){.arch = NULL};
    ggdm_test_ok(ggdm_arch_parse(config, strlen(config), "config.json", &out->arch, &err), &err);
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &out->names, &err), &err);
    ggdm_ports p = ggdm_arch_inputs(out->arch, out->names, 1);
    assert_true(ggdm_arch_emit(out->arch, out->names, &p) >= 0);
    make_params(out, scale);
    ggdm_test_ok(ggdm_packs_create(&out->params.packs, &err), &err);
}

void ggdm_hashed_close(ggdm_hashed *net)
{
    ggdm_packs_destroy(&net->params.packs);
    free(net->params.items);
    free(net->weights);
    ggdm_graph_destroy(&net->names);
    ggdm_arch_destroy(&net->arch);
}

double ggdm_hashed_error(const ggdm_safetensors *file, const char *name, const float *got,
                         int64_t n)
{
    const ggdm_st_tensor *t = ggdm_safetensors_find(file, name);
    const ggdm_st_tensor *tol = ggdm_safetensors_find(file, "tol");
    const ggdm_st_tensor *strides = ggdm_safetensors_find(file, "stride");
    if (!t)
        ggdm_test_fail("golden file: no tensor %s", name);
    const int64_t count = ggdm_shape_count(&t->shape);
    const int32_t stride = ((const int32_t *)strides->data)[t - file->tensors];
    assert_int_equal(count, (n + stride - 1) / stride);
    const float tolerance = ((const float *)tol->data)[t - file->tensors];
    double worst = 0;
    for (int64_t i = 0; i < count; i++) {
        const double off = fabs((double)got[i * stride] - (double)((const float *)t->data)[i]);
        worst = off <= worst * (double)tolerance ? worst : off / (double)tolerance;
    }
    printf("%s: error %.3f of the tolerance\n", name, worst);
    return worst;
}
