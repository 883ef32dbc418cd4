/* The files and folders of a crate as entities of its metadata.  They are described as they are
 * found, by name, so that none is forgotten. */
#ifndef GGDM_COORDINATOR_CRATE_FILES_H
#define GGDM_COORDINATOR_CRATE_FILES_H

#include "common/json_write.h"
#include "common/status.h"
#include "jobs/results.h"

typedef enum ggdm_crate_part {
    GGDM_CRATE_INPUT = 1,  /* of the run */
    GGDM_CRATE_OUTPUT = 2, /* of the run */
    GGDM_CRATE_ASIDE = 4   /* neither */
} ggdm_crate_part;
#define GGDM_CRATE_ALL (GGDM_CRATE_INPUT | GGDM_CRATE_OUTPUT | GGDM_CRATE_ASIDE)

/** References {"@id": ...} to what is at the top of the crate in dir and of one of these parts.
 *  Errors: GGDM_EIO. */
ggdm_status ggdm_crate_put_refs(ggdm_json *j, const char *dir, int parts, ggdm_error *err);

/** The entities of all files, with size and SHA-256, and of all folders; not of the metadata file.
 *  Errors: GGDM_EIO. */
ggdm_status ggdm_crate_put_files(ggdm_json *j, const ggdm_results *r, const char *dir,
                                 ggdm_error *err);

#endif
