#include "tests/support/bf16.h"

#include <stdio.h>

#include "models/nn/graph.h"

bool ggdm_test_have_bf16(void)
{
    ggdm_graph *g;
    ggdm_error err;
    bool have = ggdm_graph_create(GGDM_BF16, &g, &err) == GGDM_OK;
    if (!have)
        printf("no bf16: %s\n", err.msg);
    ggdm_graph_destroy(&g);
    return have;
}
