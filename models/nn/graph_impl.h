/* Inside of the graph engine: shared by graph*.c, plan.c and the op_*.c files only. */
#ifndef GGDM_MODELS_NN_GRAPH_IMPL_H
#define GGDM_MODELS_NN_GRAPH_IMPL_H

#include <assert.h>

#include "models/nn/attend.h"
#include "models/nn/convolve.h"
#include "models/nn/graph.h"
#include "models/nn/kernels.h"
#include "models/nn/onednn.h"

#define GGDM_MAX_IN 6
#define GGDM_MAX_OUT 3

typedef struct ggdm_op ggdm_op;

/* Some images of a batch, and who computes them: the calling thread, in a seat, or all threads
 * together (then they are all images). */
typedef struct ggdm_images {
    int64_t first, n;
    int seat; /* GGDM_ALL_SEATS: all threads */
} ggdm_images;

/* What an op can do.  One constant table entry per kind, in the op_*.c file that owns it. */
typedef struct ggdm_op_kind {
    const char *name;
    /** Compile time, optional: create op->prim, op->attend, or op->convolve, set
     * op->scratch_bytes.
     */
    ggdm_status (*prepare)(ggdm_graph *g, ggdm_op *op, ggdm_error *err);
    /** Optional: read the parameters' content again after it changed (packing). */
    void (*bind)(ggdm_graph *g, ggdm_op *op);
    /** Execute for one image, for some, or once for the whole batch, over which it sums.  Exactly
     *  one of the three is set. */
    void (*run_image)(const ggdm_graph *g, const ggdm_op *op, int64_t n);
    void (*run)(const ggdm_graph *g, const ggdm_op *op, ggdm_images images);
    void (*run_batch)(const ggdm_graph *g, const ggdm_op *op);
    /** Emit the vector-Jacobian product: given the gradient gy of out[0], set gin[i] for those
     *  inputs with need[i].  NULL: the op has no gradient. */
    void (*vjp)(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin);
    /** Floating point operations; NULL: too few to count. */
    double (*flops)(const ggdm_graph *g, const ggdm_op *op);
    /** Bit i: input i, which may be the result of an op, is read as a whole for every image. */
    unsigned whole;
} ggdm_op_kind;

/* When and by whom an op is run (turns.c). */
typedef struct ggdm_turn {
    size_t stretch_end, group_end; /* the op behind the last of its stretch, and of its group */
    size_t stretch, group;         /* the first op of these */
    int64_t share;                 /* images of each seat; 0: all threads run the op together */
    int64_t at_once;               /* of these, images on which the group runs at a time */
    bool early;                    /* before the others of its group, on all images of the share */
} ggdm_turn;

struct ggdm_op {
    const ggdm_op_kind *kind;
    ggdm_val in[GGDM_MAX_IN];   /* -1: absent */
    ggdm_val out[GGDM_MAX_OUT]; /* -1: absent */
    union {                     /* attributes: those of the kind */
        ggdm_conv conv;
        struct {
            double scale, shift;
        } affine;
        struct {
            float lo, hi;
        } clamp;
        struct {
            double sigma;
            int radius, axis;
            bool turned; /* transposed */
        } blur;
        struct {
            int dim;
            bool cosines_first;
            double shift; /* of the frequencies */
        } time;
        ggdm_heads heads;
        struct {
            int groups;
            double eps;
            bool silu;
        } norm;
        struct {
            double eps;
        } layer_norm;
        ggdm_gelu_form gelu;
        struct {
            float scale[GGDM_AFFINE_CHANNELS], shift[GGDM_AFFINE_CHANNELS];
        } channels;
        struct {
            ggdm_resample_form form;
            int axis;
            bool turned; /* transposed */
        } resample;
        struct {
            int part;
        } sum;
        struct {
            int groups, first; /* of channels; the first of each group */
        } slice;
        struct {
            double eps;
            bool relu;
        } fixed_norm;
        ggdm_window window; /* of a pooling */
        struct {
            int times, part; /* rows of an image; which of them */
        } batch;
        struct {
            int size; /* pixels */
        } patch;
        struct {
            int end; /* a token's id; -1: the highest of a text */
        } text;
        const struct ggdm_mixture *mixture; /* borrowed */
        ggdm_levels levels;                 /* its arrays are borrowed */
    };
    ggdm_prim *prim;         /* products, gradients of weights; owned */
    ggdm_attend *attend;     /* attention; owned */
    ggdm_convolve *convolve; /* convolutions and their gradients to the input; owned */
    size_t scratch_bytes;    /* wanted in each seat during run; by run_batch: in all */
    void *scratch;           /* in the arena, of seat 0 */
    ggdm_turn turn;
};

typedef enum ggdm_value_kind { GGDM_VALUE_INPUT, GGDM_VALUE_PARAM, GGDM_VALUE_OP } ggdm_value_kind;

typedef struct ggdm_value {
    ggdm_value_kind kind;
    ggdm_dtype dtype;
    ggdm_shape shape;
    char *name;       /* inputs and parameters; owned */
    const char *slot; /* parameters; borrowed */
    ggdm_init init;   /* parameters */
    int def;          /* op that writes it, -1 for inputs and parameters */
    bool output;      /* stays readable after a run */
    void *data;       /* in the arena; parameters: borrowed */
    int64_t share;    /* images of a seat, or INT64_MAX: the memory is that of all seats */
    int64_t held;     /* of these in memory at a time */
    size_t stride;    /* bytes from a seat's memory to the next one's */
} ggdm_value;

struct ggdm_graph {
    ggdm_dtype dtype;
    const char *slot; /* of the parameters that come; borrowed */
    ggdm_error error; /* first building error, code GGDM_OK when none */
    ggdm_value *values;
    size_t n_values, cap_values;
    ggdm_op *ops;
    size_t n_ops, cap_ops;
    size_t cut;       /* the first op of the second part; 0: there are no parts */
    ggdm_val *params; /* parameters in order of declaration */
    size_t n_params, cap_params;
    ggdm_packs *packs; /* of the parameters; borrowed, or NULL */
    int seats;         /* threads that it can run on */
    char *arena;       /* owned: memory of all seats, then that of each */
    size_t arena_bytes;
    size_t seat_bytes; /* of the memory of each */
    double flops;
};

/** New value written by the op that will be emitted next; -1 after an error. */
ggdm_val ggdm_graph_value(ggdm_graph *g, ggdm_dtype dtype, ggdm_shape shape);

/** Append op (whose out[] values were made by ggdm_graph_value); returns out[0], or -1. */
ggdm_val ggdm_graph_emit(ggdm_graph *g, const ggdm_op *op);

/** An op of a kind with up to four inputs (-1: absent) and nothing else set. */
ggdm_op ggdm_op_make(const ggdm_op_kind *kind, ggdm_val a, ggdm_val b, ggdm_val c, ggdm_val d);

/** The value, or NULL with the error set when v is -1 or has not n dimensions (n 0: any). */
const ggdm_value *ggdm_graph_check(ggdm_graph *g, const char *op, const char *arg, ggdm_val v,
                                   int n);

/* Memory of value i of an op, and of image n of it. */
static inline const ggdm_value *ggdm_in(const ggdm_graph *g, const ggdm_op *op, int i)
{
    return op->in[i] < 0 ? NULL : &g->values[op->in[i]];
}
static inline const ggdm_value *ggdm_out(const ggdm_graph *g, const ggdm_op *op, int i)
{
    return op->out[i] < 0 ? NULL : &g->values[op->out[i]];
}
/* The first of the results that an op has: a gradient may lack those that nobody wants. */
static inline const ggdm_shape *ggdm_op_shape(const ggdm_graph *g, const ggdm_op *op)
{
    int i = 0;
    while (i < GGDM_MAX_OUT - 1 && op->out[i] < 0)
        i++;
    return &ggdm_out(g, op, i)->shape;
}
static inline float *ggdm_f32(const ggdm_value *v)
{
    assert(v->share == INT64_MAX); /* what is read as a whole is in the memory of all seats */
    return v->data;
}
/* Images behind it are contiguous as far as they are held. */
static inline void *ggdm_act_image(const ggdm_value *v, int64_t n)
{
    const int64_t at = n % v->share % v->held;
    return (char *)v->data + (size_t)(n / v->share) * v->stride +
           (size_t)(at * ggdm_shape_inner(&v->shape)) * ggdm_dtype_size(v->dtype);
}
static inline float *ggdm_f32_image(const ggdm_value *v, int64_t n)
{
    return ggdm_act_image(v, n);
}
/* Scratch memory of a seat, or of all one behind the other. */
static inline void *ggdm_scratch(const ggdm_graph *g, const ggdm_op *op, int seat)
{
    return (char *)op->scratch + (seat < 0 ? 0 : (size_t)seat * g->seat_bytes);
}
/* The kernels for the dtype of a value. */
static inline const ggdm_kernels *ggdm_k(const ggdm_value *v)
{
    return ggdm_kernels_of(v->dtype);
}

/** The dtype of activations of a shape: images and sequences (3 or 4 dimensions) have that of the
 *  graph, rows (one per image) are f32: they are small, and oneDNN chooses its kernels for bf16
 *  products by the number of rows, on which bits then depend. */
ggdm_dtype ggdm_graph_act_dtype(const ggdm_graph *g, const ggdm_shape *shape);

/** v in its activation dtype, or in f32: v itself, or the result of a cast. */
ggdm_val ggdm_graph_act(ggdm_graph *g, ggdm_val v);
ggdm_val ggdm_graph_f32(ggdm_graph *g, ggdm_val v);

/** a + b of equal shape and dtype, in that dtype: sums of gradients. */
ggdm_val ggdm_emit_add(ggdm_graph *g, ggdm_val a, ggdm_val b);

/** Decide when and by whom each op is run (turns.c). */
void ggdm_graph_take_turns(ggdm_graph *g);

/** Give every value and every scratch area its place in the arena (plan.c): two that are alive at
 *  the same time never overlap.  Errors: GGDM_ENOMEM, GGDM_ESHAPE. */
ggdm_status ggdm_graph_plan(ggdm_graph *g, ggdm_error *err);

/* Ops that other op_*.c files emit. */
ggdm_val ggdm_emit_linear_conv(ggdm_graph *g, ggdm_val x, ggdm_val w, ggdm_val b, ggdm_shape shape);
/** The sum over all rows or pixels of gy: what a bias of this shape [O] gets. */
ggdm_val ggdm_emit_bias_gradient(ggdm_graph *g, ggdm_val gy, ggdm_shape shape);
/** The sum over images, in their order, of elements part * n ... part * n + n - 1 of each in f32, n
 *  those of the shape: what parameters that all images share get. */
ggdm_val ggdm_emit_sum_images(ggdm_graph *g, ggdm_val partial, int part, ggdm_shape shape);

#endif
