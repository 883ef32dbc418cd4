/* A run as a directory that can be cited (docs/CITING.md): itself a run directory, whose
 * ro-crate-metadata.json says in the terms of RO-Crate 1.1 and the profile Process Run Crate 0.5
 * what is in it, how it was made, and with what.  The same run gives the same bytes. */
#ifndef GGDM_COORDINATOR_CRATE_H
#define GGDM_COORDINATOR_CRATE_H

#include "common/status.h"
#include "jobs/results.h"

#define GGDM_CRATE_METADATA_FILE "ro-crate-metadata.json"
#define GGDM_CRATE_CARDS "cards"              /* a folder of each model that has a README.md */
#define GGDM_CRATE_MAX_CARD ((size_t)1 << 20) /* bytes */
#define GGDM_CRATE_RECIPES "recipes"          /* CELL.txt of each cell */

/** Write the run in dir, which the store is a reader of, as the new directory out: it appears
 *  whole, or not at all.
 *  Errors: GGDM_EINVAL where out is there and not empty; GGDM_ESTATE for a shard; GGDM_EIO, those
 *  of the store. */
ggdm_status ggdm_crate_write(ggdm_store *store, const char *dir, const char *out, ggdm_error *err);

/** The name of a model's card below the crate, as long as the buffer has room. */
#define GGDM_CRATE_CARD_SIZE 160
void ggdm_crate_card_name(const ggdm_store_model *model, char name[GGDM_CRATE_CARD_SIZE]);

/** Write dir/ro-crate-metadata.json of all the files that are in dir.  Errors: GGDM_EIO. */
ggdm_status ggdm_crate_describe(const ggdm_results *r, const char *dir, ggdm_error *err);

#endif
