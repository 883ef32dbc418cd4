/* Who owns a file that only one process in the cluster may use: a record beside it, FILE.owner (of
 * a directory: in it, DIR/ggdm.owner), with host, boot, process, Slurm job, epoch, and a sign of
 * life that its owner renews.
 *
 * File locks alone do not do: on some network file systems they do not work between hosts.  A
 * record is dead
 *   - at once, when its process is gone, or its host was booted since (seen on the same host);
 *   - when it gives no sign for GGDM_OWNER_SILENCE seconds (seen from another host: the challenger
 *     watches it for so long by its own clock, so nobody's wall clock counts);
 *   - when it is about another file: the database was copied or replaced.
 * An owner that was away so long finds another's record instead of its own and must stop. */
#ifndef GGDM_COMMON_OWNER_H
#define GGDM_COMMON_OWNER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/process.h"
#include "common/status.h"

#define GGDM_OWNER_SUFFIX ".owner"
#define GGDM_OWNER_BEAT 2.0     /* seconds between two signs of life */
#define GGDM_OWNER_SILENCE 60.0 /* seconds without one until another host may take over */
/* The same where Slurm says that the owner is gone: its job has ended, or was started again. */
#define GGDM_OWNER_SILENCE_JOB 10.0

typedef struct ggdm_owner ggdm_owner;

typedef struct ggdm_owner_options {
    double patience; /* seconds to wait for an owner that lives to go away */
    double silence;  /* instead of GGDM_OWNER_SILENCE; 0: that */
    const char
        *over;      /* Slurm jobs that have ended, " 12 15 ": 10 s of silence are enough; or NULL */
    bool take_over; /* do not wait for an owner on another host: the user knows it is dead */
} ggdm_owner_options;

/** Become the owner of file, which may not exist yet.  *out is owned: ggdm_owner_release.
 *  Errors: GGDM_ESTATE naming the owner; GGDM_EIO when the record cannot be written. */
ggdm_status ggdm_owner_take(const char *file, const ggdm_owner_options *options, ggdm_owner **out,
                            ggdm_error *err);

/** Does the owner of file live?  Looks only.  GGDM_DEAD: or there is none. */
ggdm_life ggdm_owner_look(const char *file);

/** Give a sign of life where one is due, after making sure that the record is still ours; call it
 *  before whatever must not happen when it is not.  Cheap while none is due.  Harmless on NULL.
 *  Errors: GGDM_ESTATE when another process has taken over. */
ggdm_status ggdm_owner_beat(ggdm_owner *owner, ggdm_error *err);

/** The owner's fencing epoch is known; the file exists.  Errors: those of ggdm_owner_beat. */
ggdm_status ggdm_owner_set_epoch(ggdm_owner *owner, int64_t epoch, ggdm_error *err);

/** Has another process taken over, as far as a beat has seen? */
bool ggdm_owner_is_lost(const ggdm_owner *owner);

/** Remove the record, if it is ours.  Safe on NULL and twice. */
void ggdm_owner_release(ggdm_owner **owner);

#endif
