/* Fields with commas between. */
#include "common/csv.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/ggdm_test.h"

static void test_csv_quotes_what_would_not_be_one_field(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"", ""},
                                           {"0.1", "0.1"},
                                           {"a b", "a b"},
                                           {"a,b", "\"a,b\""},
                                           {"say \"a\"", "\"say \"\"a\"\"\""},
                                           {"\"", "\"\"\"\""},
                                           {"a\nb", "\"a\nb\""},
                                           {"a\r", "\"a\r\""},
                                           {"\xce\xba", "\xce\xba"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        ggdm_csv_put(f, cases[i][0]);
        fclose(f);
        assert_string_equal(text, cases[i][1]);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_quotes_what_would_not_be_one_field),
    };
    return ggdm_test_main(tests);
}
