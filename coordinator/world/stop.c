#include "coordinator/world/stop.h"

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

bool ggdm_stop_ignored(int number)
{
    static bool known, ignored[NSIG];
    struct sigaction now;
    for (int i = 1; !known && i < NSIG; i++)
        ignored[i] = sigaction(i, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
    known = true;
    return ignored[number];
}

static void set(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (!ggdm_stop_ignored(signals[i]))
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
