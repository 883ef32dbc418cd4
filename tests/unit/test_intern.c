#include "common/intern.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/ggdm_test.h"

static int32_t number_of(ggdm_intern *in, const char *text)
{
    int32_t number = -1;
    ggdm_error err;
    ggdm_test_ok(ggdm_intern_text(in, text, &number, &err), &err);
    return number;
}

static void test_intern_new_texts_get_the_next_number(void **state)
{
    (void)state;
    ggdm_intern in = {0};
    char text[] = "b";
    assert_int_equal(number_of(&in, "a"), 0);
    assert_int_equal(number_of(&in, text), 1);
    assert_int_equal(number_of(&in, ""), 2);
    assert_int_equal(number_of(&in, "a"), 0);
    text[0] = 'c'; /* it was copied */
    assert_int_equal(number_of(&in, "b"), 1);
    assert_int_equal(number_of(&in, text), 3);
    assert_int_equal(in.n, 4);
    assert_string_equal(in.texts[1], "b");
    ggdm_intern_deinit(&in);
    ggdm_intern_deinit(&in);
    assert_int_equal(number_of(&in, "b"), 0); /* empty again */
    ggdm_intern_deinit(&in);
}

static void test_intern_many_keep_their_numbers(void **state)
{
    (void)state;
    enum { N = 50000 };
    ggdm_intern in = {0};
    char text[20];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < N; i++) {
            snprintf(text, sizeof text, "%d", i * 7919);
            assert_int_equal(number_of(&in, text), i);
        }
    const char *first = in.texts[0]; /* texts stay where they are */
    number_of(&in, "another");
    assert_ptr_equal(in.texts[0], first);
    assert_int_equal(in.n, N + 1);
    ggdm_intern_deinit(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intern_new_texts_get_the_next_number),
        cmocka_unit_test(test_intern_many_keep_their_numbers),
    };
    return ggdm_test_main(tests);
}
