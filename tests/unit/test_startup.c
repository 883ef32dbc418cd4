/* Precision and instruction set are settled by what the ranks have, never by a timing. */
#include "tests/support/ggdm_test.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precision_auto_is_bf16_only_with_amx),
        cmocka_unit_test(test_precision_fp32_stays_at_avx512),
        cmocka_unit_test(test_precision_bf16_without_bf16_products_is_error),
    };
    return ggdm_test_main(tests);
}
