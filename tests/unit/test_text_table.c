/* Tables of text that are Markdown. */
#include "coordinator/show/text_table.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/ggdm_test.h"

static ggdm_error err;

static char *print(ggdm_text_table *t)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ggdm_test_ok(ggdm_text_table_print(out, t, &err), &err);
    fclose(out);
    return text;
}

/* Columns are as wide as their characters, of which some have several bytes. */
static void test_table_is_aligned(void **state)
{
    (void)state;
    ggdm_text_table t = {0};
    ggdm_text_table_put(&t, "κ");
    ggdm_text_table_put(&t, "images");
    ggdm_text_table_head(&t);
    ggdm_text_table_put(&t, "%g", 0.25);
    ggdm_text_table_put(&t, "%d", 7);
    char *text = print(&t);
    assert_string_equal(text, "| κ    | images |\n"
                              "|------|--------|\n"
                              "| 0.25 | 7      |\n");
    free(text);
    assert_true(t.n == 0 && t.columns == 0); /* and ready for the next */
}

/* A prompt can hold anything. */
static void test_table_keeps_its_cells_apart(void **state)
{
    (void)state;
    ggdm_text_table t = {0};
    ggdm_text_table_put(&t, "prompt");
    ggdm_text_table_head(&t);
    ggdm_text_table_put(&t, "%s", "a|b\nc");
    char *text = print(&t);
    assert_string_equal(text, "| prompt |\n"
                              "|--------|\n"
                              "| a\\|b c |\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_aligned),
        cmocka_unit_test(test_table_keeps_its_cells_apart),
    };
    return ggdm_test_main(tests);
}
