/* The compiled graphs of a worker: programs out of the texts of settings (docs/decisions/017).
 *
 * A program is what settings have in common that differ only in values (a weight, a target): its
 * graph, compiled for batches of 1, 2, 4, ... images when first used.  A batch of n images uses the
 * smallest that holds it; the images of the padding are ignored, and no image's bits depend on its
 * neighbours.
 *
 * A walk interns each setting once (ggdm_programs_tick: a number that is equal where a batch may be
 * shared), and for each batch takes the graph, fills it image by image, runs it and reads it. */
#ifndef GGDM_WORKER_PROGRAMS_H
#define GGDM_WORKER_PROGRAMS_H

#include "jobs/messages.h"
#include "worker/chain.h"
#include "worker/emit.h"

/* The value rows of a tree in the order of ggdm_port.index.  Views into the tree. */
typedef struct ggdm_values {
    const ggdm_scalar **at;
    int32_t n;
} ggdm_values;

/** The arena's; item NULL (an unguided setting): none. */
ggdm_status ggdm_values_of(ggdm_arena *arena, const ggdm_item *item, ggdm_values *out,
                           ggdm_error *err);

/* An input of a graph that takes a value of each image. */
typedef struct ggdm_program_port {
    void *data;     /* [batch, copies] f32, or i32 of a class */
    int32_t index;  /* into the values of the head's tree (of_head), else of the setting's or the
                       scorer's; -1: the scale alone */
    int32_t copies; /* rows of an image */
    bool of_head, is_class;
    bool paired; /* of two copies the second is `other` */
    int32_t other;
    ggdm_scale scale;
} ggdm_program_port;

/* An input that takes a picture of each image. */
typedef struct ggdm_program_picture {
    float *data;      /* [batch, H, W, channels] */
    int64_t elements; /* of an image */
    int32_t index, channels;
    bool mask;
} ggdm_program_picture;

/* An input that takes what a network makes of prompts of each image. */
typedef struct ggdm_program_prompt {
    float *data;    /* [batch, copies, numbers] */
    size_t numbers; /* of a prompt */
    const ggdm_model *reader;
    ggdm_text_form form;
    bool truncate, of_head;
    int32_t copies;
    int32_t indices[2]; /* [copies] as in ggdm_program_port; -1: the empty prompt */
} ggdm_program_prompt;

/* Standard normals of each image. */
typedef struct ggdm_program_noise {
    float *data; /* [batch, samples, H, W, C] */
    int32_t samples;
} ggdm_program_noise;

/* Squares to be cut out of each image. */
typedef struct ggdm_program_windows {
    float *data; /* [batch, windows, 3] */
    int32_t windows;
    double power;
} ggdm_program_windows;

/* A gradient that the step applies: x -= weight grad, one after the other. */
typedef struct ggdm_program_shift {
    const float *grad; /* [batch, H, W, C] out */
    const float *loss; /* [batch] out: before the weight that the walk applies */
    int32_t weight;    /* index into the setting's values; -1: 1 */
    ggdm_scale scale;
} ggdm_program_shift;

/* A compiled graph and the memory of its inputs and outputs; NULL where it has none. */
typedef struct ggdm_program {
    ggdm_graph *graph;
    int32_t batch;
    int64_t elements; /* of an image */
    float *x;         /* [batch, H, W, C] in */
    float *t;         /* [batch] in: timestep */
    float *x0_x;      /* [batch] in: x0-hat = x0_x x + x0_eps eps */
    float *x0_eps;    /* [batch] in */
    ggdm_program_port ports[GGDM_MAX_PORTS];
    int32_t n_ports;
    ggdm_program_picture pictures[GGDM_MAX_PICTURE_PORTS];
    int32_t n_pictures;
    const ggdm_pictures *known; /* where they are found */
    ggdm_program_prompt prompts[GGDM_MAX_TEXT_PORTS];
    int32_t n_prompts;
    ggdm_prompts *cache;    /* what is known of them */
    const float *eps;       /* [batch, H, W, C] out */
    const float *x0;        /* [batch, H, W, C] out: x0-hat */
    const float *variance;  /* [batch, H, W, C] out: the network's */
    const float *x0_change; /* [batch, H, W, C] out: what the step adds to x0-hat */
    float *carried;         /* [batch, H, W, C] in: of the step before */
    const float *carry;     /* [batch, H, W, C] out: for the next */
    ggdm_program_noise noises[GGDM_MAX_TERMS];
    int32_t n_noises;
    ggdm_program_windows windows[GGDM_MAX_TERMS];
    int32_t n_windows;
    ggdm_program_shift shifts[GGDM_MAX_TERMS];
    int32_t n_shifts;
    ggdm_program_shift terms[GGDM_MAX_TERMS]; /* as ggdm_seen_term: for whoever looks */
    int32_t n_terms;
    const float *score; /* [batch, width] out, of scorers */
    int32_t width;
} ggdm_program;

typedef struct ggdm_programs ggdm_programs;

/** catalogue and what models views are borrowed; precision is resolved: of ticks, scores are f32
 * always, so that precision changes images but not the measure that compares them. */
ggdm_status ggdm_programs_create(const ggdm_catalogue *catalogue, const ggdm_models *models,
                                 ggdm_precision precision, int32_t batch, ggdm_programs **out,
                                 ggdm_error *err);
void ggdm_programs_destroy(ggdm_programs **programs);

/** Bytes of the weights that its graphs have packed for their kernels, shared by all of them. */
size_t ggdm_programs_packed_bytes(const ggdm_programs *programs);

/** The number of the program of a head's (GGDM_FAMILY_STAGE) tick with a setting (NULL: unguided).
 *  The trees are not kept.
 *  Errors: GGDM_EINVAL, GGDM_ESHAPE where models are not there or do not fit each other. */
ggdm_status ggdm_programs_tick(ggdm_programs *programs, const ggdm_item *head,
                               const ggdm_item *setting, int32_t *out, ggdm_error *err);
/** The same of a scorer that has a graph, for images of a shape. */
ggdm_status ggdm_programs_score(ggdm_programs *programs, const ggdm_item *scorer,
                                ggdm_image_shape shape, int32_t *out, ggdm_error *err);

/** The graph of a program for n images, 1 <= n <= batch; borrowed until the next call. */
ggdm_status ggdm_programs_get(ggdm_programs *programs, int32_t program, int32_t n,
                              const ggdm_program **out, ggdm_error *err);

/** Fill row i of the inputs but x, noises, windows and prompts: the step's numbers (NULL: a scorer)
 * and the image's values.  Rows may be filled by several threads. */
void ggdm_program_fill(const ggdm_program *p, int32_t i, const ggdm_step *step,
                       const ggdm_values *head, const ggdm_values *setting);
/** Fill row i of what is made of prompts, which are encoded where they are new: one thread at a
 *  time.  Errors: those of ggdm_prompts_get. */
ggdm_status ggdm_program_fill_prompts(const ggdm_program *p, int32_t i, const ggdm_values *head,
                                      const ggdm_values *setting, ggdm_error *err);
/** The factor of a shift in a step. */
float ggdm_program_weight(const ggdm_program_shift *shift, const ggdm_step *step,
                          const ggdm_values *setting);

/** What decides the graph of a tick, as a text in the arena: the diffusion model, its condition and
 *  the setting without their values, but with the shapes of its pictures; not the sampler, not the
 *  seed.  Errors: those of ggdm_pictures_shapes. */
ggdm_status ggdm_program_text(const ggdm_models *models, ggdm_arena *arena, const ggdm_item *head,
                              const ggdm_item *setting, const char **out, ggdm_error *err);
/** The images that a head makes. */
ggdm_status ggdm_head_shape(const ggdm_models *models, const ggdm_item *head, ggdm_image_shape *out,
                            ggdm_error *err);
/** Does a scorer take the images that a head makes?  Nothing is compiled.
 *  Errors: GGDM_ESHAPE where it does not, at the scorer's place in the sweep. */
ggdm_status ggdm_scorer_check(const ggdm_models *models, const ggdm_item *head,
                              const ggdm_item *scorer, ggdm_error *err);

#endif
