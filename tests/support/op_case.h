/* A row of the op table built as a graph, with reproducible inputs: what the kernel, gradient and
 * invariance tests have in common. */
#ifndef GGDM_TESTS_SUPPORT_OP_CASE_H
#define GGDM_TESTS_SUPPORT_OP_CASE_H

#include "models/nn/op_table.h"
#include "tests/support/ggdm_test.h"

#define GGDM_CASE_POISON (-1) /* an image that is NaN throughout */

#define GGDM_TEST_EPS_BF16 0x1p-8 /* unit roundoff of bf16 */
#define GGDM_TEST_SIGMAS_BF16                                                                      \
    2.9 /* 5 standard deviations of a rounding error, in unit roundoffs                            \
         */

/* What a test of ggdm_op_case_main gets as its *state: a row and the dtype of its graph. */
typedef struct ggdm_op_subject {
    const ggdm_op_row *row;
    ggdm_dtype dtype;
    char name[128];
} ggdm_op_subject;

typedef struct ggdm_op_case {
    const ggdm_op_row *row;
    const char *name; /* of the subject */
    ggdm_dtype dtype;
    bool rounds; /* values of the graph are bf16 */
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

/** Build, compile and fill the graph of a subject for a batch; outputs and gradients are f32.  For
 *  a bf16 graph all activations, parameters and cotangents are values of bf16, so that casts of
 * them are exact (but for GGDM_FILL_FINE).  Image i of the batch has the content of image image[i]
 * (image NULL: i): content depends on seed, row and image number only, not on the place in the
 * batch.  GGDM_CASE_POISON: NaN.  With backward, the gradients of <cotangent, y> for all
 * differentiable inputs (with_params: parameters too) are built. */
void ggdm_op_case_open(ggdm_op_case *c, const ggdm_op_subject *subject, int64_t batch,
                       const int *image, bool backward, bool with_params);
void ggdm_op_case_close(ggdm_op_case *c);

/** y and mag of the reference for inputs in[] (models/nn/ref.h); mag may be NULL. */
int64_t ggdm_op_case_reference(const ggdm_op_case *c, double *const *in, double *y, double *mag);

/** One cmocka test per row and dtype, named after them ("bf16 ..."), over the op table and the
 *  composites; the test's *state is a ggdm_op_subject.  Without bf16 where the machine has none. */
int ggdm_op_case_main(const char *group, CMUnitTestFunction test);

/* Small graphs in which values are used more than once, written as rows (op_composites.c). */
extern const ggdm_op_row ggdm_composite_rows[];
extern const size_t ggdm_composite_n_rows;

#endif
