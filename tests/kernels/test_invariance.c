/* Promise 1 of docs/DESIGN.md for every op: the bits of an image's result and of its input gradient
 * do not depend on the batch size, on the place in the batch, on the other images (even when they
 * are NaN throughout), or on the number of threads.
 *
 * Also what resumed training needs: gradients of parameters have the same bits when the same batch
 * is run again, in a new graph. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/op_case.h"

#define PROBE 3 /* the image that is followed */
#define MAX_BATCH 32

/* Copies of the probe's output and input gradients from a batch of one with one thread. */
typedef struct probe {
    float *bits[1 + GGDM_OP_INPUTS];
    int64_t n[1 + GGDM_OP_INPUTS];
} probe;

/* Value 0 of a case is its output, the others are the gradients of its inputs; NULL: none. */
static const float *result(const ggdm_op_case *c, int which, int64_t image, int64_t *n)
{
    const ggdm_val v = which == 0 ? c->y : c->grad[which - 1];
    if (v < 0)
        return NULL;
    *n = ggdm_shape_count(ggdm_graph_shape(c->graph, v)) / c->batch;
    return (const float *)ggdm_graph_data(c->graph, v) + image * *n;
}

static void probe_take(probe *p, const ggdm_op_subject *subject)
{
    const int alone[1] = {PROBE};
    ggdm_op_case c;
    memset(p, 0, sizeof *p);
    omp_set_num_threads(1);
    ggdm_op_case_open(&c, subject, 1, alone, true, false);
    ggdm_graph_run(c.graph);
    for (int i = 0; i <= c.n_inputs; i++) {
        const float *bits = result(&c, i, 0, &p->n[i]);
        if (bits) {
            p->bits[i] = ggdm_test_alloc((size_t)p->n[i], sizeof(float));
            memcpy(p->bits[i], bits, (size_t)p->n[i] * sizeof(float));
        }
    }
    ggdm_op_case_close(&c);
}

static void probe_free(probe *p)
{
    for (int i = 0; i <= GGDM_OP_INPUTS; i++)
        free(p->bits[i]);
}

/* Every image of the batch that is the probe must have the probe's bits. */
static void compare(const probe *p, const ggdm_op_subject *subject, int batch, const int *image,
                    int threads)
{
    ggdm_op_case c;
    omp_set_num_threads(threads);
    ggdm_op_case_open(&c, subject, batch, image, true, false);
    ggdm_graph_run(c.graph);
    for (int i = 0; i <= c.n_inputs; i++) {
        for (int place = 0; place < batch; place++) {
            int64_t n;
            const float *bits = image[place] == PROBE ? result(&c, i, place, &n) : NULL;
            char what[300];
            if (!bits)
                continue;
            snprintf(what, sizeof what, "%s: %s%s, batch %d, place %d, threads %d, neighbours %s",
                     c.name, i ? "gradient of " : "output", i ? c.row->op->in[i - 1].name : "",
                     batch, place, threads, image[1] == GGDM_CASE_POISON ? "NaN" : "finite");
            ggdm_test_same_bits(what, bits, p->bits[i], (size_t)n, ggdm_test_seed());
        }
    }
    ggdm_op_case_close(&c);
}

static void test_op_image_bits_depend_on_the_image_only(void **state)
{
    static const int batches[] = {1, 2, 7, MAX_BATCH};
    const ggdm_op_subject *subject = *state;
    probe p;
    probe_take(&p, subject);
    for (int threads = 1; threads <= 2; threads++) {
        for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++) {
            int image[MAX_BATCH];
            for (int i = 0; i < batches[b]; i++) /* the first, the last, and every fifth place */
                image[i] = i % 5 == 0 || i == batches[b] - 1 ? PROBE : 10 + i;
            compare(&p, subject, batches[b], image, threads);
            for (int i = 0; i < batches[b]; i++)
                image[i] = image[i] == PROBE ? PROBE : GGDM_CASE_POISON;
            if (batches[b] == 7)
                compare(&p, subject, batches[b], image, threads);
        }
    }
    probe_free(&p);
}

static bool has_params(const ggdm_op_row *row)
{
    for (int i = 0; i < GGDM_OP_INPUTS; i++) {
        if (row->op->in[i].role == GGDM_ROLE_PARAM)
            return true;
    }
    return false;
}

static void test_op_parameter_gradient_bits_repeat(void **state)
{
    const ggdm_op_subject *subject = *state;
    const ggdm_op_row *row = subject->row;
    ggdm_op_case a, b;
    if (!has_params(row))
        return;
    omp_set_num_threads(2);
    ggdm_op_case_open(&a, subject, 7, NULL, true, true);
    ggdm_op_case_open(&b, subject, 7, NULL, true, true);
    ggdm_graph_run(a.graph);
    for (int run = 0; run < 3; run++) {
        ggdm_graph_run(b.graph);
        for (int i = 0; i < a.n_inputs; i++) {
            if (row->op->in[i].role == GGDM_ROLE_PARAM && a.in[i] >= 0)
                ggdm_test_same_bits(a.name, ggdm_graph_data(b.graph, b.grad[i]),
                                    ggdm_graph_data(a.graph, a.grad[i]),
                                    (size_t)ggdm_shape_count(&a.shape[i]), ggdm_test_seed());
        }
    }
    ggdm_op_case_close(&a);
    ggdm_op_case_close(&b);
}

int main(void)
{
    return ggdm_op_case_main("image bits", test_op_image_bits_depend_on_the_image_only) +
           ggdm_op_case_main("parameter gradients", test_op_parameter_gradient_bits_repeat);
}
