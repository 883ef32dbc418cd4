/* `ggdm model apply` gives in [N, C, H, W] files the bits that the graph gives in [N, H, W, C], and
 * says what is wrong with a file that does not fit.  (That the graph is right: test_golden.c.) */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/cmd/cmd_model.h"
#include "tests/support/golden.h"

/* A safetensors file under construction; the writer of the program knows f32 only. */
typedef struct file {
    char header[1024];
    uint8_t data[1 << 20];
    size_t n_header, n_data;
} file;

static void add(file *f, const char *name, const char *dtype, const ggdm_shape *s, const void *data,
                size_t size)
{
    char shape[128];
    f->n_header +=
        (size_t)snprintf(f->header + f->n_header, sizeof f->header - f->n_header,
                         "%s\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
                         f->n_header ? "," : "{", name, dtype,
                         ggdm_shape_text(s, shape, sizeof shape), f->n_data, f->n_data + size);
    assert_true(f->n_data + size <= sizeof f->data);
    memcpy(f->data + f->n_data, data, size);
    f->n_data += size;
}

static void save(const file *f, const char *path)
{
    FILE *out = fopen(path, "wb");
    uint64_t n = f->n_header + 1;
    assert_non_null(out);
    fwrite(&n, 8, 1, out);
    fwrite(f->header, 1, f->n_header, out);
    fwrite("}", 1, 1, out);
    fwrite(f->data, 1, f->n_data, out);
    assert_int_equal(fclose(out), 0);
}

/* Value v of the graph as it stands in a file: owned, its shape in *shape. */
static float *to_file(const ggdm_golden *gold, ggdm_val v, ggdm_shape *shape, size_t *count)
{
    const ggdm_shape *s = ggdm_graph_shape(gold->graph, v);
    const float *from = ggdm_graph_data(gold->graph, v);
    *count = (size_t)ggdm_shape_count(s);
    float *to = ggdm_test_alloc(*count, sizeof *to);
    *shape = s->n == 4 ? GGDM_SHAPE4(s->d[0], s->d[3], s->d[1], s->d[2]) : *s;
    if (s->n != 4)
        return memcpy(to, from, *count * sizeof *to);
    for (size_t i = 0; i < *count; i++) {
        size_t c = i % (size_t)s->d[3], p = i / (size_t)s->d[3];
        size_t pixels = (size_t)(s->d[1] * s->d[2]), n = p / pixels;
        to[(n * (size_t)s->d[3] + c) * pixels + p % pixels] = from[i];
    }
    return to;
}

static void add_f32(file *f, const ggdm_golden *gold, const char *name, ggdm_val v)
{
    ggdm_shape shape;
    size_t count;
    float *data = to_file(gold, v, &shape, &count);
    add(f, name, "F32", &shape, data, count * sizeof *data);
    free(data);
}

/* t [N] f32 or label [N] i32 as I64, plus a shift. */
static void add_i64(file *f, const ggdm_golden *gold, const char *name, ggdm_val v, int64_t shift)
{
    int64_t numbers[64];
    const void *from = ggdm_graph_data(gold->graph, v);
    bool real = ggdm_graph_dtype(gold->graph, v) == GGDM_F32;
    for (int64_t i = 0; i < gold->batch; i++)
        numbers[i] =
            shift + (real ? (int64_t)((const float *)from)[i] : ((const int32_t *)from)[i]);
    add(f, name, "I64", &GGDM_SHAPE1(gold->batch), numbers, (size_t)gold->batch * 8);
}

/* What there is, but for the tensor left_out (or NULL). */
static void add_but(file *f, const ggdm_golden *gold, const char *left_out)
{
    *f = (file){0};
    add_f32(f, gold, "x", gold->x);
    if (gold->t >= 0 && !(left_out && strcmp(left_out, "t") == 0))
        add_i64(f, gold, "t", gold->t, 0);
    if (gold->label >= 0 && !(left_out && strcmp(left_out, "label") == 0))
        add_i64(f, gold, "label", gold->label, 0);
    if (gold->context >= 0 && !(left_out && strcmp(left_out, "context") == 0))
        add_f32(f, gold, "context", gold->context);
    add_f32(f, gold, "gy", gold->gy);
}

static void same(const ggdm_golden *gold, const ggdm_safetensors *out, const char *name, ggdm_val v)
{
    ggdm_shape shape;
    size_t count;
    float *want = to_file(gold, v, &shape, &count);
    const ggdm_st_tensor *t = ggdm_safetensors_find(out, name);
    assert_non_null(t);
    assert_true(ggdm_shape_equal(&t->shape, &shape));
    float *got = ggdm_test_alloc(count, sizeof *got);
    memcpy(got, t->data, t->size);
    ggdm_test_same_bits(name, got, want, count, 0);
    free(got);
    free(want);
}

/* *state: a temporary directory. */
static void check(const char *dir, const char *name)
{
    static file f;
    ggdm_error err;
    ggdm_golden gold;
    ggdm_golden_open(&gold, name, NULL, NULL, 0, 0);
    const ggdm_model model = {
        .arch = gold.arch, .info = ggdm_arch_get_info(gold.arch), .params = gold.params};
    char *in = ggdm_test_path(dir, "in.safetensors"), *out = ggdm_test_path(dir, "out.safetensors");
    ggdm_apply_options o = {in, out, true, GGDM_PRECISION_FP32, 1};
    add_but(&f, &gold, NULL);
    save(&f, in);
    ggdm_graph_run(gold.graph);
    ggdm_test_ok(ggdm_model_apply(&model, &o, &err), &err);

    size_t size;
    ggdm_safetensors *results;
    char *bytes = ggdm_test_read(out, &size);
    ggdm_test_ok(ggdm_safetensors_parse(bytes, size, out, &results, &err), &err);
    assert_int_equal(results->n_tensors, 2);
    same(&gold, results, "y", gold.y);
    same(&gold, results, "gx", gold.grads[0]);
    ggdm_safetensors_destroy(&results);
    free(bytes);

    static const char *const others[] = {"t", "label", "context"};
    const ggdm_val values[] = {gold.t, gold.label, gold.context};
    for (size_t i = 0; i < 3; i++) {
        char message[64];
        if (values[i] < 0)
            continue;
        snprintf(message, sizeof message, "'%s' is missing", others[i]);
        add_but(&f, &gold, others[i]);
        save(&f, in);
        ggdm_test_error(ggdm_model_apply(&model, &o, &err), &err, GGDM_EINVAL, message);
    }
    if (gold.t >= 0) { /* a negative timestep */
        add_but(&f, &gold, "t");
        add_i64(&f, &gold, "t", gold.t, -100000);
        save(&f, in);
        ggdm_test_error(ggdm_model_apply(&model, &o, &err), &err, GGDM_EINVAL, "tensor 't'");
    }
    if (gold.label >= 0) { /* a label that the table has not */
        const int32_t *labels = ggdm_graph_data(gold.graph, gold.label);
        add_but(&f, &gold, "label");
        add_i64(&f, &gold, "label", gold.label, 3 - labels[0]);
        save(&f, in);
        ggdm_test_error(ggdm_model_apply(&model, &o, &err), &err, GGDM_EINVAL,
                        "tensor 'label', element 0: value 3, expected -1 to 2");
    }
    if (gold.context >= 0) { /* of too few channels */
        static const float zeros[20];
        add_but(&f, &gold, "context");
        add(&f, "context", "F32", &GGDM_SHAPE3(2, 5, 2), zeros, sizeof zeros);
        save(&f, in);
        ggdm_test_error(ggdm_model_apply(&model, &o, &err), &err, GGDM_ESHAPE,
                        "tensor 'context' is of shape [2, 5, 2], expected F32 [2, 5, 3]");
    }
    f = (file){0}; /* x of another shape */
    float zeros[8] = {0};
    add(&f, "x", "F32", &GGDM_SHAPE4(1, 2, 2, 2), zeros, sizeof zeros);
    save(&f, in);
    ggdm_test_error(ggdm_model_apply(&model, &o, &err), &err, GGDM_ESHAPE, "[1, 2, 2, 2]");
    free(in);
    free(out);
    ggdm_golden_close(&gold);
}

static void test_apply_gives_the_bits_of_the_graph(void **state)
{
    (void)state;
    static const char *const names[] = {"unet_rgb", "unet_class", "unet_cross2", "cnn_norm",
                                        "clip_vision"};
    char *dir = ggdm_test_mkdtemp();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check(dir, names[i]);
    ggdm_test_rmdir(dir);
}

/* ---- two towers ---- */

/* A run of `apply` on the golden file "clip", and what came out. */
typedef struct towers {
    ggdm_golden gold;
    ggdm_model model;
    char *dir, *in, *out, *bytes;
    ggdm_safetensors *results;
} towers;

static towers open_towers(void)
{
    towers t = {.dir = ggdm_test_mkdtemp()};
    ggdm_golden_open(&t.gold, "clip", NULL, NULL, 0, 0);
    t.model = (ggdm_model){
        .arch = t.gold.arch, .info = ggdm_arch_get_info(t.gold.arch), .params = t.gold.params};
    t.in = ggdm_test_path(t.dir, "in.safetensors");
    t.out = ggdm_test_path(t.dir, "out.safetensors");
    return t;
}

static void forget_results(towers *t)
{
    ggdm_safetensors_destroy(&t->results);
    free(t->bytes);
    t->bytes = NULL;
}

static void close_towers(towers *t)
{
    forget_results(t);
    free(t->in);
    free(t->out);
    ggdm_golden_close(&t->gold);
    ggdm_test_rmdir(t->dir);
}

static ggdm_status run_towers(towers *t, const file *f, bool vjp, ggdm_error *err)
{
    const ggdm_apply_options o = {t->in, t->out, vjp, GGDM_PRECISION_FP32, 1};
    size_t size;
    forget_results(t);
    save(f, t->in);
    GGDM_TRY(ggdm_model_apply(&t->model, &o, err));
    t->bytes = ggdm_test_read(t->out, &size);
    return ggdm_safetensors_parse(t->bytes, size, t->out, &t->results, err);
}

static const float *result(const towers *t, const char *name, ggdm_shape shape)
{
    const ggdm_st_tensor *found = ggdm_safetensors_find(t->results, name);
    if (!found || !ggdm_shape_equal(&found->shape, &shape))
        ggdm_test_fail("%s is not there, or of another shape", name);
    return found->data;
}

/* The texts of the golden file, one more than there are images: the first comes again. */
static void add_ids(file *f, const towers *t, bool narrow, int shift)
{
    const int64_t length = t->model.info.context_length, n = t->gold.batch;
    const int32_t *ids = ggdm_graph_data(t->gold.graph, t->gold.text);
    int32_t some[64];
    int64_t wide[64];
    for (int64_t i = 0; i < (n + 1) * length; i++)
        wide[i] = some[i] = ids[i % (n * length)] + shift;
    const size_t count = (size_t)((n + 1) * length);
    if (narrow)
        add(f, "ids", "I32", &GGDM_SHAPE2(n + 1, length), some, count * sizeof *some);
    else
        add(f, "ids", "I64", &GGDM_SHAPE2(n + 1, length), wide, count * sizeof *wide);
}

static double cosine(const float *a, const float *b, int n)
{
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < n; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

static double scale_of(const towers *t)
{
    for (size_t i = 0; i < t->gold.params.n; i++)
        if (strcmp(t->gold.params.items[i].name, "logit_scale") == 0)
            return exp((double)*(const float *)t->gold.params.items[i].data);
    return 0;
}

static void test_apply_of_two_towers_takes_images_texts_or_both(void **state)
{
    (void)state;
    enum { E = 6, T = 7, W = 8 };
    static file f;
    ggdm_error err;
    float images[2 * E], texts[3 * E], sequence[3 * T * W];
    towers t = open_towers();
    f = (file){0};
    add_f32(&f, &t.gold, "x", t.gold.x);
    add_ids(&f, &t, false, 0);
    ggdm_test_ok(run_towers(&t, &f, false, &err), &err);
    assert_int_equal(t.results->n_tensors, 3);
    memcpy(images, result(&t, "y", GGDM_SHAPE2(2, E)), sizeof images);
    memcpy(texts, result(&t, "y_text", GGDM_SHAPE2(3, E)), sizeof texts);
    memcpy(sequence, result(&t, "sequence", GGDM_SHAPE3(3, T, W)), sizeof sequence);
    const float *want = ggdm_golden_tensor(&t.gold, "y")->data;
    for (int i = 0; i < 2; i++)
        assert_true(
            fabs(scale_of(&t) * cosine(images + i * E, texts + i * E, E) - (double)want[i]) < 1e-5);
    ggdm_test_same_bits("first text again", texts + 2 * E, texts, E, 0);

    f = (file){0};
    add_f32(&f, &t.gold, "x", t.gold.x);
    ggdm_test_ok(run_towers(&t, &f, false, &err), &err);
    assert_int_equal(t.results->n_tensors, 1);
    ggdm_test_same_bits("images", result(&t, "y", GGDM_SHAPE2(2, E)), images, 2 * E, 0);

    f = (file){0};
    add_ids(&f, &t, true, 0);
    ggdm_test_ok(run_towers(&t, &f, false, &err), &err);
    assert_int_equal(t.results->n_tensors, 2);
    ggdm_test_same_bits("texts", result(&t, "y", GGDM_SHAPE2(3, E)), texts, 3 * E, 0);
    ggdm_test_same_bits("sequence", result(&t, "sequence", GGDM_SHAPE3(3, T, W)), sequence,
                        3 * T * W, 0);
    ggdm_test_error(run_towers(&t, &f, true, &err), &err, GGDM_EINVAL, "there are only texts");
    close_towers(&t);
}

static void test_apply_of_two_towers_says_what_is_wrong_with_texts(void **state)
{
    (void)state;
    static file f;
    ggdm_error err;
    const int64_t ids[6] = {0};
    towers t = open_towers();
    f = (file){0};
    add(&f, "y", "I64", &GGDM_SHAPE1(6), ids, sizeof ids);
    ggdm_test_error(run_towers(&t, &f, false, &err), &err, GGDM_EINVAL,
                    "neither tensor 'x' (images) nor 'ids' (texts)");
    f = (file){0};
    add(&f, "ids", "I64", &GGDM_SHAPE2(1, 6), ids, sizeof ids);
    ggdm_test_error(run_towers(&t, &f, false, &err), &err, GGDM_ESHAPE,
                    "tensor 'ids' is of shape [1, 6], expected I64 [1, 7]");
    f = (file){0};
    add_ids(&f, &t, false, 1);
    ggdm_test_error(run_towers(&t, &f, false, &err), &err, GGDM_EINVAL,
                    "tensor 'ids', element 3: value 23, expected 0 to 22");
    close_towers(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_apply_gives_the_bits_of_the_graph),
        cmocka_unit_test(test_apply_of_two_towers_takes_images_texts_or_both),
        cmocka_unit_test(test_apply_of_two_towers_says_what_is_wrong_with_texts),
    };
    return ggdm_test_main(tests);
}
