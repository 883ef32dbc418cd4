#include "coordinator/world/orphan.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOOK_SECONDS 1 /* between two looks where the kernel has no pidfd */

/* (PR_SET_PDEATHSIG would fire when the thread of the daemon ends that started this process.) */
static void *watch_parent(void *context)
{
    pid_t parent = (pid_t)(intptr_t)context;
    struct pollfd fd = {.fd = (int)syscall(SYS_pidfd_open, parent, 0), .events = POLLIN};
    while (getppid() == parent)
        if (fd.fd < 0)
            sleep(LOOK_SECONDS);
        else
            poll(&fd, 1, -1);
    kill(getpid(), SIGKILL);
    return NULL;
}

void ggdm_end_with_parent(void)
{
    pthread_t thread;
    sigset_t all, old;
    sigfillset(&all); /* signals are for the main thread */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&thread, NULL, watch_parent, (void *)(intptr_t)getppid()) == 0)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}
