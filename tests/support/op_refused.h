/* What ops refuse, in a test that has a struct `values` and a function inputs(g), which makes them
 * in a graph. */
#ifndef GGDM_TESTS_SUPPORT_OP_REFUSED_H
#define GGDM_TESTS_SUPPORT_OP_REFUSED_H

#include "models/nn/ops.h"
#include "tests/support/ggdm_test.h"

/** A call in graph g with inputs v gives no value, and the graph says why. */
#define REFUSED(code, call, message)                                                               \
    do {                                                                                           \
        ggdm_graph *g;                                                                             \
        ggdm_error err;                                                                            \
        ggdm_test_ok(ggdm_graph_create(GGDM_F32, &g, &err), &err);                                 \
        const values v = inputs(g);                                                                \
        (void)v;                                                                                   \
        assert_int_equal(call, -1);                                                                \
        ggdm_test_error(ggdm_graph_compile(g, NULL, &err), &err, code, message);                   \
        ggdm_graph_destroy(&g);                                                                    \
    } while (0)

#endif
