/* A row of the op table built as a graph, with reproducible inputs: what the kernel, gradient and
 * invariance tests have in common. */
#ifndef GGDM_TESTS_SUPPORT_OP_CASE_H
#define GGDM_TESTS_SUPPORT_OP_CASE_H

#include "models/nn/op_table.h"
#include "tests/support/ggdm_test.h"

#define GGDM_CASE_POISON (-1) /* an image that is NaN throughout */

typedef struct ggdm_op_case {
    const ggdm_op_row *row;
    int64_t batch;
    uint64_t seed; /* $GGDM_TEST_SEED mixed with the row's name */
    ggdm_graph *graph;
    int n_inputs;
    ggdm_val in[GGDM_OP_INPUTS], y, gy;
    ggdm_val grad[GGDM_OP_INPUTS]; /* -1: not differentiable, or built without backward */
    ggdm_shape shape[GGDM_OP_INPUTS], out;
    double *value[GGDM_OP_INPUTS]; /* exactly what the graph gets */
    double *cotangent;
    float *param[GGDM_OP_INPUTS];
    ggdm_tensor tensor[GGDM_OP_INPUTS]; /* the parameters, as the graph borrows them */
    ggdm_params params;
} ggdm_op_case;

/** Build, compile and fill the graph of row for a batch.  Image i of the batch has the content of
 *  image image[i] (image NULL: i): content depends on seed, row and image number only, not on the
 *  place in the batch.  GGDM_CASE_POISON: NaN.  With backward, the gradients of <cotangent, y> for
 *  all differentiable inputs (with_params: parameters too) are built. */
void ggdm_op_case_open(ggdm_op_case *c, const ggdm_op_row *row, int64_t batch, const int *image,
                       bool backward, bool with_params);
void ggdm_op_case_close(ggdm_op_case *c);

/** y and mag of the reference for inputs in[] (models/nn/ref.h); mag may be NULL. */
int64_t ggdm_op_case_reference(const ggdm_op_case *c, double *const *in, double *y, double *mag);

/** One cmocka test per row, named after it, over the op table and the composites; the row is the
 *  test's *state. */
int ggdm_op_case_main(const char *group, CMUnitTestFunction test);

/* Small graphs in which values are used more than once, written as rows (op_composites.c). */
extern const ggdm_op_row ggdm_composite_rows[];
extern const size_t ggdm_composite_n_rows;

#endif
