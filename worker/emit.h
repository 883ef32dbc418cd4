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
#include "worker/chain.h"
#include "worker/pictures.h"
#include "worker/prompts.h"

/* The models and pictures of a run, by the digests that stand in recipes. */
typedef struct ggdm_model_ref {
    const char *digest;      /* hex */
    const ggdm_model *model; /* with weights, or (for counting operations) without */
    const char *name;        /* that the sweep has for it, for messages; NULL: its directory is */
} ggdm_model_ref;
typedef struct ggdm_models {
    const ggdm_model_ref *items;
    size_t n;
    const ggdm_pictures *pictures; /* NULL: none */
} ggdm_models;

/** NULL: there is none. */
const ggdm_model_ref *ggdm_models_ref(const ggdm_models *models, const char *digest);
const ggdm_model *ggdm_models_find(const ggdm_models *models, const char *digest);
/** What messages call a model of these; borrowed. */
const char *ggdm_models_name(const ggdm_models *models, const ggdm_model *model);

/* Shape of images. */
typedef struct ggdm_image_shape {
    int32_t height, width, channels;
} ggdm_image_shape;

/* Numbers of a step by which values in graphs are multiplied (ggdm_scale_in). */
typedef enum ggdm_number {
    GGDM_NUMBER_ONE,
    GGDM_NUMBER_MINUS,     /* -1 */
    GGDM_NUMBER_CURRENT,   /* 1 / sqrt(alpha): what moves x_t moves x_{t-1} by that */
    GGDM_NUMBER_VARIANCE,  /* Sigma */
    GGDM_NUMBER_SIGNAL,    /* sqrt(ab) */
    GGDM_NUMBER_NOISE,     /* sqrt(1 - ab) */
    GGDM_NUMBER_PER_NOISE, /* 1 / sqrt(1 - ab) */
    GGDM_NUMBER_TO_EPS,    /* -sqrt(ab / (1 - ab)): what moves x0-hat moves eps by that */
    GGDM_N_NUMBERS
} ggdm_number;

/* The factor of a value in a step; zero: 1. */
typedef struct ggdm_scale {
    ggdm_schedule schedule;
    ggdm_number number;
    bool through_x0; /* and x0_x: of a gradient that came to x0-hat and is meant at x_t */
} ggdm_scale;

/** The factor.  f32, in a fixed order. */
float ggdm_scale_in(const ggdm_scale *scale, const ggdm_step *step);

/* An input that the walk fills: a value of each image's setting (or condition) times a number of
 * the step. */
typedef struct ggdm_port {
    ggdm_val value;           /* [rows] f32, or i32 of a class */
    const ggdm_value *source; /* in the item tree that was emitted; NULL: the number alone */
    int32_t index; /* of the value among the value rows of that tree, in order of visit */
    bool of_head;  /* of the head's tree (a condition), not of the setting's */
    bool is_class;
    int32_t copies; /* rows of an image, one behind the other */
    bool paired;    /* of two copies the second is `other` */
    int32_t other;
    ggdm_scale scale;
} ggdm_port;

/* The same with the pixels of a picture of each image's setting. */
typedef struct ggdm_picture_port {
    ggdm_val value; /* [N, H, W, channels] f32 */
    const ggdm_value *source;
    int32_t index;
    int32_t channels;
    bool mask;
} ggdm_picture_port;

#define GGDM_MAX_PICTURE_PORTS 16

/* The same with what a model makes of prompts of each image's setting (or condition). */
typedef struct ggdm_text_port {
    ggdm_val value; /* [rows, E] or [rows, T, C] f32 */
    ggdm_text_form form;
    const ggdm_model_ref *reader;
    bool truncate;
    int32_t copies;               /* rows of an image, one behind the other: a prompt for each */
    const ggdm_value *sources[2]; /* [copies]; NULL: the empty prompt */
    int32_t indices[2];           /* as in ggdm_port; -1: the empty prompt */
    bool of_head;
} ggdm_text_port;

#define GGDM_MAX_TEXT_PORTS 16
/* An input of one number (or class) everywhere, filled once. */
typedef struct ggdm_constant {
    ggdm_val value; /* [rows], or images */
    bool is_class;
    int64_t count; /* of elements */
    float number;
} ggdm_constant;

/* An input of standard normals: rows of an image are its first so many (GGDM_SMOOTHING_NOISE). */
typedef struct ggdm_noise_input {
    ggdm_val value; /* [N * samples, H, W, C] */
    int32_t samples;
} ggdm_noise_input;

/* An input of squares to be cut out, drawn anew in each step (GGDM_CUTOUTS): side, top and left as
 * shares of what is possible. */
typedef struct ggdm_window_input {
    ggdm_val value;  /* [rows, 3] f32 */
    int32_t windows; /* of an image, one behind the other */
    double power;    /* of the side's share */
} ggdm_window_input;

#define GGDM_MAX_PORTS 96
#define GGDM_MAX_CONSTANTS 32
#define GGDM_MAX_TERMS 16
#define GGDM_MAX_SLOTS 16
#define GGDM_MAX_SMOOTHING 64 /* samples of one smoothed loss */
#define GGDM_MAX_REPEATS 64   /* of one step */
#define GGDM_MAX_CUTOUTS 256  /* of an image */

/* A gradient that the walk subtracts from the step's result: x -= weight * grad, one after the
 * other. */
typedef struct ggdm_shift {
    ggdm_val loss;  /* [N] of the term, or the weighted sum of several */
    ggdm_val grad;  /* [N, H, W, C] */
    int32_t weight; /* of the value row that the walk applies, as ggdm_port.index; -1: it is inside
                       the loss */
    ggdm_scale scale;
} ggdm_shift;

/* What a term of a guidance is seen by, by whoever looks at a tick: its loss before any weight, and
 * the gradient that was taken, which has this weight and scale in it already.  Terms that share a
 * backward pass have that of their weighted sum. */
typedef struct ggdm_seen_term {
    ggdm_val loss, grad; /* grad -1: the loss does not depend on anything */
    int32_t weight;      /* as in ggdm_shift */
    ggdm_scale scale;
} ggdm_seen_term;

/* What a network is given: the condition of the images (a label or a prompt), none, or rows in
 * pairs of both.  None is the label of no class; of prompts the negative one, else the empty one.
 */
typedef enum ggdm_given { GGDM_GIVEN_CONDITION, GGDM_GIVEN_NONE, GGDM_GIVEN_BOTH } ggdm_given;

typedef struct ggdm_emit {
    ggdm_graph *graph;
    int32_t batch;
    const ggdm_models *models;
    const ggdm_item *head;       /* of a tick; NULL: a score */
    const ggdm_item *setting;    /* NULL: unguided; of a score: the scorer */
    ggdm_val x, t, x0_x, x0_eps; /* inputs; -1 where there is none */
    ggdm_val eps, x0;            /* after what moves eps; x0-hat of that eps */
    ggdm_val x0_first;           /* x0-hat as the network has it */
    ggdm_val x0_change;          /* that the sampler adds to x0-hat; -1: none */
    ggdm_val variance;           /* of the diffusion model with its labels; -1: none */
    ggdm_val carried, carry;     /* [N, H, W, C] of the step before, and for the next; -1: none */
    ggdm_val score;              /* [N, K] or [N] */
    int32_t copies;              /* rows of an image in what is emitted now */
    int32_t evaluations;         /* rows of an image in all diffusion networks */
    bool noisy;                  /* what losses are given now is x_t, not an image */
    ggdm_port ports[GGDM_MAX_PORTS];
    int32_t n_ports;
    ggdm_picture_port pictures[GGDM_MAX_PICTURE_PORTS];
    int32_t n_pictures;
    ggdm_text_port texts[GGDM_MAX_TEXT_PORTS];
    int32_t n_texts;
    ggdm_constant constants[GGDM_MAX_CONSTANTS];
    int32_t n_constants;
    ggdm_noise_input noises[GGDM_MAX_TERMS];
    int32_t n_noises;
    ggdm_window_input windows[GGDM_MAX_TERMS];
    int32_t n_windows;
    ggdm_shift shifts[GGDM_MAX_TERMS];
    int32_t n_shifts;
    ggdm_seen_term terms[GGDM_MAX_TERMS]; /* as the setting has them */
    int32_t n_terms;
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

/** Rows of what is emitted now: batch, or in a smoothed loss batch times samples. */
int32_t ggdm_emit_rows(const ggdm_emit *e);
/** [rows] f32, all of them this number. */
ggdm_val ggdm_emit_number(ggdm_emit *e, double number);
ggdm_val ggdm_emit_ones(ggdm_emit *e);
ggdm_val ggdm_emit_zeros(ggdm_emit *e);
/** Ones of the shape of x, f32: a dot product with them is a sum. */
ggdm_val ggdm_emit_ones_like(ggdm_emit *e, ggdm_val x);
/** The input of a value row: REAL as [rows] f32, CLASS as [rows] i32.  -1 after an error. */
ggdm_val ggdm_emit_value(ggdm_emit *e, const ggdm_item *item, const char *key);
/** The picture in a FILE row of a setting or a scorer, which is given, as [N, H, W, C] f32 in data
 *  units.  It must have this shape, or one channel, which then stands for all. */
ggdm_val ggdm_emit_picture(ggdm_emit *e, const ggdm_item *item, const char *key,
                           ggdm_image_shape shape);
/** The same from 0 (black) to 1 (white). */
ggdm_val ggdm_emit_mask(ggdm_emit *e, const ggdm_item *item, const char *key,
                        ggdm_image_shape shape);
/** What the text tower of the model in a MODEL row makes of the prompt in a TEXT row -> [rows, E]
 *  f32: its embedding, not normalised.  The text tower is no part of the graph. */
ggdm_val ggdm_emit_prompt(ggdm_emit *e, const ggdm_item *item, const char *model, const char *key);
/** What it makes of prompts in rows of the head, n = 1 or 2 of each image -> [batch * n, T, C]: its
 *  sequences.  A prompt that is not given is the empty one. */
ggdm_val ggdm_emit_sequences(ggdm_emit *e, const ggdm_item *item, const char *model,
                             const char *const *keys, int32_t n);
/** The same of a REAL, times a number of the step; key NULL: the number alone. */
ggdm_val ggdm_emit_scaled(ggdm_emit *e, const ggdm_item *item, const char *key, ggdm_scale scale);
/** [N * samples, H, W, C] standard normals: sample m of an image is the same whatever the samples
 *  are, and for all who ask in one step. */
ggdm_val ggdm_emit_noise(ggdm_emit *e, int32_t samples);
/** [rows, 3] squares to be cut out (ggdm_crop), of a tick: window m of an image is the same for all
 *  who ask with this power in one step, whatever their number. */
ggdm_val ggdm_emit_windows(ggdm_emit *e, double power);
/** What the step before left in e->carry, which the caller then sets for the next: of its last
 *  evaluation; 0 in the first step.  [N, H, W, C] */
ggdm_val ggdm_emit_carried(ggdm_emit *e);
/** The model in a MODEL row; from now on parameters are of its slot (each model has one in a graph,
 *  however often it is used).  NULL after an error. */
const ggdm_model *ggdm_emit_model(ggdm_emit *e, const ggdm_item *item, const char *key);
/** What the diffusion model in a MODEL row makes of the tick's x and t -> eps [N, H, W, C]; of both
 *  [2 N, H, W, C], rows 2 n and 2 n + 1 being image n with its condition and without. */
ggdm_val ggdm_emit_network(ggdm_emit *e, const ggdm_item *item, const char *key, ggdm_given given);
/** eps and x0-hat of the tick, of a source (GGDM_FAMILY_SOURCE); NULL: of the diffusion model. */
void ggdm_emit_eps(ggdm_emit *e, const ggdm_item *source);
/** What the classifier in a MODEL row makes of images [rows, H, W, C]: log probabilities [rows, K],
 *  or logits as they are where raw.  One that knows noise is told t where the images are x_t, else
 *  0. */
ggdm_val ggdm_emit_classifier(ggdm_emit *e, const ggdm_item *item, const char *key, ggdm_val x,
                              bool raw);
/** The side of the images that the network of images and texts in a MODEL row takes; 0 after an
 *  error. */
int ggdm_emit_image_size(ggdm_emit *e, const ggdm_item *item, const char *key);
/** What the image tower of the network in a MODEL row makes of images of its size [rows, S, S, C]
 * -> [rows, E]; *scale (may be NULL): what cosines are multiplied by, [1].  One that knows noise is
 *  told t as above. */
ggdm_val ggdm_emit_embedding(ggdm_emit *e, const ggdm_item *item, const char *key, ggdm_val x,
                             ggdm_val *scale);
/** What a layer of the network in a MODEL row, named in a TEXT row, makes of images (layer_key not
 *  given: what its last layer takes). */
ggdm_val ggdm_emit_features(ggdm_emit *e, const ggdm_item *item, const char *key,
                            const char *layer_key, ggdm_val x);
/** The loss of a loss item at an image [rows, H, W, C] -> [rows], its `weight` row included. */
ggdm_val ggdm_emit_loss(ggdm_emit *e, const ggdm_item *loss, ggdm_val x0);
/** A gradient for the walk; weight: value row of item, NULL: it is inside the loss. */
void ggdm_emit_shift(ggdm_emit *e, ggdm_val loss, ggdm_val grad, const ggdm_item *item,
                     const char *weight, ggdm_scale scale);
/** Show term number k of the setting to whoever looks; weight as above, and scale: what grad has in
 *  it. */
void ggdm_emit_term(ggdm_emit *e, int32_t k, ggdm_val loss, ggdm_val grad, const ggdm_item *item,
                    const char *weight, ggdm_scale scale);
/** Keep the first error. */
void ggdm_emit_fail(ggdm_emit *e, ggdm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** The same about a row of an item: where the tree is a sweep's, at its place there. */
void ggdm_emit_fail_at(ggdm_emit *e, ggdm_status status, const ggdm_item *item, const char *key,
                       const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
