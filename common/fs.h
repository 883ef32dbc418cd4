/* Files and directories.  Errors name the path and the system's reason. */
#ifndef GGDM_COMMON_FS_H
#define GGDM_COMMON_FS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"

/** Whole file in *out (owned: free()), NUL-terminated behind its *size bytes (size may be NULL).
 *  Errors: GGDM_EIO; GGDM_EINVAL when it is not a regular file or has more than max bytes. */
ggdm_status ggdm_read_file(const char *path, size_t max, char **out, size_t *size, ggdm_error *err);

/* A file mapped read-only and shared; an empty file has data != NULL and size 0. */
typedef struct ggdm_mapping {
    const void *data; /* page aligned */
    size_t size;      /* bytes */
} ggdm_mapping;

/** Errors: GGDM_EIO; GGDM_EINVAL when it is not a regular file. */
ggdm_status ggdm_map_file(const char *path, ggdm_mapping *out, ggdm_error *err);
/** Safe on a zeroed mapping and twice. */
void ggdm_unmap_file(ggdm_mapping *mapping);

/** Create a directory and its parents; one that exists already is fine.  Errors: GGDM_EIO. */
ggdm_status ggdm_make_dirs(const char *path, ggdm_error *err);

/** The first directory that ggdm_make_dirs would have to make, in *out (owned): path, or a parent
 *  of it; NULL where it is there.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_missing_dir(const char *path, char **out, ggdm_error *err);
/** Remove path and its parents up to first, what ggdm_missing_dir gave, as far as they are empty.
 */
void ggdm_remove_empty_dirs(const char *path, const char *first);

/** A new directory for us alone below $TMPDIR or /tmp in *out (owned), named as common/temp.h says.
 *  Errors: GGDM_EIO. */
ggdm_status ggdm_make_temp_dir(const char *name, char **out, ggdm_error *err);

/** Remove a directory with all it holds, as far as that is possible. */
void ggdm_remove_tree(const char *dir);

/** Replace the content of path so that a reader, or a crash at any moment, sees the old file or the
 *  new one (common/temp.h).
 *  Errors: GGDM_EIO (the old file is then untouched and no temporary file is left). */
ggdm_status ggdm_replace_file(const char *path, const void *data, size_t size, ggdm_error *err);

/** The same for DIR/NAME. */
ggdm_status ggdm_replace_file_in(const char *dir, const char *name, const void *data, size_t size,
                                 ggdm_error *err);

/** Make names made, renamed or removed in dir survive a power cut.  File systems that cannot sync a
 *  directory say EINVAL: that is their best, and no error.  Errors: GGDM_EIO. */
ggdm_status ggdm_sync_dir(const char *dir, ggdm_error *err);
/** The same for the directory that path is in. */
ggdm_status ggdm_sync_dir_of(const char *path, ggdm_error *err);

bool ggdm_exists(const char *path);
bool ggdm_is_dir(const char *path);

/** "dir/name" in *out (owned), or name alone where it is absolute or dir is empty.
 *  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_path_join(const char *dir, const char *name, char **out, ggdm_error *err);

#endif
