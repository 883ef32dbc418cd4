/* Run directories: may this one be used, and what has been written there. */
#ifndef GGDM_COORDINATOR_RUN_DIR_H
#define GGDM_COORDINATOR_RUN_DIR_H

#include <stdbool.h>

#include "common/status.h"
#include "jobs/store.h"

#define GGDM_REPORT_FILE "report.html" /* below the run directory */

/** Can dir be a run directory?  It holds a complete store (*present), or is absent or empty, and it
 *  (or the directory it would be made in) can be written.  Leaves no trace.
 *  Errors: GGDM_ESTATE for a directory of something else, GGDM_EIO where it cannot be written,
 *  those of ggdm_store_present. */
ggdm_status ggdm_run_dir_check(const char *dir, bool *present, ggdm_error *err);

/** Become the one process that runs dir, as long as it lives: *fd holds the lock (close it), -1
 * where the file system has none.  The directory must exist. Errors: GGDM_ESTATE when another
 * process runs it. */
ggdm_status ggdm_run_dir_lock(const char *dir, int *fd, ggdm_error *err);

/** Wait some seconds, with a message, for the rest of a world that has just been killed and still
 *  holds the database.  successor: the supervisor has ended that world, so its owner record needs
 * to be silent for a few beats only until it counts as dead. Errors: those of ggdm_store_present;
 * GGDM_ESTATE: it does not go away. */
ggdm_status ggdm_run_dir_wait(const char *dir, bool successor, ggdm_error *err);

/** Where jobs were submitted for the run: what those have left that Slurm knows to be over does not
 *  stand in the way for long.  Errors: GGDM_ESTATE when one of them lives all the same. */
ggdm_status ggdm_run_dir_forget_jobs(const char *dir, ggdm_error *err);

/** Write dir/sweep.yaml, sweep-2.yaml, ...: the frozen texts of the run's sweeps, where they are
 * not there.  Errors: GGDM_EIO, those of the store. */
ggdm_status ggdm_run_dir_freeze_sweeps(ggdm_store *store, const char *dir, ggdm_error *err);

/** Are the archives of all complete cells, the report and the summary, written last, there? Figures
 *  are not asked for: without gnuplot, or without a target, there are none. */
ggdm_status ggdm_run_dir_has_products(ggdm_store *store, const char *dir, bool *all,
                                      ggdm_error *err);

#endif
