/* Promise 1 of docs/DESIGN.md for whole networks: U-Nets and classifiers with random weights,
 * output and input gradient of an image against those of the image alone with one thread, as in
 * test_invariance.c for single ops.  What this adds to that test: the arena, where buffers of
 * different ops share memory, and long chains at the sizes of the shipped models. */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/arch/arch.h"
#include "models/nn/graph_impl.h"
#include "tests/support/bf16.h"
#include "tests/support/ggdm_test.h"

#define PROBE 3 /* the image that is followed */
#define POISON (-1)
#define MAX_BATCH 32

typedef struct network {
    const char *name, *config;
} network;

/* What a test gets as its *state. */
typedef struct subject {
    const network *net;
    ggdm_dtype dtype;
    char name[128];
} subject;

static const network nets[] = {
    {"U-Net of mnist-ddpm's geometry",
     "{\"_class_name\": \"UNet2DModel\", \"sample_size\": 28, \"in_channels\": 1, "
     "\"out_channels\": 1, \"block_out_channels\": [32, 64, 64], \"layers_per_block\": 2, "
     "\"down_block_types\": [\"DownBlock2D\", \"DownBlock2D\", \"DownBlock2D\"], "
     "\"up_block_types\": [\"UpBlock2D\", \"UpBlock2D\", \"UpBlock2D\"], "
     "\"attention_head_dim\": 64, \"norm_num_groups\": 8}"},
    {"U-Net, RGB, labels, attention at two levels, scale and shift",
     "{\"_class_name\": \"UNet2DModel\", \"sample_size\": 12, \"in_channels\": 3, "
     "\"out_channels\": 3, \"block_out_channels\": [16, 24], \"layers_per_block\": 1, "
     "\"down_block_types\": [\"AttnDownBlock2D\", \"AttnDownBlock2D\"], "
     "\"up_block_types\": [\"AttnUpBlock2D\", \"AttnUpBlock2D\"], \"attention_head_dim\": 8, "
     "\"norm_num_groups\": 8, \"downsample_padding\": 0, \"num_class_embeds\": 10, "
     "\"resnet_time_scale_shift\": \"scale_shift\"}"},
    {"U-Net that looks at a context, in the middle",
     "{\"_class_name\": \"UNet2DConditionModel\", \"sample_size\": 5, \"in_channels\": 3, "
     "\"out_channels\": 3, \"block_out_channels\": [24], \"layers_per_block\": 1, "
     "\"down_block_types\": [\"DownBlock2D\"], \"up_block_types\": [\"UpBlock2D\"], "
     "\"attention_head_dim\": 2, \"norm_num_groups\": 8, \"cross_attention_dim\": 20}"},
    {"CNN with max pooling",
     "{\"_class_name\": \"GgdmCNN\", \"sample_size\": 28, \"in_channels\": 1, "
     "\"num_classes\": 10, \"layers\": [{\"conv\": 32, \"norm_groups\": 4, \"act\": \"silu\"}, "
     "{\"pool\": \"max\"}, {\"conv\": 64, \"act\": \"relu\"}, {\"pool\": \"max\"}, "
     "{\"flatten\": true}, {\"linear\": 128, \"act\": \"silu\"}]}"},
    {"CNN, RGB, strided, 5x5, mean",
     "{\"_class_name\": \"GgdmCNN\", \"sample_size\": 15, \"in_channels\": 3, "
     "\"num_classes\": 7, \"layers\": [{\"conv\": 24, \"kernel\": 5, \"stride\": 2, "
     "\"norm_groups\": 3, \"act\": \"silu\"}, {\"conv\": 33, \"act\": \"relu\"}, "
     "{\"pool\": \"avg\"}, {\"global_avg_pool\": true}]}"},
    {"CNN, told the timestep",
     "{\"_class_name\": \"GgdmCNN\", \"sample_size\": 12, \"in_channels\": 1, "
     "\"num_classes\": 10, \"time_embedding_dim\": 24, \"layers\": [{\"conv\": 16, "
     "\"norm_groups\": 4, \"act\": \"silu\"}, {\"pool\": \"avg\"}, {\"conv\": 24, \"act\": "
     "\"relu\"}, "
     "{\"global_avg_pool\": true}]}"},
};

/* A compiled network with its gradient; image n has content image[n]. */
typedef struct instance {
    ggdm_arch *arch;
    ggdm_graph *graph;
    ggdm_params params;
    ggdm_val x, t, label, context, gy, value[2]; /* value: output, input gradient */
    int batch;
} instance;

static void make_params(instance *s)
{
    s->params.n = (size_t)ggdm_graph_param_count(s->graph);
    s->params.items = ggdm_test_alloc(s->params.n, sizeof *s->params.items);
    for (size_t i = 0; i < s->params.n; i++) {
        const ggdm_param_info p = ggdm_graph_param_info(s->graph, (int)i);
        const size_t n = (size_t)ggdm_shape_count(&p.shape);
        float *data = ggdm_test_alloc(n, sizeof *data);
        ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), p.name, 0));
        /* unit variance through a layer: 1 / sqrt(inputs of one output) */
        const double fan_in = p.shape.n == 1 ? 25 : (double)n / (double)p.shape.d[0];
        ggdm_test_fill_normal(&rng, data, n, 1 / sqrt(fan_in));
        for (size_t k = 0; p.init.kind == GGDM_INIT_ONE && k < n; k++)
            data[k] += 1;
        s->params.items[i] = (ggdm_tensor){p.name, GGDM_F32, p.shape, data};
    }
}

/* Fill one input image by image with normals from its own stream. */
static void fill(const instance *s, ggdm_val v, const char *name, const int *image)
{
    const size_t part = (size_t)(ggdm_shape_count(ggdm_graph_shape(s->graph, v)) / s->batch);
    float *data = ggdm_graph_data(s->graph, v);
    for (int n = 0; n < s->batch; n++) {
        ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), name, image[n]));
        ggdm_test_fill_normal(&rng, data + (size_t)n * part, part, image[n] == POISON ? NAN : 1);
    }
}

static void open_instance(instance *s, const subject *what, int batch, const int *image,
                          int threads)
{
    const network *net = what->net;
    ggdm_error err;
    memset(s, 0, sizeof *s);
    omp_set_num_threads(threads);
    s->batch = batch;
    ggdm_test_ok(ggdm_arch_parse(net->config, strlen(net->config), net->name, &s->arch, &err),
                 &err);
    ggdm_test_ok(ggdm_graph_create(what->dtype, &s->graph, &err), &err);
    ggdm_ports p = ggdm_arch_inputs(s->arch, s->graph, batch);
    s->x = p.x;
    s->t = p.t;
    s->label = p.label;
    s->context = p.context;
    s->value[0] = ggdm_arch_emit(s->arch, s->graph, &p);
    ggdm_graph_output(s->graph, s->value[0]);
    s->gy = ggdm_graph_input(s->graph, "gy", GGDM_F32, *ggdm_graph_shape(s->graph, s->value[0]));
    ggdm_graph_backward(s->graph, s->value[0], s->gy, 1, &s->x, &s->value[1]);
    make_params(s);
    ggdm_test_ok(ggdm_graph_compile(s->graph, &s->params, &err), &err);
    memset(s->graph->arena, 0xff, s->graph->arena_bytes); /* NaN: nobody may count on zeros */
    fill(s, s->x, "x", image);
    fill(s, s->gy, "gy", image);
    if (s->context >= 0)
        fill(s, s->context, "context", image);
    for (int n = 0; s->t >= 0 && n < batch; n++) {
        ((float *)ggdm_graph_data(s->graph, s->t))[n] = (float)(17 * (image[n] + 2));
        if (s->label >= 0)
            ((int32_t *)ggdm_graph_data(s->graph, s->label))[n] =
                (image[n] + 1) % ggdm_arch_get_info(s->arch).n_classes;
    }
    ggdm_graph_run(s->graph);
}

static void close_instance(instance *s)
{
    ggdm_graph_destroy(&s->graph);
    ggdm_arch_destroy(&s->arch);
    for (size_t i = 0; i < s->params.n; i++)
        free((void *)(uintptr_t)s->params.items[i].data);
    free(s->params.items);
}

static const float *bits_of(const instance *s, int which, int place, size_t *n)
{
    *n = (size_t)(ggdm_shape_count(ggdm_graph_shape(s->graph, s->value[which])) / s->batch);
    return (const float *)ggdm_graph_data(s->graph, s->value[which]) + (size_t)place * *n;
}

static void compare(const subject *net, const instance *alone, int batch, const int *image,
                    int threads)
{
    instance s;
    open_instance(&s, net, batch, image, threads);
    for (int which = 0; which < 2; which++) {
        for (int place = 0; place < batch; place++) {
            char what[200];
            size_t n;
            if (image[place] != PROBE)
                continue;
            const float *want = bits_of(alone, which, 0, &n);
            const float *got = bits_of(&s, which, place, &n);
            snprintf(what, sizeof what, "%s, batch %d, place %d, threads %d, neighbours %s",
                     which ? "input gradient" : "output", batch, place, threads,
                     batch > 1 && image[1] == POISON ? "NaN" : "finite");
            ggdm_test_same_bits(what, got, want, n, ggdm_test_seed());
        }
    }
    close_instance(&s);
}

/* The network must do something with its input, or equal bits would prove nothing. */
static void check_alive(const instance *s)
{
    for (int which = 0; which < 2; which++) {
        size_t n, zero = 0;
        const float *bits = bits_of(s, which, 0, &n);
        for (size_t i = 0; i < n; i++) {
            assert_true(isfinite(bits[i]));
            zero += bits[i] == 0;
        }
        assert_true(zero < n / 2);
    }
}

static void test_network_image_bits_depend_on_the_image_only(void **state)
{
    static const int batches[] = {1, 2, 7, MAX_BATCH};
    const subject *net = *state;
    const int probe[1] = {PROBE};
    instance alone;
    open_instance(&alone, net, 1, probe, 1);
    check_alive(&alone);
    /* Three threads have shares of 11, 11 and 10 images of 32, and no shares of 7. */
    for (int threads = 1; threads <= 3; threads++) {
        for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++) {
            int image[MAX_BATCH];
            for (int i = 0; i < batches[b]; i++)
                image[i] = i % 5 == 0 || i == batches[b] - 1 ? PROBE : 10 + i;
            compare(net, &alone, batches[b], image, threads);
            for (int i = 0; i < batches[b]; i++)
                image[i] = image[i] == PROBE ? PROBE : POISON;
            if (batches[b] == 7)
                compare(net, &alone, batches[b], image, threads);
        }
    }
    close_instance(&alone);
}

/* A run must not see what earlier runs left in the arena, NaN for instance. */
static void test_network_run_after_nan_gives_same_bits(void **state)
{
    const subject *net = *state;
    const int probe[1] = {PROBE}, poison[1] = {POISON};
    instance alone, again;
    open_instance(&alone, net, 1, probe, 1);
    open_instance(&again, net, 1, poison, 1);
    for (int which = 0; which < 2; which++) {
        size_t n;
        assert_true(isnan(*bits_of(&again, which, 0, &n)));
    }
    const int64_t count = ggdm_shape_count(ggdm_graph_shape(again.graph, again.x));
    memcpy(ggdm_graph_data(again.graph, again.x), ggdm_graph_data(alone.graph, alone.x),
           (size_t)count * sizeof(float));
    fill(&again, again.gy, "gy", probe);
    if (again.context >= 0)
        fill(&again, again.context, "context", probe);
    if (again.t >= 0)
        *(float *)ggdm_graph_data(again.graph, again.t) =
            *(float *)ggdm_graph_data(alone.graph, alone.t);
    if (again.label >= 0)
        *(int32_t *)ggdm_graph_data(again.graph, again.label) =
            *(int32_t *)ggdm_graph_data(alone.graph, alone.label);
    ggdm_graph_run(again.graph);
    for (int which = 0; which < 2; which++) {
        size_t n;
        const float *want = bits_of(&alone, which, 0, &n), *got = bits_of(&again, which, 0, &n);
        ggdm_test_same_bits(which ? "input gradient" : "output", got, want, n, ggdm_test_seed());
    }
    close_instance(&alone);
    close_instance(&again);
}

int main(void)
{
    enum { N_NETS = sizeof nets / sizeof nets[0], MAX_SUBJECTS = 2 * N_NETS };
    static subject subjects[MAX_SUBJECTS];
    struct CMUnitTest tests[2 * MAX_SUBJECTS];
    const size_t n = ggdm_test_have_bf16() ? MAX_SUBJECTS : N_NETS;
    for (size_t i = 0; i < n; i++) {
        subject *s = &subjects[i];
        s->net = &nets[i % N_NETS];
        s->dtype = i < N_NETS ? GGDM_F32 : GGDM_BF16;
        snprintf(s->name, sizeof s->name, "%s%s", i < N_NETS ? "" : "bf16 ", s->net->name);
        tests[i] = (struct CMUnitTest){s->name, test_network_image_bits_depend_on_the_image_only,
                                       NULL, NULL, s};
        tests[n + i] =
            (struct CMUnitTest){s->name, test_network_run_after_nan_gives_same_bits, NULL, NULL, s};
    }
    return ggdm_test_run("image bits of networks", tests, 2 * n);
}
