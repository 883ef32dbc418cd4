#include "tests/support/golden.h"

#include "models/nn/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA "tests/golden/data/" /* tests run in the root of the tree */

const ggdm_st_tensor *ggdm_golden_tensor(const ggdm_golden *gold, const char *name)
{
    const ggdm_st_tensor *t = ggdm_safetensors_find(gold->file, name);
    if (!t)
        ggdm_test_fail("golden file: no tensor %s", name);
    return t;
}

static bool has(const ggdm_golden *gold, const char *name)
{
    return ggdm_safetensors_find(gold->file, name) != NULL;
}

/* The config with the first `from` replaced by `to`, as owned text. */
static char *edited_config(const ggdm_golden *gold, const char *from, const char *to)
{
    const char *config = ggdm_safetensors_meta(gold->file, "config");
    assert_non_null(config);
    if (!from)
        from = to = "";
    const char *at = strstr(config, from);
    if (!at)
        ggdm_test_fail("'%s' is not in the config %s", from, config);
    size_t cut = strlen(from);
    char *out = ggdm_test_alloc(strlen(config) + strlen(to) + 1, 1);
    sprintf(out, "%.*s%s%s", (int)(at - config), config, to, at + cut);
    return out;
}

/* Copy the param.* tensors. */
static void load_params(ggdm_golden *gold)
{
    size_t floats = 0, n = 0;
    for (size_t i = 0; i < gold->file->n_tensors; i++)
        floats += gold->file->tensors[i].size / sizeof(float);
    gold->weights = ggdm_test_alloc(floats, sizeof(float));
    gold->params.items = ggdm_test_alloc(gold->file->n_tensors, sizeof(ggdm_tensor));
    float *next = gold->weights;
    for (size_t i = 0; i < gold->file->n_tensors; i++) {
        const ggdm_st_tensor *t = &gold->file->tensors[i];
        if (strncmp(t->name, "param.", 6) != 0)
            continue;
        memcpy(next, t->data, t->size);
        gold->params.items[n++] = (ggdm_tensor){t->name + 6, GGDM_F32, t->shape, next};
        next += t->size / sizeof(float);
    }
    gold->params.n = n;
}

static ggdm_val input(ggdm_golden *gold, const char *name)
{
    if (!has(gold, name))
        return -1;
    const ggdm_st_tensor *t = ggdm_golden_tensor(gold, name);
    ggdm_shape shape = t->shape;
    shape.d[0] = gold->batch;
    return ggdm_graph_input(gold->graph, name, t->dtype == GGDM_ST_I32 ? GGDM_I32 : GGDM_F32,
                            shape);
}

static ggdm_val param_value(const ggdm_graph *g, const char *name)
{
    for (int i = 0; i < ggdm_graph_param_count(g); i++) {
        ggdm_param_info info = ggdm_graph_param_info(g, i);
        if (strcmp(info.name, name) == 0)
            return info.value;
    }
    return -1;
}

static ggdm_val length(ggdm_graph *g, ggdm_val rows)
{
    return ggdm_sqrt(g, ggdm_dot(g, rows, rows));
}

/* scale cos of image n and text n: [N, 1] */
static ggdm_val scaled_cosines(const ggdm_golden *gold, const ggdm_ports *p)
{
    ggdm_graph *g = gold->graph;
    ggdm_val of = ggdm_mul(g, length(g, p->embedding), length(g, p->text_embedding));
    ggdm_val cosines = ggdm_div(g, ggdm_dot(g, p->embedding, p->text_embedding), of);
    return ggdm_linear(g, ggdm_join(g, cosines, 1), ggdm_join(g, p->scale, 1), -1);
}

/* What the file has as y. */
static ggdm_val emit(const ggdm_golden *gold)
{
    ggdm_ports p = GGDM_NO_PORTS;
    p.x = gold->x;
    p.t = gold->t;
    p.label = gold->label;
    p.text = gold->text;
    p.context = gold->context;
    ggdm_val y = ggdm_arch_emit(gold->arch, gold->graph, &p);
    if (ggdm_arch_get_info(gold->arch).two_towers)
        return scaled_cosines(gold, &p);
    return ggdm_safetensors_meta(gold->file, "output") ? p.sequence : y;
}

static void build(ggdm_golden *gold)
{
    ggdm_graph *g = gold->graph;
    gold->x = input(gold, "x");
    gold->t = input(gold, "t");
    gold->label = input(gold, "label");
    gold->text = input(gold, "text");
    gold->context = input(gold, "context");
    gold->y = emit(gold);
    ggdm_graph_output(g, gold->y);
    gold->gy = input(gold, "gy");

    int n = 1 + (int)gold->params.n;
    ggdm_val *wrt = ggdm_test_alloc((size_t)n, sizeof *wrt);
    gold->grads = ggdm_test_alloc((size_t)n, sizeof *gold->grads);
    wrt[0] = gold->x;
    for (int i = 1; i < n; i++)
        wrt[i] = param_value(g, gold->params.items[i - 1].name);
    ggdm_graph_backward(g, gold->y, gold->gy, n, wrt, gold->grads);
    free(wrt);

    gold->target = input(gold, "target");
    if (gold->target < 0)
        return;
    gold->seed = ggdm_graph_input(g, "seed", GGDM_F32, GGDM_SHAPE1(gold->batch));
    gold->loss[0] = ggdm_nll(g, gold->y, gold->target);
    gold->loss[1] = ggdm_neg_prob(g, gold->y, gold->target);
    for (int i = 0; i < 2; i++) {
        ggdm_graph_output(g, gold->loss[i]);
        ggdm_graph_backward(g, gold->loss[i], gold->seed, 1, &gold->x, &gold->gx_loss[i]);
    }
}

static void fill(const ggdm_golden *gold, ggdm_val v, const char *name, int64_t first)
{
    if (v < 0)
        return;
    const ggdm_st_tensor *t = ggdm_golden_tensor(gold, name);
    size_t image = t->size / (size_t)t->shape.d[0];
    memcpy(ggdm_graph_data(gold->graph, v), (const char *)t->data + (size_t)first * image,
           (size_t)gold->batch * image);
}

void ggdm_golden_open(ggdm_golden *gold, const char *name, const char *from, const char *to,
                      int64_t first, int64_t batch)
{
    ggdm_error err = {0};
    char path[200];
    size_t size;
    *gold = (ggdm_golden){.target = -1};
    snprintf(path, sizeof path, DATA "%s.safetensors", name);
    gold->bytes = ggdm_test_read(path, &size);
    ggdm_test_ok(ggdm_safetensors_parse(gold->bytes, size, path, &gold->file, &err), &err);
    char *config = edited_config(gold, from, to);
    ggdm_test_ok(ggdm_arch_parse(config, strlen(config), path, &gold->arch, &err), &err);
    free(config);
    load_params(gold);
    gold->batch = batch ? batch : gold->file->tensors[0].shape.d[0]; /* an input */

    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &gold->graph, &err), &err);
    build(gold);
    ggdm_test_ok(ggdm_graph_compile(gold->graph, &gold->params, &err), &err);
    fill(gold, gold->x, "x", first);
    fill(gold, gold->t, "t", first);
    fill(gold, gold->label, "label", first);
    fill(gold, gold->text, "text", first);
    fill(gold, gold->context, "context", first);
    fill(gold, gold->gy, "gy", first);
    fill(gold, gold->target, "target", first);
    if (gold->target >= 0)
        for (int64_t i = 0; i < gold->batch; i++)
            ((float *)ggdm_graph_data(gold->graph, gold->seed))[i] = 1.0f;
}

void ggdm_golden_close(ggdm_golden *gold)
{
    ggdm_graph_destroy(&gold->graph);
    ggdm_arch_destroy(&gold->arch);
    ggdm_safetensors_destroy(&gold->file);
    free(gold->grads);
    free(gold->params.items);
    free(gold->weights);
    free(gold->bytes);
}

/* max |got - want| / tol into the verdict where it is the worst; no value (of a parameter that the
 * network does not use) stands for zeros. */
static void compare(const ggdm_golden *gold, const char *name, ggdm_val v, float tol,
                    ggdm_golden_verdict *verdict)
{
    const ggdm_st_tensor *t = ggdm_golden_tensor(gold, name);
    const float *want = t->data, *got = ggdm_graph_data(gold->graph, v);
    size_t n = t->size / sizeof(float);
    double worst = got || v < 0 ? 0 : INFINITY;
    if (got && (size_t)ggdm_shape_count(ggdm_graph_shape(gold->graph, v)) != n)
        worst = INFINITY;
    for (size_t i = 0; worst < INFINITY && i < n; i++) {
        double ratio = fabs((got ? (double)got[i] : 0) - (double)want[i]) / (double)tol;
        if (!(ratio <= worst) && (got || want[i] != 0))
            worst = isnan(ratio) ? INFINITY : ratio;
    }
    if (worst > verdict->worst)
        *verdict = (ggdm_golden_verdict){worst, t->name};
}

ggdm_golden_verdict ggdm_golden_check(ggdm_golden *gold)
{
    static const char *const losses[2][2] = {{"nll", "gx_nll"}, {"neg_prob", "gx_prob"}};
    ggdm_golden_verdict verdict = {0, "none"};
    const float *tol = ggdm_golden_tensor(gold, "tol")->data;
    ggdm_graph_run(gold->graph);
    compare(gold, "y", gold->y, *tol++, &verdict);
    if (gold->x >= 0)
        compare(gold, "gx", gold->grads[0], *tol++, &verdict);
    for (size_t i = 0; i < gold->params.n; i++) {
        char name[160];
        snprintf(name, sizeof name, "grad.%s", gold->params.items[i].name);
        compare(gold, name, gold->grads[1 + i], *tol++, &verdict);
    }
    for (int i = 0; gold->target >= 0 && i < 2; i++) {
        compare(gold, losses[i][0], gold->loss[i], *tol++, &verdict);
        compare(gold, losses[i][1], gold->gx_loss[i], *tol++, &verdict);
    }
    return verdict;
}
