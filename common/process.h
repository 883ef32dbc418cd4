/* Which process something belongs to, and whether that still lives, as far as can be told from
 * here: process ids are told from later ones of the same number by the time of their start. */
#ifndef GGDM_COMMON_PROCESS_H
#define GGDM_COMMON_PROCESS_H

#include <stdint.h>

#define GGDM_PROCESS_TEXT 80

typedef struct ggdm_process {
    char host[GGDM_PROCESS_TEXT], boot[GGDM_PROCESS_TEXT];
    char space[GGDM_PROCESS_TEXT]; /* PID namespace: where process ids mean the same */
    int64_t pid, started;          /* started: clock ticks from boot, plus 1 */
} ggdm_process;

typedef enum ggdm_life { GGDM_DEAD, GGDM_ALIVE, GGDM_LIFE_UNKNOWN } ggdm_life;

/** This process.  Texts that the system does not tell are "-". */
void ggdm_process_self(ggdm_process *out);

/** Is p alive, as seen by self?  Unknown on another host or in another PID namespace. */
ggdm_life ggdm_process_life(const ggdm_process *p, const ggdm_process *self);

/** Clock ticks from boot to the start of a process of this PID namespace, plus 1; 0: there is none.
 */
int64_t ggdm_process_started(int64_t pid);

#endif
