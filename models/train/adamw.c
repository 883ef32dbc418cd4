#include "models/train/adamw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/philox.h"

#define PAD 16u     /* elements: every parameter begins at a multiple of 64 bytes */
#define CHUNK 4096u /* elements summed into one partial sum of the norm */

/* --- flat arrays --- */

static void init_param(const ggdm_init *init, uint64_t seed, uint32_t index, size_t n, float *w,
                       double *uniforms)
{
    switch (init->kind) {
    case GGDM_INIT_ZERO:
        break;
    case GGDM_INIT_ONE:
        for (size_t i = 0; i < n; i++)
            w[i] = 1.0f;
        break;
    case GGDM_INIT_CONSTANT:
        for (size_t i = 0; i < n; i++)
            w[i] = (float)init->scale;
        break;
    case GGDM_INIT_UNIFORM:
        ggdm_uniforms(seed, GGDM_STREAM_INIT, index, 0, (int64_t)n, uniforms);
        for (size_t i = 0; i < n; i++)
            w[i] = (float)((2.0 * uniforms[i] - 1.0) * init->scale);
        break;
    case GGDM_INIT_NORMAL:
        ggdm_normals(seed, GGDM_STREAM_INIT, index, 0, (int64_t)n, w);
        for (size_t i = 0; i < n; i++)
            w[i] *= (float)init->scale;
        break;
    }
}

/* Offsets and sizes of the parameters; the largest one's size in *largest. */
static ggdm_status lay_out(const ggdm_graph *g, ggdm_flat *f, size_t *largest, ggdm_error *err)
{
    size_t count = (size_t)f->n_params;
    GGDM_TRY(ggdm_alloc(&f->items, count, sizeof *f->items, err));
    GGDM_TRY(ggdm_alloc(&f->offset, count, sizeof *f->offset, err));
    GGDM_TRY(ggdm_alloc(&f->size, count, sizeof *f->size, err));
    GGDM_TRY(ggdm_alloc(&f->decay, count, sizeof *f->decay, err));
    for (int i = 0; i < f->n_params; i++) {
        ggdm_param_info p = ggdm_graph_param_info(g, i);
        char *name = NULL;
        GGDM_TRY(ggdm_strdup(p.name, &name, err));
        f->items[i] = (ggdm_tensor){name, GGDM_F32, p.shape, NULL};
        f->offset[i] = f->n;
        f->size[i] = (size_t)ggdm_shape_count(&p.shape);
        f->decay[i] = p.shape.n >= 2;
        f->n += (f->size[i] + PAD - 1) / PAD * PAD;
        f->n_values += (int64_t)f->size[i];
        if (f->size[i] > *largest)
            *largest = f->size[i];
    }
    return GGDM_OK;
}

ggdm_status ggdm_flat_create(const ggdm_graph *g, uint64_t seed, ggdm_flat **out, ggdm_error *err)
{
    ggdm_flat *f = NULL;
    double *uniforms = NULL;
    size_t largest = 0;
    ggdm_status st;
    GGDM_TRY(ggdm_alloc(&f, 1, sizeof *f, err));
    f->n_params = ggdm_graph_param_count(g);
    GGDM_TRY_GOTO(st, lay_out(g, f, &largest, err), done);
    float **const arrays[] = {&f->w, &f->m, &f->v, &f->ema};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        GGDM_TRY_GOTO(st, ggdm_alloc(arrays[i], f->n, sizeof(float), err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&f->g, f->n + GGDM_FLAT_EXTRA, sizeof(float), err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&uniforms, largest, sizeof *uniforms, err), done);
    for (int i = 0; i < f->n_params; i++) {
        ggdm_param_info p = ggdm_graph_param_info(g, i);
        f->items[i].data = f->w + f->offset[i];
        init_param(&p.init, seed, (uint32_t)i, f->size[i], f->w + f->offset[i], uniforms);
    }
    memcpy(f->ema, f->w, sizeof *f->w * f->n);
    *out = f;
    f = NULL;
done:
    free(uniforms);
    ggdm_flat_destroy(&f);
    return st;
}

void ggdm_flat_destroy(ggdm_flat **flat)
{
    ggdm_flat *f = flat ? *flat : NULL;
    if (!f)
        return;
    for (int i = 0; f->items && i < f->n_params; i++)
        free((char *)f->items[i].name);
    void *const owned[] = {f->items, f->offset, f->size, f->decay, f->w, f->g, f->m, f->v, f->ema};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        free(owned[i]);
    free(f);
    *flat = NULL;
}

/* --- optimiser --- */

double ggdm_learning_rate(const ggdm_optim *o, int64_t step, int64_t total)
{
    if (step < o->warmup)
        return o->lr * (double)(step + 1) / (double)o->warmup;
    if (total <= o->warmup + 1)
        return o->lr;
    double done = (double)(step - o->warmup) / (double)(total - 1 - o->warmup);
    if (done > 1.0)
        done = 1.0;
    return o->lr_floor + 0.5 * (o->lr - o->lr_floor) * (1.0 + cos(3.14159265358979323846 * done));
}

double ggdm_gradient_norm(const ggdm_flat *flat)
{
    double total = 0.0;
    for (size_t begin = 0; begin < flat->n; begin += CHUNK) {
        const float *g = flat->g + begin;
        size_t n = flat->n - begin < CHUNK ? flat->n - begin : CHUNK;
        double part[8] = {0}; /* n is a multiple of PAD */
        for (size_t i = 0; i < n; i += 8)
            for (size_t k = 0; k < 8; k++)
                part[k] += (double)g[i + k] * g[i + k];
        for (size_t k = 0; k < 8; k++)
            total += part[k];
    }
    return sqrt(total);
}

/* One parameter: n elements from offset on, padding excluded. */
static void adamw_update(const ggdm_optim *o, ggdm_flat *f, size_t begin, size_t n, double lr,
                         double scale, double decay, double correction1, double correction2,
                         double ema)
{
    float *restrict w = f->w + begin, *restrict m = f->m + begin, *restrict v = f->v + begin;
    float *restrict average = f->ema + begin;
    const float *restrict g = f->g + begin;
    const float b1 = (float)o->beta1, c1 = (float)(1.0 - o->beta1);
    const float b2 = (float)o->beta2, c2 = (float)(1.0 - o->beta2);
    const float gscale = (float)scale, keep = (float)(1.0 - lr * decay);
    const float step = (float)(lr / correction1), root = (float)(1.0 / sqrt(correction2));
    const float eps = (float)o->eps, e = (float)ema, one_e = (float)(1.0 - ema);
#pragma omp parallel for simd schedule(static) if (n > 32768)
    for (size_t i = 0; i < n; i++) {
        float gi = g[i] * gscale;
        m[i] = b1 * m[i] + c1 * gi;
        v[i] = b2 * v[i] + c2 * (gi * gi);
        w[i] = keep * w[i] - step * m[i] / (sqrtf(v[i]) * root + eps);
        average[i] = e * average[i] + one_e * w[i];
    }
}

void ggdm_adamw_step(const ggdm_optim *o, ggdm_flat *flat, int64_t step, double lr, double scale)
{
    double correction1 = 1.0 - pow(o->beta1, (double)(step + 1));
    double correction2 = 1.0 - pow(o->beta2, (double)(step + 1));
    double ema = (1.0 + (double)step) / (10.0 + (double)step);
    if (ema > o->ema)
        ema = o->ema;
    for (int i = 0; i < flat->n_params; i++)
        adamw_update(o, flat, flat->offset[i], flat->size[i], lr, scale,
                     flat->decay[i] ? o->weight_decay : 0.0, correction1, correction2, ema);
}
