/* ops.h says that every op has a vector-Jacobian product and a reference: every function that it
 * declares has its row in the op table, by which the other tests check both. */
#include <stdlib.h>
#include <string.h>

#include "models/nn/graph_impl.h"
#include "tests/support/bf16.h"
#include "tests/support/op_case.h"

static const ggdm_op_row *row_of(const char *op)
{
    for (size_t i = 0; i < ggdm_op_n_rows; i++)
        if (strcmp(ggdm_op_rows[i].op->name, op) == 0)
            return &ggdm_op_rows[i];
    return NULL;
}

/* The next op that the text declares ("ggdm_val ggdm_NAME("), after *at. */
static bool next_op(const char **at, char name[64])
{
    static const char mark[] = "ggdm_val ggdm_";
    while ((*at = strstr(*at, mark)) != NULL) {
        *at += sizeof mark - 1;
        const size_t n = strcspn(*at, "(");
        if ((*at)[-(int)sizeof mark] == '\n' && n < 64) {
            memcpy(name, *at, n);
            name[n] = '\0';
            return true;
        }
    }
    return false;
}

static void test_every_op_of_the_header_is_in_the_table(void **state)
{
    (void)state;
    char *text = ggdm_test_read("models/nn/ops.h", NULL), name[64];
    int n = 0;
    for (const char *at = text; next_op(&at, name); n++)
        if (!row_of(name))
            ggdm_test_fail("ggdm_%s of ops.h has no row in models/nn/op_table.c", name);
    assert_true(n >= 27);
    free(text);
}

/* What is differentiable by its role has a gradient, and something is. */
static void check_gradients(const ggdm_op_row *row, ggdm_dtype dtype)
{
    const ggdm_op_subject subject = {.row = row, .dtype = dtype};
    ggdm_op_case c;
    int gradients = 0;
    ggdm_op_case_open(&c, &subject, 1, NULL, true, true);
    for (int i = 0; i < c.n_inputs; i++) {
        const ggdm_op_role role = row->op->in[i].role;
        if (role != GGDM_ROLE_ACT && role != GGDM_ROLE_PARAM)
            continue;
        if (c.grad[i] < 0)
            ggdm_test_fail("%s has no gradient to %s", row->op->name, row->op->in[i].name);
        gradients++;
    }
    if (gradients == 0)
        ggdm_test_fail("%s has no differentiable input", row->op->name);
    ggdm_op_case_close(&c);
}

static void test_every_row_has_a_reference_and_gradients(void **state)
{
    (void)state;
    const bool bf16 = ggdm_test_have_bf16();
    for (size_t r = 0; r < ggdm_op_n_rows; r++) {
        const ggdm_op_row *row = &ggdm_op_rows[r];
        assert_non_null(row->op->ref);
        assert_non_null(row->op->shape);
        if (row != row_of(row->op->name))
            continue; /* the op was met before */
        check_gradients(row, GGDM_F32);
        if (bf16)
            check_gradients(row, GGDM_BF16);
    }
}

/* In a bf16 graph, too: nothing is rounded where there is nothing in bf16. */
static void test_ops_that_are_f32_have_no_value_in_bf16(void **state)
{
    (void)state;
    if (!ggdm_test_have_bf16())
        skip();
    for (size_t r = 0; r < ggdm_op_n_rows; r++) {
        const ggdm_op_subject subject = {.row = &ggdm_op_rows[r], .dtype = GGDM_BF16};
        if (subject.row->op->bf16_roundings != GGDM_OP_F32)
            continue;
        ggdm_op_case c;
        ggdm_op_case_open(&c, &subject, 1, NULL, true, true);
        for (size_t v = 0; v < c.graph->n_values; v++)
            if (c.graph->values[v].dtype == GGDM_BF16)
                ggdm_test_fail("%s has a value in bf16", subject.row->name);
        ggdm_op_case_close(&c);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_op_of_the_header_is_in_the_table),
        cmocka_unit_test(test_every_row_has_a_reference_and_gradients),
        cmocka_unit_test(test_ops_that_are_f32_have_no_value_in_bf16),
    };
    return ggdm_test_main(tests);
}
