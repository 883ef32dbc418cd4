/* Every op and configuration of the op table against its double-precision reference.
 *
 * Tolerance: an evaluation in f32 with any order of summation differs from the exact value by at
 * most (k + c) u mag, where mag is the sum of absolute contributions and k the number of terms in
 * the longest sum (models/nn/ref.h), u = 2^-24.  The inputs are f32, so they carry no error.
 * Numbers below the smallest normal one may be flushed, an exp clamped there: hence TINY.
 *
 * In a bf16 graph the inputs are numbers of bf16 and products of two are exact in f32.  The result
 * is rounded once, by u_bf16 |y| with u_bf16 = 2^-8.  Values rounded in between (the weights of
 * attention; bf16_roundings in the op table says how often) make errors that are independent of
 * each other, so they add up as the contributions to y themselves do: to u_bf16 / sqrt(3) times the
 * rms of y each time, of which 5 standard deviations are allowed. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "tests/support/op_case.h"

#define TINY (1e3 * FLT_MIN)

/* The bound, per element, in tol[]; must stay below one percent of the signal (bf16: ten), or it
 * could not tell a wrong result from a right one. */
static void tolerance(const ggdm_op_case *c, const double *y, const double *mag, int64_t k,
                      int64_t n, double *tol)
{
    double signal = 0, noise = 0;
    const bool bf16 = c->rounds;
    for (int64_t i = 0; i < n; i++)
        signal += y[i] * y[i];
    const double between =
        c->row->op->bf16_roundings * GGDM_TEST_SIGMAS_BF16 * sqrt(signal / (double)n);
    for (int64_t i = 0; i < n; i++) {
        tol[i] = (double)(k + GGDM_REF_ROUNDINGS) * GGDM_TEST_EPS32 * mag[i] + TINY;
        if (bf16)
            tol[i] += GGDM_TEST_EPS_BF16 * (fabs(y[i]) + between);
        noise += tol[i] * tol[i];
    }
    if (!(noise <= (bf16 ? 1e-2 : 1e-4) * signal))
        ggdm_test_fail("%s: the tolerance (rms %.3g) is not below %d %% of the signal (rms %.3g)",
                       c->name, sqrt(noise / (double)n), bf16 ? 10 : 1, sqrt(signal / (double)n));
}

static void test_op_forward_equals_reference(void **state)
{
    const ggdm_op_subject *subject = *state;
    ggdm_op_case c;
    ggdm_op_case_open(&c, subject, subject->row->batch, NULL, false, false);
    const int64_t n = ggdm_shape_count(&c.out);
    double *y = ggdm_test_alloc((size_t)n, sizeof *y), *mag = ggdm_test_alloc((size_t)n, sizeof *y);
    double *tol = ggdm_test_alloc((size_t)n, sizeof *y);
    const int64_t k = ggdm_op_case_reference(&c, c.value, y, mag);
    tolerance(&c, y, mag, k, n, tol);
    for (int run = 0; run < 2; run++) { /* a second run must not depend on the first */
        ggdm_graph_run(c.graph);
        ggdm_test_close(c.name, ggdm_graph_data(c.graph, c.y), y, tol, (size_t)n, ggdm_test_seed());
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
