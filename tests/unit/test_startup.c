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

/* What a worker says to an outfit of this machine, of whose digest one byte is changed by flip. */
static void offer(uint8_t flip, taker *worker)
{
    char *dir = ggdm_test_mkdtemp();
    char *model = ggdm_tiny_model_write(dir, "tiny", ggdm_tiny_unet_config, 1);
    ggdm_outfit outfit = {
        .job = {.steps = 10, .precision = GGDM_PRECISION_FP32, .batch = 1, .threads = 1}};
    ggdm_transport *t[2];
    pthread_t thread;
    ggdm_error err;
    ggdm_test_ok(ggdm_isa_pinned(&outfit.isa, &err), &err);
    ggdm_test_ok(ggdm_startup_bits(outfit.job.precision, outfit.bits, &err), &err);
    outfit.bits[5] ^= flip;
    ggdm_test_ok(ggdm_model_files_open(model, &outfit.files[GGDM_ROLE_DIFFUSION], &err), &err);
    ggdm_test_ok(ggdm_transport_loop_open(2, t, &err), &err);
    *worker = (taker){.t = t[1]};
    assert_int_equal(pthread_create(&thread, NULL, take, worker), 0);
    ggdm_test_ok(ggdm_startup_give(t[0], &outfit, &err), &err);
    pthread_join(thread, NULL);
    ggdm_outfit_deinit(&worker->outfit);
    ggdm_transport_close(&t[1]);
    ggdm_transport_close(&t[0]);
    ggdm_outfit_deinit(&outfit);
    free(model);
    ggdm_test_rmdir(dir);
}

static void test_startup_rank_with_other_bits_is_refused(void **state)
{
    (void)state;
    taker worker;
    offer(0, &worker);
    ggdm_test_ok(worker.status, &worker.err);
    offer(1, &worker);
    ggdm_test_error(worker.status, &worker.err, GGDM_EUNSUPPORTED, "gives other bits than rank 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precision_auto_is_bf16_only_with_amx),
        cmocka_unit_test(test_precision_fp32_stays_at_avx512),
        cmocka_unit_test(test_precision_bf16_without_bf16_products_is_error),
        cmocka_unit_test(test_startup_rank_with_other_bits_is_refused),
    };
    return ggdm_test_main(tests);
}
