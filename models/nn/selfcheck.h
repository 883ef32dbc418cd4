/* Do the matrix products of this machine's oneDNN keep promise 1?  The bits of one image must not
 * depend on the images beside it nor on the number of threads.  It is a property of the library
 * version and the instruction set, so it is asked on the machine that will compute. */
#ifndef GGDM_MODELS_NN_SELFCHECK_H
#define GGDM_MODELS_NN_SELFCHECK_H

#include "common/status.h"
#include "models/nn/graph.h"

/** Run convolutions, a linear layer and attention-like products, forward and backward, for batches
 *  of 1 and more, on one and on two threads, and compare bits; about a tenth of a second.
 *  Errors: GGDM_ENUMERIC naming what differs; GGDM_EUNSUPPORTED for a dtype this machine cannot
 *  compute in; GGDM_ENOMEM. */
ggdm_status ggdm_nn_selfcheck(ggdm_dtype dtype, ggdm_error *err);

#endif
