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

/** Look at the run in dir, whoever owns it or may write there, and say so where what one sees is a
 *  snapshot.  Errors: GGDM_EINVAL where there is no such directory; those of ggdm_store_read. */
ggdm_status ggdm_dir_read(const char *dir, ggdm_store **out, ggdm_error *err);

/** All was read: close the store.  Returns st or, where that is GGDM_OK, whether the store was
 * still as it was (ggdm_store_check_unchanged). */
ggdm_status ggdm_dir_done(ggdm_store **store, ggdm_status st, ggdm_error *err);

/** Where a command writes what belongs into dir: out, which is made, or, where out is NULL, dir.
 *  what: names it in the message.  Errors: GGDM_EINVAL when dir cannot be written; GGDM_EIO. */
ggdm_status ggdm_dir_to_write(const char *dir, const char *out, const char *what,
                              const char **place, ggdm_error *err);

/** Open the store of a run at rest to change it by hand.
 *  Errors: GGDM_EINVAL where there is no such directory; GGDM_ESTATE while a coordinator owns it;
 *  those of ggdm_store_open. */
ggdm_status ggdm_dir_open(const char *dir, ggdm_store **out, ggdm_error *err);

#endif
