/* Define-once static graph.
 *
 * A network is a list of ops over immutable values (static single assignment).  Building a graph
 * derives shapes; `ggdm_graph_backward` appends the ops of the vector-Jacobian product to the same
 * list; `ggdm_graph_compile` plans one arena from the values' lifetimes, creates the oneDNN
 * primitives and binds the parameters.  Running executes the list and allocates nothing.
 *
 * Activations are [N, H, W, C] (last index fastest) or [N, C]; parameters have the shape and layout
 * of the checkpoint (convolution [O, I, KH, KW], linear [O, I]).
 *
 * Building is sticky: the first error is kept, further calls return -1 and do nothing, compile
 * reports it.  A graph is used by one thread, which shares the work with those of OpenMP.  Not
 * collective.
 *
 * The ops themselves are declared in models/nn/ops.h. */
#ifndef GGDM_MODELS_NN_GRAPH_H
#define GGDM_MODELS_NN_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "models/nn/shape.h"

/* A named tensor outside of any graph: a checkpoint's entry.  Name and data are borrowed. */
typedef struct ggdm_tensor {
    const char *name;
    ggdm_dtype dtype;
    ggdm_shape shape;
    const void *data;
} ggdm_tensor;

/* The parameters of a model, in any order, names unique.  oneDNN wants its own layouts of them:
 * graphs of the same parameters that are given one packs (models/nn/packs.h; borrowed) pack each
 * layout once and share it; without, each graph has its own. */
typedef struct ggdm_params {
    ggdm_tensor *items;
    size_t n;
    struct ggdm_packs *packs; /* or NULL */
} ggdm_params;

/** The one of this name, or NULL. */
const ggdm_tensor *ggdm_params_find(const ggdm_params *params, const char *name);

/* How the trainer initialises a parameter. */
typedef enum ggdm_init_kind {
    GGDM_INIT_ZERO,
    GGDM_INIT_ONE,
    GGDM_INIT_CONSTANT, /* scale */
    GGDM_INIT_UNIFORM,  /* uniform in +-scale: scale = 1/sqrt(fan_in) is PyTorch's default */
    GGDM_INIT_NORMAL    /* normal with standard deviation scale */
} ggdm_init_kind;

typedef struct ggdm_init {
    ggdm_init_kind kind;
    double scale;
} ggdm_init;

typedef struct ggdm_graph ggdm_graph;
typedef int32_t ggdm_val; /* index of a value in its graph; -1: none, or building failed */

/** Empty graph whose activations have the given dtype, GGDM_F32 or GGDM_BF16.  In a bf16 graph the
 *  values that ops make of images are bf16; rows ([N, C]), parameters, statistics and losses are
 *  f32.  Ops take f32 images too (a cast is put in front).
 *  Errors: GGDM_EUNSUPPORTED for a dtype that this machine cannot compute in, GGDM_ENOMEM. */
ggdm_status ggdm_graph_create(ggdm_dtype dtype, ggdm_graph **out, ggdm_error *err);
void ggdm_graph_destroy(ggdm_graph **g);

/** Record the first building error; returns -1. */
ggdm_val ggdm_graph_fail(ggdm_graph *g, ggdm_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** An input that the caller fills (ggdm_graph_data) before each run. */
ggdm_val ggdm_graph_input(ggdm_graph *g, const char *name, ggdm_dtype dtype, ggdm_shape shape);

/** Parameters declared from now on are of this slot ("diffusion", "guide"; borrowed, it must
 * outlive the graph): two networks in one graph may name theirs alike.  A graph begins with slot
 * "". */
void ggdm_graph_slot(ggdm_graph *g, const char *slot);

/** A parameter: bound by slot and name at compile time.  A slot has one of a name, which is
 *  declared as often as it is used: init is that of the first time.  Errors: GGDM_ESHAPE for
 * another shape than before. */
ggdm_val ggdm_graph_param(ggdm_graph *g, const char *name, ggdm_shape shape, ggdm_init init);

/** Keep v readable after a run. */
void ggdm_graph_output(ggdm_graph *g, ggdm_val v);

/** Append the vector-Jacobian product: for seed gy (same shape as y) the gradients of <gy, y> with
 *  respect to the n values wrt[] (inputs, intermediate values or parameters) into grads[]; -1 where
 *  y does not depend on wrt[i].  The gradients are marked as outputs.
 *  Gradients of parameters have the parameter's shape and layout.  gy may be f32 where y is bf16;
 *  gradients are f32 in any graph. */
void ggdm_graph_backward(ggdm_graph *g, ggdm_val y, ggdm_val gy, int n, const ggdm_val *wrt,
                         ggdm_val *grads);

const ggdm_shape *ggdm_graph_shape(const ggdm_graph *g, ggdm_val v);
ggdm_dtype ggdm_graph_dtype(const ggdm_graph *g, ggdm_val v);

/* Parameters in order of declaration. */
typedef struct ggdm_param_info {
    const char *name; /* borrowed from the graph */
    ggdm_shape shape;
    ggdm_init init;
    ggdm_val value;
} ggdm_param_info;

int ggdm_graph_param_count(const ggdm_graph *g);
ggdm_param_info ggdm_graph_param_info(const ggdm_graph *g, int i);

/* The parameters of a slot. */
typedef struct ggdm_slot {
    const char *name;
    const ggdm_params *params;
} ggdm_slot;

/** The first building error, of a graph that is not to be compiled. */
ggdm_status ggdm_graph_status(const ggdm_graph *g, ggdm_error *err);

/** Finish the graph: report building errors, bind the parameters, plan and allocate the arena.
 *  What the parameters view, and packs (or NULL), are borrowed for the lifetime of the graph.
 *  Errors: the first building error; GGDM_ESHAPE naming the tensor, the shape found and the shape
 *  expected; GGDM_EFORMAT for a missing tensor. */
ggdm_status ggdm_graph_compile_slots(ggdm_graph *g, const ggdm_slot *slots, int n_slots,
                                     struct ggdm_packs *packs, ggdm_error *err);
/** The same for a graph of one network, in slot "". */
ggdm_status ggdm_graph_compile(ggdm_graph *g, const ggdm_params *params, ggdm_error *err);

/** Memory of an input, output or gradient, aligned to 64 bytes; valid after compile.  Outputs keep
 *  their content until the next run. */
void *ggdm_graph_data(const ggdm_graph *g, ggdm_val v);

/** Tell the graph that the content of the parameters has changed (training). */
void ggdm_graph_params_changed(ggdm_graph *g);

/** Execute all ops, forward and backward. */
void ggdm_graph_run(ggdm_graph *g);

/** What is emitted from now on can be run apart from what came before (once in a graph): what is
 *  between may fill inputs by what the first part gave, as seeds of gradients. */
void ggdm_graph_cut(ggdm_graph *g);
void ggdm_graph_run_first(ggdm_graph *g);
void ggdm_graph_run_second(ggdm_graph *g);

/** Bytes of the arena (activations, gradients and scratch). */
size_t ggdm_graph_arena_bytes(const ggdm_graph *g);
/** Floating point operations of one run in convolutions and matrix products: counted while it is
 *  built, so it need not be compiled. */
double ggdm_graph_flops(const ggdm_graph *g);

#endif
