/* The table of all differentiable ops: one entry per op, one row per configuration.  It drives the
 * comparison with the references (tests/kernels), the gradient checks (tests/grad), the invariance
 * tests and the benchmarks.  A new op gets an entry in op_entries.c and rows in
 * op_table.c. */
#ifndef GGDM_MODELS_NN_OP_TABLE_H
#define GGDM_MODELS_NN_OP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/nn/graph.h"
#include "models/nn/ref.h"

#define GGDM_OP_INPUTS 5
#define GGDM_BATCH 0           /* in the shapes of a row: this extent is the batch */
#define GGDM_BATCHES(k) (-(k)) /* this one k times the batch */

typedef enum ggdm_op_role {
    GGDM_ROLE_NONE,
    GGDM_ROLE_ACT,   /* f32 activation, batch first, differentiable */
    GGDM_ROLE_FIXED, /* f32 per image, constants of a schedule: no gradient */
    GGDM_ROLE_INDEX, /* i32 per image */
    GGDM_ROLE_PARAM  /* parameter, differentiable */
} ggdm_op_role;

/* Which values an input is tested with. */
typedef enum ggdm_op_fill {
    GGDM_FILL_NORMAL,   /* standard normal; in a bf16 graph numbers of bf16, as all below */
    GGDM_FILL_FINE,     /* standard normal, not rounded to bf16: for the cast */
    GGDM_FILL_APART,    /* no ties and none near 0: for ops with kinks (relu, max_pool) */
    GGDM_FILL_POSITIVE, /* well above 0 */
    GGDM_FILL_TIME,     /* integers 0 .. 999 */
    GGDM_FILL_LOGP,     /* negative */
    GGDM_FILL_SHARE,    /* in [0, 1) */
    GGDM_FILL_INDEX     /* integers of the row's range */
} ggdm_op_fill;

typedef struct ggdm_op_input {
    const char *name;
    ggdm_op_role role;
    ggdm_op_fill fill;
} ggdm_op_input;

#define GGDM_OP_F32 (-1)

typedef struct ggdm_op_entry {
    const char *name; /* as in ops.h, without ggdm_ */
    ggdm_op_input in[GGDM_OP_INPUTS];
    ggdm_ref_shape_fn *shape;
    ggdm_ref_fn *ref;
    ggdm_val (*emit)(ggdm_graph *g, const ggdm_op_config *cfg, const ggdm_val *in);
    /* 0: the factors of the derivative are inputs or constants.  Otherwise they are computed and
     * may cancel (softmax, group norm; 1 - sigmoid(x) loses up to |x| units until it vanishes at
     * 17): gradients are then accurate relative to their largest element, with so many roundings
     * more. */
    int factor_roundings;
    /* In a bf16 graph: values that are rounded to bf16 (or approximated as well as that asks for)
     * between the inputs and the result or a gradient.  The rounding of the result itself is not
     * counted.  GGDM_OP_F32: no value in between is bf16, nor is the result. */
    int bf16_roundings;
} ggdm_op_entry;

typedef struct ggdm_op_row {
    const char *name; /* unique: "conv2d 3x3 s1 1->8" */
    const ggdm_op_entry *op;
    int batch;                        /* for the comparison and the gradient check */
    ggdm_shape shape[GGDM_OP_INPUTS]; /* n = 0: absent (a bias) */
    ggdm_op_config cfg;
    double scale;               /* of the activations; 0 stands for 1 */
    int64_t index_lo, index_hi; /* range of indices: [lo, hi) */
} ggdm_op_row;

extern const ggdm_op_row ggdm_op_rows[];
extern const size_t ggdm_op_n_rows;

/** Shape of input i of the row for a batch. */
ggdm_shape ggdm_op_input_shape(const ggdm_op_row *row, int i, int64_t batch);

#endif
