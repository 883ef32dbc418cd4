/* What an objective provides to models/train/objective.c: one row of its table. */
#ifndef GGDM_MODELS_TRAIN_OBJECTIVE_KIND_H
#define GGDM_MODELS_TRAIN_OBJECTIVE_KIND_H

#include "models/train/objective.h"

/* Philox counters of GGDM_STREAM_TRAIN: a = low word of the sample, b = its high word and what the
 * numbers are for. */
enum { GGDM_DRAW_NOISE = 0, GGDM_DRAW_VALIDATION = 1 << 29, GGDM_DRAW_LABEL = 1 << 30 };

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
    /** The network is emitted: set o->y, with what it needs. */
    void (*build)(ggdm_objective_graph *o);
    /** Inputs and, in training, seed of slot i, whose image is in x (o->scratch is for all). */
    void (*fill)(ggdm_objective_graph *o, const ggdm_recipe *recipe, const ggdm_dataset *set, int i,
                 const ggdm_entry *entry, float *x);
    /** After a run: the sum of the losses of the batch, divided by global_batch. */
    double (*loss)(const ggdm_objective_graph *o);
    /** The result in slot i of an evaluation, which is of this image. */
    void (*add)(const ggdm_objective_graph *o, const ggdm_recipe *recipe, const ggdm_dataset *set,
                int i, int32_t index, ggdm_sums *sums);
} ggdm_objective_kind;

extern const ggdm_objective_kind ggdm_objective_ddpm;
extern const ggdm_objective_kind ggdm_objective_classifier, ggdm_objective_noisy_classifier;

#endif
