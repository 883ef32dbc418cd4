/* How far a run is, as JSON: from RUN/status.json while a coordinator runs, whose database is never
 * touched; where one ended without a word, from the database. */
#ifndef GGDM_COORDINATOR_STATUS_FILE_H
#define GGDM_COORDINATOR_STATUS_FILE_H

#include <stddef.h>

#include "common/json.h"
#include "common/status.h"

typedef struct ggdm_run_status {
    char *text; /* owned */
    size_t size;
    ggdm_doc *doc; /* owned; its root is a map */
} ggdm_run_status;

/** The status file alone.  *s is zeroed, and owned: ggdm_run_status_free, also after an error. */
ggdm_status ggdm_run_status_read(const char *dir, ggdm_run_status *s, ggdm_error *err);

/** The same, or what the database says where that is newer. */
ggdm_status ggdm_run_status_look(const char *dir, ggdm_run_status *s, ggdm_error *err);

/** Safe on a zeroed text and twice. */
void ggdm_run_status_free(ggdm_run_status *s);

#endif
