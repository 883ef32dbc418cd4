/* A status document (status.json, coordinator/run/progress.h) as a table for people. */
#ifndef GGDM_COORDINATOR_STATUS_VIEW_H
#define GGDM_COORDINATOR_STATUS_VIEW_H

#include <stdio.h>

#include "common/fields.h"
#include "common/json_write.h"

typedef enum ggdm_liveness {
    GGDM_LIVE, /* a coordinator runs */
    GGDM_LOST, /* it ended without a word, a moment ago: somebody may start it again */
    GGDM_AT_REST
} ggdm_liveness;

/** Is there a coordinator behind the document?  Its phase, the age of the file, and, on this host,
 *  its process tell. */
ggdm_liveness ggdm_status_liveness(const ggdm_node *root);

/** All but the cells.  dir: as the user named it, for the command that continues the run. */
void ggdm_status_print_head(FILE *out, const ggdm_node *root, const char *dir);
/** The same, and a table of the cells. */
void ggdm_status_print(FILE *out, const ggdm_node *root, const char *dir);

/** The most important of it, on two lines. */
void ggdm_status_print_brief(FILE *out, const ggdm_node *root);

/** The rest of a line about a run or a shard: progress and state. */
void ggdm_status_print_line(FILE *out, const ggdm_node *root);
/** The same as members of a JSON object. */
void ggdm_status_put_line(ggdm_json *j, const ggdm_node *root);

#endif
