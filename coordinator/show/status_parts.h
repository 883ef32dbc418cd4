/* What the views of a status document are made of. */
#ifndef GGDM_COORDINATOR_STATUS_PARTS_H
#define GGDM_COORDINATOR_STATUS_PARTS_H

#include <stdio.h>

#include "common/fields.h"

/* What a map (NULL: empty) has under a key; what is not there, or is something else, is 0, missing,
 * "". */
long long ggdm_status_int(const ggdm_node *map, const char *key);
double ggdm_status_real(const ggdm_node *map, const char *key, double missing);
const char *ggdm_status_text_of(const ggdm_node *map, const char *key);

/** "[#####.....]" with at most 30 columns between its ends. */
void ggdm_status_print_bar(FILE *out, double share, int width);

/** The cells as a table, of a document that lists them. */
void ggdm_status_print_cells(FILE *out, const ggdm_node *root);

#endif
