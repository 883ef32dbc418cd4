/* What people see of a run that goes on: on a terminal one line that is rewritten, otherwise plain
 * lines now and then; and how its numbers are written. */
#ifndef GGDM_COORDINATOR_PROGRESS_LINE_H
#define GGDM_COORDINATOR_PROGRESS_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "jobs/store.h"

/* What the dispatch loop knows. */
typedef struct ggdm_progress_state {
    double cost_done;    /* of finished units and the done part of others */
    double cost_resumed; /* the part of it that checkpoints of earlier sessions brought */
    int workers, busy, lost;
    bool stopping; /* the wish to stop was heard: recorded at once */
} ggdm_progress_state;

typedef struct ggdm_progress_view {
    double fraction; /* of the work, 0 to 1 */
    double rate;     /* images per second */
    double eta;      /* seconds; negative: not known */
} ggdm_progress_view;

typedef struct ggdm_progress_line {
    bool live;   /* one line that is rewritten, otherwise plain lines */
    int columns; /* of the terminal */
    bool dirty;  /* the live line is on the screen */
    bool shown;  /* a plain one */
    double last, plain_seconds;
} ggdm_progress_line;

/** now: ggdm_now(), when the run begins. */
void ggdm_progress_line_init(ggdm_progress_line *line, double now);

/** Show it where it is time for that. */
void ggdm_progress_line_show(ggdm_progress_line *line, const ggdm_progress_view *view,
                             const ggdm_store_counts *counts, const ggdm_progress_state *state,
                             double now);

/** End the live line, so that other text can follow. */
void ggdm_progress_line_end(ggdm_progress_line *line);

/** "5 of 72 images", or, where cells share some, "5 of 72 distinct images (120 asked for)". */
const char *ggdm_images_text(int64_t done, int64_t total, int64_t asked, char text[96]);

/** Seconds as "1:02:03" or "2:03" in text; "-:--" when unknown (negative or not finite). */
const char *ggdm_duration_text(double seconds, char text[16]);

#endif
