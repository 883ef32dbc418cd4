/* What an objective provides to models/train/objective.c: one row of its table. */
#ifndef GGDM_MODELS_TRAIN_OBJECTIVE_KIND_H
#define GGDM_MODELS_TRAIN_OBJECTIVE_KIND_H

#include "models/train/objective.h"

/* Philox counters of GGDM_STREAM_TRAIN: a = low word of the sample, b = its high word and what the
 * numbers are for. */
enum {
    GGDM_DRAW_NOISE = 0,
    GGDM_DRAW_CAPTION = 1 << 27,
    GGDM_DRAW_WORDING = 1 << 28,
    GGDM_DRAW_VALIDATION = 1 << 29,
    GGDM_DRAW_LABEL = 1 << 30
};

/* What goes into a slot of the batch. */
typedef struct ggdm_entry {
    int32_t index;   /* image of the set */
    uint64_t sample; /* of the run, or of the evaluation */
    bool training;   /* as against an evaluation */
} ggdm_entry;

/* Sums over the images that were seen. */
typedef struct ggdm_sums {
    double loss;
    int64_t asked, right; /* answers: of classifiers one for each group of classes of an image */
    int64_t asked_of[GGDM_MEASURES], right_of[GGDM_MEASURES]; /* those of a measure */
} ggdm_sums;

typedef struct ggdm_objective_kind {
    ggdm_arch_role role;
    bool noisy;          /* the network sees x_t and is told t */
    int32_t most_images; /* of an evaluation; 0: all of the test set */
    /** Does the recipe go with the network?  NULL: always. */
    ggdm_status (*check)(const ggdm_recipe *recipe, const ggdm_arch_info *info, ggdm_error *err);
    void (*want)(const ggdm_arch_info *info, ggdm_image_want *want);
    /** NULL: none but the loss. */
    void (*measures)(const ggdm_recipe *recipe, const ggdm_arch_info *info, ggdm_measures *out);
    /** The network is emitted: set o->y and o->n_y, with what it needs. */
    ggdm_status (*build)(ggdm_objective_graph *o, ggdm_error *err);
    /** Inputs and, in training, seed of slot i, whose image is in x (o->scratch is for all). */
    void (*fill)(ggdm_objective_graph *o, const ggdm_recipe *recipe, const ggdm_dataset *set, int i,
                 const ggdm_entry *entry, float *x);
    /** Between the forward and the backward pass: seeds that need all of the first, of all ranks.
     *  NULL: fill has set them. */
    ggdm_status (*seed)(ggdm_objective_graph *o, ggdm_world *world, ggdm_error *err);
    /** After a run: the sum of the losses of the batch, divided by global_batch. */
    double (*loss)(const ggdm_objective_graph *o);
    /** The result in slot i of an evaluation, which is of this image. */
    void (*add)(const ggdm_objective_graph *o, const ggdm_recipe *recipe, const ggdm_dataset *set,
                int i, int32_t index, ggdm_sums *sums);
    /** In its place, an evaluation of images that are not one by one: of up to *n images, and how
     *  many they were. */
    ggdm_status (*evaluate)(ggdm_objective_graph *o, const ggdm_recipe *recipe,
                            const ggdm_dataset *set, int64_t *n, ggdm_sums *sums, ggdm_error *err);
    /** Of weights after a step; NULL: they have no bounds. */
    void (*limit)(ggdm_flat *flat);
} ggdm_objective_kind;

/** For fill: change the image in x of slot i as the recipe's augmentation says (in training), then,
 *  where the network is told t, noise it and set t. */
void ggdm_objective_disturb(ggdm_objective_graph *o, const ggdm_recipe *recipe, int i,
                            const ggdm_entry *entry, float *x);
/** For evaluations: run the graph on images first .. first + valid - 1 of set.  Errors: those of
 *  ggdm_text_condition_get. */
ggdm_status ggdm_objective_look(ggdm_objective_graph *o, const ggdm_recipe *recipe,
                                const ggdm_dataset *set, int64_t first, int valid, ggdm_error *err);
/** One of an image's captions (ggdm_dataset_caption): in training any of its wordings, else the
 *  first. */
int32_t ggdm_objective_caption(const ggdm_recipe *recipe, const ggdm_dataset *set,
                               const ggdm_entry *entry);
/** Count an answer of a measure. */
void ggdm_sums_count(ggdm_sums *sums, int measure, bool right);

extern const ggdm_objective_kind ggdm_objective_ddpm;
extern const ggdm_objective_kind ggdm_objective_classifier, ggdm_objective_noisy_classifier;
extern const ggdm_objective_kind ggdm_objective_contrastive, ggdm_objective_noisy_contrastive;

#endif
