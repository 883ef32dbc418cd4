/* `ggdm model apply`: runs one network on tensors of a safetensors file, so that an import can be
 * compared with another framework.  Images are [N, C, H, W] in the files, as PyTorch has them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/threads.h"
#include "coordinator/cmd/cmd_model.h"
#include "models/io/safetensors.h"
#include "models/nn/ops.h"
#include "worker/startup.h"

#define MAX_BATCH 65536

/* The file's tensors, the network, and the values of its graph. */
typedef struct apply {
    const ggdm_apply_options *o;
    const ggdm_model *model;
    ggdm_st_file file;
    int64_t n; /* images */
    ggdm_graph *g;
    ggdm_ports in;
    ggdm_val y, gy, gx;
} apply;

/* ---- layouts ---- */

/* [N, C, H, W] -> [N, H, W, C], or back. */
static void permute(const float *from, float *to, const ggdm_shape *nhwc, bool to_nhwc)
{
    const int64_t pixels = nhwc->d[1] * nhwc->d[2], c = nhwc->d[3];
    for (int64_t i = 0; i < nhwc->d[0]; i++, from += pixels * c, to += pixels * c)
        for (int64_t p = 0; p < pixels; p++)
            for (int64_t k = 0; k < c; k++) {
                if (to_nhwc)
                    to[p * c + k] = from[k * pixels + p];
                else
                    to[k * pixels + p] = from[p * c + k];
            }
}

/* The shape that a value of the graph has in a file. */
static ggdm_shape file_shape(const ggdm_shape *s)
{
    return s->n == 4 ? GGDM_SHAPE4(s->d[0], s->d[3], s->d[1], s->d[2]) : *s;
}

/* ---- reading ---- */

static ggdm_status find_tensor(const apply *a, const char *name, ggdm_st_dtype dtype,
                               const char *type, const ggdm_shape *expected,
                               const ggdm_st_tensor **out, ggdm_error *err)
{
    const ggdm_st_tensor *t = *out = ggdm_safetensors_find(a->file.parsed, name);
    char found[128], want[128];
    ggdm_shape_text(expected, want, sizeof want);
    if (!t)
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: tensor '%s' is missing, expected %s %s", a->o->in,
                         name, type, want);
    if (t->dtype != dtype || !ggdm_shape_equal(&t->shape, expected))
        return GGDM_FAIL(err, GGDM_ESHAPE, "%s: tensor '%s' is %sof shape %s, expected %s %s",
                         a->o->in, name, t->dtype == dtype ? "" : "of another dtype and ",
                         ggdm_shape_text(&t->shape, found, sizeof found), type, want);
    return GGDM_OK;
}

/* Fill an f32 value of the graph. */
static ggdm_status fill_value(const apply *a, const char *name, ggdm_val v, ggdm_error *err)
{
    const ggdm_shape *shape = ggdm_graph_shape(a->g, v);
    const ggdm_shape expected = file_shape(shape);
    const ggdm_st_tensor *t;
    GGDM_TRY(find_tensor(a, name, GGDM_ST_F32, "F32", &expected, &t, err));
    float *copy = NULL; /* the file's data need not be aligned */
    GGDM_TRY(ggdm_alloc(&copy, t->size, 1, err));
    memcpy(copy, t->data, t->size);
    if (shape->n == 4)
        permute(copy, ggdm_graph_data(a->g, v), shape, true);
    else
        memcpy(ggdm_graph_data(a->g, v), copy, t->size);
    free(copy);
    return GGDM_OK;
}

/* N integers in [least, most], as f32 (timesteps) or i32 (labels). */
static ggdm_status fill_integers(const apply *a, const char *name, ggdm_val v, int64_t least,
                                 int64_t most, ggdm_error *err)
{
    const ggdm_shape expected = GGDM_SHAPE1(a->n);
    const ggdm_st_tensor *t;
    GGDM_TRY(find_tensor(a, name, GGDM_ST_I64, "I64", &expected, &t, err));
    for (int64_t i = 0; i < a->n; i++) {
        int64_t number;
        memcpy(&number, (const char *)t->data + i * 8, sizeof number);
        if (number < least || number > most)
            return GGDM_FAIL(err, GGDM_EINVAL,
                             "%s: tensor '%s', element %" PRId64 ": value %" PRId64
                             ", expected %" PRId64 " to %" PRId64,
                             a->o->in, name, i, number, least, most);
        if (ggdm_graph_dtype(a->g, v) == GGDM_F32)
            ((float *)ggdm_graph_data(a->g, v))[i] = (float)number;
        else
            ((int32_t *)ggdm_graph_data(a->g, v))[i] = (int32_t)number;
    }
    return GGDM_OK;
}

static ggdm_status open_input(apply *a, ggdm_error *err)
{
    GGDM_TRY(ggdm_st_file_open(a->o->in, &a->file, err));
    GGDM_TRY(ggdm_st_file_read(&a->file, err));
    const ggdm_st_tensor *x = ggdm_safetensors_find(a->file.parsed, "x");
    a->n = x && x->shape.n > 0 ? x->shape.d[0] : 1;
    if (a->n < 1 || a->n > MAX_BATCH)
        return GGDM_FAIL(err, GGDM_ESHAPE,
                         "%s: tensor 'x' has %" PRId64 " images, expected 1 to %d", a->o->in, a->n,
                         MAX_BATCH);
    return GGDM_OK;
}

/* ---- the network ---- */

static ggdm_status build_network(apply *a, bool bf16, ggdm_error *err)
{
    GGDM_TRY(ggdm_graph_create(bf16 ? GGDM_BF16 : GGDM_F32, &a->g, err));
    a->in = ggdm_arch_inputs(a->model->arch, a->g, a->n);
    a->y = ggdm_arch_emit(a->model->arch, a->g, &a->in);
    ggdm_graph_output(a->g, a->y);
    if (a->o->vjp && a->y >= 0) {
        a->gy = ggdm_graph_input(a->g, "gy", GGDM_F32, *ggdm_graph_shape(a->g, a->y));
        ggdm_graph_backward(a->g, a->y, a->gy, 1, &a->in.x, &a->gx);
    }
    return ggdm_graph_compile(a->g, &a->model->params, err);
}

static ggdm_status fill_all(const apply *a, ggdm_error *err)
{
    GGDM_TRY(fill_value(a, "x", a->in.x, err));
    if (a->in.t >= 0)
        GGDM_TRY(fill_integers(a, "t", a->in.t, 0, 1000000, err));
    const ggdm_arch_info *info = &a->model->info;
    const int64_t last = info->null_label >= 0 ? info->null_label : info->n_classes - 1;
    if (a->in.label >= 0)
        GGDM_TRY(fill_integers(a, "label", a->in.label, -1, last, err));
    return a->gy >= 0 ? fill_value(a, "gy", a->gy, err) : GGDM_OK;
}

/* ---- writing ---- */

static ggdm_status write_output(const apply *a, ggdm_error *err)
{
    const struct {
        const char *name;
        ggdm_val v;
    } values[] = {{"y", a->y}, {"gx", a->gx}};
    ggdm_tensor out[2];
    float *data[2] = {NULL, NULL};
    size_t n = 0;
    ggdm_status st = GGDM_OK;
    for (size_t i = 0; i < 2 && values[i].v >= 0 && st == GGDM_OK; i++, n++) {
        const ggdm_shape *s = ggdm_graph_shape(a->g, values[i].v);
        const float *from = ggdm_graph_data(a->g, values[i].v);
        size_t count = (size_t)ggdm_shape_count(s);
        st = ggdm_alloc(&data[i], count, sizeof *data[i], err);
        if (st == GGDM_OK && s->n == 4)
            permute(from, data[i], s, false);
        else if (st == GGDM_OK)
            memcpy(data[i], from, count * sizeof *from);
        out[i] = (ggdm_tensor){values[i].name, GGDM_F32, file_shape(s), data[i]};
    }
    if (st == GGDM_OK)
        st = ggdm_safetensors_write(a->o->out, out, n, NULL, 0, err);
    free(data[0]);
    free(data[1]);
    return st;
}

ggdm_status ggdm_model_apply(const ggdm_model *model, const ggdm_apply_options *options,
                             ggdm_error *err)
{
    apply a = {.o = options, .model = model, .gy = -1, .gx = -1};
    ggdm_precision precision = options->precision;
    ggdm_isa isa;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_isa_choose(&isa, err), done);
    GGDM_TRY_GOTO(st, ggdm_startup_precision(&precision, &isa, err), done);
    GGDM_TRY_GOTO(st, ggdm_isa_pin(isa, err), done);
    ggdm_use_threads(options->threads);
    GGDM_TRY_GOTO(st, open_input(&a, err), done);
    GGDM_TRY_GOTO(st, build_network(&a, precision == GGDM_PRECISION_BF16, err), done);
    GGDM_TRY_GOTO(st, fill_all(&a, err), done);
    ggdm_graph_run(a.g);
    st = write_output(&a, err);
done:
    ggdm_graph_destroy(&a.g);
    ggdm_st_file_close(&a.file);
    return st;
}
