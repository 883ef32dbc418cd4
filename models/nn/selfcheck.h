/* Does this machine keep promise 1, and which bits does it give?
 *
 * The bits of one image must not depend on the images beside it nor on the number of threads: a
 * network is run with its gradient for an image alone and for batches, on one and on several
 * threads, and the bits are compared.  The digest of the image's bits tells whether two machines
 * (processors, versions of oneDNN) compute alike: all ranks of a run must, and all sessions. */
#ifndef GGDM_MODELS_NN_SELFCHECK_H
#define GGDM_MODELS_NN_SELFCHECK_H

#include "common/hash.h"
#include "common/status.h"
#include "models/nn/graph.h"

enum { GGDM_CHECK_INPUTS = 5 };

/* A network to be checked. */
typedef struct ggdm_check_subject {
    /** Emit it for a batch into g: in[0] is the image [N, H, W, C], or -1 of what takes none;
     *  the others (or -1) are inputs that get small numbers (f32) or zeros (i32).  Returns the
     * output, f32. */
    ggdm_val (*emit)(const void *with, ggdm_graph *g, int batch, ggdm_val in[GGDM_CHECK_INPUTS]);
    const void *with;
    const ggdm_params *params;
} ggdm_check_subject;

/** Compare bits, in about a tenth of a second for a small network; digest (or NULL): of the bits.
 *  The number of OpenMP threads is as before afterwards.
 *  Errors: GGDM_ENUMERIC naming the case that differs; GGDM_EUNSUPPORTED for a dtype that this
 *  machine cannot compute in; those of compiling. */
ggdm_status ggdm_nn_check(const ggdm_check_subject *subject, ggdm_dtype dtype,
                          uint8_t digest[GGDM_HASH_SIZE], ggdm_error *err);

/** The same for a small network of our own with all the ways in which oneDNN is called: 3x3,
 * strided, 1x1 and first convolutions, attention, a linear layer.  compare false: only the digest.
 */
ggdm_status ggdm_nn_selfcheck(ggdm_dtype dtype, bool compare, uint8_t digest[GGDM_HASH_SIZE],
                              ggdm_error *err);

#endif
