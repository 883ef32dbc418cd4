/* Files and directories.  Errors name the path and the system's reason. */
#ifndef GGDM_COMMON_FS_H
#define GGDM_COMMON_FS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"

/** Whole file in *out (owned: free()), NUL-terminated behind its *size bytes (size may be NULL).
 *  Errors: GGDM_EIO; GGDM_EINVAL when it is not a regular file or has more than max bytes. */
ggdm_status ggdm_read_file(const char *path, size_t max, char **out, size_t *size, ggdm_error *err);
/** The same of a text.  Errors: also GGDM_EFORMAT: there is a NUL byte in it. */
ggdm_status ggdm_read_text(const char *path, size_t max, char **out, ggdm_error *err);

/* A file that is open for reading.  Files of others are read, never mapped: one that is cut while
 * it is mapped ends the program by SIGBUS, without a word. */
typedef struct ggdm_file {
    const char *path; /* borrowed; NULL: not open */
    int fd;
    size_t size; /* bytes, when it was opened */
} ggdm_file;

/** Errors: GGDM_EIO; GGDM_EINVAL when it is not a regular file. */
ggdm_status ggdm_file_open(const char *path, ggdm_file *out, ggdm_error *err);
/** Exactly size bytes from byte at on.  Errors: GGDM_EIO, also when they are not there any more. */
ggdm_status ggdm_file_read(const ggdm_file *file, size_t at, void *out, size_t size,
                           ggdm_error *err);
/** Safe on a zeroed file and twice. */
void ggdm_file_close(ggdm_file *file);

/* The content of a file: memory of our own. */
typedef struct ggdm_bytes {
    void *data;  /* page aligned; not NULL, for an empty file too */
    size_t size; /* bytes */
} ggdm_bytes;

/** Room for the content: zeros that take no memory until they are written to.
 *  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_bytes_reserve(const ggdm_file *file, ggdm_bytes *out, ggdm_error *err);
/** Read into that room from byte at on.  Errors: those of ggdm_file_read; GGDM_ENOMEM. */
ggdm_status ggdm_bytes_read(const ggdm_file *file, size_t at, ggdm_bytes *bytes, ggdm_error *err);
/** Safe on zeroed bytes and twice. */
void ggdm_bytes_deinit(ggdm_bytes *bytes);

/** Create a directory and its parents; one that exists already is fine.  Errors: GGDM_EIO. */
ggdm_status ggdm_make_dirs(const char *path, ggdm_error *err);

/** The first directory that ggdm_make_dirs would have to make, in *out (owned): path, or a parent
 *  of it; NULL where it is there.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_missing_dir(const char *path, char **out, ggdm_error *err);
/** Remove path and its parents up to first, what ggdm_missing_dir gave, as far as they are empty.
 */
void ggdm_remove_empty_dirs(const char *path, const char *first);

/** Remove a directory with all it holds, as far as that is possible. */
void ggdm_remove_tree(const char *dir);

/** Make names made, renamed or removed in dir survive a power cut.  File systems that cannot sync a
 *  directory say EINVAL: that is their best, and no error.  Errors: GGDM_EIO. */
ggdm_status ggdm_sync_dir(const char *dir, ggdm_error *err);
/** The same for the directory that path is in. */
ggdm_status ggdm_sync_dir_of(const char *path, ggdm_error *err);

/** Does a path, or a name, end so? */
bool ggdm_ends_with(const char *path, const char *end);
bool ggdm_exists(const char *path);
bool ggdm_is_dir(const char *path);

/** "dir/name" in *out (owned), or name alone where it is absolute or dir is empty.
 *  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_path_join(const char *dir, const char *name, char **out, ggdm_error *err);

/** The directory that path is in, in *out (owned): "." for a bare name.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_folder_of(const char *path, char **out, ggdm_error *err);

#endif
