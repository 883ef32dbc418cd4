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
    int64_t n, n_texts; /* images and texts; 0: the file has none */
    ggdm_graph *g;
    ggdm_ports ports;
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

static int64_t integer_at(const ggdm_st_tensor *t, int64_t i)
{
    int64_t wide;
    int32_t narrow;
    if (t->dtype == GGDM_ST_I64)
        return memcpy(&wide, (const char *)t->data + i * 8, sizeof wide), wide;
    return memcpy(&narrow, (const char *)t->data + i * 4, sizeof narrow), narrow;
}

/* Integers in [least, most], as f32 (timesteps) or i32 (labels, tokens). */
static ggdm_status fill_integers(const apply *a, const char *name, ggdm_val v, int64_t least,
                                 int64_t most, ggdm_error *err)
{
    const ggdm_shape *expected = ggdm_graph_shape(a->g, v);
    const ggdm_st_tensor *t = ggdm_safetensors_find(a->file.parsed, name);
    const bool narrow = t && t->dtype == GGDM_ST_I32;
    GGDM_TRY(find_tensor(a, name, narrow ? GGDM_ST_I32 : GGDM_ST_I64, "I64", expected, &t, err));
    for (int64_t i = 0; i < ggdm_shape_count(expected); i++) {
        const int64_t number = integer_at(t, i);
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

/* Rows of a tensor; 0: the file has none of this name. */
static ggdm_status count_rows(const apply *a, const char *name, const char *what, int64_t *out,
                              ggdm_error *err)
{
    const ggdm_st_tensor *t = ggdm_safetensors_find(a->file.parsed, name);
    *out = t ? t->shape.n > 0 ? t->shape.d[0] : 1 : 0;
    if (t && (*out < 1 || *out > MAX_BATCH))
        return GGDM_FAIL(err, GGDM_ESHAPE, "%s: tensor '%s' has %" PRId64 " %s, expected 1 to %d",
                         a->o->in, name, *out, what, MAX_BATCH);
    return GGDM_OK;
}

/* What the file has, and whether that is enough for a network of two towers and for a gradient. */
static ggdm_status open_input(apply *a, ggdm_error *err)
{
    const ggdm_arch_info *info = &a->model->info;
    GGDM_TRY(ggdm_st_file_open(a->o->in, &a->file, err));
    GGDM_TRY(ggdm_st_file_read(&a->file, err));
    GGDM_TRY(count_rows(a, "x", "images", &a->n, err));
    GGDM_TRY(count_rows(a, "ids", "texts", &a->n_texts, err));
    if (info->two_towers && !a->n && !a->n_texts)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: there is neither tensor 'x' (images) nor 'ids' (texts), expected one "
                         "of them or both",
                         a->o->in);
    if (a->o->vjp && (!(info->ports & GGDM_PORT_X) || (info->two_towers && !a->n)))
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: --vjp gives the gradient to x, but there are only texts", a->o->in);
    return GGDM_OK;
}

/* ---- the network ---- */

/* Inputs for what the file has; what it lacks, and must have, is missed when it is filled. */
static ggdm_ports make_inputs(const apply *a)
{
    const ggdm_arch_info *info = &a->model->info;
    const ggdm_st_tensor *context = ggdm_safetensors_find(a->file.parsed, "context");
    ggdm_ports p = ggdm_arch_inputs(a->model->arch, a->g, a->n ? a->n : 1);
    if (info->two_towers && !a->n)
        p.x = p.t = -1;
    if (info->two_towers && !a->n_texts)
        p.text = -1;
    if (p.text >= 0 && a->n_texts)
        p.text =
            ggdm_graph_input(a->g, "ids", GGDM_I32, GGDM_SHAPE2(a->n_texts, info->context_length));
    if (p.context >= 0 && context && context->shape.n == 3)
        p.context = ggdm_graph_input(a->g, "context", GGDM_F32,
                                     GGDM_SHAPE3(a->n, context->shape.d[1], info->context_size));
    return p;
}

static ggdm_status build_network(apply *a, bool bf16, ggdm_error *err)
{
    GGDM_TRY(ggdm_graph_create(bf16 ? GGDM_BF16 : GGDM_F32, &a->g, err));
    a->ports = make_inputs(a);
    a->y = ggdm_arch_emit(a->model->arch, a->g, &a->ports);
    if (a->ports.sequence >= 0)
        a->ports.sequence = ggdm_cast(a->g, a->ports.sequence, GGDM_F32);
    ggdm_graph_output(a->g, a->y);
    ggdm_graph_output(a->g, a->ports.text_embedding);
    ggdm_graph_output(a->g, a->ports.sequence);
    if (a->o->vjp && a->y >= 0) {
        a->gy = ggdm_graph_input(a->g, "gy", GGDM_F32, *ggdm_graph_shape(a->g, a->y));
        ggdm_graph_backward(a->g, a->y, a->gy, 1, &a->ports.x, &a->gx);
    }
    return ggdm_graph_compile(a->g, &a->model->params, err);
}

static ggdm_status fill_all(const apply *a, ggdm_error *err)
{
    const ggdm_arch_info *info = &a->model->info;
    const int64_t last = info->null_label >= 0 ? info->null_label : info->n_classes - 1;
    const struct {
        const char *name;
        ggdm_val v;
        int64_t least, most; /* of integers; -1, -1: numbers */
    } rows[] = {{"x", a->ports.x, -1, -1},
                {"t", a->ports.t, 0, 1000000},
                {"label", a->ports.label, -1, last},
                {"ids", a->ports.text, 0, info->vocabulary - 1},
                {"context", a->ports.context, -1, -1},
                {"gy", a->gy, -1, -1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].v < 0)
            continue;
        GGDM_TRY(rows[i].most < 0
                     ? fill_value(a, rows[i].name, rows[i].v, err)
                     : fill_integers(a, rows[i].name, rows[i].v, rows[i].least, rows[i].most, err));
    }
    return GGDM_OK;
}

/* ---- writing ---- */

static ggdm_status write_output(const apply *a, ggdm_error *err)
{
    const struct {
        const char *name;
        ggdm_val v;
    } values[] = {{"y", a->y},
                  {"y_text", a->ports.text_embedding},
                  {"sequence", a->ports.sequence},
                  {"gx", a->gx}};
    enum { N = sizeof values / sizeof *values };
    ggdm_tensor out[N];
    float *data[N] = {NULL};
    size_t n = 0;
    ggdm_status st = GGDM_OK;
    for (size_t i = 0; i < N && st == GGDM_OK; i++) {
        if (values[i].v < 0)
            continue;
        const ggdm_shape *s = ggdm_graph_shape(a->g, values[i].v);
        const float *from = ggdm_graph_data(a->g, values[i].v);
        size_t count = (size_t)ggdm_shape_count(s);
        st = ggdm_alloc(&data[n], count, sizeof *data[n], err);
        if (st == GGDM_OK && s->n == 4)
            permute(from, data[n], s, false);
        else if (st == GGDM_OK)
            memcpy(data[n], from, count * sizeof *from);
        out[n] = (ggdm_tensor){values[i].name, GGDM_F32, file_shape(s), data[n]};
        n++;
    }
    if (st == GGDM_OK)
        st = ggdm_safetensors_write(a->o->out, out, n, NULL, 0, err);
    for (size_t i = 0; i < N; i++)
        free(data[i]);
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
