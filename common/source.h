/* The bytes of a file in their order, or of what is packed in it: gzip (whose sum is checked), or
 * the members of a zip or tar archive.  How much memory that takes is up to the reader: nothing is
 * unpacked but what is asked for. */
#ifndef GGDM_COMMON_SOURCE_H
#define GGDM_COMMON_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

typedef struct ggdm_source ggdm_source;

/** A file as it is, or unpacked where it is gzip.  Errors: those of ggdm_file_open, GGDM_ENOMEM. */
ggdm_status ggdm_source_open(const char *path, ggdm_source **out, ggdm_error *err);
/** A zip archive, before its first member.  Errors: also GGDM_EFORMAT. */
ggdm_status ggdm_source_open_zip(const char *path, ggdm_source **out, ggdm_error *err);
/** The same of a tar archive, packed in nothing else. */
ggdm_status ggdm_source_open_tar(const char *path, ggdm_source **out, ggdm_error *err);
void ggdm_source_close(ggdm_source **source);

/** Go to the next member of an archive; *name (borrowed until then) is NULL behind the last.
 *  Errors: GGDM_EFORMAT. */
ggdm_status ggdm_source_next(ggdm_source *source, const char **name, ggdm_error *err);

/** Is the member a folder? */
bool ggdm_source_is_folder(const ggdm_source *source);

/** For messages: the path, and the member.  Borrowed until the next one. */
const char *ggdm_source_where(const ggdm_source *source);
/** More bytes than these cannot come, whatever a header says: deflate packs 1032 into one. */
uint64_t ggdm_source_most(const ggdm_source *source);

/** Exactly the next size bytes.  Errors: GGDM_EFORMAT: damaged, or truncated; GGDM_EIO. */
ggdm_status ggdm_source_read(ggdm_source *source, void *out, size_t size, ggdm_error *err);
/** All that is to come, at most max bytes, in *out (owned).  Errors: also GGDM_EFORMAT: more. */
ggdm_status ggdm_source_rest(ggdm_source *source, size_t max, char **out, size_t *size,
                             ggdm_error *err);
/** There must be no more.  Errors: GGDM_EFORMAT. */
ggdm_status ggdm_source_end(ggdm_source *source, ggdm_error *err);

#endif
