/* The training curve as CSV: step,images,loss,lr,images_per_second,val_loss,val_accuracy (the last
 * two empty where nothing was evaluated), then what else evaluations measure.  Kept in memory too,
 * for the model card. */
#ifndef GGDM_MODELS_TRAIN_CURVE_H
#define GGDM_MODELS_TRAIN_CURVE_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "models/train/train_measures.h"

typedef struct ggdm_curve_row {
    int64_t step, images;
    double loss, lr, rate;
    double val_loss, val_accuracy;  /* negative: not evaluated, no accuracy */
    double measured[GGDM_MEASURES]; /* negative: not evaluated */
} ggdm_curve_row;

typedef struct ggdm_curve {
    char *path; /* owned */
    ggdm_measures measures;
    ggdm_curve_row *rows;
    size_t n, cap;
} ggdm_curve;

/** Begin at a step: rows of an existing file up to that step are kept, later ones dropped.
 *  Errors: GGDM_EIO; a file that cannot be understood is started anew. */
ggdm_status ggdm_curve_open(const char *path, int64_t step, const ggdm_measures *measures,
                            ggdm_curve *out, ggdm_error *err);
void ggdm_curve_close(ggdm_curve *curve);

/** Append a row to memory and to the file. */
ggdm_status ggdm_curve_add(ggdm_curve *curve, const ggdm_curve_row *row, ggdm_error *err);

#endif
