/* Whole trainings of tiny networks on tiny images, in a directory of their own. */
#ifndef GGDM_TESTS_SUPPORT_TRAIN_FIXTURE_H
#define GGDM_TESTS_SUPPORT_TRAIN_FIXTURE_H

#include "models/arch/arch.h"
#include "models/train/objective.h"
#include "models/train/train.h"

enum { GGDM_TRAIN_SIDE = 8, GGDM_TRAIN_IMAGES = 100, GGDM_TEST_IMAGES = 50 };

typedef struct ggdm_train_fixture {
    char *dir;
    ggdm_world *world;
    ggdm_recipe recipe;
    ggdm_train_progress last; /* that had an evaluation */
} ggdm_train_fixture;

/** Data, the config of a network and a recipe (of which the data are added) in a new directory. */
void ggdm_train_begin(ggdm_train_fixture *f, const char *recipe, const char *config);
/** The same of images with words (tiny_data.h), whose tokenizer is words/ beside the recipe. */
void ggdm_train_begin_words(ggdm_train_fixture *f, const char *recipe, const char *config);
void ggdm_train_end(ggdm_train_fixture *f);

/** Train into a folder of the directory, by one thread; stop_after: steps, 0: all. */
ggdm_status ggdm_train_into(ggdm_train_fixture *f, const char *out, int64_t stop_after,
                            ggdm_error *err);
/** The bytes of a file of such a folder, owned. */
char *ggdm_train_file(const ggdm_train_fixture *f, const char *out, const char *name, size_t *size);

/** Train uninterrupted into "a", stopped twice into "b": the same weights. */
void ggdm_train_check_resume(ggdm_train_fixture *f, const char *weights);
/** "a" is a model of this role, with a schedule where it takes timesteps. */
void ggdm_train_check_model(const ggdm_train_fixture *f, ggdm_arch_role role);

/* What steps of a recipe need, for tests that look at single ones. */
typedef struct ggdm_train_steps {
    ggdm_arch *arch;
    ggdm_data data;
    ggdm_order order;
    ggdm_objective_graph *o;
    ggdm_flat *flat;
    ggdm_params params; /* views into flat */
} ggdm_train_steps;

/* The images of ggdm_train_begin, with their labels. */
extern const ggdm_image_want ggdm_train_labelled;

/** The network and the data (want NULL: as the objective wants them). */
void ggdm_train_steps_open(const ggdm_train_fixture *f, const ggdm_image_want *want,
                           ggdm_train_steps *s);
/** The graph, compiled, and its parameters at the begin; texts as for ggdm_objective_create. */
void ggdm_train_steps_build(const ggdm_train_fixture *f, ggdm_text_condition *texts, int batch,
                            bool gradients, ggdm_train_steps *s);
void ggdm_train_steps_close(ggdm_train_steps *s);

#endif
