/* The wish to stop: SIGINT, SIGTERM and SIGUSR1 only set a flag. */
#ifndef GGDM_COORDINATOR_STOP_H
#define GGDM_COORDINATOR_STOP_H

#include <stdbool.h>

/** Was this signal ignored when the program was started (nohup; a background job of a script)? Then
 *  it stays so: none of the following touches it. */
bool ggdm_stop_ignored(int number);

/** Catch the signals, and count them, from now on (SIGUSR1 once at most).  Once in the life of a
 * run: what was counted before is forgotten. */
void ggdm_stop_install(void);
/** Let the signals end the process from now on: there is nothing to save. */
void ggdm_stop_default(void);
/** Let the signals pass by: a worker's rank, which stops when the coordinator says so. */
void ggdm_stop_ignore(void);
/** How many such signals came. */
int ggdm_stop_count(void);

#endif
