/* Every op and configuration of the op table against its double-precision reference.
 *
 * Tolerance: an evaluation in f32 with any order of summation differs from the exact value by at
 * most (k + c) u mag, where mag is the sum of absolute contributions and k the number of terms in
 * the longest sum (models/nn/ref.h), u = 2^-24.  The inputs are f32, so they carry no error.
 * Numbers below the smallest normal one may be flushed, an exp clamped there: hence TINY. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "tests/support/op_case.h"

#define TINY (1e3 * FLT_MIN)

/* The bound, per element, in tol[]; must stay below one percent of the signal, or it could not
 * tell a wrong result from a right one. */
static void tolerance(const char *name, const double *y, const double *mag, int64_t k, int64_t n,
                      double *tol)
{
    double signal = 0, noise = 0;
    for (int64_t i = 0; i < n; i++) {
        tol[i] = (double)(k + GGDM_REF_ROUNDINGS) * GGDM_TEST_EPS32 * mag[i] + TINY;
        signal += y[i] * y[i];
        noise += tol[i] * tol[i];
    }
    if (!(noise <= 1e-4 * signal))
        ggdm_test_fail("%s: the tolerance (rms %.3g) is not below 1 %% of the signal (rms %.3g)",
                       name, sqrt(noise / (double)n), sqrt(signal / (double)n));
}

static void test_op_forward_equals_reference(void **state)
{
    const ggdm_op_row *row = *state;
    ggdm_op_case c;
    ggdm_op_case_open(&c, row, row->batch, NULL, false, false);
    const int64_t n = ggdm_shape_count(&c.out);
    double *y = ggdm_test_alloc((size_t)n, sizeof *y), *mag = ggdm_test_alloc((size_t)n, sizeof *y);
    double *tol = ggdm_test_alloc((size_t)n, sizeof *y);
    const int64_t k = ggdm_op_case_reference(&c, c.value, y, mag);
    tolerance(row->name, y, mag, k, n, tol);
    for (int run = 0; run < 2; run++) { /* a second run must not depend on the first */
        ggdm_graph_run(c.graph);
        ggdm_test_close(row->name, ggdm_graph_data(c.graph, c.y), y, tol, (size_t)n,
                        ggdm_test_seed());
    }
    free(y);
    free(mag);
    free(tol);
    ggdm_op_case_close(&c);
}

int main(void)
{
    return ggdm_op_case_main("ops against references", test_op_forward_equals_reference);
}
