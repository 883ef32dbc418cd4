/* CLIP at the size of ViT-B/32 against PyTorch: embeddings of an image and a text, and the gradient
 * of their cosine to the image.  Weights and image are made of hashes, as
 * tests/golden/make_clip_base.py makes them, which wrote the results and the tolerances. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "models/nn/ops.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/hashed.h"

#define FILE_NAME "tests/golden/data/clip_base.safetensors"
#define CONFIG "{\"architectures\": [\"CLIPModel\"], \"text_config\": {\"eos_token_id\": 2}}"

enum { CONTEXT = 77, END = 49407 };

static const int32_t cat[] = {49406, 320, 1125, 539, 320, 2368}; /* "a photo of a cat" */

static void scale(const ggdm_param_info *p, double *at, double *by)
{
    *at = 0;
    *by = 0.125;
    if (strcmp(p->name, "logit_scale") == 0)
        *at = 2.5, *by = 1;
    else if (strstr(p->name, "embedding.weight") && !strstr(p->name, "patch"))
        *by = 0.5;
    else if (p->shape.n > 1)
        *by = sqrt(3 / (double)ggdm_shape_inner(&p->shape));
    else if (strstr(p->name, "norm") && strstr(p->name, ".weight"))
        *at = 1, *by = 0.25;
}

/* The network with what is asked of it. */
typedef struct run {
    ggdm_hashed net;
    ggdm_graph *graph;
    ggdm_ports ports;
    ggdm_val cosine, seed, gx;
} run;

static ggdm_val length(ggdm_graph *g, ggdm_val rows)
{
    return ggdm_sqrt(g, ggdm_dot(g, rows, rows));
}

static void build(run *r)
{
    ggdm_graph *g = r->graph;
    r->ports = ggdm_arch_inputs(r->net.arch, g, 1);
    ggdm_arch_emit(r->net.arch, g, &r->ports);
    const ggdm_val image = r->ports.embedding, text = r->ports.text_embedding;
    ggdm_val of = ggdm_mul(g, length(g, image), length(g, text));
    r->cosine = ggdm_scale_rows(g, ggdm_div(g, ggdm_dot(g, image, text), of), r->ports.scale);
    r->seed = ggdm_graph_input(g, "seed", GGDM_F32, GGDM_SHAPE1(1));
    ggdm_graph_backward(g, r->cosine, r->seed, 1, &r->ports.x, &r->gx);
    const ggdm_val out[] = {image, text, r->ports.sequence, r->cosine};
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        ggdm_graph_output(g, out[i]);
}

static void fill(const run *r)
{
    float *x = ggdm_graph_data(r->graph, r->ports.x);
    int32_t *ids = ggdm_graph_data(r->graph, r->ports.text);
    const uint32_t seed = ggdm_hashed_seed("image", "");
    for (int64_t i = 0; i < ggdm_shape_count(ggdm_graph_shape(r->graph, r->ports.x)); i++)
        x[i] = (float)ggdm_hashed_number(seed, i);
    for (int i = 0; i < CONTEXT; i++)
        ids[i] = i < (int)(sizeof cat / sizeof *cat) ? cat[i] : END;
    *(float *)ggdm_graph_data(r->graph, r->seed) = 1;
}

static void test_network_of_full_size_gives_pytorchs_results(void **state)
{
    (void)state;
    ggdm_error err;
    ggdm_safetensors *gold;
    size_t size;
    run r = {.graph = NULL};
    char *bytes = ggdm_test_read(FILE_NAME, &size);
    ggdm_test_ok(ggdm_safetensors_parse(bytes, size, FILE_NAME, &gold, &err), &err);
    ggdm_hashed_open(CONFIG, scale, &r.net);
    assert_int_equal(r.net.count, atol(ggdm_safetensors_meta(gold, "parameters")));
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &r.graph, &err), &err);
    build(&r);
    ggdm_test_ok(ggdm_graph_compile(r.graph, &r.net.params, &err), &err);
    fill(&r);
    ggdm_graph_run(r.graph);
    const struct {
        const char *name;
        ggdm_val v;
    } results[] = {{"image", r.ports.embedding},
                   {"text", r.ports.text_embedding},
                   {"sequence", r.ports.sequence},
                   {"cosine", r.cosine},
                   {"gx", r.gx}};
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        if (!(ggdm_hashed_error(gold, results[i].name, ggdm_graph_data(r.graph, results[i].v),
                                ggdm_shape_count(ggdm_graph_shape(r.graph, results[i].v))) <= 1))
            ggdm_test_fail("%s is not that of PyTorch", results[i].name);
    ggdm_graph_destroy(&r.graph);
    ggdm_hashed_close(&r.net);
    ggdm_safetensors_destroy(&gold);
    free(bytes);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_network_of_full_size_gives_pytorchs_results),
    };
    omp_set_num_threads(2);
    return ggdm_test_main(tests);
}
