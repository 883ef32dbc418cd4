/* Which directories the models of a run's sweeps are: RUN/models.json, {"NAME": "DIRECTORY"}, names
 * as the sweeps write them, directories absolute.  It belongs to RUN/sweep.yaml, which with it
 * means the same from every working directory. */
#ifndef GGDM_COORDINATOR_MODEL_PATHS_H
#define GGDM_COORDINATOR_MODEL_PATHS_H

#include <stddef.h>

#include "common/status.h"

#define GGDM_MODEL_PATHS_FILE "models.json"

/** The name or directory, for ggdm_model_files_open, of what a sweep calls name, in *out (owned):
 *  the first that is there of
 *    1. what run_dir, or else the folder of the sweep file, has recorded;
 *    2. name itself: a directory, from here, or a model of the zoo;
 *    3. name from the folder of the sweep file;
 *  or name, where there is none of them.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_model_path_find(const char *run_dir, const char *sweep, const char *name,
                                 char **out, ggdm_error *err);

/** The card of a model, README.md of the directory that is found for it now, in *out (owned): NULL
 *  where there is none that can be shown (none, not a text, or more than 64 KiB).
 *  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_model_card(const char *run_dir, const char *name, char **out, ggdm_error *err);

/** Record in run_dir where n models are; NULL names are left out.  Others that are recorded stay.
 *  A file that says so already is not touched.  Errors: GGDM_EIO. */
ggdm_status ggdm_model_paths_write(const char *run_dir, const char *const *names,
                                   const char *const *paths, size_t n, ggdm_error *err);

#endif
