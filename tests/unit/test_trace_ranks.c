/* How many ranks trace. */
#include "coordinator/cmd/trace_ranks.h"

#include "tests/support/ggdm_test.h"

static void test_trace_room_is_what_memory_allows(void **state)
{
    (void)state;
    const uint64_t gib = (uint64_t)1 << 30;
    assert_int_equal(ggdm_trace_room(16 * gib, 2 * 1000 * 1000), 141); /* small networks */
    assert_int_equal(ggdm_trace_room(128 * gib, 1000 * 1000 * 1000), 8);
    assert_int_equal(ggdm_trace_room(4 * gib, 1000 * 1000 * 1000), 1); /* one tries */
    assert_int_equal(ggdm_trace_room(UINT64_MAX, 0), INT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_trace_room_is_what_memory_allows)};
    return ggdm_test_main(tests);
}
