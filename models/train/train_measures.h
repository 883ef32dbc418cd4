/* What evaluations measure beside the loss and the accuracy: numbers with names, which are columns
 * of the curve and rows of the model card. */
#ifndef GGDM_MODELS_TRAIN_TRAIN_MEASURES_H
#define GGDM_MODELS_TRAIN_TRAIN_MEASURES_H

#include <stdint.h>

enum {
    GGDM_MEASURES = 48,    /* at most */
    GGDM_MEASURE_NAME = 64 /* bytes, with the NUL */
};

typedef struct ggdm_measures {
    int n;
    char names[GGDM_MEASURES][GGDM_MEASURE_NAME]; /* letters, digits, '_' and '-' */
} ggdm_measures;

/* Of some images. */
typedef struct ggdm_evaluation {
    int64_t n;                      /* images */
    double loss;                    /* mean: squared error, or nats (without label smoothing) */
    double accuracy;                /* 0..1; -1: there is none */
    double measured[GGDM_MEASURES]; /* 0..1; -1: nothing was there to be measured */
} ggdm_evaluation;

/** Add a name of up to GGDM_MEASURE_NAME bytes, in which other characters become '_'. */
void ggdm_measures_add(ggdm_measures *measures, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
