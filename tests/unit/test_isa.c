#include <stdlib.h>

#include "tests/support/ggdm_test.h"

#include "common/isa.h"

static void test_isa_pinned_ref_is_chosen(void **state)
{
    (void)state;
    ggdm_error err;
    ggdm_isa isa = GGDM_ISA_AMX;
    setenv("GGDM_ISA", "ref", 1);
    ggdm_test_ok(ggdm_isa_choose(&isa, &err), &err);
    assert_int_equal(isa, GGDM_ISA_REF);
    unsetenv("GGDM_ISA");
}

static void test_isa_unknown_name_is_error(void **state)
{
    (void)state;
    ggdm_error err;
    ggdm_isa isa;
    setenv("GGDM_ISA", "avx9", 1);
    ggdm_test_error(ggdm_isa_choose(&isa, &err), &err, GGDM_EINVAL, "expected ref, avx2");
    unsetenv("GGDM_ISA");
}

static void test_isa_more_than_machine_has_is_error(void **state)
{
    (void)state;
    ggdm_error err;
    ggdm_isa best, isa;
    unsetenv("GGDM_ISA");
    ggdm_test_ok(ggdm_isa_choose(&best, &err), &err);
    if (best + 1 == GGDM_N_ISAS)
        skip();
    setenv("GGDM_ISA", ggdm_isa_name((ggdm_isa)(best + 1)), 1);
    ggdm_test_error(ggdm_isa_choose(&isa, &err), &err, GGDM_EUNSUPPORTED, ggdm_isa_name(best));
    unsetenv("GGDM_ISA");
}

static void test_isa_pin_sets_onednn_variable(void **state)
{
    (void)state;
    ggdm_error err;
    ggdm_test_ok(ggdm_isa_pin(GGDM_ISA_AVX2, &err), &err);
    assert_string_equal(getenv("ONEDNN_MAX_CPU_ISA"), "AVX2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_isa_pinned_ref_is_chosen),
        cmocka_unit_test(test_isa_unknown_name_is_error),
        cmocka_unit_test(test_isa_more_than_machine_has_is_error),
        cmocka_unit_test(test_isa_pin_sets_onednn_variable),
    };
    return ggdm_test_main(tests);
}
