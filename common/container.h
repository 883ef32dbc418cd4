/* Deterministic archives: tar (ustar) and zip (entries stored, zip64 where needed).  The bytes are
 * a function of the entries' names, order and content: no times, no owners, fixed modes.
 *
 * The archive is written to a temporary file in the directory of its path and takes that name only
 * in ggdm_container_commit, after fsync: a reader, or a crash, never sees half an archive. */
#ifndef GGDM_COMMON_CONTAINER_H
#define GGDM_COMMON_CONTAINER_H

#include <stddef.h>
#include <stdint.h>

#include "common/npy.h"
#include "common/status.h"

typedef enum ggdm_container_kind { GGDM_TAR, GGDM_ZIP } ggdm_container_kind;

typedef struct ggdm_container ggdm_container;

/** Start an archive that will be at path.  Owned: commit or abort it.  Errors: GGDM_EIO. */
ggdm_status ggdm_container_create(ggdm_container_kind kind, const char *path, ggdm_container **out,
                                  ggdm_error *err);

/** Start an entry of exactly size bytes; the entry before it must be complete.
 *  Errors: GGDM_EINTERNAL (it is not, or the name is empty or absolute), GGDM_EIO. */
ggdm_status ggdm_container_begin(ggdm_container *c, const char *name, uint64_t size,
                                 ggdm_error *err);
/** Next bytes of the entry.  Errors: GGDM_EINTERNAL (more than announced), GGDM_EIO. */
ggdm_status ggdm_container_write(ggdm_container *c, const void *data, size_t size, ggdm_error *err);
/** A whole entry. */
ggdm_status ggdm_container_add(ggdm_container *c, const char *name, const void *data, size_t size,
                               ggdm_error *err);
/** Start an entry (name ends with .npy) that is an array of this type and shape[n_dims]: its
 *  elements are to be written next.  Errors: those of ggdm_npy_header and ggdm_container_begin. */
ggdm_status ggdm_container_begin_array(ggdm_container *c, const char *name, ggdm_npy_type type,
                                       const int64_t *shape, int n_dims, ggdm_error *err);

/** Finish, fsync, rename to its path, fsync the directory; *c is destroyed and NULL in any case.
 *  Errors: GGDM_EIO (nothing is left then), GGDM_EINTERNAL (the last entry is not complete). */
ggdm_status ggdm_container_commit(ggdm_container **c, ggdm_error *err);
/** Throw the archive away.  Safe on NULL. */
void ggdm_container_abort(ggdm_container **c);

#endif
