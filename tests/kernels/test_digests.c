/* The bits themselves: of each op and its gradient, of the network of the self-check, and of a few
 * guided images of the shipped models, for each instruction set, precision and version of oneDNN
 * that was met (tests/kernels/digests.txt).  On any other processor they must be the same, or
 * promise 1 of docs/DESIGN.md holds for one kind of processor only.
 *
 * Without GGDM_ISA the program runs itself once for each instruction set of the machine. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/hash.h"
#include "common/isa.h"
#include "common/png_image.h"
#include "models/model.h"
#include "models/nn/onednn.h"
#include "models/nn/selfcheck.h"
#include "tests/support/bf16.h"
#include "tests/support/op_case.h"
#include "worker/executor.h"
#include "worker/kinds.h"

static const char table[] = "tests/kernels/digests.txt";

/* A line of the table: "avx2 f32 2.6 op silu 0123456789abcdef". */
static void known(const char *line, char digest[17])
{
    FILE *f = fopen(table, "r");
    char text[256];
    digest[0] = '\0';
    assert_non_null(f);
    while (fgets(text, sizeof text, f))
        if (strncmp(text, line, strlen(line)) == 0 && text[strlen(line)] == ' ')
            sscanf(text + strlen(line), "%16s", digest);
    fclose(f);
}

/* Whether the digest is known; the test fails where it is another. */
static bool check(ggdm_dtype dtype, const char *what, const uint8_t digest[GGDM_HASH_SIZE])
{
    char hex[GGDM_HASH_TEXT_SIZE], line[128], want[17], processor[GGDM_PROCESSOR_SIZE];
    int major, minor;
    ggdm_isa isa;
    ggdm_error err;
    ggdm_test_ok(ggdm_isa_pinned(&isa, &err), &err);
    assert_int_equal(sscanf(ggdm_onednn_version(), "oneDNN %d.%d", &major, &minor), 2);
    snprintf(line, sizeof line, "%s %s %d.%d %s", ggdm_isa_name(isa),
             dtype == GGDM_BF16 ? "bf16" : "f32", major, minor, what);
    known(line, want);
    ggdm_hash_hex(digest, hex);
    hex[16] = '\0';
    if (!*want) {
        printf("not in %s, to be added: %s %s\n", table, line, hex);
        return false;
    }
    ggdm_processor_name(processor);
    if (strcmp(hex, want) != 0)
        ggdm_test_fail("%s: %s on %s, expected %s: this processor gives other bits", line, hex,
                       processor, want);
    return true;
}

/* ---- every op ---- */

enum { MAX_OPS = 256 };

/* The rows of one op, in one dtype. */
static struct {
    const ggdm_op_entry *op;
    ggdm_dtype dtype;
    ggdm_hash hash;
} ops[MAX_OPS];
static int n_ops;

static ggdm_hash *hash_of(const ggdm_op_entry *op, ggdm_dtype dtype)
{
    int i = 0;
    while (i < n_ops && (ops[i].op != op || ops[i].dtype != dtype))
        i++;
    if (i == n_ops) {
        assert_true(n_ops++ < MAX_OPS);
        ops[i].op = op;
        ops[i].dtype = dtype;
        ggdm_hash_init(&ops[i].hash);
    }
    return &ops[i].hash;
}

static void hash_value(ggdm_hash *h, const ggdm_op_case *c, ggdm_val v)
{
    if (v >= 0)
        ggdm_hash_update(h, ggdm_graph_data(c->graph, v),
                         sizeof(float) * (size_t)ggdm_shape_count(ggdm_graph_shape(c->graph, v)));
}

static void add_op(void **state)
{
    const ggdm_op_subject *subject = *state;
    const int alone[1] = {3};
    ggdm_hash *h = hash_of(subject->row->op, subject->dtype);
    ggdm_op_case c;
    ggdm_op_case_open(&c, subject, 1, alone, true, false);
    ggdm_graph_run(c.graph);
    hash_value(h, &c, c.y);
    for (int i = 0; i < c.n_inputs; i++)
        hash_value(h, &c, c.grad[i]);
    ggdm_op_case_close(&c);
}

static void test_digest_of_each_op_is_the_known_one(void **state)
{
    const ggdm_dtype dtype = *(ggdm_dtype *)*state;
    bool all_known = true, any = false;
    for (int i = 0; i < n_ops; i++) {
        uint8_t digest[GGDM_HASH_SIZE];
        char what[64];
        if (ops[i].dtype != dtype)
            continue;
        any = true;
        snprintf(what, sizeof what, "op %s", ops[i].op->name);
        ggdm_hash_final(&ops[i].hash, digest);
        all_known = check(dtype, what, digest) && all_known;
    }
    if (!any || !all_known)
        skip();
}

static void test_digest_of_self_check_is_the_known_one(void **state)
{
    const ggdm_dtype dtype = *(ggdm_dtype *)*state;
    uint8_t digest[GGDM_HASH_SIZE];
    ggdm_error err;
    if (dtype == GGDM_BF16 && !ggdm_test_have_bf16())
        skip();
    ggdm_test_ok(ggdm_nn_selfcheck(dtype, true, digest, &err), &err);
    if (!check(dtype, "check", digest))
        skip();
}

/* ---- guided images ---- */

enum { STEPS = 12, IMAGES = 2 };

static bool on_step(void *context, int64_t done, int64_t total)
{
    (void)context, (void)done, (void)total;
    return true;
}

static ggdm_status on_sample(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    ggdm_pixels pixels;
    GGDM_TRY(ggdm_png_decode(sample->data, sample->size, GGDM_PNG_MAX_SIDE, &pixels, err));
    ggdm_hash_update(context, pixels.data,
                     (size_t)pixels.width * (size_t)(pixels.height * pixels.channels));
    ggdm_hash_update(context, sample->scores[0].data, sizeof(float) * (size_t)sample->scores[0].n);
    free(pixels.data);
    return GGDM_OK;
}

/* Algorithm 1 with the models of these digests: network, guide, judge. */
static void run_images(const ggdm_models *models, ggdm_precision precision, ggdm_hash *h)
{
    char head[300], setting[300], judge[100];
    ggdm_executor *e;
    ggdm_error err;
    snprintf(head, sizeof head,
             "{\"model\":\"%s\",\"sampler\":{\"kind\":\"ddpm\",\"steps\":%d,\"clip_x0\":true},"
             "\"seed\":1}",
             models->items[0].digest, STEPS);
    snprintf(setting, sizeof setting,
             "{\"terms\":[{\"loss\":{\"kind\":\"classifier\",\"model\":\"%s\",\"target\":3},"
             "\"weight\":0.1}]}",
             models->items[1].digest);
    snprintf(judge, sizeof judge, "{\"model\":\"%s\"}", models->items[2].digest);
    ggdm_segment guided = {.parent = -1, .end = STEPS, .score_count = 1};
    ggdm_scorer_ref scorer = {1, judge};
    const ggdm_unit unit = {.id = 1,
                            .image_count = IMAGES,
                            .steps = STEPS,
                            .head = head,
                            .n_settings = 1,
                            .settings = (char *[]){setting},
                            .n_segments = 1,
                            .segments = &guided,
                            .n_scorers = 1,
                            .scorers = &scorer,
                            .n_scores = 1,
                            .scores = (int32_t[]){0}};
    const ggdm_job job = {.precision = precision, .batch = IMAGES, .threads = 2};
    const ggdm_executor_sink sink = {.context = h, .step = on_step, .sample = on_sample};
    ggdm_test_ok(ggdm_executor_create(&job, &ggdm_methods, models, &e, &err), &err);
    ggdm_test_ok(ggdm_executor_run(e, &unit, &sink, &err), &err);
    ggdm_executor_destroy(&e);
}

static void test_digest_of_guided_images_is_the_known_one(void **state)
{
    static const char *const names[] = {"mnist-ddpm", "mnist-cnn", "mnist-judge"};
    const ggdm_dtype dtype = *(ggdm_dtype *)*state;
    ggdm_model_files files[3] = {0};
    ggdm_model *model[3];
    ggdm_model_ref refs[3];
    char digests[3][GGDM_HASH_TEXT_SIZE];
    ggdm_error err;
    if (dtype == GGDM_BF16 && !ggdm_test_have_bf16())
        skip();
    for (int i = 0; i < 3; i++) {
        ggdm_test_ok(ggdm_model_files_open(names[i], &files[i], &err), &err);
        ggdm_test_ok(ggdm_model_create(&files[i], &model[i], &err), &err);
        ggdm_hash_hex(files[i].digest, digests[i]);
        refs[i] = (ggdm_model_ref){.digest = digests[i], .model = model[i]};
    }
    ggdm_hash h;
    uint8_t digest[GGDM_HASH_SIZE];
    ggdm_hash_init(&h);
    run_images(&(ggdm_models){.items = refs, .n = 3},
               dtype == GGDM_BF16 ? GGDM_PRECISION_BF16 : GGDM_PRECISION_FP32, &h);
    ggdm_hash_final(&h, digest);
    for (int i = 0; i < 3; i++) {
        ggdm_model_destroy(&model[i]);
        ggdm_model_files_close(&files[i]);
    }
    if (!check(dtype, "images", digest))
        skip();
}

/* ---- for each instruction set ---- */

static int run(void)
{
    static const ggdm_dtype dtypes[] = {GGDM_F32, GGDM_BF16};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_digest_of_each_op_is_the_known_one, (void *)&dtypes[0]),
        cmocka_unit_test_prestate(test_digest_of_each_op_is_the_known_one, (void *)&dtypes[1]),
        cmocka_unit_test_prestate(test_digest_of_self_check_is_the_known_one, (void *)&dtypes[0]),
        cmocka_unit_test_prestate(test_digest_of_self_check_is_the_known_one, (void *)&dtypes[1]),
        cmocka_unit_test_prestate(test_digest_of_guided_images_is_the_known_one,
                                  (void *)&dtypes[0]),
        cmocka_unit_test_prestate(test_digest_of_guided_images_is_the_known_one,
                                  (void *)&dtypes[1]),
    };
    omp_set_num_threads(1);
    return ggdm_op_case_main("ops", add_op) + ggdm_test_main(tests);
}

int main(int argc, char **argv)
{
    (void)argc;
    ggdm_isa best;
    ggdm_error err;
    int failed = 0;
    if (getenv("GGDM_ISA"))
        return run();
    if (ggdm_isa_choose(&best, &err) != GGDM_OK)
        return 1;
    for (int isa = GGDM_ISA_REF; isa <= (int)best; isa++) {
        const pid_t child = fork();
        if (child == 0) {
            setenv("GGDM_ISA", ggdm_isa_name((ggdm_isa)isa), 1);
            execv(argv[0], argv);
            _exit(127);
        }
        int status = 1;
        failed += child < 0 || waitpid(child, &status, 0) != child || status != 0;
    }
    return failed;
}
