/* The life of a worker: takes part in the start, makes its engine ready, and runs units until it is
 * told to stop.  A unit that fails is reported and the worker lives on. */
#ifndef GGDM_WORKER_WORKER_LOOP_H
#define GGDM_WORKER_WORKER_LOOP_H

#include "common/status.h"
#include "common/transport.h"
#include "worker/engine.h"

/** Run a worker on a rank that is not 0.  Returns when the coordinator says STOP, or at once when
 *  there is nothing to do.  Failures of units, and of making the engine, are reported to the
 *  coordinator and are no errors here.
 *  Errors: GGDM_ECOMM, GGDM_EFORMAT (a message of the coordinator), GGDM_ENOMEM: then this rank can
 *  no longer take part and the world should be ended (ggdm_transport_abort). */
ggdm_status ggdm_worker_run(ggdm_transport *t, const ggdm_engine *engine, ggdm_error *err);

#endif
