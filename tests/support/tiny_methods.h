/* Items of the real methods out of texts, and tiny models under digests that texts can name. */
#ifndef GGDM_TESTS_SUPPORT_TINY_METHODS_H
#define GGDM_TESTS_SUPPORT_TINY_METHODS_H

#include "tests/support/tiny_model.h"
#include "worker/emit.h"
#include "worker/programs.h"

/* Digests of the three tiny models; texts name them by U, G and J between quotes. */
extern const char *const ggdm_tiny_digests[3];

typedef struct ggdm_tiny_methods {
    ggdm_tiny_models tiny;
    ggdm_model_ref refs[3];
    ggdm_pictures pictures;
    ggdm_models models; /* views into the above */
    ggdm_arena arena;   /* of items */
} ggdm_tiny_methods;

void ggdm_tiny_methods_open(ggdm_tiny_methods *m);
void ggdm_tiny_methods_close(ggdm_tiny_methods *m);

/** Programs of the real methods, in f32; owned. */
ggdm_programs *ggdm_tiny_programs(const ggdm_models *models, int32_t batch);

/** One of the pictures, which texts name as: P, Q grey and C RGB of 8x8, S grey of 4x4; M a mask of
 *  8x8 with some grey, N another, T one of 4x4, B all black. */
const ggdm_picture *ggdm_tiny_picture(const ggdm_tiny_methods *m, char name);

/** An item out of YAML as a user writes it ("{kind: ddpm, steps: 50}"; models are \"U\", \"G\",
 *  \"J\"), with its presets expanded. */
ggdm_item *ggdm_tiny_item(ggdm_arena *arena, const char *family, const char *yaml);

#endif
