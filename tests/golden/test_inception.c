/* FIDInceptionV3 against PyTorch: from the bytes of an image to the features of its layers. Weights
 * and images are made of hashes, as tests/golden/make_inception.py makes them, which wrote the
 * results and the tolerances. */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "evaluate/features.h"
#include "models/arch/resize.h"
#include "models/model.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/hashed.h"

#define FILE_NAME "tests/golden/data/inception.safetensors"

enum { SIZE = 299, ELEMENTS = SIZE * SIZE * 3 };

static const struct image {
    const char *name;
    int height, width, channels;
} images[] = {{"small", 24, 33, 3}, {"grey", 40, 28, 1}, {"large", 310, 433, 3}};

enum { N_IMAGES = 3, BATCH = 2 /* of them go through the network */ };

/* ---- numbers out of nothing ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static void scale(const ggdm_param_info *p, double *at, double *by)
{
    *at = 0;
    *by = 1;
    if (ends_with(p->name, ".conv.weight"))
        *by = sqrt(6 / (double)(ggdm_shape_count(&p->shape) / p->shape.d[0]));
    else if (ends_with(p->name, ".bn.weight"))
        *at = 1, *by = 0.25;
    else if (ends_with(p->name, ".bn.running_var"))
        *at = 1, *by = 0.5;
    else if (ends_with(p->name, ".bn.bias") || ends_with(p->name, ".bn.running_mean"))
        *by = 0.125;
    else if (strcmp(p->name, "fc.weight") == 0)
        *by = 0.0625;
}

/* ---- what all tests share ---- */

static ggdm_hashed net;
static float *inputs[N_IMAGES]; /* resized */
static char *bytes;
static ggdm_safetensors *gold;

static ggdm_pixels make_pixels(const struct image *image)
{
    ggdm_pixels p;
    ggdm_error err;
    const uint32_t seed = ggdm_hashed_seed("image ", image->name);
    ggdm_test_ok(ggdm_pixels_init(&p, image->width, image->height, image->channels, &err), &err);
    for (int k = 0; k < image->height * image->width * image->channels; k++)
        p.data[k] = (uint8_t)(ggdm_hashed_bits(seed, k) >> 24);
    return p;
}

static void make_input(int i)
{
    ggdm_pixels p = make_pixels(&images[i]);
    inputs[i] = ggdm_test_alloc(ELEMENTS, sizeof(float));
    ggdm_resize_image(ggdm_arch_get_info(net.arch).resize, p.data, p.height, p.width, p.channels,
                      SIZE, inputs[i]);
    ggdm_pixels_deinit(&p);
}

static int set_up(void **state)
{
    (void)state;
    ggdm_error err;
    size_t size;
    bytes = ggdm_test_read(FILE_NAME, &size);
    ggdm_test_ok(ggdm_safetensors_parse(bytes, size, FILE_NAME, &gold, &err), &err);
    ggdm_hashed_open("{\"_class_name\": \"FIDInceptionV3\"}", scale, &net);
    assert_int_equal(net.count, atol(ggdm_safetensors_meta(gold, "parameters")));
    for (int i = 0; i < N_IMAGES; i++)
        make_input(i);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < N_IMAGES; i++)
        free(inputs[i]);
    ggdm_hashed_close(&net);
    ggdm_safetensors_destroy(&gold);
    free(bytes);
    return 0;
}

/* ---- comparing ---- */

static double error_of(const char *name, const char *image, const float *got, int64_t n)
{
    char key[64];
    snprintf(key, sizeof key, "%s.%s", name, image);
    return ggdm_hashed_error(gold, key, got, n);
}

/* The network, asked for a layer (NULL: its last), for images first .. first + batch - 1. */
typedef struct run {
    ggdm_graph *graph;
    ggdm_ports ports;
} run;

static run run_network(const char *layer, int first, int batch)
{
    run r;
    ggdm_error err;
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &r.graph, &err), &err);
    r.ports = ggdm_arch_inputs(net.arch, r.graph, batch);
    r.ports.layer = layer;
    r.ports.inner = layer != NULL;
    ggdm_arch_emit(net.arch, r.graph, &r.ports);
    ggdm_graph_output(r.graph, r.ports.features);
    ggdm_graph_output(r.graph, r.ports.logits);
    ggdm_test_ok(ggdm_graph_compile(r.graph, &net.params, &err), &err);
    for (int i = 0; i < batch; i++)
        memcpy((float *)ggdm_graph_data(r.graph, r.ports.x) + i * ELEMENTS, inputs[first + i],
               ELEMENTS * sizeof(float));
    ggdm_graph_run(r.graph);
    return r;
}

static void check(const run *r, const char *name, ggdm_val v, int first, int batch)
{
    const int64_t n = ggdm_shape_inner(ggdm_graph_shape(r->graph, v));
    for (int i = 0; i < batch; i++) {
        const float *got = (const float *)ggdm_graph_data(r->graph, v) + i * n;
        if (!(error_of(name, images[first + i].name, got, n) <= 1))
            ggdm_test_fail("%s of image %s is not that of PyTorch", name, images[first + i].name);
    }
}

/* ---- tests ---- */

static void test_images_are_resized_as_pytorch_does_it(void **state)
{
    (void)state;
    for (int i = 0; i < N_IMAGES; i++)
        assert_true(error_of("resized", images[i].name, inputs[i], ELEMENTS) <= 1);
}

static void test_features_and_classes_are_those_of_pytorch(void **state)
{
    (void)state;
    run r = run_network(NULL, 0, BATCH);
    check(&r, "features", r.ports.features, 0, BATCH);
    check(&r, "logits", r.ports.logits, 0, BATCH);
    ggdm_graph_destroy(&r.graph);
}

static void test_inner_layers_are_those_of_pytorch(void **state)
{
    static const char *const layers[] = {"MaxPool_1", "Mixed_5d", "Mixed_6e",
                                         "Mixed_7b",  "spatial",  "logits_biased"};
    (void)state;
    for (size_t k = 0; k < sizeof layers / sizeof *layers; k++) {
        const int image = (int)k % BATCH;
        assert_true(ggdm_arch_has_layer(net.arch, layers[k]));
        run r = run_network(layers[k], image, 1);
        check(&r, layers[k], r.ports.features, image, 1);
        ggdm_graph_destroy(&r.graph);
    }
    assert_false(ggdm_arch_has_layer(net.arch, "Mixed_6f"));
}

/* Promise 1 of docs/DESIGN.md. */
static void test_image_alone_gives_the_bits_that_it_has_in_a_batch(void **state)
{
    (void)state;
    omp_set_num_threads(2);
    run both = run_network(NULL, 0, BATCH);
    omp_set_num_threads(1);
    run alone = run_network(NULL, 1, 1);
    const size_t n = (size_t)ggdm_shape_count(ggdm_graph_shape(alone.graph, alone.ports.features));
    ggdm_test_same_bits("features", ggdm_graph_data(alone.graph, alone.ports.features),
                        (float *)ggdm_graph_data(both.graph, both.ports.features) + n, n, 0);
    ggdm_graph_destroy(&both.graph);
    ggdm_graph_destroy(&alone.graph);
}

/* ---- as a directory ---- */

typedef struct directory {
    char *path, *config, *file;
} directory;

static directory make_directory(const char *config)
{
    directory d = {.path = ggdm_test_mkdtemp()};
    d.config = ggdm_test_path(d.path, "config.json");
    d.file = ggdm_test_path(d.path, "model.safetensors");
    ggdm_test_write(d.config, config, strlen(config));
    return d;
}

static void remove_directory(directory *d)
{
    free(d->config);
    free(d->file);
    ggdm_test_rmdir(d->path);
}

#define CONFIG "{\"_class_name\": \"FIDInceptionV3\", \"resize\": \"tensorflow\"}"

/* What is wrong is named, before anything is read but headers: so a few tensors do. */
static void test_directory_with_a_wrong_tensor_is_refused_by_its_name(void **state)
{
    static const float few[8];
    (void)state;
    directory d = make_directory(CONFIG);
    ggdm_model_files files;
    ggdm_error err;
    ggdm_tensor t = {"Conv2d_1a_3x3.conv.weight", GGDM_F32, GGDM_SHAPE4(2, 1, 2, 2), few};
    ggdm_test_ok(ggdm_safetensors_write(d.file, &t, 1, NULL, 0, &err), &err);
    ggdm_test_error(ggdm_model_files_open(d.path, &files, &err), &err, GGDM_ESHAPE,
                    "tensor 'Conv2d_1a_3x3.conv.weight' has shape [2, 1, 2, 2], expected [32, 3, "
                    "3, 3]");
    t.name = "Conv2d_1a_3x3.conv.bias";
    ggdm_test_ok(ggdm_safetensors_write(d.file, &t, 1, NULL, 0, &err), &err);
    ggdm_test_error(ggdm_model_files_open(d.path, &files, &err), &err, GGDM_EFORMAT,
                    "tensor 'Conv2d_1a_3x3.conv.weight' is missing, expected shape [32, 3, 3, 3]");
    remove_directory(&d);
}

static ggdm_status in_place(void *path, const char *model, char **out, ggdm_error *err)
{
    (void)model;
    return ggdm_strdup(path, out, err);
}

/* As `ggdm evaluate --features` has them: of images of any size, grey ones, too. */
static void test_directory_gives_the_features_of_images(void **state)
{
    (void)state;
    directory d = make_directory("{\"_class_name\": \"FIDInceptionV3\"}");
    ggdm_feature_rows rows = {0};
    ggdm_features *f;
    ggdm_error err;
    ggdm_test_ok(ggdm_safetensors_write(d.file, net.params.items, net.params.n, NULL, 0, &err),
                 &err);
    ggdm_test_ok(ggdm_features_open("inception", false, in_place, d.path, &f, &err), &err);
    for (int i = 0; i < BATCH; i++) {
        ggdm_pixels p = make_pixels(&images[i]);
        ggdm_test_ok(ggdm_features_add(f, &p, i, &rows, &err), &err);
        ggdm_pixels_deinit(&p);
    }
    ggdm_test_ok(ggdm_features_flush(f, &rows, &err), &err);
    assert_int_equal(rows.n, BATCH);
    assert_int_equal(rows.d, 2048);
    for (int i = 0; i < BATCH; i++)
        assert_true(error_of("features", images[i].name, rows.x + i * rows.d, rows.d) <= 1);
    ggdm_feature_rows_deinit(&rows);
    ggdm_features_close(&f);
    remove_directory(&d);
}

static void test_config_with_another_resize_is_refused(void **state)
{
    static const char config[] = "{\"_class_name\": \"FIDInceptionV3\", \"resize\": \"bicubic\"}";
    (void)state;
    ggdm_arch *other;
    ggdm_error err;
    ggdm_test_error(ggdm_arch_parse(config, sizeof config - 1, "config.json", &other, &err), &err,
                    GGDM_EINVAL, "field 'resize': value 'bicubic', expected");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_images_are_resized_as_pytorch_does_it),
        cmocka_unit_test(test_features_and_classes_are_those_of_pytorch),
        cmocka_unit_test(test_inner_layers_are_those_of_pytorch),
        cmocka_unit_test(test_image_alone_gives_the_bits_that_it_has_in_a_batch),
        cmocka_unit_test(test_directory_with_a_wrong_tensor_is_refused_by_its_name),
        cmocka_unit_test(test_directory_gives_the_features_of_images),
        cmocka_unit_test(test_config_with_another_resize_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
