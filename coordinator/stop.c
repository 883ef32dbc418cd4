#include "coordinator/stop.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t count;

static const int signals[] = {SIGINT, SIGTERM, SIGUSR1};

static void on_signal(int number)
{
    (void)number;
    count++;
}

static void set(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
}

void ggdm_stop_install(void)
{
    count = 0;
    set(on_signal);
}

void ggdm_stop_ignore(void)
{
    set(SIG_IGN);
}

int ggdm_stop_count(void)
{
    return count;
}
