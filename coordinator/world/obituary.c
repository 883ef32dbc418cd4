#include "coordinator/world/obituary.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

void ggdm_obituary_init(ggdm_obituary *o)
{
    *o = (ggdm_obituary){.rank = -1, .exit_code = -1};
}

/* "Segmentation fault (core dumped)": its number; what is not known counts as SIGKILL. */
static int number_of_signal(const char *text)
{
    for (int i = 1; i < 32; i++)
        if (strncmp(text, strsignal(i), strlen(strsignal(i))) == 0)
            return i;
    return SIGKILL;
}

static bool known(const ggdm_obituary *o)
{
    return o->rank >= 0;
}

/* mpirun noticed that process rank 1 with PID 0 on node vm exited on signal 9 (Killed). */
static void read_signal(ggdm_obituary *o, const char *line)
{
    int rank, number;
    char host[64];
    if (!known(o) && sscanf(line,
                            "mpirun noticed that process rank %d with PID %*d on node %63s exited "
                            "on signal %d",
                            &rank, host, &number) == 3) {
        o->rank = rank;
        o->signal = number;
        snprintf(o->host, sizeof o->host, "%s", host);
    }
}

/* "  Process name: [[20094,1],0]", and on the next line "  Exit code:    75" */
static void read_exit(ggdm_obituary *o, const char *line)
{
    int rank, code;
    if (!known(o) && sscanf(line, " Process name: [[%*d,%*d],%d]", &rank) == 1)
        o->rank = rank;
    else if (known(o) && !o->signal && !o->aborted && o->exit_code < 0 &&
             sscanf(line, " Exit code: %d", &code) == 1)
        o->exit_code = code;
}

/* "MPI_ABORT was invoked on rank 1 in communicator MPI_COMM_WORLD", "with errorcode 75." */
static void read_abort(ggdm_obituary *o, const char *line)
{
    int rank, code;
    if (!known(o) && sscanf(line, "MPI_ABORT was invoked on rank %d", &rank) == 1) {
        o->rank = rank;
        o->aborted = true;
    } else if (o->aborted && o->exit_code < 0 && sscanf(line, "with errorcode %d", &code) == 1)
        o->exit_code = code;
}

/* "ORTE has lost communication with a remote daemon.", then the two daemons with their nodes */
static void read_host(ggdm_obituary *o, const char *line)
{
    char host[64];
    if (strncmp(line, "ORTE has lost communication with a remote daemon", 48) == 0)
        o->host_lost = true;
    else if (o->host_lost && !known(o) && !o->host[0] &&
             sscanf(line, " Remote daemon: [[%*d,%*d],%*d] on node %63s", host) == 1)
        snprintf(o->host, sizeof o->host, "%s", host);
}

/* srun: "srun: error: node2: task 3: Killed", "...: Exited with exit code 75".  Several tasks at
 * once
 * ("tasks 0-2") are what follows, or a host. */
static void read_task(ggdm_obituary *o, const char *line)
{
    int rank, used = 0;
    char host[64];
    if (known(o) || sscanf(line, "srun: error: %63[^:]: task %d: %n", host, &rank, &used) != 2 ||
        !used)
        return;
    o->rank = rank;
    snprintf(o->host, sizeof o->host, "%s", host);
    if (sscanf(line + used, "Exited with exit code %d", &o->exit_code) != 1)
        o->signal = number_of_signal(line + used);
}

static void take_line(ggdm_obituary *o)
{
    o->line[o->n] = '\0';
    o->n = 0;
    read_signal(o, o->line);
    read_exit(o, o->line);
    read_abort(o, o->line);
    read_host(o, o->line);
    read_task(o, o->line);
}

void ggdm_obituary_feed(ggdm_obituary *o, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n')
            take_line(o);
        else if (bytes[i] == '\r')
            o->n = 0; /* a live line that is written again */
        else if (o->n + 1 < sizeof o->line)
            o->line[o->n++] = bytes[i];
    }
}
