/* JSON texts into documents (common/fields.h), strictly: RFC 8259, UTF-8, no duplicate keys, no
 * trailing text, no NUL characters, integers within int64.  Only NaN, Infinity and -Infinity, which
 * Python writes, are numbers too: not finite, so that they pass where a key is ignored and are
 * refused where a number is read.  Read what is inside with
 * ggdm_fields_read, ggdm_node_get and ggdm_node_int/...; walk an object with
 * `for (n = node->first; n; n = n->next)`, its names in n->key.  To write: common/json_write.h. */
#ifndef GGDM_COMMON_JSON_H
#define GGDM_COMMON_JSON_H

#include <stddef.h>

#include "common/fields.h"
#include "common/status.h"

/** Parse size bytes (at most max_size); where names them in errors.  *out is owned:
 *  ggdm_doc_destroy.  Errors: GGDM_EFORMAT "WHERE:LINE:COLUMN: ..."; GGDM_ENOMEM. */
ggdm_status ggdm_json_parse(const char *text, size_t size, size_t max_size, const char *where,
                            ggdm_doc **out, ggdm_error *err);

/** The same from a file.  Errors: also GGDM_EIO, GGDM_EINVAL (too large, not a file). */
ggdm_status ggdm_json_read(const char *path, size_t max_size, ggdm_doc **out, ggdm_error *err);

#endif
