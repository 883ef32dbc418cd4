/* What the file system of a directory can do, by trying it. */
#ifndef GGDM_COORDINATOR_DISK_CHECK_H
#define GGDM_COORDINATOR_DISK_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"

#define GGDM_DISK_SYNCS 9 /* writes whose median is the latency */

typedef struct ggdm_disk {
    const char *type; /* "ext4", "nfs", ...; "0x..." is not known */
    bool network;
    bool locks;          /* fcntl record locks */
    bool maps;           /* a shared, writable mapping */
    double sync_seconds; /* a write of 4 KiB and its fsync */
    uint64_t free_bytes;
} ggdm_disk;

/** Look at the file system of dir with a temporary file in it, which is gone afterwards.
 *  Errors: GGDM_EIO where dir cannot be written. */
ggdm_status ggdm_disk_look(const char *dir, ggdm_disk *out, ggdm_error *err);

#endif
