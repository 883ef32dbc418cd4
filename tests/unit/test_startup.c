/* Precision and instruction set are settled by what the ranks have, never by a timing; a rank that
 * would compute other bits than rank 0 takes no part. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

enum {
    MODELS = 5,
    READER = 3
}; /* two networks, each as several models, and one with a tokenizer */

static void add_two_pictures(ggdm_outfit *outfit)
{
    ggdm_error err;
    for (uint8_t i = 0; i < 2; i++) {
        ggdm_picture p = {.height = 2, .width = 1 + i, .channels = 3};
        p.data = p.owned = ggdm_test_alloc(12, 1);
        memset(p.owned, 0, 12);
        p.owned[4] = 40 + i;
        ggdm_picture_digest(&p, p.digest);
        ggdm_test_ok(ggdm_pictures_add(&outfit->pictures, &p, &err), &err);
    }
}

static void expect_pictures(const ggdm_pictures *given, const ggdm_pictures *got)
{
    assert_int_equal(got->n, given->n);
    for (size_t i = 0; i < got->n; i++) {
        const ggdm_picture *a = &given->items[i], *b = ggdm_pictures_find(got, a->digest);
        assert_true(a->height == b->height && a->width == b->width && a->channels == b->channels);
        assert_ptr_equal(a->data, b->data); /* of the node */
        assert_null(a->owned);
        assert_null(b->owned);
    }
}

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
    if (n_models != 1)
        add_two_pictures(&outfit);
    for (int i = 0; i < n_models; i++) {
        char name[] = {(char)('a' + i), 0};
        char *model =
            i == READER
                ? ggdm_tiny_reader_write(dir, name, ggdm_tiny_texts_config, (uint64_t)i)
                : ggdm_tiny_model_write(
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
        expect_pictures(&outfit.pictures, &worker->outfit.pictures);
        assert_int_equal(worker->outfit.n_models, n_models);
        for (int i = 0; i < n_models; i++) {
            const ggdm_model_files *given = &outfit.models[i], *got = &worker->outfit.models[i];
            assert_string_equal(got->path, given->path);
            assert_string_equal(got->config, given->config);
            assert_int_equal(given->tokenizer != NULL, i == READER);
            if (i == READER)
                assert_string_equal(got->tokenizer, given->tokenizer);
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

static void test_startup_gives_any_number_of_models_and_pictures(void **state)
{
    (void)state;
    taker worker;
    static const int32_t counts[] = {0, 1, MODELS};
    for (int i = 0; i < 3; i++) {
        offer(counts[i], 0, &worker);
        ggdm_test_ok(worker.status, &worker.err);
    }
}

static void test_startup_pictures_are_known_by_pixels_and_shape(void **state)
{
    (void)state;
    uint8_t pixels[12] = {1, 2, 3};
    ggdm_picture p = {.height = 2, .width = 2, .channels = 3, .data = pixels};
    ggdm_error err;
    ggdm_picture_digest(&p, p.digest);
    ggdm_test_ok(ggdm_picture_check(&p, &err), &err);
    p.height = 4;
    p.width = 1;
    ggdm_test_error(ggdm_picture_check(&p, &err), &err, GGDM_EFORMAT, "has the digest");
    p.height = p.width = 2;
    pixels[11]++;
    ggdm_test_error(ggdm_picture_check(&p, &err), &err, GGDM_EFORMAT, "has the digest");
}

static void test_startup_pictures_have_bounds(void **state)
{
    (void)state;
    static const struct {
        int32_t height, width, channels;
    } bad[] = {{0, 1, 1}, {1, 2049, 1}, {1, 1, 2}, {1, 1, -3}, {2048, -1, 3}};
    ggdm_pictures list = {.bytes = 0};
    ggdm_error err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ggdm_picture p = {.digest = "x",
                          .height = bad[i].height,
                          .width = bad[i].width,
                          .channels = bad[i].channels};
        ggdm_test_error(ggdm_pictures_add(&list, &p, &err), &err, GGDM_EINVAL,
                        "expected sides of 1 to 2048, and 1 or 3 channels");
    }
    for (int i = 0; i <= 21; i++) { /* 12 MiB each */
        ggdm_picture p = {.height = 2048, .width = 2048, .channels = 3};
        snprintf(p.digest, sizeof p.digest, "%d", i);
        ggdm_status st = ggdm_pictures_add(&list, &p, &err);
        if (i < 21)
            ggdm_test_ok(st, &err);
        else
            ggdm_test_error(st, &err, GGDM_EINVAL, "and 256 MiB in a run");
    }
    ggdm_pictures_deinit(&list);
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
        cmocka_unit_test(test_startup_gives_any_number_of_models_and_pictures),
        cmocka_unit_test(test_startup_pictures_are_known_by_pixels_and_shape),
        cmocka_unit_test(test_startup_pictures_have_bounds),
        cmocka_unit_test(test_startup_has_a_bound_of_models),
        cmocka_unit_test(test_startup_rank_with_other_bits_is_refused),
    };
    return ggdm_test_main(tests);
}
