/* Temporaries: what is on its way to a path, in the directory of that path.
 *
 * Their names say whose they are, PATH.tmp-HOST-PID-STARTED-N, so that those of processes that were
 * killed are told from those in use: whoever makes one removes the dead ones of its directory.
 * They are made exclusively: a link that somebody put under such a name is never written
 * through. */
#ifndef GGDM_COMMON_TEMP_H
#define GGDM_COMMON_TEMP_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"

typedef struct ggdm_temp {
    char *path; /* what it becomes; owned */
    char *name; /* what it is called until then; owned */
    int fd; /* open for reading and writing; a caller that lets others write closes it and sets -1
             */
} ggdm_temp;

/** Make an empty file for path, with the mode that the umask leaves.  Owned: commit or abort it.
 *  Errors: GGDM_EIO naming path. */
ggdm_status ggdm_temp_open(const char *path, ggdm_temp *out, ggdm_error *err);

/** Fsync, rename to its path, fsync the directory: a reader, or a crash at any moment, sees the old
 *  file or the new one.  *t is closed and zeroed in any case.
 *  Errors: GGDM_EIO (the old file is then untouched and no temporary is left). */
ggdm_status ggdm_temp_commit(ggdm_temp *t, ggdm_error *err);

/** Throw it away.  Safe on a zeroed temporary and twice; errno survives. */
void ggdm_temp_abort(ggdm_temp *t);

/** Replace the content of path so that a reader, or a crash at any moment, sees the old file or the
 *  new one.
 *  Errors: GGDM_EIO (the old file is then untouched and no temporary file is left). */
ggdm_status ggdm_replace_file(const char *path, const void *data, size_t size, ggdm_error *err);

/** The same for DIR/NAME. */
ggdm_status ggdm_replace_file_in(const char *dir, const char *name, const void *data, size_t size,
                                 ggdm_error *err);

/** A new directory for us alone below $TMPDIR or /tmp in *out (owned).
 *  Errors: GGDM_EIO. */
ggdm_status ggdm_make_temp_dir(const char *name, char **out, ggdm_error *err);

/** A name for a temporary of path (*out is owned) that no other process uses.  Those of dead
 *  processes in its directory, files and folders, are removed. */
ggdm_status ggdm_temp_name(const char *path, char **out, ggdm_error *err);

/** Is this a name that ggdm_temp_name makes, of any process? */
bool ggdm_is_temp_name(const char *name);

#endif
