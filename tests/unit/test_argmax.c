#include <math.h>

#include "common/argmax.h"
#include "tests/support/ggdm_test.h"

static void test_argmax_is_first_largest_of_finite_ones(void **state)
{
    (void)state;
    static const struct {
        float values[4];
        int32_t n, want;
    } rows[] = {{{-3, -1, -2, -4}, 4, 1},      {{0, 5, 5, 1}, 4, 1},
                {{NAN, -1, NAN, -2}, 4, -1},   {{-INFINITY, -1, 0, 0}, 2, -1},
                {{INFINITY, 1, 0, 0}, 2, -1},  {{0, 0, 0, NAN}, 4, -1},
                {{NAN, NAN, NAN, NAN}, 4, -1}, {{1, 2, 3, 4}, 0, -1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(ggdm_argmax(rows[i].values, rows[i].n), rows[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_argmax_is_first_largest_of_finite_ones),
    };
    return ggdm_test_main(tests);
}
