/* A picture of text that is shown again and again: in place on a terminal, as blocks one below the
 * other anywhere else.
 *
 * On a terminal it has a screen of its own, is overwritten, never erased (so that nothing
 * flickers), and when it is closed the terminal is as it was, with the last picture below.  Ctrl-Z
 * gives the terminal back for as long. */
#ifndef GGDM_COORDINATOR_TERMINAL_H
#define GGDM_COORDINATOR_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>
#include <termios.h>

#include "common/status.h"

/* What can be drawn on. */
typedef struct ggdm_canvas {
    int rows, columns; /* at least 1 */
    bool utf8, colour;
} ggdm_canvas;

typedef struct ggdm_terminal {
    bool live; /* a terminal whose cursor moves */
    ggdm_canvas canvas;
    bool taken;           /* it shows our screen */
    bool quiet;           /* keys are not echoed ... */
    struct termios usual; /* ... as they were before */
    char *last;           /* the picture, owned; NULL: none yet */
} ggdm_terminal;

/** Standard output and the keys of standard input.  What is no terminal, or one that can do nothing
 *  (TERM=dumb), gets plain ASCII; letters of another locale than UTF-8 are ASCII; NO_COLOR, where
 *  it is not empty, means no colour (no-color.org).  SIGINT, SIGTERM and SIGUSR1 are caught
 *  (coordinator/world/stop.h). */
void ggdm_terminal_open(ggdm_terminal *t);
/** The size that it has now. */
void ggdm_terminal_measure(ggdm_terminal *t);
/** Take the terminal, and show lines of UTF-8, which are cut to the canvas; colours (SGR sequences,
 *  "\033[31m") take no room, all other controls are shown as '?'.
 *  Errors: GGDM_ENOMEM, GGDM_EIO, GGDM_EFULL. */
ggdm_status ggdm_terminal_show(ggdm_terminal *t, const char *text, ggdm_error *err);
/** Until the next picture is due, earlier where the size has changed.  false: whoever looks wants
 * to leave, by the key q or a signal. */
bool ggdm_terminal_wait(ggdm_terminal *t, double seconds);
/** Safe on a zeroed struct and twice. */
void ggdm_terminal_close(ggdm_terminal *t);

#endif
