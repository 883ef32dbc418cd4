/* The wish to stop: SIGINT, SIGTERM and SIGUSR1 only set a flag. */
#ifndef GGDM_COORDINATOR_STOP_H
#define GGDM_COORDINATOR_STOP_H

/** Catch the signals, and count them, from now on. */
void ggdm_stop_install(void);
/** Let the signals pass by: a worker's rank, which stops when the coordinator says so. */
void ggdm_stop_ignore(void);
/** How many such signals came. */
int ggdm_stop_count(void);

#endif
