/* A program: the graph of one tick, out of the text of a setting (docs/decisions/017), or of one
 * score.
 *
 * Implementations of guidances, losses and scorers emit ops through a ggdm_emit: it holds the
 * graph, the batch, the models by digest, and the value rows, which become inputs per image that
 * the walk fills. */
#ifndef GGDM_WORKER_EMIT_H
#define GGDM_WORKER_EMIT_H

#include "jobs/item.h"
#include "models/model.h"
#include "models/nn/graph.h"
#include "worker/pictures.h"

/* The models and pictures of a run, by the digests that stand in recipes. */
typedef struct ggdm_model_ref {
    const char *digest;      /* hex */
    const ggdm_model *model; /* with weights, or (for counting operations) without */
} ggdm_model_ref;
typedef struct ggdm_models {
    const ggdm_model_ref *items;
    size_t n;
    const ggdm_pictures *pictures; /* NULL: none */
} ggdm_models;

/** NULL: there is none. */
const ggdm_model *ggdm_models_find(const ggdm_models *models, const char *digest);

/* Shape of images. */
typedef struct ggdm_image_shape {
    int32_t height, width, channels;
} ggdm_image_shape;

/* An input that the walk fills with a value of each image's setting (or condition). */
typedef struct ggdm_port {
    ggdm_val value;           /* [N] f32, or i32 of a class */
    const ggdm_value *source; /* in the item tree that was emitted */
    int32_t index; /* of the value among the value rows of that tree, in order of visit */
    bool of_head;  /* of the head's tree (a condition), not of the setting's */
    bool is_class;
} ggdm_port;

/* The same with the pixels of a picture of each image's setting. */
typedef struct ggdm_picture_port {
    ggdm_val value; /* [N, H, W, channels] f32 */
    const ggdm_value *source;
    int32_t index;
    int32_t channels;
    bool mask;
} ggdm_picture_port;

#define GGDM_MAX_PORTS 64
#define GGDM_MAX_PICTURE_PORTS 16
#define GGDM_MAX_TERMS 16
#define GGDM_MAX_SLOTS 16

/* Where a term's gradient is taken: with respect to what, and how it reaches x. */
typedef enum ggdm_gradient {
    GGDM_XT_FULL,
    GGDM_XT_AFFINE,
    GGDM_X0,
    GGDM_N_GRADIENTS
} ggdm_gradient;

/* "xt-full", "xt-affine", "x0", NULL: the choices of a row. */
extern const char *const ggdm_gradient_names[];

/* A loss that a guidance wants to go down. */
typedef struct ggdm_term {
    ggdm_gradient gradient;
    ggdm_val loss; /* [N] */
    const ggdm_item *item;
    const char *weight; /* value row of item */
} ggdm_term;

/* One gradient that the step applies: x -= weight * grad (times x0_x for xt-affine).  Terms with
 * respect to the same thing are one shift: one backward pass serves them all. */
typedef struct ggdm_shift {
    ggdm_gradient gradient;
    ggdm_val loss;  /* [N] of the term, or the weighted sum of several */
    ggdm_val grad;  /* [N, H, W, C] */
    int32_t weight; /* of the value row that the walk applies, as ggdm_port.index; -1: it is inside
                       the loss */
} ggdm_shift;

/* Inputs that make eps of another prediction: eps = of_x x + of_out out (worker/prediction.h). */
typedef struct ggdm_prediction_vals {
    ggdm_val of_x, of_out; /* [N]; -1: not needed */
} ggdm_prediction_vals;

typedef struct ggdm_emit {
    ggdm_graph *graph;
    int32_t batch;
    const ggdm_models *models;
    const ggdm_item *head;       /* of a tick; NULL: a score */
    const ggdm_item *setting;    /* NULL: unguided; of a score: the scorer */
    ggdm_val x, t, x0_x, x0_eps; /* inputs; -1 where there is none */
    ggdm_val ones, zeros;        /* [N] f32: constants, filled once */
    ggdm_prediction_vals predictions[GGDM_N_PREDICTIONS];
    ggdm_val eps, x0; /* of the network; x0-hat */
    ggdm_val score;   /* [N, K] or [N] */
    ggdm_port ports[GGDM_MAX_PORTS];
    int32_t n_ports;
    ggdm_picture_port pictures[GGDM_MAX_PICTURE_PORTS];
    int32_t n_pictures;
    ggdm_term terms[GGDM_MAX_TERMS];
    int32_t n_terms;
    ggdm_shift shifts[GGDM_N_GRADIENTS];
    int32_t n_shifts;
    const ggdm_model_ref *slots[GGDM_MAX_SLOTS]; /* models used: their digests name the slots */
    int32_t n_slots;
    ggdm_status status; /* sticky, as the graph's */
    ggdm_error error;
} ggdm_emit;

/* ---- for programs: graph, batch, models and the trees are set, all else is zero ---- */

/** Emit a tick: x, t -> eps, x0-hat, the shifts. */
void ggdm_emit_tick(ggdm_emit *e);
/** Emit a score of images of a shape. */
void ggdm_emit_score(ggdm_emit *e, ggdm_image_shape shape);
/** The first error. */
ggdm_status ggdm_emit_status(const ggdm_emit *e, ggdm_error *err);

/* ---- for implementations ---- */

/** The input of a value row: REAL as [N] f32, CLASS as [N] i32.  -1 after an error. */
ggdm_val ggdm_emit_value(ggdm_emit *e, const ggdm_item *item, const char *key);
/** The picture in a FILE row of a setting or a scorer, which is given, as [N, H, W, C] f32 in data
 *  units.  It must have this shape, or one channel, which then stands for all. */
ggdm_val ggdm_emit_picture(ggdm_emit *e, const ggdm_item *item, const char *key,
                           ggdm_image_shape shape);
/** The same from 0 (black) to 1 (white). */
ggdm_val ggdm_emit_mask(ggdm_emit *e, const ggdm_item *item, const char *key,
                        ggdm_image_shape shape);
/** The model in a MODEL row; from now on parameters are of its slot (each model has one in a graph,
 *  however often it is used).  NULL after an error. */
const ggdm_model *ggdm_emit_model(ggdm_emit *e, const ggdm_item *item, const char *key);
/** What the classifier in a MODEL row makes of images [N, H, W, C] -> log probabilities [N, K]. */
ggdm_val ggdm_emit_classifier(ggdm_emit *e, const ggdm_item *item, const char *key, ggdm_val x);
/** The loss of a loss item at an image estimate [N, H, W, C] -> [N], its `weight` row included. */
ggdm_val ggdm_emit_loss(ggdm_emit *e, const ggdm_item *loss, ggdm_val x0);
/** Add a loss [N] to the shift of this gradient; weight: value row of item, applied by the walk
 *  where the shift has one term, inside the graph where it has several. */
void ggdm_emit_shift(ggdm_emit *e, ggdm_gradient gradient, ggdm_val loss, const ggdm_item *item,
                     const char *weight);
/** Keep the first error. */
void ggdm_emit_fail(ggdm_emit *e, ggdm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** The same about a row of an item: where the tree is a sweep's, at its place there. */
void ggdm_emit_fail_at(ggdm_emit *e, ggdm_status status, const ggdm_item *item, const char *key,
                       const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
