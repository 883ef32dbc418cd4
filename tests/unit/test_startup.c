/* Precision and instruction set are settled by what the ranks have, never by a timing; a rank that
 * would compute other bits than rank 0 takes no part. */
#include <pthread.h>
#include <stdlib.h>

#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_model.h"
#include "worker/startup.h"

static void expect(ggdm_precision wish, ggdm_isa isa, ggdm_precision precision, ggdm_isa settled)
{
    ggdm_error err;
    ggdm_test_ok(ggdm_startup_precision(&wish, &isa, &err), &err);
    assert_int_equal(wish, precision);
    assert_int_equal(isa, settled);
}

static void test_precision_auto_is_bf16_only_with_amx(void **state)
{
    (void)state;
    expect(GGDM_PRECISION_AUTO, GGDM_ISA_AMX, GGDM_PRECISION_BF16, GGDM_ISA_AMX);
    expect(GGDM_PRECISION_AUTO, GGDM_ISA_AVX512_BF16, GGDM_PRECISION_FP32, GGDM_ISA_AVX512);
    expect(GGDM_PRECISION_AUTO, GGDM_ISA_AVX2, GGDM_PRECISION_FP32, GGDM_ISA_AVX2);
}

static void test_precision_fp32_stays_at_avx512(void **state)
{
    (void)state;
    expect(GGDM_PRECISION_FP32, GGDM_ISA_AMX, GGDM_PRECISION_FP32, GGDM_ISA_AVX512);
    expect(GGDM_PRECISION_FP32, GGDM_ISA_REF, GGDM_PRECISION_FP32, GGDM_ISA_REF);
}

static void test_precision_bf16_without_bf16_products_is_error(void **state)
{
    (void)state;
    ggdm_error err;
    ggdm_precision precision = GGDM_PRECISION_BF16;
    ggdm_isa isa = GGDM_ISA_AVX512;
    expect(GGDM_PRECISION_BF16, GGDM_ISA_AVX512_BF16, GGDM_PRECISION_BF16, GGDM_ISA_AVX512_BF16);
    ggdm_test_error(ggdm_startup_precision(&precision, &isa, &err), &err, GGDM_EUNSUPPORTED,
                    "only 'avx512'");
}

/* ---- bits ---- */

typedef struct taker {
    ggdm_transport *t;
    ggdm_outfit outfit;
    ggdm_status status;
    ggdm_error err;
} taker;

static void *take(void *context)
{
    taker *r = context;
    bool work;
    r->status = ggdm_startup_take(r->t, &r->outfit, &work, &r->err);
    return NULL;
}

enum { MODELS = 5 }; /* two networks, each as several models */

/* What a worker says to an outfit of this machine, of whose digest one byte is changed by flip. */
static void offer(int32_t n_models, uint8_t flip, taker *worker)
{
    char *dir = ggdm_test_mkdtemp();
    ggdm_outfit outfit = {.job = {.precision = GGDM_PRECISION_FP32, .batch = 1, .threads = 1},
                          .models = ggdm_test_alloc(MODELS, sizeof(ggdm_model_files)),
                          .n_models = n_models};
    ggdm_transport *t[2];
    pthread_t thread;
    ggdm_error err;
    ggdm_test_ok(ggdm_isa_pinned(&outfit.isa, &err), &err);
    ggdm_test_ok(ggdm_startup_bits(outfit.job.precision, outfit.bits, &err), &err);
    outfit.bits[5] ^= flip;
    for (int i = 0; i < n_models; i++) {
        char name[] = {(char)('a' + i), 0};
        char *model = ggdm_tiny_model_write(
            dir, name, i % 2 ? ggdm_tiny_cnn_config : ggdm_tiny_unet_config, (uint64_t)i);
        ggdm_test_ok(ggdm_model_files_open(model, &outfit.models[i], &err), &err);
        free(model);
    }
    ggdm_test_ok(ggdm_transport_loop_open(2, t, &err), &err);
    *worker = (taker){.t = t[1]};
    assert_int_equal(pthread_create(&thread, NULL, take, worker), 0);
    ggdm_test_ok(ggdm_startup_give(t[0], &outfit, &err), &err);
    pthread_join(thread, NULL);
    if (worker->status == GGDM_OK) {
        assert_int_equal(worker->outfit.n_models, n_models);
        for (int i = 0; i < n_models; i++) {
            const ggdm_model_files *given = &outfit.models[i], *got = &worker->outfit.models[i];
            assert_string_equal(got->path, given->path);
            assert_string_equal(got->config, given->config);
            assert_memory_equal(got->digest, given->digest, sizeof got->digest);
            assert_ptr_equal(got->weights, given->weights); /* of the node */
        }
    }
    ggdm_outfit_deinit(&worker->outfit);
    ggdm_transport_close(&t[1]);
    ggdm_transport_close(&t[0]);
    ggdm_outfit_deinit(&outfit);
    ggdm_test_rmdir(dir);
}

static void test_startup_gives_any_number_of_models(void **state)
{
    (void)state;
    taker worker;
    static const int32_t counts[] = {0, 1, MODELS};
    for (int i = 0; i < 3; i++) {
        offer(counts[i], 0, &worker);
        ggdm_test_ok(worker.status, &worker.err);
    }
}

static void test_startup_rank_with_other_bits_is_refused(void **state)
{
    (void)state;
    taker worker;
    offer(1, 1, &worker);
    ggdm_test_error(worker.status, &worker.err, GGDM_EUNSUPPORTED, "gives other bits than rank 0");
}

static void test_startup_has_a_bound_of_models(void **state)
{
    (void)state;
    ggdm_outfit outfit = {.n_models = GGDM_MAX_MODELS + 1};
    ggdm_transport *t[1];
    ggdm_error err;
    ggdm_test_ok(ggdm_transport_loop_open(1, t, &err), &err);
    ggdm_test_error(ggdm_startup_give(t[0], &outfit, &err), &err, GGDM_EINVAL,
                    "257 models, expected at most 256");
    ggdm_transport_close(&t[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precision_auto_is_bf16_only_with_amx),
        cmocka_unit_test(test_precision_fp32_stays_at_avx512),
        cmocka_unit_test(test_precision_bf16_without_bf16_products_is_error),
        cmocka_unit_test(test_startup_gives_any_number_of_models),
        cmocka_unit_test(test_startup_has_a_bound_of_models),
        cmocka_unit_test(test_startup_rank_with_other_bits_is_refused),
    };
    return ggdm_test_main(tests);
}
