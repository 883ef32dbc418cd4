/* "TorchSequential": a classifier as PyTorch prints it, a list of layers, "Conv2d(1, 6,
 * kernel_size=(5, 5))".  sequential_text.c reads one, sequential_layers.c has a row for each that
 * there is, sequential.c is the list (docs/MODELS.md has the language). */
#ifndef GGDM_MODELS_ARCH_SEQUENTIAL_H
#define GGDM_MODELS_ARCH_SEQUENTIAL_H

#include "common/fields.h"
#include "common/json_write.h"
#include "models/nn/graph.h"

enum {
    GGDM_SEQ_LAYERS = 128,
    GGDM_SEQ_ARGUMENTS = 10,
    GGDM_SEQ_NAME = 48 /* bytes with the NUL */
};

#define GGDM_SEQ_NONE (-1e9) /* None, of an argument that may be it */

typedef enum ggdm_seq_type {
    GGDM_SEQ_WHOLE,
    GGDM_SEQ_PAIR, /* one number for height and width, or (height, width); or one of words: -1, -2
                    */
    GGDM_SEQ_REAL,
    GGDM_SEQ_FLAG, /* True, False */
    GGDM_SEQ_WORD, /* one of words: its number */
    GGDM_SEQ_ANY,  /* changes no result: not looked at, and not kept */
} ggdm_seq_type;

typedef struct ggdm_seq_argument {
    const char *name; /* NULL ends a table */
    ggdm_seq_type type;
    double value;  /* where it is not said; NAN: it must be */
    double lo, hi; /* equal ones: the only value that is supported */
    const char *const *words;
} ggdm_seq_argument;

/* A layer as it was read. */
typedef struct ggdm_seq_layer {
    char name[GGDM_SEQ_NAME]; /* of its parameters: "0", "features.0" */
    int kind;                 /* row of the table of kinds */
    double value[GGDM_SEQ_ARGUMENTS][2];
} ggdm_seq_layer;

/* What flows between two layers. */
typedef struct ggdm_seq_flow {
    int64_t height, width, channels;
    bool rows;    /* [N, C]: the only pixel of an image, or features */
    bool flat;    /* features */
    bool decided; /* behind a softmax nothing may come */
} ggdm_seq_flow;

typedef struct ggdm_seq_kind {
    const char *name; /* of PyTorch's class; NULL ends a table */
    ggdm_seq_argument arguments[GGDM_SEQ_ARGUMENTS + 1];
    /** Does the layer fit what flows to it?  Then flow is what flows from it, and arguments that
     *  mean the same are brought to one form.  Errors: GGDM_EINVAL with the place of node. */
    ggdm_status (*check)(const ggdm_node *node, ggdm_seq_layer *layer, ggdm_seq_flow *flow,
                         ggdm_error *err);
    /** What the layer makes of x; its parameters are NAME.weight ... */
    ggdm_val (*emit)(ggdm_graph *g, ggdm_val x, const ggdm_seq_layer *layer);
} ggdm_seq_kind;

/* All that are known; sequential_layers.c. */
extern const ggdm_seq_kind ggdm_seq_kinds[];

/** Read "Kind(...)" or, with its name, "(name): Kind(...)", as print(net) writes it.  Arguments
 *  without names are in PyTorch's order.  out->name is set where the text has one.
 *  Errors: GGDM_EINVAL with the place in the document. */
ggdm_status ggdm_seq_read(const ggdm_node *node, ggdm_seq_layer *out, ggdm_error *err);
/** Write it in one form, which reads as the same: a text with what is not at its default. */
void ggdm_seq_write(ggdm_json *json, const ggdm_seq_layer *layer);

#endif
