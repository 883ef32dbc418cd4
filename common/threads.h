/* How many threads of OpenMP a thread of ours computes with.  What oneDNN makes or runs follows it
 * as well, so a number that holds for a while is put back:
 *
 *     const int before = ggdm_use_threads(1);
 *     ...
 *     ggdm_use_threads(before);
 */
#ifndef GGDM_COMMON_THREADS_H
#define GGDM_COMMON_THREADS_H

/** From now on, in the calling thread, n; below 1: as many as before.  Returns how many it was. */
int ggdm_use_threads(int n);

/** How many threads compute something that has memory for so many: those that OpenMP has now, or
 *  fewer. */
int ggdm_threads_for(int seats);

#endif
