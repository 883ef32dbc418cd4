/* What ggdm_fields_read reads, written again in one form: equal meaning is equal bytes. */
#ifndef GGDM_COMMON_FIELDS_WRITE_H
#define GGDM_COMMON_FIELDS_WRITE_H

#include "common/fields.h"
#include "common/json_write.h"

/** The rows of a table as members of the open object: those that are required and those that have
 *  not the value of defaults (a struct of the same type), in the table's order, so that a row that
 *  is added later changes no text.  A whole number that is not in its row's range says null.  A
 * node is written as it stands; NULL and null say nothing.  An empty list says nothing.  For tables
 * of flags, GGDM_FIELD_INT32, doubles, choices, lists of numbers and nodes. */
void ggdm_fields_write(ggdm_json *j, const ggdm_field *table, const void *values,
                       const void *defaults);

/** A node as it stands, as the value of key. */
void ggdm_fields_put_node(ggdm_json *j, const char *key, const ggdm_node *node);

#endif
