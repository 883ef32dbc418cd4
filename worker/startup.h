/* The collective start of a world: all ranks agree on the instruction set, then rank 0 gives the
 * job and the models to the workers. */
#ifndef GGDM_WORKER_STARTUP_H
#define GGDM_WORKER_STARTUP_H

#include <stdbool.h>

#include "common/hash.h"
#include "common/isa.h"
#include "common/status.h"
#include "common/transport.h"
#include "jobs/messages.h"
#include "models/model.h"
#include "worker/pictures.h"

#define GGDM_MAX_MODELS 256 /* of a run */

/* What workers get. */
typedef struct ggdm_outfit {
    ggdm_job job;
    ggdm_isa isa;                 /* that all ranks compute with */
    uint8_t bits[GGDM_HASH_SIZE]; /* what rank 0's processor and library make of the self-check */
    ggdm_model_files *models;     /* [n_models], owned; recipes name them by their digests */
    int32_t n_models;
    ggdm_pictures pictures;
} ggdm_outfit;

/** Free the files; the weights and pixels a worker borrowed stay with the transport. */
void ggdm_outfit_deinit(ggdm_outfit *outfit);

/** Collective: the least instruction set that the ranks choose (ggdm_isa_choose).
 *  Errors: those of ggdm_isa_choose, on all ranks. */
ggdm_status ggdm_startup_isa(ggdm_transport *t, ggdm_isa *out, ggdm_error *err);

/** Settle precision and instruction set.  GGDM_PRECISION_AUTO becomes bf16 where *isa has matrix
 *  instructions for it (amx), else fp32: never by a timing.  For fp32, *isa becomes at most avx512,
 *  as nothing above helps: the same bits on more machines.
 *  Errors: GGDM_EUNSUPPORTED for bf16 where *isa has no bf16 products. */
ggdm_status ggdm_startup_precision(ggdm_precision *precision, ggdm_isa *isa, ggdm_error *err);

/** The digest of the self-check (models/nn/selfcheck.h) in the precision of the run, which must be
 *  settled and its instruction set pinned. */
ggdm_status ggdm_startup_bits(ggdm_precision precision, uint8_t bits[GGDM_HASH_SIZE],
                              ggdm_error *err);

/** Collective, rank 0's side: send the outfit, whose weights and pixels are then borrowed from the
 *  transport: a node holds each once; NULL: there is nothing to do, workers leave.
 *  Errors: GGDM_EINVAL beyond GGDM_MAX_MODELS; GGDM_ECOMM. */
ggdm_status ggdm_startup_give(ggdm_transport *t, ggdm_outfit *outfit, ggdm_error *err);

/** Collective, the workers' side: *work = false when there is nothing to do.  Pins the outfit's
 *  instruction set; weights and pixels are borrowed from the transport and checked against their
 *  digests once per node.
 *  Errors: GGDM_EFORMAT, GGDM_ENOMEM, GGDM_ECOMM; GGDM_EUNSUPPORTED where this rank gives other
 * bits than rank 0.  A rank that fails here has still taken part in every collective call as far as
 * it could. */
ggdm_status ggdm_startup_take(ggdm_transport *t, ggdm_outfit *out, bool *work, ggdm_error *err);

#endif
