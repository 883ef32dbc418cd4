/* Whole trainings of tiny networks on tiny images, in a directory of their own. */
#ifndef GGDM_TESTS_SUPPORT_TRAIN_FIXTURE_H
#define GGDM_TESTS_SUPPORT_TRAIN_FIXTURE_H

#include "models/arch/arch.h"
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

#endif
