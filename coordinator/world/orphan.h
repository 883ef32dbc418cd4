/* Ranks end with the process that started them. */
#ifndef GGDM_COORDINATOR_ORPHAN_H
#define GGDM_COORDINATOR_ORPHAN_H

/** From now on this process kills itself as soon as its parent (mpirun, or the daemon of its host)
 *  is gone, so that nothing of a dead world holds the run.  A thread waits for that. */
void ggdm_end_with_parent(void);

#endif
