/* How should workers use the cores of a machine: one worker a core, or one worker with a thread on
 * each?  Asked of the machine, with a network of the size that this program is used for. */
#ifndef GGDM_COORDINATOR_CORE_USE_H
#define GGDM_COORDINATOR_CORE_USE_H

#include "common/status.h"

typedef struct ggdm_core_use {
    int cores, memories; /* usable cores; NUMA nodes of the machine */
    double alone;        /* images/s of one thread while nothing else runs */
    double apart;        /* of `cores` networks with one thread each, at the same time */
    double together;     /* of one network with `cores` threads and 8 images each, at most 256 */
} ggdm_core_use;

/** Time unguided steps of the model mnist-ddpm, f32; about three seconds.
 *  Errors: those of opening the model and building its networks. */
ggdm_status ggdm_core_use_measure(ggdm_core_use *out, ggdm_error *err);

#endif
