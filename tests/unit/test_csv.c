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

/* What was read, fields between bars, a record a line with where it begins. */
static ggdm_status read_back(const char *bytes, size_t size, char *out, ggdm_error *err)
{
    char *text = calloc(1, size + 1);
    ggdm_csv csv;
    memcpy(text, bytes, size);
    ggdm_csv_begin(text, size, &csv);
    ggdm_status st = ggdm_csv_next(&csv, "f", err);
    for (*out = '\0'; st == GGDM_OK && csv.n > 0; st = ggdm_csv_next(&csv, "f", err)) {
        sprintf(out + strlen(out), "%d", (int)csv.line);
        for (size_t i = 0; i < csv.n; i++)
            sprintf(out + strlen(out), "|%s", csv.fields[i]);
        strcat(out, ";");
    }
    ggdm_csv_deinit(&csv);
    free(text);
    return st;
}

static void test_csv_records_are_read_as_they_were_meant(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"", ""},
                                           {"a,b\nc,d\n", "1|a|b;2|c|d;"},
                                           {"\xef\xbb\xbf"
                                            "a\r\nb\r\n",
                                            "1|a;2|b;"},
                                           {"a,\n,\n", "1|a|;2||;"},
                                           {"\n\nx", "1|;2|;3|x;"},
                                           {"\"a,\"\"b\"\"\nc\",d\ne", "1|a,\"b\"\nc|d;3|e;"},
                                           {"\"\",\"\"", "1||;"},
                                           {"a \"b\",c", "1|a \"b\"|c;"},
                                           {"a,", "1|a|;"}};
    ggdm_error err = {0};
    char out[200];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ggdm_test_ok(read_back(cases[i][0], strlen(cases[i][0]), out, &err), &err);
        assert_string_equal(out, cases[i][1]);
    }
    ggdm_test_error(read_back("a\n\"b", 4, out, &err), &err, GGDM_EFORMAT,
                    "f:2: a quote that does not end");
    ggdm_test_error(read_back("\"a\"b", 4, out, &err), &err, GGDM_EFORMAT,
                    "f:1: text behind a field, expected a comma or the end");
    ggdm_test_error(read_back("a\0b", 3, out, &err), &err, GGDM_EFORMAT, "f:1: a NUL");
    ggdm_test_error(read_back("\"a\0\"", 4, out, &err), &err, GGDM_EFORMAT, "f:1: a quote");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_quotes_what_would_not_be_one_field),
        cmocka_unit_test(test_csv_records_are_read_as_they_were_meant),
    };
    return ggdm_test_main(tests);
}
