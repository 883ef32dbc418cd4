/* What a world says about itself in RUN/status.json, as the supervisor reads it. */
#ifndef GGDM_COORDINATOR_WORLD_STATUS_H
#define GGDM_COORDINATOR_WORLD_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#define GGDM_STATUS_FILE "status.json" /* below the run directory */

typedef struct ggdm_world_status {
    bool ours;           /* written by the world with this token: all that follows holds */
    char phase[16];      /* see ggdm_progress_record */
    char message[512];   /* "" where there is none */
    int exit_code;       /* -1: not known */
    int64_t images_done; /* of the run */
    int64_t units_ended; /* done, quarantined or cancelled */
    int64_t units_left;  /* all others, and cells that want units of a further round */
    int lost_rank;       /* phase "lost": the worker that went silent; -1: none by name */
    char lost_host[64];  /* phase "lost": where, "" where not known */
} ggdm_world_status;

/** Read the file at path.  One that is absent, damaged or of another world gives ours = false. */
void ggdm_world_status_read(const char *path, const char *token, ggdm_world_status *out);

#endif
