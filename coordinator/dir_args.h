/* The part of the command line that all commands on a run directory share. */
#ifndef GGDM_COORDINATOR_DIR_ARGS_H
#define GGDM_COORDINATOR_DIR_ARGS_H

#include <argp.h>
#include <stdbool.h>

#include "common/status.h"
#include "jobs/store.h"

typedef struct ggdm_dir_options {
    const char *dir;
    bool optional; /* set before parsing: DIR may be left out */
} ggdm_dir_options;

/* The argument DIR: argp children whose input (ARGP_KEY_INIT, child_inputs[0]) is a
 * ggdm_dir_options. */
extern const struct argp_child ggdm_dir_children[];

/** Open the store of a run at rest to look at it, or to change it by hand.
 *  Errors: GGDM_EINVAL where there is no such directory; GGDM_ESTATE while a coordinator owns it;
 *  those of ggdm_store_open. */
ggdm_status ggdm_dir_open(const char *dir, ggdm_store **out, ggdm_error *err);

#endif
