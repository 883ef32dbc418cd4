/* What a world says, on its way to the user.
 *
 * Standard output goes on as it is.  On standard error lines of ggdm's own ("ggdm: ...", "ggdm[3]
 * ...", the live line of progress) go on to the terminal; what others say there (mpirun's banners,
 * ssh, libraries) is kept in a log file, and shown only with GGDM_LOG=debug or where there is no
 * log. */
#ifndef GGDM_COORDINATOR_RELAY_H
#define GGDM_COORDINATOR_RELAY_H

#include <stdbool.h>
#include <stddef.h>

#include "coordinator/world/obituary.h"

#define GGDM_RELAY_LOG "log/mpi.log" /* in the run directory */

/* Whose is the line that is being read? */
typedef enum ggdm_speaker {
    GGDM_SPEAKER_UNKNOWN, /* not told yet: what there is of it is in head */
    GGDM_SPEAKER_RANK,    /* a line of ggdm's own */
    GGDM_SPEAKER_LIVE,    /* its line that is written again and again */
    GGDM_SPEAKER_OTHER
} ggdm_speaker;

typedef struct ggdm_relay {
    int output, errors; /* pipes, -1 when they have ended */
    const char *log;    /* path, borrowed; NULL: none */
    int log_fd;         /* -1: nothing was kept yet */
    bool kept;          /* something is in the log */
    bool line_open;     /* the terminal's last line does not end */
    ggdm_speaker speaker;
    char head[8];
    size_t n_head;
    ggdm_obituary *obituary; /* hears it all */
} ggdm_relay;

/** Takes the ends of the pipes, and makes them non-blocking.  log may be NULL. */
void ggdm_relay_init(ggdm_relay *r, int output, int errors, const char *log, ggdm_obituary *o);
/** Pass on what there is by now. */
void ggdm_relay_pass(ggdm_relay *r);
/** The world is gone: pass on the rest, end the terminal's line, close. */
void ggdm_relay_close(ggdm_relay *r);

/** What comes next on standard error. */
void ggdm_relay_feed(ggdm_relay *r, const char *bytes, size_t n);

#endif
