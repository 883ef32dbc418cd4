/* The loss `clip` as a whole against PyTorch (tests/golden/make_clip_loss.py): an image of another
 * size than the network's, resized, brought to its range, embedded and compared with a text. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/nn/ops.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_methods.h"
#include "worker/kinds.h"

#define D "4444444444444444444444444444444444444444444444444444444444444444"

static const char *const forms[] = {"cosine", "spherical"};
enum { N_FORMS = 2 };

typedef struct reference {
    ggdm_golden network;
    char *bytes;
    ggdm_safetensors *file;
} reference;

static const ggdm_st_tensor *tensor(const reference *r, const char *name)
{
    const ggdm_st_tensor *t = ggdm_safetensors_find(r->file, name);
    assert_non_null(t);
    return t;
}

static int setup(void **state)
{
    static reference r;
    size_t size;
    ggdm_error err;
    ggdm_golden_open(&r.network, "clip", NULL, NULL, 0, 0);
    r.bytes = ggdm_test_read("tests/golden/data/clip_loss.safetensors", &size);
    ggdm_test_ok(ggdm_safetensors_parse(r.bytes, size, "clip_loss", &r.file, &err), &err);
    *state = &r;
    return 0;
}

static int teardown(void **state)
{
    reference *r = *state;
    ggdm_safetensors_destroy(&r->file);
    free(r->bytes);
    ggdm_golden_close(&r->network);
    return 0;
}

/* The largest deviation in tolerances. */
static double worst(const reference *r, const char *name, size_t tol, const float *got)
{
    const ggdm_st_tensor *t = tensor(r, name);
    const float *want = t->data, *tolerances = tensor(r, "tol")->data;
    double most = 0;
    for (size_t i = 0; i < t->size / sizeof *want; i++) {
        const double off = fabs((double)got[i] - (double)want[i]) / (double)tolerances[tol];
        most = off <= most ? most : off; /* what is not a number stays */
    }
    return most;
}

static void fill(const ggdm_emit *e, ggdm_val v, const reference *r, const char *name)
{
    const ggdm_st_tensor *t = tensor(r, name);
    memcpy(ggdm_graph_data(e->graph, v), t->data, t->size);
}

static void fill_inputs(const ggdm_emit *e, ggdm_val x, const reference *r)
{
    for (int32_t i = 0; i < e->n_constants; i++)
        for (int64_t k = 0; k < e->constants[i].count; k++)
            ((float *)ggdm_graph_data(e->graph, e->constants[i].value))[k] = e->constants[i].number;
    assert_int_equal(e->n_ports, 1); /* the weight */
    for (int32_t k = 0; k < e->batch; k++)
        ((float *)ggdm_graph_data(e->graph, e->ports[0].value))[k] = 1;
    fill(e, x, r, "x");
    fill(e, e->texts[0].value, r, "text");
}

/* Errors of the values and of the gradient of form f, in tolerances; rows: more of the loss. */
static void compute(const reference *r, size_t f, const char *rows, double out[2])
{
    const ggdm_model model = {.arch = r->network.arch,
                              .info = ggdm_arch_get_info(r->network.arch),
                              .params = r->network.params};
    const ggdm_model_ref ref = {D, &model, "clip"};
    const ggdm_models models = {&ref, 1, NULL};
    const ggdm_shape shape = tensor(r, "x")->shape;
    ggdm_emit e = {.batch = (int32_t)shape.d[0], .copies = 1, .models = &models};
    ggdm_arena arena = {0};
    ggdm_error err;
    ggdm_val grad;
    char yaml[300], name[40];
    snprintf(yaml, sizeof yaml, "{kind: clip, model: \"" D "\", prompt: a, form: %s%s}", forms[f],
             rows);
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &e.graph, &err), &err);
    e.setting = ggdm_tiny_item(&arena, GGDM_FAMILY_LOSS, yaml);
    const ggdm_val x = ggdm_graph_input(e.graph, "x", GGDM_F32, shape);
    const ggdm_val loss = ggdm_emit_loss(&e, e.setting, x);
    ggdm_graph_output(e.graph, loss);
    ggdm_graph_backward(e.graph, loss, ggdm_emit_ones(&e), 1, &x, &grad);
    ggdm_test_ok(ggdm_emit_status(&e, &err), &err);
    const ggdm_slot slot = {D, &model.params};
    ggdm_test_ok(ggdm_graph_compile_slots(e.graph, &slot, 1, NULL, &err), &err);
    fill_inputs(&e, x, r);
    ggdm_graph_run(e.graph);
    out[0] = worst(r, forms[f], 2 * f, ggdm_graph_data(e.graph, loss));
    snprintf(name, sizeof name, "gx_%s", forms[f]);
    out[1] = worst(r, name, 2 * f + 1, ggdm_graph_data(e.graph, grad));
    ggdm_graph_destroy(&e.graph);
    ggdm_arena_deinit(&arena);
}

static void test_clip_loss_and_its_gradient_are_pytorchs(void **state)
{
    for (size_t f = 0; f < N_FORMS; f++) {
        double off[2];
        compute(*state, f, "", off);
        printf("%s: value off by %.2f tolerances, gradient by %.2f\n", forms[f], off[0], off[1]);
        assert_true(off[0] <= 1 && off[1] <= 1);
    }
}

static void test_clip_loss_made_otherwise_is_noticed(void **state)
{
    static const char *const rows[] = {", normalize: range", ", resize: antialiased"};
    for (size_t f = 0; f < N_FORMS; f++)
        for (int i = 0; i < 2; i++) {
            double off[2];
            compute(*state, f, rows[i], off);
            assert_true(off[0] > 1 && off[1] > 1);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clip_loss_and_its_gradient_are_pytorchs),
        cmocka_unit_test(test_clip_loss_made_otherwise_is_noticed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
