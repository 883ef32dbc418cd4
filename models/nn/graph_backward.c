/* Differentiation: the ops of the vector-Jacobian product behind those of the graph. */
#include <stdlib.h>

#include "common/mem.h"
#include "models/nn/graph_impl.h"
#include "models/nn/ops.h"

/* need[v]: v depends on one of wrt[]. */
static void mark_needed(const ggdm_graph *g, int n, const ggdm_val *wrt, bool *need)
{
    for (int i = 0; i < n; i++)
        if (wrt[i] >= 0)
            need[wrt[i]] = true;
    for (size_t o = 0; o < g->n_ops; o++) {
        const ggdm_op *op = &g->ops[o];
        bool any = false;
        for (int i = 0; i < GGDM_MAX_IN; i++)
            any = any || (op->in[i] >= 0 && need[op->in[i]]);
        for (int i = 0; any && op->kind->vjp && i < GGDM_MAX_OUT; i++)
            if (op->out[i] >= 0)
                need[op->out[i]] = true;
    }
}

/* Add a contribution to the gradient of v. */
static void accumulate(ggdm_graph *g, ggdm_val *grad, ggdm_val v, ggdm_val contribution)
{
    if (contribution >= 0)
        grad[v] = grad[v] < 0 ? contribution : ggdm_emit_add(g, grad[v], contribution);
}

static void backward_ops(ggdm_graph *g, size_t n_ops, const bool *need, ggdm_val *grad)
{
    for (size_t o = n_ops; o-- > 0 && g->error.code == GGDM_OK;) {
        const ggdm_op op = g->ops[o]; /* a copy: emitting moves the array */
        ggdm_val gy = op.out[0] >= 0 ? grad[op.out[0]] : -1;
        if (gy < 0 || !op.kind->vjp)
            continue;
        ggdm_val gin[GGDM_MAX_IN];
        bool wanted[GGDM_MAX_IN], any = false;
        for (int i = 0; i < GGDM_MAX_IN; i++) {
            gin[i] = -1;
            wanted[i] = op.in[i] >= 0 && need[op.in[i]];
            any = any || wanted[i];
        }
        if (!any)
            continue;
        op.kind->vjp(g, &op, gy, wanted, gin);
        for (int i = 0; i < GGDM_MAX_IN; i++)
            if (wanted[i])
                accumulate(g, grad, op.in[i], gin[i]);
    }
}

void ggdm_graph_backward(ggdm_graph *g, ggdm_val y, ggdm_val gy, int n, const ggdm_val *wrt,
                         ggdm_val *grads)
{
    for (int i = 0; i < n; i++)
        grads[i] = -1;
    const ggdm_value *vy = ggdm_graph_check(g, "backward", "y", y, 0);
    const ggdm_value *vg = ggdm_graph_check(g, "backward", "gy", gy, 0);
    if (!vy || !vg)
        return;
    if (!ggdm_shape_equal(&vy->shape, &vg->shape)) {
        ggdm_graph_fail(g, GGDM_ESHAPE, "backward: the seed has not the shape of the output");
        return;
    }
    size_t n_values = g->n_values;
    bool *need = NULL;
    ggdm_val *grad = NULL;
    if (ggdm_alloc(&need, n_values, sizeof *need, &g->error) == GGDM_OK &&
        ggdm_alloc(&grad, n_values, sizeof *grad, &g->error) == GGDM_OK) {
        for (size_t v = 0; v < n_values; v++)
            grad[v] = -1;
        mark_needed(g, n, wrt, need);
        grad[y] = gy = ggdm_cast(g, gy, ggdm_graph_dtype(g, y));
        backward_ops(g, g->n_ops, need, grad);
        for (int i = 0; i < n; i++) {
            grads[i] = wrt[i] < 0 ? -1 : ggdm_graph_f32(g, grad[wrt[i]]);
            ggdm_graph_output(g, grads[i]);
        }
    }
    free(need);
    free(grad);
}
