/* What of the machine this process may use. */
#ifndef GGDM_COMMON_LIMITS_H
#define GGDM_COMMON_LIMITS_H

#include <stdint.h>

/* Of the control groups (version 1 and 2) in which a process is: those of a container, of a Slurm
 * step, of systemd. */
typedef struct ggdm_group_limits {
    double cores;    /* by the CPU quota; HUGE_VAL: as many as there are */
    uint64_t memory; /* bytes; UINT64_MAX: no limit */
} ggdm_group_limits;

/** Of this process, the tightest of its groups and those above them.  root: in front of /proc and
 * of the mount points, "" but for tests.  What cannot be read limits nothing. */
void ggdm_group_limits_read(const char *root, ggdm_group_limits *out);

/** Cores: by affinity and CPU quota (rounded up: a part of a core is better than none), at least
 *  1. */
int ggdm_usable_cores(void);

/** Bytes of memory that all processes here may use together: of the machine, of the control
 *  groups. */
uint64_t ggdm_usable_memory(void);

/** Bytes of address space that one process may have (RLIMIT_AS); UINT64_MAX: no limit. */
uint64_t ggdm_address_space(void);

/** Let this process have as many open files as it may (the soft limit is often 1024).  Returns how
 *  many; INT64_MAX: no limit. */
int64_t ggdm_raise_open_files(void);

#endif
