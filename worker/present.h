/* What becomes of a final state: bytes with a media type; and back: what scorers see of them.
 * Scores are of what is archived (docs/decisions/002), so both ways meet in `seen`. */
#ifndef GGDM_WORKER_PRESENT_H
#define GGDM_WORKER_PRESENT_H

#include "jobs/messages.h"
#include "worker/emit.h"

/** Give the sample its media, bytes (owned), and whether it diverged, from a final x [H, W, C] in
 *  data units and the sample's diverged_step.
 *  seen       [H, W, C] out: the archived image in data units
 *  saturated  out: share of values beyond 1.5 times the data range */
ggdm_status ggdm_present(const float *x, ggdm_image_shape shape, ggdm_sample *sample, float *seen,
                         float *saturated, ggdm_error *err);

/** The shape of a sample's image, untrusted bytes, and what scorers see of it, in *seen (owned).
 *  Errors: GGDM_EFORMAT, GGDM_EUNSUPPORTED, GGDM_ESHAPE, GGDM_ENOMEM. */
ggdm_status ggdm_present_read(const ggdm_sample *sample, ggdm_image_shape *shape, float **seen,
                              ggdm_error *err);

#endif
