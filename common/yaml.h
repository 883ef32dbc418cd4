/* YAML files into documents (common/fields.h).  Plain scalars are typed by the YAML 1.2 core schema
 * (so `yes` is a text and `1e-4` a number).  Untrusted input: at most 16 MiB, 32 levels, 200000
 * nodes after aliases and merge keys (`<<: *base`, a map or a list of maps; a map's own keys win,
 * of several the first) are expanded; one document; duplicate keys are errors.  A file without a
 * value, empty or of comments only, is a null. */
#ifndef GGDM_COMMON_YAML_H
#define GGDM_COMMON_YAML_H

#include <stddef.h>

#include "common/fields.h"
#include "common/status.h"

#define GGDM_YAML_MAX_SIZE ((size_t)16 << 20) /* bytes */

/** Parse text; where names it in errors.  *out is owned: ggdm_doc_destroy.
 *  Errors: GGDM_EFORMAT "FILE:LINE:COLUMN: ..."; GGDM_ENOMEM. */
ggdm_status ggdm_yaml_parse(const char *text, size_t size, const char *where, ggdm_doc **out,
                            ggdm_error *err);

#endif
