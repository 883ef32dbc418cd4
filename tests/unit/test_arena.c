#include "common/arena.h"

#include <string.h>

#include "tests/support/ggdm_test.h"

static void test_arena_gives_zeroed_memory_that_stays(void **state)
{
    (void)state;
    enum { N = 3000 };
    static unsigned char *given[N];
    ggdm_arena arena = {0};
    ggdm_error err;
    for (size_t i = 0; i < N; i++) {
        const size_t size = i % 97 + (i % 1000 == 7 ? 50000 : 0);
        ggdm_test_ok(ggdm_arena_alloc(&arena, size, &given[i], &err), &err);
        assert_int_equal((uintptr_t)given[i] % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < size; k++)
            assert_int_equal(given[i][k], 0);
        memset(given[i], (int)(i % 251), size);
    }
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < i % 97; k++)
            assert_int_equal(given[i][k], i % 251);
    ggdm_arena_deinit(&arena);
    ggdm_arena_deinit(&arena);
}

static void test_arena_reset_begins_anew_in_the_same_memory(void **state)
{
    (void)state;
    ggdm_arena arena = {0};
    ggdm_error err;
    char *first, *again;
    ggdm_arena_reset(&arena);
    ggdm_test_ok(ggdm_arena_alloc(&arena, 100, &first, &err), &err);
    memset(first, 'x', 100);
    ggdm_arena_reset(&arena);
    ggdm_test_ok(ggdm_arena_alloc(&arena, 100, &again, &err), &err);
    assert_ptr_equal(again, first);
    assert_true(again[0] == 0 && again[99] == 0);
    for (int i = 0; i < 100; i++) /* several chunks */
        ggdm_test_ok(ggdm_arena_alloc(&arena, 5000, &again, &err), &err);
    ggdm_arena_reset(&arena);
    ggdm_test_ok(ggdm_arena_alloc(&arena, 5000, &again, &err), &err);
    ggdm_arena_deinit(&arena);
}

static void test_arena_texts_are_copies(void **state)
{
    (void)state;
    ggdm_arena arena = {0};
    ggdm_error err;
    char text[] = "a text";
    const char *copy, *empty;
    ggdm_test_ok(ggdm_arena_text(&arena, text, &copy, &err), &err);
    ggdm_test_ok(ggdm_arena_text(&arena, "", &empty, &err), &err);
    text[0] = 'b';
    assert_string_equal(copy, "a text");
    assert_string_equal(empty, "");
    ggdm_arena_deinit(&arena);
}

static void test_arena_sizes_that_cannot_be_are_refused(void **state)
{
    (void)state;
    ggdm_arena arena = {0};
    ggdm_error err;
    void *p = NULL;
    ggdm_test_error(ggdm_arena_alloc(&arena, SIZE_MAX, &p, &err), &err, GGDM_ESHAPE, "overflows");
    ggdm_test_ok(ggdm_arena_alloc(&arena, 8, &p, &err), &err);
    ggdm_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_gives_zeroed_memory_that_stays),
        cmocka_unit_test(test_arena_reset_begins_anew_in_the_same_memory),
        cmocka_unit_test(test_arena_texts_are_copies),
        cmocka_unit_test(test_arena_sizes_that_cannot_be_are_refused),
    };
    return ggdm_test_main(tests);
}
