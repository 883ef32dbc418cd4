#include "coordinator/stop.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t count;

static const int signals[] = {SIGINT, SIGTERM, SIGUSR1};

/* SIGUSR1 says the same however often it comes: a supervisor says it until it is heard. */
static void on_signal(int number)
{
    if (number != SIGUSR1 || count == 0)
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

void ggdm_stop_default(void)
{
    set(SIG_DFL);
}

void ggdm_stop_ignore(void)
{
    set(SIG_IGN);
}

int ggdm_stop_count(void)
{
    return count;
}
