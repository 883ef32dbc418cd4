/* The training curve as CSV: step,images,loss,lr,images_per_second,val_loss,val_accuracy (the last
 * two empty where nothing was evaluated), then, of a network that is told the timestep, accuracy_tT
 * for each band of timesteps from T on.  Kept in memory too, for the model card. */
#ifndef GGDM_MODELS_TRAIN_CURVE_H
#define GGDM_MODELS_TRAIN_CURVE_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

enum { GGDM_T_BANDS = 10 }; /* parts of the timesteps, by which accuracy is measured */

/** The first timestep of a band of 0 .. timesteps - 1; of GGDM_T_BANDS: timesteps. */
int32_t ggdm_band_begin(int32_t timesteps, int band);

typedef struct ggdm_curve_row {
    int64_t step, images;
    double loss, lr, rate;
    double val_loss, val_accuracy; /* negative: not evaluated, not a classifier */
    double by_t[GGDM_T_BANDS];     /* accuracy in each band; negative: not evaluated */
} ggdm_curve_row;

typedef struct ggdm_curve {
    char *path;        /* owned */
    int32_t timesteps; /* that the bands divide; 0: no bands */
    ggdm_curve_row *rows;
    size_t n, cap;
} ggdm_curve;

/** Begin at a step: rows of an existing file up to that step are kept, later ones dropped.
 *  timesteps: those that the bands divide; 0: none.  Errors: GGDM_EIO; a file that cannot be
 *  understood is started anew. */
ggdm_status ggdm_curve_open(const char *path, int64_t step, int32_t timesteps, ggdm_curve *out,
                            ggdm_error *err);
void ggdm_curve_close(ggdm_curve *curve);

/** Append a row to memory and to the file. */
ggdm_status ggdm_curve_add(ggdm_curve *curve, const ggdm_curve_row *row, ggdm_error *err);

#endif
