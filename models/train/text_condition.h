/* What a diffusion model is told of the captions of its images: the sequences of a text encoder
 * that is not trained.  Each different caption is encoded when it is first wanted, and kept where
 * all of them have room. */
#ifndef GGDM_MODELS_TRAIN_TEXT_CONDITION_H
#define GGDM_MODELS_TRAIN_TEXT_CONDITION_H

#include "common/intern.h"
#include "models/model.h"
#include "models/train/dataset.h"

typedef struct ggdm_text_condition {
    ggdm_model_files files;
    ggdm_model *encoder;
    int length, width; /* tokens of a text, channels of a sequence */
    ggdm_intern texts; /* all that are different; 0 is the empty one */
    int32_t *text[2];  /* [captions] of the images of each split: which text it is; owned */
    const ggdm_images *images[2]; /* borrowed */
    float **sequences;            /* [texts.n] of [length, width]; NULL: not encoded yet; owned */
    bool keep;                    /* they are not forgotten */
    ggdm_graph *g;
    ggdm_val in, out;
} ggdm_text_condition;

/** Open the encoder, a model that gives a sequence and has a tokenizer.  *out: destroy.
 *  Errors: those of ggdm_model_files_open; GGDM_EINVAL for another kind of model. */
ggdm_status ggdm_text_condition_create(const char *encoder, ggdm_text_condition **out,
                                       ggdm_error *err);
/** The captions of data, of which all become ids, are those that will be asked for.  The digest of
 *  data then is also of the encoder.  data is borrowed. */
ggdm_status ggdm_text_condition_prepare(ggdm_text_condition *c, ggdm_data *data, ggdm_error *err);
void ggdm_text_condition_destroy(ggdm_text_condition **c);

/** The text of a caption (ggdm_dataset_caption) of a set of these data. */
int32_t ggdm_text_condition_of(const ggdm_text_condition *c, const ggdm_dataset *set,
                               int32_t caption);
/** out [n, length, width]: the sequences of n texts.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_text_condition_get(ggdm_text_condition *c, const int32_t *texts, int n, float *out,
                                    ggdm_error *err);

#endif
