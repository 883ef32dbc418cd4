/* Texts from outside and as labels. */
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "tests/support/ggdm_test.h"

static void expect_plain(const char *text, size_t size, size_t plain)
{
    if (ggdm_utf8_plain(text, size) != plain)
        ggdm_test_fail("'%s': %zu, expected %zu", text, ggdm_utf8_plain(text, size), plain);
}

#define PLAIN(text, plain) expect_plain(text, sizeof(text) - 1, plain)

static void test_utf8_plain_texts(void **state)
{
    (void)state;
    PLAIN("", 0);
    PLAIN("a cat~", 6);
    PLAIN("\xC3\xA9\xE7\x8C\xAB\xF0\x9F\x98\x80", 9); /* of two, three and four bytes */
    PLAIN("\xF4\x8F\xBF\xBF", 4);                     /* the last code point */
    PLAIN("a\tb", 1);
    PLAIN("a\0b", 1);
    PLAIN("a\x7F", 1);
    PLAIN("a\xC2\x85", 1);         /* next line: a control */
    PLAIN("a\xC2\xA0", 3);         /* the first behind them */
    PLAIN("a\xC3", 1);             /* cut */
    PLAIN("a\xC3(", 1);            /* not continued */
    PLAIN("a\x80", 1);             /* a continuation */
    PLAIN("a\xC0\xAF", 1);         /* longer than needed */
    PLAIN("a\xE0\x80\xAF", 1);     /* the same */
    PLAIN("a\xED\xA0\x80", 1);     /* a surrogate */
    PLAIN("a\xF4\x90\x80\x80", 1); /* beyond the last */
    PLAIN("a\xFF", 1);
}

static void test_utf8_shown_texts_command_no_terminal(void **state)
{
    static const char *const rows[][2] = {
        {"a cat\n\tcaf\xC3\xA9", "a cat\n\tcaf\xC3\xA9"},
        {"\x1B[31mred\x07\r", "\\x1b[31mred\\x07\\x0d"},
        {"\xC2\x9B"
         "2J",
         "\\xc2\\x9b2J"}, /* the same by one character */
        {"cut \xC3", "cut \\xc3"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[64];
        ggdm_utf8_show(rows[i][0], out, sizeof out);
        assert_string_equal(out, rows[i][1]);
    }
    char out[8];
    ggdm_utf8_show("abc\x01\x02", out, sizeof out);
    assert_string_equal(out, "abc\\x01");
    ggdm_utf8_show("abc\x01\x02", out, 7);
    assert_string_equal(out, "abc");
}

static void expect_short(const char *text, size_t most, const char *shown)
{
    char out[64];
    const size_t n = ggdm_utf8_shorten(text, most, out, sizeof out);
    assert_string_equal(out, shown);
    assert_int_equal(n, ggdm_utf8_length(shown));
}

static void test_utf8_labels_are_shortened_between_letters(void **state)
{
    (void)state;
    expect_short("seven l", 7, "seven l");
    expect_short("eight le", 7, "eigh...");
    expect_short("\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9", 5, "\xC3\xA9\xC3\xA9...");
    expect_short("", 5, "");
    char out[9];
    assert_int_equal(ggdm_utf8_shorten("\xE7\x8C\xAB\xE7\x8C\xAB\xE7\x8C\xAB", 40, out, sizeof out),
                     4); /* no room for more than one */
    assert_string_equal(out, "\xE7\x8C\xAB...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_plain_texts),
        cmocka_unit_test(test_utf8_shown_texts_command_no_terminal),
        cmocka_unit_test(test_utf8_labels_are_shortened_between_letters),
    };
    return ggdm_test_main(tests);
}
